"""Frequency caps, gaps and quiet hours: when the next touch may go out.

Law of this module: windows roll in event time over all senders. A window holds what happened after `t - window`, so a
touch leaves it exactly one window after it happened. Transactional sends are neither counted nor held back. The touches
kept depend on which happened, not on the order in which they arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from streams.core.calendars import DAY, HOUR, zone_of
from streams.core.events import ActivitySignal, Event, OutreachRequest

if TYPE_CHECKING:
    from streams.core.context import Context
    from streams.core.policy import Cap
    from streams.core.state import LeadState

TOUCHES = 40
NEVER_AGAIN = 253_402_214_400_000  # 9999-12-31: a cap of 0 lets nothing out


class Touch(msgspec.Struct, array_like=True, gc=False):
    """One touch of any sender. `mark` tells two touches of the same millisecond apart."""

    at: int
    channel: str
    marketing: bool
    mark: int = 0


class Promise(msgspec.Struct, array_like=True, gc=False):
    """A touch that was allowed and has not happened yet: it counts until it happens or lapses."""

    request_id: str
    at: int
    channel: str
    lapses_at: int


class Deferral(NamedTuple):
    """Not now: the rule that holds it back longest, until when all rules together do, and in words."""

    rule: str
    until: int
    reason: str


def fold_touch(state: LeadState, event: Event, context: Context) -> None:
    """Remember a touch: what was sent to the lead, and meetings that a rep held. Touches stay in order of time."""
    if not isinstance(event, ActivitySignal) or not _touches(event):
        return
    marketing = event.kind == "sent" and event.by != "rep"
    channel = "meeting" if event.kind == "meeting_held" else event.channel
    touch = Touch(event.occurred_at, channel, marketing, crc32(f"{event.source}\0{event.event_id}".encode()))
    if event.request_id is not None and state.promises:
        state.promises = [promise for promise in state.promises if promise.request_id != event.request_id]
    if touch in state.touches:
        return
    touches = sorted([*state.touches, touch], key=_order)[-TOUCHES:]
    oldest = touches[-1].at - _horizon(context)
    state.touches = [known for known in touches if known.at >= oldest]


def promise_touch(state: LeadState, request: OutreachRequest, now: int, until: int | None) -> None:
    """Count an allowed request as a touch from now on: two requests at once must not both pass a cap of one."""
    if request.purpose == "transactional":
        return
    live = [promise for promise in state.promises if promise.lapses_at > now]
    state.promises = [*live, Promise(request.event_id, now, request.channel, until or now)][-TOUCHES:]


def defer_until(state: LeadState, request: OutreachRequest, now: int, context: Context) -> Deferral | None:
    """None when the request may go out at `now`, else the earliest time at which caps, gap and quiet hours all let it.

    A time beyond the request's expiry (CapRow.expiry_ms) is not searched any further: it is too late anyway.
    """
    if request.purpose == "transactional":
        return None
    zone, touches = zone_of(state, context), _touches_at(state, now)
    blocks = _blocks(touches, request, now, zone, context)
    if not blocks:
        return None
    longest = max(blocks, key=_until)
    until, reasons = longest.until, [block.reason for block in blocks]
    too_late = request.occurred_at + context.policy.caps.expiry_ms
    while until <= too_late and (blocks := _blocks(touches, request, until, zone, context)):
        block = max(blocks, key=_until)
        until = block.until
        reasons.append(f"then {block.reason}")
    return Deferral(longest.rule, until, ", ".join(reasons))


def _touches_at(state: LeadState, now: int) -> list[Touch]:
    """What happened and what was promised, in order of time."""
    promised = [Touch(one.at, one.channel, True) for one in state.promises if one.lapses_at > now]
    return sorted([*state.touches, *promised], key=_order) if promised else state.touches


def _blocks(touches: Sequence[Touch], request: OutreachRequest, at: int, zone: str, context: Context) -> list[Deferral]:
    """Each rule that keeps the request from going out at `at`, and when that rule alone would let it."""
    row = context.policy.caps
    found = [block for cap in row.caps if (block := _over(cap, touches, request, at))]
    on_channel = [touch.at for touch in touches if touch.channel == request.channel]
    if row.gap_ms and on_channel and on_channel[-1] > at - row.gap_ms:
        reason = f"less than {_span(row.gap_ms)} since the last touch by {request.channel}"
        found.append(Deferral("channel_gap", on_channel[-1] + row.gap_ms, reason))
    quiet = context.calendars.quiet_end(at, zone, row.quiet_from_hour, row.quiet_to_hour)
    if quiet is not None:
        reason = f"quiet hours {row.quiet_from_hour:02}:00-{row.quiet_to_hour:02}:00 {zone}"
        found.append(Deferral("quiet_hours", quiet, reason))
    return found


def _over(cap: Cap, touches: Sequence[Touch], request: OutreachRequest, at: int) -> Deferral | None:
    if cap.channel is not None and cap.channel != request.channel:
        return None
    left, found, floor = NEVER_AGAIN, 0, at - cap.window_ms
    for touch in reversed(touches):
        if touch.at <= floor:
            break
        if (cap.channel is None or touch.channel == cap.channel) and (touch.marketing or not cap.marketing_only):
            found += 1
            if found == cap.most:
                left = touch.at + cap.window_ms  # when this one leaves the window, there is room for one more
    if found < cap.most:
        return None
    return Deferral(cap.id, left, f"{cap.id}: {found} of {cap.most} in {_span(cap.window_ms)}")


def _touches(event: ActivitySignal) -> bool:
    if event.kind == "sent":
        return not event.transactional
    return event.kind == "meeting_held" and event.by == "rep"


def _horizon(context: Context) -> int:
    """How far back a touch can matter: the longest window, or a fatigue hold and the run of touches before it."""
    row, holds = context.policy.caps, context.policy.holds
    fatigue = (holds.fatigue_window_days + holds.fatigue_days) * DAY
    return max(fatigue, row.gap_ms, *(cap.window_ms for cap in row.caps))


def _order(touch: Touch) -> tuple[int, str, int, bool]:
    return touch.at, touch.channel, touch.mark, touch.marketing


def _until(block: Deferral) -> int:
    return block.until


def _span(ms: int) -> str:
    days, hours = ms / DAY, ms / HOUR
    return f"{days:g} d" if days >= 1 else f"{hours:g} h"
