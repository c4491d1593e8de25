"""How many signed webhook requests a gateway on one core takes, each answered when every replica has its records.

The gateway has a core for itself; wrk and the broker share another. Requests are signed before the clock runs, every
one with events of its own, so nothing is a duplicate; afterwards the topics are counted.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from streams.errors import LeadlaneError
from streams.kafka import admin
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.settings import Settings, load_settings
from streams.topics import SCORES

SECRET = "a-secret-of-a-bench"
HOST = "hooks.example.com"
PORT = 18_480
SCRIPT = Path(__file__).with_name("wrk.lua")
READY_SECONDS = 30.0
MOST_PER_SECOND = 12_000  # requests that are made for each second of one event each
LEADS = 20_000
CONFIG = f"""\
public_url: https://{HOST}
sources:
  hubspot:
    platform: hubspot
    options: {{secrets: [{{env: BENCH_SECRET}}]}}
    lead_id: {{path: data.objectId, prefix: hubspot-}}
    rules:
      - name: score
        when: {{kind: contact.propertyChange, data.propertyName: hubspotscore}}
        topic: signals.scores
        fields: {{kind: {{const: vendor}}, value: {{path: data.propertyValue, clamp: [0, 100]}}}}
"""


class BenchImpossible(LeadlaneError):
    """Something that the measurement needs is not there."""


def run_gateway_bench(seconds: float, connections: int, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Requests per second and their latency, with one event per request and with a hundred."""
    if (wrk := shutil.which("wrk")) is None:
        raise BenchImpossible("wrk is not installed, expected it on the path. Debian has it: `apt-get install wrk`.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchImpossible(
            f"there is {len(cores)} core, expected two: one for the gateway, one for wrk and the broker."
        )
    os.sched_setaffinity(0, cores[1:2])  # for the broker and wrk too, which inherit it
    try:
        with (
            tempfile.TemporaryDirectory(prefix="leadlane-bench-") as made,
            EmbeddedBroker(data_dir=Path(made) / "kafka", heap="512m") as broker,
        ):
            settings = load_settings(brokers=broker.bootstrap)
            admin.apply(settings)
            single = _measured(wrk, settings, Path(made), cores[0], seconds, connections, 1, say)
            # As HubSpot does by default: ten requests at a time.
            batched = _measured(wrk, settings, Path(made), cores[0], seconds, min(connections, 10), 100, say)
    finally:
        os.sched_setaffinity(0, cores)
    return {"requests_per_second": single["requests_per_second"], "one_event": single, "hundred_events": batched}


def _measured(
    wrk: str,
    settings: Settings,
    folder: Path,
    core: int,
    seconds: float,
    connections: int,
    events: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """A gateway of its own, warmed up, then measured."""
    say(f"{events} events per request: signing")
    with _gateway(settings, folder, core) as process:
        before = _written(settings)
        warm = _wrk(wrk, _file(folder, 2, events, f"w{events}"), 1, connections)
        file = _file(folder, seconds, events, f"m{events}")
        say(f"{events} events per request: measuring for {seconds:g} s")
        cpu = _cpu_seconds(process.pid)
        found = _wrk(wrk, file, seconds, connections)
        cpu = _cpu_seconds(process.pid) - cpu
    if found["bad"] or found["broken"]:
        raise BenchImpossible(f"{found['bad']} answers were no 2xx and {found['broken']} broke, expected none.")
    written = _written(settings) - before
    least = (found["requests"] + warm["requests"] - warm["bad"]) * events
    if not least <= written <= least + 4 * connections * events:  # wrk ends with requests on their way
        raise BenchImpossible(
            f"{written:,} records are on the topic, expected {least:,}: one for each event answered 2xx."
        )
    return {
        "requests_per_second": round(found["requests"] / found["seconds"]),
        "events_per_second": round(found["requests"] * events / found["seconds"]),
        "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"],
        "max_ms": found["max_ms"],
        "core_share": round(cpu / found["seconds"], 2),
        "connections": connections,
    }


@contextlib.contextmanager
def _gateway(settings: Settings, folder: Path, core: int) -> Iterator[subprocess.Popen[bytes]]:
    config = folder / "gateway.yaml"
    config.write_text(CONFIG)
    command = [
        sys.executable, "-m", "streams.cli", "gateway", "run", str(config), "--brokers", settings.brokers,
        "--port", str(PORT), "--web-port", "0",
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "BENCH_SECRET": SECRET})
    try:
        os.sched_setaffinity(process.pid, [core])  # before it has started a thread
        _wait_until_taking(process)
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_until_taking(process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            body, headers = _signed([{**_event(0, "probe"), "objectId": 1}])
            connection.request("POST", "/v1/hubspot", body, headers)
            if connection.getresponse().status == 200:
                return
    raise BenchImpossible(f"the gateway takes nothing after {READY_SECONDS:.0f} s; its log stands above.")


def _wrk(wrk: str, file: Path, seconds: float, connections: int) -> dict[str, Any]:
    done = subprocess.run(
        [
            wrk,
            "-t1",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "--timeout",
            "10s",
            "-s",
            str(SCRIPT),
            f"http://127.0.0.1:{PORT}/",
            "--",
            str(file),
        ],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _file(folder: Path, seconds: float, events: int, run: str) -> Path:
    """Whole HTTP requests, each after its length: more than can be sent in the time."""
    count = round(seconds * max(600, MOST_PER_SECOND // events))
    file = folder / "requests"
    with open(file, "wb") as out:
        for number in range(count):
            body, headers = _signed([_event(number * events + place, run) for place in range(events)])
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            whole = (
                f"POST /v1/hubspot HTTP/1.1\r\nHost: {HOST}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            out.write(b"%d\n" % len(whole) + whole)
    return file


def _event(number: int, run: str) -> dict[str, Any]:
    return {
        "eventId": number, "subscriptionId": run, "portalId": 62515, "appId": 54321, "occurredAt": 1_764_000_000_000,
        "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": number % LEADS,
        "propertyName": "hubspotscore", "propertyValue": str(number % 100), "changeSource": "CRM",
    }  # fmt: skip


def _signed(events: list[dict[str, Any]]) -> tuple[bytes, dict[str, str]]:
    body, stamp = json.dumps(events, separators=(",", ":")).encode(), str(time.time_ns() // 1_000_000)
    signed = f"POSThttps://{HOST}/v1/hubspot".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
    return body, {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": signature,
        "X-HubSpot-Request-Timestamp": stamp,
    }


def _written(settings: Settings) -> int:
    with Reader(settings) as reader:
        bounds = [reader.bounds(SCORES.name, partition) for partition in range(reader.partitions(SCORES.name))]
    return sum(high for _, high in bounds)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
