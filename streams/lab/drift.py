"""Drift: has the world moved away from what the scores, or the model's mistakes, looked like?

Law of this module: an index alarms only above what unchanged data would give by chance, and everything is a fold: the
same numbers in the same order give the same state, and a state that was dumped and loaded goes on as if nothing was.

Population stability index: sum over bins of (p - q) * ln(p / q), bins at quantiles of the reference. Between two
samples of n and m of the same law it follows (1/n + 1/m) * chi2(bins - 1): a fixed limit alone fires on small samples.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from importlib.metadata import version
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from river._river_rust.drift import AdaptiveWindowing  # what river.drift.ADWIN wraps: it can give away its state
from scipy.stats import chi2

Numbers = NDArray[np.float64]
SMOOTHING = 0.5  # added to each bin's count, so that an empty bin is far away, not infinitely far
LEAST_PROBABILITY = 1e-6  # a log-loss is at most 13.8
MOST_LOSS = 7.0  # what ADWIN is given is cut here and scaled to 0..1, the range for which its bound is proved
SEAL_BYTES = 8
HEAD = struct.Struct("<qqdd")


class Shift(NamedTuple):
    """How far a sample lies from its reference. `drifts`: further than `threshold`, with enough of both."""

    psi: float
    threshold: float
    n: int
    reference: int
    drifts: bool


class Limits(NamedTuple):
    """When an index counts: values of the policy."""

    bins: int = 10
    psi: float = 0.2
    quantile: float = 0.999
    least: int = 200


USUAL = Limits()


def null_quantile(n: float, m: float, bins: int, quantile: float) -> float:
    """What the index stays below with this probability when nothing has changed."""
    return float((1 / n + 1 / m) * chi2.ppf(quantile, bins - 1)) if bins > 1 and n and m else 0.0


def index_of(reference: Sequence[float] | Numbers, sample: Sequence[float] | Numbers) -> float:
    """The population stability index of two counts over the same bins."""
    expected, got = np.asarray(reference, float) + SMOOTHING, np.asarray(sample, float) + SMOOTHING
    q, p = expected / expected.sum(), got / got.sum()
    return float(((p - q) * np.log(p / q)).sum())


def shift_of(reference: Sequence[float] | Numbers, sample: Sequence[float] | Numbers, limits: Limits) -> Shift:
    """How far counts over the reference's own bins have moved."""
    m, n, bins = float(np.sum(reference)), float(np.sum(sample)), len(reference)
    psi = index_of(reference, sample) if n and m else 0.0
    threshold = max(limits.psi, null_quantile(n, m, bins, limits.quantile))
    enough = n >= limits.least and m >= limits.least
    return Shift(psi, threshold, int(n), int(m), enough and bins > 1 and psi > threshold)


def quantile_edges(reference: Numbers, bins: int) -> Numbers:
    """Inner edges of quantile bins, each once. A value as frequent as a bin has one of its own, and room beside it."""
    values, counts = np.unique(reference, return_counts=True)
    heavy = values[counts * bins >= len(reference)]
    edges = np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    return np.unique(np.concatenate([edges, heavy, np.nextafter(heavy, -np.inf)]))


def counts_between(edges: Numbers, values: Numbers) -> Numbers:
    """How many values lie in each bin; a value on an edge belongs to the bin below it."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).astype(float)


def shift_of_values(reference: Numbers, sample: Numbers, limits: Limits = USUAL) -> Shift:
    """How far raw values have moved, in quantile bins of the reference."""
    if not len(reference) or not len(sample):
        return Shift(0.0, limits.psi, len(sample), len(reference), False)
    edges = quantile_edges(reference, limits.bins)
    return shift_of(counts_between(edges, reference), counts_between(edges, sample), limits)


def quantile_groups(reference: Sequence[float], bins: int) -> tuple[int, ...]:
    """Fine bins joined into about `bins` of equal weight: where each begins. A heavy one has a bin of its own."""
    share, starts, fill = float(sum(reference)) / bins, [0], 0.0
    for at, count in enumerate(reference):
        is_heavy = count >= share > 0
        if at and (is_heavy or fill >= share > 0) and starts[-1] != at:
            starts.append(at)
            fill = 0.0
        fill += count
    if len(starts) > 1 and 0 < fill < share / 2:  # too little to stand alone
        starts.pop()
    return tuple(starts)


def shift_of_histograms(reference: Sequence[float], sample: Sequence[float], limits: Limits = USUAL) -> Shift:
    """How far a histogram over fixed fine bins has moved, in quantile bins of the reference."""
    starts = quantile_groups(reference, limits.bins)
    joined = [np.add.reduceat(np.asarray(counts, float), starts) for counts in (reference, sample)]
    return shift_of(joined[0], joined[1], limits)


def log_loss(probability: float, label: bool) -> float:
    """-ln of what was given to what came true."""
    right = probability if label else 1 - probability
    return -log(min(max(right, LEAST_PROBABILITY), 1.0))


class LossDrift:
    """ADWIN over the log-losses of labels, in the order in which they came. Learning, a fall, is no alarm.

    `alarmed_at` is the number of losses seen at the last rise, 0 for none; `is_on` says whether one is near enough.
    """

    def __init__(self, delta: float, hold: int) -> None:
        """`hold`: for how many further labels a rise keeps the alarm on."""
        self._adwin, self._delta, self._hold = AdaptiveWindowing(delta), delta, hold
        self.seen = self.alarmed_at = 0
        self.before = self.after = 0.0  # mean loss on either side of the last rise

    def add(self, loss: float) -> bool:
        """Take one loss; True when it shows a rise."""
        before = self.mean
        self.seen += 1
        if not self._adwin.update(min(loss, MOST_LOSS) / MOST_LOSS):
            return False
        after = self.mean
        self._adwin = AdaptiveWindowing(self._delta)  # as river.drift.ADWIN does after a change
        if after <= before:
            return False
        self.alarmed_at, self.before, self.after = self.seen, before, after
        return True

    @property
    def is_on(self) -> bool:
        return bool(self.alarmed_at) and self.seen - self.alarmed_at < self._hold

    @property
    def mean(self) -> float:
        """Of the losses that look alike up to now; 0 before the first."""
        width = self._adwin.get_width()
        return self._adwin.get_total() / width * MOST_LOSS if width else 0.0

    def dump(self) -> bytes:
        """The state, readable by the same version of river."""
        body = HEAD.pack(self.seen, self.alarmed_at, self.before, self.after) + self._adwin.__getstate__()
        return _seal(body) + body

    @classmethod
    def load(cls, dumped: bytes, delta: float, hold: int) -> LossDrift:
        """The state again, bit by bit. ValueError when another version of river, or a fault, wrote it."""
        seal, body = dumped[:SEAL_BYTES], dumped[SEAL_BYTES:]
        if seal != _seal(body):  # the state's reader does not survive bytes that are not its own
            raise ValueError(
                f"drift state: expected one that river {version('river')} wrote, got another. Start the drift"
                " detector afresh; it needs some hundred labels to see a change again."
            )
        loaded = cls(delta, hold)
        loaded.seen, loaded.alarmed_at, loaded.before, loaded.after = HEAD.unpack(body[: HEAD.size])
        loaded._adwin.__setstate__(body[HEAD.size :])
        return loaded


def _seal(body: bytes) -> bytes:
    return blake2b(body, digest_size=SEAL_BYTES, key=version("river").encode()).digest()
