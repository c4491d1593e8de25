"""What was wrong with a send: nothing allowed it, or the lead was on hold.

Law of this module: a send that names its request is held to the answer. One that names none cannot be; it is counted as
unasked, and as a send during a hold like any other. Only the first report of a send counts: a repeated event does
not get here.
"""

from __future__ import annotations

from streams.core.context import Context
from streams.core.events import ActivitySignal
from streams.core.holds import active_holds
from streams.core.state import LeadState

UNAUTHORISED = "send:unauthorised"  # never asked for, refused, lapsed, or sent once already
UNASKED = "send:unasked"  # names no request
ON_HOLD = "send:on_hold"
FINE: tuple[str, ...] = ()
SKEW_MS = 60_000  # a sender's clock may differ from ours by this much; what it sent "before" it was allowed is fine


def send_faults(state: LeadState, event: ActivitySignal, context: Context) -> tuple[str, ...]:
    """The faults of an automated marketing send, by the state before it is folded in; none for any other event."""
    if event.kind != "sent" or event.transactional or event.by == "rep":
        return FINE
    on_hold = (ON_HOLD,) if active_holds(state, event.occurred_at, context) else FINE
    if event.request_id is None:
        return (UNASKED, *on_hold)
    for promise in state.promises:
        if promise.request_id == event.request_id and event.occurred_at <= promise.lapses_at + SKEW_MS:
            return on_hold
    return (UNAUTHORISED, *on_hold)
