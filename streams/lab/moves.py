"""What people do with roles: shadow, challenge, promote, roll back, pin, freeze.

Law of this module: as in registry.py, a move is a value, from what stands to what shall stand; so is a refusal, which
names every gate, passed or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from streams.core.context import ModelVersion, Stamp
from streams.core.policy import LearningRow
from streams.core.roles import RULES
from streams.lab.gates import LAB, Gate, approval_gate, challenge_gates, metrics_of, promotion_gates
from streams.lab.registry import FROZEN, KEPT_FORMER, ROLES, Move, Refused, Registry, Role, moved, role_of


def shadow(registry: Registry, name: str, stamp: Stamp) -> Move:
    """Let a line score every lead without deciding."""
    found = registry.named(name)
    if registry.roles.frozen:
        return Refused(FROZEN)
    if found is None:
        return _unknown(registry, name)
    role = role_of(registry, found)
    if role in ("champion", "challenger"):
        return Refused(f"{found.line} is the {role} and scores every lead anyway", already=True)
    if registry.roles.shadow == found.version:
        return Refused(f"{found.version} is the shadow already", already=True)
    since = dict(registry.roles.since)
    if role is None:  # another snapshot of the line that is there goes on with its time
        since["shadow"] = stamp.at
    follows = _with(registry.roles, "shadow")
    return moved(registry, replace(registry.roles, shadow=found.version, follows=follows, since=since), stamp)


def challenge(registry: Registry, name: str, stamp: Stamp, row: LearningRow) -> Move:
    """Give the shadow a share of the leads, if it has passed the gates."""
    roles, found = registry.roles, registry.named(name)
    if roles.frozen:
        return Refused(FROZEN)
    if found is None:
        return _unknown(registry, name)
    if roles.challenger is not None:
        return Refused(f"{roles.challenger} is the challenger already: `leadlane model withdraw challenger` first")
    if roles.shadow is not None and registry.line(roles.shadow) == found.line:
        found = registry.versions[roles.shadow]  # that is the one which will decide
    gates = challenge_rows(registry, found, stamp.at, row)
    if not all(gate.passed for gate in gates):
        return Refused(f"{found.line} has not passed every gate before it may challenge", gates)
    since = {key: at for key, at in roles.since.items() if key != "shadow"} | {"challenger": stamp.at}
    follows = _renamed(roles, "shadow", "challenger")
    new = replace(
        roles, challenger=roles.shadow, challenger_share=row.challenger_share, shadow=None, follows=follows, since=since
    )
    return moved(registry, new, stamp)


def promote(
    registry: Registry, name: str, stamp: Stamp, second_actor: str | None, row: LearningRow, *, pinned: bool = False
) -> Move:
    """Make the challenger the champion, if it has passed the gates. A line's name stands for its version in force."""
    roles, found = registry.roles, registry.named(name)
    if roles.frozen:
        return Refused(FROZEN)
    if found is None:
        return _unknown(registry, name)
    if name == found.line and roles.challenger is not None and registry.line(roles.challenger) == name:
        found = registry.versions[roles.challenger]
    if role_of(registry, found) == "champion":
        return Refused(
            f"{found.line} is the champion already: `leadlane model pin champion` keeps it where it is", already=True
        )
    gates = (*promotion_rows(registry, found, row), approval_gate((stamp.actor, second_actor), row))
    if not all(gate.passed for gate in gates):
        return Refused(f"{found.version} has not passed every gate", gates)
    since = {key: at for key, at in roles.since.items() if key != "challenger"} | {"champion": stamp.at}
    former = (roles.champion, *(each for each in roles.former if each not in (roles.champion, found.version)))
    new = replace(
        roles, champion=found.version, challenger=None, challenger_share=0.0, former=former[:KEPT_FORMER], since=since,
        follows=_without(_without(roles.follows, "challenger"), "champion") + (() if pinned else ("champion",)),
    )  # fmt: skip
    return moved(registry, new, stamp, second_actor)


def rollback(registry: Registry, stamp: Stamp, to: str | None = None) -> Move:
    """Go back to the former champion at once, pinned; nothing is learned or moved until somebody acknowledges.

    No challenger decides any more. The line that fails goes on as the shadow if there is none, so that its figures do.
    `to` names another version that decided before, or an earlier one of the champion's line: no way around the gates.
    """
    roles = registry.roles
    if roles.champion == RULES and roles.challenger is None and to is None:
        return Refused("the rules decide alone already", already=True)
    known = {RULES, *registry.versions}
    kept = [version for version in dict.fromkeys((*roles.former, RULES)) if version in known]
    back = to or (RULES if roles.champion == RULES else kept[0])
    if back == roles.champion and roles.challenger is None:
        return Refused(
            f"{back} is the champion already; `leadlane model pin champion` keeps it where it is", already=True
        )
    if back not in (*kept, roles.champion) and not _is_earlier(registry, back):
        return Refused(
            f"expected a champion of before ({', '.join(kept)}) or an earlier version of the champion's line, got"
            f" {back!r}: others come through shadow and challenger"
        )
    watched = roles.shadow if registry.line(roles.shadow) != registry.line(back) else None
    failed = roles.challenger if roles.champion in (RULES, back) else roles.champion
    looks_on = watched or (failed if registry.line(failed) != registry.line(back) else None)
    since = {"champion": stamp.at}
    if looks_on is not None:
        since["shadow"] = roles.since.get("shadow", stamp.at) if watched else stamp.at
    follows: tuple[Role, ...] = ("shadow",) if looks_on and (watched is None or "shadow" in roles.follows) else ()
    new = replace(
        roles, champion=back, challenger=None, challenger_share=0.0, shadow=looks_on, follows=follows, since=since,
        former=roles.former[roles.former.index(back) + 1 :] if back in roles.former else roles.former, frozen=True,
    )  # fmt: skip
    return moved(registry, new, stamp)


def withdraw(registry: Registry, role: Role, stamp: Stamp) -> Move:
    """Take the challenger or the shadow out."""
    if role == "champion":
        return Refused("the champion is not withdrawn but rolled back: `leadlane model rollback`")
    if registry.holder(role) is None:
        return Refused(f"there is no {role}", already=True)
    roles = registry.roles
    since = {key: at for key, at in roles.since.items() if key != role}
    follows = _without(roles.follows, role)
    if role == "shadow":
        return moved(registry, replace(roles, shadow=None, follows=follows, since=since), stamp)
    new = replace(roles, challenger=None, challenger_share=0.0, follows=follows, since=since)
    return moved(registry, new, stamp)


def pin(registry: Registry, role: Role, stamp: Stamp) -> Move:
    """Keep a role on the snapshot that has it."""
    if role not in registry.roles.follows:
        return Refused(f"{role} {registry.holder(role) or '(none)'} does not follow", already=True)
    return moved(registry, replace(registry.roles, follows=_without(registry.roles.follows, role)), stamp)


def follow(registry: Registry, role: Role, stamp: Stamp) -> Move:
    """Let a role follow its line from now on, beginning with the newest snapshot."""
    version, line = registry.holder(role), registry.line(registry.holder(role))
    if registry.roles.frozen:
        return Refused(FROZEN)
    if version is None or line is None:
        return Refused(f"{role} is {version or 'nobody'}: expected a version of a line that learns")
    if role in registry.roles.follows:
        return Refused(f"{role} {version} follows already", already=True)
    newest = registry.named(line)
    assert newest is not None, "its own version is of this line"
    new = replace(registry.roles, follows=_with(registry.roles, role), **{role: newest.version})
    return moved(registry, new, stamp)


def freeze(registry: Registry, stamp: Stamp) -> Move:
    """Nothing is learned, promoted or followed until somebody acknowledges."""
    if registry.roles.frozen:
        return Refused(f"learning is frozen already, by {registry.roles.actor}: {registry.roles.reason}", already=True)
    return moved(registry, replace(registry.roles, frozen=True), stamp)


def acknowledge(registry: Registry, stamp: Stamp) -> Move:
    """Learning goes on. Only a person says so."""
    if not registry.roles.frozen:
        return Refused("learning is not frozen", already=True)
    if stamp.actor.casefold() == LAB:
        return Refused(f"expected a person who acknowledges, got {stamp.actor!r}")
    return moved(registry, replace(registry.roles, frozen=False), stamp)


def challenge_rows(registry: Registry, version: ModelVersion, now: int, row: LearningRow) -> tuple[Gate, ...]:
    """The gates before a line challenges, as they stand."""
    is_shadow = role_of(registry, version) == "shadow"
    return challenge_gates(
        registry.roles.since.get("shadow") if is_shadow else None, now, metrics_of(version.document), row
    )


def promotion_rows(registry: Registry, version: ModelVersion, row: LearningRow) -> tuple[Gate, ...]:
    """The gates before a version is promoted, as they stand, but for who approves."""
    return promotion_gates(role_of(registry, version), metrics_of(version.document), row)


def _is_earlier(registry: Registry, version: str) -> bool:
    """Whether it is of the champion's line, and no newer than the champion."""
    found, champion = registry.versions.get(version), registry.versions.get(registry.roles.champion)
    if found is None or champion is None:
        return False
    return found.line == champion.line and (found.at, found.version) <= (champion.at, champion.version)


def _unknown(registry: Registry, name: str) -> Refused:
    lines = sorted({each.line for each in registry.versions.values()})
    return Refused(f"expected a version or a line ({', '.join(lines) or 'there is none yet'}), got {name!r}")


def _with(roles: ModelVersion, role: Role) -> tuple[Role, ...]:
    return tuple(each for each in ROLES if each == role or each in roles.follows)


def _without(follows: Iterable[Role], role: Role) -> tuple[Role, ...]:
    return tuple(each for each in follows if each != role)


def _renamed(roles: ModelVersion, old: Role, new: Role) -> tuple[Role, ...]:
    followed = new if old in roles.follows else None
    return tuple(each for each in ROLES if each == followed or (each in roles.follows and each not in (old, new)))
