"""A lead is erased in the middle of traffic, on a real Kafka, while its worker is killed: what is left, who notices."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from streams.commands.audit import audit
from streams.commands.explain import explain
from streams.commands.forget import forget
from streams.core.events import Event
from streams.demo.worker import WorkerProcess
from streams.forget.exports import records_in
from streams.forget.request import await_receipt, new_request, place
from streams.kafka import admin
from streams.kafka.audit import position_head, verify_partition
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.privacy.sealer import sealer_for
from streams.settings import Settings, load_settings
from streams.topics import CASES_OPEN, DECISIONS, PROFILES, STATE
from streams.whatif.folder import FolderHistory, export, frames
from streams.whatif.history import BrokerHistory
from streams.whatif.run import PIPELINE, pipeline_job, replay_unchanged
from tests.factories import a_profile, a_reply, a_score
from tests.fuzz.run import prepare
from tests.lanes import partition_of
from tests.strategies import TOPIC_OF

LANES = 2
SECRET = base64.b64encode(bytes(range(32))).decode()
GONE, PLAIN, STAYS = "gone-1", "plain-1", "stays-1"
PERSON = "Zwetlana"
WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        settings = load_settings(brokers=broker.bootstrap, lanes=LANES)
        admin.apply(settings)
        prepare(settings)
        yield broker


@pytest.fixture
def settings(kafka: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", SECRET)
    monkeypatch.setenv("LEADLANE_LANES", str(LANES))
    monkeypatch.setenv("LEADLANE_BROKERS", kafka.bootstrap)
    monkeypatch.setenv("LEADLANE_APP_ID", "erasure")
    return load_settings()


def history_of(lead: str, n: int) -> list[Event]:
    """A person who must be answered by one: holds, a case, quotes."""
    at = {"occurred_at": time.time_ns() // 1_000_000, "lead_id": lead}
    text = f"{PERSON} here. Remove my data, or my lawyer will write to you!"
    return [a_profile(n, email=f"{PERSON}@example.org", **at), a_reply(n, text=text, **at), a_score(n, **at)]


def send(settings: Settings, events: Sequence[Event]) -> None:
    sender, wire = Sender(settings), wire_for(settings)
    for event in events:
        topic = TOPIC_OF[type(event).__name__]
        sender.send(topic, event.lead_id.encode(), wire.encode(event), event_headers(event))
    sender.flush()


def broken(settings: Settings, lead: str) -> None:
    """A record that nobody can read: it may say anything."""
    sender = Sender(settings)
    sender.send("signals.activity", lead.encode(), PERSON.encode())
    sender.flush()


def sealed(settings: Settings, events: Sequence[Event]) -> list[Event]:
    sealer = sealer_for(settings, "test")
    assert sealer is not None
    try:
        return list(sealer.seal_all(events))
    finally:
        sealer.close()


def decided(settings: Settings, lead: str) -> list[str]:
    """The ids of a lead's decisions."""
    place = partition_of(lead.encode(), LANES)
    with Reader(settings) as reader:
        found = [one for one in reader.read(DECISIONS.name, {place: 0}) if one.key() == lead.encode()]
    ids = (dict(one.headers() or ()).get("ce_id") for one in found)
    return [name.decode().partition("/")[0] for name in ids if isinstance(name, bytes)]


def until_decided(settings: Settings, lead: str, count: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while len(decided(settings, lead)) < count:
        assert time.monotonic() < deadline, decided(settings, lead)
        time.sleep(0.1)


def run(command: object, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)  # type: ignore[arg-type]
    return done.exit_code, done.output


def test_a_lead_is_erased_though_the_worker_is_killed_and_nobody_else_differs(
    settings: Settings, tmp_path: Path
) -> None:
    others = [f"other-{number}" for number in range(40)]
    worker = WorkerProcess(
        settings.brokers, LANES, tmp_path / "worker.log", settings.app_id, LEADLANE_SEAL_SECRET=SECRET
    )
    wire = wire_for(settings)
    with worker:
        send(settings, sealed(settings, history_of(GONE, 1) + history_of(STAYS, 1)))
        send(settings, history_of(PLAIN, 1))
        broken(settings, PLAIN)
        until_decided(settings, GONE, 1)
        until_decided(settings, PLAIN, 1)
        before = decided(settings, GONE)
        send(settings, [event for lead in others for event in history_of(lead, 1)])
        placed = place(settings, new_request(GONE, "ana", "asked by letter", "GDPR 17", None, now()))
        time.sleep(0.03)
        worker.kill()  # around the transaction that erases
    again = place(settings, placed.request)  # the sender does not know, and asks again
    with worker, Reader(settings) as reader:
        first = await_receipt(reader, wire, placed, WAIT_SECONDS)
        second = await_receipt(reader, wire, again, WAIT_SECONDS)
        assert (first.was_held, first.cases_closed > 0, first.keys_shredded, second.was_held) == (True, True, 1, False)
        assert all(key != GONE.encode() for key in standing(reader, STATE.name, GONE))
        assert not [value for value in standing(reader, CASES_OPEN.name, GONE).values() if GONE.encode() in value]

        code, said = run(forget, GONE, "--verify", "--json")
        found = {one["topic"]: one["says"] for one in json.loads(said)["topics"]}
        assert code == 0, said
        assert found[PROFILES.name] == "1 record sealed, the key is destroyed: unreadable"
        assert found["lane.state"].startswith("tombstoned; ")
        assert "leaves the disk by" in found["lane.state"]

        code, said = run(forget, PLAIN, "--reason", "asked", "--actor", "ana", "--json")
        answer = json.loads(said)
        assert (code, answer["receipt"]["was_held"], answer["clean"]) == (0, True, False)
        assert answer["seconds"] < 60
        assert {one["topic"] for one in answer["topics"] if one["plain"]} == {
            PROFILES.name, "signals.replies", "signals.activity", "dead.letters",
        }  # fmt: skip
        assert run(forget, PLAIN, "--verify")[0] == 1
        code, said = run(audit, "receipt", PLAIN, "--salt", answer["receipt"]["salt"])
        assert "request " + answer["receipt"]["request_id"] in said

        code, said = run(explain, before[0])
        assert code == 0
        assert "erased" in said
        assert "by ana: asked by letter [GDPR 17]" in " ".join(said.split())
        send(settings, sealed(settings, history_of(GONE, 2)))  # later: a new lead of the same id
        until_decided(settings, GONE, len(before) + 3)

    done = replay_unchanged(BrokerHistory(settings.brokers), processes=1)
    assert done.differences == 0, done.wrong
    assert done.figures["erased"] >= 6
    assert run(audit, "verify")[0] == 0


def test_an_exported_history_without_the_lead_still_checks(settings: Settings, tmp_path: Path) -> None:
    folder, wire = tmp_path / "export", wire_for(settings)
    export(BrokerHistory(settings.brokers), pipeline_job(LANES), PIPELINE, folder)
    held = records_in(folder, STAYS, wire)
    assert held > 3
    options = (STAYS, "--exports", str(folder), "--only-exports")
    assert run(forget, *options, "--verify") == (1, f"{folder}: {held} records\n")
    assert run(forget, *options) == (0, f"{folder}: {held} records\n")
    assert run(forget, *options, "--verify") == (0, f"{folder}: 0 records\n")
    rows = [row for path in folder.rglob("*.zst") for some in frames(path.read_bytes()) for row in some]
    assert len(rows) > 100
    assert STAYS not in repr(rows)
    done = replay_unchanged(FolderHistory(str(folder)), processes=1)
    assert done.differences == 0, done.wrong


def test_a_chain_that_was_tampered_with_does_not_hold(settings: Settings) -> None:
    with Reader(settings) as reader:
        lane = next(number for number in range(LANES) if verify_partition(reader, number).verified)
        assert not verify_partition(reader, lane).broken
        assert position_head(reader, lane).hex() == verify_partition(reader, lane).head
    code, said = run(audit, "verify", "--partition", str(lane))
    assert code == 0
    assert "every chain holds" in said
    producer = Producer({"bootstrap.servers": settings.brokers, "log_level": 0})
    producer.produce(DECISIONS.name, b"forged", b"x", partition=lane)
    producer.flush(10)
    code, said = run(audit, "verify", "--partition", str(lane))
    assert code == 1
    assert "has no ll_chain" in said


def standing(reader: Reader, topic: str, lead: str) -> dict[bytes, bytes]:
    """The last value of each key in the lead's partition."""
    kept: dict[bytes, bytes] = {}
    for message in reader.read(topic, {partition_of(lead.encode(), LANES): 0}):
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        if isinstance(value, bytes):
            kept[key] = value
        else:
            kept.pop(key, None)
    return kept


def now() -> int:
    return time.time_ns() // 1_000_000
