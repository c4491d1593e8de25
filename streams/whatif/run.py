"""All lanes of a history, decided again in parallel: one process per core, one lane at a time in each.

Law of this module: which lane is decided where changes nothing in the result.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

from streams.lane.job import Job, LaneSettings, load_job
from streams.lane.privates import Record
from streams.lane.replay import Contexts
from streams.whatif.exact import EVERYTHING, FIGURES, LaneCheck, check_lane, differences
from streams.whatif.history import History, NoHistory
from streams.whatif.window import Window

PIPELINE = "streams.lane.pipeline:job"
GC_THRESHOLD = (100_000, 50, 1_000)  # almost nothing here is part of a cycle, and a lane's past is many objects
DoneT = TypeVar("DoneT")
LaneWork = Callable[[Job, int, Contexts], DoneT]


class Unchanged(NamedTuple):
    """A history decided again under unchanged versions."""

    lanes: int
    figures: dict[str, int]  # see exact.FIGURES
    wrong: tuple[LaneCheck, ...]  # lanes in which something differs
    seconds: float

    @property
    def differences(self) -> int:
        return differences(self.figures)


def replay_unchanged(
    history: History, processor: str = PIPELINE, window: Window = EVERYTHING, processes: int | None = None
) -> Unchanged:
    """Decide everything again and compare it byte for byte; NoHistory when there is nothing."""
    began = time.perf_counter()
    figures: Counter[str] = Counter()
    wrong = []
    checks = list(each_lane(history, processor, partial(_check, history, window), processes))
    for check in checks:
        figures.update(check.figures)
        if differences(check.figures):
            wrong.append(check)
    whole = {name: figures[name] for name in FIGURES}
    return Unchanged(len(checks), whole, tuple(wrong), time.perf_counter() - began)


def each_lane(history: History, processor: str, work: LaneWork[DoneT], processes: int | None = None) -> Iterator[DoneT]:
    """What `work` makes of each lane, in the order of the lanes."""
    job = load_job(processor, LaneSettings(brokers="localhost:9092"))
    lanes = history.lanes(job)
    if not lanes:
        raise NoHistory("expected a history with lanes, got none.")
    controls = history.controls(job)
    count = min(lanes, processes or os.cpu_count() or 1)
    if count == 1:
        state = _Worker(processor, lanes, controls)
        yield from (state.run(work, lane) for lane in range(lanes))
        return
    # spawn: a fork would copy the threads of whatever Kafka client this process has in an unknown state
    with get_context("spawn").Pool(count, _start, (processor, lanes, controls)) as pool:
        yield from pool.imap(partial(_run, work), range(lanes))


class _Worker:
    """What a process keeps from lane to lane."""

    def __init__(self, processor: str, lanes: int, controls: dict[str, list[Record]]) -> None:
        self.job = load_job(processor, LaneSettings(brokers="localhost:9092", lanes=lanes))
        self.contexts = Contexts(self.job, controls)

    def run(self, work: LaneWork[DoneT], lane: int) -> DoneT:
        return work(self.job, lane, self.contexts)


_worker: _Worker | None = None  # of this process


def _start(processor: str, lanes: int, controls: dict[str, list[Record]]) -> None:
    global _worker
    _worker = _Worker(processor, lanes, controls)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


def _run(work: LaneWork[DoneT], lane: int) -> DoneT:
    assert _worker is not None, "the pool starts each process with _start"
    return _worker.run(work, lane)


def _check(history: History, window: Window, job: Job, lane: int, contexts: Contexts) -> LaneCheck:
    return check_lane(job, history.lane(job, lane), contexts, window)
