"""Lanes are shared out evenly, with the fewest moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.lane.assignment import LaneAssignor, lane_count, share_out

LANES = st.sampled_from((1, 3, 12, 64, 256))
MEMBERS = st.sets(st.sampled_from([f"w{n}" for n in range(9)]), min_size=1)


def settled(count: int, members: set[str]) -> dict[str, list[int]]:
    nothing: dict[str, list[int]] = {member: [] for member in members}
    return share_out(count, nothing, nothing)


@given(LANES, MEMBERS)
def test_every_lane_has_one_owner_and_loads_differ_by_at_most_one(count: int, members: set[str]) -> None:
    shares = settled(count, members)
    assert sorted(lane for lanes in shares.values() for lane in lanes) == list(range(count))
    sizes = [len(lanes) for lanes in shares.values()]
    assert max(sizes) - min(sizes) <= 1


@given(LANES, st.lists(MEMBERS, min_size=2, max_size=5))
def test_no_lane_moves_between_live_members_unless_balance_wants_it(count: int, rounds: list[set[str]]) -> None:
    before = settled(count, rounds[0])
    for members in rounds[1:]:
        own = {member: before.get(member, []) for member in members}
        after = share_out(count, own, own)
        moved = sum(len(set(own[member]) - set(after[member])) for member in members)
        share, extra = divmod(count, len(members))
        held = sorted((len(lanes) for lanes in own.values()), reverse=True)
        assert moved == sum(max(0, size - share - (place < extra)) for place, size in enumerate(held))
        before = after


def test_a_free_lane_goes_to_whoever_has_its_state() -> None:
    nothing: dict[str, list[int]] = {"a": [], "b": []}
    assert share_out(4, nothing, {"a": [2, 3], "b": [0, 1]}) == {"a": [2, 3], "b": [0, 1]}


def test_a_member_that_was_away_loses_to_the_present_owner() -> None:
    present, returning = LaneAssignor(), LaneAssignor()
    cluster = Cluster({"in": 2})
    metadata = {"present": present.metadata(["in"])}
    for _ in range(2):
        plan = present.assign(cluster, metadata)
        present.on_assignment(plan["present"])
        metadata = {"present": present.metadata(["in"])}
    stale = LaneAssignor()
    stale.on_assignment(LaneAssignor().assign(cluster, {"returning": returning.metadata(["in"])})["returning"])
    plan = present.assign(cluster, {"returning": stale.metadata(["in"]), "present": present.metadata(["in"])})
    # Both claim lanes 0 and 1. The present owner keeps its share of the last round; an old claim counts as a warm copy.
    assert sorted(plan) == ["present", "returning"]
    assert plan["present"].assignment == [("in", [0])]
    assert plan["returning"].assignment == [("in", [1])]


def test_different_partition_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="same partition count"):
        lane_count({"signals.scores": 12, "signals.intent": 6})


class Cluster:
    """What the assignor asks of aiokafka's cluster metadata."""

    def __init__(self, partitions: dict[str, int]) -> None:
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._partitions[topic]))
