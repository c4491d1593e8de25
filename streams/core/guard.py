"""The capacity guard: when a queue of people is over capacity, less is sent to it until there is room again.

Law of this module: only what newly comes to a full queue is held back. Nothing is taken from people: a lead that they
already have, by an open case or by its tier, is judged as if there were room. Rows that do not shed, and queues that
never do, have no threshold that could move (streams/policy/guarding.py). What is held back is looked at again after a
while: it comes later, not never.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from streams.core.context import Context
    from streams.core.policy import ConditionRow, TierRow
    from streams.core.state import LeadState

MINUTE_MS = 60_000


class GuardRow(msgspec.Struct, frozen=True):
    """How thresholds move with the load of a queue: its open cases as a share of its capacity.

    From `starts_at` on they rise, evenly up to `most_points` at `full_at`; docs/reference/capacity.md.
    """

    raises: Mapping[str, float] = {}  # by named value: how much for each point
    starts_at: float = 1.0
    full_at: float = 2.0
    most_points: int = 20
    step: int = 1  # points: smaller moves are not made
    slack: float = 0.1  # the load must have fallen by so much more than what raised a point, before it is lowered
    raise_every_ms: int = 10_000
    lower_every_ms: int = 2 * MINUTE_MS  # one step each
    lasts_ms: int = 60 * MINUTE_MS  # a guard that nobody renewed for so long is off: thresholds are as written
    look_again_ms: int = 30 * MINUTE_MS  # how often a lead that was held back is looked at again
    never: tuple[str, ...] = ()  # queues that never shed


class Threshold(NamedTuple):
    """A named value of the policy in the rows of one queue."""

    name: str  # hot_score
    queue: str
    value: float  # as written
    per_point: float

    def at(self, points: float) -> float:
        """The value that is compared with when the queue is `points` over."""
        return self.value + self.per_point * points


NO_GUARD = GuardRow()


class Guarded(NamedTuple):
    """The policy's answer with raised thresholds, what only they keep from holding, and the points by queue."""

    tier: TierRow
    held: tuple[ConditionRow, ...]
    held_back: tuple[str, ...]  # tier and conditions, in the policy's order
    points: Mapping[str, float]


def hold_back(
    state: LeadState,
    facts: Mapping[str, Any],
    tier: TierRow,
    held: tuple[ConditionRow, ...],
    now: int,
    context: Context,
) -> Guarded | None:
    """What becomes of the policy's answer (`tier` and `held`) under the guards in force; None when they do not apply.

    A condition that held at the last look stays: people were told of it, and must not be told again when there is room.
    """
    points, policy = points_for(state, now, context), context.policy
    if not points:
        return None
    raised_tier, raised_held = policy.evaluate_raised(
        facts, tuple(threshold.at(points.get(threshold.queue, 0.0)) for threshold in policy.thresholds)
    )
    if tier is raised_tier and held == raised_held:
        return Guarded(tier, held, (), points)
    before = state.routing.conditions
    kept = {row.id for row in held if row.id in before and not row.pulse}
    kept.update(row.id for row in raised_held)
    held_back = [tier.id] if tier is not raised_tier else []
    held_back += [row.id for row in held if row.id not in kept]
    return Guarded(raised_tier, tuple(row for row in policy.conditions if row.id in kept), tuple(held_back), points)


def points_for(state: LeadState, now: int, context: Context) -> dict[str, float]:
    """Points by queue that apply to the lead: a queue that has it already does not count, nor a guard gone stale."""
    policy = context.policy
    theirs, oldest = policy.human_tiers.get(state.routing.computed_tier), now - policy.guard.lasts_ms
    points = {}
    for queue, guard in context.guards.items():
        if queue == theirs or queue not in policy.guarded_queues or guard.at < oldest:
            continue
        if not any(case.queue == queue for case in state.cases):
            points[queue] = guard.points
    return points


def look_again_at(state: LeadState, now: int, context: Context) -> int:
    """When a lead that was held back is looked at again, after `now`. Leads take turns: each has its own minute."""
    every = context.policy.guard.look_again_ms
    return now + every - (now - state.first_seen_at) % every
