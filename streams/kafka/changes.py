"""What control.history keeps of a control record: all of it, and one line for people.

Law of this module: a record is kept whole, because a control topic forgets it when its key is written again. Left out
is only the text of a large model snapshot that has no role in the same transaction: it decided nothing, and its hash
says which it was. Whoever gives it a role later writes it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

from streams.core.context import (
    Alarm,
    Approval,
    ControlChange,
    ControlRecord,
    Guard,
    ModelVersion,
    Policy,
    RosterEntry,
    Stamp,
    Switch,
)

RecordT = TypeVar("RecordT", bound=ControlRecord)
ACTIVE = "active"  # the key of the pointers on control.policies and control.models
LARGE_BYTES = 2_000  # a smaller snapshot is kept as it is


class Edit(NamedTuple, Generic[RecordT]):
    """What to write to one control topic, in one transaction."""

    records: Mapping[str, RecordT]
    deleted: Mapping[str, Stamp] = {}


def change_of(
    topic: str, key: str, offset: int, record: ControlRecord, value: bytes, beside: Mapping[str, ControlRecord]
) -> ControlChange:
    """The entry for a record that got this offset; `beside`: all that was written in the same transaction."""
    return ControlChange(
        actor=record.actor,
        reason=record.reason,
        at=record.at,
        topic=topic,
        key=key,
        offset=offset,
        second_actor=getattr(record, "second_actor", None),
        value=None if _is_left_out(key, record, value, beside) else value,
        sha256=sha256(value).hexdigest(),
        summary=summary_of(key, record),
    )


def deletion_of(topic: str, key: str, offset: int, stamp: Stamp) -> ControlChange:
    """The entry for a tombstone."""
    return ControlChange(**stamp._asdict(), topic=topic, key=key, offset=offset, summary=f"{key} deleted")


def is_deletion(change: ControlChange) -> bool:
    """A tombstone has no value and so no hash; a value that was left out has its hash."""
    return change.value is None and not change.sha256


def summary_of(key: str, record: ControlRecord) -> str:
    """What the record says, in a line."""
    match record:
        case Policy():
            return f"policy {record.version} {'is active' if key == ACTIVE else 'published'}"
        case RosterEntry():
            away = f", away {len(record.away)}x" if record.away else ""
            queues = ", ".join(record.queues) or "no queue"
            return f"{record.rep_id}: {queues}; weight {record.weight:g}{away}" if record.active else f"{key}: inactive"
        case Approval():
            return f"{record.approval_id} {record.status}: content {record.content_hash}"
        case Switch():
            return f"{record.name} {'on' if record.on else 'off'}"
        case ModelVersion():
            return roles_in_words(record) if key == ACTIVE else f"model {record.version} of {record.line or 'no line'}"
        case Alarm():
            taken = f" (acknowledged by {record.acknowledged_by})" if record.acknowledged_by else ""
            return f"alarm {record.name} {'on' if record.on else 'over'}{taken}: {record.detail}".rstrip(": ")
        case Guard():
            return f"{record.queue}: {record.open_cases} of {record.capacity} open, +{record.points:g} points"
    raise TypeError(f"{type(record).__name__}: expected a record of a control topic")


def roles_in_words(roles: ModelVersion) -> str:
    """champion online-000123 (follows), challenger lab-000004 (10 %), frozen."""
    parts = [f"champion {roles.champion}{_follows(roles, 'champion')}"]
    if roles.challenger is not None:
        parts.append(f"challenger {roles.challenger}{_follows(roles, 'challenger')} ({roles.challenger_share:.0%})")
    if roles.shadow is not None:
        parts.append(f"shadow {roles.shadow}{_follows(roles, 'shadow')}")
    return ", ".join([*parts, "FROZEN"] if roles.frozen else parts)


def _follows(roles: ModelVersion, role: str) -> str:
    return " (follows)" if role in roles.follows else ""


def _is_left_out(key: str, record: ControlRecord, value: bytes, beside: Mapping[str, ControlRecord]) -> bool:
    if not isinstance(record, ModelVersion) or key == ACTIVE or len(value) < LARGE_BYTES:
        return False
    roles = beside.get(ACTIVE)
    return not (isinstance(roles, ModelVersion) and key in (roles.champion, roles.challenger, roles.shadow))
