"""A published model as arithmetic: features in, probability, score, interval and signed parts out.

logit       = offset + slope * (base weight + sum of the features' weights)
number      weight * clamped (value - mean) * inverse, and the weight of the bin that the value falls into, and its own
            if it is listed: a whole number may be a code
category    weight of its name; a name that is not listed adds nothing
missing     a weight of its own
probability = 1 / (1 + exp(-logit))
score       = scale.base + scale.points * logit, kept within 0..100
deviation   = slope * sqrt(sum of value ** 2 / precision): how far the logit may be off (diagonal Fisher information)
interval    = score of logit -+ COVERAGE * deviation, moved as a whole where it would leave 0..100
confidence  = 1 - width, width as a share of the scale

Law of this module: what the lab's learner predicts, this computes, to 1e-9. A contribution says how far a feature moves
this lead from the average one; base and contributions are whole 64ths of a point, so they sum to the score before it is
kept within 0..100, to the last bit. A feature that the model does not know changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from math import exp, isfinite, sqrt
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from streams.core.effects import Contribution
from streams.core.scoring import STEPS

FORMAT: Final = 1
LARGEST = 1e15  # numbers beyond are taken for this: squares must stay finite
MOST_LOGIT = 35.0  # beyond, a probability is 0 or 1 to the last bit that matters
COVERAGE = 1.2816  # deviations on either side: four of five
MOST_CONTRIBUTIONS = 8

Value = float | str
Positive = Annotated[float, Meta(gt=0)]


class Weight(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One weight and its precision (inverse variance)."""

    weight: float
    precision: Positive


class NumberName(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The weight of one whole number, as if it were a category, and its precision."""

    value: float
    weight: float
    precision: Positive


class NumberTerm(msgspec.Struct, frozen=True, gc=False):
    """What a number adds. `inverse` is 1 / standard deviation; 0: only the bins count."""

    mean: float
    inverse: float
    limit: Positive
    weight: Weight
    edges: tuple[float, ...]  # ascending; bin i holds edges[i - 1] <= value < edges[i]
    bins: tuple[Weight, ...]  # one more than edges, or none
    names: tuple[NumberName, ...] = ()


class Calibration(msgspec.Struct, frozen=True, gc=False):
    slope: Positive
    offset: float


class Scale(msgspec.Struct, frozen=True, gc=False):
    """Points of the score: base + points per unit of logit."""

    base: float
    points: Positive


class ModelDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A model version as published on `control.models`."""

    format: Literal[1]
    version: Annotated[str, Meta(min_length=1, max_length=200)]
    line: str
    trained_through: int  # offset of the last training example; -1: none
    examples: Annotated[int, Meta(ge=0)]
    positives: Annotated[int, Meta(ge=0)]
    base: Weight
    numbers: dict[str, NumberTerm]
    categories: dict[str, dict[str, Weight]]  # feature -> name -> weight
    missing: dict[str, Weight]  # every feature that the model looks at
    average: dict[str, float]  # what each feature adds to the logit, before calibration, for the average lead
    prior_precision: Positive  # of what was never seen
    calibration: Calibration
    scale: Scale
    segments: dict[str, dict[str, tuple[int, int]]]  # feature -> name -> labels, positives
    left_out: dict[str, float]  # features that give the answer away, with their AUC
    metrics: dict[str, float | dict[str, float | str | None] | None]  # ModelMetrics of streams/lab/gates.py


class Judgment(NamedTuple):
    """What a model says of one lead."""

    probability: float
    logit: float
    score: float  # 0..100
    low: float
    high: float
    width: float  # of the interval, as a share of the scale
    confidence: float  # 0..1
    contributions: tuple[Contribution, ...]  # largest first, then one "other"


Effect = tuple[float, float, int]  # calibrated logit, variance, points in 64ths away from the average lead
Part = tuple[int, str, int, Value | None]  # order, feature, points in 64ths, value


class _NumberTerm(NamedTuple):
    """A number, ready for the loop."""

    mean: float
    inverse: float
    limit: float
    weight: float
    spread: float
    edges: tuple[float, ...]
    bins: tuple[tuple[float, float], ...]
    names: dict[float, tuple[float, float]]


class _Term(NamedTuple):
    """One feature, ready for the loop: what can be worked out before a lead comes, is."""

    name: str
    average: float
    missing: Effect
    names: dict[str, Effect]
    unseen: Effect  # a name that is not listed, or a number where none was ever seen
    number: _NumberTerm | None


class Model:
    """A model version that judges leads. Made by `load_model`."""

    def __init__(self, document: ModelDocument) -> None:
        self.document = document
        self.version, self.line = document.version, document.line
        self.examples, self.positives = document.examples, document.positives
        self.trained_through = document.trained_through
        slope = document.calibration.slope
        self._base_logit = document.calibration.offset + slope * document.base.weight
        self._base_variance = slope * slope / document.base.precision
        self._points, self._steps = document.scale.points, document.scale.points * STEPS
        self._terms = tuple(_term(name, document) for name in sorted(document.missing))
        average = self._base_logit + sum(term.average for term in self._terms)
        self.base = round((document.scale.base + self._points * average) * STEPS) / STEPS  # score of the average lead

    def judge(self, features: Mapping[str, Value]) -> Judgment:
        """Probability, score, interval and signed parts for one lead."""
        logit, variance, total = self._base_logit, self._base_variance, 0
        parts: list[Part] = []
        get, steps = features.get, self._steps
        for name, average, missing, names, unseen, number in self._terms:
            value = get(name)
            if value.__class__ is str:
                adds, doubt, points = names.get(value, unseen)
            elif value is None or value != value:
                adds, doubt, points = missing
                value = None
            elif number is None:
                adds, doubt, points = unseen
            else:
                mean, inverse, limit, weight, spread, edges, bins, listed = number
                held = LARGEST if value > LARGEST else -LARGEST if value < -LARGEST else value  # type: ignore[operator]
                z = (held - mean) * inverse  # type: ignore[operator]
                z = limit if z > limit else -limit if z < -limit else z
                adds, doubt = weight * z, spread * z * z
                if bins:
                    more, doubts = bins[bisect_right(edges, held)]
                    adds += more
                    doubt += doubts
                if held in listed:
                    more, doubts = listed[held]
                    adds += more
                    doubt += doubts
                points = round((adds - average) * steps)
            logit += adds
            variance += doubt
            if points:
                total += points
                parts.append((-abs(points), name, points, value))
        return self._judgment(logit, sqrt(variance), self.base + total / STEPS, parts)

    def seen(self, feature: str, value: Value | None) -> tuple[int, int]:
        """Labels and positives among leads whose `feature` is `value`; (0, 0): none, or the feature is no category."""
        return self.document.segments.get(feature, {}).get(str(value), (0, 0))

    def _judgment(self, logit: float, deviation: float, total: float, parts: list[Part]) -> Judgment:
        score = 0.0 if total < 0.0 else 100.0 if total > 100.0 else total
        half = COVERAGE * deviation * self._points
        width = min(2 * half, 100.0)
        low = min(max(total - half, 0.0), 100.0 - width)
        share = width / 100
        bounded = min(max(logit, -MOST_LOGIT), MOST_LOGIT)
        return Judgment(
            1 / (1 + exp(-bounded)), logit, score, low, low + width, share, 1 - share, _contributions(parts)
        )


def load_model(document: str | bytes) -> Model:
    """The model in a document. ValueError says what was expected and what came."""
    try:
        read = msgspec.json.decode(document, type=ModelDocument)
    except msgspec.DecodeError as error:
        raise ValueError(f"a model document of format {FORMAT} was expected, but: {error}") from error
    for name, term in read.numbers.items():
        if term.bins and len(term.bins) != len(term.edges) + 1:
            expected, got = len(term.edges) + 1, len(term.bins)
            raise ValueError(f"numbers.{name}: expected {expected} bins for {len(term.edges)} edges, got {got}")
        if list(term.edges) != sorted(set(term.edges)):
            raise ValueError(f"numbers.{name}: expected ascending edges, got {list(term.edges)}")
    unknown = sorted((read.numbers.keys() | read.categories.keys()) - read.missing.keys())
    if unknown:
        raise ValueError(f"missing: expected a weight for every feature, got none for {', '.join(unknown)}")
    return Model(read)


def _term(name: str, document: ModelDocument) -> _Term:
    slope, steps = document.calibration.slope, document.scale.points * STEPS
    average = slope * document.average.get(name, 0.0)

    def calibrated(weight: Weight) -> tuple[float, float]:
        return slope * weight.weight, slope * slope / weight.precision

    def effect(logit: float, variance: float) -> Effect:
        return logit, variance, round((logit - average) * steps)

    names = {value: effect(*calibrated(weight)) for value, weight in document.categories.get(name, {}).items()}
    number, term = None, document.numbers.get(name)
    if term is not None:
        bins = tuple(calibrated(weight) for weight in term.bins)
        listed = {name.value: calibrated(Weight(name.weight, name.precision)) for name in term.names}
        number = _NumberTerm(term.mean, term.inverse, term.limit, *calibrated(term.weight), term.edges, bins, listed)
    unseen = effect(0.0, slope * slope / document.prior_precision)
    return _Term(name, average, effect(*calibrated(document.missing[name])), names, unseen, number)


def _contributions(parts: list[Part]) -> tuple[Contribution, ...]:
    """The largest parts, named as a person reads them: `job=student`, `income missing`, `age` with its value."""
    parts.sort()
    shown = [_contribution(name, points, value) for _, name, points, value in parts[:MOST_CONTRIBUTIONS]]
    rest = parts[MOST_CONTRIBUTIONS:]
    if rest:
        shown.append(Contribution("other", float(len(rest)), sum([part[2] for part in rest]) / STEPS))
    return tuple(shown)


def _contribution(name: str, points: int, value: Value | None) -> Contribution:
    if value is None:
        return Contribution(f"{name} missing", 1.0, points / STEPS)
    if isinstance(value, str):
        return Contribution(f"{name}={value}", 1.0, points / STEPS)
    return Contribution(name, float(value) if isfinite(value) else LARGEST, points / STEPS)
