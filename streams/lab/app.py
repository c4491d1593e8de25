"""The Faust app of `leadlane lab`: /live, /ready, /metrics, and POST /snapshot."""

from __future__ import annotations

import faust
from faust.web import Request, Response, View

from streams.hosting import HostedService, hosting_app
from streams.lab.lab import Lab
from streams.lane.job import LaneSettings
from streams.settings import Settings

NAME = "lab"


def lab_app(settings: Settings, lanes: LaneSettings) -> tuple[faust.App, HostedService]:
    """The app that hosts the lab of one line."""
    service = HostedService(lambda: Lab(settings, lanes))
    app = hosting_app(f"{settings.app_id}-{NAME}", settings, settings.lab_web_port, service, "the lab is stuck")

    @app.page("/snapshot", name="snapshot")
    class Snapshot(View):
        """Publish what is learned now, whatever the interval says."""

        async def post(self, _: Request) -> Response:
            lab = service.hosted
            if not isinstance(lab, Lab) or lab.not_ready():
                return self.text("the lab is not ready", status=503)
            return self.text(await lab.snapshot())

    return app, service
