"""A lead's holds over a few events, and local times to compare them with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from streams.core.caps import fold_touch
from streams.core.context import Context
from streams.core.effects import HoldView
from streams.core.events import Event, LeadProfile
from streams.core.holds import active_holds, fold_holds
from streams.core.moment import Moment
from streams.core.reading.verdict import Reading, ReplyClass
from streams.core.state import LeadState, Stated, recorded
from tests.builders import a_context
from tests.factories import LEAD, T0

CONTEXT = a_context()
Told = Event | tuple[Event, Reading]  # a reply comes with what the reply reader made of it


def local(text: str, zone: str = "Europe/Berlin") -> int:
    """ms UTC of a wall clock time like "2026-06-16 09:00"."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


def a_reading(reply_class: str, **fields: Any) -> Reading:
    automatic = reply_class in {"ooo", "auto_ack", "bounce"}
    known = {"confidence": 0.9, "evidence": (), "is_automatic": automatic}
    return Reading(reply_class=ReplyClass(reply_class), **{**known, **fields})


def a_moment(now: int = T0) -> Moment:
    return Moment("signals.activity", 0, 7, 7, now, LEAD)


def a_lead(
    *told: Told, now: int = T0, zone: str = "Europe/Berlin", country: str = "DE", context: Context = CONTEXT
) -> LeadState:
    """A lead of whom the ledger and the touches were told; consent as in the profile that was stated last."""
    state = LeadState()
    state.known.time_zone = zone
    state.known.country = Stated(country, "crm", T0) if country else None
    for event in told:
        tell(state, event, now, context)
    return state


def tell(state: LeadState, told: Told, now: int = T0, context: Context = CONTEXT) -> None:
    event, reading = told if isinstance(told, tuple) else (told, None)
    if isinstance(event, LeadProfile) and event.consent:
        known = state.known.consent
        if known is None or event.occurred_at >= known.at:
            state.known.consent = recorded(event.consent, event.occurred_at)
    fold_touch(state, event, context)
    fold_holds(state, a_moment(now), event, reading, context)


def kinds(state: LeadState, now: int, context: Context = CONTEXT) -> list[str]:
    return [hold.view.kind for hold in active_holds(state, now, context)]


def views(state: LeadState, now: int, context: Context = CONTEXT) -> list[HoldView]:
    return [hold.view for hold in active_holds(state, now, context)]


def view(kind: str, origin: str, until: int | None) -> HoldView:
    return HoldView(f"{kind}-{origin}", kind, until, origin)


def folded(told: Iterable[Told], now: int = T0, context: Context = CONTEXT) -> LeadState:
    return a_lead(*told, now=now, context=context)
