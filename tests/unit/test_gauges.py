"""KPIs and alarms in the Prometheus text format."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from streams.core.policy import GovernanceRow
from streams.lab.alarms import Alarm
from streams.lab.gauges import show, show_model, show_targets
from streams.lab.governance import Governance
from tests.factories import T0, a_review
from tests.unit.test_governance import ROW, a_closed_case, a_window


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_what_is_known_is_shown_and_what_is_gone_disappears() -> None:
    governance = Governance(ROW)
    records: list[Any] = [
        a_window(),
        a_window(group="age_band", value="under 25", counts={"routed": 500, "selected": 50}),
        a_window(group="age_band", value="25 and over", counts={"routed": 500, "selected": 250}),
        a_window(group="age_band", value="over 90", counts={"routed": 3, "selected": 0}),
        *(a_closed_case(n, "approved") for n in range(4)),
        *(a_review(n, action="approve", actor="zoe", dwell_ms=900) for n in range(40)),
    ]
    for record in records:
        governance.take(record)
    look = governance.look()
    show(look.kpis, look.alarms)
    assert value("leadlane_kpi_share", kpi="automation", of="", bound="value") == 0.9
    assert value("leadlane_kpi_observations", kpi="acceptance", of="T0_VIP") == 4
    assert value("leadlane_kpi_share", kpi="sla_attainment", of="sales", bound="high") == 1.0
    assert value("leadlane_kpi_share", kpi="false_suppress", of="", bound="value") is None  # nobody knows yet
    assert value("leadlane_fairness_ratio", group="age_band", value="under 25", ratio="selection") == 0.2
    assert value("leadlane_fairness_ratio", group="age_band", value="over 90", ratio="selection") is None
    assert value("leadlane_rubber_stamp_share", rep="zoe") == 1.0
    assert value("leadlane_alarms", kind="fairness") == 1
    assert value("leadlane_alarms", kind="rubber_stamp") == 1
    assert value("leadlane_alarms", kind="override_rate") == 0
    assert value("leadlane_drift_psi", bound="limit") == look.kpis.drift.threshold

    nothing = Governance(ROW).look()
    show(nothing.kpis, nothing.alarms)
    assert value("leadlane_fairness_ratio", group="age_band", value="under 25", ratio="selection") is None
    assert value("leadlane_kpi_share", kpi="automation", of="", bound="value") is None
    assert value("leadlane_alarms", kind="fairness") == 0


def test_alarms_of_others_are_counted_by_their_kind() -> None:
    alarm = Alarm("leak:call_duration", True, 0.97, 0.9, "gives the answer away", T0)
    show(Governance(ROW).look().kpis, {alarm.name: alarm})
    assert value("leadlane_alarms", kind="leak") == 1
    show(Governance(ROW).look().kpis, {})
    assert value("leadlane_alarms", kind="leak") == 0


def test_figures_of_a_model_that_are_not_known_are_not_shown() -> None:
    show_model({"ece": 0.03, "lift_at_10": None})
    assert value("leadlane_model_quality", measure="ece") == 0.03
    assert value("leadlane_model_quality", measure="lift_at_10") is None


def test_the_policy_says_what_its_figures_are_held_against() -> None:
    show_targets(GovernanceRow(automation_share=0.8))
    assert value("leadlane_kpi_target", kpi="automation") == 0.8
    assert value("leadlane_kpi_target", kpi="fairness") == GovernanceRow().fairness_least_ratio
