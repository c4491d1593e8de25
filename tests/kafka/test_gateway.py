"""Webhooks onto a real Kafka: acknowledged before they are answered, and each event on its topic exactly once."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner
from confluent_kafka import Producer

from streams.commands.gateway import gateway as gateway_command
from streams.errors import BadSettings, MissingTopic
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.settings import Settings
from tests.gateways import RULES, SECRET, a_config, a_score, now_ms
from tests.kafka.conftest import FreshTopics, delete_topics
from tests.kafka.gateways import LANES, NO_PORTS, Client, Clock, event_ids, ids_on, running


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)


async def test_records_are_where_the_lane_looks_and_as_it_reads_them(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(**NO_PORTS)
    async with running(settings, a_config(tmp_path)) as gateway, Client(gateway.port) as client:
        assert await client.once([a_score(number) for number in range(50)]) == 200
    wire = wire_for(settings)
    with Reader(settings) as reader:
        messages = list(reader.read("signals.scores"))
    for message in messages:
        event = wire.decode("signals.scores", message.value())
        wire.check(event, message.key(), now_ms())
    assert len({message.partition() for message in messages}) == LANES
    assert sorted(ids_on(settings)) == event_ids(range(50))


async def test_a_restart_forgets_nothing_that_stands_on_the_topics(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(**NO_PORTS)
    wrong = a_score(7, propertyValue="much")
    for _ in range(2):
        async with running(settings, a_config(tmp_path)) as gateway, Client(gateway.port) as client:
            assert await client.once([a_score(1), a_score(2)]) == 200
            assert await client.once([wrong]) == 200
    assert sorted(ids_on(settings)) == event_ids([1, 2])
    assert len(ids_on(settings, "dead.letters")) == 1


async def test_a_dead_letter_is_mapped_again_once_when_the_rules_are_mended(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    settings = fresh_topics(**NO_PORTS)
    config = a_config(tmp_path)
    async with running(settings, config) as gateway, Client(gateway.port) as client:
        assert await client.once([a_score(1), a_score(2, propertyValue="much")]) == 200
    assert sorted(ids_on(settings)) == event_ids([1])

    def again(*more: str) -> str:
        arguments = ["redrive", str(config), "--actor", "ana", "--reason", "mended", "--brokers", settings.brokers]
        return CliRunner().invoke(gateway_command, [*arguments, *more], catch_exceptions=False).output

    assert again().endswith("score: value is 'much', expected a number\n0 sent, 1 stay\n")
    value = {"path": "data.propertyValue", "map": {"much": 90, "55": 55}}
    mended = {**RULES[0], "fields": {"kind": {"const": "vendor"}, "value": value}}
    a_config(tmp_path, rules=[mended])
    abort_a_redrive(settings, "hubspot:33-25-2-2-1764000000000:score")
    assert again("--dry-run").endswith("hubspot: 1 records, 1 known before\n1 to send, 0 stay\n")
    assert again().endswith("hubspot: 1 records, 1 known before\n1 sent, 0 stay\n")
    assert again() == "0 sent, 0 stay\n"
    assert sorted(ids_on(settings)) == event_ids([1, 2])


def abort_a_redrive(settings: Settings, name: str) -> None:
    """What a redrive that was killed leaves behind: a record in the log that was never sent."""
    producer = Producer({"bootstrap.servers": settings.brokers, "transactional.id": f"{settings.app_id}-redrive"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(
        "signals.scores", b"", b"hubspot-2", headers=[("ce_id", name.encode()), ("ce_source", b"/hubspot")]
    )
    producer.flush(20)
    producer.abort_transaction(20)


async def test_personal_texts_are_sealed_on_their_way_in(
    fresh_topics: FreshTopics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    rule = {
        "name": "email",
        "when": {"kind": "contact.propertyChange"},
        "topic": "leads.profiles",
        "fields": {"email": "data.propertyValue"},
    }
    settings = fresh_topics(**NO_PORTS)
    async with running(settings, a_config(tmp_path, rules=[rule])) as gateway, Client(gateway.port) as client:
        for _ in range(2):
            assert await client.once([a_score(1, propertyValue="ana@a.example")]) == 200
    with Reader(settings) as reader:
        (message,) = reader.read("leads.profiles")
        keys = list(reader.read("privacy.keys"))
    value = message.value()
    assert isinstance(value, bytes)
    assert b"ana@a.example" not in value
    assert b"sealed:1:" in value
    assert len(keys) == 1


async def test_an_hour_of_retries_duplicates_and_other_orders_leaves_each_signal_once(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    """HubSpot's own habits: batches of up to 100, not in order, sent again though they were taken, and a restart."""
    settings = fresh_topics(**NO_PORTS)
    draw, clock = random.Random(7), Clock()
    due = [(draw.uniform(0, 3_000), number) for number in range(1_500)]
    again = [(at, number) for at, number in due for _ in range(draw.choice((0, 0, 1, 3)))]
    due = sorted(due + [(min(3_599, at + draw.expovariate(1 / 300)), number) for at, number in again])
    sent = 0
    for half in (range(0, 1_800, 30), range(1_800, 3_600, 30)):
        async with (
            running(settings, a_config(tmp_path), clock_ms=clock) as gateway,
            Client(gateway.port) as client,
        ):
            for second in half:
                clock.turn_to(second)
                numbers = [number for at, number in due if second <= at < second + 30]
                draw.shuffle(numbers)
                for begin in range(0, len(numbers), 100):
                    batch = [a_score(number) for number in numbers[begin : begin + 100]]
                    assert await client.once(batch, at=clock()) == 200
                    sent += len(batch)
            assert await client.once([a_score(99_999)], at=clock() - 301_000) == 401
    assert sent == len(due) > 2_500
    assert sorted(ids_on(settings)) == event_ids(range(1_500))


async def test_health_and_metrics_have_a_port_of_their_own(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = fresh_topics(**{**NO_PORTS, "gateway_web_port": port})
    async with running(settings, a_config(tmp_path)) as gateway, Client(gateway.port) as client, ClientSession() as web:
        assert await client.once([a_score(1), a_score(1)]) == 200
        answers = {}
        for name in ("live", "ready", "metrics"):
            async with web.get(f"http://127.0.0.1:{port}/{name}") as answer:
                answers[name] = (answer.status, await answer.text())
        assert answers["live"] == (200, "live")
        assert answers["ready"] == (200, "ready")
        assert 'leadlane_gateway_requests_total{source="hubspot",status="200"}' in answers["metrics"][1]
        with pytest.raises(BadSettings, match=r"LEADLANE_GATEWAY_WEB_PORT is .*, expected a free port"):
            async with running(settings, a_config(tmp_path)):
                pass


async def test_without_a_topic_it_ends_and_says_what_to_do(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(**NO_PORTS)
    delete_topics(settings.brokers, "signals.scores")
    with pytest.raises(MissingTopic, match=r"signals.scores. Create them with `leadlane topics apply`"):
        async with running(settings, a_config(tmp_path)):
            pass
