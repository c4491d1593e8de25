"""Webhooks while something breaks: the broker stops or freezes, the gateway is killed. Each event is there once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka import admin
from streams.kafka.embedded import EmbeddedBroker
from streams.settings import Settings, load_settings
from tests.gateways import SECRET, a_config
from tests.kafka.gateways import NO_PORTS, QUICK, Client, GatewayProcess, event_ids, ids_on, loaded, running


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedBroker]:
    """One Kafka for this file, to be stopped and frozen: each test sends numbers of its own."""
    with EmbeddedBroker() as broker:
        admin.apply(settings_of(broker))
        yield broker


def settings_of(kafka: EmbeddedBroker) -> Settings:
    return load_settings(brokers=kafka.bootstrap, **NO_PORTS)


def ids_of(kafka: EmbeddedBroker, numbers: range) -> list[str]:
    """What stands on the topic of these numbers, in order of the ids."""
    wanted = set(event_ids(numbers))
    return sorted(name for name in ids_on(settings_of(kafka)) if name in wanted)


@pytest.fixture
def process(kafka: EmbeddedBroker, tmp_path: Path) -> Iterator[GatewayProcess]:
    made = GatewayProcess(a_config(tmp_path, limits=QUICK), kafka.bootstrap)
    made.start()
    yield made
    made.end(signal.SIGKILL)


async def test_a_broker_that_stops_under_load_costs_503_and_nothing_else(kafka: EmbeddedBroker, tmp_path: Path) -> None:
    settings, numbers = settings_of(kafka), range(1_200)
    async with running(settings, a_config(tmp_path, limits=QUICK)) as gateway, Client(gateway.port) as client:
        load = asyncio.create_task(loaded(client, numbers))
        await asyncio.sleep(0.4)
        await asyncio.to_thread(kafka.stop)
        before = len(client.accepted)
        await asyncio.sleep(1.5)
        assert len(client.accepted) - before <= 8 * 5  # what was acknowledged just before it went
        assert gateway.acceptor.busy() is not None
        refused = client.heard[503]
        await asyncio.to_thread(kafka.start)
        await load
        assert gateway.acceptor.busy() is None
    assert refused > 0
    assert sorted(client.accepted) == list(numbers)
    assert ids_of(kafka, numbers) == event_ids(numbers)


async def test_a_producer_renewed_while_the_broker_is_frozen_doubles_nothing(
    kafka: EmbeddedBroker, tmp_path: Path
) -> None:
    """What the old producer had sent lies in the broker's socket: it is written when the broker goes on."""
    settings, numbers = settings_of(kafka), range(10_000, 11_000)
    pid = kafka.pid
    assert pid is not None
    async with running(settings, a_config(tmp_path, limits=QUICK)) as gateway, Client(gateway.port) as client:
        load = asyncio.create_task(loaded(client, numbers))
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
    assert ids_of(kafka, numbers) == event_ids(numbers)


async def test_a_gateway_that_is_killed_under_load_loses_nothing_and_doubles_nothing(
    process: GatewayProcess, kafka: EmbeddedBroker
) -> None:
    numbers = range(20_000, 21_500)
    async with Client(process.port) as client:
        load = asyncio.create_task(loaded(client, numbers))
        for _ in range(2):
            await client.until_accepted(len(client.accepted) + 200)
            process.end(signal.SIGKILL)
            process.start()
        await load
    assert client.heard[0] > 0
    assert ids_of(kafka, numbers) == event_ids(numbers)


async def test_a_gateway_that_is_stopped_answers_what_it_has_taken(
    process: GatewayProcess, kafka: EmbeddedBroker
) -> None:
    numbers = range(30_000, 31_000)
    async with Client(process.port) as client:
        load = asyncio.create_task(loaded(client, numbers))
        await client.until_accepted(100)
        assert await asyncio.to_thread(process.end, signal.SIGTERM) == 0
        process.start()
        await load
    assert ids_of(kafka, numbers) == event_ids(numbers)
