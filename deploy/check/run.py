"""Builds the image and runs what compose.yaml says, without root, on a root file system that nobody can write to.

    make check-deploy                                   images made of this machine's own packages
    make check-deploy ARGS='--images official'          the bases and the Kafka that the files name, pulled

In order: Kafka, registry; init, twice; two workers, lab, gateway, sink; webhooks in, deliveries out; a worker is killed
and comes back; an orderly stop. Every lead that the gateway answered 2xx for must be routed and delivered, once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import Engine, images
from services import differences, read, words
from traffic import Receiver, routed, send, value_of

sys.path.insert(0, str(Path(__file__).parents[2]))  # `streams`, for Kafka's jars, and tests.containers
from tests.containers import free_ports

LEADS = 150
READY_SECONDS, TAKEOVER_SECONDS, STOP_SECONDS = 180, 120, 15  # for a machine that has other work
LANES = 12
IDLE_SECONDS = 10
PROCESSES = ("worker-0", "worker-1", "lab", "gateway", "sink")
SECRET = "check"
WHO = """
import os
lines = [line.split() for line in open("/proc/self/status")]
print(os.getuid(), *(words[1] for words in lines if words[0] in ("CapEff:", "NoNewPrivs:")))
"""


class Check:
    """One run; `say` prints a line with the seconds since it began."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.began = time.monotonic()
        self.prefix = f"leadlane-check-{int(time.time())}"
        self.started: list[str] = []
        names = ("kafka", "controller", "registry", "management", "webhooks", *PROCESSES)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))  # a process' own: for its health
        self.receiver = Receiver()
        self.document = read(self._files())
        for name, secret in self.document["secrets"].items():
            secret["file"] = str(folder / name)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    # --- containers ---------------------------------------------------------------------------------------------------

    def run(self, name: str, image: str, *, detach: bool = True) -> str:
        container = f"{self.prefix}-{name}"
        command, *rest = words(self.document, name, container, image, differences(name, self.ports))
        own = ["--detach"] if detach else ["--rm"]
        if self.engine.name == "podman":  # which else puts a tmpfs on /tmp, /var/tmp and /run
            own += ["--read-only-tmpfs=false"] if "--read-only" in rest else []
        if detach:
            self.started.append(container)
        return self.engine(command, *own, *rest)

    def container(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def is_healthy(self, name: str) -> bool:
        if self.engine.name == "podman":
            return self.engine.succeeds("healthcheck", "run", self.container(name))
        state = self.engine("inspect", "--format", "{{.State.Health.Status}}", self.container(name), check=False)
        return state == "healthy"

    def wait(self, what: str, holds: Callable[[], bool], seconds: float, of: str) -> float:
        """Wait until something holds; ends the check, with the container's log, if it does not."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > seconds:
                log = self.engine("logs", "--tail", "40", self.container(of), check=False)
                raise SystemExit(f"expected within {seconds:.0f} s: {what}. The log of {of} ends with:\n{log}")
            time.sleep(0.2)
        return time.monotonic() - began

    def is_ready(self, name: str) -> bool:
        return value_of(f"http://127.0.0.1:{self.ports[name]}/ready") is not None

    def lanes(self, name: str) -> int:
        return int(value_of(f"http://127.0.0.1:{self.ports[name]}/metrics", "leadlane_lanes_open") or 0)

    def is_confined(self, name: str) -> None:
        """Not root, no capability, no new privileges, and not a single place to write to."""
        said = self.engine("exec", self.container(name), "python", "-c", WHO).split()
        assert said == ["10001", "0000000000000000", "1"], f"{name}: expected uid 10001, no capability, got {said}"
        for place in ("/", "/tmp", "/opt/leadlane", "/var/tmp", "/run"):
            assert not self.engine.succeeds("exec", self.container(name), "touch", f"{place}/x"), f"{name}: {place}"

    def remove(self) -> None:
        for container in reversed(self.started):
            self.engine("rm", "--force", "--volumes", container, check=False)

    def _files(self) -> dict[str, str]:
        token, secret, sink = (self.folder / name for name in ("gateway_token", "sink_secret", "sink.yaml"))
        self.folder.chmod(0o755)  # the containers' users read what is mounted from it
        token.write_text(SECRET)
        secret.write_text("whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
        sink.write_text(
            f"targets:\n  check:\n    url: {self.receiver.url}\n    secrets: [{{file: /run/secrets/sink_secret}}]\n"
            "    deliver: {leads.routed: null}\n"
        )
        for file in (token, secret, sink):
            file.chmod(0o444)
        return {
            "SINK_CONFIG": str(sink),
            "LANES": str(LANES),
            "SEAL_SECRET": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        }


def check(engine: Engine, folder: Path, official: bool) -> None:
    this = Check(engine, folder)
    built = images(engine, official)
    size = int(engine("image", "inspect", "--format", "{{.Size}}", built["leadlane"])) / 1e6
    this.say(f"images are built; Leadlane's has {size:.0f} MB")
    with removing(this):
        kafka_and_init(this, built)
        the_processes(this, built["leadlane"])
        footprint(this, "idle")
        webhooks_come_out(this, "a")
        a_killed_worker_is_replaced(this)
        footprint(this, "after work")
        an_orderly_stop(this)
    this.say("all as it should be")


@contextmanager
def removing(this: Check) -> Iterator[None]:
    try:
        yield
    finally:
        this.remove()
        this.receiver.close()


def kafka_and_init(this: Check, built: dict[str, str]) -> None:
    services = this.document["services"]
    for name, port in (("kafka", 9092), ("registry", 8080)):
        test = services[name]["healthcheck"]["test"]
        assert f"/{port}" in test[-1], test
        test[-1] = test[-1].replace(f"/{port}", f"/{this.ports[name]}")
        this.run(name, built.get(name, services[name]["image"]))
        took = this.wait(f"{name} is healthy", lambda name=name: this.is_healthy(name), READY_SECONDS, name)
        this.say(f"{name} is healthy after {took:.1f} s")
    first = this.run("init", built["leadlane"], detach=False)
    again = this.run("init", built["leadlane"], detach=False)
    assert " 0 there before" in first, first
    assert " 0 created" in again, again
    assert "nothing written" in again, again
    this.say("init has made topics, schemas, policy and reps; the second time it changed nothing")


def the_processes(this: Check, image: str) -> None:
    for name in PROCESSES:
        this.run(name, image)
    for name in PROCESSES:
        took = this.wait(f"{name} is ready", lambda name=name: this.is_ready(name), READY_SECONDS, name)
        assert this.is_healthy(name), f"{name} is ready and not healthy"
        this.is_confined(name)
        this.say(f"{name} is ready, healthy, not root, and can write nowhere (waited {took:.1f} s)")
    this.wait(
        "12 open lanes", lambda: this.lanes("worker-0") + this.lanes("worker-1") == LANES, READY_SECONDS, "worker-0"
    )


def webhooks_come_out(this: Check, prefix: str) -> None:
    leads = {f"{prefix}-{number}" for number in range(LEADS)}
    began = time.monotonic()
    send(this.ports["webhooks"], SECRET, leads)
    they_arrive(this, leads)
    this.say(f"{LEADS} leads: webhook in, routed, delivered once each, in {time.monotonic() - began:.1f} s")


def they_arrive(this: Check, leads: set[str]) -> None:
    broker = f"127.0.0.1:{this.ports['kafka']}"
    this.wait("every lead is delivered", lambda: leads <= set(this.receiver.leads), TAKEOVER_SECONDS, "sink")
    ids = routed(broker, leads)
    assert len(ids) == len(set(ids)), "a decision stands twice on leads.routed"
    assert len(this.receiver.keys) == len(set(this.receiver.keys)), "a delivery came twice"


def a_killed_worker_is_replaced(this: Check) -> None:
    leads = {f"b-{number}" for number in range(LEADS)}
    this.engine("kill", "--signal", "KILL", this.container("worker-0"))
    send(this.ports["webhooks"], SECRET, leads)
    took = this.wait("worker-1 has every lane", lambda: this.lanes("worker-1") == LANES, TAKEOVER_SECONDS, "worker-1")
    they_arrive(this, leads)
    this.say(f"worker-0 killed: worker-1 has all lanes after {took:.1f} s, {LEADS} leads of meanwhile came out once")
    this.engine("start", this.container("worker-0"))
    this.wait(
        "worker-0 is back",
        lambda: this.is_ready("worker-0") and this.lanes("worker-0") > 0,
        TAKEOVER_SECONDS,
        "worker-0",
    )
    webhooks_come_out(this, "c")


def footprint(this: Check, when: str) -> None:
    """Memory and CPU of every process, as it says itself: what docs/operate.md sizes by."""
    measured = {}
    for name in PROCESSES:
        page = f"http://127.0.0.1:{this.ports[name]}/metrics"
        memory, used = (
            value_of(page, f"process_{name}") or 0 for name in ("resident_memory_bytes", "cpu_seconds_total")
        )
        measured[name] = (memory / 1e6, used, time.monotonic())
    time.sleep(IDLE_SECONDS)
    for name, (memory, before, since) in measured.items():
        used = (value_of(f"http://127.0.0.1:{this.ports[name]}/metrics", "process_cpu_seconds_total") or 0) - before
        this.say(f"{when}: {name} has {memory:.0f} MB and takes {used / (time.monotonic() - since):.1%} of a core")


def an_orderly_stop(this: Check) -> None:
    for name in PROCESSES:
        began = time.monotonic()
        this.engine("stop", "--time", str(STOP_SECONDS), this.container(name))
        code = this.engine("inspect", "--format", "{{.State.ExitCode}}", this.container(name))
        assert code == "0", f"{name} ended with {code}:\n{this.engine('logs', '--tail', '20', this.container(name))}"
        this.say(f"{name} stopped in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", choices=["local", "official"], default="local")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadlane-check-") as name:
        check(Engine(Path(name)), Path(name), given.images == "official")
