"""Does a single feature give the answer away? A column that is filled in after the fact predicts the past.

How well a feature alone separates the labels is its ROC-AUC, the larger of two estimates:
cells    values (bins of numbers, names of categories, missing) by their share of positives, each label judged by the
         others of its cell: ids, whose cells hold one label each, separate nothing
rank     numbers ordered by size, up or down: sharper than ten bins where positives are rare

Law of this module: a feature leaks when its AUC lies above LEAK beyond doubt (DOUBT standard errors by Hanley and
McNeil 1982). It looks the first time at FIRST_LOOK labels of the rarer kind, then each time that there are LOOK_GROWTH
times as many.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import sqrt
from typing import Any

LEAK = 0.9
DOUBT = 1.64
FIRST_LOOK = 10  # labels of the rarer kind
LOOK_GROWTH = 1.5
MOST_CERTAIN = 0.98  # an AUC of 1 has no standard error; ten labels do not prove it
SAMPLE = 1000

Cell = list[float]  # labels, positives


class Sample:
    """Every n-th of what came, at most SAMPLE: evenly spread over time, without chance."""

    __slots__ = ("count", "kept", "stride")

    def __init__(self) -> None:
        self.count, self.stride = 0, 1
        self.kept: list[float] = []

    def add(self, value: float) -> None:
        self.count += 1
        if self.count % self.stride:
            return
        self.kept.append(value)
        if len(self.kept) >= SAMPLE:
            self.kept = self.kept[1::2]
            self.stride *= 2

    def dump(self) -> list[Any]:
        return [self.count, self.stride, self.kept]

    @classmethod
    def load(cls, dumped: list[Any]) -> Sample:
        sample = cls()
        sample.count, sample.stride, sample.kept = dumped
        return sample


def leaks(auc: float, positives: float, negatives: float) -> bool:
    """Whether an AUC from so many labels lies above LEAK beyond doubt."""
    if auc <= LEAK or positives < FIRST_LOOK or negatives < FIRST_LOOK:
        return False
    certain = min(auc, MOST_CERTAIN)
    return certain - DOUBT * standard_error(certain, positives, negatives) > LEAK


def standard_error(auc: float, positives: float, negatives: float) -> float:
    """Of an AUC; Hanley and McNeil 1982."""
    one, two = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    square = auc * (1 - auc) + (positives - 1) * (one - auc * auc) + (negatives - 1) * (two - auc * auc)
    return sqrt(max(square, 0.0) / (positives * negatives))


def auc_of_cells(cells: Iterable[Cell]) -> float:
    """AUC of labels that are ordered by the share of positives among the others of their cell."""
    full = [(count, min(max(good, 0.0), count)) for count, good in cells if count > 0]  # corrections may overshoot
    labels, positives = sum(cell[0] for cell in full), sum(cell[1] for cell in full)
    negatives = labels - positives
    if positives <= 0 or negatives <= 0:
        return 0.5
    share = positives / labels
    judged: dict[float, Cell] = {}  # estimate -> positives, negatives
    for count, good in full:
        others = max(count - 1, 0.0) + 1.0  # one more of the average kind: a cell of one label says nothing
        judged.setdefault((max(good - 1, 0.0) + share) / others, [0.0, 0.0])[0] += good
        judged.setdefault((good + share) / others, [0.0, 0.0])[1] += count - good
    below = won = 0.0
    for _, (good, bad) in sorted(judged.items()):
        won += good * (below + bad / 2)
        below += bad
    return won / (positives * negatives)


def auc_of_ranks(everything: list[float], positives: list[float], share: float) -> float:
    """AUC of numbers by size, in the better direction; `share`: of positives among everything."""
    if not positives or not everything or share >= 1:
        return 0.5
    ordered = sorted(everything)
    won = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in positives)
    among_all = won / (2 * len(positives) * len(ordered))
    auc = (among_all - share / 2) / (1 - share)  # everything holds the positives, which draw with each other
    return min(max(auc, 1 - auc), 1.0)
