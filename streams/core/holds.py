"""The hold ledger of a lead: what an event adds to it or takes from it, and what holds at a time.

Law of this module: a late, repeated or reordered event gives the same ledger (streams/core/ledger.py says how). An
automatic signal never shortens or lifts what a person set, because entries of a rule only ever add up and only a
person's lift takes them away. Which holds are in force depends on ledger, profile, touches and `now` alone.

Forgetting is safe: an entry goes KEEP after it ended, and `now` never runs back, so it can hold nothing any more; it
hides no other entry, because whatever it outlasted ended before it. KEEP is far above what a zone, a calendar or a
policy learned later can move an end by, and how long a close waits for its opening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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

__all__ = ["HOLDS", "HoldEntry", "HoldRule", "Ledger", "active_holds", "fold_holds", "next_hold_change"]

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
    longest: dict[str, _Span] = {}
    for span in _spans(state, now, context):
        known = longest.get(span.rule.kind)
        if known is None or span[:3] > known[:3]:
            longest[span.rule.kind] = span
    if not longest:
        return ()
    ordered = sorted(longest.values(), key=lambda span: (span.rule.rank, -span.until, ORDER[span.rule.rule]))
    return tuple(_seen(span) for span in ordered)


def next_hold_change(state: LeadState, now: int, context: Context) -> int:
    """When the answer of active_holds next changes without an event, ms UTC; 0 for never."""
    changes = [span.view.until for span in active_holds(state, now, context) if span.view.until]
    consent = state.known.consent
    if consent is not None and consent.expires_at is not None and consent.basis != "none" and consent.expires_at > now:
        changes.append(consent.expires_at)
    return min(changes, default=0)


def _seen(span: _Span) -> ActiveHold:
    rule = span.rule
    until = None if span.until == FOREVER else span.until
    view = HoldView(f"{rule.kind}-{span.origin}", rule.kind, until, span.origin)
    return ActiveHold(view, rule.rank, rule.stops, rule.transactional_allowed)


def _spans(state: LeadState, now: int, context: Context) -> list[_Span]:
    row = context.policy.holds
    found = [*_consent(state, now)]
    if state.ledger.entries:
        place = _place(state, context)
        for entry in state.ledger.entries:
            rule = RULE[entry.rule]
            if rule.ends is not None and (until := rule.ends(entry, place)) > now:
                found.append(_Span(until, entry.at, entry.origin, rule))
        found += _soft_bounces(state.ledger, row, now)
    if len(state.touches) >= row.fatigue_touches:
        found += _fatigue(state, row, now)
    return found


def _consent(state: LeadState, now: int) -> list[_Span]:
    consent, at = state.known.consent, state.known.consent_at
    if consent is None:
        return []
    if consent.basis == "none" or (consent.expires_at is not None and consent.expires_at <= now):
        return [_Span(FOREVER, at, f"leads.profiles@{at}", RULE["consent"])]
    return []


def _soft_bounces(ledger: Ledger, row: HoldRow, now: int) -> list[_Span]:
    marks = [entry for entry in ledger.entries if entry.rule == "soft_bounce"]
    last = _last_run([mark.at for mark in marks], row.soft_bounces, row.soft_bounce_window_days * DAY)
    if last is None or marks[last].at + row.soft_bounce_days * DAY <= now:
        return []
    mark = marks[last]
    return [_Span(mark.at + row.soft_bounce_days * DAY, mark.at, mark.origin, RULE["soft_bounce"])]


def _fatigue(state: LeadState, row: HoldRow, now: int) -> list[_Span]:
    # A reaction, early or late, starts the count again: which order they arrived in is not asked.
    times = [touch.at for touch in state.touches if touch.marketing and touch.at > state.signals.reaction_at]
    last = _last_run(times, row.fatigue_touches, row.fatigue_window_days * DAY)
    if last is None or times[last] + row.fatigue_days * DAY <= now:
        return []
    at = times[last]
    return [_Span(at + row.fatigue_days * DAY, at, f"signals.activity@{at}", RULE["fatigue"])]


def _last_run(times: list[int], n: int, window: int) -> int | None:
    """The last index that ends a run of `n` times within `window`; times in order."""
    return next((i for i in range(len(times) - 1, n - 2, -1) if times[i] - times[i - n + 1] <= window), None)


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
    ended = rule.ends(entry, place) if rule.ends else entry.at
    return max(ended, entry.closed_at) > horizon
