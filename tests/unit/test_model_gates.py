"""The gates before a model decides: every one alone makes the difference, and none is passed without a figure."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from streams.core.policy import LearningRow
from streams.lab.gates import (
    Gate,
    ImpactRatio,
    Interval,
    ModelMetrics,
    approval_gate,
    challenge_gates,
    metrics_of,
    promotion_gates,
    span,
)
from tests.factories import DAY, HOUR, T0
from tests.models import GOOD, a_document

ROW = LearningRow()


def failed(gates: tuple[Gate, ...]) -> list[str]:
    return [str(gate) for gate in gates if not gate.passed]


def test_figures_that_pass_every_gate_pass() -> None:
    assert failed(promotion_gates("challenger", GOOD, ROW)) == []
    assert failed(challenge_gates(T0, T0 + 14 * DAY, GOOD, ROW)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": 499}, "matured labels: expected >= 500, got 499"),
        (
            {"lift_difference": Interval(0.4, 0.0, 0.8)},
            "lift at 10 %, difference to the champion: expected interval above 0, got +0.40 (+0.00 to +0.80)",
        ),
        ({"log_loss": 0.4201}, "log-loss: expected <= 0.4200, the champion's, got 0.4201"),
        ({"ece": 0.0501}, "calibration error: expected <= 0.05, got 0.0501"),
        (
            {"worst_impact_ratio": ImpactRatio(0.79, "age_band=under 25", 40)},
            "worst impact ratio: expected >= 0.8, got 0.79 (age_band=under 25, n 40)",
        ),
        ({"labels": 0}, "matured labels: expected >= 500, got no matured labels yet"),
        (
            {"lift_difference": None},
            "lift at 10 %, difference to the champion: expected interval above 0, got no figure yet",
        ),
        ({"log_loss": None}, "log-loss: expected not above the champion's, got no figure yet"),
        ({"champion_log_loss": None}, "log-loss: expected not above the champion's, got no figure yet"),
        ({"ece": None}, "calibration error: expected <= 0.05, got no figure yet"),
        ({"worst_impact_ratio": None}, "worst impact ratio: expected >= 0.8, got no figure yet"),
        ({"worst_impact_ratio": ImpactRatio(None, "", 12)}, "worst impact ratio: expected >= 0.8, got insufficient n"),
        ({"log_loss": float("nan")}, "log-loss: expected <= 0.4200, the champion's, got nan"),
        ({"ece": float("nan")}, "calibration error: expected <= 0.05, got nan"),
    ],
)
def test_each_figure_alone_keeps_a_model_from_being_promoted(change: dict[str, object], says: str) -> None:
    assert failed(promotion_gates("challenger", replace(GOOD, **change), ROW)) == [says]


@pytest.mark.parametrize("role", [None, "shadow", "champion"])
def test_only_a_challenger_is_promoted(role: str | None) -> None:
    assert failed(promotion_gates(role, GOOD, ROW)) == [f"role: expected challenger, got {role or 'none'}"]


def test_the_least_that_passes() -> None:
    least = replace(
        GOOD, labels=500, lift_difference=Interval(0.1, 0.001, 0.2), log_loss=0.42, ece=0.05,
        worst_impact_ratio=ImpactRatio(0.8, "a=b", 30),
    )  # fmt: skip
    assert failed(promotion_gates("challenger", least, ROW)) == []


def test_without_declared_groups_there_is_no_ratio_to_hold() -> None:
    ratio = promotion_gates("challenger", replace(GOOD, groups=0, worst_impact_ratio=None), ROW)[-1]
    assert ratio == Gate("worst impact ratio", ">= 0.8", "no group is declared", True)


@pytest.mark.parametrize(
    ("since", "labels", "says"),
    [
        (T0 + 1, 500, ["time as shadow: expected >= 14 d, got 13 d 23 h"]),
        (None, 500, ["time as shadow: expected >= 14 d, got not the shadow"]),
        (T0, 499, ["matured labels: expected >= 500, got 499"]),
        (T0, 500, []),
    ],
)
def test_a_shadow_challenges_after_its_time_and_its_labels(since: int | None, labels: int, says: list[str]) -> None:
    assert failed(challenge_gates(since, T0 + 14 * DAY, replace(GOOD, labels=labels), ROW)) == says


@pytest.mark.parametrize(
    ("approvers", "wanted", "passed", "got"),
    [
        (("ana", "ben"), 2, True, "ana and ben"),
        (("ana", "Ana "), 2, False, "ana and Ana"),
        (("ana", None), 2, False, "ana"),
        (("ana", " "), 2, False, "ana"),
        (("ana", "lab"), 2, False, "ana and lab"),
        (("LAB", "ana"), 2, False, "LAB and ana"),
        (("ana", None), 1, True, "ana"),
        (("lab", None), 1, False, "lab"),
    ],
)
def test_as_many_persons_as_the_policy_wants_and_never_the_lab(
    approvers: tuple[str | None, ...], wanted: int, passed: bool, got: str
) -> None:
    gate = approval_gate(approvers, replace(ROW, approvers=wanted))
    assert (gate.passed, gate.got) == (passed, got)


def test_figures_are_read_from_the_document_and_nothing_is_read_from_a_broken_one() -> None:
    assert metrics_of(a_document()) == GOOD
    assert metrics_of("{}") == metrics_of("no JSON") == metrics_of('{"metrics": {"auc": "high"}}') == ModelMetrics()


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "0 min"), (59 * 60_000, "59 min"), (14 * DAY, "14 d"), (3 * DAY + 2 * HOUR + 1, "3 d 2 h"), (HOUR, "1 h")],
)
def test_spans_in_words(ms: int, words: str) -> None:
    assert span(ms) == words
