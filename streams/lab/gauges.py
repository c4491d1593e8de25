"""KPIs and alarms as Prometheus gauges.

Law of this module: what is not known is not shown, and no label grows with the number of leads: tiers, queues, reps,
kinds of alarms, and values of groups that are large enough to be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import get_args

from streams import metrics
from streams.core.policy import GovernanceRow
from streams.lab.alarms import Alarm
from streams.lab.kpis import Kpis
from streams.lab.rates import Rate
from streams.policy.document import AlarmKind

MOST_REPS = 200
KINDS = (*get_args(AlarmKind), "leak")


def show(kpis: Kpis, alarms: Mapping[str, Alarm]) -> None:
    """Show these, and nothing that was shown before."""
    _show_alarms(alarms)
    metrics.KPI_SHARE.clear()
    metrics.KPI_OBSERVATIONS.clear()
    for kpi, of, found in _rates(kpis):
        metrics.KPI_OBSERVATIONS.labels(kpi, of).set(found.n)
        if found.value is not None:
            for bound, value in (("value", found.value), ("low", found.low), ("high", found.high)):
                metrics.KPI_SHARE.labels(kpi, of, bound).set(value)
    metrics.KPI_SENDS.labels("unauthorised").set(kpis.violations)
    metrics.KPI_SENDS.labels("on_hold").set(kpis.sends_on_hold)
    metrics.DRIFT_PSI.labels("value").set(kpis.drift.psi)
    metrics.DRIFT_PSI.labels("limit").set(kpis.drift.threshold)
    metrics.RESPONSE_SECONDS.clear()
    for queue, wait_ms in kpis.response_ms.items():
        metrics.RESPONSE_SECONDS.labels(queue).set(wait_ms / 1000)
    metrics.FAIRNESS_RATIO.clear()
    for each in kpis.fairness:
        if each.ratio is not None:
            metrics.FAIRNESS_RATIO.labels(each.group, each.value, each.ratio_of).set(each.ratio)
    metrics.STAMP_SHARE.clear()
    for one in kpis.reviewers[:MOST_REPS]:
        metrics.STAMP_SHARE.labels(one.actor).set(one.unread.value or 0.0)
    if kpis.log_loss is not None:
        metrics.MODEL_QUALITY.labels("log_loss").set(kpis.log_loss)


def show_targets(row: GovernanceRow) -> None:
    """Show what the policy holds these figures against."""
    targets = {
        "automation": row.automation_share,
        "override": row.override_rate,
        "false_suppress": row.false_suppress_rate,
        "fairness": row.fairness_least_ratio,
    }
    for kpi, target in targets.items():
        metrics.KPI_TARGET.labels(kpi).set(target)


def show_model(quality: Mapping[str, float | None]) -> None:
    """Show how good the deciding model is: ece, lift_at_10 ... of the newest matured labels; None is not shown."""
    for measure, value in quality.items():
        if value is not None:
            metrics.MODEL_QUALITY.labels(measure).set(value)


def _show_alarms(alarms: Mapping[str, Alarm]) -> None:
    on = Counter(alarm.kind for alarm in alarms.values() if alarm.on)
    for kind in KINDS:  # also those that are not on: a series that vanishes is no alarm that is over
        metrics.ALARMS.labels(kind).set(on[kind])


def _rates(kpis: Kpis) -> list[tuple[str, str, Rate]]:
    return [
        ("automation", "", kpis.automation),
        ("override", "", kpis.overrides),
        ("false_accept", "", kpis.false_accept),
        ("false_suppress", "", kpis.false_suppress),
        ("acceptance", "", kpis.acceptance),
        *(("acceptance", tier, found) for tier, found in kpis.acceptance_by_tier.items()),
        *(("acceptance_by_reason", code, found) for code, found in kpis.acceptance_by_code.items()),
        ("sla_attainment", "", kpis.attainment),
        *(("sla_attainment", queue, found) for queue, found in kpis.attainment_by_queue.items()),
    ]
