"""A context with the domain's numbers and no conditions: for tests of what hangs on values, not on expressions."""

from __future__ import annotations

from functools import cache
from typing import Any

from streams.calendars import calendars_for
from streams.core.context import Context, RosterEntry
from streams.core.policy import (
    CalendarRow,
    Cap,
    CapRow,
    CompiledPolicy,
    GateRow,
    HoldRow,
    QueueRow,
    SamplingRow,
    ScoreRow,
    SlaRow,
    TierRow,
)
from tests.factories import DAY, HOUR, MINUTE

CALENDAR = CalendarRow(start_hour=9, end_hour=17, weekend=(5, 6), country=None, time_zone="UTC")
CAPS = CapRow(
    caps=(
        Cap("marketing_email_day", "email", True, 1, DAY),
        Cap("marketing_email_week", "email", True, 3, 7 * DAY),
        Cap("marketing_email_month", "email", True, 8, 30 * DAY),
        Cap("all_touches_week", None, False, 6, 7 * DAY),
    ),
    gap_ms=4 * HOUR,
    quiet_from_hour=20,
    quiet_to_hour=8,
    expiry_ms=7 * DAY,
)


def a_policy(**fields: Any) -> CompiledPolicy:
    """One tier that takes everybody, no conditions; every other row as the domain has it."""
    known: dict[str, Any] = {
        "version": "test", "sha256": "0" * 64, "tiers": (TierRow("T3_NURTURE", "true", "nurture", human=False),),
        "conditions": (), "holds": HoldRow(), "caps": CAPS, "calendar": CALENDAR, "values": {}, "domains": {},
        "score": ScoreRow(50.0, (), 30.0, 1.0, 0.8, 4.0), "expression": "[true]", "reads": ("vip",),
        "slas": {"warm": SlaRow("warm", 4 * HOUR, True, (0.5, 0.8), (1.5, 2.0))},
        "queues": {"nurture": QueueRow("nurture", "everybody", 25, None)},
        "sampling": SamplingRow(0.02, 0.02, 5.0, 0.6, (20.0, 50.0, 80.0)),
        "gate": GateRow(0.2, 1_000, 90, 15 * MINUTE, {}),
    }  # fmt: skip
    return CompiledPolicy(**{**known, **fields})


def a_context(
    holds: HoldRow | None = None,
    caps: CapRow | None = None,
    calendar: CalendarRow = CALENDAR,
    roster: tuple[RosterEntry, ...] = (),
) -> Context:
    """The domain's numbers, and the holidays of every country."""
    policy = _a_policy() if holds is None and caps is None else a_policy(holds=holds or HoldRow(), caps=caps or CAPS)
    return Context(policy=policy, calendars=calendars_for(calendar), roster=roster)


_a_policy = cache(a_policy)
