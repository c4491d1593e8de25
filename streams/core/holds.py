"""The hold ledger of a lead: what an event adds to it or takes from it, and what holds at a time.

Law of this module: a late, repeated or reordered event gives the same ledger (streams/core/ledger.py says how). An
automatic signal never shortens or lifts what a person set, because entries of a rule only ever add up and only a
person's lift takes them away. Which holds are in force depends on ledger, profile, touches and `now` alone.

Forgetting is safe: an entry goes KEEP after it ended, and `now` never runs back, so it can hold nothing any more; it
hides no other entry, because whatever it outlasted ended before it. KEEP is far above what a zone, a calendar or a
policy learned later can move an end by, and how long a close waits for its opening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.core.calendars import DAY, country_of, zone_of
from streams.core.effects import HoldView
from streams.core.hold_rules import HOLDS, ORDER, RULE, HoldRule, Place, lifted_until
from streams.core.hold_signals import note
from streams.core.ledger import FOREVER, HoldEntry, Ledger
from streams.core.moment import ActiveHold, Moment

if TYPE_CHECKING:
    from streams.core.context import Context
    from streams.core.events import Event
    from streams.core.policy import HoldRow
    from streams.core.reading.verdict import Reading
    from streams.core.state import LeadState

__all__ = ["HOLDS", "HoldEntry", "HoldRule", "Ledger", "active_holds", "fold_holds", "next_hold_change", "open_threads"]

KEEP = 90 * DAY


def fold_holds(state: LeadState, moment: Moment, event: Event, reading: Reading | None, context: Context) -> None:
    """Let the ledger know of one event. `reading` is what the reply reader made of a reply."""
    if note(state.ledger, event, reading, context.policy.holds):
        _forget(state, moment.now, context)


# --- what holds


class _Span(NamedTuple):
    until: int
    at: int
    origin: str
    rule: HoldRule


def active_holds(state: LeadState, now: int, context: Context) -> tuple[ActiveHold, ...]:
    """What holds at `now`: one hold per kind, its longest; the strongest rank first, then the longest."""
    spans = _spans(state, now, context)
    if not spans:  # most leads, at most looks
        return ()
    longest: dict[str, _Span] = {}
    for span in spans:
        known = longest.get(span.rule.kind)
        if known is None or span[:3] > known[:3]:
            longest[span.rule.kind] = span
    if len(longest) < 2:
        return tuple(_seen(span) for span in longest.values())
    ordered = sorted(longest.values(), key=lambda span: (span.rule.rank, -span.until, ORDER[span.rule.rule]))
    return tuple(_seen(span) for span in ordered)


def next_hold_change(state: LeadState, now: int, context: Context, holds: tuple[ActiveHold, ...] | None = None) -> int:
    """When the answer of active_holds next changes without an event, ms UTC; 0 for never.

    `holds` is that answer, for a caller who has it already.
    """
    active = active_holds(state, now, context) if holds is None else holds
    changes = [hold.view.until for hold in active if hold.view.until]
    consent = state.known.consent
    if consent is not None and consent.expires_at is not None and consent.basis != "none" and consent.expires_at > now:
        changes.append(consent.expires_at)
    return min(changes, default=0)


def open_threads(state: LeadState, rule: Literal["ticket", "opportunity", "meeting"]) -> int:
    """How many severe tickets, opportunities (whoever opened them) or meetings are open: opened later than closed."""
    return sum(entry.rule == rule and entry.at > entry.closed_at for entry in state.ledger.entries)


def _seen(span: _Span) -> ActiveHold:
    rule = span.rule
    until = None if span.until == FOREVER else span.until
    view = HoldView(f"{rule.kind}-{span.origin}", rule.kind, until, span.origin)
    return ActiveHold(view, rule.rank, rule.stops, rule.transactional_allowed)


def _spans(state: LeadState, now: int, context: Context) -> list[_Span]:
    row = context.policy.holds
    found = _consent(state, now)
    if state.ledger.entries:
        place, bounced = _place(state, context), False
        for entry in state.ledger.entries:
            rule = RULE[entry.rule]
            if rule.ends is None:
                bounced = True
            elif (until := rule.ends(entry, place)) > now:
                found.append(_Span(until, entry.at, entry.origin, rule))
        if bounced:
            found += _soft_bounces(state.ledger, row, now)
    if len(state.touches) >= row.fatigue_touches:
        found += _fatigue(state, row, now)
    return found


def _consent(state: LeadState, now: int) -> list[_Span]:
    consent = state.known.consent
    if consent is None:
        return []
    if consent.basis == "none" or (consent.expires_at is not None and consent.expires_at <= now):
        return [_Span(FOREVER, consent.at, f"leads.profiles@{consent.at}", RULE["consent"])]
    return []


def _soft_bounces(ledger: Ledger, row: HoldRow, now: int) -> list[_Span]:
    marks = [entry for entry in reversed(ledger.entries) if entry.rule == "soft_bounce"]  # newest first
    window, lasts = row.soft_bounce_window_days * DAY, row.soft_bounce_days * DAY
    for last, first in zip(marks, marks[row.soft_bounces - 1 :], strict=False):
        if last.at - first.at <= window:
            until = last.at + lasts
            return [_Span(until, last.at, last.origin, RULE["soft_bounce"])] if until > now else []
    return []


def _fatigue(state: LeadState, row: HoldRow, now: int) -> list[_Span]:
    # A reaction, early or late, starts the count again: which of them came first is not asked.
    window, lasts, since = row.fatigue_window_days * DAY, row.fatigue_days * DAY, state.signals.reaction_at
    times: list[int] = []  # newest first
    for touch in reversed(state.touches):
        at = touch.at
        if at <= since or at + window + lasts < now:
            break
        if touch.marketing:
            times.append(at)
            if len(times) >= row.fatigue_touches and times[-row.fatigue_touches] - at <= window:
                last = times[-row.fatigue_touches]
                found = _Span(last + lasts, last, f"signals.activity@{last}", RULE["fatigue"])
                return [found] if found.until > now else []
    return []


def _place(state: LeadState, context: Context) -> Place:
    return Place(context.policy.holds, context.calendars, zone_of(state, context), country_of(state))


# --- what is forgotten


def _forget(state: LeadState, now: int, context: Context) -> None:
    """Drop what is lifted, and what ended KEEP ago."""
    place = _place(state, context)
    ledger = state.ledger
    ledger.entries = [entry for entry in ledger.entries if _counts(entry, ledger, now - KEEP, place)]


def _counts(entry: HoldEntry, ledger: Ledger, horizon: int, place: Place) -> bool:
    rule = RULE.get(entry.rule)
    if rule is None or (not entry.closed_at and 0 < entry.at <= lifted_until(ledger, rule)):
        return False
    if rule.rule == "opportunity" and entry.at > entry.closed_at:
        return True  # open, though it may hold nothing
    ended = rule.ends(entry, place) if rule.ends else entry.at
    return max(ended, entry.closed_at) > horizon
