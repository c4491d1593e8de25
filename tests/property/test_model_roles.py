"""Whatever people and the lab do with roles, in any order: what always holds of who decides."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.context import ModelVersion, Stamp
from streams.core.policy import LearningRow
from streams.core.roles import RULES
from streams.kafka.changes import ACTIVE, Edit
from streams.lab import moves
from streams.lab.registry import ROLES, Move, Registry, registry_from, snapshot, superseded
from tests.factories import T0
from tests.models import a_version

ROW = LearningRow(shadow_ms=0)
LINES = ("online", "next", "steady")
VERSIONS = {line: [a_version(f"{line}-{n:06}", T0 + n) for n in range(40)] for line in LINES}

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["snapshot", "all the way"]), st.sampled_from(LINES)),
        st.tuples(st.sampled_from(["shadow", "challenge", "promote", "promote pinned"]), st.sampled_from(LINES)),
        st.tuples(st.sampled_from(["pin", "follow", "withdraw"]), st.sampled_from(ROLES)),
        st.tuples(st.sampled_from(["rollback", "freeze", "acknowledge"]), st.just("")),
        st.tuples(st.just("rollback to"), st.sampled_from([RULES, *(each.version for each in VERSIONS["online"][:5])])),
    ),
    max_size=60,
)


def step(registry: Registry, what: str, name: Any, at: int, next_of: dict[str, int]) -> Move:
    stamp = Stamp("ana", "because", at)
    match what:
        case "snapshot":
            next_of[name] += 1
            return snapshot(registry, VERSIONS[name][min(next_of[name], 39)])
        case "shadow":
            return moves.shadow(registry, name, stamp)
        case "challenge":
            return moves.challenge(registry, name, stamp, ROW)
        case "promote" | "promote pinned":
            return moves.promote(registry, name, stamp, "ben", ROW, pinned=what != "promote")
        case "pin":
            return moves.pin(registry, name, stamp)
        case "follow":
            return moves.follow(registry, name, stamp)
        case "withdraw":
            return moves.withdraw(registry, name, stamp)
        case "rollback":
            return moves.rollback(registry, stamp)
        case "rollback to":
            return moves.rollback(registry, stamp, name)
        case "freeze":
            return moves.freeze(registry, stamp)
    return moves.acknowledge(registry, stamp)


def check(before: Registry, after: Registry, what: str) -> None:
    roles = after.roles
    held = {role: after.holder(role) for role in ROLES}
    assert roles.version == roles.champion
    assert all(version in after.versions for version in held.values() if version not in (None, RULES))
    assert (roles.challenger is None) == (roles.challenger_share == 0)
    assert all(held[role] not in (None, RULES) for role in roles.follows)
    assert list(roles.follows) == [role for role in ROLES if role in roles.follows]
    lines = [after.line(version) for version in held.values() if version not in (None, RULES)]
    assert len(lines) == len(set(lines))  # a line has one role
    assert len(roles.former) == len(set(roles.former))
    assert roles.champion not in roles.former
    assert all(version == RULES or version in after.versions for version in roles.former)
    assert set(roles.since) == {role for role in ROLES if role in roles.since and held[role] is not None}
    assert all(role in roles.since for role, version in held.items() if version not in (None, RULES))
    assert superseded(after) == ()
    if before.roles.frozen and what not in ("rollback", "rollback to", "pin", "withdraw"):
        assert {role: before.holder(role) for role in ROLES} == held
        assert roles.frozen or what == "acknowledge"
    if what in ("rollback", "rollback to") and roles != before.roles:
        assert roles.frozen
        assert "champion" not in roles.follows
        assert roles.challenger is None


@settings(max_examples=300)
@given(steps)
def test_whatever_is_done_the_roles_make_sense(done: list[tuple[str, Any]]) -> None:
    way = ("snapshot", "shadow", "withdraw", "challenge", "promote")
    done = [
        (each, "challenger" if each == "withdraw" else name)
        for what, name in done
        for each in (way if what == "all the way" else (what,))
    ]
    records: dict[str, ModelVersion] = {}
    next_of = dict.fromkeys(LINES, -1)
    for number, (what, name) in enumerate(done):
        before = registry_from(records)
        move = step(before, what, name, T0 + number, next_of)
        if isinstance(move, Edit):
            records = {key: each for key, each in {**records, **move.records}.items() if key not in move.deleted}
            if ACTIVE in records:
                check(before, registry_from(records), what)
