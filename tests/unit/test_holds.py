"""Each row of the domain's table of holds: what holds, until when, how strongly, and who lifts it."""

from __future__ import annotations

import itertools

import pytest

from streams.core.events import Event
from streams.core.hold_rules import BY_PERSON, HOLDS, Lift
from streams.core.holds import active_holds, next_hold_change, open_threads
from streams.core.moment import ActiveHold
from streams.core.state import NEVER
from tests.builders import a_context
from tests.factories import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    TODAY,
    a_consent,
    a_profile,
    a_rep,
    a_reply,
    a_review,
    a_score,
    an_account_context,
    an_activity,
    an_ooto,
)
from tests.leads import CONTEXT, Told, a_lead, a_reading, kinds, local, tell, view, views

YEAR = 365 * DAY


def activity(kind: str, n: int = 1, at: int = T0, **fields: object) -> Event:
    return an_activity(n, kind=kind, occurred_at=at, **fields)


def test_out_of_office_with_a_date_holds_to_the_morning_of_the_next_business_day_after_it() -> None:
    state = a_lead(an_ooto(return_on=TODAY + 7))  # Monday a week on
    assert views(state, T0) == [view("ooo", "ooto-1", local("2026-06-16 09:00"))]
    assert kinds(state, local("2026-06-16 09:00") - 1) == ["ooo"]
    assert kinds(state, local("2026-06-16 09:00")) == []


@pytest.mark.parametrize(
    ("return_on", "until"),
    [
        (TODAY, "2026-06-09 11:00"),  # back today: Tuesday 09:00 would be under a day
        (TODAY + 1, "2026-06-10 09:00"),
        (TODAY + 4, "2026-06-15 09:00"),  # Friday: Monday
        (TODAY + 5, "2026-06-15 09:00"),  # Saturday: Monday
        (TODAY + 6, "2026-06-15 09:00"),  # Sunday: Monday
        (TODAY + 88, "2026-09-07 09:00"),  # Friday 4 September: Monday is day 91, so 90 days
        (TODAY + 400, "2026-09-06 11:00"),
        (2_932_896, "2026-09-06 11:00"),  # 9999-12-31
    ],
)
def test_out_of_office_lasts_at_least_a_day_and_at_most_ninety(return_on: int, until: str) -> None:
    ends = min(local(until), T0 + 90 * DAY)
    assert views(a_lead(an_ooto(return_on=return_on)), T0) == [view("ooo", "ooto-1", ends)]


@pytest.mark.parametrize(
    "return_on", [None, TODAY - 1, TODAY - 300, -719_162], ids=["none", "yesterday", "past", "0001"]
)
def test_out_of_office_without_a_date_that_can_be_used_holds_seven_days(return_on: int | None) -> None:
    assert views(a_lead(an_ooto(return_on=return_on)), T0) == [view("ooo", "ooto-1", T0 + 7 * DAY)]


@pytest.mark.parametrize("until", [TODAY + 7, None])
def test_an_out_of_office_mail_is_the_same_as_an_out_of_office_signal(until: int | None) -> None:
    mail = (a_reply(), a_reading("ooo", until=until))
    signal = a_lead(an_ooto(event_id="reply-1", return_on=until))
    assert views(a_lead(mail), T0) == views(signal, T0)


@pytest.mark.parametrize("told", [an_ooto(kind="auto_ack"), (a_reply(), a_reading("auto_ack"))])
def test_an_acknowledgement_holds_nothing(told: Told) -> None:
    assert views(a_lead(told), T0) == []


@pytest.mark.parametrize(
    "told", [an_ooto(kind="left_company"), (a_reply(), a_reading("left_company", is_automatic=True))]
)
def test_who_left_the_company_is_stopped_until_a_person_lifts_it(told: Told) -> None:
    origin = told[0].event_id if isinstance(told, tuple) else told.event_id
    assert active_holds(a_lead(told), T0 + YEAR, CONTEXT) == (
        ActiveHold(view("left_company", origin, None), rank=4, stops=True, transactional_allowed=False),
    )


@pytest.mark.parametrize(
    ("asked_for", "until"),
    [
        (TODAY + 60, "2026-07-31 09:00"),  # 7 August - 7 days
        (TODAY + 8, "2026-06-09 09:00"),
        (TODAY + 7, "2026-06-15 09:00"),  # seven days before is today: the date itself
        (TODAY + 1, "2026-06-09 09:00"),
        (TODAY, "2026-09-06 11:00"),  # no date at all: 90 days
        (TODAY - 3, "2026-09-06 11:00"),
        (None, "2026-09-06 11:00"),
    ],
)
def test_not_now_holds_to_a_week_before_the_date_or_ninety_days(asked_for: int | None, until: str) -> None:
    state = a_lead((a_reply(), a_reading("not_now", until=asked_for)))
    assert views(state, T0)[1:] == [view("not_now", "reply-1", local(until))]


def test_not_interested_holds_half_a_year() -> None:
    state = a_lead((a_reply(), a_reading("not_interested")))
    assert views(state, T0)[1:] == [view("not_interested", "reply-1", T0 + 180 * DAY)]
    assert kinds(state, T0 + 180 * DAY) == ["human_reply"]


@pytest.mark.parametrize(
    "reply_class", ["interested", "pricing", "support_need", "referral", "wrong_person", "unclassified"]
)
def test_a_reply_of_a_person_holds_until_a_person_lifts_it(reply_class: str) -> None:
    state = a_lead((a_reply(), a_reading(reply_class)))
    assert views(state, T0 + 10 * YEAR) == [view("human_reply", "reply-1", None)]
    tell(state, a_review(action="lift_hold", hold_kind="human_reply", occurred_at=T0 + DAY))
    assert views(state, T0 + DAY) == []


def test_a_person_who_is_away_and_interested_is_a_reply_not_an_absence() -> None:
    assert kinds(a_lead((a_reply(), a_reading("interested", until=TODAY + 6))), T0) == ["human_reply"]


def test_a_reply_that_nobody_read_holds_until_a_person_does() -> None:
    assert kinds(a_lead(a_reply()), T0) == ["human_reply"]


def test_a_colleagues_reply_holds_three_business_days() -> None:
    assert views(a_lead(an_account_context()), T0) == [
        view("colleague_replied", "context-1", local("2026-06-11 11:00")),
    ]
    friday = an_account_context(occurred_at=local("2026-06-12 16:30"))
    assert views(a_lead(friday), T0)[0].until == local("2026-06-17 16:30")


def test_ones_own_reply_and_a_colleagues_complaint_are_no_colleagues_reply() -> None:
    assert views(a_lead(an_account_context(about_lead_id="lead-1")), T0) == []
    assert views(a_lead(an_account_context(kind="colleague_complained")), T0) == []


def test_a_meeting_holds_to_one_business_day_after_its_end() -> None:
    ends = local("2026-06-12 15:00")  # Friday
    state = a_lead(activity("meeting_booked", ref="m1", ends_at=ends))
    assert views(state, T0) == [view("meeting", "activity-1", local("2026-06-15 15:00"))]
    assert views(a_lead(activity("meeting_booked")), T0) == [view("meeting", "activity-1", local("2026-06-09 11:00"))]


def test_a_meeting_that_is_moved_counts_as_last_booked_and_one_that_is_cancelled_does_not_count() -> None:
    booked = activity("meeting_booked", 1, ref="m1", ends_at=T0 + 9 * DAY)
    moved = activity("meeting_booked", 2, T0 + HOUR, ref="m1", ends_at=local("2026-06-10 12:00"))
    cancelled = activity("meeting_cancelled", 3, T0 + 2 * HOUR, ref="m1")
    again = activity("meeting_booked", 4, T0 + 3 * HOUR, ref="m1", ends_at=local("2026-06-11 12:00"))
    assert views(a_lead(booked, moved), T0) == [view("meeting", "activity-2", local("2026-06-11 12:00"))]
    assert views(a_lead(moved, booked), T0) == [view("meeting", "activity-2", local("2026-06-11 12:00"))]
    assert views(a_lead(cancelled, moved, booked), T0) == []
    assert views(a_lead(again, cancelled, booked), T0) == [view("meeting", "activity-4", local("2026-06-12 12:00"))]


def test_a_severe_ticket_holds_until_three_days_after_its_close() -> None:
    opened = activity("ticket_opened", 1, ref="t1", severity=2)
    closed = activity("ticket_closed", 2, T0 + 5 * DAY, ref="t1")
    reopened = activity("ticket_opened", 3, T0 + 6 * DAY, ref="t1", severity=1)
    assert views(a_lead(opened), T0 + YEAR) == [view("support", "activity-1", None)]
    for state in (a_lead(opened, closed), a_lead(closed, opened)):
        assert views(state, T0 + 5 * DAY) == [view("support", "activity-1", T0 + 8 * DAY)]
        assert views(state, T0 + 8 * DAY) == []
    assert views(a_lead(reopened, closed, opened), T0 + 8 * DAY) == [view("support", "activity-3", None)]


def test_a_harmless_ticket_holds_nothing_and_its_close_closes_no_other() -> None:
    assert views(a_lead(activity("ticket_opened", severity=3), activity("ticket_opened", 2)), T0) == []
    severe = activity("ticket_opened", 1, ref="t1", severity=1)
    assert kinds(a_lead(severe, activity("ticket_closed", 2, T0 + HOUR, ref="t2")), T0 + 30 * DAY) == ["support"]


@pytest.mark.parametrize(("value", "held"), [(1.0, True), (2.0, True), (2.5, False), (5.0, False), (None, False)])
def test_a_bad_satisfaction_score_holds_three_days(value: float | None, held: bool) -> None:
    state = a_lead(activity("csat", value=value))
    assert views(state, T0) == ([view("support", "activity-1", T0 + 3 * DAY)] if held else [])


@pytest.mark.parametrize(
    ("by", "held"),
    [
        ("rep", True),
        ("lead", True),
        ("system", False),
    ],  # a lead opens none: "lead" is what a sender means who says nothing
)
def test_an_opportunity_that_its_owner_opened_holds_until_it_is_closed(by: str, held: bool) -> None:
    state = a_lead(activity("opportunity_opened", ref="o1", by=by))
    assert views(state, T0 + YEAR) == ([view("opportunity", "activity-1", None)] if held else [])
    assert open_threads(state, "opportunity") == 1
    tell(state, activity("opportunity_closed", 2, T0 + DAY, ref="o1"))
    assert views(state, T0 + DAY) == []
    assert open_threads(state, "opportunity") == 0


def test_an_opportunity_of_its_owner_goes_on_holding_when_a_system_repeats_that_it_is_open() -> None:
    told = [
        activity("opportunity_opened", 1, T0, ref="o1", by="rep"),
        activity("opportunity_opened", 2, T0 + 2 * DAY, ref="o1", by="system"),
        activity("opportunity_opened", 3, T0 + DAY, ref="o1", by="rep"),
    ]
    for order in itertools.permutations(told):
        assert views(a_lead(*order), T0 + YEAR) == [view("opportunity", "activity-3", None)]
    closed = a_lead(*told, activity("opportunity_closed", 4, T0 + DAY + 1, ref="o1"))
    assert (views(closed, T0 + YEAR), open_threads(closed, "opportunity")) == ([], 1)


@pytest.mark.parametrize(
    ("told", "kind", "origin"),
    [
        (activity("unsubscribe"), "unsubscribe", "activity-1"),
        ((a_reply(), a_reading("unsubscribe", is_automatic=True)), "unsubscribe", "reply-1"),  # one-click by mail
        (activity("complaint"), "complaint", "activity-1"),
    ],
    ids=["click", "one-click mail", "complaint"],
)
def test_unsubscribe_and_complaint_end_all_marketing_until_new_consent(told: Told, kind: str, origin: str) -> None:
    before = a_profile(1, occurred_at=T0 - 1, consent=a_consent(given_at=T0 - 1))
    same = a_profile(2, occurred_at=T0, consent=a_consent(given_at=T0))
    later = a_profile(3, occurred_at=T0 + 1, consent=a_consent(given_at=T0 + 1))
    held = (ActiveHold(view(kind, origin, None), rank=2, stops=True, transactional_allowed=True),)
    assert active_holds(a_lead(before, told, same), T0 + 10 * YEAR, CONTEXT) == held
    assert active_holds(a_lead(told, later), T0 + 2, CONTEXT) == ()
    assert active_holds(a_lead(later, told), T0 + 2, CONTEXT) == ()


@pytest.mark.parametrize("given_at", [None, T0 - DAY, T0])
def test_a_copy_of_old_consent_does_not_undo_an_unsubscribe(given_at: int | None) -> None:
    nightly = a_profile(occurred_at=T0 + DAY, consent=a_consent(given_at=given_at))
    assert kinds(a_lead(activity("unsubscribe"), nightly), T0 + DAY) == ["unsubscribe"]


def test_consent_dated_after_its_record_counts_from_the_record() -> None:
    predated = a_profile(occurred_at=T0 - 1, consent=a_consent(given_at=T0 + DAY))
    assert kinds(a_lead(predated, activity("unsubscribe")), T0 + DAY) == ["unsubscribe"]


def test_prose_that_unsubscribes_or_complains_is_also_a_reply() -> None:
    assert kinds(a_lead((a_reply(), a_reading("unsubscribe"))), T0) == ["unsubscribe", "human_reply"]
    both = a_reading("unclassified", also_classes=(a_reading("complaint").reply_class,))
    assert kinds(a_lead((a_reply(), both)), T0) == ["complaint", "human_reply"]


def test_another_basis_than_consent_does_not_lift_an_unsubscribe() -> None:
    basis = a_profile(occurred_at=T0 + DAY, consent=a_consent(basis="legitimate_interest"))
    assert kinds(a_lead(activity("unsubscribe"), basis), T0 + DAY) == ["unsubscribe"]


def test_a_hard_bounce_stops_until_the_mailbox_is_verified() -> None:
    mail = (a_reply(event_id="activity-1"), a_reading("bounce", bounce_kind="hard"))
    for told in (activity("bounce_hard"), mail):
        state = a_lead(told)
        assert active_holds(state, T0 + YEAR, CONTEXT) == (
            ActiveHold(view("hard_bounce", "activity-1", None), rank=4, stops=True, transactional_allowed=False),
        )
        tell(state, activity("email_verified", 2, T0))
        assert kinds(state, T0) == ["hard_bounce"]
        tell(state, activity("email_verified", 3, T0 + 1))
        assert kinds(state, T0 + 1) == []


def test_three_soft_bounces_within_seven_days_hold_seven_days_from_the_third() -> None:
    days = [0, 3, 7]
    told: list[Told] = [activity("bounce_soft", n, T0 + day * DAY) for n, day in enumerate(days)]
    told[2] = (a_reply(2, occurred_at=T0 + 7 * DAY), a_reading("bounce", bounce_kind="soft"))
    assert views(a_lead(*told[:2]), T0 + 7 * DAY) == []
    assert views(a_lead(*told), T0 + 7 * DAY) == [view("soft_bounce", "reply-2", T0 + 14 * DAY)]
    assert views(a_lead(*told), T0 + 14 * DAY) == []
    late = activity("bounce_soft", 2, T0 + 7 * DAY + 1)
    assert views(a_lead(*told[:2], late), T0 + 7 * DAY + 1) == []
    assert views(a_lead(*told, activity("email_verified", 9, T0 + 8 * DAY)), T0 + 8 * DAY) == []


def test_an_older_run_of_soft_bounces_counts_when_newer_ones_are_no_run() -> None:
    days = [0, 1, 6, 9]
    state = a_lead(*(activity("bounce_soft", n, T0 + day * DAY) for n, day in enumerate(days)))
    assert views(state, T0 + 9 * DAY) == [view("soft_bounce", "activity-2", T0 + 13 * DAY)]


def test_consent_that_is_withdrawn_or_lapsed_holds_until_there_is_a_basis() -> None:
    withdrawn = a_lead(a_profile(consent=a_consent(basis="none")))
    assert active_holds(withdrawn, T0, CONTEXT) == (
        ActiveHold(view("consent", f"leads.profiles@{T0}", None), rank=2, stops=False, transactional_allowed=True),
    )
    lapsing = a_lead(a_profile(consent=a_consent(expires_at=T0 + DAY)))
    assert kinds(lapsing, T0 + DAY - 1) == []
    assert next_hold_change(lapsing, T0, CONTEXT) == T0 + DAY
    assert kinds(lapsing, T0 + DAY) == ["consent"]
    tell(lapsing, a_profile(2, occurred_at=T0 + 2 * DAY, consent=a_consent(basis="contract")))
    assert kinds(lapsing, T0 + 2 * DAY) == []
    assert kinds(a_lead(), T0) == []  # none recorded is a gap in the data, not a hold


def test_five_marketing_touches_in_fourteen_days_without_reaction_hold_thirty_days() -> None:
    days = [0, 3, 6, 9, 14]
    sent = [activity("sent", n, T0 + day * DAY) for n, day in enumerate(days)]
    last = T0 + 14 * DAY
    assert views(a_lead(*sent[:4]), last) == []
    assert views(a_lead(*sent), last) == [view("fatigue", f"signals.activity@{last}", last + 30 * DAY)]
    assert views(a_lead(*sent), last + 30 * DAY) == []
    assert views(a_lead(*sent[:4], activity("sent", 4, last + 1)), last + 1) == []
    state = a_lead(*sent)
    state.signals.reaction_at = T0
    assert views(state, last) == []


def test_what_a_rep_sends_and_what_is_transactional_tires_nobody() -> None:
    sent = [activity("sent", n, T0 + n * DAY, by="rep", transactional=n > 5) for n in range(12)]
    assert views(a_lead(*sent), T0 + 12 * DAY) == []


@pytest.mark.parametrize("until", [None, T0 + 3 * DAY])
def test_a_manual_hold_lasts_as_set(until: int | None) -> None:
    state = a_lead(a_review(action="place_hold", case_id=None, hold_until=until))
    assert active_holds(state, T0, CONTEXT) == (
        ActiveHold(view("manual", "review-1", until), rank=3, stops=False, transactional_allowed=False),
    )
    assert kinds(state, T0 + YEAR) == ([] if until else ["manual"])
    assert kinds(state, T0 + 3 * DAY) == ([] if until else ["manual"])


@pytest.mark.parametrize(
    ("told", "kind", "transactional"),
    [
        (activity("erasure_requested"), "erasure", False),
        (activity("objection"), "objection", True),
    ],
)
def test_legal_and_privacy_stop_everything_until_a_person_lifts_them_by_name(
    told: Told, kind: str, transactional: bool
) -> None:
    state = a_lead(told)
    tell(state, a_review(1, action="lift_hold", occurred_at=T0 + 1))
    held = ActiveHold(view(kind, "activity-1", None), rank=1, stops=True, transactional_allowed=transactional)
    assert active_holds(state, T0 + YEAR, CONTEXT) == (held,)
    tell(state, a_review(2, action="lift_hold", hold_kind=kind, occurred_at=T0 + 2))
    assert active_holds(state, T0 + 2, CONTEXT) == ()


def test_a_reply_may_threaten_and_object_besides_what_it_says() -> None:
    angry = a_reading("complaint", legal_threat=True, objection=True)
    assert kinds(a_lead((a_reply(), angry)), T0) == ["legal_threat", "objection", "complaint", "human_reply"]


# --- precedence, lifts and boundaries


def test_holds_stand_in_the_order_of_the_domains_precedence() -> None:
    precedence = [
        {"erasure", "legal_threat", "objection"}, {"unsubscribe", "complaint", "consent"}, {"manual"},
        {"left_company", "hard_bounce"}, {"support"}, {"human_reply", "opportunity"}, {"meeting", "colleague_replied"},
        {"ooo", "soft_bounce"}, {"not_now", "not_interested"}, {"defer"}, {"fatigue"},
    ]  # fmt: skip
    assert [{row.kind for row in HOLDS if row.rank == rank} for rank in range(1, 12)] == precedence
    assert [row.rank for row in HOLDS] == sorted(row.rank for row in HOLDS)
    assert len({row.rule for row in HOLDS}) == len(HOLDS)


def test_the_strongest_comes_first_and_of_equals_the_longest() -> None:
    state = a_lead(
        an_ooto(),
        (a_reply(), a_reading("not_now", until=TODAY + 60)),
        (a_reply(2), a_reading("not_interested")),
        activity("unsubscribe"),
        a_review(action="place_hold", case_id=None),
    )
    assert kinds(state, T0) == ["unsubscribe", "manual", "human_reply", "ooo", "not_interested", "not_now"]


def test_of_several_holds_of_a_kind_the_longest_is_seen_with_its_origin() -> None:
    state = a_lead(an_ooto(1, return_on=TODAY + 21), an_ooto(2, return_on=TODAY + 3, occurred_at=T0 + HOUR))
    assert views(state, T0 + HOUR) == [view("ooo", "ooto-1", local("2026-06-30 09:00"))]
    tell(state, a_review(action="lift_hold", occurred_at=T0 + MINUTE))  # after the first, before the second
    assert views(state, T0 + HOUR) == [view("ooo", "ooto-2", local("2026-06-12 09:00"))]


ONE_OF_EACH: dict[str, Told] = {
    "erasure": activity("erasure_requested"),
    "legal_threat": (a_reply(), a_reading("auto_ack", is_automatic=False, legal_threat=True)),
    "objection": activity("objection"),
    "unsubscribe": activity("unsubscribe"),
    "complaint": activity("complaint"),
    "consent": a_profile(consent=a_consent(basis="none")),
    "manual": a_review(action="place_hold", case_id=None),
    "left_company": an_ooto(kind="left_company"),
    "hard_bounce": activity("bounce_hard"),
    "ticket": activity("ticket_opened", severity=1),
    "csat": activity("csat", value=1.0),
    "human_reply": (a_reply(), a_reading("interested")),
    "opportunity": activity("opportunity_opened"),
    "meeting": activity("meeting_booked", ends_at=T0 + DAY),
    "colleague_replied": an_account_context(),
    "ooo_dated": an_ooto(),
    "ooo_undated": an_ooto(return_on=None),
    "not_now_dated": (a_reply(), a_reading("not_now", is_automatic=True, until=TODAY + 30)),
    "not_now_undated": (a_reply(), a_reading("not_now", is_automatic=True)),
    "not_interested": (a_reply(), a_reading("not_interested", is_automatic=True)),
}


def test_every_rule_is_tried_here_or_has_a_test_of_its_own() -> None:
    assert {row.rule for row in HOLDS} - set(ONE_OF_EACH) == {"soft_bounce", "fatigue", "defer"}


@pytest.mark.parametrize("row", [row for row in HOLDS if row.rule in ONE_OF_EACH], ids=lambda row: row.rule)
def test_a_person_lifts_what_people_may_lift_and_nothing_else(row: object) -> None:
    rule = next(known for known in HOLDS if known == row)
    by_name = a_review(action="lift_hold", hold_kind=rule.kind, occurred_at=T0 + 1)
    state = a_lead(ONE_OF_EACH[rule.rule], by_name)
    assert (rule.kind in kinds(state, T0 + 1)) == (Lift.PERSON not in rule.lifted_by)
    everything = a_lead(ONE_OF_EACH[rule.rule], a_review(action="lift_hold", occurred_at=T0 + 1))
    assert (rule.kind in kinds(everything, T0 + 1)) == (Lift.PERSON not in rule.lifted_by or rule.by_name)


def test_a_lift_of_something_unknown_changes_nothing() -> None:
    state = a_lead(*ONE_OF_EACH.values())
    before = views(state, T0 + 1)
    tell(state, a_review(action="lift_hold", hold_kind="whatever", occurred_at=T0 + 1))
    tell(state, a_review(2, action="approve", occurred_at=T0 + 1))
    assert views(state, T0 + 1) == before
    assert state.ledger.lifted == {}


def test_no_automatic_signal_lifts_a_manual_hold() -> None:
    state = a_lead(a_review(action="place_hold", case_id=None, hold_until=T0 + 30 * DAY))
    for told in ONE_OF_EACH.values():
        if told is not ONE_OF_EACH["manual"]:
            tell(state, told)
    tell(state, a_profile(2, occurred_at=T0 + DAY))
    assert view("manual", "review-1", T0 + 30 * DAY) in views(state, T0 + DAY)


def test_only_what_people_may_lift_can_be_lifted_by_name() -> None:
    assert {
        "erasure", "legal_threat", "objection", "manual", "left_company", "human_reply", "ooo", "not_interested",
    } == BY_PERSON  # fmt: skip


def test_the_next_change_is_the_first_end_in_sight() -> None:
    assert next_hold_change(a_lead(), T0, CONTEXT) == NEVER
    assert next_hold_change(a_lead(activity("unsubscribe")), T0, CONTEXT) == NEVER
    both = a_lead(an_ooto(return_on=None), activity("csat", value=1.0), activity("unsubscribe"))
    assert next_hold_change(both, T0, CONTEXT) == T0 + 3 * DAY
    assert next_hold_change(both, T0 + 3 * DAY, CONTEXT) == T0 + 7 * DAY
    assert next_hold_change(both, T0 + 7 * DAY, CONTEXT) == NEVER


@pytest.mark.parametrize(
    ("zone", "until"),
    [
        ("Pacific/Kiritimati", 14.0),
        ("America/St_Johns", -2.5),
        ("Europe/Berlin", 2.0),
        ("America/New_York", -4.0),
    ],
)
def test_the_morning_is_the_leads_own(zone: str, until: float) -> None:
    [hold] = views(a_lead(an_ooto(return_on=TODAY + 7), zone=zone, country=""), T0)
    assert hold.until == (TODAY + 8) * DAY + int((9 - until) * HOUR)


def test_a_holiday_and_the_summer_time_count_in_the_leads_country() -> None:
    mail = an_ooto(return_on=TODAY + 25)  # Friday 3 July: in the USA a holiday, as the 4th is a Saturday
    [american] = views(a_lead(an_ooto(return_on=TODAY + 24), zone="America/New_York", country="US"), T0)
    [german] = views(a_lead(an_ooto(return_on=TODAY + 24)), T0)
    assert american.until == local("2026-07-06 09:00", "America/New_York")
    assert german.until == local("2026-07-03 09:00")
    [monday] = views(a_lead(mail), T0)
    assert monday.until == local("2026-07-06 09:00")
    autumn = an_ooto(return_on=TODAY + 137, occurred_at=T0 + 130 * DAY)  # Friday 23 October, clocks change on Sunday
    [winter] = views(a_lead(autumn), T0 + 130 * DAY)
    assert winter.until == local("2026-10-26 09:00") == (TODAY + 140) * DAY + 8 * HOUR


def test_a_zone_that_is_learned_later_counts_too() -> None:
    state = a_lead(an_ooto(return_on=TODAY + 7), zone="", country="")
    assert views(state, T0)[0].until == (TODAY + 8) * DAY + 9 * HOUR
    state.known.time_zone = "America/New_York"
    assert views(state, T0)[0].until == (TODAY + 8) * DAY + 13 * HOUR


def test_without_a_zone_the_owners_counts_and_an_unknown_one_is_no_zone() -> None:
    context = a_context(roster=(a_rep("ana", time_zone="Asia/Tokyo"),))
    state = a_lead(an_ooto(return_on=TODAY + 7), zone="Mars/Olympus", country="")
    state.routing.owner = "ana"
    assert views(state, T0, context)[0].until == (TODAY + 8) * DAY


def test_what_ended_long_ago_is_forgotten_and_a_lead_stays_small() -> None:
    state = a_lead()
    for n in range(1_000):
        at = T0 + n * 5 * DAY
        for told in (
            an_ooto(n, occurred_at=at, return_on=TODAY + n * 5 + 9),
            activity("ticket_opened", n, at, ref=f"t{n}", severity=1),
            activity("ticket_closed", n, at + HOUR, ref=f"t{n}"),
            activity("meeting_booked", n, at, ref=f"m{n}", ends_at=at + DAY),
            activity("bounce_soft", n, at),
            (a_reply(n, occurred_at=at), a_reading("not_now", until=TODAY + n * 5 + 20)),
        ):
            tell(state, told, now=at)
    assert len(state.ledger.entries) <= 32
    now = T0 + 10_000 * DAY
    tell(state, activity("csat", value=1.0, at=now), now=now)
    assert [entry.rule for entry in state.ledger.entries] == ["csat", "human_reply"]


def test_beyond_the_bound_of_steps_a_lead_is_held_longer_not_shorter() -> None:
    away = [an_ooto(n, occurred_at=T0 + n * HOUR, return_on=TODAY + 40 - n) for n in range(20)]
    state = a_lead(*away)
    assert len(state.ledger.entries) == 8
    assert views(state, T0 + DAY)[0].until == views(a_lead(away[0]), T0)[0].until
    tell(state, a_review(action="lift_hold", occurred_at=T0 + 19 * HOUR))
    assert views(state, T0 + DAY) == []


def test_of_two_holds_that_are_equal_in_all_but_their_origin_the_order_does_not_choose() -> None:
    first, second = an_ooto(1), an_ooto(2)
    assert a_lead(first, second).ledger == a_lead(second, first).ledger
    assert views(a_lead(first, second), T0)[0].origin == "ooto-2"


def test_what_a_person_lifted_never_comes_back_however_late_it_arrives() -> None:
    away = [an_ooto(n, occurred_at=T0 + n * HOUR, return_on=TODAY + 40 - n) for n in range(1, 9)]
    state = a_lead(*away, a_review(action="lift_hold", occurred_at=T0))
    before = views(state, T0 + DAY)
    tell(state, an_ooto(9, occurred_at=T0 - HOUR, return_on=TODAY + 80))
    assert views(state, T0 + DAY) == before


def test_a_score_is_none_of_the_ledgers_business() -> None:
    state = a_lead(a_score(), activity("opened"), activity("nps", value=1.0))
    assert state.ledger == a_lead().ledger
