"""How well the learner would have done on a history: each row is predicted before its label is known.

Prequential, in the order of the rows: row i is predicted by what was learned so far; its label is learned after `delay`
more rows were predicted, as in life, where an outcome comes later than the decision. No row is ever predicted by a
learner that has seen it.

Law of this module: every row is counted once: judged (predicted, label known), unlabelled (predicted, label never
known) or a fault. The same rows give the same predictions.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from streams.lab.encoding import Value
from streams.lab.learner import Learner
from streams.lab.progress import Figures, figures_of

CLOCK_EVERY = 256  # rows
CHUNKS = 20  # of the figures over time

Example = tuple[dict[str, Value], bool | None]


class Chunk(NamedTuple):
    """Figures of one stretch of rows."""

    first: int  # 1 is the first row
    last: int
    figures: Figures


class History:
    """What was predicted, in the order of the rows."""

    def __init__(self) -> None:
        self.learner = Learner()
        self.probabilities = array("d")
        self.labels = array("b")  # 1, 0; -1: not known
        self.faults: list[str] = []
        self.clock = array("d")  # seconds after each CLOCK_EVERY rows
        self.left_out_at: dict[str, int] = {}  # feature -> row before which it was left out
        self.seconds = 0.0

    @property
    def unlabelled(self) -> int:
        return self.labels.count(-1)

    def half(self) -> int:
        """The row at which the second half starts."""
        return len(self.labels) // 2

    def figures(self, first: int = 0, last: int | None = None, resamples: int = 0) -> Figures:
        """Figures of the judged rows from `first` up to `last`."""
        judged = [
            (p, y == 1) for p, y in zip(self.probabilities[first:last], self.labels[first:last], strict=True) if y >= 0
        ]
        return figures_of([row[0] for row in judged], [row[1] for row in judged], resamples=resamples)

    def rows_per_second(self, first: int = 0) -> float:
        """Rows read, predicted and learned per second, from row `first` on."""
        at = first // CLOCK_EVERY
        before = self.clock[at - 1] if 0 < at <= len(self.clock) else 0.0
        rows = len(self.labels) - (at * CLOCK_EVERY if before else 0)
        return rows / max(self.seconds - before, 1e-9)

    def chunks(self, count: int = CHUNKS) -> list[Chunk]:
        """Figures of `count` stretches of equal length; stretches without a label are left out."""
        rows = len(self.labels)
        borders = sorted({rows * part // count for part in range(count + 1)})
        found = [Chunk(first + 1, last, self.figures(first, last)) for first, last in pairwise(borders)]
        return [chunk for chunk in found if chunk.figures.rows]


def run(examples: Iterable[Example | str], delay: int, clock: Callable[[], float]) -> History:
    """The history of `examples`: (features, label), or the text of a fault. `clock`: seconds, monotonic."""
    history = History()
    learner, waiting = history.learner, deque[Example]()
    started, left_out = clock(), 0
    for example in examples:
        if isinstance(example, str):
            history.faults.append(example)
            continue
        if len(waiting) > delay:
            features, label = waiting.popleft()
            if label is not None:
                learner.learn(features, label)
                if len(learner.left_out) > left_out:
                    left_out = _note(history)
        history.probabilities.append(learner.predict(example[0]))
        history.labels.append(-1 if example[1] is None else example[1])
        waiting.append(example)
        if not len(history.labels) % CLOCK_EVERY:
            history.clock.append(clock() - started)
    history.seconds = clock() - started
    return history


def _note(history: History) -> int:
    for name in history.learner.left_out:
        history.left_out_at.setdefault(name, len(history.labels) + 1)
    return len(history.learner.left_out)


def summary(history: History) -> dict[str, dict[str, object]]:
    """The figures of the second half and of all, as `leadlane backtest --json` prints them."""
    return {"second_half": _summary(history, history.half()), "all": _summary(history, 0)}


def _summary(history: History, first: int) -> dict[str, object]:
    figures = history.figures(first)
    return {
        "rows": figures.rows,
        "positives": figures.positives,
        "auc": figures.auc.value,
        "lift_at_10": figures.lift_at_10.value,
        "precision_at_10": figures.precision_at_10.value,
        "log_loss": figures.log_loss.value,
        "ece": figures.ece.value,
        "rows_per_second": round(history.rows_per_second(first), 1),
        "dropped_leaky_features": sorted(history.learner.left_out),
    }
