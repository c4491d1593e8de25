"""The rule score: what each axis adds, how it fades, how sure it is."""

from __future__ import annotations

import pytest

from streams.core.effects import Contribution
from streams.core.moment import Score
from streams.core.sampling import sampled
from streams.core.scoring import score_lead
from streams.core.state import LeadState, Measure
from tests.factories import DAY, T0
from tests.judging import a_known_lead, a_measure, judge, shipped_context


def score_of(state: LeadState, now: int = T0) -> Score:
    return score_lead(state, now, shipped_context())


def test_of_nobody_known_the_score_is_the_base_and_worth_nothing() -> None:
    assert score_of(LeadState()) == Score(35.0, 5.0, 65.0, 0.0, (), 0.6)


def test_the_score_is_the_base_and_the_sum_of_its_parts_largest_first() -> None:
    state = a_known_lead(
        fit=60.0,
        intent=70.0,
        engagement=a_measure(30.0, 0),
        vendor=80.0,
        account_intent=50.0,
        sentiment=-0.5,
        evidence=6,
    )
    assert score_of(state) == Score(
        score=57.0,  # 35 + 14 + 4.5 + 4.5 - 4 + 2 + 1
        low=47.0,
        high=67.0,
        confidence=0.8,
        contributions=(
            Contribution("intent", 70.0, 14.0),
            Contribution("fit", 60.0, 4.5),
            Contribution("vendor", 80.0, 4.5),
            Contribution("sentiment", -0.5, -4.0),
            Contribution("engagement", 30.0, 2.0),
            Contribution("account_intent", 50.0, 1.0),
        ),
        width=0.2,
    )


def test_engagement_halves_in_thirty_days_and_fit_does_not() -> None:
    state = a_known_lead(engagement=a_measure(80.0, 0))
    later = {part.feature: part.value for part in score_of(state, T0 + 30 * DAY).contributions}
    assert later == {"engagement": 40.0, "fit": 40.0, "intent": 30.0}


def test_engagement_measured_by_a_clock_ahead_counts_in_full() -> None:
    assert score_of(a_known_lead(engagement=a_measure(80.0, -DAY))).contributions[0].value == 80.0


@pytest.mark.parametrize(
    ("evidence", "confidence", "width", "trust"),
    [
        (0, 1.0, 0.6, 0.4),
        (3, 1.0, 0.3, 0.7),
        (6, 0.5, 0.3, 0.35),
        (9, 1.0, 0.15, 0.85),
        (3, None, 0.3333, 0.5334),  # a source that states no confidence counts as 0.8
    ],
)
def test_more_and_surer_evidence_narrows_the_interval(
    evidence: int, confidence: float | None, width: float, trust: float
) -> None:
    state = a_known_lead(fit=Measure(50.0, confidence, T0), intent=None, evidence=evidence)
    score = score_of(state)
    assert (score.width, score.confidence) == (width, trust)
    assert score.high - score.low == pytest.approx(100 * width)


@pytest.mark.parametrize(("fit", "score", "low", "high"), [(100.0, 100.0, 70.0, 100.0), (0.0, 0.0, 0.0, 30.0)])
def test_score_and_interval_stay_on_the_scale(fit: float, score: float, low: float, high: float) -> None:
    far = 100.0 if fit else 0.0
    state = a_known_lead(
        fit=fit, intent=far, engagement=a_measure(far, 0), vendor=far, sentiment=1.0 if fit else -1.0, evidence=3
    )
    assert score_of(state)[:3] == (score, low, high)


HOT = {"fit": 100.0, "intent": 80.0, "engagement": a_measure(45.0, 0)}  # 35 + 22.5 + 17.5 + 5


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"vip": True}, "T0_VIP"),
        ({"target_account": True}, "T0_VIP"),
        ({"opportunities": 1}, "T0_VIP"),
        ({"amount_hint": 100_000.0}, "T0_VIP"),
        ({"amount_hint": 99_999.99}, "T3_NURTURE"),
        (HOT, "T1_HOT"),
        ({**HOT, "engagement": a_measure(44.9, 0)}, "T2_WARM"),  # 79.98
        ({**HOT, "fit": 100.0, "intent": 60.0, "engagement": a_measure(80.0, 0)}, "T1_HOT"),
        ({**HOT, "fit": 100.0, "intent": 59.9, "engagement": a_measure(81.0, 0)}, "T2_WARM"),
        ({**HOT, "evidence": 2}, "T1_HOT"),  # confidence 0.64
        ({**HOT, "evidence": 1}, "T2_WARM"),  # confidence 0.55
        ({"fit": 50.0, "intent": 72.85714285714286}, "T2_WARM"),  # 50 exactly
        ({"fit": 50.0, "intent": 72.8}, "T3_NURTURE"),
        ({"fit": 19.9, "intent": 25.9}, "T3_NURTURE"),  # 20.0
        ({"fit": 19.9, "intent": 25.8}, "T4_SUPPRESS"),
        ({"fit": 20.0, "intent": 0.0}, "T3_NURTURE"),  # a low score alone suppresses nobody
        ({"fit": None, "intent": 0.0, "vendor": 0.0}, "T3_NURTURE"),  # nor does fit that nobody knows
    ],
)
def test_a_tier_begins_exactly_at_its_boundary(said: dict[str, object], tier: str) -> None:
    assert judge(a_known_lead(**said)).tier == tier


def test_a_sample_has_its_share_and_another_salt_is_another_sample() -> None:
    leads = [f"lead-{n}" for n in range(50_000)]
    audit = {lead for lead in leads if sampled(lead, "audit", 0.02)}
    explore = {lead for lead in leads if sampled(lead, "explore", 0.02)}
    assert 900 < len(audit) < 1_100
    assert 900 < len(explore) < 1_100
    assert len(audit & explore) < 60
    assert not any(sampled(lead, "audit", 0.0) for lead in leads)
    assert all(sampled(lead, "audit", 1.0) for lead in leads)
