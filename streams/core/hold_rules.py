"""Every hold rule as a row: what holds a lead, how strongly, until when, and who may lift it.

Law of this module: rank is the precedence (1 is strongest), numbers come from the policy's HoldRow, and `ends`
depends on nothing but the entry and the place (calendars, zone and country of the lead). A row whose hold is
not one entry of the ledger has no `ends`: streams/core/holds.py derives it (consent, soft bounces,
fatigue), or the gate does (defer).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from streams.core.calendars import DAY, Calendars, at_hour
from streams.core.ledger import EVERYTHING, FOREVER, HoldEntry, Ledger
from streams.core.policy import HoldRow


class Lift(Enum):
    """What takes a hold away."""

    TIMER = "timer"
    PERSON = "person"
    EVENT = "event"  # the close of the ticket, meeting or opportunity; a reaction
    CONSENT = "new consent"
    VERIFIED = "verified mailbox"


class Place(NamedTuple):
    """What an entry's end is worked out with."""

    row: HoldRow
    calendars: Calendars
    zone: str
    country: str


Ends = Callable[[HoldEntry, Place], int]  # ms UTC; FOREVER; a time long gone when the entry holds nothing


class HoldRule(NamedTuple):
    """One row: `rule` names it in the ledger, `kind` is what others see; rules of one kind are one hold."""

    rule: str
    kind: str
    rank: int
    signal: str
    lasts: str
    lifted_by: tuple[Lift, ...]
    ends: Ends | None
    stops: bool = False  # stop the cadence, not only pause it
    transactional_allowed: bool = True
    by_name: bool = False  # a lift that names no kind leaves it


def forever(_entry: HoldEntry, _place: Place) -> int:
    return FOREVER


def as_set(entry: HoldEntry, _place: Place) -> int:
    return entry.end or FOREVER


def days_after(days: Callable[[HoldRow], int]) -> Ends:
    """Ends a policy's number of days after the event."""
    return lambda entry, place: entry.at + days(place.row) * DAY


def back_at_work(entry: HoldEntry, place: Place) -> int:
    """A business day after the return date, in the morning; never under a day, never beyond the policy's longest."""
    row, calendars, zone, country = place
    day = min(entry.end, entry.at // DAY + row.ooo_longest_days)
    back = at_hour(calendars.business_days_after(day, row.ooo_margin_business_days, country), row.resume_hour, zone)
    return min(max(back, entry.at + DAY), entry.at + row.ooo_longest_days * DAY)


def morning_of_the_day(entry: HoldEntry, place: Place) -> int:
    return at_hour(entry.end, place.row.resume_hour, place.zone)


def after_colleague(entry: HoldEntry, place: Place) -> int:
    days = place.row.colleague_replied_business_days
    return place.calendars.business_days_later(entry.at, days, place.zone, place.country)


def after_meeting(entry: HoldEntry, place: Place) -> int:
    if entry.closed_at >= entry.at:
        return 0
    days = place.row.meeting_margin_business_days
    return place.calendars.business_days_later(entry.end, days, place.zone, place.country)


def after_ticket(entry: HoldEntry, place: Place) -> int:
    if entry.at > entry.closed_at:
        return FOREVER
    return entry.closed_at + place.row.support_margin_days * DAY if entry.at else 0


def while_open(entry: HoldEntry, _place: Place) -> int:
    return FOREVER if entry.end > entry.closed_at else 0  # `end`: when its owner opened it last; `at`: when anybody did


TIMER, PERSON, EVENT, CONSENT, VERIFIED = Lift

HOLDS: tuple[HoldRule, ...] = (
    HoldRule(
        "erasure", "erasure", 1, "asks to be erased", "until a person lifts it by name", (PERSON,),
        forever, stops=True, transactional_allowed=False, by_name=True,
    ),
    HoldRule(
        "legal_threat", "legal_threat", 1, "threatens legal steps", "until a person lifts it by name", (PERSON,),
        forever, stops=True, transactional_allowed=False, by_name=True,
    ),
    HoldRule(
        "objection", "objection", 1, "asks for a human, objects to profiling", "until a person lifts it by name",
        (PERSON,), forever, stops=True, by_name=True,
    ),
    HoldRule(
        "unsubscribe", "unsubscribe", 2, "unsubscribes: click, one-click or prose", "until new consent", (CONSENT,),
        forever, stops=True,
    ),
    HoldRule("complaint", "complaint", 2, "spam complaint", "until new consent", (CONSENT,), forever, stops=True),
    HoldRule("consent", "consent", 2, "consent lapsed or withdrawn", "until there is a basis again", (CONSENT,), None),
    HoldRule(
        "manual", "manual", 3, "a person places a hold", "as set", (PERSON,),
        as_set, transactional_allowed=False,
    ),
    HoldRule(
        "left_company", "left_company", 4, "left the company", "until a person lifts it", (PERSON,),
        forever, stops=True, transactional_allowed=False,
    ),
    HoldRule(
        "hard_bounce", "hard_bounce", 4, "hard bounce", "until the mailbox is verified", (VERIFIED,),
        forever, stops=True, transactional_allowed=False,
    ),
    HoldRule(
        "ticket", "support", 5, "severe support ticket", "support_margin_days after its close", (EVENT,), after_ticket
    ),
    HoldRule(
        "csat", "support", 5, "bad satisfaction score", "support_margin_days", (TIMER,),
        days_after(lambda row: row.support_margin_days),
    ),
    HoldRule("human_reply", "human_reply", 6, "a person replied", "until a person lifts it", (PERSON,), forever),
    HoldRule(
        "opportunity", "opportunity", 6, "owner opened an opportunity", "until it is closed", (EVENT,), while_open
    ),
    HoldRule(
        "meeting", "meeting", 7, "meeting booked", "meeting_margin_business_days after its end, same clock time",
        (TIMER, EVENT), after_meeting,
    ),
    HoldRule(
        "colleague_replied", "colleague_replied", 7, "another person of the account replied",
        "colleague_replied_business_days, same clock time", (TIMER,), after_colleague,
    ),
    HoldRule(
        "ooo_dated", "ooo", 8, "out of office with return date",
        "return date + ooo_margin_business_days at resume_hour of the lead, 1 to ooo_longest_days days after the mail",
        (TIMER, PERSON), back_at_work,
    ),
    HoldRule(
        "ooo_undated", "ooo", 8, "out of office without a date that can be used", "ooo_unknown_days", (TIMER, PERSON),
        days_after(lambda row: row.ooo_unknown_days),
    ),
    HoldRule(
        "soft_bounce", "soft_bounce", 8, "soft_bounces soft bounces within soft_bounce_window_days",
        "soft_bounce_days after the last of them", (TIMER, VERIFIED), None,
    ),
    HoldRule(
        "not_now_dated", "not_now", 9, "not now, with a date",
        "not_now_lead_days before the date (the date itself when that is past) at resume_hour of the lead",
        (TIMER,), morning_of_the_day,
    ),
    HoldRule(
        "not_now_undated", "not_now", 9, "not now, without a date", "not_now_unknown_days", (TIMER,),
        days_after(lambda row: row.not_now_unknown_days),
    ),
    HoldRule(
        "not_interested", "not_interested", 9, "not interested", "not_interested_days", (TIMER, PERSON),
        days_after(lambda row: row.not_interested_days),
    ),
    HoldRule(
        "defer", "defer", 10, "over a frequency cap, or quiet hours", "until both allow it; only in the gate's answers",
        (TIMER,), None,
    ),
    HoldRule(
        "fatigue", "fatigue", 11, "fatigue_touches marketing touches in fatigue_window_days since the last reaction",
        "fatigue_days after the last of them", (TIMER, EVENT), None,
    ),
)  # fmt: skip
RULE: dict[str, HoldRule] = {row.rule: row for row in HOLDS}
ORDER: dict[str, int] = {row.rule: place for place, row in enumerate(HOLDS)}
BY_PERSON = frozenset(row.kind for row in HOLDS if PERSON in row.lifted_by)


def lifted_until(ledger: Ledger, rule: HoldRule) -> int:
    """Entries of a rule that are not later than this are lifted."""
    until = -1
    if PERSON in rule.lifted_by:
        until = max(until, ledger.lifted.get(rule.kind, -1), -1 if rule.by_name else ledger.lifted.get(EVERYTHING, -1))
    if CONSENT in rule.lifted_by:
        until = max(until, ledger.consented_at - 1)  # of the same time, the hold counts
    if VERIFIED in rule.lifted_by:
        until = max(until, ledger.verified_at - 1)
    return until
