"""From holds in force to orders for the cadences: pause, resume, stop, and only when the effective state changes."""

from __future__ import annotations

from zlib import crc32

from streams.core.context import Context
from streams.core.effects import CommandCadence
from streams.core.moment import ActiveHold, Moment
from streams.core.state import LeadState

MINUTE_MS = 60_000
RETRY_MS = MINUTE_MS  # while automation is switched off, a resume waits and looks again
AUTOMATION = "automation"  # the kill switch


def is_switched_off(context: Context) -> bool:
    """Whether a person has switched automation off: nothing is resumed, nothing is sent without review."""
    return not context.switches.get(AUTOMATION, True)


def command_cadence(
    state: LeadState, holds: tuple[ActiveHold, ...], moment: Moment, context: Context
) -> tuple[CommandCadence, ...]:
    """The order that brings the cadences to the effective hold, none if they are there already."""
    routing = state.routing
    if not holds:
        if routing.cadence == "running" or is_switched_off(context):
            return ()
        reason, jitter = f"{routing.cadence_kind} is over", _jitter_ms(moment, context)
        routing.cadence, routing.cadence_until, routing.cadence_kind = "running", None, ""
        return (_order(moment, "resume", (), reason, until=None, not_before=moment.now + jitter),)
    stops = any(hold.stops for hold in holds)
    until = None if any(hold.view.until is None for hold in holds) else max(hold.view.until or 0 for hold in holds)
    wanted = ("stopped" if stops else "paused", until, holds[0].view.kind)
    if wanted == (routing.cadence, routing.cadence_until, routing.cadence_kind):
        return ()
    routing.cadence, routing.cadence_until, routing.cadence_kind = wanted
    return (_order(moment, "stop" if stops else "pause", holds, holds[0].view.kind, until=until, not_before=None),)


def waits_for_switch(state: LeadState, holds: tuple[ActiveHold, ...], now: int) -> int:
    """When to look again at a lead whose cadences wait for the switch; 0 if they do not."""
    return 0 if holds or state.routing.cadence == "running" else now + RETRY_MS


def _jitter_ms(moment: Moment, context: Context) -> int:
    """Spread by lead, the same each time: a backlog of pauses that end together is not released at once."""
    longest = context.policy.holds.resume_jitter_minutes
    return crc32(f"resume\0{moment.lead_id}".encode()) % (longest + 1) * MINUTE_MS


def _order(
    moment: Moment, command: str, holds: tuple[ActiveHold, ...], reason: str, until: int | None, not_before: int | None
) -> CommandCadence:
    return CommandCadence(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        command_id=f"{moment.decision_id}-{command}",
        command=command,  # type: ignore[arg-type]  # one of the three orders, see the callers
        holds=tuple(hold.view for hold in holds),
        reason=reason,
        until=until,
        not_before=not_before,
        issued_at=moment.now,
    )
