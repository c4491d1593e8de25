"""What stands around a demo: a gateway that a platform sends to, and a sink that delivers to another one.

Law of this module: gateway and sink are the real processes, configured as deploy/gateway/cloudevents.yaml says and by a
file of targets; only the two platforms are ours. They do what platforms do: repeat, mistype, refuse and fail now and
then.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple

from streams.dashboards.board import ROOT
from streams.dashboards.watched import Watched
from streams.demo.worker import LOOPBACK, GatewayProcess, SinkProcess, free_port, running, scrape_targets

RULES = ROOT / "deploy" / "gateway" / "cloudevents.yaml"
LANES = 4  # of a demo
PAUSE_SECONDS = 0.05  # between two requests
ANSWER_SECONDS = 10.0
FAILS_EACH, REFUSES_EACH = 40, 400  # deliveries of which one is answered 500, 422
SINK = """\
targets:
  marketing:
    url: {url}
    deliver:
      cadences.commands:
      leads.routed:
    secrets: [{{env: NEIGHBOUR_SECRET}}]
    retry: {{first_seconds: 0.2, most_seconds: 5}}
"""


class Edges(NamedTuple):
    """The gateway's address and token, and how it answered."""

    url: str
    token: str
    answers: Counter[int]

    def post(self, record: str, data: dict[str, Any], id_: str, token: str | None = None) -> int:
        """Send a CloudEvent; the status of the answer, 0 for none."""
        body = {"specversion": "1.0", "id": id_, "source": "/neighbour", "type": f"leadlane.{record}", "data": data}
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/cloudevents+json"}
        asked = urllib.request.Request(self.url, json.dumps(body).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        self.answers[status] += 1
        return status


@contextmanager
def neighbours(watched: Watched) -> Iterator[Edges]:
    """Gateway, sink and the platforms around the demo, scraped as well; all end with the block."""
    folder = watched.folder
    token, secret = base64.b64encode(os.urandom(32)).decode(), base64.b64encode(os.urandom(32)).decode()
    with a_target() as target:
        targets = folder / "sink.yaml"
        targets.write_text(SINK.format(url=target), "utf-8")
        port = free_port()
        gateway = GatewayProcess(
            watched.brokers, LANES, folder / "gateway.log", CLOUDEVENTS_TOKEN=token,
            LEADLANE_GATEWAY_CONFIG=str(RULES), LEADLANE_GATEWAY_PORT=str(port),
        )  # fmt: skip
        sink = SinkProcess(
            watched.brokers, LANES, folder / "sink.log", NEIGHBOUR_SECRET=f"whsec_{secret}",
            LEADLANE_SINK_CONFIG=str(targets),
        )  # fmt: skip
        with running(gateway, sink):
            (watched.targets / "edges.json").write_text(scrape_targets(gateway, sink), "utf-8")
            edges = Edges(f"http://{LOOPBACK}:{port}/v1/events", token, Counter())
            with _sending(edges):
                yield edges


@contextmanager
def a_target() -> Iterator[str]:
    """A webhook that takes nearly all that comes; its URL."""
    numbers = count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            number = next(numbers)
            status = 422 if number % REFUSES_EACH == 0 else 500 if number % FAILS_EACH == 0 else 204
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _sending(edges: Edges) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(edges, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(edges: Edges, stop: threading.Event) -> None:
    """Scores and clicks of leads of its own, some repeated, some with a wrong token, some that nobody can map."""
    for number in count():
        if stop.wait(PAUSE_SECONDS):
            return
        lead, at = f"edge-{number % 200}", datetime.now(UTC).isoformat()
        id_ = f"n-{number - (number % 20 == 19)}"
        with suppress(ValueError):
            if number % 3:
                edges.post("ActivitySignal", {"lead_id": lead, "kind": "clicked", "occurred_at": at}, id_)
            elif number % 60 == 30:
                edges.post("NoSuchRecord", {"lead_id": lead}, id_)
            else:
                wrong = "wrong" if number % 50 == 0 else None
                score = {"lead_id": lead, "kind": "fit", "value": number % 101, "occurred_at": at}
                edges.post("ScoreSignal", score, id_, wrong)
