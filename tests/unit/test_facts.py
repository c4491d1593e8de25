"""Facts: every one there, of its type, and what time makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.events import Tick
from streams.core.fact_table import DEFAULTS, FACTS
from streams.core.facts import next_look_at
from streams.core.state import LeadState, Mark, Rejection, Stated
from tests.factories import DAY, HOUR, MINUTE, T0, TODAY, a_reply, a_request, a_sentiment, an_activity, an_approval
from tests.judging import a_context, a_known_lead, a_measure, judge, shipped_context, shipped_policy
from tests.leads import a_reading

ORDINARY = {
    "event": "ScoreSignal", "stage": "qualify", "country": "DE", "consent_basis": "consent", "score": 30.5,
    "confidence": 0.88, "interval": 0.12, "evidence": 12, "boundary_distance": 49.5, "has_fit": True, "fit": 40.0,
    "intent": 30.0, "days_since_intent": HOUR / DAY, "minutes_since_arrival": 1440, "amount_hint": 0.0,
}  # fmt: skip


def changed(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts that are not what they are for an ordinary lead."""
    return {name: value for name, value in facts.items() if value != {**DEFAULTS, **ORDINARY}[name]}


def test_of_nobody_known_every_fact_has_its_default_but_the_score() -> None:
    facts = judge(LeadState(), Tick()).facts
    told = {name: value for name, value in facts.items() if value != DEFAULTS[name]}
    assert told == {
        "event": "Tick", "score": 35.0, "interval": 0.6, "boundary_distance": 45.0, "stage": "acquire",
        "missing_fields": 4, "missing": "verified email, company, country, consent",
    }  # fmt: skip
    assert list(facts) == [fact.name for fact in FACTS]


def test_an_ordinary_lead_is_ordinary() -> None:
    assert changed(judge(a_known_lead()).facts) == {}


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        (
            {"email_verified": None, "consent": None},
            {"missing_fields": 2, "missing": "verified email, consent", "consent_basis": ""},
        ),
        ({"email_domain": "gmail.com"}, {"is_free_mail": True}),
        ({"email_domain": "stanford.edu"}, {"is_student": True}),
        ({"email_domain": "edu"}, {"is_student": True}),
        ({"email_domain": "notgmail.com"}, {}),
        ({"duplicate_of": "lead-9"}, {"is_duplicate": True}),
        ({"segments": ("minors",)}, {"is_sensitive_segment": True}),
        (
            {"disputed": ("company", "owner"), "disputed_at": T0 - DAY},
            {"disputed": "company, owner", "days_since_dispute": 1.0},
        ),
        ({"renewal_on": TODAY - 3}, {"days_to_renewal": -3}),
        ({"negatives": [(T0 - 31 * DAY, -0.9), (T0 - DAY, -0.4)]}, {"negatives": 1}),
        (
            {"rejection": Rejection(T0 - 2 * DAY, "ana", "TIMING")},
            {"days_since_rejection": 2.0, "rejected_by": "ana", "rejection_code": "TIMING"},
        ),
        (
            {"complaint_at": T0 - DAY, "objection_at": T0 - 2 * DAY},
            {"days_since_complaint": 1.0, "days_since_objection": 2.0},
        ),
        ({"reaction_at": T0 - DAY, "human_touch_at": T0}, {"days_since_reaction": 1.0, "days_since_human_touch": 0.0}),
        ({"nps": 3.0, "csat": 1.0}, {"nps": 3.0, "csat": 1.0}),
        ({"marks": [Mark(T0 - HOUR, 80.0, 18), Mark(T0 - HOUR, 40.0, 19)]}, {"score_jump": 49.5}),
        ({"computed_tier": "T1_HOT"}, {"previous_tier": "T1_HOT"}),
    ],
)
def test_what_is_said_of_a_lead_shows_in_its_facts(said: dict[str, Any], facts: dict[str, Any]) -> None:
    assert changed(judge(a_known_lead(**said)).facts) == facts


def test_intent_is_the_higher_of_the_person_and_the_account() -> None:
    for person, account, age in ((60.0, 20.0, 1), (20.0, 60.0, 2), (None, 60.0, 2)):
        state = a_known_lead(intent=person and a_measure(person, DAY), account_intent=a_measure(account, 2 * DAY))
        facts = judge(state).facts
        assert (facts["intent"], facts["days_since_intent"]) == (60.0, age)


def test_a_reply_says_what_a_person_means_and_nothing_when_it_is_automatic() -> None:
    reading = a_reading("pricing", sentiment=-0.2, objection=True, legal_threat=True)
    assert changed(judge(a_known_lead(), a_reply(), reading).facts) == {
        "event": "ReplySignal", "reply_class": "pricing", "mentions_pricing": True, "is_objection": True,
        "is_complaint": True, "event_sentiment": -0.2,
    }  # fmt: skip
    automatic = a_reading("ooo", sentiment=-0.9, objection=True, legal_threat=True)
    assert changed(judge(a_known_lead(), a_reply(), automatic).facts) == {"event": "ReplySignal", "reply_class": "ooo"}


def test_a_sentiment_that_comes_very_late_is_no_news() -> None:
    window = 30 * DAY
    for age, value in ((window, -0.9), (window + 1, 0)):
        assert judge(a_known_lead(), a_sentiment(value=-0.9, occurred_at=T0 - age)).facts["event_sentiment"] == value


def test_only_events_of_the_minute_that_is_counted_show_the_count() -> None:
    state = a_known_lead(minute=T0 // MINUTE, in_minute=9)
    assert changed(judge(state, an_activity()).facts) == {"event": "ActivitySignal", "events_in_minute": 9}
    assert changed(judge(state, an_activity(occurred_at=T0 - MINUTE)).facts) == {"event": "ActivitySignal"}


def test_a_request_brings_its_own_facts() -> None:
    approval = an_approval(conditions=("N13", "N14"), audience_size=1_000)
    context = a_context(approvals={("content-1", "segment-1"): (approval,)})
    assert changed(judge(a_known_lead(), a_request(audience_size=1_500), context=context).facts) == {
        "event": "OutreachRequest", "is_request": True, "is_marketing_request": True, "request_channel": "email",
        "request_audience": 1_500, "request_approved_for": "N13 N14", "request_segment_growth": 0.5,
    }  # fmt: skip
    assert changed(judge(a_known_lead(country=None), a_request(channel="sms", purpose="transactional")).facts) == {
        "event": "OutreachRequest", "is_request": True, "request_channel": "sms", "request_audience": 1,
        "request_approved": False, "country": "", "missing_fields": 1, "missing": "country",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("approvals", "approved"),
    [
        ([an_approval()], True),
        ([an_approval(status="denied")], False),
        ([an_approval(), an_approval(approval_id="later", at=T0 + 1, status="revoked")], False),
        ([an_approval(status="denied"), an_approval(approval_id="later", at=T0 + 1)], True),
        ([an_approval(channel="phone")], False),
        ([an_approval(), an_approval(approval_id="later", at=T0 + 1, status="denied", channel="phone")], True),
        ([an_approval(expires_at=T0 + HOUR)], False),
        ([an_approval(expires_at=T0 + HOUR + 1)], True),
        ([an_approval(at=T0 + HOUR - 180 * DAY)], False),
        ([an_approval(at=T0 + HOUR + 1 - 180 * DAY)], True),
        ([an_approval(policy_version="another")], False),
        ([an_approval(policy_version=shipped_policy().version)], True),
    ],
)
def test_the_latest_word_on_content_segment_and_channel_approves_while_it_is_in_force(
    approvals: list[Any], approved: bool
) -> None:
    context = a_context(approvals={("content-1", "segment-1"): tuple(approvals)})
    facts = judge(a_known_lead(), a_request(), now=T0 + HOUR, context=context).facts
    assert facts["request_approved"] is approved


@pytest.mark.parametrize(
    ("said", "now", "look_at"),
    [
        ({}, T0, 0),
        ({"known_for": 0}, T0, T0 + 15 * MINUTE),
        ({"known_for": 0}, T0 + 15 * MINUTE - 1, T0 + 15 * MINUTE),
        ({"known_for": 0}, T0 + 15 * MINUTE, 0),
        ({"renewal_on": TODAY + 91}, T0, (TODAY + 1) * DAY),
        ({"renewal_on": TODAY + 90}, T0, 0),
        ({"renewal_on": TODAY + 91, "known_for": 0}, T0, T0 + 15 * MINUTE),
    ],
)
def test_a_lead_is_looked_at_again_when_time_alone_can_change_a_condition(
    said: dict[str, Any], now: int, look_at: int
) -> None:
    assert next_look_at(a_known_lead(**said), now, shipped_context()) == look_at


def test_at_the_renewal_look_the_condition_holds() -> None:
    state = a_known_lead(stage="expand", renewal_on=TODAY + 91)
    due = next_look_at(state, T0, shipped_context())
    assert [judge(state, Tick(), now=now).held for now in (due - 1, due)] == [(), ("N22",)]


def test_at_the_settling_look_the_condition_holds() -> None:
    state = a_known_lead(fit=80.0, intent=55.0, company=None, known_for=0)
    due = next_look_at(state, T0, shipped_context())
    assert [judge(state, Tick(), now=now).held for now in (due - 1, due)] == [(), ("N03",)]


def test_an_owner_is_missed_only_where_a_roster_says_who_is_there() -> None:
    assert judge(a_known_lead(owner=Stated("ana"))).facts["owner_unavailable"] is False
