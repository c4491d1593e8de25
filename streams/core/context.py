"""What a decision may look at besides the lead: policy, roster, approvals, switches, calendars.

Built from the control topics between batches, then read-only. The same context, live and in replay, gives the same
decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from streams.core.events import Days, Id, Millis

if TYPE_CHECKING:
    from streams.core.calendars import Calendars
    from streams.core.policy import CompiledPolicy


class ControlRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Every control record says who did it, why and when."""

    actor: Id
    reason: str
    at: Millis


class Policy(ControlRecord, frozen=True, kw_only=True, gc=False):
    """A policy version (key = its version), or the pointer to the active one (key "active", document empty)."""

    version: Id
    sha256: str
    document: str = ""  # YAML, as published


class Absence(msgspec.Struct, frozen=True, gc=False):
    """Away from the first day to the last, both included."""

    first_on: Days
    last_on: Days


class RosterEntry(ControlRecord, frozen=True, kw_only=True, gc=False):
    """One rep."""

    rep_id: Id
    name: str
    queues: tuple[str, ...]
    weight: Annotated[float, Meta(ge=0, le=1000)] = 1.0  # capacity; 0 takes no new leads
    time_zone: str = "UTC"
    country: str | None = None
    away: tuple[Absence, ...] = ()
    active: bool = True


class Approval(ControlRecord, frozen=True, kw_only=True, gc=False):
    """Audited approval of one content for one segment under one policy. Any edit changes a hash and so voids it."""

    approval_id: Id
    status: Literal["approved", "denied", "revoked"]
    content_hash: Id
    segment_hash: str | None = None  # None: only requests without a segment
    conditions: tuple[str, ...] = ()  # N11, N13, N14 ...; empty: none
    audience_size: Annotated[int, Meta(ge=0)] = 1  # as approved: more than the policy's growth share voids it
    channel: str | None = None  # None: every channel
    policy_version: str | None = None  # None: any
    expires_at: Millis | None = None
    second_actor: str | None = None  # where the policy wants two


class Switch(ControlRecord, frozen=True, kw_only=True, gc=False):
    """A kill switch. `automation` off: every verdict is review or defer, no cadence is resumed."""

    name: Id
    on: bool


class Context(msgspec.Struct, frozen=True, gc=False):
    """Everything a decision reads besides the lead's state and the event."""

    policy: CompiledPolicy
    calendars: Calendars
    roster: tuple[RosterEntry, ...] = ()
    approvals: Mapping[tuple[str, str], tuple[Approval, ...]] = {}  # by (content_hash, segment_hash or "")
    switches: Mapping[str, bool] = {}
    model_version: str = "rules"
    offsets: Mapping[str, int] = {}  # control topic -> next offset, for the journal
    reps: Mapping[str, RosterEntry] = {}  # the roster by rep_id; filled in from `roster`

    def __post_init__(self) -> None:
        if not self.reps:
            msgspec.structs.force_setattr(self, "reps", {rep.rep_id: rep for rep in self.roster})


RECORD: dict[str, type[ControlRecord]] = {
    "Policy": Policy,
    "RosterEntry": RosterEntry,
    "Approval": Approval,
    "Switch": Switch,
}
