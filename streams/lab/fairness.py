"""Fairness: is one declared group selected less, missed more, or answered later than another?

Law of this module: no verdict without numbers behind it. A group that is too small says so and is never "ok"; an alarm
needs a ratio below the limit that chance does not explain.

Every ratio is made so that 1 is equal and less is worse for the group, and compares it with the value of the same group
that fares best among those that are large enough: the four-fifths rule.
  selection   selected / decided, against the highest
  missed      good leads that were not selected / good leads: the lowest, against this one's
  wait        median time to the first human touch: the shortest, against this one's
Intervals: normal approximation of the log-ratio (Katz; half a count is added where one is zero), and for waits a
bootstrap of the median. Because the worst of many pairs is looked at, again and again, an alarm also needs that so
large a difference has at most the probability `error` / number of all pairs that could be compared (Bonferroni;
Fisher's exact test for shares): a world without differences raises any alarm at one look with at most `error`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import exp, inf, log, sqrt
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from scipy.stats import hypergeom, norm

from streams.core.windows import OTHER, UNKNOWN, WAIT_STEP
from streams.lab.rates import added, log_quantiles, no_waits, quantile_of_normal

Ratio = Literal["selection", "missed", "wait"]
Verdict = Literal["alarm", "watch", "ok", "best", "insufficient n", "not declared"]

UNDECLARED = frozenset({UNKNOWN, OTHER})  # leads that declare no value, or a rare one: shown, never compared
RESAMPLES = 400
HALF = 0.5


class Tally(msgspec.Struct, array_like=True, gc=False):
    """What is counted of one value of a group."""

    decided: int = 0
    selected: int = 0
    good: int = 0  # labelled, and a good lead
    missed: int = 0  # good, and was not selected
    # first human touches, by the log of the wait
    waits: list[int] = msgspec.field(default_factory=no_waits)

    def add(self, other: Tally) -> None:
        self.decided += other.decided
        self.selected += other.selected
        self.good += other.good
        self.missed += other.missed
        self.waits = added((self.waits, other.waits))


class Rules(NamedTuple):
    """When a ratio is an alarm: values of the policy."""

    least_ratio: float = 0.8
    least: int = 30
    least_share: float = 0.02
    confidence: float = 0.95
    error: float = 0.001


class Finding(NamedTuple):
    """One ratio of one value of one group. `rate` is a share, for waits milliseconds; `n` what it is a rate of."""

    group: str
    value: str
    ratio_of: Ratio
    verdict: Verdict
    n: int
    share: float  # of all decided leads
    rate: float | None
    against: str  # the value compared with; empty: none
    best_rate: float | None
    ratio: float | None
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        """Of its alarm."""
        return f"fairness:{self.group[:60]}={self.value[:100]}:{self.ratio_of}"


class _Measure(NamedTuple):
    """One value's own number, as good or bad as it is for the group, with the error of its logarithm."""

    n: int
    rate: float | None
    benefit: float  # higher is better for the group
    log_benefit: float
    variance: float  # of log_benefit
    lucky: int | None = None  # of n, those whom it went well; None: it is no share


def findings(groups: Mapping[str, Mapping[str, Tally]], rules: Rules) -> tuple[Finding, ...]:
    """Every ratio of every value of every group, in the order of the names."""
    families = [
        (group, ratio_of, {value: _MEASURES[ratio_of](tally) for value, tally in values.items()}, values)
        for group, values in sorted(groups.items())
        for ratio_of in _MEASURES
    ]
    large = [_large(measures, values, rules) for _, _, measures, values in families]
    pairs = sum(len(eligible) * (len(eligible) - 1) // 2 for eligible in large)
    z = quantile_of_normal((1 + rules.confidence) / 2)
    doubt = rules.error / max(pairs, 1)
    return tuple(
        finding
        for (group, ratio_of, measures, values), eligible in zip(families, large, strict=True)
        for finding in _family(group, ratio_of, measures, values, eligible, rules, z, doubt)
    )


def worst_ratio(found: Sequence[Finding], ratio_of: Ratio = "selection") -> Finding | None:
    """The lowest ratio among groups that are large enough, None when none is."""
    compared = [each for each in found if each.ratio_of == ratio_of and each.ratio is not None]
    return min(compared, key=lambda each: each.ratio or 0.0, default=None)


def _large(measures: Mapping[str, _Measure], values: Mapping[str, Tally], rules: Rules) -> frozenset[str]:
    total = sum(tally.decided for tally in values.values())
    return frozenset(
        value
        for value, measure in measures.items()
        if value not in UNDECLARED and measure.n >= rules.least and values[value].decided >= rules.least_share * total
    )


def _family(
    group: str, ratio_of: Ratio, measures: Mapping[str, _Measure], values: Mapping[str, Tally],
    large: frozenset[str], rules: Rules, z: float, doubt: float,
) -> Iterator[Finding]:  # fmt: skip
    total = sum(tally.decided for tally in values.values())
    best = max(sorted(large), key=lambda value: measures[value].benefit, default="")
    for value, measure in sorted(measures.items()):
        share = values[value].decided / total if total else 0.0
        about = (measure.n, share, measure.rate)
        if value in UNDECLARED:
            yield Finding(group, value, ratio_of, "not declared", *about, "", None, None, None, None)
        elif value not in large or len(large) < 2:
            yield Finding(group, value, ratio_of, "insufficient n", *about, "", None, None, None, None)
        elif value == best:
            yield Finding(group, value, ratio_of, "best", *about, "", None, 1.0, None, None)
        else:
            top = measures[best]
            ratio = measure.benefit / top.benefit if top.benefit else 1.0
            middle, error = measure.log_benefit - top.log_benefit, sqrt(measure.variance + top.variance)
            low, high = exp(middle - z * error), exp(min(middle + z * error, 50.0))
            is_low = ratio < rules.least_ratio
            is_sure = is_low and high < 1 and _chance(measure, top, middle / error if error else 0.0) <= doubt
            verdict: Verdict = "alarm" if is_sure else "watch" if is_low else "ok"
            yield Finding(group, value, ratio_of, verdict, *about, best, top.rate, ratio, low, high)


def _chance(measure: _Measure, top: _Measure, deviation: float) -> float:
    """How probable so large a difference, in either direction, is without any: for shares exact (Fisher)."""
    if measure.lucky is None or top.lucky is None:
        return 2 * float(norm.cdf(deviation))
    return 2 * float(hypergeom.cdf(measure.lucky, measure.n + top.n, measure.lucky + top.lucky, measure.n))


def _selection(tally: Tally) -> _Measure:
    return _share(tally.selected, tally.decided, higher_is_better=True)


def _missed(tally: Tally) -> _Measure:
    return _share(tally.missed, tally.good, higher_is_better=False)


def _share(count: int, n: int, higher_is_better: bool) -> _Measure:
    if n == 0:
        return _Measure(0, None, 0.0, 0.0, inf)
    padded, whole = count + HALF * (count == 0), n + HALF * (count == 0)
    sign = 1 if higher_is_better else -1
    rate, benefit = count / n, (count / n if higher_is_better else n / padded)
    lucky = count if higher_is_better else n - count
    return _Measure(n, rate, benefit, sign * log(padded / whole), 1 / padded - 1 / whole, lucky)


def _wait(tally: Tally) -> _Measure:
    waits = np.array(tally.waits, dtype=np.int64)
    n = int(waits.sum())
    if n == 0:
        return _Measure(0, None, 0.0, 0.0, inf)
    middle = float(log_quantiles(waits[None, :])[0])
    resampled = np.random.default_rng(n).multinomial(n, waits / n, size=RESAMPLES)  # seeded: the same again each time
    # The bins are as wide as the doubt about a median inside one.
    variance = float(log_quantiles(resampled).var()) + WAIT_STEP**2 / 12
    return _Measure(n, exp(middle), exp(-middle), -middle, variance)


_MEASURES: dict[Ratio, Callable[[Tally], _Measure]] = {"selection": _selection, "missed": _missed, "wait": _wait}
