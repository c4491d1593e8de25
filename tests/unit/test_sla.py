"""The clock of a case: budgets on a business calendar, suspensions, thresholds that fire once."""

from __future__ import annotations

import pytest

from streams.core.policy import SlaRow
from streams.core.sla import (
    Clock,
    advance,
    is_breached,
    is_tighter,
    meet,
    restart_clock,
    resume,
    sla_state,
    spent,
    start_clock,
    suspend,
)
from tests.casework import CALENDARS
from tests.factories import DAY, HOUR, MINUTE, T0

FRIDAY_16 = T0 + 4 * DAY + 7 * HOUR  # 2026-06-12 16:00 UTC
MONDAY_9 = T0 + 7 * DAY


def a_clock(start: int = T0, budget: int = 4 * HOUR, country: str = "", **fields: object) -> Clock:
    known: dict[str, object] = {"on_timeout": "escalate", "warn_shares": (0.5, 0.8), "escalate_shares": (1.5, 2.0)}
    known |= {"working_time": True, **fields}
    return start_clock(SlaRow(id="warm", budget_ms=budget, **known), start, "UTC", country, CALENDARS)  # type: ignore[arg-type]


def test_thresholds_fire_at_their_very_millisecond_and_not_before() -> None:
    clock = a_clock()
    moments = [(2, "warned_50"), (3.2, "warned_80"), (4, "breached"), (6, "escalated_150"), (8, "escalated_200")]
    assert [sla_state(clock), clock.due_at, clock.next_at] == ["running", T0 + 4 * HOUR, T0 + 2 * HOUR]
    for hours, state in moments:
        due = T0 + round(hours * HOUR)
        assert clock.next_at == due
        before = sla_state(clock)
        assert (advance(clock, due - 1, CALENDARS), sla_state(clock)) == ((), before)
        assert len(advance(clock, due, CALENDARS)) == 1
        assert sla_state(clock) == state
        assert advance(clock, due, CALENDARS) == ()
    assert clock.next_at == 0


def test_a_late_look_passes_all_thresholds_at_once_each_once() -> None:
    clock = a_clock()
    assert advance(clock, T0 + 30 * DAY, CALENDARS) == (0.5, 0.8, 1.0, 1.5, 2.0)
    assert advance(clock, T0 + 60 * DAY, CALENDARS) == ()
    assert (sla_state(clock), clock.next_at) == ("escalated_200", 0)


def test_working_time_sleeps_over_the_weekend() -> None:
    clock = a_clock(FRIDAY_16, 4 * HOUR)
    assert clock.due_at == MONDAY_9 + 3 * HOUR
    assert clock.next_at == MONDAY_9 + HOUR


def test_wall_time_does_not() -> None:
    clock = a_clock(FRIDAY_16, 4 * HOUR, working_time=False)
    assert (clock.due_at, clock.next_at) == (FRIDAY_16 + 4 * HOUR, FRIDAY_16 + 2 * HOUR)


def test_a_business_day_is_eight_hours_of_work_and_not_a_day() -> None:
    clock = a_clock(FRIDAY_16, 8 * HOUR)
    assert clock.due_at == MONDAY_9 + 7 * HOUR


def test_a_country_holiday_is_no_working_time() -> None:
    christmas_eve = 1_798_128_000_000  # Thursday 2026-12-24 16:00 UTC; the 25th is a holiday, then comes the weekend
    assert a_clock(christmas_eve, 2 * HOUR, "DE").due_at == christmas_eve + 4 * DAY - 7 * HOUR + HOUR


def test_a_suspension_moves_what_is_left() -> None:
    clock = a_clock()
    advance(clock, T0 + HOUR, CALENDARS)
    suspend(clock, T0 + HOUR, None, CALENDARS)
    assert [sla_state(clock), clock.next_at, spent(clock, T0 + 3 * HOUR, CALENDARS)] == ["suspended", 0, HOUR]
    assert advance(clock, T0 + 30 * DAY, CALENDARS) == ()
    resume(clock, T0 + 4 * HOUR, CALENDARS)
    assert [sla_state(clock), clock.next_at, clock.due_at] == ["running", T0 + 5 * HOUR, T0 + 7 * HOUR]
    assert clock.suspensions == [(T0 + HOUR, T0 + 4 * HOUR)]


def test_a_suspension_of_known_length_ends_then_even_when_the_look_comes_late() -> None:
    clock = a_clock()
    suspend(clock, T0 + HOUR, T0 + 2 * HOUR, CALENDARS)
    resume(clock, T0 + 6 * HOUR, CALENDARS)
    assert advance(clock, T0 + 6 * HOUR, CALENDARS) == (0.5, 0.8, 1.0)
    assert clock.suspensions == [(T0 + HOUR, T0 + 2 * HOUR)]


def test_a_suspension_that_was_lifted_early_ends_when_it_was_lifted() -> None:
    clock = a_clock()
    suspend(clock, T0 + HOUR, T0 + 5 * HOUR, CALENDARS)
    suspend(clock, T0 + 2 * HOUR, T0 + 7 * HOUR, CALENDARS)  # the lead stays away longer
    assert clock.suspended_until == T0 + 7 * HOUR
    resume(clock, T0 + 3 * HOUR, CALENDARS)
    assert (clock.suspensions, clock.due_at) == ([(T0 + HOUR, T0 + 3 * HOUR)], T0 + 6 * HOUR)


def test_suspensions_are_kept_bounded_and_what_they_took_is_not_lost() -> None:
    clock = a_clock(working_time=False, budget=100 * HOUR)
    for hour in range(20):
        suspend(clock, T0 + 2 * hour * HOUR + HOUR, None, CALENDARS)
        resume(clock, T0 + 2 * hour * HOUR + 2 * HOUR, CALENDARS)
    assert len(clock.suspensions) == 8
    assert (spent(clock, T0 + 40 * HOUR, CALENDARS), clock.due_at) == (20 * HOUR, T0 + 120 * HOUR)


def test_a_met_clock_stays_as_it_was() -> None:
    clock = a_clock()
    meet(clock, T0 + HOUR)
    suspend(clock, T0 + 2 * HOUR, None, CALENDARS)
    resume(clock, T0 + 3 * HOUR, CALENDARS)
    meet(clock, T0 + 5 * HOUR)
    assert advance(clock, T0 + 30 * DAY, CALENDARS) == ()
    assert [sla_state(clock), clock.met_at, clock.suspensions, is_breached(clock)] == ["met", T0 + HOUR, [], False]


def test_met_after_the_breach_it_stays_breached() -> None:
    clock = a_clock()
    advance(clock, T0 + 4 * HOUR, CALENDARS)
    meet(clock, T0 + 5 * HOUR)
    assert (sla_state(clock), is_breached(clock)) == ("breached", True)


def test_a_clock_that_denies_warns_and_ends_at_the_breach() -> None:
    clock = a_clock(on_timeout="deny")
    assert advance(clock, T0 + 30 * DAY, CALENDARS) == (0.5, 0.8, 1.0)
    assert (clock.denies, clock.next_at) == (True, 0)


def test_with_nothing_to_deny_it_escalates_instead() -> None:
    row = SlaRow("decision", HOUR, True, (0.5,), (1.5,), "deny")
    clock = start_clock(row, T0, "UTC", "", CALENDARS, may_deny=False)
    assert (clock.denies, clock.shares) == (False, (0.5, 1.0, 1.5))


def test_restarted_it_has_its_whole_budget_again() -> None:
    clock = a_clock()
    advance(clock, T0 + 4 * HOUR, CALENDARS)
    fresh = restart_clock(clock, T0 + 5 * HOUR, CALENDARS)
    assert fresh == a_clock(T0 + 5 * HOUR)


@pytest.mark.parametrize(
    ("budget", "suspended", "tighter"),
    [(HOUR, False, True), (4 * HOUR, False, False), (HOUR, True, True), (5 * HOUR, True, False)],
)
def test_the_tighter_of_two_is_the_one_that_ends_first(budget: int, suspended: bool, tighter: bool) -> None:
    old = a_clock()
    if suspended:
        suspend(old, T0 + HOUR, None, CALENDARS)
    assert is_tighter(a_clock(T0 + HOUR, budget), old) is tighter


def test_a_zero_budget_is_due_at_once() -> None:
    clock = a_clock(budget=0)
    assert advance(clock, T0, CALENDARS) == (0.5, 0.8, 1.0, 1.5, 2.0)


def test_due_times_are_in_the_leads_zone() -> None:
    row = SlaRow("vip", 5 * MINUTE, True, (), ())
    tokyo = start_clock(row, T0, "Asia/Tokyo", "", CALENDARS)  # 18:00 there: work begins tomorrow at 00:00 UTC
    assert tokyo.due_at == T0 + 15 * HOUR + 5 * MINUTE
