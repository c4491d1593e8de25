"""Gateways on a real Kafka, for tests: in this event loop or a process of their own, and a client like HubSpot."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from streams.gateway.app import Gateway
from streams.gateway.config import load_config
from streams.kafka.reader import Reader
from streams.settings import Settings
from tests.gateways import a_score, now_ms, signed

LANES = 3
NO_PORTS = {"lanes": LANES, "gateway_port": 0, "gateway_web_port": 0}
QUICK = {"answer_within_seconds": 1.0, "away_after_seconds": 0.5, "retry_after_seconds": 1}
PATIENCE_SECONDS = 60.0


@contextlib.asynccontextmanager
async def running(settings: Settings, config: Path, **how: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings, load_config(config), **how)
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.stop()


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


class Clock:
    """Milliseconds, turned by hand."""

    def __init__(self) -> None:
        self._start = self._now = now_ms()

    def __call__(self) -> int:
        return self._now

    def turn_to(self, second: int) -> None:
        self._now = self._start + second * 1_000
