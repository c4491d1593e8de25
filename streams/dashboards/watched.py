"""A demo that a real Prometheus looks on at: for pictures, and for the test that everything answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from streams import shipped
from streams.dashboards.prometheus import Prometheus, end, looking_on
from streams.demo.run import TARGETS
from streams.demo.stage import ACTOR, demo_policy
from streams.errors import NotReady
from streams.policy.publish import Publisher, Stamp
from streams.settings import load_settings

START_SECONDS, STOP_SECONDS = 120.0, 60.0


class Watched(NamedTuple):
    """A demo that runs (`--keep`), and the Prometheus that looks on."""

    process: subprocess.Popen[str]
    prometheus: Prometheus
    folder: Path  # of the demo: data, logs, targets.json
    targets: Path  # folder: Prometheus scrapes what stands in its files
    output: Path

    @property
    def brokers(self) -> str:
        """Where its Kafka is, as its log says."""
        for word in (self.folder / "demo.log").read_text("utf-8").split():
            if word.startswith("127.0.0.1:"):
                return word.rstrip(";,")
        raise NotReady("the demo has not said where its Kafka is")

    def wait_until_sent(self, seconds: float) -> dict[str, Any]:
        """The demo's summary, once all is sent and counted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            lines = self.output.read_text("utf-8").splitlines()
            if lines:
                result: dict[str, Any] = json.loads(lines[-1])
                return result
            time.sleep(0.5)
        raise NotReady(f"the demo did not end its sending within {seconds:.0f} s; see {self.folder / 'demo.log'}")


@contextmanager
def watched_demo(folder: Path, seconds: float, rate: float) -> Iterator[Watched]:
    """A demo in `folder`/demo and a Prometheus in `folder`/prometheus; both end with the block."""
    demo, output = folder / "demo", folder / "demo.json"
    demo.mkdir(parents=True)
    log = demo / "demo.log"
    command = [sys.executable, "-m", "streams.cli", "demo", "--json", "--keep", f"--data-dir={demo}",
               f"--seconds={seconds:g}", f"--rate={rate:g}"]  # fmt: skip
    with output.open("w") as out, log.open("w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, text=True, start_new_session=True)
    try:
        _wait_for(demo / TARGETS, process, log)
        with looking_on(folder / "prometheus", demo / TARGETS) as prometheus:
            yield Watched(process, prometheus, demo, folder / "prometheus" / "targets", output)
    finally:
        end(process, STOP_SECONDS)


def declare_groups(brokers: str, *groups: str) -> None:
    """Publish the demo's policy with declared groups, so that fairness is measured."""
    document: dict[str, Any] = yaml.safe_load(demo_policy(shipped.default_policy().read_text("utf-8")))
    document["version"] += "-groups"
    document["governance"]["groups"] = list(groups)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    stamp = Stamp(ACTOR, "fairness is measured by declared groups", int(time.time() * 1000))
    Publisher(load_settings(brokers=brokers)).publish(text, "the demo's policy with groups", stamp)


def _wait_for(file: Path, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotReady(f"the demo does not start; {log} ends with:\n{log.read_text('utf-8')[-2000:]}")
        time.sleep(0.2)
