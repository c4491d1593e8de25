"""What people do with cases: every action, every refusal, every race."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.casefile import CaseApproval, OpenCase
from streams.core.casework import CaseEffect
from streams.core.context import Absence, Context
from streams.core.effects import Reason, UpdateCase
from streams.core.moment import Assessment
from streams.core.opening import open_or_extend
from streams.core.reviews import review_case
from streams.core.state import LeadState, Rejection
from tests.casework import (
    CONTEXT,
    JUMP,
    NEW,
    REPS,
    SENSITIVE,
    VIP,
    a_desk_context,
    a_hold,
    a_lead,
    a_lead_with_case,
    a_look,
    answers_of,
    at,
    cases_of,
    changed,
    evidence,
)
from tests.factories import DAY, HOUR, MINUTE, T0, TODAY, a_rep, a_request, a_review

SOON = T0 + 10 * MINUTE


def review(
    state: LeadState,
    action: str,
    actor: str = "ana",
    now: int = SOON,
    look: Assessment | None = None,
    context: Context = CONTEXT,
    **fields: Any,
) -> tuple[CaseEffect, ...]:
    case_id = fields.pop("case_id", state.cases[0].case_id if state.cases else "gone")
    event = a_review(action=action, actor=actor, case_id=case_id, occurred_at=now, **fields)
    return review_case(state, at(now, 9, "cases.reviews"), event, look or a_look(), context)


def the_case(effects: tuple[CaseEffect, ...]) -> UpdateCase:
    (case,) = cases_of(effects)
    assert len(effects) == 1
    return case


def shown(state: LeadState, now: int = SOON) -> UpdateCase:
    """The case as a refusal shows it: unchanged."""
    return the_case(review(state, "release", "nobody", now))


def a_lead_with_request(*rows: Any) -> tuple[LeadState, OpenCase]:
    state = a_lead()
    open_or_extend(state, at(), a_look(*(rows or (NEW,))), evidence(), CONTEXT, a_request())
    return state, state.cases[0]


# --- claim, release


def test_a_claim_takes_the_case_and_meets_its_deadline() -> None:
    state, _ = a_lead_with_case()
    before = shown(state)
    assert review(state, "claim") == (
        changed(
            before, version=2, status="claimed", claimed_by="ana", sla_state="met", due_at=None, change="claimed by ana"
        ),
    )


def test_the_second_claim_loses_with_a_clear_answer() -> None:
    state, _ = a_lead_with_case()
    first = the_case(review(state, "claim", "ana"))
    second = the_case(review(state, "claim", "ben", SOON + 1))
    assert second == changed(first, change="claim refused: held by ana", changed_at=SOON + 1)


def test_the_same_claim_again_changes_nothing() -> None:
    state, _ = a_lead_with_case()
    first = the_case(review(state, "claim"))
    assert the_case(review(state, "claim")) == changed(first, change="claim refused: held by ana")


def test_a_claim_at_the_deadline_is_too_late() -> None:
    state, _ = a_lead_with_case()
    effects = cases_of(review(state, "claim", now=T0 + 4 * HOUR))
    assert [case.change for case in effects] == [
        "warned at 50 % of warm; warned at 80 % of warm; breached warm", "claimed by ana"
    ]  # fmt: skip
    assert (effects[1].status, effects[1].sla_state) == ("claimed", "breached")


def test_released_the_case_is_open_again_with_its_whole_budget() -> None:
    state, _ = a_lead_with_case()
    claimed = the_case(review(state, "claim"))
    assert review(state, "release", now=T0 + HOUR) == (
        changed(
            claimed, version=3, status="open", claimed_by=None, sla_state="running", due_at=T0 + 5 * HOUR,
            change="released by ana", changed_at=T0 + HOUR,
        ),
    )  # fmt: skip
    assert the_case(review(state, "claim", "ben", T0 + 2 * HOUR)).claimed_by == "ben"


def test_only_the_holder_releases() -> None:
    state, _ = a_lead_with_case()
    assert the_case(review(state, "release")).change == "release refused: nobody holds it"
    review(state, "claim")
    assert the_case(review(state, "release", "ben")).change == "release refused: held by ana"
    assert state.cases[0].claimed_by == "ana"


def test_a_manager_releases_for_another() -> None:
    state, _ = a_lead_with_case()
    review(state, "claim")
    assert the_case(review(state, "release", "max", role="manager")).change == "released by max"


@pytest.mark.parametrize(
    "gone", [a_rep("ana", active=False), a_rep("ana", away=(Absence(TODAY, TODAY),)), a_rep("carl")]
)
def test_anybody_releases_for_a_holder_who_is_not_there(gone: Any) -> None:
    state, _ = a_lead_with_case()
    review(state, "claim")
    context = a_desk_context((gone, *REPS[1:]))
    assert the_case(review(state, "release", "ben", context=context)).change == "released by ben"


# --- approve, reject, override


def test_an_unclaimed_case_may_be_decided_at_once() -> None:
    state, _ = a_lead_with_case()
    before = shown(state)
    assert review(state, "approve") == (
        changed(
            before, version=2, status="closed", end="approved", claimed_by="ana", sla_state="met", due_at=None,
            closed_at=SOON, change="approved by ana",
        ),
    )  # fmt: skip
    assert (state.cases, state.signals.rejection) == ([], None)


@pytest.mark.parametrize("action", ["approve", "reject", "override", "request_info"])
def test_a_case_that_another_holds_is_not_decided(action: str) -> None:
    state, _ = a_lead_with_case()
    before = the_case(review(state, "claim"))
    answer = the_case(review(state, action, "ben", reason_code="TIMING", tier="T2_WARM", role="manager"))
    assert answer == changed(before, change=f"{action} refused: held by ana")


def test_rejecting_needs_a_reason_and_other_needs_words() -> None:
    state, _ = a_lead_with_case()
    for action in ("reject", "override"):
        for code, note, why in (
            (None, None, "a reason code is needed, for example NOT_ICP"),
            ("OTHER", None, "reason code OTHER needs a note"),
            ("OTHER", "  ", "reason code OTHER needs a note"),
        ):
            answer = the_case(review(state, action, tier="T2_WARM", reason_code=code, note=note))
            assert (answer.change, answer.status, answer.version) == (f"{action} refused: {why}", "open", 1)
    assert state.signals.rejection is None


def test_a_rejection_is_remembered_and_its_owner_does_not_get_the_lead_again() -> None:
    state, case = a_lead_with_case()
    case.owner = "ana"
    closed = the_case(review(state, "reject", reason_code="OTHER", note="moved to a competitor"))
    assert (closed.status, closed.end, closed.sla_state) == ("closed", "rejected", "met")
    assert closed.change == "rejected by ana: OTHER (moved to a competitor)"
    assert state.signals.rejection == Rejection(SOON, "ana", "OTHER")
    assert state.routing.declined == ("ana",)


def test_a_rejection_by_somebody_else_leaves_the_owner() -> None:
    state, case = a_lead_with_case()
    case.owner = state.routing.owner = "ana"
    review(state, "reject", "ben", reason_code="TIMING")
    assert (state.routing.declined, state.signals.rejection) == ((), Rejection(SOON, "ben", "TIMING"))


def test_an_override_chooses_the_tier() -> None:
    state, _ = a_lead_with_case()
    closed = the_case(review(state, "override", reason_code="LOW_INTENT", tier="T1_HOT"))
    assert (closed.end, closed.change) == ("overridden", "overridden by ana: LOW_INTENT, T2_WARM to T1_HOT")
    assert state.routing.chosen_tier == "T1_HOT"


@pytest.mark.parametrize("tier", [None, "T9"])
def test_an_override_names_a_tier_of_the_policy(tier: str | None) -> None:
    state, _ = a_lead_with_case()
    answer = the_case(review(state, "override", reason_code="LOW_INTENT", tier=tier))
    assert answer.change == f"override refused: tier is {tier}, expected one of T0_VIP, T1_HOT, T2_WARM"
    assert state.routing.chosen_tier == ""


def test_a_case_that_was_breached_ends_as_breached() -> None:
    state, _ = a_lead_with_case()
    closed = cases_of(review(state, "approve", now=T0 + 5 * HOUR))[-1]
    assert (closed.end, closed.sla_state) == ("approved", "breached")


def test_a_breach_is_not_forgotten_by_claiming_and_releasing() -> None:
    state, _ = a_lead_with_case()
    review(state, "claim", now=T0 + 5 * HOUR)
    review(state, "release", now=T0 + 5 * HOUR + 1)
    closed = the_case(review(state, "approve", now=T0 + 5 * HOUR + 2))
    assert (closed.end, closed.sla_state) == ("approved", "breached")


# --- request_info, escalate


def test_the_clock_that_awaits_a_decision_stands_still_while_the_lead_is_asked() -> None:
    state, _ = a_lead_with_request()
    asked = the_case(review(state, "request_info", "eve"))
    assert (asked.status, asked.claimed_by, asked.sla, asked.sla_state, asked.due_at) == (
        "info_requested", "eve", "decision", "suspended", None
    )  # fmt: skip
    assert asked.change == "eve asked the lead for information; decision suspended: waiting for the lead"
    again = the_case(review(state, "claim", "eve", T0 + 2 * HOUR))
    assert (again.status, again.change) == ("claimed", "claimed by eve; decision runs on")
    assert again.due_at == T0 + DAY + 110 * MINUTE  # the suspension runs over into the next business day


def test_while_one_asks_another_cannot_claim() -> None:
    state, _ = a_lead_with_case()
    review(state, "request_info")
    assert the_case(review(state, "claim", "ben")).change == "claim refused: held by ana"


def test_escalated_the_case_goes_up_with_its_whole_budget() -> None:
    state, case = a_lead_with_case()
    case.owner = "ana"
    before = shown(state)
    assert review(state, "escalate") == (
        changed(
            before, version=2, escalation=1, owner="max", due_at=SOON + 4 * HOUR, change="escalated by ana, to max"
        ),
    )


def test_with_nobody_above_it_goes_to_another_of_the_queue_else_stays() -> None:
    state, case = a_lead_with_case()
    case.owner = "ana"
    two = a_desk_context(REPS[:2])
    assert the_case(review(state, "escalate", context=two)).owner == "ben"
    assert the_case(review(state, "escalate", "ben", context=two)).owner == "ana"
    alone = the_case(review(state, "escalate", "ana", context=a_desk_context(REPS[:1])))
    assert (alone.owner, alone.escalation, alone.change) == ("ana", 3, "escalated by ana")


def test_a_claimed_case_is_escalated_by_its_holder_or_a_manager() -> None:
    state, _ = a_lead_with_case()
    review(state, "claim")
    assert the_case(review(state, "escalate", "ben")).change == "escalate refused: held by ana"
    raised = the_case(review(state, "escalate", "max", role="manager"))
    assert (raised.status, raised.claimed_by, raised.escalation) == ("open", None, 1)


# --- cases that are not there


@pytest.mark.parametrize("case_id", ["case-x", None])
def test_an_action_on_a_case_that_is_not_there_has_an_answer(case_id: str | None) -> None:
    state = a_lead()
    state.routing.tier = "T2_WARM"
    assert review(state, "approve", case_id=case_id) == (
        UpdateCase(
            lead_id="lead-1", decision_id="cases.reviews-0-9", case_id=case_id or "not named", version=0,
            status="closed", end=None, queue="", severity=0, tier="T2_WARM", account_id=None, owner=None,
            claimed_by=None, reasons=(Reason("", "NO_SUCH_CASE", "closed before, or not of this lead", SOON),),
            factors=(), evidence=(), next_best_action="", do_not="", confidence=0.0, request_id=None, sla="none",
            sla_state="met", opened_at=SOON, due_at=None, closed_at=SOON, escalation=0, policy_version="test",
            calendar=CONTEXT.calendars.version, change="approve refused: no such open case", changed_at=SOON,
        ),
    )  # fmt: skip
    assert state.cases == []


def test_a_closed_case_never_comes_back() -> None:
    state, case = a_lead_with_case()
    review(state, "approve")
    for action in ("claim", "release", "approve", "reject", "override", "request_info", "escalate"):
        answer = the_case(review(state, action, case_id=case.case_id, reason_code="TIMING", tier="T1_HOT"))
        assert answer.change == f"{action} refused: no such open case"
    assert (state.cases, state.signals.rejection, state.routing.chosen_tier) == ([], None, "")


@pytest.mark.parametrize("action", ["place_hold", "lift_hold"])
def test_holds_need_no_case(action: str) -> None:
    state, _ = a_lead_with_case()
    assert review(state, action) == ()


def test_only_the_named_case_moves() -> None:
    state, _ = a_lead_with_case(JUMP, VIP)
    review(state, "claim", case_id=state.cases[1].case_id)
    assert [case.status for case in state.cases] == ["open", "claimed"]


# --- outreach that waits


def test_approving_lets_exactly_that_request_go_out_and_names_the_case() -> None:
    state, case = a_lead_with_request(NEW, SENSITIVE)
    closed, answer = review(state, "approve", "eve")
    assert isinstance(closed, UpdateCase)
    assert (closed.end, closed.request_id) == ("approved", "request-1")
    assert (answer,) == tuple(answers_of((answer,)))
    assert (answer.request_id, answer.verdict, answer.approval_id, answer.until) == (  # type: ignore[union-attr]
        "request-1", "allow", case.case_id, SOON + 15 * MINUTE
    )  # fmt: skip
    assert state.approvals == [
        CaseApproval(case.case_id, "content-1", "segment-1", "email", 1, ("N11", "N13"), "test", SOON, SOON + 30 * DAY)
    ]


def test_approved_it_still_waits_for_what_else_holds_the_lead() -> None:
    for hold, verdict in ((a_hold("ooo", T0 + DAY), "defer"), (a_hold("unsubscribe", stops=True), "deny")):
        state, _ = a_lead_with_request()
        (answer,) = answers_of(review(state, "approve", "eve", look=a_look(holds=[hold])))
        assert (answer.verdict, answer.rule) == (verdict, hold.view.kind)


def test_rejecting_outreach_denies_it_and_leaves_the_lead_alone() -> None:
    state, _ = a_lead_with_request()
    closed, answer = review(state, "reject", "eve", reason_code="COMPLIANCE")
    assert isinstance(closed, UpdateCase)
    assert closed.end == "rejected"
    assert [(one.request_id, one.verdict, one.rule, one.reason) for one in answers_of((answer,))] == [
        ("request-1", "deny", "rejected", "rejected by eve: COMPLIANCE")
    ]
    assert (state.signals.rejection, state.routing.declined, state.approvals) == (None, (), [])


@pytest.mark.parametrize("role", ["rep", "manager", "admin", "compliance"])
@pytest.mark.parametrize("action", ["approve", "reject"])
def test_no_role_decides_outreach_of_a_queue_that_the_actor_is_not_of(role: str, action: str) -> None:
    state, _ = a_lead_with_request()
    answer = the_case(review(state, action, "ana", role=role, reason_code="COMPLIANCE"))
    assert answer.change == f"{action} refused: ana is not on the roster of compliance, whose outreach this is"
    assert (len(state.cases), state.approvals) == (1, [])


def test_outreach_is_not_overridden() -> None:
    state, _ = a_lead_with_request()
    answer = the_case(review(state, "override", "eve", reason_code="TIMING", tier="T1_HOT"))
    assert answer.change == "override refused: outreach waits for this case; approve or reject it"


def test_a_decision_after_the_time_is_up_comes_too_late() -> None:
    state, _ = a_lead_with_request()
    expired, denial, refusal = review(state, "approve", "eve", T0 + DAY)
    assert isinstance(expired, UpdateCase)
    assert isinstance(refusal, UpdateCase)
    assert (expired.end, refusal.change) == ("expired", "approve refused: the case was expired before")
    assert [(one.verdict, one.rule) for one in answers_of((denial,))] == [("deny", "expired")]
    assert state.approvals == []
