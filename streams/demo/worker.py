"""`leadlane worker`, `lab`, `gateway` and `sink` in processes of their own, as in earnest: none shares a Python."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from streams.errors import NotReady

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
LOG_TAIL_LINES = 15
LOOPBACK = "127.0.0.1"


class Process:
    """A running `leadlane COMMAND` with a web port. Use as a context manager; it is ready when that is entered."""

    command: str
    arguments: tuple[str, ...] = ()
    port_variable: str

    def __init__(self, brokers: str, lanes: int, log_file: Path, app_id: str | None = None, **more: str) -> None:
        """`more`: other settings, by their environment variables."""
        self.log_file = log_file
        self._port = free_port()
        self._environment = os.environ | {
            "LEADLANE_BROKERS": brokers,
            "LEADLANE_LANES": str(lanes),
            "LEADLANE_SLOT": "demo",
            "LEADLANE_WEB_HOST": LOOPBACK,
            self.port_variable: str(self._port),
            **({"LEADLANE_APP_ID": app_id} if app_id else {}),
            **more,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Let it start; see `running`."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", self.command, *self.arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the demo, and the demo ends the process
            )

    def __enter__(self) -> Self:
        self.begin()
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    def must_run(self) -> None:
        """Raises NotReady with the log's tail when the worker has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise NotReady(f"the {self.command} ended with exit code {self._process.returncode}. {self._tail()}")

    def exposition(self) -> str:
        """Its metrics, in the Prometheus text format."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())

    def ended(self, seconds: float) -> int:
        """Its exit code; it must end by itself within `seconds`."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it as the kernel does: at once, without a word."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.must_run()
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=ANSWER_SECONDS):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_SECONDS)
        raise NotReady(f"the {self.command} is not ready after {READY_SECONDS:.0f} s. {self._tail()}")

    def _tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"Its log, {self.log_file}, ends with:\n" + "\n".join(f"  | {line}" for line in lines)


class WorkerProcess(Process):
    """A running worker."""

    command = "worker"
    port_variable = "LEADLANE_WEB_PORT"

    def outcomes(self) -> Counter[str]:
        """How many input records ended how, as /metrics says: decided, quiet, duplicate, dead_letter ..."""
        return outcomes_from(self.exposition())


class LabProcess(Process):
    """A running lab."""

    command = "lab"
    port_variable = "LEADLANE_LAB_WEB_PORT"

    def examples(self) -> int:
        """How many it has learned, as /metrics says."""
        return self._figure("leadlane_lab_examples")

    def versions(self) -> int:
        """How many it has published."""
        return self._figure("leadlane_lab_snapshots_total")

    def snapshot(self) -> str:
        """Publish what is learned now; the version, or why there is none."""
        asked = urllib.request.Request(f"{self.url}/snapshot", method="POST")
        with urllib.request.urlopen(asked, timeout=READY_SECONDS) as answer:
            return str(answer.read().decode())

    def _figure(self, name: str) -> int:
        found = re.search(rf"^{name} (\S+)$", self.exposition(), re.M)
        return int(float(found[1])) if found else 0


class GatewayProcess(Process):
    """A running gateway."""

    command = "gateway"
    arguments = ("run",)
    port_variable = "LEADLANE_GATEWAY_WEB_PORT"


class SinkProcess(Process):
    """A running HTTP sink."""

    command = "sink"
    arguments = ("http",)
    port_variable = "LEADLANE_SINK_WEB_PORT"


def scrape_targets(*processes: Process) -> str:
    """Where they serve their metrics, as a file of targets for Prometheus (file_sd), JSON."""
    groups = [
        {"targets": [process.url.removeprefix("http://")], "labels": {"job": process.command}} for process in processes
    ]
    return json.dumps(groups, indent=1) + "\n"


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Started at the same time, ready when this is entered, stopped when it is left."""
    try:
        for process in processes:
            process.begin()
        for process in processes:
            process.wait_until_ready()
        yield
    finally:
        for process in processes:
            process.stop()


def outcomes_from(exposition: str) -> Counter[str]:
    """leadlane_events_total by outcome, timers left out."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "leadlane_events_total" and sample.labels["topic"] != "lane.tick":
                found[sample.labels["outcome"]] += int(sample.value)
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])
