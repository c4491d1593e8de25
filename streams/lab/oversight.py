"""What the lab does about what governance found: alarms to write, and the change to undo.

Law of this module: pure. The latest change is undone, and only for what went wrong after it: an alarm that was on
before is not its fault, and going back would not mend it. While learning is frozen nothing moves by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from streams.core import context
from streams.core.context import ModelVersion, Stamp
from streams.core.policy import GovernanceRow
from streams.core.roles import RULES
from streams.kafka.changes import ACTIVE, Edit
from streams.lab.alarms import Alarm, rollback_reasons, to_publish
from streams.lab.leaks import is_allowance
from streams.lab.moves import shadow
from streams.lab.registry import Move, Refused, Registry, registry_from, role_of, snapshot
from streams.lab.standing import Standing


class Undo(NamedTuple):
    """What to go back from, and why."""

    what: Literal["model", "policy"]
    reasons: tuple[str, ...]


def undo_due(alarms: Mapping[str, Alarm], standing: Standing) -> Undo | None:
    """The latest change, if something went wrong after it that the policy goes back for."""
    row = standing.context.policy.governance
    roles, pointer = standing.models.get(ACTIVE), standing.policies.get(ACTIVE)
    if roles is not None and roles.frozen:
        return None
    found: list[tuple[int, Undo]] = []
    if roles is not None and (roles.champion != RULES or roles.challenger is not None):
        at = max(roles.since.get("champion", 0), roles.since.get("challenger", 0))
        found.append((at, Undo("model", rollback_reasons(alarms, row.model_rollback, at))))
    if pointer is not None and any(key not in (ACTIVE, pointer.version) for key in standing.policies):
        found.append((pointer.at, Undo("policy", rollback_reasons(alarms, row.policy_rollback, pointer.at))))
    due = [(at, undo) for at, undo in found if undo.reasons]
    return max(due, key=lambda each: each[0])[1] if due else None


def alarm_edit(
    alarms: Mapping[str, Alarm], records: Mapping[str, context.Alarm], row: GovernanceRow
) -> Edit[context.Alarm]:
    """Alarms that went on or off since they were written. A feature that a person let in is no alarm any more."""
    meant = {name: alarm for name, alarm in alarms.items() if not is_allowance(records.get(name))}
    return Edit(to_publish(meant, records, row))


def snapshot_edit(records: Mapping[str, ModelVersion], version: ModelVersion, is_warm: bool, stamp: Stamp) -> Move:
    """A new version and the roles that follow it. A warm line looks on by itself when nobody ever gave a role."""
    registry = registry_from(records)
    move = snapshot(registry, version)
    if isinstance(move, Refused) or not is_warm or ACTIVE in records:
        return move
    after = Registry({**registry.versions, version.version: version}, registry.roles)
    if role_of(after, version) is not None:
        return move
    first = shadow(after, version.version, stamp)
    return first if isinstance(first, Refused) else Edit({**move.records, **first.records}, move.deleted)
