"""Shares with their intervals, and waits counted by their logarithm: bounded, and added up in any order.

Law of this module: no rate without how many it is a rate of, and an alarm on one needs its whole interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from streams.core.windows import WAIT_BINS, WAIT_FIRST_MS, WAIT_STEP


class Rate(NamedTuple):
    """`hits` of `n`, with a Wilson interval. Without any it has no value."""

    hits: int
    n: int
    value: float | None
    low: float
    high: float

    @property
    def text(self) -> str:
        """For people: 12.0 % of 250 (8.5 to 16.6)."""
        if self.value is None:
            return "none yet"
        return f"{self.value:.1%} of {self.n:,} ({self.low * 100:.1f} to {self.high * 100:.1f})".replace("%", " %")


@lru_cache(maxsize=64)
def quantile_of_normal(probability: float) -> float:
    """The value that a standard normal variable stays below with this probability."""
    return float(norm.ppf(probability))


def rate(count: int, n: int, confidence: float = 0.95) -> Rate:
    """A share with its interval. Counts that corrections made negative are none."""
    n = max(n, 0)
    count = min(max(count, 0), n)
    if n == 0:
        return Rate(0, 0, None, 0.0, 1.0)
    z = quantile_of_normal((1 + confidence) / 2)
    share, spread = count / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    return Rate(count, n, share, max(middle - half, 0.0), min(middle + half, 1.0))


def falls(before: Rate, now: Rate, confidence: float = 0.95) -> bool:
    """Whether a share has become smaller, beyond chance."""
    if before.value is None or now.value is None:
        return False
    both = (before.hits + now.hits) / (before.n + now.n)
    error = sqrt(both * (1 - both) * (1 / before.n + 1 / now.n))
    return before.value - now.value > quantile_of_normal((1 + confidence) / 2) * error


def no_waits() -> list[int]:
    return [0] * WAIT_BINS


def added(histograms: Iterable[Sequence[int]], bins: int = WAIT_BINS) -> list[int]:
    """Histograms over the same bins as one."""
    return np.array([[0] * bins, *histograms], dtype=np.int64).sum(axis=0).tolist()  # type: ignore[no-any-return]


def wait_quantile(waits: Sequence[int], share: float = 0.5) -> float | None:
    """The wait that this share of people did not exceed, ms."""
    counts = np.array(waits, dtype=np.int64)
    return exp(float(log_quantiles(counts[None, :], share)[0])) if counts.sum() else None


def log_quantiles(counts: NDArray[np.int64], share: float = 0.5) -> NDArray[np.float64]:
    """The logarithm of a quantile of each row of counts, interpolated within its bin."""
    running = counts.cumsum(axis=1)
    wanted = running[:, -1:] * share
    at = (running < wanted).sum(axis=1)
    rows = np.arange(len(counts))
    here = counts[rows, at]
    part = (wanted[:, 0] - (running[rows, at] - here)) / np.maximum(here, 1)
    return np.asarray(log(WAIT_FIRST_MS) + (at + part) * WAIT_STEP, dtype=np.float64)
