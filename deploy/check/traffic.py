"""What goes into the gateway and comes out of the sink during the check."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


class Receiver:
    """A webhook on the loopback address: `leads` and `keys` (idempotency keys) in the order in which they came."""

    def __init__(self) -> None:
        self.leads: list[str] = []
        self.keys: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.keys.append(self.headers["webhook-id"])
                receiver.leads += re.findall(r'"lead_id": ?"([^"]+)"', body.decode())[:1]
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the check says what counts."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(port: int, token: str, leads: set[str]) -> None:
    """One webhook for each lead, again until it is taken: what is answered 2xx must come out."""
    for lead in leads:
        body = {"lead": lead, "kind": "fit", "value": 90}
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": lead,
            "ce-source": "check",
            "ce-type": "score",
        }
        request = Request(f"http://127.0.0.1:{port}/v1/events", json.dumps(body).encode(), headers, method="POST")
        for _ in range(100):
            try:
                with urlopen(request, timeout=10) as answer:
                    assert answer.status in (200, 202, 204), answer.status
                break
            except HTTPError as error:
                if error.code != 503:
                    raise SystemExit(f"the gateway answered {error.code}: {error.read().decode()}") from error
                time.sleep(0.1)
        else:
            raise SystemExit(f"the gateway did not take {lead}")


def routed(broker: str, leads: set[str]) -> list[str]:
    """The ids (`ce_id`) of all records on leads.routed about these leads, as a read_committed consumer sees them."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": broker, "group.id": "check", "enable.auto.commit": False})
    found = []
    try:
        parts = consumer.list_topics("leads.routed", timeout=10).topics["leads.routed"].partitions
        for part in parts:
            low, high = consumer.get_watermark_offsets(TopicPartition("leads.routed", part), timeout=10)
            consumer.assign([TopicPartition("leads.routed", part, low)])
            while consumer.position([TopicPartition("leads.routed", part)])[0].offset < high:
                message = consumer.poll(0.5)
                if message is None:
                    break  # the rest are marks of transactions
                if message.key().decode() in leads:
                    found.append(dict(message.headers())["ce_id"].decode())
    finally:
        consumer.close()
    return found


def value_of(url: str, metric: str = "") -> float | None:
    """The sum of a metric, or 1 for a page that answers 200; None if it does not."""
    try:
        with urlopen(url, timeout=2) as answer:
            text = answer.read().decode()
    except (HTTPError, URLError, OSError):
        return None
    if not metric:
        return 1.0
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{metric}[ {{]", line))
