"""The shipped policy with a small roster: the context of tests that decide whole events."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from streams.calendars import calendars_for
from streams.core.context import Context, RosterEntry
from streams.core.policy import CompiledPolicy
from streams.policy import load_policy
from tests.factories import T0

POLICY_FILE = Path(__file__).parents[1] / "deploy" / "policy" / "default.yaml"
QUEUES = ("vip", "sales", "success", "exceptions", "compliance", "legal", "audit", "nurture", "overflow")


@cache
def shipped_policy() -> CompiledPolicy:
    return load_policy(POLICY_FILE.read_text(), POLICY_FILE.name)


def a_rep(rep_id: str, *queues: str, **fields: object) -> RosterEntry:
    said = {"actor": "ops", "reason": "test", "at": T0}
    return RosterEntry(rep_id=rep_id, name=rep_id.title(), queues=queues or QUEUES, **{**said, **fields})  # type: ignore[arg-type]


@cache
def shipped_context() -> Context:
    """Two reps who do everything."""
    policy = shipped_policy()
    roster = (a_rep("ana"), a_rep("ben"))
    return Context(policy=policy, calendars=calendars_for(policy.calendar), roster=roster)
