"""The online learner: examples in, one at a time; probabilities, a model document and the exact state out.

Three logistic regressions of river with AdaGrad, which differ in how fast they learn (RATES), on one encoding
(encoding.py); mixed by what each lost lately, and calibrated (calibration.py). A mixture of linear models is one linear
model: that is what the document holds, with the precision of each weight.

Law of this module: `predict` changes nothing; `learn` is a fold: the same examples in the same order give the same
learner, bit for bit, also when it was dumped and loaded in between. `streams.core.model` computes from the document
what `predict` says, to 1e-9. What gives the answer away (guard.py) is left out until a person allows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
from river.linear_model import LogisticRegression
from river.optim import AdaGrad
from river.utils import VectorDict

from streams.lab.calibration import Mixture, Platt, sigmoid
from streams.lab.encoding import Column, Encoder, Recut, Value
from streams.lab.guard import FIRST_LOOK, LOOK_GROWTH, auc_of_cells, auc_of_ranks, leaks
from streams.lab.publishing import document_of

DUMP_FORMAT = 1
RATES = (0.03, 0.1, 0.3)  # AdaGrad's; the mixture finds which one the world wants
EPS = 0.1  # AdaGrad's: what was seen a few times moves a weight by a step, not to the end
RELEARN = 0.1  # of AdaGrad's sums that stay when a leak is left out: the others must learn what it hid
RECENT = 1000  # examples whose logits and rule scores set the scale of the score
LOOK_EVERY = 50  # the guard compares counters each time that there are a fiftieth more examples


class Learner:
    """One line of models."""

    def __init__(self) -> None:
        self.examples = self.positives = 0
        self.encoder = Encoder()
        self.models = [regression(rate) for rate in RATES]
        self.mixture, self.platt = Mixture(len(RATES)), Platt()
        self.recent: deque[tuple[float, float | None]] = deque(maxlen=RECENT)  # logit before calibration, rule score
        self.left_out: dict[str, float] = {}  # feature -> AUC
        self.allowed: set[str] = set()
        self._next_round = 1

    def predict(self, features: Mapping[str, Value]) -> float:
        """The probability of a good lead."""
        return sigmoid(self.logit(features))

    def logit(self, features: Mapping[str, Value]) -> float:
        """The calibrated log-odds of a good lead."""
        return self.platt.apply(self._mixed(self.encoder.encode(features)))

    def learn(self, features: Mapping[str, Value], label: bool, rule_score: float | None = None) -> None:
        """Learn one example. `rule_score`: what the rules gave that lead, 0..100; it sets the scale of the score."""
        recuts, dropped = self.encoder.learn(features, label, (self.examples, self.positives), FIRST_LOOK)
        self.examples += 1
        self.positives += label
        for recut in recuts:
            self._recut(recut)
        if dropped:
            self._drop(dropped)
        if self.examples >= self._next_round:
            self._next_round = self.examples + 1 + self.examples // LOOK_EVERY
            self._look()
        encoded = self.encoder.encode(features)
        logits = [model._raw_dot_one(encoded) for model in self.models]
        mixed = self.mixture.mix(logits)
        self.recent.append((mixed, rule_score))
        self.platt.learn(mixed, label)
        self.mixture.learn(logits, label)
        for model in self.models:
            model.learn_one(encoded, label)

    def correct(self, features: Mapping[str, Value], old: bool, new: bool) -> None:
        """Learn the right label in place of the wrong one that was learned.

        The gradient of the logistic loss is (probability - label) * value, so the two differ by (old - new) * value,
        whatever the weights are.
        """
        if old == new:
            return
        change = int(new) - int(old)
        self.positives += change
        self.encoder.correct(features, change)
        encoded = self.encoder.encode(features)
        self.platt.correct(self._mixed(encoded), change)
        gradient = {name: -change * value for name, value in encoded.items()}
        for model in self.models:
            for name in encoded:
                model._weights.setdefault(name, 0.0)
            model.optimizer.step(model._weights, gradient)

    def allow(self, feature: str) -> None:
        """A person says that this feature may be used, however well it separates."""
        self.allowed.add(feature)
        self.left_out.pop(feature, None)
        if feature in self.encoder.columns:
            self.encoder.use(feature, usable=True)

    def document(
        self, version: str, line: str, trained_through: int, metrics: Mapping[str, float | None] | None = None
    ) -> str:
        """This state as a model document: canonical JSON."""
        return document_of(self, version, line, trained_through, metrics or {})

    def dump(self) -> bytes:
        """All of the state: `Learner.load` continues it bit for bit."""
        return msgspec.msgpack.encode(
            {
                "format": DUMP_FORMAT,
                "examples": self.examples,
                "positives": self.positives,
                "encoder": self.encoder.dump(),
                "models": [
                    [list(model._weights.items()), list(model.optimizer.g2.items()), model.optimizer.n_iterations]
                    for model in self.models
                ],
                "mixture": self.mixture.dump(),
                "platt": self.platt.dump(),
                "recent": list(self.recent),
                "left_out": self.left_out,
                "allowed": sorted(self.allowed),
                "next_round": self._next_round,
            }
        )

    @classmethod
    def load(cls, dumped: bytes) -> Learner:
        """The learner that was dumped. ValueError: another format."""
        state: dict[str, Any] = msgspec.msgpack.decode(dumped)
        if state.get("format") != DUMP_FORMAT:
            raise ValueError(f"a learner's state of format {DUMP_FORMAT} was expected, got {state.get('format')!r}")
        learner = cls()
        learner.examples, learner.positives = state["examples"], state["positives"]
        learner.encoder = Encoder.load(state["encoder"])
        for model, (weights, sums, iterations) in zip(learner.models, state["models"], strict=True):
            model._weights = VectorDict(dict(weights))
            model.optimizer.g2.update(sums)
            model.optimizer.n_iterations = iterations
        learner.mixture, learner.platt = Mixture.load(state["mixture"]), Platt.load(state["platt"])
        learner.recent.extend((logit, score) for logit, score in state["recent"])
        learner.left_out, learner.allowed = state["left_out"], set(state["allowed"])
        learner._next_round = state["next_round"]
        return learner

    def _mixed(self, encoded: dict[str, float]) -> float:
        return self.mixture.mix([model._raw_dot_one(encoded) for model in self.models])

    def _recut(self, recut: Recut) -> None:
        """Give new bins the weights that their values had under the old ones."""
        for model in self.models:
            for held in (model._weights, model.optimizer.g2):
                old = [held.pop(name, 0.0) for name in recut.old]
                for name, shares in zip(recut.new, recut.shares, strict=True):
                    held[name] = sum([share * weight for share, weight in zip(shares, old, strict=True)])

    def _drop(self, names: list[str]) -> None:
        for model in self.models:
            for name in names:
                model._weights.pop(name, 0.0)  # without a default that is a number, a missing name raises
                model.optimizer.g2.pop(name, 0.0)

    def _look(self) -> None:
        """Let the guard judge the columns that have enough new labels."""
        for column in self.encoder.columns.values():
            labels, positives = self.examples - column.born[0], self.positives - column.born[1]
            rarer = min(positives, labels - positives)
            if rarer < column.next_look:
                continue
            column.next_look = max(rarer, column.next_look) * LOOK_GROWTH
            if column.name in self.left_out:
                continue
            found = [auc for auc, good, bad in aucs_of(column, labels, positives) if leaks(auc, good, bad)]
            if found and column.name not in self.allowed:
                self._leave_out(column, max(found))

    def _leave_out(self, column: Column, auc: float) -> None:
        self.left_out[column.name] = round(auc, 4)
        self.encoder.use(column.name, usable=False)
        self._drop(column.all_keys())
        for model in self.models:
            for name in model.optimizer.g2:
                model.optimizer.g2[name] *= RELEARN


def regression(rate: float) -> LogisticRegression:
    """River's logistic regression. The constant is a weight like the others: it then learns as fast as they do."""
    return LogisticRegression(optimizer=AdaGrad(rate, eps=EPS), intercept_lr=0.0)


def aucs_of(column: Column, labels: int, positives: int) -> list[tuple[float, float, float]]:
    """How well a column alone separates the labels: each estimate, and the positives and negatives that it rests on.

    Ranks rest on the labels that have a number: a few of them in order prove nothing, however many have none. Bins rest
    on the labels since they were first cut.
    """
    missing = [float(labels - column.count), float(positives - column.positives)]
    number = column.number
    kinds = [[column.names.forgotten, *column.names.cells.values()]]
    if number is not None:
        kinds += [number.cells, [number.names.forgotten, *number.names.cells.values()]]
    found = []
    for kind in kinds:
        cells = [missing, *kind]
        good = sum(cell[1] for cell in cells)
        found.append((auc_of_cells(cells), good, sum(cell[0] for cell in cells) - good))
    if number is not None:
        good, bad = number.positives.count, number.count - number.positives.count
        ranks = auc_of_ranks(number.values.kept, number.positives.kept, good / max(number.count, 1))
        found.append((ranks, good, bad))
    return found
