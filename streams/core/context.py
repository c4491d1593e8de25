"""What a decision may look at besides the lead: policy, roster, approvals, switches, calendars.

Built from the control topics between batches, then read-only. The same context, live and in replay, gives the same
decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from streams.core.events import Days, Id, Millis
from streams.core.roles import RULES_ALONE, Models

if TYPE_CHECKING:
    from streams.core.calendars import Calendars
    from streams.core.policy import CompiledPolicy


class Stamp(NamedTuple):
    """The signature of a control record: who does it, why and when."""

    actor: str
    reason: str
    at: int


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


class ModelVersion(ControlRecord, frozen=True, kw_only=True, gc=False):
    """A model version (key = its version), or who has which role (key "active": document empty, the rest filled).

    A role names a version. One that follows moves to each new version of its line by itself, which is how a label gets
    into decisions; promoting and rolling back is for people, and for the lab where a rollback condition is met.
    """

    version: Id
    sha256: str = ""
    document: str = ""  # JSON, see streams/core/model.py
    line: str = ""  # the learner that it is a snapshot of
    second_actor: str | None = None  # who approved it too
    champion: str = "rules"  # scores and decides
    challenger: str | None = None  # scores and decides for a share of the leads, by hash
    challenger_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    shadow: str | None = None  # scores only
    follows: tuple[Literal["champion", "challenger", "shadow"], ...] = ()  # roles that follow their line
    former: tuple[str, ...] = ()  # champions before, newest first: where a rollback goes
    frozen: bool = False  # nothing is learned or moved by itself until a person has acknowledged
    since: Mapping[str, Millis] = {}  # when each role's line got its role


class Alarm(ControlRecord, frozen=True, kw_only=True, gc=False):
    """What governance found. While a `distrust` alarm is on, N20 sends leads that matter to a person."""

    name: Id  # drift:score, fairness:age_band=under 25:selection ...
    on: bool
    value: float = 0.0
    threshold: float = 0.0
    detail: str = ""  # in words, with the numbers
    distrust: bool = False
    acknowledged_by: str | None = None


class Guard(ControlRecord, frozen=True, kw_only=True, gc=False):
    """How full a queue is, and by how many `points` the guarded thresholds of the policy are raised for it."""

    queue: Id
    open_cases: Annotated[int, Meta(ge=0)] = 0
    capacity: Annotated[int, Meta(ge=0)] = 0  # open_per_rep times the reps who are there
    points: Annotated[float, Meta(ge=0, le=100)] = 0.0


class Context(msgspec.Struct, frozen=True, gc=False):
    """Everything a decision reads besides the lead's state and the event."""

    policy: CompiledPolicy
    calendars: Calendars
    roster: tuple[RosterEntry, ...] = ()
    approvals: Mapping[tuple[str, str], tuple[Approval, ...]] = {}  # by (content_hash, segment_hash or "")
    switches: Mapping[str, bool] = {}
    models: Models = RULES_ALONE
    alarms: tuple[Alarm, ...] = ()  # those that are on and shake trust in the score
    guards: Mapping[str, Guard] = {}  # by queue, only those that raise something
    offsets: Mapping[str, int] = {}  # control topic -> next offset, for the journal
    reps: Mapping[str, RosterEntry] = {}  # the roster by rep_id; filled in from `roster`

    def __post_init__(self) -> None:
        if not self.reps:
            msgspec.structs.force_setattr(self, "reps", {rep.rep_id: rep for rep in self.roster})


class ControlChange(ControlRecord, frozen=True, kw_only=True, gc=False):
    """One record that was written to a control topic, kept when the topic itself has been compacted."""

    topic: str
    key: str
    offset: int  # of the record on its own topic
    second_actor: str | None = None
    value: bytes | None = None  # as written; None: deleted, or left out because the topic keeps it (`sha256`)
    sha256: str = ""  # of the value
    summary: str = ""  # for people: what changed


RECORD: dict[str, type[ControlRecord]] = {
    "Policy": Policy,
    "RosterEntry": RosterEntry,
    "Approval": Approval,
    "Switch": Switch,
    "ModelVersion": ModelVersion,
    "Alarm": Alarm,
    "Guard": Guard,
    "ControlChange": ControlChange,
}
