"""A process of Leadlane: a Faust app around one long-running thing that has Kafka clients of its own.

Faust gives the process its life: start and stop of services, signals, logging, the web server. It does not touch Kafka
here (docs/decisions/0001-the-lane-is-not-a-faust-agent.md, 0011-the-lab-reads-like-a-lane.md).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol, cast

import faust
import uvloop
from faust.app.base import BootStrategy
from faust.web import Request, Response, View
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST

from streams import metrics
from streams.logs import set_up_logging
from streams.settings import Settings

STOP_SECONDS = 9.0


class Hosted(Protocol):
    """What a process runs."""

    async def run(self) -> None:
        """Work until `stop()`; raises what ended it otherwise."""

    def stop(self) -> None:
        """Ask for an orderly end."""

    def is_live(self) -> bool:
        """False if a restart is the cure."""

    def not_ready(self) -> str | None:
        """What is missing, for a person; None if nothing is."""


class HostedService(Service):
    """One hosted thing as a service of a Faust app; made when the event loop runs."""

    def __init__(self, make: Callable[[], Hosted], **more: Any) -> None:
        super().__init__(**more)
        self.failure: BaseException | None = None
        self.on_end: Callable[[], object] = lambda: None
        self.hosted: Hosted | None = None
        self._make = make
        self._running: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        self.hosted = self._make()
        self._running = asyncio.create_task(self.hosted.run())
        self._running.add_done_callback(self._ended)

    async def on_stop(self) -> None:
        if self.hosted is not None and self._running is not None:
            self.hosted.stop()
            await asyncio.wait([self._running], timeout=STOP_SECONDS)

    def _ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled():
            self.failure = running.exception()
        if not self.should_stop:
            self.on_end()


class WithoutKafka(BootStrategy):
    """Sensors and web only."""

    enable_kafka = False


class HostingApp(faust.App):
    """A Faust app that keeps nothing on disk."""

    BootStrategy = WithoutKafka

    async def on_first_start(self) -> None:
        """Faust would make a data folder for tables here."""

    async def _wait_for_table_recovery_completed(self) -> bool:
        return False  # there are no tables, so there is nothing to wait for


def hosting_app(name: str, settings: Settings, web_port: int, service: HostedService, stuck: str) -> faust.App:
    """The app that hosts the service and serves /live, /ready and /metrics; `stuck` is what /live says then."""
    app = HostingApp(
        name,
        broker=[f"kafka://{broker}" for broker in settings.brokers.split(",")],
        autodiscover=False,
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=web_port or 1,  # Faust wants a port even where nothing is served
        web_enabled=web_port != 0,
        web_metrics_enabled=False,
    )
    app.service(cast(Any, service))  # Faust takes an instance as well as a class, its types do not say so

    @app.page("/live", name="live")
    async def live(web: View, _: Request) -> Response:
        ok = service.hosted is not None and service.hosted.is_live()
        return web.text("live" if ok else stuck, status=200 if ok else 503)

    @app.page("/ready", name="ready")
    async def ready(web: View, _: Request) -> Response:
        problem = "not started" if service.hosted is None else service.hosted.not_ready()
        return web.text(problem or "ready", status=503 if problem else 200)

    @app.page("/metrics", name="metrics")
    async def exposition(web: View, _: Request) -> Response:
        return web.bytes(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return app


def run_app(settings: Settings, make_app: Callable[[], tuple[faust.App, HostedService]]) -> None:
    """Run an app until a signal; raises what ended its service otherwise."""
    asyncio.set_event_loop(loop := uvloop.new_event_loop())
    app, service = make_app()
    set_up_logging(settings.log_level)
    faust_worker = faust.Worker(app, loop=loop, quiet=True, redirect_stdouts=False, override_logging=False)
    faust_worker.spinner = None  # a log is no terminal
    service.on_end = lambda: loop.create_task(faust_worker.stop())
    with contextlib.suppress(SystemExit):  # Faust's way to end; the code says nothing about the service
        faust_worker.execute_from_commandline()
    if service.failure is not None:
        raise service.failure
