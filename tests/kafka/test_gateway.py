"""Webhooks onto a real Kafka: acknowledged before they are answered, and each event on its topic exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from click.testing import CliRunner

from streams.commands.gateway import gateway as gateway_command
from streams.errors import MissingTopic
from streams.gateway.app import Gateway
from streams.gateway.config import load_config
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.settings import Settings, load_settings
from tests.gateways import RULES, SECRET, a_config, a_score, now_ms, signed
from tests.kafka.conftest import FreshTopics

LANES = 3
QUICK = {"answer_within_seconds": 1.0, "away_after_seconds": 0.5, "retry_after_seconds": 1}
PATIENCE_SECONDS = 30.0


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)


@contextlib.asynccontextmanager
async def running(settings: Settings, config: Path, **how: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings, load_config(config), **how)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def settings_of(brokers: str, **given: Any) -> Settings:
    return load_settings(brokers=brokers, lanes=LANES, gateway_port=0, gateway_web_port=0, **given)


def ids_on(settings: Settings, topic: str = "signals.scores") -> list[str]:
    with Reader(settings) as reader:
        headers = [dict(message.headers() or ())["ce_id"] for message in reader.read(topic)]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in headers]


def event_ids(numbers: Sequence[int]) -> list[str]:
    return sorted(f"hubspot:33-25-{number}-{number}-1764000000000:score" for number in numbers)


class Client:
    """Sends like HubSpot does: the same again until it is answered 2xx. Keeps what it heard."""

    def __init__(self, port: int) -> None:
        self.port, self.heard = port, Counter[int]()
        self.accepted: list[int] = []
        self._more = asyncio.Event()

    async def __aenter__(self) -> Client:
        self._session = ClientSession(timeout=ClientTimeout(total=5))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def once(self, notifications: Any, at: int | None = None) -> int:
        body, headers = signed(notifications, at=at)
        try:
            async with self._session.post(
                f"http://127.0.0.1:{self.port}/v1/hubspot", data=body, headers=headers
            ) as answer:
                await answer.read()
                status = answer.status
        except (ClientError, TimeoutError, OSError):
            status = 0
        self.heard[status] += 1
        return status

    async def until_taken(self, numbers: Sequence[int]) -> None:
        attempt = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.once([a_score(number, attemptNumber=attempt) for number in numbers]) != 200:
                attempt += 1
                await asyncio.sleep(0.02)
        self.accepted += numbers
        self._more.set()

    async def until_accepted(self, count: int) -> None:
        while len(self.accepted) < count:
            self._more.clear()
            await self._more.wait()


async def loaded(client: Client, numbers: range, at_once: int = 8, each: int = 5) -> None:
    """Send all numbers, `each` per request, `at_once` requests at a time."""
    waiting = iter([numbers[start : start + each] for start in range(0, len(numbers), each)])

    async def sender() -> None:
        for batch in waiting:
            await client.until_taken(batch)
            await asyncio.sleep(0.002)

    await asyncio.gather(*(sender() for _ in range(at_once)))


async def test_records_are_where_the_lane_looks_and_as_it_reads_them(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
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
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
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
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
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
    assert again("--dry-run").endswith("hubspot: 1 records, 1 known before\n1 to send, 0 stay\n")
    assert again().endswith("hubspot: 1 records, 1 known before\n1 sent, 0 stay\n")
    assert again() == "0 sent, 0 stay\n"
    assert sorted(ids_on(settings)) == event_ids([1, 2])


async def test_without_topics_it_ends_and_says_what_to_do(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    gateway = Gateway(settings_of(own_broker.bootstrap), load_config(a_config(tmp_path)))
    with pytest.raises(MissingTopic, match="leadlane topics apply"):
        await gateway.start()
    await gateway.stop()


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
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
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


async def test_a_broker_that_stops_under_load_costs_503_and_nothing_else(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = settings_of(own_broker.bootstrap)
    admin.apply(settings)
    async with running(settings, a_config(tmp_path, limits=QUICK)) as gateway, Client(gateway.port) as client:
        load = asyncio.create_task(loaded(client, range(1_500)))
        await asyncio.sleep(0.4)
        await asyncio.to_thread(own_broker.stop)
        before = len(client.accepted)
        await asyncio.sleep(1.5)
        assert len(client.accepted) - before <= 8 * 5  # what was acknowledged just before it went
        assert gateway.acceptor.busy() is not None
        refused = client.heard[503]
        await asyncio.to_thread(own_broker.start)
        await load
        assert gateway.acceptor.busy() is None
    assert refused > 0
    assert sorted(client.accepted) == list(range(1_500))
    assert sorted(ids_on(settings)) == event_ids(range(1_500))


async def test_a_producer_renewed_while_the_broker_is_frozen_doubles_nothing(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """What the old producer had sent lies in the broker's socket: it is written when the broker goes on."""
    settings = settings_of(own_broker.bootstrap)
    admin.apply(settings)
    pid = own_broker.pid
    assert pid is not None
    async with running(settings, a_config(tmp_path, limits=QUICK)) as gateway, Client(gateway.port) as client:
        load = asyncio.create_task(loaded(client, range(1_000)))
        await asyncio.sleep(0.4)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.6)
            assert gateway.acceptor.in_flight > 0
            gateway.acceptor.renew("told by the test")
            await asyncio.sleep(0.3)
        finally:
            os.kill(pid, signal.SIGCONT)
        await load
    assert sorted(ids_on(settings)) == event_ids(range(1_000))


# --- kill -9 ----------------------------------------------------------------------------------------------------------


class GatewayProcess:
    """`leadlane gateway run` on one port, to be killed and started again."""

    def __init__(self, config: Path, brokers: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config, self._brokers = config, brokers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["gateway", "run", str(self._config), "--brokers", self._brokers, "--port", str(self.port)]
        self._process = subprocess.Popen([sys.executable, "-m", "streams.cli", *command, "--web-port", "0"])

    def end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(20)


@pytest.fixture
def process(own_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[GatewayProcess]:
    admin.apply(settings_of(own_broker.bootstrap))
    made = GatewayProcess(a_config(tmp_path, limits=QUICK), own_broker.bootstrap)
    made.start()
    yield made
    made.end(signal.SIGKILL)


async def test_a_gateway_that_is_killed_under_load_loses_nothing_and_doubles_nothing(
    process: GatewayProcess, own_broker: EmbeddedBroker
) -> None:
    count = 2_000
    async with Client(process.port) as client:
        load = asyncio.create_task(loaded(client, range(count)))
        for _ in range(2):
            await client.until_accepted(len(client.accepted) + 200)
            process.end(signal.SIGKILL)
            process.start()
        await load
    assert client.heard[0] > 0
    assert sorted(ids_on(settings_of(own_broker.bootstrap))) == event_ids(range(count))


async def test_a_gateway_that_is_stopped_answers_what_it_has_taken(
    process: GatewayProcess, own_broker: EmbeddedBroker
) -> None:
    async with Client(process.port) as client:
        load = asyncio.create_task(loaded(client, range(1_000)))
        await client.until_accepted(100)
        assert await asyncio.to_thread(process.end, signal.SIGTERM) == 0
        process.start()
        await load
    assert sorted(ids_on(settings_of(own_broker.bootstrap))) == event_ids(range(1_000))


# --- an hour, in fast motion ------------------------------------------------------------------------------------------


async def test_an_hour_of_retries_duplicates_and_other_orders_leaves_each_signal_once(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    """HubSpot's own habits: batches of up to 100, not in order, sent again though they were taken, and a restart."""
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
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


class Clock:
    """Milliseconds, turned by hand."""

    def __init__(self) -> None:
        self._start = self._now = now_ms()

    def __call__(self) -> int:
        return self._now

    def turn_to(self, second: int) -> None:
        self._now = self._start + second * 1_000
