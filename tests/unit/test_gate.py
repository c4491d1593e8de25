"""May this step go out? Every check, their order, and what an approval is bound to."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.caps import Touch
from streams.core.casefile import CaseApproval
from streams.core.context import Approval, Context
from streams.core.effects import AnswerRequest
from streams.core.gate import answer_request
from streams.core.moment import Assessment
from streams.core.opening import open_or_extend
from streams.core.state import LeadState, recorded
from tests.casework import (
    AUDIT,
    BULK,
    COMPLAINT,
    CONTEXT,
    JUMP,
    NEW,
    SENSITIVE,
    UNLAWFUL,
    a_desk_context,
    a_desk_policy,
    a_hold,
    a_lead,
    a_look,
    at,
    evidence,
)
from tests.factories import DAY, HOUR, LEAD, MINUTE, T0, a_consent, a_request, an_approval

CLEAR = AnswerRequest(
    lead_id=LEAD,
    decision_id="outreach.requests-0-7",
    request_id="request-1",
    verdict="allow",
    rule="clear",
    reason="nothing stands against it",
    until=T0 + 15 * MINUTE,
    approval_id=None,
    case_id=None,
    channel="email",
    content_hash="content-1",
    segment_hash="segment-1",
    policy_version="test",
    policy_hash="0" * 64,
    decided_at=T0,
)
OOO = a_hold("ooo", T0 + DAY)
STOP = a_hold("unsubscribe", stops=True)


def ask(
    look: Assessment | None = None,
    state: LeadState | None = None,
    now: int = T0,
    context: Context = CONTEXT,
    case_id: str | None = None,
    **fields: Any,
) -> AnswerRequest:
    moment = at(now, topic="outreach.requests")
    return answer_request(state or a_lead(), moment, a_request(**fields), look or a_look(), case_id, context)


def said(answer: AnswerRequest) -> tuple[str, str, int | None]:
    return answer.verdict, answer.rule, answer.until


def approved_by(*approvals: Approval) -> Context:
    return a_desk_context(approvals={("content-1", "segment-1"): approvals})


def a_person_approved(**fields: Any) -> LeadState:
    known: dict[str, Any] = {
        "approval_id": "case-9", "content_hash": "content-1", "segment_hash": "segment-1", "channel": "email",
        "audience_size": 100, "conditions": ("N11", "N13"), "policy_version": "test", "at": T0, "expires_at": T0 + DAY,
    }  # fmt: skip
    state = a_lead()
    state.approvals = [CaseApproval(**{**known, **fields})]
    return state


def test_nothing_against_it_is_a_clear_allow() -> None:
    assert ask() == CLEAR


def test_an_allow_does_not_outlive_the_consent() -> None:
    state = a_lead()
    state.known.consent = recorded(a_consent(expires_at=T0 + MINUTE), T0)
    assert ask(state=state).until == T0 + MINUTE
    assert ask(state=state, purpose="transactional").until == T0 + 15 * MINUTE


@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
def test_switched_off_everything_waits(purpose: str) -> None:
    off = a_desk_context(switches={"automation": False})
    answer = ask(a_look(holds=[STOP]), context=off, purpose=purpose)
    assert said(answer) == ("defer", "switch:automation", T0 + 15 * MINUTE)


# --- holds


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([OOO], ("defer", "ooo", T0 + DAY)),
        ([STOP], ("deny", "unsubscribe", None)),
        ([a_hold("human_reply")], ("deny", "human_reply", None)),
        ([OOO, a_hold("not_now", T0 + 9 * DAY)], ("defer", "ooo", T0 + 9 * DAY)),  # the strongest, until the longest
        ([OOO, a_hold("human_reply")], ("deny", "human_reply", None)),  # what has no end outlasts
        ([STOP, OOO], ("deny", "unsubscribe", None)),
        ([a_hold("hard_bounce", T0 + DAY, stops=True)], ("deny", "hard_bounce", None)),
    ],
)
def test_a_hold_defers_until_it_ends_and_denies_when_it_does_not(holds: Any, expected: Any) -> None:
    assert said(ask(a_look(holds=holds))) == expected


def test_the_answer_names_the_hold() -> None:
    assert ask(a_look(holds=[OOO])).reason == "hold ooo-ooto-1"
    assert ask(a_look(holds=[a_hold("human_reply")])).reason == "hold human_reply-ooto-1 until a person lifts it"


def test_transactional_mail_passes_where_the_hold_says_so() -> None:
    passes, bars = a_hold("unsubscribe", stops=True), a_hold("left_company", stops=True, transactional_allowed=False)
    assert said(ask(a_look(holds=[passes]), purpose="transactional"))[:2] == ("allow", "clear")
    assert said(ask(a_look(holds=[passes, bars]), purpose="transactional"))[:2] == ("deny", "left_company")


# --- what is forbidden, and what waits for a person


@pytest.mark.parametrize("row", [UNLAWFUL, COMPLAINT])
def test_a_row_that_denies_or_stops_denies_marketing_alone(row: Any) -> None:
    assert said(ask(a_look(held=[row]))) == ("deny", row.id, None)
    assert ask(a_look(held=[row])).reason == f"{row.code}: {row.detail}"
    assert said(ask(a_look(held=[row]), purpose="transactional"))[:2] == ("allow", "clear")


def test_a_lead_that_waits_for_a_person_gets_no_marketing_before_the_decision() -> None:
    state = a_lead()
    open_or_extend(state, at(), a_look(JUMP), evidence(), CONTEXT)
    answer = ask(state=state)
    assert said(answer) == ("review", "N16", None)
    assert (answer.case_id, answer.reason) == (
        state.cases[0].case_id, "SCORE_JUMP: a person decides first; ask again when the case is closed"
    )  # fmt: skip
    assert said(ask(state=state, purpose="transactional"))[:2] == ("allow", "clear")
    state.cases = []
    assert ask(state=state) == CLEAR


def test_an_audit_looks_on_while_automation_goes_its_way() -> None:
    state = a_lead()
    open_or_extend(state, at(), a_look(AUDIT), evidence(), CONTEXT)
    assert ask(state=state) == CLEAR


# --- caps and quiet hours


def test_over_a_cap_is_deferred() -> None:
    state = a_lead()
    state.touches = [Touch(T0 - HOUR, "email", True)]
    assert said(ask(state=state)) == ("defer", "marketing_email_day", T0 + 23 * HOUR)
    assert said(ask(state=state, purpose="transactional"))[:2] == ("allow", "clear")


def test_of_two_requests_at_once_the_second_waits() -> None:
    state = a_lead()
    assert ask(state=state) == CLEAR
    assert said(ask(state=state, event_id="request-2")) == ("defer", "marketing_email_day", T0 + 23 * HOUR + HOUR)


def test_a_request_that_could_only_go_out_after_its_expiry_is_denied() -> None:
    state = a_lead()
    state.touches = [Touch(T0 - HOUR, "email", True)]
    late = ask(state=state, occurred_at=T0 - 7 * DAY)
    assert said(late) == ("deny", "cap_expired", None)
    assert late.reason.endswith(": too late to be worth sending")


def test_quiet_hours_are_deferred_to_the_morning() -> None:
    assert said(ask(now=T0 + 12 * HOUR)) == ("defer", "quiet_hours", T0 + 23 * HOUR)


def test_what_is_deferred_bothers_no_person() -> None:
    assert said(ask(a_look(NEW), now=T0 + 12 * HOUR))[0] == "defer"


# --- approval


@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
@pytest.mark.parametrize("row", [SENSITIVE, NEW, BULK])
def test_what_needs_approval_is_reviewed_without(row: Any, purpose: str) -> None:
    answer = ask(a_look(row), purpose=purpose, case_id="case-1")
    assert (answer.verdict, answer.rule, answer.case_id) == ("review", row.id, "case-1")
    assert answer.reason == f"{row.code}: {row.detail}"


def test_the_worst_row_answers() -> None:
    assert ask(a_look(NEW, BULK, SENSITIVE)).rule == "N11"


def test_approved_content_goes_out_and_the_answer_names_the_approval() -> None:
    answer = ask(context=approved_by(an_approval()))
    assert (answer.verdict, answer.rule, answer.approval_id) == ("allow", "approval", "approval-1")
    named = ask(a_look(BULK), context=approved_by(an_approval(conditions=("N13", "N14"))))
    assert (named.verdict, named.rule, named.approval_id) == ("allow", "N14", "approval-1")
    assert named.reason == "approved: approval-1"


def test_an_allow_does_not_outlive_the_approval() -> None:
    assert ask(context=approved_by(an_approval(expires_at=T0 + MINUTE))).until == T0 + MINUTE


@pytest.mark.parametrize(
    "approval",
    [
        {"status": "denied"},
        {"status": "revoked"},
        {"expires_at": T0},
        {"policy_version": "older"},
        {"channel": "sms"},
        {"conditions": ("N13",)},
        {"conditions": ()},
        {"at": T0 - 31 * DAY},
    ],
)
def test_an_approval_that_is_void_or_of_less_approves_nothing(approval: dict[str, Any]) -> None:
    fields = {"conditions": ("N11", "N13"), **approval}
    answer = ask(a_look(SENSITIVE), context=approved_by(an_approval(**fields)))
    assert (answer.verdict, answer.rule, answer.approval_id) == ("review", "N11", None)


@pytest.mark.parametrize("edit", [{"content_hash": "content-2"}, {"segment_hash": "segment-2"}, {"segment_hash": None}])
def test_any_edit_voids_the_approval(edit: dict[str, Any]) -> None:
    context, state = approved_by(an_approval(conditions=("N11", "N13"))), a_person_approved()
    assert ask(a_look(SENSITIVE, NEW), context=context, **edit).verdict == "review"
    assert ask(a_look(SENSITIVE, NEW), state=state, **edit).verdict == "review"


@pytest.mark.parametrize(("audience", "verdict"), [(120, "allow"), (121, "review")])
def test_growth_of_more_than_a_fifth_voids_it(audience: int, verdict: str) -> None:
    context = approved_by(an_approval(audience_size=100))
    assert ask(a_look(NEW), context=context, audience_size=audience).verdict == verdict
    assert ask(a_look(NEW), state=a_person_approved(), audience_size=audience).verdict == verdict


def test_what_a_person_approved_for_this_lead_goes_out_again_until_it_expires() -> None:
    answer = ask(a_look(SENSITIVE, NEW), state=a_person_approved(expires_at=T0 + MINUTE))
    assert (answer.verdict, answer.rule, answer.approval_id, answer.until) == ("allow", "N11", "case-9", T0 + MINUTE)
    assert ask(a_look(NEW), state=a_person_approved(expires_at=T0)).verdict == "review"


@pytest.mark.parametrize(
    "fields", [{"channel": "sms"}, {"policy_version": "older"}, {"conditions": ("N13",)}, {"content_hash": "other"}]
)
def test_a_persons_approval_is_bound_to_channel_policy_conditions_and_content(fields: dict[str, Any]) -> None:
    assert ask(a_look(SENSITIVE, NEW), state=a_person_approved(**fields)).verdict == "review"


def test_content_that_has_aged_is_looked_at_again() -> None:
    month = 30 * DAY
    assert ask(content_created_at=T0 - month + 1) == CLEAR
    answer = ask(content_created_at=T0 - month)
    assert (answer.verdict, answer.rule) == ("review", "STALE_CONTENT")
    before, after = an_approval(at=T0 - 1), an_approval(at=T0 - HOUR)
    assert ask(content_created_at=T0 - month, context=approved_by(before)).verdict == "review"
    assert ask(content_created_at=T0 - month - HOUR, context=approved_by(after)).verdict == "allow"


def test_a_policy_without_review_rows_has_nobody_to_look_at_aged_content() -> None:
    context = a_desk_context(policy=a_desk_policy(conditions=()))
    assert ask(content_created_at=T0 - 99 * DAY, context=context) == CLEAR


def test_each_stronger_check_answers_before_the_weaker() -> None:
    """From the weakest up, each in the presence of all weaker ones."""
    state = a_lead()
    told = [ask(a_look(NEW), state=state).rule]
    state.touches = [Touch(T0 - HOUR, "email", True)]
    told.append(ask(a_look(NEW), state=state).rule)
    open_or_extend(state, at(), a_look(JUMP), evidence(), CONTEXT)
    told.append(ask(a_look(NEW), state=state).rule)
    told.append(ask(a_look(NEW, UNLAWFUL), state=state).rule)
    told.append(ask(a_look(NEW, UNLAWFUL, holds=[OOO]), state=state).rule)
    told.append(ask(a_look(NEW, UNLAWFUL, holds=[STOP, OOO]), state=state).rule)
    off = a_desk_context(switches={"automation": False})
    told.append(ask(a_look(NEW, UNLAWFUL, holds=[STOP, OOO]), state=state, context=off).rule)
    assert told == ["N13", "marketing_email_day", "N16", "N12", "ooo", "unsubscribe", "switch:automation"]
