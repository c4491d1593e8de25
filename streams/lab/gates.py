"""What a model must show before it decides: one row per gate, with what was expected and what came.

Law of this module: a gate without a figure is not passed. The numbers are the policy's, section `learning`; the figures
are those that the lab wrote into the model's document, from predictions that were recorded at decisions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from streams.core.policy import LearningRow

LAB = "lab"  # the actor of what the lab does by itself: it approves nothing
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class Interval(msgspec.Struct, frozen=True):
    """A figure with its bootstrap interval."""

    value: float
    low: float
    high: float


class ImpactRatio(msgspec.Struct, frozen=True):
    """The lowest selection ratio of a declared group. `value` None: no group is large enough to say."""

    value: float | None = None
    group: str = ""  # age_band=under 25
    n: int = 0


class ModelMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """`metrics` of a model document: rolling figures of its line on matured labels. None: there is no figure yet."""

    labels: int = 0  # matured labels of decisions that the line scored
    positives: int = 0
    auc: float | None = None
    lift_at_10: Interval | None = None
    lift_difference: Interval | None = None  # lift at the top decile minus that of the champion that decided
    log_loss: float | None = None
    champion_log_loss: float | None = None  # on the same labels
    ece: float | None = None
    worst_impact_ratio: ImpactRatio | None = None
    groups: int | None = None  # declared groups that fairness looks at; 0: none is declared; None: nobody looked


class Gate(NamedTuple):
    """One thing that must hold."""

    name: str
    expected: str
    got: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, got {self.got}"


class _Document(msgspec.Struct):
    metrics: ModelMetrics = ModelMetrics()


def metrics_of(document: str) -> ModelMetrics:
    """The figures in a model document; none where it has none that can be read."""
    try:
        return msgspec.json.decode(document, type=_Document).metrics
    except msgspec.DecodeError:
        return ModelMetrics()


def challenge_gates(shadow_since: int | None, now: int, metrics: ModelMetrics, row: LearningRow) -> tuple[Gate, ...]:
    """Before a shadow gets a share of the leads. `shadow_since` None: it is not the shadow."""
    stood = None if shadow_since is None else now - shadow_since
    got = "not the shadow" if stood is None else span(stood)
    long_enough = stood is not None and stood >= row.shadow_ms
    return (Gate("time as shadow", f">= {span(row.shadow_ms)}", got, long_enough), _labels(metrics, row))


def promotion_gates(role: str | None, metrics: ModelMetrics, row: LearningRow) -> tuple[Gate, ...]:
    """Before a challenger decides for all. `role`: what its line has now."""
    return (
        Gate("role", "challenger", role or "none", role == "challenger"),
        _labels(metrics, row),
        _lift(metrics),
        _log_loss(metrics),
        _ece(metrics, row),
        _impact(metrics, row),
    )


def approval_gate(approvers: tuple[str | None, ...], row: LearningRow) -> Gate:
    """Distinct persons, as many as the policy wants; the lab is none."""
    named = [name.strip() for name in approvers if name and name.strip()]
    persons = {name.casefold() for name in named}
    noun = "person" if row.approvers == 1 else "distinct persons"
    enough = len(persons) >= row.approvers and LAB not in persons
    return Gate("approvers", f"{row.approvers} {noun}, not {LAB}", " and ".join(named) or "nobody", enough)


def span(ms: int) -> str:
    """14 d, 3 d 2 h, 20 min."""
    days, rest = divmod(ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    if not days and not hours:
        return f"{rest // 60_000} min"
    return " ".join(f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h")) if number)


def _labels(metrics: ModelMetrics, row: LearningRow) -> Gate:
    got = f"{metrics.labels:,}" if metrics.labels else "no matured labels yet"
    return Gate("matured labels", f">= {row.matured_labels:,}", got, metrics.labels >= row.matured_labels)


def _lift(metrics: ModelMetrics) -> Gate:
    found, expected = metrics.lift_difference, "interval above 0"
    name = "lift at 10 %, difference to the champion"
    if found is None:
        return Gate(name, expected, "no figure yet", False)
    got = f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    return Gate(name, expected, got, _finite(found.value, found.low, found.high) and found.low > 0)


def _log_loss(metrics: ModelMetrics) -> Gate:
    ours, theirs = metrics.log_loss, metrics.champion_log_loss
    if ours is None or theirs is None:
        return Gate("log-loss", "not above the champion's", "no figure yet", False)
    return Gate("log-loss", f"<= {theirs:.4f}, the champion's", f"{ours:.4f}", _finite(ours, theirs) and ours <= theirs)


def _ece(metrics: ModelMetrics, row: LearningRow) -> Gate:
    expected = f"<= {row.max_ece:g}"
    if metrics.ece is None:
        return Gate("calibration error", expected, "no figure yet", False)
    return Gate(
        "calibration error", expected, f"{metrics.ece:.4f}", _finite(metrics.ece) and metrics.ece <= row.max_ece
    )


def _impact(metrics: ModelMetrics, row: LearningRow) -> Gate:
    name, expected, found = "worst impact ratio", f">= {row.least_impact_ratio:g}", metrics.worst_impact_ratio
    if metrics.groups == 0:
        return Gate(name, expected, "no group is declared", True)
    if found is None:
        return Gate(name, expected, "no figure yet", False)
    if found.value is None:
        return Gate(name, expected, "insufficient n", False)
    got = f"{found.value:.2f} ({found.group}, n {found.n:,})"
    return Gate(name, expected, got, _finite(found.value) and found.value >= row.least_impact_ratio)


def _finite(*figures: float) -> bool:
    return all(map(math.isfinite, figures))
