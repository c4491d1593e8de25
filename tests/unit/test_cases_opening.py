"""What fired becomes one case per queue, with all that a person needs."""

from __future__ import annotations

import pytest

from streams.core.casefile import OpenCase
from streams.core.effects import Contribution, EvidenceItem, Reason, UpdateCase
from streams.core.moment import Score
from streams.core.opening import open_or_extend
from streams.core.state import LeadState, Measure, Rejection, Stated, pack, unpack
from tests.casework import (
    AUDIT,
    BREACHED,
    COMPLAINT,
    CONTEXT,
    JUMP,
    NEW,
    PRICING,
    REJECTED,
    SCORE,
    SENSITIVE,
    UNLAWFUL,
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
from tests.factories import DAY, HOUR, LEAD, MINUTE, T0, a_rep, a_request, an_approval

OPENED = UpdateCase(
    lead_id=LEAD,
    decision_id="signals.scores-0-7",
    case_id="case-signals.scores-0-7-sales",
    version=1,
    status="open",
    end=None,
    queue="sales",
    severity=3,
    tier="T2_WARM",
    account_id="acme",
    owner="ana",
    claimed_by=None,
    reasons=(Reason("N16", "SCORE_JUMP", "N16 holds", T0),),
    factors=(Contribution("fit", 70.0, 9.0), Contribution("intent", 50.0, 7.0)),
    evidence=(EvidenceItem("score-1", "signals.scores", T0, "fit score 1"),),
    next_best_action="do N16",
    do_not="not N16",
    confidence=0.8,
    request_id=None,
    sla="warm",
    sla_state="running",
    opened_at=T0,
    due_at=T0 + 4 * HOUR,
    closed_at=None,
    escalation=0,
    policy_version="test",
    calendar=f"- UTC {CONTEXT.calendars.version}",
    change="opened",
    changed_at=T0,
)


def an_acme_lead() -> LeadState:
    state = a_lead()
    state.known.account_id = "acme"
    return state


def test_a_condition_opens_a_case_with_all_that_a_person_needs() -> None:
    state = an_acme_lead()
    assert open_or_extend(state, at(), a_look(JUMP), evidence(), CONTEXT) == (OPENED,)
    assert [case.case_id for case in state.cases] == [OPENED.case_id]


def test_nothing_fired_opens_nothing() -> None:
    state = a_lead()
    assert open_or_extend(state, at(), a_look(held=(JUMP,)), evidence(), CONTEXT) == ()
    assert state == a_lead()


def test_the_next_condition_of_the_queue_extends_the_case_and_the_worst_row_advises() -> None:
    state = an_acme_lead()
    open_or_extend(state, at(), a_look(JUMP), evidence(), CONTEXT)
    later = T0 + HOUR
    assert open_or_extend(state, at(later, 8), a_look(PRICING), evidence(2, later), CONTEXT) == (
        changed(
            OPENED,
            decision_id="signals.scores-0-8",
            version=2,
            severity=2,
            next_best_action="do N07",
            do_not="not N07",
            reasons=(*OPENED.reasons, Reason("N07", "PRICING_TERMS", "N07 holds", later)),
            evidence=(EvidenceItem("score-2", "signals.scores", later, "fit score 2"), *OPENED.evidence),
            sla="hot",
            due_at=later + 15 * MINUTE,
            change="extended by PRICING_TERMS",
            changed_at=later,
        ),
    )
    assert len(state.cases) == 1


def test_a_milder_condition_extends_but_loosens_nothing() -> None:
    state = an_acme_lead()
    (opened,) = cases_of(open_or_extend(state, at(), a_look(PRICING), evidence(), CONTEXT))
    (extended,) = cases_of(open_or_extend(state, at(T0 + MINUTE), a_look(JUMP), evidence(2, T0 + MINUTE), CONTEXT))
    assert (extended.severity, extended.next_best_action) == (2, "do N07")
    assert (extended.sla, extended.due_at) == (opened.sla, opened.due_at) == ("hot", T0 + 15 * MINUTE)


def test_each_queue_has_its_own_case() -> None:
    state = a_lead()
    effects = cases_of(open_or_extend(state, at(), a_look(VIP, JUMP, COMPLAINT), evidence(), CONTEXT))
    assert [(case.queue, case.owner, case.sla) for case in effects] == [
        ("vip", "ana", "vip"), ("sales", effects[1].owner, "warm"), ("compliance", "eve", "hot")
    ]  # fmt: skip
    assert len(state.cases) == 3


def test_entering_a_human_tier_is_a_reason_once() -> None:
    state = a_lead("T2_WARM")
    look = a_look(VIP, tier="T0_VIP")
    (case,) = cases_of(open_or_extend(state, at(), look, evidence(), CONTEXT))
    assert [reason.condition for reason in case.reasons] == ["N04", "T0_VIP"]
    assert case.reasons[1] == Reason("T0_VIP", "T0_VIP", "score 62, confidence 0.80", T0)
    assert (case.severity, case.next_best_action, case.do_not) == (1, "call as T0", "no template")
    state.routing.computed_tier = "T0_VIP"
    assert open_or_extend(state, at(T0 + 1), a_look(tier="T0_VIP"), evidence(2), CONTEXT) == ()


def test_a_person_who_chose_a_tier_is_not_asked_again_while_the_policy_says_the_same() -> None:
    state = a_lead("T1_HOT")
    state.routing.tier = state.routing.chosen_tier = "T2_WARM"
    assert open_or_extend(state, at(), a_look(tier="T1_HOT"), evidence(), CONTEXT) == ()


@pytest.mark.parametrize("kind", ["unsubscribe", "complaint", "left_company", "erasure"])
def test_a_lead_that_may_not_be_contacted_is_not_handed_to_sales_for_its_tier(kind: str) -> None:
    look = a_look(tier="T1_HOT", holds=[a_hold(kind, stops=True)])
    assert open_or_extend(a_lead(), at(), look, evidence(), CONTEXT) == ()


def test_a_missed_deadline_belongs_to_the_case_that_missed_it_and_opens_no_other() -> None:
    assert open_or_extend(a_lead(), at(), a_look(BREACHED), evidence(), CONTEXT) == ()


def test_rows_that_only_answer_outreach_open_no_case_without_a_request() -> None:
    assert open_or_extend(a_lead(), at(), a_look(NEW, SENSITIVE, UNLAWFUL), evidence(), CONTEXT) == ()


def test_the_same_condition_again_is_one_reason_in_its_latest_words() -> None:
    state, _ = a_lead_with_case(PRICING)
    (case,) = cases_of(open_or_extend(state, at(T0 + 9), a_look(PRICING), evidence(2, T0 + 9), CONTEXT))
    assert case.reasons == (Reason("N07", "PRICING_TERMS", "N07 holds", T0 + 9),)
    assert case.version == 2


def test_factors_are_the_five_largest() -> None:
    parts = tuple(Contribution(f"f{n}", 1.0, 9.0 - n) for n in range(8))
    look = a_look(JUMP)._replace(score=SCORE._replace(contributions=parts))
    (case,) = cases_of(open_or_extend(a_lead(), at(), look, evidence(), CONTEXT))
    assert case.factors == parts[:5]


def test_evidence_keeps_what_opened_the_case_and_the_newest() -> None:
    state, _ = a_lead_with_case(PRICING)
    for n in range(2, 20):
        effects = open_or_extend(state, at(T0 + n), a_look(PRICING), evidence(n, T0 + n), CONTEXT)
    (case,) = cases_of(effects)
    assert [item.event_id for item in case.evidence] == [f"score-{n}" for n in (*range(19, 10, -1), 1)]


def test_an_event_is_evidence_once() -> None:
    state, _ = a_lead_with_case(PRICING)
    (case,) = cases_of(open_or_extend(state, at(T0 + 1), a_look(JUMP), evidence(1), CONTEXT))
    assert [item.event_id for item in case.evidence] == ["score-1"]


def test_a_new_case_brings_what_was_measured_before_with_the_events_that_say_so() -> None:
    state = a_lead()
    state.signals.fit = Measure(82.0, 0.9, T0 - DAY, "fit-9")
    state.signals.intent = Measure(70.0, 0.9, T0 - HOUR, "intent-3")
    state.signals.sentiment = Measure(-0.5, 0.9, T0 - 2 * DAY, "mood-1")
    (case,) = cases_of(open_or_extend(state, at(), a_look(JUMP), evidence(), CONTEXT))
    assert case.evidence == (
        EvidenceItem("score-1", "signals.scores", T0, "fit score 1"),
        EvidenceItem("intent-3", "signals.intent", T0 - HOUR, "person intent 70"),
        EvidenceItem("fit-9", "signals.scores", T0 - DAY, "fit score 82"),
        EvidenceItem("mood-1", "signals.sentiment", T0 - 2 * DAY, "sentiment -0.50"),
    )


def test_a_promoted_lead_goes_to_another_rep_than_the_one_who_rejected_it() -> None:
    for rejecter, other in (("ana", "ben"), ("ben", "ana")):
        state = a_lead()
        state.signals.rejection = Rejection(T0 - DAY, rejecter, "TIMING")
        state.routing.queue, state.routing.owner = "sales", rejecter
        (case,) = cases_of(open_or_extend(state, at(), a_look(REJECTED), evidence(), CONTEXT))
        assert (case.owner, state.routing.declined) == (other, (rejecter,))


def test_an_open_case_changes_hands_when_its_owner_turns_out_to_have_rejected_the_lead() -> None:
    state, case = a_lead_with_case(JUMP)
    rejecter = case.owner
    assert rejecter is not None
    state.signals.rejection = Rejection(T0, rejecter, "TIMING")
    (update,) = cases_of(open_or_extend(state, at(T0 + 1), a_look(REJECTED), evidence(2), CONTEXT))
    assert update.owner == ({"ana", "ben"} - {rejecter}).pop()


def test_the_clock_runs_in_the_leads_zone_else_the_owners_else_utc() -> None:
    roster = (a_rep("ana", queues=("sales",), time_zone="Asia/Tokyo"),)
    lead, owner, nobody = a_lead(), a_lead(), a_lead()
    lead.known.time_zone, lead.known.country = "America/New_York", Stated("US", "crm", T0)
    owner.known.owner = Stated("ana", "crm", T0)
    for state, calendar, due in (
        (lead, "US America/New_York", T0 + 8 * HOUR),  # 05:00 there: work begins four hours later
        (owner, "- Asia/Tokyo", T0 + 19 * HOUR),  # 18:00 there
        (nobody, "- UTC", T0 + 4 * HOUR),
    ):
        context = a_desk_context(roster)
        (case,) = cases_of(open_or_extend(state, at(), a_look(JUMP), evidence(), context))
        assert (case.calendar, case.due_at) == (f"{calendar} {context.calendars.version}", due)


def test_the_clock_of_a_lead_that_is_away_stands_still_from_the_start() -> None:
    look = a_look(JUMP, holds=[a_hold("ooo", T0 + 7 * DAY)])
    (case,) = cases_of(open_or_extend(a_lead(), at(), look, evidence(), CONTEXT))
    assert (case.sla_state, case.due_at) == ("suspended", None)
    assert case.change == "opened; warm suspended: the lead is away"


def test_somebody_who_has_the_case_gets_no_new_clock_for_its_claim() -> None:
    state, case = a_lead_with_case(JUMP)
    case.claimed_by, case.status = "ana", "claimed"
    case.clocks[0].met_at = T0 + 1
    (update,) = cases_of(open_or_extend(state, at(T0 + 9), a_look(PRICING), evidence(2), CONTEXT))
    assert (update.status, update.sla, update.sla_state, update.due_at) == ("claimed", "warm", "met", None)


def test_nobody_there_leaves_the_case_to_anybody() -> None:
    (case,) = cases_of(open_or_extend(a_lead(), at(), a_look(JUMP), evidence(), a_desk_context(())))
    assert (case.queue, case.owner) == ("sales", None)


def test_a_request_that_needs_approval_opens_a_compliance_case_with_two_clocks() -> None:
    state, request = a_lead(), a_request()
    (case,) = cases_of(open_or_extend(state, at(), a_look(NEW, SENSITIVE), evidence(), CONTEXT, request))
    assert (case.queue, case.owner, case.request_id) == ("compliance", "eve", "request-1")
    assert [reason.code for reason in case.reasons] == ["SENSITIVE_SEGMENT", "NEW_CONTENT"]
    assert (case.severity, case.sla, case.due_at) == (2, "compliance", T0 + 4 * HOUR)
    assert [(clock.sla, clock.denies, clock.due_at) for clock in state.cases[0].clocks] == [
        ("compliance", False, T0 + 4 * HOUR), ("decision", True, T0 + 8 * HOUR)
    ]  # fmt: skip


def test_a_request_that_the_gate_answers_at_once_opens_no_case() -> None:
    approved = a_desk_context(approvals={("content-1", "segment-1"): (an_approval(conditions=("N11", "N13")),)})
    assert open_or_extend(a_lead(), at(), a_look(SENSITIVE), evidence(), approved, a_request()) == ()
    stopped = a_look(NEW, holds=[a_hold("unsubscribe", stops=True)])
    assert open_or_extend(a_lead(), at(), stopped, evidence(), CONTEXT, a_request()) == ()
    assert open_or_extend(a_lead(), at(T0 + 12 * HOUR), a_look(NEW), evidence(), CONTEXT, a_request()) == ()  # quiet


def test_requests_of_one_lead_wait_for_one_case_and_one_too_many_pushes_out_the_oldest() -> None:
    state = a_lead()
    for n in range(1, 11):
        effects = open_or_extend(state, at(T0 + n), a_look(NEW), evidence(n), CONTEXT, a_request(n))
    assert (len(state.cases), effects[1:]) == (1, ())
    effects = open_or_extend(state, at(T0 + 11), a_look(NEW), evidence(11), CONTEXT, a_request(11))
    (answer,) = answers_of(effects)
    assert (answer.request_id, answer.verdict, answer.rule) == ("request-1", "deny", "superseded")
    assert [waiting.request_id for waiting in state.cases[0].waiting] == [f"request-{n}" for n in range(2, 12)]


def test_only_an_audit_lets_automation_go_its_way() -> None:
    state, case = a_lead_with_case(AUDIT)
    assert not case.blocks
    open_or_extend(state, at(T0 + 1), a_look(JUMP), evidence(2), CONTEXT)
    assert case.blocks


def test_cases_survive_packing() -> None:
    state, _ = a_lead_with_case(JUMP, VIP)
    open_or_extend(state, at(T0 + 5), a_look(NEW), evidence(3), CONTEXT, a_request(segment_hash=None))
    assert unpack(pack(state, T0)) == state


def test_a_packed_case_is_small() -> None:
    state, case = a_lead_with_case(JUMP)
    texts = sum(len(text) for text in (case.next_best_action, case.do_not, *case.reasons[0][:3]))
    assert isinstance(case, OpenCase)
    assert len(pack(state, T0)) - len(pack(a_lead(), T0)) - texts < 400


def test_a_low_score_is_told_as_it_is() -> None:
    look = a_look(JUMP)._replace(score=Score(5.0, 0.0, 10.0, 0.25, ()))
    (case,) = cases_of(open_or_extend(a_lead(), at(), look, evidence(), CONTEXT))
    assert (case.factors, case.confidence) == ((), 0.25)


def test_the_event_that_opens_a_case_is_not_told_again_as_what_was_known_before() -> None:
    state = a_lead()
    state.signals.fit = Measure(1.0, None, T0, "score-1")
    state.signals.intent = Measure(60.0, None, T0 - HOUR, "intent-1")
    (case,) = cases_of(open_or_extend(state, at(), a_look(JUMP), evidence(), CONTEXT))
    assert case.evidence == (
        EvidenceItem("score-1", "signals.scores", T0, "fit score 1"),
        EvidenceItem("intent-1", "signals.intent", T0 - HOUR, "person intent 60"),
    )
