"""What makes one honest probability of several learners' logits: a mixture by what each lost lately, and calibration.

mixture      weight of a learner ~ exp(-(loss - least loss) / TEMPERATURE), loss = discounted sum of its log-loss
calibration  probability = sigmoid(slope * logit + offset): Platt's two numbers, moved by every label as a Kalman filter
             moves them, forgetting at FORGETTING towards slope 1 and offset 0

Both are judged on labels that the learners had not seen when they made the logit. A base rate that drifts moves the
offset; a world that moves faster favours the learner that forgets faster.

Law of this module: plain arithmetic on floats, in a fixed order; dump and load keep every bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log1p
from typing import Any

DISCOUNT = 0.9995  # of a loss, per label: half of it is forgotten after 1,400 labels
TEMPERATURE = 5.0
FORGETTING = 0.0003  # of what calibration has seen, per label
PRIOR_SLOPE, PRIOR_OFFSET = 200.0, 20.0  # as if so much Fisher information said: slope 1, offset 0
SLOPES = (0.2, 5.0)
MOST_LOGIT = 35.0
LEAST_CURVATURE = 1e-3


def sigmoid(logit: float) -> float:
    """The probability of a logit."""
    return 1 / (1 + exp(-min(max(logit, -MOST_LOGIT), MOST_LOGIT)))


def log_loss(logit: float, label: bool) -> float:
    """What a logit costs when the label comes."""
    away = -logit if label else logit
    return away + log1p(exp(-away)) if away > 0 else log1p(exp(away))


class Mixture:
    """Weights of learners by their recent losses."""

    def __init__(self, learners: int) -> None:
        self.losses = [0.0] * learners
        self.weights = [1 / learners] * learners

    def mix(self, logits: Sequence[float]) -> float:
        return sum([weight * logit for weight, logit in zip(self.weights, logits, strict=True)])

    def learn(self, logits: Sequence[float], label: bool) -> None:
        self.losses = [
            DISCOUNT * loss + log_loss(logit, label) for loss, logit in zip(self.losses, logits, strict=True)
        ]
        least = min(self.losses)
        odds = [exp((least - loss) / TEMPERATURE) for loss in self.losses]
        total = sum(odds)
        self.weights = [odd / total for odd in odds]

    def dump(self) -> list[Any]:
        return [self.losses, self.weights]

    @classmethod
    def load(cls, dumped: list[Any]) -> Mixture:
        mixture = cls(len(dumped[0]))
        mixture.losses, mixture.weights = dumped
        return mixture


class Platt:
    """Slope and offset that make logits honest."""

    def __init__(self) -> None:
        self.slope, self.offset = 1.0, 0.0
        self._information = [PRIOR_SLOPE, 0.0, PRIOR_OFFSET]  # slope-slope, slope-offset, offset-offset

    def apply(self, logit: float) -> float:
        return self.slope * logit + self.offset

    def learn(self, logit: float, label: bool) -> None:
        probability = sigmoid(self.apply(logit))
        curvature = max(probability * (1 - probability), LEAST_CURVATURE)
        first, both, second = self._information
        kept = 1 - FORGETTING
        self._information = [
            kept * first + FORGETTING * PRIOR_SLOPE + curvature * logit * logit,
            kept * both + curvature * logit,
            kept * second + FORGETTING * PRIOR_OFFSET + curvature,
        ]
        self._move(
            (label - probability) * logit + FORGETTING * PRIOR_SLOPE * (1 - self.slope),
            (label - probability) - FORGETTING * PRIOR_OFFSET * self.offset,
        )

    def correct(self, logit: float, change: int) -> None:
        """Take back one label and learn the other: `change` is new - old."""
        self._move(change * logit, float(change))

    def _move(self, of_slope: float, of_offset: float) -> None:
        """One Newton step along a gradient."""
        first, both, second = self._information
        size = first * second - both * both
        self.slope += (second * of_slope - both * of_offset) / size
        self.offset += (first * of_offset - both * of_slope) / size
        self.slope = min(max(self.slope, SLOPES[0]), SLOPES[1])

    def dump(self) -> list[Any]:
        return [self.slope, self.offset, self._information]

    @classmethod
    def load(cls, dumped: list[Any]) -> Platt:
        platt = cls()
        platt.slope, platt.offset, platt._information = dumped
        return platt
