"""Composition root: the Faust apps and what runs in them. No autodiscovery, no work at import.

Faust gives the worker process its life: start and stop of services, signals, logging, the web server. It does not
touch Kafka here: the lanes have their own clients (docs/decisions say why).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

import faust
import uvloop
from faust.app.base import BootStrategy
from faust.web import Request, Response, View
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST

from streams import metrics
from streams.kafka.security import aiokafka_security
from streams.lane.job import Job, LaneSettings, load_job
from streams.lane.worker import Worker
from streams.logs import set_up_logging
from streams.settings import Settings

PIPELINE = "streams.lane.pipeline:job"
STOP_SECONDS = 9.0


def lane_settings(settings: Settings) -> LaneSettings:
    """What the lanes need of the settings."""
    names = set(LaneSettings.__dataclass_fields__) & set(Settings.model_fields)
    return LaneSettings(security=aiokafka_security(settings), **{name: getattr(settings, name) for name in names})


def run_worker(settings: Settings, processor: str = PIPELINE) -> None:
    """Run the lanes that the group gives to this process until a signal; raises what ended it otherwise."""
    lanes = lane_settings(settings)
    job = load_job(processor, lanes)
    asyncio.set_event_loop(loop := uvloop.new_event_loop())
    service = LaneService(lanes, job)
    app = worker_app(settings, service)
    set_up_logging(settings.log_level)
    faust_worker = faust.Worker(app, loop=loop, quiet=True, redirect_stdouts=False, override_logging=False)
    faust_worker.spinner = None  # a log is no terminal
    service.on_end = lambda: loop.create_task(faust_worker.stop())
    with contextlib.suppress(SystemExit):  # Faust's way to end; the code says nothing about the lanes
        faust_worker.execute_from_commandline()
    if service.failure is not None:
        raise service.failure


class LaneService(Service):
    """The lanes as a service of a Faust app."""

    def __init__(self, settings: LaneSettings, job: Job, **more: Any) -> None:
        super().__init__(**more)
        self.failure: BaseException | None = None
        self.on_end: Callable[[], object] = lambda: None
        self._settings, self._job = settings, job
        self.worker: Worker | None = None
        self._running: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        self.worker = Worker(self._settings, self._job)
        self._running = asyncio.create_task(self.worker.run())
        self._running.add_done_callback(self._ended)

    async def on_stop(self) -> None:
        if self.worker is not None and self._running is not None:
            self.worker.stop()
            await asyncio.wait([self._running], timeout=STOP_SECONDS)

    def _ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled():
            self.failure = running.exception()
        if not self.should_stop:
            self.on_end()


class WithoutKafka(BootStrategy):
    """Sensors and web only."""

    enable_kafka = False


class WorkerApp(faust.App):
    """A Faust app that keeps nothing on disk."""

    BootStrategy = WithoutKafka

    async def on_first_start(self) -> None:
        """Faust would make a data folder for tables here."""

    async def _wait_for_table_recovery_completed(self) -> bool:
        return False  # there are no tables, so there is nothing to wait for


def worker_app(settings: Settings, service: LaneService) -> faust.App:
    """The app that hosts the lanes and serves /live, /ready and /metrics."""
    app = WorkerApp(
        settings.app_id,
        broker=[f"kafka://{broker}" for broker in settings.brokers.split(",")],
        autodiscover=False,
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=settings.web_port or 1,  # Faust wants a port even where nothing is served
        web_enabled=settings.web_port != 0,
        web_metrics_enabled=False,
    )
    app.service(cast(Any, service))  # Faust takes an instance as well as a class, its types do not say so

    @app.page("/live", name="live")
    async def live(web: View, _: Request) -> Response:
        ok = service.worker is not None and service.worker.is_live()
        return web.text("live" if ok else "a lane is stuck", status=200 if ok else 503)

    @app.page("/ready", name="ready")
    async def ready(web: View, _: Request) -> Response:
        problem = "not started" if service.worker is None else service.worker.not_ready()
        return web.text(problem or "ready", status=503 if problem else 200)

    @app.page("/metrics", name="metrics")
    async def exposition(web: View, _: Request) -> Response:
        return web.bytes(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return app
