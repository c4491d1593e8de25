"""A learner's state as the document that the lanes score by.

Law of this module: nothing is lost that changes a probability by more than 1e-9. Weights have DIGITS digits; means and
edges have all of theirs.

The scale of the score: median and UPPER quantile of the recent logits come to lie where those of the rule scores of the
same leads lie, so that the policy's tiers keep their size; without rule scores, at USUAL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from streams.core.model import FORMAT, Calibration, ModelDocument, NumberName, NumberTerm, Scale, Weight
from streams.lab.encoding import BASE, LIMIT, Column

if TYPE_CHECKING:
    from streams.lab.learner import Learner

DIGITS = 12
PRIOR_PRECISION = 25.0  # before any label: a weight is 0, give or take 0.2
PRECISION_DIGITS = 4
UPPER = 0.9
USUAL = (40.0, 70.0)  # where median and upper quantile lie when no rule scores are known
POINTS = (2.0, 40.0)  # per unit of logit, least and most
USUAL_POINTS = 15.0  # when the logits are all alike
LEAST_SPREAD = 0.05  # of the logits, from median to upper quantile
LEAST_PAIRS = 30
MOST_SEGMENTS = 50  # names of a feature, above which it is no segment


def document_of(
    learner: Learner, version: str, line: str, trained_through: int, metrics: Mapping[str, float | None]
) -> str:
    """Canonical JSON: sorted keys, no blanks."""
    weights = Weights(learner)
    columns = learner.encoder.usable
    document = ModelDocument(
        format=FORMAT,
        version=version,
        line=line,
        trained_through=trained_through,
        examples=learner.examples,
        positives=learner.positives,
        base=weights[BASE],
        numbers={column.name: _number(column, weights) for column in columns if column.number},
        categories={
            column.name: {str(value): weights[key] for value, key in column.names.keys.items()}
            for column in columns
            if column.names.cells
        },
        missing={column.name: weights[column.missing] for column in columns},
        average={column.name: _average(column, weights, learner.examples) for column in columns},
        prior_precision=PRIOR_PRECISION,
        calibration=Calibration(learner.platt.slope, learner.platt.offset),
        scale=scale_of([(learner.platt.apply(logit), score) for logit, score in learner.recent]),
        segments={
            column.name: {str(value): (int(cell[0]), int(cell[1])) for value, cell in column.names.cells.items()}
            for column in learner.encoder.columns.values()
            if 0 < len(column.names.cells) <= MOST_SEGMENTS
        },
        left_out=dict(learner.left_out),
        metrics=dict(metrics),
    )
    return msgspec.json.encode(document, order="sorted").decode()


class Weights:
    """The mixture's weight of a name, and its precision."""

    def __init__(self, learner: Learner) -> None:
        shares = learner.mixture.weights
        held = [model.weights for model in learner.models]
        self._parts = list(zip(shares, held, strict=True))
        # The mean square of the gradients is the Fisher information of a weight: AdaGrad keeps it already.
        self._information = learner.models[len(learner.models) // 2].optimizer.g2

    def __getitem__(self, name: str) -> Weight:
        weight = sum([share * held.get(name, 0.0) for share, held in self._parts])
        precision = PRIOR_PRECISION + self._information.get(name, 0.0)
        return Weight(float(f"{weight:.{DIGITS}g}"), float(f"{precision:.{PRECISION_DIGITS}g}"))


def scale_of(recent: Iterable[tuple[float, float | None]]) -> Scale:
    """Points of the score per logit, from recent (calibrated logit, rule score or None)."""
    pairs = list(recent)
    logits = sorted(logit for logit, _ in pairs)
    scores = sorted(score for _, score in pairs if score is not None)
    if not logits:
        return Scale(USUAL[0], USUAL_POINTS)
    middle, upper = quantile(logits, 0.5), quantile(logits, UPPER)
    target, above = USUAL
    if len(scores) >= LEAST_PAIRS:
        target, above = quantile(scores, 0.5), quantile(scores, UPPER)
    points = USUAL_POINTS
    if upper - middle >= LEAST_SPREAD and above > target:
        points = min(max((above - target) / (upper - middle), POINTS[0]), POINTS[1])
    return Scale(round(target - points * middle, 6), round(points, 6))


def quantile(ordered: list[float], share: float) -> float:
    """Of values in order, at least one."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _number(column: Column, weights: Weights) -> NumberTerm:
    number = column.number
    assert number is not None
    bins = tuple(weights[key] for key in number.keys)
    names = tuple(
        NumberName(float(value), *msgspec.structs.astuple(weights[key])) for value, key in number.names.keys.items()
    )
    return NumberTerm(number.mean, number.inverse, LIMIT, weights[column.name], tuple(number.edges), bins, names)


def _average(column: Column, weights: Weights, examples: int) -> float:
    """What the column adds for the average lead: each weight as often as it applied. Numbers' lines have mean 0."""
    total = weights[column.missing].weight * max(examples - column.born[0] - column.count, 0)
    counted = float(max(examples - column.born[0], 1))
    kinds = [column.names] + ([column.number.names] if column.number else [])
    total += sum(weights[key].weight * names.cells[value][0] for names in kinds for value, key in names.keys.items())
    if column.number:
        number = column.number
        total += sum(weights[key].weight * cell[0] for key, cell in zip(number.keys, number.cells, strict=True))
    return float(f"{total / counted:.{DIGITS}g}")
