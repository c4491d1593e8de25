"""The gateway's process: doors, acceptor, health, from the first request to an orderly end.

Law of this module: the doors open before Kafka has been asked anything, so that a client hears 503 and not silence; at
the end nothing new is taken, what is on its way is answered, then the doors close.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import uvloop
from aiohttp import web

from streams.errors import BadSettings, BrokerUnreachable, LoginRefused
from streams.gateway.accept import Acceptor
from streams.gateway.config import GatewayConfig, load_config
from streams.gateway.polling import Pollers
from streams.gateway.receive import Receiver
from streams.gateway.seen import Seen
from streams.gateway.server import Doors, Server, web_app
from streams.gateway.tails import TailReader
from streams.kafka.codec import wire_for
from streams.lane.registry import RegistryUnreachable
from streams.lane.wire import TYPES, Record
from streams.logs import set_up_logging
from streams.privacy.seal import secrets_of
from streams.privacy.sealer import sealer_for
from streams.settings import Settings, variable
from streams.topics import DEAD_LETTERS, POSITIONS, RESYNC, TOPIC
from streams.tracing import tracer_for

HOUR_MS = 3_600_000
HOUR_SECONDS = 3_600
STOP_SECONDS = 8.0
CLOSE_SECONDS = 2.0
BEAT_SECONDS = 1.0
STUCK_SECONDS = 20.0
AGAIN_SECONDS = 1.0

Made = TypeVar("Made")

log = logging.getLogger(__name__)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Gateway:
    """One gateway in one event loop. `port` and `web_port` are known once `start` has returned."""

    def __init__(self, settings: Settings, config: GatewayConfig, clock_ms: Callable[[], int] = now_ms) -> None:
        """`clock_ms` is the time of requests; what waits and forgets goes by it too."""
        self.settings, self.config, self._clock_ms = settings, config, clock_ms
        remember = config.remember
        sources = frozenset(f"/{name}".encode() for name in config.sources)
        seen = Seen(remember.ids, remember.hours * HOUR_SECONDS, lambda: clock_ms() / 1000)
        self.acceptor = Acceptor(settings, config.limits, seen, TailReader(settings, sources.__contains__))
        self._wire = wire = wire_for(settings)
        self.receiver = Receiver(config, self.acceptor, wire, tracer=tracer_for(settings, "gateway"))
        self.pollers = Pollers(settings, self.receiver, self.acceptor, wire, clock_ms)
        self.doors = Doors(config, self.receiver, clock_ms)
        self.port = self.web_port = 0
        self._server: Server | None = None
        self._listening: asyncio.Server | None = None
        self._web: web.AppRunner | None = None
        self._beat_at = time.monotonic()
        self._beating: asyncio.Task[None] | None = None

    @property
    def topics(self) -> frozenset[str]:
        """Where it writes."""
        mapped = (source.mapper.topics for source in self.config.sources.values())
        own = {DEAD_LETTERS.name, RESYNC.name} | ({POSITIONS.name} if self.pollers else set())
        return frozenset(own).union(*mapped)

    async def start(self) -> None:
        """Open the doors, read back what is known. Waits for Kafka; raises MissingTopic."""
        loop, settings = asyncio.get_running_loop(), self.settings
        self._server = self.doors.server()
        with _taken(settings.gateway_host, settings.gateway_port, "gateway_port"):
            self._listening = await loop.create_server(
                self._server, settings.gateway_host, settings.gateway_port, backlog=1024, reuse_address=True
            )
        self.port = self._listening.sockets[0].getsockname()[1]
        self._beating = asyncio.create_task(self._beat())
        if settings.gateway_web_port:
            self._web = web.AppRunner(web_app(self.acceptor.not_ready, self.is_live), access_log=None)
            await self._web.setup()
            site = web.TCPSite(self._web, settings.web_host, settings.gateway_web_port)
            with _taken(settings.web_host, settings.gateway_web_port, "gateway_web_port"):
                await site.start()
            self.web_port = settings.gateway_web_port
        log.info("http://%s:%d/v1/<source>: %s", settings.gateway_host, self.port, ", ".join(self.config.sources))
        await self._patiently(lambda: self._wire.prepare(self._records()))
        secrets_of(settings)  # what is wrong with the secret is said before Kafka is waited for
        self.receiver.sealer = await self._patiently(lambda: sealer_for(settings, "gateway"))
        remember = self.config.remember
        since_ms = self._clock_ms() - round(remember.hours * HOUR_MS)
        await self.acceptor.start(self.topics, max(0, since_ms), remember.ids)
        self.pollers.start()

    async def stop(self) -> None:
        """Take nothing new, answer what is on its way, end."""
        self.doors.stopping = True
        await self.pollers.stop()
        if self._listening is not None:
            self._listening.close()
        if self._server is not None:
            self._server.pre_shutdown()  # connections end after the answer that they wait for
        await self.acceptor.close(STOP_SECONDS - CLOSE_SECONDS)
        if self._server is not None:
            await self._server.shutdown(CLOSE_SECONDS)
        if self._beating is not None:
            self._beating.cancel()
        if self._web is not None:
            await self._web.cleanup()
        if self.receiver.sealer is not None:
            await asyncio.to_thread(self.receiver.sealer.close)
        if self.receiver.tracer is not None:
            await asyncio.to_thread(self.receiver.tracer.close)

    def is_live(self) -> bool:
        return time.monotonic() - self._beat_at < STUCK_SECONDS

    async def _beat(self) -> None:
        while True:
            self._beat_at = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)

    def _records(self) -> Iterator[type[Record]]:
        """What it writes."""
        for topic in self.topics:
            yield TYPES[str(TOPIC[topic].record)]

    @staticmethod
    async def _patiently(ask: Callable[[], Made]) -> Made:
        """What a blocking call gives, in a thread, as soon as Kafka or the registry answers."""
        while True:
            try:
                return await asyncio.to_thread(ask)
            except LoginRefused:
                raise
            except (BrokerUnreachable, RegistryUnreachable) as error:
                log.warning("%s", error)
                await asyncio.sleep(AGAIN_SECONDS)


@contextlib.contextmanager
def _taken(host: str, port: int, setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadSettings(
            f"{variable(setting)} is {port}, expected a free port of {host}, but: {error.strerror or error}."
        ) from error


def config_of(settings: Settings, path: Path | None = None) -> GatewayConfig:
    """The configuration of a path, or else of the settings. Raises BadSettings, BadGatewayConfig."""
    chosen = path or settings.gateway_config
    if chosen is None:
        raise BadSettings(
            f"{variable('gateway_config')} is not set, expected the gateway's YAML file: name it there or on the"
            " command line; deploy/gateway/gateway.yaml is an example."
        )
    return load_config(chosen)


def run_gateway(settings: Settings, config: GatewayConfig) -> None:
    """Serve until a signal."""
    set_up_logging(settings.log_level)
    uvloop.run(_run(settings, config))


async def _run(settings: Settings, config: GatewayConfig) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    gateway = Gateway(settings, config)
    starting = asyncio.create_task(gateway.start())
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        await waiting
    finally:
        waiting.cancel()
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await starting
        await gateway.stop()
