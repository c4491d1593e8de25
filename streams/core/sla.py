"""The clock of a case: a budget, what of it is spent, and the suspensions that did not count.

Law of this module: a clock carries its own budget and thresholds, as they were when it started, so that a later policy
does not move it. It runs on working time or on wall time and stands still only while it is suspended. A threshold fires
once; if a look comes late, all that were passed fire together. At a threshold's very millisecond it has been reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.core.effects import SlaState
from streams.core.policy import SlaRow

if TYPE_CHECKING:
    from streams.core.calendars import Calendars

NEVER = 0
BREACH = 1.0  # the share of the budget at which a clock is breached
SUSPENSIONS = 8  # how many past suspensions are kept to be shown; what they took is in `spent_ms` anyway
LATE_WARNING = 0.65  # a warning from this share on is shown as the second one
LATE_ESCALATION = 1.75


class Clock(msgspec.Struct, array_like=True, gc=False):
    """One running deadline. `spent_ms` was used up before `since`; it runs from `since`."""

    sla: str  # SlaRow.id
    budget_ms: int
    working_time: bool
    shares: tuple[float, ...]  # of the budget, ascending: warnings, the breach, escalations
    denies: bool  # used up, the case ends with the answer deny; only a decision meets it, not a claim
    zone: str
    country: str  # empty: the calendar's own
    since: int
    spent_ms: int = 0
    passed: int = 0  # how many of `shares` have fired
    due_at: int = NEVER  # when the budget is used up, as things stand
    next_at: int = NEVER  # the next threshold; NEVER: suspended, met, or none left
    suspended_at: int = NEVER
    suspended_until: int = NEVER  # as known by now; NEVER: open end
    suspensions: list[tuple[int, int]] = []  # (from, to), newest last
    met_at: int = NEVER


def start_clock(
    row: SlaRow, now: int, zone: str, country: str, calendars: Calendars, *, may_deny: bool = True
) -> Clock:
    """A clock that runs from `now`, with the row's budget pinned. Without anything to deny it escalates instead."""
    denies = row.on_timeout == "deny" and may_deny
    shares = (*row.warn_shares, BREACH, *(() if denies else row.escalate_shares))
    clock = Clock(row.id, row.budget_ms, row.working_time, tuple(sorted(shares)), denies, zone, country, now)
    _foresee(clock, calendars)
    return clock


def restart_clock(clock: Clock, now: int, calendars: Calendars) -> Clock:
    """The same budget anew from `now`: the next person gets what the first one had."""
    fresh = Clock(
        clock.sla, clock.budget_ms, clock.working_time, clock.shares, clock.denies, clock.zone, clock.country, now
    )
    _foresee(fresh, calendars)
    return fresh


def advance(clock: Clock, now: int, calendars: Calendars) -> tuple[float, ...]:
    """The thresholds that were reached since the last look, each exactly once."""
    first = clock.passed
    while clock.next_at != NEVER and clock.next_at <= now:
        clock.passed += 1
        clock.next_at = _reached_at(clock, clock.shares[clock.passed], calendars) if _has_more(clock) else NEVER
    return clock.shares[first : clock.passed]


def suspend(clock: Clock, now: int, until: int | None, calendars: Calendars) -> None:
    """Stop the clock. A second suspension only tells anew how long it is known to last. Call `advance` first."""
    if clock.met_at != NEVER:
        return
    if clock.suspended_at == NEVER:
        clock.spent_ms = spent(clock, now, calendars)
        clock.suspended_at, clock.next_at = now, NEVER
    clock.suspended_until = until or NEVER


def resume(clock: Clock, now: int, calendars: Calendars) -> None:
    """Run on. A suspension whose end was known ends there, even when the look comes late."""
    if clock.suspended_at == NEVER or clock.met_at != NEVER:
        return
    end = min(now, clock.suspended_until) if clock.suspended_until != NEVER else now
    end = max(end, clock.suspended_at)
    clock.suspensions = [*clock.suspensions, (clock.suspended_at, end)][-SUSPENSIONS:]
    clock.since, clock.suspended_at, clock.suspended_until = end, NEVER, NEVER
    _foresee(clock, calendars)


def meet(clock: Clock, now: int) -> None:
    """What the clock waited for has happened: no further threshold fires."""
    if clock.met_at == NEVER:
        clock.met_at, clock.next_at = now, NEVER


def spent(clock: Clock, now: int, calendars: Calendars) -> int:
    """How much of the budget is used up at `now`, ms."""
    if clock.suspended_at != NEVER:
        return clock.spent_ms
    if not clock.working_time:
        return clock.spent_ms + max(0, now - clock.since)
    return clock.spent_ms + calendars.working_between(clock.since, max(now, clock.since), clock.zone, clock.country)


def is_breached(clock: Clock) -> bool:
    """Whether the budget was used up before the clock was met."""
    return clock.passed > 0 and clock.shares[clock.passed - 1] >= BREACH


def is_tighter(fresh: Clock, clock: Clock) -> bool:
    """Whether a clock that starts now ends before `clock`; one that stands still is judged by what it has left."""
    if clock.suspended_at == NEVER:
        return fresh.due_at < clock.due_at
    return fresh.budget_ms < clock.budget_ms - clock.spent_ms


def sla_state(clock: Clock) -> SlaState:
    """Where the clock stands. Once breached it stays so, even if met later."""
    share = clock.shares[clock.passed - 1] if clock.passed else 0.0
    if share > BREACH:
        return "escalated_200" if share >= LATE_ESCALATION else "escalated_150"
    if share == BREACH:
        return "breached"
    if clock.met_at != NEVER:
        return "met"
    if clock.suspended_at != NEVER:
        return "suspended"
    if share > 0:
        return "warned_80" if share >= LATE_WARNING else "warned_50"
    return "running"


def _has_more(clock: Clock) -> bool:
    return clock.passed < len(clock.shares)


def _foresee(clock: Clock, calendars: Calendars) -> None:
    clock.due_at = _reached_at(clock, BREACH, calendars)
    clock.next_at = _reached_at(clock, clock.shares[clock.passed], calendars) if _has_more(clock) else NEVER


def _reached_at(clock: Clock, share: float, calendars: Calendars) -> int:
    """When a share of the budget is used up, if nothing suspends the clock any more."""
    left = round(share * clock.budget_ms) - clock.spent_ms
    if left <= 0:
        return clock.since
    if not clock.working_time:
        return clock.since + left
    return calendars.add_working(clock.since, left, clock.zone, clock.country)
