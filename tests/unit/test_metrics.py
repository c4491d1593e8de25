"""What decisions did becomes metrics by the names of governance.stats."""

from __future__ import annotations

from prometheus_client import REGISTRY

from streams import metrics
from streams.core.windows import wait_bin


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_each_name_adds_to_its_metric_and_names_without_one_pass() -> None:
    before = value("leadlane_cases_due_total", queue="a:b", result="late"), value("leadlane_routed_human_total")
    metrics.happened({"due:a:b:late": 2, "human": 3, "routed": 9, "score": 1, "sla:vip:met": 4})
    metrics.happened({"due:a:b:late": 1})
    assert value("leadlane_cases_due_total", queue="a:b", result="late") == before[0] + 3
    assert value("leadlane_routed_human_total") == before[1] + 3


def test_a_wait_is_observed_once_for_each_of_its_bin() -> None:
    name = "leadlane_opt_out_seconds"
    before = [value(f"{name}_bucket", le=le) for le in ("300.0", "900.0", "+Inf")]
    metrics.happened({f"opt_out:{wait_bin(100_000)}": 2, f"opt_out:{wait_bin(600_000)}": 1})
    after = [value(f"{name}_bucket", le=le) for le in ("300.0", "900.0", "+Inf")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 3, 3]
