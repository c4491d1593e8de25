"""Deliveries per second of one sink process to a webhook on this machine.

    python -m streams.bench.deliver [RECORDS [CONCURRENCY]]

Starts an embedded Kafka, a webhook that only answers, and `leadlane sink http` on a topic with that many commands of
5,000 leads. Prints one JSON object: records, seconds, per_second, per_cpu_second, rss_mb.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import cast

import uvloop

from streams.core.effects import CommandCadence
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.sender import Sender
from streams.settings import load_settings
from streams.topics import CADENCES

RECORDS, CONCURRENCY, LEADS = 60_000, 16, 5_000
LOOK_SECONDS = 0.2
LIMIT_SECONDS = 60.0
PORT, WEB_PORT = 18_556, 18_557
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
END = b"\r\n\r\n"


class Webhook(asyncio.Protocol):
    """Reads requests whose length is said, answers each with 204."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._waiting = cast(asyncio.Transport, transport), b""  # uvloop's is none of its classes

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (head := self._waiting.find(END)) >= 0:
            lines = self._waiting[:head].lower().split(b"\r\n")
            body = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            if len(self._waiting) < head + len(END) + body:
                return
            self._waiting = self._waiting[head + len(END) + body :]
            self._transport.write(ANSWER)


async def receive() -> None:
    server = await asyncio.get_running_loop().create_server(Webhook, "127.0.0.1", PORT)
    await server.serve_forever()


def fill(brokers: str, records: int) -> None:
    settings = load_settings(brokers=brokers)
    admin.apply(settings)
    sender, wire, now = Sender(settings), wire_for(settings), int(time.time() * 1000)
    for number in range(records):
        command = CommandCadence(
            lead_id=f"lead-{number % LEADS}", decision_id=f"signals.ooto-1-{number}", command="pause", holds=(),
            command_id=f"signals.ooto-1-{number}-pause", reason="ooo", until=now, not_before=None, issued_at=now,
        )  # fmt: skip
        headers = wire.headers(command, 0, now)
        sender.send(CADENCES.name, command.lead_id.encode(), wire.encode(command), headers)
    sender.flush()


def metric(name: str) -> float:
    """A figure of the running sink, summed over its labels; 0 while it does not answer."""
    with suppress(urllib.error.URLError, OSError):
        with urllib.request.urlopen(f"http://127.0.0.1:{WEB_PORT}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
    return 0.0


def measure(records: int, concurrency: int, folder: Path) -> dict[str, float]:
    (file := folder / "sink.yaml").write_text(
        f"targets: {{bench: {{url: 'http://127.0.0.1:{PORT}/', deliver: {{{CADENCES.name}: }}, "
        f"secrets: [{{env: BENCH_SECRET}}], concurrency: {concurrency}}}}}\n"
    )
    webhook = subprocess.Popen([sys.executable, "-m", "streams.bench.deliver", "receive"])
    with EmbeddedBroker() as broker:
        fill(broker.bootstrap, records)
        command = [sys.executable, "-m", "streams.cli", "sink", "http", "--config", str(file)]
        secret = b64encode(os.urandom(32)).decode()
        sink = subprocess.Popen(
            [*command, "--web-port", str(WEB_PORT), "--brokers", broker.bootstrap],
            env={**os.environ, "BENCH_SECRET": secret, "LEADLANE_LOG_LEVEL": "warning"},
        )
        try:
            return _watched(records)
        finally:
            sink.terminate()
            sink.wait()
            webhook.terminate()
            webhook.wait()


def _watched(records: int) -> dict[str, float]:
    """Figures from the first look at which something was delivered to the last."""
    deadline, delivered = time.monotonic() + LIMIT_SECONDS, 'leadlane_sink_records_total{outcome="delivered"'
    while not (first := metric(delivered)):
        if time.monotonic() > deadline:
            raise SystemExit("nothing was delivered")
        time.sleep(LOOK_SECONDS)
    began, cpu = time.monotonic(), metric("process_cpu_seconds_total")
    while (now := metric(delivered)) < records and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    seconds, cpu = time.monotonic() - began, metric("process_cpu_seconds_total") - cpu
    return {
        "records": now,
        "seconds": round(seconds, 2),
        "per_second": round((now - first) / seconds),
        "per_cpu_second": round((now - first) / cpu),
        "rss_mb": round(metric("process_resident_memory_bytes") / 1e6),
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["receive"]:
        with suppress(KeyboardInterrupt):
            uvloop.run(receive())
    else:
        given = [int(argument) for argument in sys.argv[1:3]]
        count, at_once = given + [RECORDS, CONCURRENCY][len(given) :]
        with tempfile.TemporaryDirectory() as temporary:
            print(json.dumps(measure(count, at_once, Path(temporary))))
