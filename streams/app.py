"""Composition root: the Faust apps and what runs in them. No autodiscovery, no work at import."""

from __future__ import annotations

import faust

from streams.hosting import HostedService, hosting_app, run_app
from streams.kafka.access import login_explained
from streams.kafka.security import aiokafka_security
from streams.lane.job import Job, LaneSettings, load_job
from streams.lane.worker import Worker
from streams.settings import Settings
from streams.tracing import tracer_for

PIPELINE = "streams.lane.pipeline:job"


def lane_settings(settings: Settings) -> LaneSettings:
    """What the lanes need of the settings."""
    names = set(LaneSettings.__dataclass_fields__) & set(Settings.model_fields)
    return LaneSettings(security=aiokafka_security(settings), **{name: getattr(settings, name) for name in names})


def run_worker(settings: Settings, processor: str = PIPELINE) -> None:
    """Run the lanes that the group gives to this process until a signal; raises what ended it otherwise."""
    lanes = lane_settings(settings)
    job = load_job(processor, lanes)
    if (tracer := tracer_for(settings, "worker")) is not None:
        job = job._replace(on_commit=tracer.decided)
    with login_explained(settings):
        run_app(settings, lambda: worker_app(settings, lanes, job))


def run_lab(settings: Settings) -> None:
    """Learn from outcomes until a signal; raises what ended it otherwise."""
    from streams.lab.app import lab_app  # here, so that a worker does not load what only the lab needs

    lanes = lane_settings(settings)
    with login_explained(settings):
        run_app(settings, lambda: lab_app(settings, lanes))


def worker_app(settings: Settings, lanes: LaneSettings, job: Job) -> tuple[faust.App, HostedService]:
    """The app that hosts the lanes of one process."""
    service = HostedService(lambda: Worker(lanes, job))
    return hosting_app(settings.app_id, settings, settings.web_port, service, "a lane is stuck"), service
