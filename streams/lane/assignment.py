"""Which worker owns which lane: partition p of every input goes to one member; balanced within one, few moves.

Each member claims the lanes that it held in the last round (`own`) and those whose state it still has in memory
(`warm`). The leader numbers the rounds, so that a member that was away and repeats an old claim loses against the
present owner.

Law of this module: pass exactly ONE assignor instance per consumer; aiokafka joins once per assignor.

Next: streams/lane/wire.py
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class Claim(msgspec.Struct, frozen=True):
    """What a member says when it joins."""

    round: int = 0
    own: tuple[int, ...] = ()
    warm: tuple[int, ...] = ()


class LaneAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """The group's assignor for one consumer."""

    name = "lane"

    def __init__(self, warm: Callable[[], Iterable[int]] = tuple) -> None:
        self._warm = warm
        self._own: tuple[int, ...] = ()
        self._round = 0

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        claim = Claim(self._round, self._own, tuple(sorted(self._warm())))
        return ConsumerProtocolMemberMetadata(0, sorted(topics), msgspec.json.encode(claim))

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        self._round = int(assignment.user_data or b"0")
        self._own = tuple(sorted({tp.partition for tp in assignment.partitions()}))

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        topics = common_topics(members)
        count = lane_count({topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics})
        claims = {member: claim_from(meta.user_data) for member, meta in members.items()}
        last = max(claim.round for claim in claims.values())
        lanes = share_out(
            count,
            own={member: claim.own if claim.round == last else () for member, claim in claims.items()},
            warm={member: claim.own + claim.warm for member, claim in claims.items()},
        )
        return {
            member: ConsumerProtocolMemberAssignment(
                0, [(topic, sorted(lanes[member])) for topic in topics], b"%d" % (last + 1)
            )
            for member in members
        }


def common_topics(members: Mapping[str, ConsumerProtocolMemberMetadata]) -> list[str]:
    """The topics that every member subscribes to; ValueError if they differ."""
    wanted = {member: sorted(meta.subscription) for member, meta in members.items()}
    topics = next(iter(wanted.values()))
    if any(other != topics for other in wanted.values()):
        raise ValueError(f"group members subscribe to different topics: {wanted}; run one version of the workers")
    return topics


def lane_count(partitions: Mapping[str, int]) -> int:
    """How many lanes there are; ValueError unless every input has the same number of partitions."""
    counts = set(partitions.values())
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"inputs need the same partition count, got {dict(partitions)}; see `leadlane topics check`")
    return counts.pop()


def claim_from(user_data: bytes | None) -> Claim:
    return msgspec.json.decode(user_data, type=Claim) if user_data else Claim()


def share_out(
    count: int, own: Mapping[str, Collection[int]], warm: Mapping[str, Collection[int]]
) -> dict[str, list[int]]:
    """Every lane to one member: first to its owner, then to who has its state, then to the least loaded.

    `own` and `warm` have the same members. Loads differ by at most one, and no lane moves that need not.
    """
    share, extra = divmod(count, len(own))
    load: dict[str, list[int]] = {member: [] for member in sorted(own)}
    free = set(range(count))

    def take(member: str, wanted: Collection[int], limit: int) -> None:
        for lane in sorted(free.intersection(wanted)):
            if len(load[member]) < limit:
                load[member].append(lane)
                free.discard(lane)

    for wanted in (own, warm):
        for member in load:
            take(member, wanted[member], share)
        for member in load:  # `extra` members carry one lane more
            if sum(len(held) > share for held in load.values()) < extra:
                take(member, wanted[member], share + 1)
    for lane in sorted(free):
        min(load.values(), key=len).append(lane)
    return load
