"""The sink as a process: health, metrics, signals."""

from __future__ import annotations

import faust

from streams.hosting import HostedService, hosting_app
from streams.settings import Settings
from streams.sink.config import SinkConfig
from streams.sink.sink import Sink


def sink_app(settings: Settings, config: SinkConfig) -> tuple[faust.App, HostedService]:
    """The app that hosts the sink of one process."""
    service = HostedService(lambda: Sink(settings, config))
    app = hosting_app(f"{settings.app_id}-sink", settings, settings.sink_web_port, service, "the sink is stuck")
    return app, service
