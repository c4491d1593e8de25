"""A real Prometheus that looks on while something runs here, with the rules of deploy/, and questions to it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.dashboards.board import ROOT
from streams.demo.worker import free_port
from streams.errors import NotReady

CONFIGURATION = ROOT / "deploy" / "prometheus"
INSTALL = "on Debian and Ubuntu: apt install prometheus"
LOOPBACK = "127.0.0.1"
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 30.0, 10.0, 30.0


class Series(NamedTuple):
    """What one series answers: (seconds since 1970, value), oldest first."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class Prometheus:
    """Questions to a Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, expr: str, at: float | None = None) -> list[Series]:
        """The answer now, or at a time."""
        found = self._get("query", {"query": expr, **({} if at is None else {"time": f"{at:.3f}"})})["result"]
        return [Series(one["metric"], _points([one["value"]])) for one in found]

    def ask_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """The answer over a time."""
        given = {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return [Series(one["metric"], _points(one["values"])) for one in self._get("query_range", given)["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health and last error."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """Everything that is scraped, with its health."""
        found: list[dict[str, Any]] = self._get("targets", {"state": "active"})["activeTargets"]
        return found

    def _get(self, what: str, given: dict[str, str]) -> Any:
        asked = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(given)}"
        try:
            with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{given.get('query', what)}: {json.load(error)['error']}") from error


def resolved(expr: str, interval: str = "1m", range_: str = "1h") -> str:
    """An expression of a dashboard as Grafana would send it with everything chosen."""
    expr = expr.replace("$__rate_interval", interval).replace("$__range", range_)
    return re.sub(r'"\$\w+"', '".*"', expr)


@contextmanager
def looking_on(folder: Path, *targets: Path, every: str = "1s") -> Iterator[Prometheus]:
    """A Prometheus of the configuration of deploy/, with these files of targets; its data and log lie in `folder`.

    Raises NotReady when there is no Prometheus on this machine, or it does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise NotReady(f"prometheus is not installed; {INSTALL}")
    port = free_port()
    _configure(folder, targets, every, port)
    log = folder / "prometheus.log"
    command = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
               f"--web.listen-address={LOOPBACK}:{port}"]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_until_ready(process, f"http://{LOOPBACK}:{port}/-/ready", log)
        yield Prometheus(f"http://{LOOPBACK}:{port}")
    finally:
        end(process, STOP_SECONDS)


def end(process: subprocess.Popen[Any], seconds: float) -> None:
    """Ask it to end, and kill it after so long."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _configure(folder: Path, targets: tuple[Path, ...], every: str, port: int) -> None:
    """As deployed, but for how often, who is told, and where the targets are."""
    shutil.copytree(CONFIGURATION / "rules", folder / "rules", dirs_exist_ok=True)
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(targets):
        (folder / "targets" / f"{number}.json").symlink_to(file.resolve())
    text = (CONFIGURATION / "prometheus.yml").read_text("utf-8")
    for old, new in ((": 15s", f": {every}"), ("alertmanager:9093", f"{LOOPBACK}:9"),
                     ("localhost:9090", f"{LOOPBACK}:{port}")):  # fmt: skip
        if old not in text:
            raise ValueError(f"{CONFIGURATION / 'prometheus.yml'} has no {old!r}")
        text = text.replace(old, new)
    (folder / "prometheus.yml").write_text(text, "utf-8")


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise NotReady(f"prometheus does not start; {log} ends with:\n{log.read_text(errors='replace')[-2000:]}")


def _points(values: list[list[Any]]) -> list[tuple[float, float]]:
    return [(float(at), float(value)) for at, value in values]
