"""What stands on control.models: versions and roles, and what a new snapshot of a line changes.

Law of this module: no Kafka, no clock; what shall be written is a value, and so is a refusal. A role follows its line
only where a person let it, and nothing moves by itself while learning is frozen.

Next: streams/lab/moves.py
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from msgspec.structs import replace

from streams.core.context import ModelVersion, Stamp
from streams.core.model import load_model
from streams.core.roles import RULES
from streams.kafka.changes import ACTIVE, Edit
from streams.lab.gates import LAB, Gate, ImpactRatio, Interval, ModelMetrics, metrics_of

__all__ = [
    "FROZEN", "KEPT_FORMER", "LAB", "ROLES", "Gate", "ImpactRatio", "Interval", "ModelMetrics", "Move", "Refused",
    "Registry", "Role", "metrics_of", "moved", "registry_from", "role_of", "snapshot", "superseded", "unusable",
]  # fmt: skip

Role = Literal["champion", "challenger", "shadow"]
ROLES: tuple[Role, ...] = get_args(Role)
KEPT_FORMER = 10  # champions to go back to
KEPT_SNAPSHOTS = 20  # without a role
NO_ROLES = ModelVersion(actor="nobody", reason="nothing was promoted yet", at=0, version=RULES)
FROZEN = "learning is frozen: look into it, then `leadlane model acknowledge`"


class Registry(NamedTuple):
    """What stands on control.models: every version that is kept, and who has which role."""

    versions: Mapping[str, ModelVersion]
    roles: ModelVersion

    def holder(self, role: Role) -> str | None:
        """The version that has a role; the rules where nothing is promoted."""
        version: str | None = getattr(self.roles, role)
        return version

    def line(self, version: str | None) -> str | None:
        """The line of a version that is kept."""
        found = self.versions.get(version or "")
        return None if found is None else found.line

    def named(self, name: str) -> ModelVersion | None:
        """The version of this name, or the newest one of the line of this name."""
        return self.versions.get(name) or max(
            (each for each in self.versions.values() if each.line == name), key=_age, default=None
        )


class Refused(NamedTuple):
    """Why a move is not made; `gates` are those that it would have to pass, passed or not."""

    why: str
    gates: tuple[Gate, ...] = ()
    already: bool = False  # what was asked for is so


Move = Edit[ModelVersion] | Refused


def registry_from(records: Mapping[str, ModelVersion]) -> Registry:
    """control.models as read: records by key."""
    return Registry({key: record for key, record in records.items() if key != ACTIVE}, records.get(ACTIVE, NO_ROLES))


def role_of(registry: Registry, version: ModelVersion) -> Role | None:
    """What the line of a version has; the highest role if it has several."""
    return next((role for role in ROLES if registry.line(registry.holder(role)) == version.line), None)


def snapshot(registry: Registry, version: ModelVersion) -> Move:
    """A new version of a line: roles that follow the line move to it, and old snapshots without a role go."""
    there = registry.versions.get(version.version)
    if there is not None and there.sha256 != version.sha256:
        return Refused(f"{version.version} stands for another document: a version never changes")
    roles, stamp = registry.roles, Stamp(version.actor, version.reason, version.at)
    moving = [
        role for role in ROLES
        if role in roles.follows and not roles.frozen and registry.line(registry.holder(role)) == version.line
    ]  # fmt: skip
    after = Registry({**registry.versions, version.version: version}, roles)
    records = {version.version: version}
    if moving:
        after = after._replace(roles=_signed(replace(roles, **dict.fromkeys(moving, version.version)), stamp))
        records[ACTIVE] = after.roles
    return Edit(records, dict.fromkeys(superseded(after), Stamp(version.actor, "superseded", version.at)))


def superseded(registry: Registry, keep: int = KEPT_SNAPSHOTS) -> tuple[str, ...]:
    """Versions that nobody needs here: no role, no way back, and not of the newest of their line.

    The history keeps those that decided.
    """
    needed = {registry.holder(role) for role in ROLES} | set(registry.roles.former)
    idle: dict[str, list[ModelVersion]] = {}
    for version in sorted(registry.versions.values(), key=_age, reverse=True):
        if version.version not in needed:
            idle.setdefault(version.line, []).append(version)
    return tuple(each.version for line in sorted(idle) for each in idle[line][keep:])


def unusable(registry: Registry) -> tuple[str, ...]:
    """Roles whose version workers cannot use, and why: they fall back."""
    found = []
    for role in ROLES:
        version = registry.holder(role)
        if version not in (None, RULES):
            kept = registry.versions.get(version or "")
            why = "it is not among the published versions" if kept is None else _fault(kept)
            if why:
                found.append(f"{role} {version}: {why}; workers fall back. Give the role to another version.")
    return tuple(found)


def _fault(version: ModelVersion) -> str | None:
    try:
        load_model(version.document)
    except ValueError as error:
        return str(error)
    return None


def moved(registry: Registry, roles: ModelVersion, stamp: Stamp, second_actor: str | None = None) -> Edit[ModelVersion]:
    """Write the roles; versions that had none are written again with them, so that the history has them whole."""
    before = {registry.holder(role) for role in ROLES}
    new = {version for role in ROLES if (version := getattr(roles, role)) and version not in before}
    records = {version: registry.versions[version] for version in sorted(new) if version in registry.versions}
    return Edit({**records, ACTIVE: _signed(roles, stamp, second_actor)})


def _signed(roles: ModelVersion, stamp: Stamp, second_actor: str | None = None) -> ModelVersion:
    return replace(roles, version=roles.champion, second_actor=second_actor, **stamp._asdict())


def _age(version: ModelVersion) -> tuple[int, str]:
    return version.at, version.version
