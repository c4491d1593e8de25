"""All lanes of a history, decided again in parallel: one process per core, one lane at a time in each.

Law of this module: which lane is decided where changes nothing in the result.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

from streams.kafka.codec import wire_for
from streams.lane.job import Job, LaneSettings, load_job
from streams.lane.privates import Record
from streams.lane.replay import BrokenJournal
from streams.lane.replay import Contexts as Recorded
from streams.settings import load_settings
from streams.whatif.alternative import ReasonsByPolicy, run_lane
from streams.whatif.change import Alternatives, published_policies
from streams.whatif.exact import EVERYTHING, FIGURES, LaneCheck, check_lane, differences
from streams.whatif.history import History, NoHistory
from streams.whatif.story import LaneStory, Plan
from streams.whatif.window import Window

PIPELINE = "streams.lane.pipeline:job"
GC_THRESHOLD = (100_000, 50, 1_000)  # almost nothing here is part of a cycle, and a lane's past is many objects
DoneT = TypeVar("DoneT")
LaneWork = Callable[[Job, int, Recorded], DoneT]
MakeJob = Callable[[int], Job]  # of so many lanes; sent to other processes when there are any


class Unchanged(NamedTuple):
    """A history decided again under unchanged versions."""

    lanes: int
    figures: dict[str, int]  # see exact.FIGURES
    wrong: tuple[LaneCheck, ...]  # lanes in which something differs
    seconds: float

    @property
    def differences(self) -> int:
        return differences(self.figures)


def pipeline_job(lanes: int) -> Job:
    """The decision pipeline."""
    return load_job(PIPELINE, LaneSettings(brokers=load_settings().brokers, lanes=lanes))


def replay_unchanged(
    history: History, make_job: MakeJob = pipeline_job, window: Window = EVERYTHING, processes: int | None = None
) -> Unchanged:
    """Decide everything again and compare it byte for byte; NoHistory when there is nothing."""
    began = time.perf_counter()
    figures: Counter[str] = Counter()
    history = history.as_of_now(make_job(1))
    checks = each_lane(history, make_job, partial(_check, history, window), processes)
    for check in checks:
        figures.update(check.figures)
    wrong = tuple(check for check in checks if differences(check.figures))
    whole = {name: figures[name] for name in FIGURES}
    return Unchanged(len(checks), whole, wrong, time.perf_counter() - began)


def each_lane(history: History, make_job: MakeJob, work: LaneWork[DoneT], processes: int | None = None) -> list[DoneT]:
    """What `work` makes of each lane, in the order of the lanes. `processes`: None for as many as there are cores."""
    job = make_job(1)
    lanes = history.lanes(job)
    if not lanes:
        raise NoHistory("expected a history with lanes, got none.")
    controls = history.controls(job)
    count = min(lanes, processes or os.cpu_count() or 1)
    if count == 1:
        here = _Worker(make_job, lanes, controls)
        return [here.run(work, lane) for lane in range(lanes)]
    # spawn: a fork would copy the threads of whatever Kafka client this process has in an unknown state
    with get_context("spawn").Pool(count, _start, (make_job, lanes, controls)) as pool:
        return list(pool.imap(partial(_run, work), range(lanes)))


class _Worker:
    """What a process keeps from lane to lane."""

    def __init__(self, make_job: MakeJob, lanes: int, controls: dict[str, list[Record]]) -> None:
        self.job = make_job(lanes)
        self.contexts = Recorded(self.job, controls)

    def run(self, work: LaneWork[DoneT], lane: int) -> DoneT:
        return work(self.job, lane, self.contexts)


_worker: _Worker | None = None  # of this process


def _start(make_job: MakeJob, lanes: int, controls: dict[str, list[Record]]) -> None:
    global _worker
    _worker = _Worker(make_job, lanes, controls)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


def _run(work: LaneWork[DoneT], lane: int) -> DoneT:
    assert _worker is not None, "the pool starts each process with _start"
    return _worker.run(work, lane)


def _check(history: History, window: Window, job: Job, lane: int, contexts: Recorded) -> LaneCheck:
    return check_lane(job, history.lane(job, lane), contexts, window)


class Tried(NamedTuple):
    """A change, tried on history: see summary.py."""

    summary: dict[str, Any]
    differences: int


def replay_changed(
    history: History, plan: Plan, make_job: MakeJob = pipeline_job, processes: int | None = None
) -> Tried:
    """Decide everything again under a change: what differs from what was recorded. NoHistory if it is not whole."""
    from streams.whatif.summary import Contexts, summarize  # statistics: half a second that deciding need not wait for

    began = time.perf_counter()
    history = history.as_of_now(make_job(1))
    stories = each_lane(history, make_job, partial(_try, history, plan), processes)
    seconds = time.perf_counter() - began
    controls, job = history.controls(make_job(1)), make_job(1)
    latest = max(stories, key=lambda story: story.ended_at)
    if not latest.ended_at:
        raise NoHistory("expected transactions of the lanes between --from and --to, got none.")
    alternatives = Alternatives(plan.change, Recorded(job, controls))
    contexts = Contexts(alternatives.recorded(latest.control), alternatives.at(latest.control))
    reasons = ReasonsByPolicy(plan.change, published_policies(controls, wire_for(load_settings())))
    changes = [str(change) for change in reasons.at(contexts.recorded).changes]
    summary = summarize(stories, plan, contexts, changes, seconds)
    return Tried(summary, summary["differences"])


def _try(history: History, plan: Plan, job: Job, lane: int, contexts: Recorded) -> LaneStory:
    try:
        return run_lane(job, history.lane(job, lane), contexts, wire_for(load_settings()), plan)
    except BrokenJournal as error:
        raise NoHistory(
            f"{error}. A replay needs the journal, the inputs and the control records from the beginning, or from"
            " states that were exported before (`leadlane replay export --only-states`, then --base)."
        ) from None
