"""One `leadlane worker` in a process of its own, as in earnest: its work and the demo's do not share a Python."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from types import TracebackType

from prometheus_client.parser import text_string_to_metric_families

from streams.errors import NotReady

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
LOG_TAIL_LINES = 15
LOOPBACK = "127.0.0.1"


class WorkerProcess:
    """A running worker. Use as a context manager; it is ready when that is entered."""

    def __init__(self, brokers: str, lanes: int, log_file: Path, app_id: str | None = None) -> None:
        self.log_file = log_file
        self._port = _free_port()
        self._environment = os.environ | {
            "LEADLANE_BROKERS": brokers,
            "LEADLANE_LANES": str(lanes),
            "LEADLANE_SLOT": "demo",
            "LEADLANE_WEB_HOST": LOOPBACK,
            "LEADLANE_WEB_PORT": str(self._port),
            **({"LEADLANE_APP_ID": app_id} if app_id else {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> WorkerProcess:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the demo, and the demo ends the worker
            )
        try:
            self._wait_until_ready()
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
            raise NotReady(f"the worker ended with exit code {self._process.returncode}. {self._tail()}")

    def outcomes(self) -> Counter[str]:
        """How many input records ended how, as /metrics says: decided, quiet, duplicate, dead_letter ..."""
        return outcomes_from(self.exposition())

    def exposition(self) -> str:
        """Its metrics, in the Prometheus text format."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())

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

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.must_run()
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=ANSWER_SECONDS):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_SECONDS)
        raise NotReady(f"the worker is not ready after {READY_SECONDS:.0f} s. {self._tail()}")

    def _tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"Its log, {self.log_file}, ends with:\n" + "\n".join(f"  | {line}" for line in lines)


def outcomes_from(exposition: str) -> Counter[str]:
    """leadlane_events_total by outcome, timers left out."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "leadlane_events_total" and sample.labels["topic"] != "lane.tick":
                found[sample.labels["outcome"]] += int(sample.value)
    return found


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])
