"""How good a line was on decisions whose outcome is known, next to whoever decided: the figures that gates look at.

ours        what a version of the line said when the lead was decided, as the decision recorded it: an honest figure
theirs      the same of the champion; where the rules were, their score as a probability, by Platt's two numbers, which
            are learned from the same outcomes, each tested before it is learned
progressive what the line says just before it learns an example: also where no version of it had a role

Law of this module: pure, and a fold: the same examples give the same figures. A correction changes the label of the
row that it corrects, as long as that is in the window; what was predicted stays.
"""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np

from streams.core.effects import EmitExample
from streams.core.roles import RULES
from streams.lab.books import line_of
from streams.lab.calibration import Platt, sigmoid
from streams.lab.forgetting import trace_of
from streams.lab.gates import ImpactRatio, Interval, ModelMetrics
from streams.lab.progress import NAMES, RESAMPLES, SEED, TAIL, Figure, Figures, Window, figures_of

ROWS = 2_000  # the newest
LEAST_DIFFERENCE = 100  # rows, below which a difference of lifts is not told
MIDDLE, POINTS = 50.0, 15.0  # of a rule score: where its logit is 0, and points for one unit


class Row(msgspec.Struct, array_like=True, gc=False):
    """One decision that the line scored, and what came of it."""

    judged: str  # decision_id
    label: bool
    ours: float
    theirs: float
    lead: bytes = b""  # streams/lab/forgetting.py


class Kept(msgspec.Struct, array_like=True):
    """A Matured as it is kept."""

    rows: list[Row]
    progressive: list[object]
    rules: list[object]


class Matured:
    """The figures of one line."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._rows: deque[Row] = deque(maxlen=ROWS)
        self._progressive = Window(ROWS)
        self._rules = Platt()

    def see(self, example: EmitExample, before: float) -> None:
        """One outcome; `before`: what the line says of it before it learns it."""
        logit = (example.rule_score - MIDDLE) / POINTS
        if example.supersedes is not None and example.previous is not None:
            self._correct(example)
            return
        ours = next((p for version, p in sorted(example.predictions.items()) if line_of(version) == self._line), None)
        if ours is not None:
            rules = sigmoid(self._rules.apply(logit))
            theirs = rules if example.model_version == RULES else example.predictions.get(example.model_version, rules)
            self._rows.append(Row(example.judged, example.label, ours, theirs, trace_of(example.lead_id)))
        self._progressive.add(before, example.label)
        self._rules.learn(logit, example.label)

    def forget(self, lead_id: str) -> None:
        """Keep nothing of the lead's decisions."""
        trace = trace_of(lead_id)
        if any(row.lead == trace for row in self._rows):
            self._rows = deque((row for row in self._rows if row.lead != trace), maxlen=ROWS)

    def quality(self) -> dict[str, float | None]:
        """Figures of what the line said just before it learned, for gauges: line_auc, line_auc_low, line_auc_high ...

        Also where no version of the line has a role.
        """
        found = self._progressive.figures()
        named = {name: getattr(found, name) for name in NAMES}
        return {
            f"line_{name}{end}": bound
            for name, figure in named.items()
            for end, bound in (("", figure.value), ("_low", figure.low), ("_high", figure.high))
        }

    def metrics(self, impact: ImpactRatio | None = None, groups: int | None = None) -> ModelMetrics:
        """What the gates look at. `impact` and `groups` come from governance."""
        labels = [row.label for row in self._rows]
        found = figures_of([row.ours for row in self._rows], labels)
        champion = figures_of([row.theirs for row in self._rows], labels, resamples=0)
        return ModelMetrics(
            labels=found.rows,
            positives=found.positives,
            auc=found.auc.value,
            lift_at_10=_interval(found.lift_at_10),
            lift_difference=self._difference(found, champion),
            log_loss=found.log_loss.value,
            champion_log_loss=champion.log_loss.value,
            ece=found.ece.value,
            worst_impact_ratio=impact,
            groups=groups,
        )

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(Kept(list(self._rows), self._progressive.dump(), self._rules.dump()))

    @classmethod
    def load(cls, line: str, dumped: bytes) -> Matured:
        """The figures again. ValueError: another format."""
        kept, matured = msgspec.msgpack.decode(dumped, type=Kept), cls(line)
        matured._rows.extend(kept.rows)
        matured._progressive, matured._rules = Window.load(kept.progressive), Platt.load(kept.rules)
        return matured

    def _correct(self, example: EmitExample) -> None:
        for row in self._rows:
            if row.judged == example.judged:
                row.label = example.label

    def _difference(self, ours: Figures, theirs: Figures) -> Interval | None:
        """Our lift minus theirs, on the same draws of the same rows."""
        one, other = ours.lift_at_10.value, theirs.lift_at_10.value
        if one is None or other is None or len(self._rows) < LEAST_DIFFERENCE:
            return None
        labels = np.array([row.label for row in self._rows], np.float64)
        predictions = [np.array([getattr(row, name) for row in self._rows], np.float64) for name in ("ours", "theirs")]
        random, draws = np.random.default_rng(SEED), []
        for _ in range(RESAMPLES):
            at = random.integers(0, len(labels), len(labels))
            lifts = [figures_of(p[at], labels[at], resamples=0).lift_at_10.value for p in predictions]  # type: ignore[arg-type]
            if lifts[0] is not None and lifts[1] is not None:
                draws.append(lifts[0] - lifts[1])
        low, high = np.quantile(draws, (TAIL, 1 - TAIL))
        return Interval(one - other, min(float(low), one - other), max(float(high), one - other))


def _interval(figure: Figure) -> Interval | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return Interval(figure.value, figure.low, figure.high)
