"""Feed, hurt, wait for quiet, verify: whether the lanes are exactly once when everything around them fails.

The verification (streams/bench/verify.py) is `leadlane replay` under unchanged versions: everything is decided again
from the journal and compared byte by byte. `differences` of the report is its result.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from streams.bench.scenarios import scenario
from streams.bench.slots import Slot
from streams.bench.tail import Tail, spread
from streams.bench.topics import create_topics
from streams.bench.traffic import LONGEST_TIMER_MS, Feed
from streams.bench.verify import verify
from streams.kafka.embedded import EmbeddedBroker
from streams.lane.job import Job, LaneSettings, load_job

SETTLE_SECONDS = 4.0
TIMERS_SECONDS = LONGEST_TIMER_MS / 1000 + 2
QUIET_SECONDS = 180.0
APP_ID = "chaos"
PAUSE_SECONDS = 12.0  # a pause that begins later has another cause


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fed and what is done to it."""

    events: int = 300_000
    seconds: float = 150  # over which the events are fed
    workers: int = 2
    kills: int = 20  # kill -9 and restart
    freezes: int = 5  # SIGSTOP beyond the session, then SIGCONT: a zombie
    joins: int = 4  # starts and stops of one more worker
    bounces: int = 2  # clean stops and starts of the broker
    crashes: int = 0  # kill -9 of the broker
    lanes: int = 12
    session_seconds: float = 6
    seed: int = 1
    scenario: str = "tally"


class Chaos:
    """One run of a plan against an embedded broker."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None] = print) -> None:
        self.plan, self.folder, self._say = plan, folder, say
        self._scenario = scenario(plan.scenario)
        self._draw = random.Random(plan.seed)
        self._hurts: list[tuple[str, float, str, dict[int, str]]] = []
        self._thaws: list[tuple[float, Slot]] = []
        self._began = time.monotonic()

    def run(self) -> dict[str, Any]:
        """The report."""
        with EmbeddedBroker(data_dir=self.folder / "kafka", heap="768m") as self._broker:
            brokers = self._broker.bootstrap
            options = {
                "brokers": brokers,
                "app_id": APP_ID,
                "lanes": self.plan.lanes,
                "session_timeout_seconds": self.plan.session_seconds,
                "processor": self._scenario.job,
            }
            job = _job(self._scenario.job, brokers, self.plan.lanes)
            create_topics(brokers, job, self.plan.lanes)
            self._scenario.prepare(brokers)
            self._slots = [Slot(f"w{number}", self.folder, options) for number in range(self.plan.workers)]
            self._extra = Slot("extra", self.folder, options)
            return self._run(job, brokers)

    def _run(self, job: Job, brokers: str) -> dict[str, Any]:
        plan = self.plan
        for slot in self._slots:
            slot.start()
        time.sleep(SETTLE_SECONDS)
        self._tail = Tail(brokers, job, plan.lanes)
        self._tail.start()
        feed = Feed(brokers, self._scenario.traffic(job, plan.events, plan.seed), plan.events / plan.seconds)
        self._began = time.monotonic()
        feed.start()
        self._hurt()
        while not feed.done or self._thaws:
            self._watch()
        self._note("fed", f"{feed.sent} records, waiting for quiet")
        quiet = self._wait_for_quiet(feed)
        exit_codes = [slot.stop() for slot in [*self._slots, self._extra] if slot.wanted]
        self._tail.stop()
        self._note("verify", "deciding everything again")
        return {
            "plan": asdict(plan),
            **verify(brokers, partial(_job, self._scenario.job, brokers)),
            "quiet_seconds": quiet,
            "feed_failed": len(feed.failed),
            "ended_by_themselves": sum(slot.ended_by_itself for slot in [*self._slots, self._extra]),
            "exit_codes": exit_codes,
            **self._timings(),
        }

    def _hurt(self) -> None:
        """Carry the plan out in a random order, spread over the feed."""
        plan = self.plan
        actions = ["kill"] * plan.kills + ["freeze"] * plan.freezes + ["join"] * plan.joins
        actions += ["bounce"] * plan.bounces + ["crash"] * plan.crashes
        self._draw.shuffle(actions)
        step = plan.seconds * 0.9 / max(1, len(actions))
        for action in actions:
            due = time.monotonic() + step * self._draw.uniform(0.4, 1.6)
            while time.monotonic() < due or (action == "freeze" and self._thaws):
                self._watch()
            {
                "kill": self._kill,
                "freeze": self._freeze,
                "join": self._join,
                "bounce": self._bounce,
                "crash": self._crash,
            }[action]()

    def _watch(self) -> None:
        """Thaw who is due, start again who ended by itself."""
        for when, slot in [thaw for thaw in self._thaws if thaw[0] < time.monotonic()]:
            slot.thaw()
            self._thaws.remove((when, slot))
            self._remember("thaw", slot.writer)
        for slot in [*self._slots, self._extra]:
            if slot.watch():
                self._note("ended by itself", slot.name)
        time.sleep(0.05)

    def _kill(self) -> None:
        slot = self._draw.choice([slot for slot in self._slots if not slot.frozen])
        self._remember("kill", slot.writer)
        slot.kill()

    def _freeze(self) -> None:
        slot = self._draw.choice(self._slots)
        self._remember("freeze", slot.writer)
        slot.freeze()
        self._thaws.append((time.monotonic() + self.plan.session_seconds * self._draw.uniform(1.5, 2.2), slot))

    def _join(self) -> None:
        if self._extra.wanted:
            self._remember("leave", self._extra.writer)
            self._extra.stop()
        else:
            self._remember("join", "")
            self._extra.start()

    def _bounce(self) -> None:
        self._remember("bounce", "broker")
        self._broker.stop()
        self._start_broker()

    def _crash(self) -> None:
        self._remember("crash", "broker")
        self._broker.kill()
        self._start_broker()

    def _start_broker(self) -> None:
        time.sleep(self._draw.uniform(0, 2))
        self._broker.start()
        self._remember("broker is up", "")

    def _remember(self, kind: str, victim: str) -> None:
        self._hurts.append((kind, time.monotonic(), victim, self._tail.owners()))
        self._note(kind, victim)

    def _wait_for_quiet(self, feed: Feed) -> float:
        """Seconds until everything that was fed is committed."""
        began = time.monotonic()
        while (missing := self._tail.missing(feed.ends)) and time.monotonic() < began + QUIET_SECONDS:
            self._watch()
        self._note("quiet", f"{missing} records missing")
        seconds = round(time.monotonic() - began, 1)
        time.sleep(TIMERS_SECONDS)
        return seconds

    def _timings(self) -> dict[str, Any]:
        takeover: list[float] = []
        pauses: dict[str, list[float]] = {"kill": [], "join": [], "leave": [], "freeze": []}
        ends = [at for _, at, _, _ in self._hurts[1:]] + [time.monotonic()]
        for (kind, at, victim, owners), until in zip(self._hurts, ends, strict=True):
            if kind == "kill":
                takeover += self._tail.takeovers(at, victim, owners)
            if kind in pauses:  # only until the next hurt: what that one does is not this one's
                pauses[kind] += self._tail.pauses(at, min(until, at + PAUSE_SECONDS), victim, owners)
        return {
            "kill_to_commit_seconds": spread(takeover),
            "longest_pause_of_others_seconds": {kind: spread(found) for kind, found in pauses.items()},
        }

    def _note(self, kind: str, what: str) -> None:
        self._say(f"{time.monotonic() - self._began:7.1f} {kind}: {what}")


def _job(path: str, brokers: str, lanes: int) -> Job:
    """The scenario's job, made in the process that decides a lane again."""
    return load_job(path, LaneSettings(brokers=brokers, app_id=APP_ID, lanes=lanes))


def run_chaos(plan: Plan, folder: Path | None = None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """One run; logs and data stay in `folder` if one is given."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return Chaos(plan, folder, say).run()
    with tempfile.TemporaryDirectory(prefix="leadlane-chaos-") as made:
        return Chaos(plan, Path(made), say).run()


def is_exactly_once(report: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled or wrong."""
    return bool(report["events"] > 0 and report["differences"] == 0)
