"""The monthly review: what the month's counts say, with intervals, against the policy's targets.

Law of this module: pure, and every figure carries how many it is a figure of. What to change is in advice.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from streams.core.policy import CompiledPolicy, GovernanceRow
from streams.core.windows import BINS
from streams.lab.drift import Shift, shift_of_histograms
from streams.lab.fairness import Finding, findings
from streams.lab.kpis import Stamping, limits_of, mean_score, rules_of, stampings
from streams.lab.month import Entry, Flow, InForce, Month
from streams.lab.rates import Rate, added, rate, wait_quantile

DRIFT_DAYS = 7  # the first and the last days of the month that are compared


class Kpi(NamedTuple):
    """One line of the table of KPIs. `met` None: the policy has no target, or there is nothing to measure."""

    name: str
    found: Rate
    target: str
    met: bool | None


class ConditionFigures(NamedTuple):
    condition: str
    code: str
    decisions: int  # that found it
    cases: int  # closed, of it
    agree: Rate  # approved as it was, of what people decided
    rejected: int
    overridden: int
    undecided: int  # expired, withdrawn, superseded
    without_effect: bool
    never: bool  # in the policy, and not once found


class Wrong(NamedTuple):
    """How many decisions of a tier turned out wrong, and why."""

    tier: str
    why: str
    leads: int
    of: int  # labels of the tier


class QueueFigures(NamedTuple):
    queue: str
    attainment: Rate
    median_ms: float | None  # to the first touch
    slowest_ms: float | None  # that nine of ten did not exceed


class DayFigures(NamedTuple):
    day: int  # of the month, from 1
    labels: int
    log_loss: float | None
    scored: int
    mean_score: float | None


class Review(NamedTuple):
    """Everything that the page shows."""

    month: str  # 2026-10
    start: int
    end: int
    is_empty: bool
    decisions: int
    explored: int
    tiers: Mapping[str, int]
    outcomes: Mapping[str, int]
    corrections: int
    kpis: tuple[Kpi, ...]
    wrong_sends: Mapping[str, int]
    false_positives: tuple[Wrong, ...]
    false_negatives: tuple[Wrong, ...]
    conditions: tuple[ConditionFigures, ...]
    flows: tuple[tuple[Flow, int], ...]
    rejections: Mapping[str, int]  # reason code -> cases
    queues: tuple[QueueFigures, ...]
    fairness: tuple[Finding, ...]
    groups: tuple[str, ...]  # that the policy names
    drift: Shift  # of the deciding score, first against last week of the month
    days: tuple[DayFigures, ...]
    reviewers: tuple[Stamping, ...]
    alarms: tuple[Entry, ...]
    changes: tuple[Entry, ...]
    policies: Mapping[str, InForce]
    models: Mapping[str, InForce]
    erased: int  # leads that were forgotten in the month; what was decided of them before is counted
    cut: tuple[str, ...]  # topics of which only a part of the month is still there


def review_of(name: str, month: Month, policy: CompiledPolicy) -> Review:
    """The figures of a month under the values of a policy, usually the active one."""
    settings = policy.governance
    return Review(
        month=name,
        start=month.start,
        end=month.end,
        is_empty=month.is_empty,
        decisions=month.decisions,
        explored=month.explored,
        tiers={tier.id: month.tiers[tier.id] for tier in policy.tiers} | dict(sorted(month.tiers.items())),
        outcomes=dict(sorted(month.outcomes.items())),
        corrections=month.corrections,
        kpis=tuple(_kpis(month, settings)),
        wrong_sends={name: month.counts[f"send:{name}"] for name in ("unauthorised", "on_hold", "unasked")},
        false_positives=_wrong(month.false_positives, month),
        false_negatives=_wrong(month.false_negatives, month),
        conditions=tuple(_conditions(month, policy)),
        flows=tuple((flow, count) for flow, count in _largest(month.flows) if count > 0),
        rejections=dict(_largest(sum((one.rejected for one in month.conditions.values()), Counter[str]()))),
        queues=tuple(_queues(month, settings)),
        fairness=findings(month.groups, rules_of(settings)),
        groups=settings.groups,
        drift=_drift(month, settings),
        days=tuple(_days(month)),
        reviewers=tuple(stampings(month.people, settings.confidence)),
        alarms=tuple(sorted(month.alarms, key=lambda entry: entry.at)),
        changes=tuple(sorted(month.changes, key=lambda entry: entry.at)),
        policies=month.policies,
        models=month.models,
        erased=month.erased,
        cut=tuple(month.cut),
    )


def _kpis(month: Month, settings: GovernanceRow) -> Iterable[Kpi]:
    sure, ends = settings.confidence, month.ends
    routed = month.counts["routed"]
    automatic = rate(routed - month.counts["human"], routed, sure)
    yield _at_least("Automation share", automatic, settings.automation_share)
    decided = ends["approved"] + ends["rejected"] + ends["overridden"]
    yield _at_most("Override rate", rate(ends["overridden"], decided, sure), settings.override_rate)
    accepted = rate(ends["approved"], ends["approved"] + ends["rejected"] + ends["expired"], sure)
    yield Kpi("Acceptance of cases", accepted, "", None)
    met, missed = added(month.sla.values(), 2)
    yield Kpi("SLA attainment", rate(met, met + missed, sure), "", None)
    yield Kpi("False accepts", rate(month.accepted[1], month.accepted[0], sure), "", None)
    suppressed = rate(month.sampled[1], month.sampled[0], sure)
    yield _at_most("False suppressions, in the random samples", suppressed, settings.false_suppress_rate)


def _at_least(name: str, found: Rate, target: float) -> Kpi:
    return Kpi(name, found, f"at least {target * 100:g} %", None if found.value is None else found.value >= target)


def _at_most(name: str, found: Rate, target: float) -> Kpi:
    return Kpi(name, found, f"at most {target * 100:g} %", None if found.value is None else found.value <= target)


def _wrong(counts: Counter[tuple[str, str]], month: Month) -> tuple[Wrong, ...]:
    return tuple(
        Wrong(tier, why, count, max(month.labels.get(tier, [0])[0], 0))
        for (tier, why), count in _largest(counts)
        if count > 0
    )


def _conditions(month: Month, policy: CompiledPolicy) -> Iterable[ConditionFigures]:
    """The policy's conditions in its order, then what only the records know: tiers that open cases, older rows."""
    settings, codes = policy.governance, {row.id: row.code for row in policy.conditions}
    for name in [*codes, *sorted(month.conditions.keys() - codes.keys())]:
        seen = month.conditions.get(name)
        if seen is None:
            nothing = rate(0, 0)
            yield ConditionFigures(name, codes[name], 0, 0, nothing, 0, 0, 0, without_effect=False, never=True)
            continue
        ends = Counter(seen.ends)
        decided = ends["approved"] + ends["rejected"] + ends["overridden"]
        agree = rate(ends["approved"], decided, settings.confidence)
        without = decided >= settings.least and (agree.value or 0.0) >= settings.agree_share
        yield ConditionFigures(
            name, codes.get(name, seen.code), seen.decisions, sum(ends.values()), agree, ends["rejected"],
            ends["overridden"], ends["expired"] + ends["withdrawn"] + ends["superseded"],
            without_effect=without, never=False,
        )  # fmt: skip


def _queues(month: Month, settings: GovernanceRow) -> Iterable[QueueFigures]:
    for queue in sorted(month.sla.keys() | month.waits.keys()):
        met, missed = month.sla.get(queue, [0, 0])
        waits = month.waits.get(queue, [])
        medians = (wait_quantile(waits, 0.5), wait_quantile(waits, 0.9)) if waits else (None, None)
        yield QueueFigures(queue, rate(met, met + missed, settings.confidence), *medians)


def _drift(month: Month, settings: GovernanceRow) -> Shift:
    days = sorted(month.scores)
    then, now = (added((month.scores[day] for day in part), BINS) for part in (days[:DRIFT_DAYS], days[-DRIFT_DAYS:]))
    enough = len(days) >= 2 * DRIFT_DAYS
    return shift_of_histograms(then, now if enough else [0] * BINS, limits_of(settings))


def _days(month: Month) -> Iterable[DayFigures]:
    for day in sorted(month.scores.keys() | month.losses.keys()):
        labels, total = month.losses.get(day, [0, 0.0])
        scores = month.scores.get(day, [])
        mean = mean_score(scores) if any(scores) else None
        yield DayFigures(day + 1, int(labels), total / labels if labels else None, int(np.sum(scores)), mean)


def _largest(counts: Counter) -> list:  # type: ignore[type-arg]
    """Largest first; equal ones in the order of their names."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
