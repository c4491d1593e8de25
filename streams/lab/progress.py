"""How good predictions were, once their labels came: figures over a window, each with a bootstrap interval.

auc              probability that a positive is ranked above a negative; equal predictions count half
lift_at_10       share of positives in the tenth with the highest predictions / share of positives in all
precision_at_10  share of positives in that tenth; precision_at_n: in the `top` highest
log_loss         mean of -log(probability of what came), probabilities kept within LEAST..1 - LEAST
ece              expected calibration error: sum over TEN_BINS bins of equal width of |mean prediction - share of
                 positives|, each weighted by its share of the rows

Where the border of the top runs through equal predictions, each of them counts by the same part: the order of the rows
does not matter. A figure that needs positives and negatives is None without them.

Law of this module: the same predictions and labels give the same figures and intervals, to the last bit: resampling is
seeded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-6
TEN_BINS = 10
TENTH = 10
TOP = 100
RESAMPLES = 200
SEED = 4
TAIL = 0.025  # on either side: 95 % intervals

Numbers = NDArray[np.float64]


class Figure(NamedTuple):
    """One figure and its 95 % interval; None: cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Figures(NamedTuple):
    """All figures of some rows."""

    rows: int
    positives: int
    auc: Figure
    lift_at_10: Figure
    precision_at_10: Figure
    precision_at_n: Figure
    log_loss: Figure
    ece: Figure

    def values(self) -> dict[str, float | None]:
        """Each figure's value by name, for a model document or gauges."""
        return {name: getattr(self, name).value for name in NAMES}


NAMES = ("auc", "lift_at_10", "precision_at_10", "precision_at_n", "log_loss", "ece")


class Window:
    """The newest `size` predictions whose labels came."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows: deque[tuple[float, bool]] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, probability: float, label: bool) -> None:
        self._rows.append((probability, label))

    def figures(self, *, top: int = TOP, resamples: int = RESAMPLES) -> Figures:
        """The figures now. `resamples` 0: without intervals."""
        return figures_of([row[0] for row in self._rows], [row[1] for row in self._rows], top=top, resamples=resamples)

    def dump(self) -> list[Any]:
        """Plain lists, for msgpack."""
        return [self.size, [row[0] for row in self._rows], [row[1] for row in self._rows]]

    @classmethod
    def load(cls, dumped: list[Any]) -> Window:
        window = cls(dumped[0])
        window._rows.extend(zip(dumped[1], dumped[2], strict=True))
        return window


def figures_of(
    probabilities: Sequence[float],
    labels: Sequence[bool],
    *,
    top: int = TOP,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Figures:
    """The figures of these rows, with intervals from `resamples` draws with replacement."""
    rows = len(probabilities)
    if not rows:
        nothing = Figure(None)
        return Figures(0, 0, nothing, nothing, nothing, nothing, nothing, nothing)
    ranked = _Ranked(np.asarray(probabilities, np.float64), np.asarray(labels, np.float64), top)
    values = ranked.figures(np.ones(rows))
    random = np.random.default_rng(seed)
    draws = np.array(
        [ranked.figures(np.bincount(random.integers(0, rows, rows), minlength=rows)) for _ in range(resamples)]
    )
    found = [_figure(value, draws[:, at] if resamples else None) for at, value in enumerate(values)]
    return Figures(rows, int(ranked.labels.sum()), *found)


class _Ranked:
    """Rows sorted by prediction, highest first, so that a resample is only a weight of each."""

    def __init__(self, probabilities: Numbers, labels: Numbers, top: int) -> None:
        order = np.argsort(-probabilities, kind="stable")
        self.labels, self._top = labels[order], top
        sorted_ = probabilities[order]
        kept = np.clip(sorted_, LEAST, 1 - LEAST)
        self._losses = -np.where(self.labels > 0, np.log(kept), np.log1p(-kept))
        self._predictions = sorted_
        self._starts = np.flatnonzero(np.concatenate(([True], sorted_[1:] != sorted_[:-1])))  # of equal predictions
        self._bins = np.minimum((sorted_ * TEN_BINS).astype(np.int64), TEN_BINS - 1)

    def figures(self, weights: NDArray[Any]) -> list[float]:
        """In the order of NAMES; nan: cannot be told."""
        rows = weights.sum()
        good = weights * self.labels
        counts = np.add.reduceat(weights, self._starts)  # by group of equal predictions
        goods = np.add.reduceat(good, self._starts)
        positives = goods.sum()
        negatives = rows - positives
        one_sided = positives <= 0 or negatives <= 0
        bads = counts - goods
        below = negatives - np.cumsum(bads)
        auc = np.nan if one_sided else float((goods * (below + bads / 2)).sum() / (positives * negatives))
        tenth = _share_at_top(counts, goods, max(int(rows) // TENTH, 1))
        lift = np.nan if positives <= 0 else tenth / float(positives / rows)
        at_top = _share_at_top(counts, goods, min(self._top, int(rows)))
        log_loss = float((weights * self._losses).sum() / rows)
        gaps = np.bincount(self._bins, weights * (self._predictions - self.labels), TEN_BINS)
        return [auc, lift, tenth, at_top, log_loss, float(np.abs(gaps).sum() / rows)]


def _share_at_top(counts: NDArray[Any], goods: Numbers, top: int) -> float:
    """Share of positives among the `top` first; equal predictions at the border count in part."""
    ends = np.cumsum(counts)
    border = int(np.searchsorted(ends, top))
    before = ends[border - 1] if border else 0
    inside = goods[:border].sum() + goods[border] * (top - before) / counts[border]
    return float(inside / top)


def _figure(value: float, draws: Numbers | None) -> Figure:
    if np.isnan(value):
        return Figure(None)
    told = draws[~np.isnan(draws)] if draws is not None else np.empty(0)
    if not len(told):
        return Figure(value)
    low, high = np.quantile(told, (TAIL, 1 - TAIL))
    return Figure(value, min(float(low), value), max(float(high), value))
