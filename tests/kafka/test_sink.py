"""The HTTP sink against real webhooks and a real Kafka: kills, restarts, targets that fail in every way."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.commands.sink import AlreadyRedriven, sink
from streams.core.effects import AnswerRequest, CommandCadence, Effect
from streams.errors import MissingTopic
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.sender import Sender
from streams.metrics import exposition
from streams.settings import Settings, load_settings
from streams.sink.config import SinkConfig, sink_from
from streams.sink.intake import TwinSlot
from streams.sink.sink import Sink
from streams.topics import CADENCES, LEAD_SCORES, PARKED, VERDICTS
from tests.factories import a_cadence_command, a_verdict
from tests.kafka import lanes
from tests.kafka.conftest import delete_topics
from tests.lanes import partition_of
from tests.webhooks import SECRET, Does, Got, a_webhook

LANES = 3
PART = 210
LIMIT_SECONDS = 90.0  # on a machine with more to do than this
LEADS = [f"ahead-{number}" for number in range(99)]
WHY = ("--actor", "ana", "--reason", "mended")
TOPIC = {CommandCadence: CADENCES.name, AnswerRequest: VERDICTS.name}


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """One Kafka for this file; each test looks at what is written after it began."""
    with EmbeddedBroker() as broker:
        admin.apply(load_settings(brokers=broker.bootstrap, lanes=LANES))
        yield broker


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def settings_for(broker: EmbeddedBroker, **given: Any) -> Settings:
    return load_settings(
        **{"brokers": broker.bootstrap, "lanes": LANES, "session_timeout_seconds": 6, "slot": "sink-0", **given}
    )


def a_target(url: str, deliver: str = "{cadences.commands: }", **more: Any) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat()
    return {"url": url, "deliver": deliver, "since": since, **more}


def text_of(targets: dict[str, dict[str, Any]]) -> str:
    lines = ["targets:"]
    for name, target in targets.items():
        lines += [f"  {name}:", "    secrets: [{env: HOOK_SECRET}]"]
        lines += [f"    {key}: {value if key == 'deliver' else json.dumps(value)}" for key, value in target.items()]
    return "\n".join(lines) + "\n"


def config_of(**targets: dict[str, Any]) -> SinkConfig:
    return sink_from(text_of({name.replace("_", "-"): target for name, target in targets.items()}), "sink.yaml")


def write(settings: Settings, *effects: Effect) -> None:
    sender, wire = Sender(settings), wire_for(settings)
    now = int(time.time() * 1000)
    for effect in effects:
        topic = TOPIC[type(effect)]
        sender.send(topic, effect.lead_id.encode(), wire.encode(effect), wire.headers(effect, 0, now))
    sender.flush()


def commands(leads: Iterable[str], each: int, word: str = "d") -> list[CommandCadence]:
    """So many commands for each lead, in rounds: a pause, a resume, a pause ..."""
    leads = list(leads)
    return [
        a_cadence_command(
            lead_id=lead,
            decision_id=f"{word}-{lead}-{number}",
            command_id=f"{word}-{lead}-{number}-x",
            command="pause" if number % 2 == 0 else "resume",
        )
        for number in range(each)
        for lead in leads
    ]


async def soon(condition: Callable[[], bool]) -> None:
    await lanes.until(condition, LIMIT_SECONDS)


def ids(effects: Iterable[Effect], lead: str) -> list[str]:
    return [effect.decision_id for effect in effects if effect.lead_id == lead]


@asynccontextmanager
async def running(settings: Settings, config: SinkConfig) -> AsyncIterator[Sink]:
    """A sink in this process that has its partitions; stopped in order at the end."""
    here = Sink(settings, config)
    work = asyncio.create_task(here.run())
    try:
        await soon(lambda: here.not_ready() is None or work.done())
        yield here
    finally:
        here.stop()
        await work


def leadlane(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(sink, ["parked", *arguments, "--brokers", settings.brokers], catch_exceptions=False)
    return result.output


def parked(settings: Settings, target: str, *more: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in leadlane(settings, "list", "--json", "--target", target, *more).splitlines()]


def unfinished(settings: Settings, target: str, topic: str = CADENCES.name) -> int:
    """Records before which the target's group has not finished; many while Kafka does not say."""
    consumer = Consumer({"bootstrap.servers": settings.brokers, "group.id": f"{settings.app_id}-sink-{target}"})
    try:
        partitions = [TopicPartition(topic, number) for number in range(LANES)]
        try:
            committed = consumer.committed(partitions, timeout=10)
            ends = [consumer.get_watermark_offsets(each, timeout=10)[1] for each in partitions]
        except KafkaException:
            return sys.maxsize
        return sum(end - max(0, at.offset) for end, at in zip(ends, committed, strict=True))
    finally:
        consumer.close()


def a_process(settings: Settings, file: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "LEADLANE_BROKERS": settings.brokers,
        "LEADLANE_APP_ID": settings.app_id,
        "LEADLANE_SESSION_TIMEOUT_SECONDS": "6",
    }
    command = [sys.executable, "-m", "streams.cli", "sink", "http", "--config", str(file), "--slot", "s", "--web-port"]
    with file.with_suffix(".log").open("ab") as log:
        return subprocess.Popen([*command, "0"], env=environment, stderr=log)


async def test_under_kills_and_restarts_every_record_takes_effect_once_and_in_order_of_its_lead(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """The webhook fails, hangs, resets, refuses and asks to wait; the sink is killed, Kafka is restarted under it."""
    settings, chance = settings_for(broker, app_id="chaos"), random.Random(4)
    leads = [f"chaos-{number}" for number in range(40)]
    sent = commands(leads, 21)
    refused = "d-chaos-7-12"

    def script(got: Got) -> Does:
        if got.data["decision_id"] == refused:
            return 410
        if got.number > 3:  # a try that fails for ever would be parked
            return 200
        return chance.choices((200, 500, 503, (429, "0"), "reset", "hang"), (1000, 40, 20, 20, 20, 2))[0]

    with a_webhook(script) as webhook:
        target = a_target(webhook.url, timeout_seconds=0.5, retry={"first_seconds": 0.02, "most_seconds": 0.2})
        (file := tmp_path / "sink.yaml").write_text(text_of({"chaos": target}))
        process = a_process(settings, file)
        try:
            for part in range(3):
                write(settings, *sent[part * PART : part * PART + PART])
                await soon(lambda part=part: len(webhook.effects) > part * PART + 60)  # type: ignore[misc]
                if part < 2:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    process = a_process(settings, file)
            await soon(lambda: len(webhook.effects) == 3 * PART - 1 and unfinished(settings, "chaos") == 0)
            before = len(webhook.got)
            write(settings, *sent[3 * PART :])
            await soon(lambda: len(webhook.effects) > 3 * PART + 20)
            await asyncio.to_thread(broker.restart)
            await soon(lambda: len(webhook.effects) == len(sent) - 1)
            await soon(lambda: unfinished(settings, "chaos") == 0)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 15) == 0
        finally:
            process.kill()
            process.wait()

    for lead in leads:
        assert webhook.of(lead) == [each for each in ids(sent, lead) if each != refused]
    assert webhook.badly_signed == 0
    assert webhook.overlapping == set()
    bodies = {got.id: got.body for got in webhook.got}
    assert len(bodies) == len(sent)
    assert all(got.body == bodies[got.id] for got in webhook.got)
    assert len({got.data["decision_id"] for got in webhook.got}) == len(sent)
    # While its coordinator loads, a group without patience looks like one without offsets: design 4, rule 2.
    again = {got.data["decision_id"] for got in webhook.got[before:]}
    assert again <= {effect.decision_id for effect in sent[3 * PART :]}
    assert {(each["status"], each["tries"], each["error"]) for each in parked(settings, "chaos")} == {
        (410, 1, "answered 410 Gone")
    }


async def test_neither_a_target_that_is_down_nor_a_lead_that_hangs_stops_the_others(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for few deliveries, so that Kafka is made to wait: what waits is there when the target is up again."""
    monkeypatch.setattr("streams.sink.target.MOST_WAITING", 40)
    settings = settings_for(broker, app_id="others")
    leads = [f"others-{number}" for number in range(20)]
    sent = commands(leads, 10, "o")
    is_down = True

    def hangs(got: Got) -> Does:
        return "hang" if got.lead == "others-3" else 202

    with a_webhook(hangs) as webhook, a_webhook(lambda _: 503 if is_down else 200) as lame:
        down = a_target(lame.url, retry={"first_seconds": 0.1, "most_seconds": 0.2})
        good = a_target(webhook.url, concurrency=2, timeout_seconds=1.5)
        async with running(settings, config_of(others_down=down, others=good)):
            write(settings, *sent)
            await soon(lambda: len(webhook.effects) == 190)
            await soon(lambda: 'leadlane_sink_target_up{target="others-down"} 0.0' in exposition().decode())
            assert len({got.id for got in lame.got}) <= 40
            is_down = False
            await soon(lambda: len(lame.effects) == len(sent))
    assert {got.data["decision_id"] for got in webhook.got if got.lead == "others-3"} == {"o-others-3-0"}
    assert [lame.of(lead) for lead in leads] == [ids(sent, lead) for lead in leads]
    assert parked(settings, "others-down") == []


async def test_a_record_that_holds_up_too_many_others_is_parked_before_its_time(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sink.target.MOST_AHEAD", 20)
    settings = settings_for(broker, app_id="ahead")
    bad, lane = commands(["ahead-bad"], 1, "a"), partition_of(b"ahead-bad", LANES)
    others = commands([next(lead for lead in LEADS if partition_of(lead.encode(), LANES) == lane)], 60, "a")
    with a_webhook(lambda got: 500 if got.lead == "ahead-bad" else 200) as webhook:
        target = a_target(webhook.url, retry={"first_seconds": 60})
        async with running(settings, config_of(ahead=target)):
            write(settings, *bad, *others)
            await soon(lambda: len(webhook.effects) == len(others))
            await soon(lambda: len(parked(settings, "ahead")) == 1)
            await soon(lambda: unfinished(settings, "ahead") == 0)
    (one,) = parked(settings, "ahead")
    assert (one["key"], one["tries"]) == ("ahead-bad", 2)
    assert one["error"] == "holds up too many others; answered 500 Internal Server Error"


async def test_what_is_parked_is_redriven_once_and_not_after_something_newer(broker: EmbeddedBroker) -> None:
    settings = settings_for(broker, app_id="redrive")
    broken = True

    def script(got: Got) -> Does:
        if broken and got.number < 4 and got.data["decision_id"] in ("r-redrive-a-0", "r-redrive-b-0", "v-1"):
            return 422 if got.lead == "redrive-b" else 500
        return 200

    old, newer = commands(["redrive-a"], 2, "r")
    (last,) = commands(["redrive-b"], 1, "r")
    sender = Sender(settings)
    sender.send(PARKED.name, b"redrive-a", b"garbage", (("leadlane_redriven", b"0@0"),))
    sender.flush()
    answers = [a_verdict(lead_id="redrive-c", decision_id=f"v-{n}", request_id=f"request-{n}") for n in (1, 2)]
    deliver = "{cadences.commands: {only: {command: [pause]}}, outreach.verdicts: }"
    with a_webhook(script) as webhook:
        target = a_target(webhook.url, deliver, body="record", retry={"first_seconds": 0.05, "tries": 3})
        async with running(settings, config_of(redrive=target)):
            write(settings, old, newer, last, *answers)
            await soon(lambda: len(parked(settings, "redrive")) == 3)
            tries = {each["key"]: (each["tries"], each["status"]) for each in parked(settings, "redrive")}
            assert tries == {"redrive-a": (3, 500), "redrive-b": (1, 422), "redrive-c": (3, 500)}
            await soon(lambda: webhook.of("redrive-c") == ["v-2"])  # a later record of the lead goes on
            places = {each["key"]: each["place"] for each in parked(settings, "redrive")}

            broken = False
            would = leadlane(settings, "redrive", "--target", "redrive", "--dry-run", *WHY)
            assert "2 to order, 1 left out" in would
            assert webhook.of("redrive-b") == []
            done = leadlane(settings, "redrive", "--target", "redrive", *WHY)
            assert f"left out {places['redrive-a']} for redrive: overtaken by cadences.commands[" in done
            assert leadlane(settings, "redrive", "--target", "redrive", *WHY).startswith("left out")
            with pytest.raises(AlreadyRedriven, match=r"by ana \(mended\)"):
                leadlane(settings, "redrive", "--offset", places["redrive-b"], *WHY)
            await soon(lambda: webhook.of("redrive-b") == ["r-redrive-b-0"] and len(webhook.of("redrive-c")) == 2)
            assert webhook.of("redrive-a") == []  # the resume is not this target's, and yet newer

            leadlane(settings, "redrive", "--offset", places["redrive-a"], "--force", *WHY)
            await soon(lambda: webhook.of("redrive-a") == ["r-redrive-a-0"])
            await soon(lambda: unfinished(settings, "redrive", PARKED.name) == 0)
    assert parked(settings, "redrive") == []
    assert len(parked(settings, "redrive", "--all")) == 3
    keys = {(got.data["decision_id"], got.id) for got in webhook.got}
    assert len(keys) == 4  # one key for each record, before and after
    shown = json.loads(leadlane(settings, "show", places["redrive-b"]))
    assert shown["record"]["issued_at"].endswith("Z")
    assert webhook.got[0].headers["Content-Type"].startswith("application/json")


async def test_an_order_that_a_newer_record_overtakes_on_its_way_is_parked_again(broker: EmbeddedBroker) -> None:
    settings = settings_for(broker, app_id="late")
    first, second = commands(["late-a"], 2, "l")
    with a_webhook(
        lambda got: 400 if got.number == 1 and got.data["decision_id"] == first.decision_id else 200
    ) as hook:
        config = config_of(late=a_target(hook.url))
        async with running(settings, config):
            write(settings, first)
            await soon(lambda: len(parked(settings, "late")) == 1)
        leadlane(settings, "redrive", "--target", "late", *WHY)  # while no sink runs
        write(settings, second)
        async with running(settings, config):
            await soon(lambda: hook.of("late-a") == [second.decision_id])
            await soon(lambda: len(parked(settings, "late")) == 1)
    (again,) = parked(settings, "late")
    assert (again["tries"], again["error"].startswith("overtaken by cadences.commands[")) == (0, True)
    assert hook.of("late-a") == [second.decision_id]


async def test_two_sinks_share_the_work_and_a_target_that_asks_for_time_gets_it(broker: EmbeddedBroker) -> None:
    one, two = (settings_for(broker, app_id="shared", slot=slot) for slot in ("one", "two"))
    sent = commands([f"shared-{number}" for number in range(40)], 10, "s")
    asked: list[float] = []

    def script(got: Got) -> Does:
        if not asked:
            asked.append(got.at)
            return 429, "1"
        return 200

    with a_webhook(script) as webhook:
        config = config_of(shared=a_target(webhook.url, concurrency=1))
        async with running(one, config) as first:
            write(one, *sent[:200])
            await soon(lambda: len(webhook.effects) >= 50)
            async with running(two, config) as second:
                write(one, *sent[200:])
                await soon(lambda: len(webhook.effects) == len(sent))
                assert [len(each._targets[0]._intake._assigned) for each in (first, second)] in ([2, 4], [4, 2])
    assert webhook.got[1].at - asked[0] >= 0.95
    for effect in sent[:40]:
        assert webhook.of(effect.lead_id) == ids(sent, effect.lead_id)
    assert webhook.overlapping == set()


async def test_of_two_sinks_under_one_slot_the_first_says_so_and_ends(broker: EmbeddedBroker) -> None:
    settings = settings_for(broker, app_id="twins")
    with a_webhook() as webhook:
        config = config_of(twins=a_target(webhook.url))
        first = Sink(settings, config)
        work = asyncio.create_task(first.run())
        await soon(lambda: first.not_ready() is None)
        async with running(settings, config):
            with pytest.raises(TwinSlot, match="LEADLANE_SLOT"):
                await asyncio.wait_for(work, LIMIT_SECONDS)
            write(settings, *commands(["twins-0"], 1, "t"))
            await soon(lambda: len(webhook.effects) == 1)


async def test_topics_that_are_missing_are_named_at_the_start(broker: EmbeddedBroker) -> None:
    settings = settings_for(broker, app_id="missing")
    delete_topics(settings.brokers, LEAD_SCORES.name)
    with pytest.raises(MissingTopic, match=r"leads\.scores"):
        await Sink(settings, config_of(missing=a_target("https://x.example", "{leads.scores: }"))).run()
