"""Personal texts on a real Kafka: sealed by the edge, opened and sealed by the lanes, gone with their key."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from streams.app import lane_settings
from streams.commands.dlq import dlq
from streams.commands.doctor import look_at_sealing
from streams.commands.explain import explain
from streams.commands.feed import Tally
from streams.commands.feed import send as send_fed
from streams.commands.privacy import keys_command
from streams.core.effects import RecordDecision, UpdateCase
from streams.core.events import Event
from streams.demo.worker import WorkerProcess
from streams.feed.plan import Fed
from streams.kafka import admin
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.lane.deadletters import DeadLetter, original
from streams.lane.job import load_job
from streams.lane.worker import Worker
from streams.privacy.fields import untouched
from streams.privacy.keys import WrongSecret
from streams.privacy.opening import Opening
from streams.privacy.seal import secrets_from
from streams.privacy.sealer import Sealer, sealer_for
from streams.settings import Settings, load_settings
from streams.topics import (
    CASE_EVENTS,
    CASES_OPEN,
    DEAD_LETTERS,
    DECISIONS,
    INPUTS,
    KEYS,
    PROFILES,
    REPLIES,
    REVIEWS,
    STATE,
)
from streams.whatif.folder import FolderHistory, export
from streams.whatif.history import BrokerHistory, NoHistory
from streams.whatif.run import PIPELINE, pipeline_job, replay_unchanged
from tests.factories import a_profile, a_reply, a_review, a_score, an_erasure
from tests.fuzz.run import prepare
from tests.kafka.lanes import until
from tests.lanes import partition_of
from tests.strategies import TOPIC_OF

LANES = 2
SECRET, OTHER = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
PERSON, PLACE, WORD = "Zwetlana", "Quuxburg Mining", "Vrolijkste"  # found nowhere else
WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker whose files can be read."""
    with EmbeddedBroker(data_dir=tmp_path_factory.mktemp("kafka")) as broker:
        settings = load_settings(brokers=broker.bootstrap, lanes=LANES)
        admin.apply(settings)
        prepare(settings)
        yield broker


@pytest.fixture
def settings(kafka: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Each test has leads of its own, and all share the lanes."""
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", SECRET)
    monkeypatch.setenv("LEADLANE_LANES", str(LANES))
    return load_settings(brokers=kafka.bootstrap, app_id="sealing")


@contextlib.asynccontextmanager
async def a_worker(settings: Settings) -> AsyncIterator[Worker]:
    lanes = lane_settings(settings)
    worker = Worker(lanes, load_job("streams.lane.pipeline:job", lanes))
    running = asyncio.create_task(worker.run())
    try:
        await until(lambda: worker.is_ready() or running.done(), WAIT_SECONDS)
        if running.done():
            running.result()
        yield worker
    finally:
        worker.stop()
        await running


def now(**fields: object) -> dict[str, object]:
    return {"occurred_at": time.time_ns() // 1_000_000, **fields}


def a_person(lead_id: str, n: int = 1) -> Event:
    return a_profile(n, **now(lead_id=lead_id, email=f"{PERSON}@example.org", company=PLACE, title=f"{WORD} chief"))


def an_answer(lead_id: str, n: int = 1) -> Event:
    """A reply that a person must see: it is quoted in a case."""
    text = f"{PERSON} here. Remove my data, or my lawyer will write to you, {WORD}!"
    headers = {"From": f"{PERSON} <{PERSON}@example.org>", "X-Org": PLACE}
    return a_reply(n, **now(lead_id=lead_id, subject=f"Re: {PLACE}", text=text, headers=headers))


def send(settings: Settings, events: Sequence[Event]) -> None:
    """As they are."""
    sender, wire = Sender(settings), wire_for(settings)
    for event in events:
        topic = TOPIC_OF[type(event).__name__]
        sender.send(topic, event.lead_id.encode(), wire.encode(event), event_headers(event))
    sender.flush()


def a_sealer(settings: Settings) -> Sealer:
    sealer = sealer_for(settings, "test")
    assert sealer is not None
    return sealer


def values(settings: Settings, topic: str, lead_id: str) -> list[bytes]:
    """What stands on a topic about one lead."""
    return [value for key, value in part(settings, topic, lead_id) if key == lead_id.encode() and value is not None]


def part(settings: Settings, topic: str, lead_id: str) -> list[tuple[bytes, bytes | None]]:
    """Everything in the lead's partition of a topic."""
    with Reader(settings) as reader:
        records = reader.read(topic, {partition_of(lead_id.encode(), LANES): 0})
        return [(message.key(), message.value()) for message in records]  # type: ignore[misc]


def key_names(settings: Settings, lead_id: str) -> list[str]:
    """The names of a lead's keys in the order of the topic, without those that were destroyed."""
    last = dict(part(settings, KEYS.name, lead_id))
    mine = [name for name, value in last.items() if value is not None and name.startswith(lead_id.encode() + b"#")]
    return [name.decode().rpartition("#")[2] for name in mine]


def shown_letter(settings: Settings, lead_id: str) -> dict[str, Any]:
    listed = CliRunner().invoke(dlq, ["list", "--json", "--brokers", settings.brokers], catch_exceptions=False)
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    place = next(each["place"] for each in found if each["lead_id"] == lead_id)
    done = CliRunner().invoke(dlq, ["show", place, "--brokers", settings.brokers], catch_exceptions=False)
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def explained(settings: Settings, decision_id: str) -> str:
    done = CliRunner().invoke(explain, [decision_id, "--json", "--brokers", settings.brokers], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def minters(settings: Settings, prefix: str) -> dict[str, str]:
    """Who minted the keys of leads: a letter for each key."""
    found: dict[str, str] = {}
    with Reader(settings) as reader:
        for name in {message.key() or b"" for message in reader.read(KEYS.name)}:
            lead, _, key_id = name.decode().rpartition("#")
            if lead.startswith(prefix):
                found[lead] = found.get(lead, "") + key_id[0]
    return found


def quotes(settings: Settings, lead_id: str) -> list[str]:
    """The evidence of a lead's latest case, opened."""
    wire = wire_for(settings)
    with Opening(settings) as opening:
        case = wire.decode_any(CASE_EVENTS.name, values(settings, CASE_EVENTS.name, lead_id)[-1], opening)
    assert isinstance(case, UpdateCase)
    return [item.what for item in case.evidence]


def letters(settings: Settings, *lead_ids: str) -> list[DeadLetter]:
    """The dead letters of leads."""
    wire, wanted = wire_for(settings), {lead_id.encode() for lead_id in lead_ids}
    with Reader(settings) as reader:
        values = [message.value() for message in reader.read(DEAD_LETTERS.name) if message.key() in wanted]
    found = [wire.decode_any(DEAD_LETTERS.name, value) for value in values if isinstance(value, bytes)]
    return [letter for letter in found if isinstance(letter, DeadLetter)]


async def all_taken(settings: Settings, worker: Worker) -> None:
    """Until every input that is there now is committed."""
    with Reader(settings) as reader:
        ends = {(topic.name, lane): reader.bounds(topic.name, lane)[1] for topic in INPUTS for lane in range(LANES)}

    def are() -> bool:
        return all(worker.lanes[lane].position.next.get(topic, 0) >= end for (topic, lane), end in ends.items())

    await until(are, WAIT_SECONDS)


def test_no_sealed_text_stands_on_any_disk_but_in_the_leads_state_whatever_kills_the_worker(
    settings: Settings, kafka: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge, secret = a_sealer(settings), {"LEADLANE_SEAL_SECRET": SECRET}
    leads, others = ([f"{name}-{number}" for number in range(40)] for name in ("sealed", "plain"))

    def come(part: slice, n: int) -> None:
        """Everything about some leads by way of the edge, and others' answers as a tool that seals nothing sends."""
        events = [event for lead in leads[part] for event in (a_person(lead, n), an_answer(lead, n))]
        events += [a_review(n, **now(lead_id=lead, action="place_hold", note=f"by {PERSON}")) for lead in leads[part]]
        plain = [a_reply(n, **now(lead_id=lead, text="Stop this, or my lawyer will write!")) for lead in others[part]]
        send(settings, [*edge.seal_all(events), *plain])

    with WorkerProcess(settings.brokers, LANES, tmp_path / "killed.log", settings.app_id, **secret) as worker:
        come(slice(20), 1)
        wait_for(settings, leads[:2])  # the others' keys are being minted
        come(slice(20, 40), 1)
        worker.kill()
    with WorkerProcess(settings.brokers, LANES, tmp_path / "worker.log", settings.app_id, **secret):
        come(slice(40), 2)
        wait_for(settings, [*leads, *others])
    edge.close()
    found = {word: topics_with(kafka.data_dir, word) for word in (PERSON, PLACE, WORD)}
    assert found == {PERSON: {STATE.name}, PLACE: {STATE.name}, WORD: {STATE.name}}
    assert topics_with(kafka.data_dir, "sealed:1:") >= {
        PROFILES.name, REPLIES.name, REVIEWS.name, CASE_EVENTS.name, CASES_OPEN.name,
    }  # fmt: skip
    assert any(f"{PERSON} here." in quote for quote in quotes(settings, leads[0]))
    assert any("my lawyer" in quote for quote in quotes(settings, others[0]))
    assert minters(settings, "sealed-") == dict.fromkeys(leads, "E")  # nobody has two
    assert minters(settings, "plain-") == dict.fromkeys(others, "L")
    assert letters(settings, *leads, *others) == []
    assert replay_unchanged(BrokerHistory(settings.brokers), processes=1).differences == 0

    export(BrokerHistory(settings.brokers), pipeline_job(LANES), PIPELINE, tmp_path / "history")
    assert not [path for path in (tmp_path / "history").rglob("*") if KEYS.name in str(path)]
    monkeypatch.setenv("LEADLANE_BROKERS", settings.brokers)  # where the keys are
    assert replay_unchanged(FolderHistory(str(tmp_path / "history")), processes=1).differences == 0
    monkeypatch.setenv("LEADLANE_BROKERS", "127.0.0.1:1")
    with pytest.raises(NoHistory, match=r"expected privacy\.keys, got BrokerUnreachable"):
        replay_unchanged(FolderHistory(str(tmp_path / "history")), processes=1)


async def test_two_edges_that_mint_at_once_both_seal_and_the_lane_takes_the_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = a_sealer(settings), a_sealer(settings)
    for edge in (one, two):
        monkeypatch.setattr(edge, "_look", lambda: None)
    first, second = one.seal(a_person("raced")), two.seal(an_answer("raced"))
    keys = key_names(settings, "raced")
    assert [name[0] for name in keys] == ["E", "E"]
    async with a_worker(settings) as worker:
        send(settings, [first, second])
        await all_taken(settings, worker)
    assert any(f"{PERSON} here." in quote for quote in quotes(settings, "raced"))
    assert f"sealed:1:{keys[0]}:".encode() in values(settings, CASE_EVENTS.name, "raced")[-1]
    assert letters(settings, "raced") == []
    decision = wire_for(settings).decode_any(DECISIONS.name, values(settings, DECISIONS.name, "raced")[-1], untouched)
    assert isinstance(decision, RecordDecision)
    assert f"{PERSON} here." in explained(settings, decision.decision_id)
    monkeypatch.delenv("LEADLANE_SEAL_SECRET")
    shown = explained(settings, decision.decision_id)
    assert "(sealed)" in shown
    assert PERSON not in shown
    one.close()
    two.close()


def test_the_feed_seals_what_it_sends(settings: Settings, tmp_path: Path) -> None:
    person = a_person("fed")
    lines = [Fed(TOPIC_OF[type(each).__name__], b"fed", each) for each in (person, a_score(lead_id="fed"))]
    send_fed(iter(lines), Tally(None), settings, rate=None)
    (value,) = values(settings, PROFILES.name, "fed")
    assert PERSON.encode() not in value
    with Opening(settings) as opening:
        assert wire_for(settings).decode(PROFILES.name, value, opening) == person
    assert minters(settings, "fed") == {"fed": "E"}


async def test_what_an_erasure_shreds_reads_as_erased_and_the_edge_mints_anew(settings: Settings) -> None:
    edge = a_sealer(settings)
    late = edge.seal(an_answer("shredded", 2))
    async with a_worker(settings) as worker:
        send(settings, edge.seal_all([a_person("shredded"), an_answer("shredded")]))
        await all_taken(settings, worker)
        assert len(key_names(settings, "shredded")) == 1
        send(settings, [an_erasure(1, **now(lead_id="shredded"))])
        await all_taken(settings, worker)
        assert key_names(settings, "shredded") == []
        decisions = len(values(settings, DECISIONS.name, "shredded"))
        late = msgspec.structs.replace(late, occurred_at=time.time_ns() // 1_000_000 + 1000)
        send(settings, [late])
        await all_taken(settings, worker)
        assert len(values(settings, DECISIONS.name, "shredded")) == decisions
        assert worker.lanes[partition_of(b"shredded", LANES)].store.view.get(b"shredded") is None
        assert letters(settings, "shredded") == []
        await asyncio.sleep(0.3)  # the edge looks a few times a second
        again = edge.seal(msgspec.structs.replace(late, event_id="again", text="a new start"))
        send(settings, [edge.seal(a_person("shredded", 3)), again])
        await all_taken(settings, worker)
        assert worker.lanes[partition_of(b"shredded", LANES)].store.view.get(b"shredded") is not None
    with Opening(settings) as opening:
        shown = wire_for(settings).decode(REPLIES.name, values(settings, REPLIES.name, "shredded")[0], opening)
    assert shown.text == "(erased)"  # type: ignore[attr-defined]
    replayed = replay_unchanged(BrokerHistory(settings.brokers), processes=1)
    assert replayed.differences == 0
    assert replayed.figures["erased"] >= 3  # the profile, the reply, and the late one
    edge.close()


async def test_a_worker_without_the_secret_decides_nothing_on_sealed_texts_and_says_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = a_sealer(settings)
    send(settings, [edge.seal(a_person("unopened"))])
    edge.close()
    monkeypatch.delenv("LEADLANE_SEAL_SECRET")
    async with a_worker(settings):
        await until(lambda: letters(settings, "unopened") != [], WAIT_SECONDS)
    (letter,) = letters(settings, "unopened")
    assert "email is sealed, expected plain text, as LEADLANE_SEAL_SECRET is not set here" in letter.error_text
    assert shown_letter(settings, "unopened")["record"]["email"] == "(sealed)"
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", SECRET)
    assert shown_letter(settings, "unopened")["record"]["email"] == f"{PERSON}@example.org"
    async with a_worker(settings) as worker:
        again = original(letter)
        sender = Sender(settings)
        sender.send(letter.topic, again.key, again.value, again.headers)
        sender.flush()
        await all_taken(settings, worker)
        assert worker.lanes[partition_of(b"unopened", LANES)].store.view.get(b"unopened") is not None
    assert len(letters(settings, "unopened")) == 1


async def test_a_worker_with_another_secret_ends_and_one_that_has_both_works(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge, leads = a_sealer(settings), [f"wrapped-{number}" for number in range(4 * LANES)]  # every lane has a key
    edge.seal_all([a_person(lead) for lead in leads])
    edge.close()
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", OTHER)
    other = load_settings(brokers=settings.brokers, app_id=settings.app_id)
    lanes = lane_settings(other)
    with pytest.raises(WrongSecret, match="Set the secret that sealed"):
        await asyncio.wait_for(Worker(lanes, load_job("streams.lane.pipeline:job", lanes)).run(), WAIT_SECONDS)
    with pytest.raises(WrongSecret, match="Set the secret that sealed"):
        a_sealer(other)
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", f"{OTHER}, {SECRET}")
    both = load_settings(brokers=settings.brokers, app_id=settings.app_id)
    edge = a_sealer(both)
    async with a_worker(both) as worker:
        send(both, edge.seal_all([a_person(leads[0], 2), a_person("rotated")]))
        await all_taken(settings, worker)
    assert letters(settings, leads[0], "rotated") == []
    edge.close()


def test_keys_are_counted_and_doctor_says_what_they_mean_for_an_erasure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = a_sealer(settings)
    edge.seal(a_person("counted"))
    edge.close()
    done = CliRunner().invoke(keys_command, ["--json", "--brokers", settings.brokers])
    said, known = json.loads(done.stdout), secrets_from(SECRET).first.id
    assert said["leads"] >= 1
    assert said["by_secret"][known] >= 1
    assert said["by_edges"] + said["by_lanes"] == said["keys"]
    assert SECRET not in done.output
    found = look_at_sealing(settings)
    assert (found.remedy != "") == (said["by_secret"].keys() != {known})
    monkeypatch.delenv("LEADLANE_SEAL_SECRET")
    off = look_at_sealing(load_settings(brokers=settings.brokers))
    assert "off here, but privacy.keys has" in off.seen
    assert "Set LEADLANE_SEAL_SECRET" in off.remedy


def wait_for(settings: Settings, leads: Sequence[str]) -> None:
    """Until each of them has a case."""
    deadline, without = time.monotonic() + WAIT_SECONDS, set(leads)
    with Reader(settings) as reader:
        while without:
            assert time.monotonic() < deadline
            without -= {(message.key() or b"").decode() for message in reader.read(CASE_EVENTS.name)}


def topics_with(folder: Path, word: str) -> set[str]:
    """The topics whose logs have these bytes; no client of this project compresses."""
    return {
        log.parent.name.rpartition("-")[0] for log in folder.rglob("*.log") if word.encode() in log.read_bytes()
    } - {""}
