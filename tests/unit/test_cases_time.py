"""What time and facts do to cases: thresholds, suspensions, timeouts, withdrawal."""

from __future__ import annotations

import pytest

from streams.core.cases import next_case_due, tick_cases, withdraw_cases
from streams.core.casework import CaseEffect
from streams.core.effects import Reason, UpdateCase
from streams.core.moment import Assessment
from streams.core.opening import open_or_extend
from streams.core.state import LeadState, recorded
from tests.casework import (
    COMPLAINT,
    CONTEXT,
    JUMP,
    NEW,
    POLICY,
    PRICING,
    SENSITIVE,
    VIP,
    a_desk_context,
    a_desk_policy,
    a_hold,
    a_lead,
    a_lead_with_case,
    a_look,
    a_row,
    answers_of,
    at,
    cases_of,
    changed,
    evidence,
)
from tests.factories import DAY, HOUR, MINUTE, T0, a_consent, a_request, an_approval


def tick(state: LeadState, now: int, look: Assessment | None = None) -> tuple[CaseEffect, ...]:
    return tick_cases(state, at(now, 99, "lane.tick"), look or a_look(), CONTEXT)


def the_case(effects: tuple[CaseEffect, ...]) -> UpdateCase:
    (case,) = cases_of(effects)
    assert len(effects) == 1
    return case


def a_lead_with_request(n: int = 1) -> LeadState:
    state = a_lead()
    for one in range(1, n + 1):
        open_or_extend(state, at(), a_look(NEW), evidence(one), CONTEXT, a_request(one))
    return state


# --- thresholds


def test_each_threshold_is_one_change_at_its_time() -> None:
    state, case = a_lead_with_case()
    case.owner = "ana"
    told = []
    while (due := next_case_due(state)) != 0:
        assert tick(state, due - 1) == ()
        update = the_case(tick(state, due))
        assert tick(state, due) == ()
        told.append((update.changed_at - T0, update.version, update.sla_state, update.owner, update.change))
    assert told == [
        (2 * HOUR, 2, "warned_50", "ana", "warned at 50 % of warm"),
        (16 * HOUR * 12 // 60, 3, "warned_80", "ana", "warned at 80 % of warm"),
        (4 * HOUR, 4, "breached", "ana", "breached warm"),
        (6 * HOUR, 5, "escalated_150", "max", "escalated at 150 % of warm, to max"),
        (8 * HOUR, 6, "escalated_200", told[4][3], told[4][4]),
    ]
    assert case.escalation == 2


def test_a_breach_becomes_a_reason_of_its_case() -> None:
    state, _ = a_lead_with_case()
    update = the_case(tick(state, T0 + 4 * HOUR))
    assert update.reasons == (
        Reason("N16", "SCORE_JUMP", "N16 holds", T0),
        Reason("N19", "SLA_BREACHED", "warm was due 2026-06-08T13:00Z", T0 + 4 * HOUR),
    )


def test_a_tick_that_comes_days_late_tells_everything_once_in_one_change() -> None:
    state, _ = a_lead_with_case()
    update = the_case(tick(state, T0 + 9 * DAY))
    assert (update.version, update.sla_state, update.escalation) == (2, "escalated_200", 2)
    assert update.change.split("; ")[:3] == ["warned at 50 % of warm", "warned at 80 % of warm", "breached warm"]
    assert tick(state, T0 + 99 * DAY) == ()
    assert next_case_due(state) == 0


def test_a_policy_change_does_not_move_an_open_case() -> None:
    state, _ = a_lead_with_case()
    stricter = a_desk_context(policy=a_desk_policy(version="test-2", slas={}))
    assert next_case_due(state) == T0 + 2 * HOUR
    update = the_case(tick_cases(state, at(T0 + 2 * HOUR), a_look(), stricter))
    assert (update.policy_version, update.sla, update.due_at) == ("test", "warm", T0 + 4 * HOUR)


# --- suspensions


@pytest.mark.parametrize(("kind", "why"), [("ooo", "the lead is away"), ("legal_threat", "legal hold")])
def test_the_clock_pauses_while_the_lead_is_away_or_under_legal_hold(kind: str, why: str) -> None:
    state, _ = a_lead_with_case()
    away = a_look(holds=[a_hold(kind, T0 + 2 * DAY)])
    paused = the_case(tick(state, T0 + HOUR, away))
    assert (paused.sla_state, paused.due_at, paused.change) == ("suspended", None, f"warm suspended: {why}")
    assert next_case_due(state) == 0
    assert tick(state, T0 + DAY, away) == ()
    back = the_case(tick(state, T0 + 2 * DAY))
    assert back == changed(
        paused, version=3, sla_state="running", due_at=T0 + 2 * DAY + 3 * HOUR, change="warm runs on",
        changed_at=T0 + 2 * DAY,
    )  # fmt: skip


def test_a_threshold_passed_before_the_suspension_still_fires_first() -> None:
    state, _ = a_lead_with_case()
    update = the_case(tick(state, T0 + 3 * HOUR, a_look(holds=[a_hold("ooo", T0 + DAY)])))
    assert update.change == "warned at 50 % of warm; warm suspended: the lead is away"


@pytest.mark.parametrize("kind", ["human_reply", "manual", "support", "meeting", "not_now", "fatigue"])
def test_no_other_hold_pauses_it(kind: str) -> None:
    state, _ = a_lead_with_case()
    assert tick(state, T0 + HOUR, a_look(holds=[a_hold(kind, T0 + DAY)])) == ()


def test_a_busy_rep_does_not_pause_it() -> None:
    state, _ = a_lead_with_case()
    assert tick_cases(state, at(T0 + HOUR), a_look(), a_desk_context(())) == ()
    assert next_case_due(state) == T0 + 2 * HOUR


def test_the_hold_that_an_event_brings_does_not_pause_the_case_that_it_opens() -> None:
    state, _ = a_lead_with_case(COMPLAINT)
    threat = a_look(holds=[a_hold("legal_threat", None, "score-1", stops=True)])
    assert tick(state, T0 + MINUTE, threat) == ()
    assert the_case(tick(state, T0 + 8 * MINUTE, threat)).sla_state == "warned_50"


def test_the_leads_answer_ends_the_wait_for_it() -> None:
    state, case = a_lead_with_case()
    case.status, case.claimed_by, case.asked_at = "info_requested", "ana", T0 + HOUR
    state.signals.reply_at = T0  # an older reply is no answer
    case.clocks[0].met_at = T0 + HOUR
    assert tick(state, T0 + 2 * HOUR) == ()
    state.signals.reply_at = T0 + 3 * HOUR
    update = the_case(tick(state, T0 + 3 * HOUR))
    assert (update.status, update.claimed_by, update.change) == ("claimed", "ana", "the lead answered")


# --- compliance


def test_outreach_that_nobody_decides_in_time_is_denied() -> None:
    state = a_lead_with_request(2)
    due = T0 + 8 * HOUR
    tick(state, due - 1)
    effects = tick(state, due)
    (case,), answers = cases_of(effects), answers_of(effects)
    assert (case.status, case.end, case.sla_state, case.closed_at) == ("closed", "expired", "escalated_200", due)
    assert case.change.endswith("breached decision; expired: not decided in time, so decision denies")
    assert [(one.request_id, one.verdict, one.rule) for one in answers] == [
        ("request-1", "deny", "expired"), ("request-2", "deny", "expired")
    ]  # fmt: skip
    assert (state.cases, tick(state, due + DAY)) == ([], ())


def test_a_case_shows_the_clock_that_was_missed_and_not_the_one_that_was_met() -> None:
    state = a_lead_with_request()
    (breached,) = cases_of(tick(state, T0 + 4 * HOUR))
    assert (breached.sla, breached.sla_state) == ("compliance", "breached")
    (closed,) = cases_of(withdraw(state, T0 + 5 * HOUR, a_look(holds=[a_hold("erasure", stops=True)])))
    assert (closed.end, closed.sla, closed.sla_state) == ("withdrawn", "compliance", "breached")
    in_time = a_lead_with_request()
    case = in_time.cases[0]
    case.claimed_by, case.status, case.clocks[0].met_at = "eve", "claimed", T0 + HOUR
    (expired,) = cases_of(tick(in_time, T0 + 9 * DAY))
    assert (expired.end, expired.sla, expired.sla_state) == ("expired", "decision", "breached")


def test_a_claim_does_not_stop_the_clock_of_the_decision() -> None:
    state = a_lead_with_request()
    case = state.cases[0]
    case.claimed_by, case.status, case.clocks[0].met_at = "eve", "claimed", T0 + HOUR
    assert next_case_due(state) == T0 + 5 * MINUTE  # looks whether the content was approved for everybody
    update = the_case(tick(state, T0 + 4 * HOUR))
    assert (update.sla, update.sla_state, update.due_at) == ("decision", "warned_50", T0 + 8 * HOUR)
    assert cases_of(tick(state, T0 + 8 * HOUR))[0].end == "expired"


def test_approved_for_everybody_what_waits_goes_out() -> None:
    state, now = a_lead_with_request(2), T0 + HOUR
    approved = a_desk_context(approvals={("content-1", "segment-1"): (an_approval(),)})
    effects = tick_cases(state, at(now), a_look(), approved)
    (case,), answers = cases_of(effects), answers_of(effects)
    assert (case.end, case.change) == ("approved", "2 of 2 requests answered: approved: approval-1")
    assert [(one.request_id, one.verdict, one.rule, one.approval_id) for one in answers] == [
        ("request-1", "allow", "N13", "approval-1"), ("request-2", "defer", "marketing_email_day", None)
    ]  # fmt: skip
    assert state.cases == []


def test_an_approval_that_does_not_cover_all_conditions_lets_nothing_out() -> None:
    state = a_lead()
    open_or_extend(state, at(), a_look(NEW, SENSITIVE), evidence(), CONTEXT, a_request())
    approved = a_desk_context(approvals={("content-1", "segment-1"): (an_approval(conditions=("N13",)),)})
    assert tick_cases(state, at(T0 + HOUR), a_look(), approved) == ()


def test_an_approval_of_a_much_smaller_audience_lets_nothing_out() -> None:
    state = a_lead()
    open_or_extend(state, at(), a_look(NEW), evidence(), CONTEXT, a_request(audience_size=121))
    for audience, answers in ((100, 0), (101, 1)):
        approval = an_approval(audience_size=audience)
        approved = a_desk_context(approvals={("content-1", "segment-1"): (approval,)})
        assert len(answers_of(tick_cases(state, at(T0 + HOUR), a_look(), approved))) == answers


def test_what_can_no_longer_go_out_is_denied_without_a_person() -> None:
    state = a_lead_with_request()
    effects = tick(state, T0 + HOUR, a_look(holds=[a_hold("unsubscribe", stops=True)]))
    (case,), (answer,) = cases_of(effects), answers_of(effects)
    assert (case.end, case.sla_state) == ("withdrawn", "running")
    assert (answer.verdict, answer.rule) == ("deny", "unsubscribe")


def test_consent_that_lapses_while_it_waits_is_a_denial() -> None:
    state = a_lead_with_request()
    state.known.consent = recorded(a_consent(expires_at=T0 + HOUR), T0)
    assert answers_of(tick(state, T0 + HOUR - 1)) == []
    (answer,) = answers_of(tick(state, T0 + HOUR))
    assert (answer.verdict, answer.rule) == ("deny", "N12")


def test_a_case_that_is_about_more_stays_when_its_requests_are_answered() -> None:
    state = a_lead_with_request()
    case = state.cases[0]
    audit = a_row("X2", "AUDIT", "compliance", "warm", 5, blocks=False)
    open_or_extend(state, at(T0 + 1), a_look(audit), evidence(2), CONTEXT)
    approved = a_desk_context(approvals={("content-1", "segment-1"): (an_approval(),)})
    effects = tick_cases(state, at(T0 + HOUR), a_look(), approved)
    (update,) = cases_of(effects)
    assert (update.status, update.request_id, len(answers_of(effects))) == ("open", None, 1)
    assert (state.cases, case.recheck_at) == ([case], 0)


def test_approved_content_still_waits_while_the_lead_itself_waits_for_a_person() -> None:
    state = a_lead_with_request()
    open_or_extend(state, at(T0 + 1), a_look(VIP), evidence(2), CONTEXT)
    approved = a_desk_context(approvals={("content-1", "segment-1"): (an_approval(),)})
    assert tick_cases(state, at(T0 + 2), a_look(held=[VIP]), approved) == ()


def test_what_waits_is_looked_at_every_few_minutes() -> None:
    state = a_lead_with_request()
    assert next_case_due(state) == T0 + 5 * MINUTE
    assert tick(state, T0 + 5 * MINUTE) == ()
    assert next_case_due(state) == T0 + 10 * MINUTE


# --- withdrawal


def withdraw(state: LeadState, now: int, look: Assessment) -> tuple[CaseEffect, ...]:
    return withdraw_cases(state, at(now, 99), look, CONTEXT)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("unsubscribe", "the lead unsubscribed"),
        ("complaint", "the lead complained"),
        ("left_company", "the lead left the company"),
        ("erasure", "the lead asks to be erased"),
    ],
)
def test_when_contact_ends_cases_are_withdrawn(kind: str, why: str) -> None:
    state, case = a_lead_with_case()
    case.claimed_by, case.status = "ana", "claimed"
    update = the_case(withdraw(state, T0 + HOUR, a_look(held=[JUMP], holds=[a_hold(kind, stops=True)])))
    assert (update.status, update.end, update.change) == ("closed", "withdrawn", f"withdrawn: {why}")
    assert (update.sla_state, update.version, state.cases) == ("running", 2, [])


@pytest.mark.parametrize("kind", ["hard_bounce", "objection", "legal_threat", "manual"])
def test_other_stops_leave_them_to_people(kind: str) -> None:
    state, _ = a_lead_with_case()
    assert withdraw(state, T0 + HOUR, a_look(held=[JUMP], holds=[a_hold(kind, stops=True)])) == ()


def test_what_a_stop_is_about_stays() -> None:
    stopped = a_look(COMPLAINT, holds=[a_hold("complaint", stops=True)])
    complaint, _ = a_lead_with_case(COMPLAINT)
    assert withdraw(complaint, T0 + HOUR, a_look(holds=stopped.holds)) == ()
    opened_after = a_lead()
    open_or_extend(opened_after, at(), a_look(JUMP, holds=stopped.holds), evidence(), CONTEXT)
    assert withdraw(opened_after, T0 + HOUR, a_look(held=[JUMP], holds=stopped.holds)) == ()


def test_a_case_that_nobody_took_goes_when_its_reasons_do() -> None:
    state, _ = a_lead_with_case(JUMP)
    assert withdraw(state, T0 + HOUR, a_look(held=[JUMP])) == ()
    update = the_case(withdraw(state, T0 + HOUR, a_look()))
    assert (update.end, update.change) == ("withdrawn", "withdrawn: SCORE_JUMP is over")


def test_a_tier_that_was_left_supersedes_its_case() -> None:
    state = a_lead()
    open_or_extend(state, at(), a_look(tier="T1_HOT"), evidence(), CONTEXT)
    assert withdraw(state, T0 + MINUTE, a_look(tier="T1_HOT")) == ()
    update = the_case(withdraw(state, T0 + MINUTE, a_look(tier="T2_WARM")))
    assert (update.end, update.change) == ("superseded", "superseded: T1_HOT is over")


def test_one_reason_that_stands_keeps_the_case() -> None:
    state = a_lead()
    open_or_extend(state, at(), a_look(JUMP, tier="T1_HOT"), evidence(), CONTEXT)
    assert withdraw(state, T0 + MINUTE, a_look(held=[JUMP])) == ()


@pytest.mark.parametrize("row", [PRICING, a_row("X1", "CALLERS_OWN", "sales", "warm", 3)])
def test_what_happened_once_does_not_go_away_by_itself(row: object) -> None:
    state, _ = a_lead_with_case(row)  # type: ignore[arg-type]
    assert withdraw(state, T0 + HOUR, a_look()) == ()


def test_a_case_that_somebody_has_or_that_is_late_stays() -> None:
    claimed, case = a_lead_with_case()
    case.claimed_by, case.status = "ana", "claimed"
    late, _ = a_lead_with_case()
    tick(late, T0 + 4 * HOUR)
    assert withdraw(claimed, T0 + HOUR, a_look()) == withdraw(late, T0 + 5 * HOUR, a_look()) == ()


def test_outreach_of_a_withdrawn_case_is_denied() -> None:
    state = a_lead_with_request()
    effects = withdraw(state, T0 + HOUR, a_look(holds=[a_hold("erasure", stops=True)]))
    assert [case.end for case in cases_of(effects)] == ["withdrawn"]
    assert [(one.verdict, one.rule) for one in answers_of(effects)] == [("deny", "withdrawn")]


def test_several_cases_move_independently() -> None:
    state, _ = a_lead_with_case(JUMP, VIP)
    update = the_case(withdraw(state, T0 + MINUTE, a_look(held=[VIP])))
    assert (update.queue, [case.queue for case in state.cases]) == ("sales", ["vip"])


def test_nothing_open_is_never_due() -> None:
    assert (next_case_due(a_lead()), tick(a_lead(), T0), POLICY.version) == (0, (), "test")
