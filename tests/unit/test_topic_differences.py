"""What `topics check` finds and what it lets pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.kafka.admin import Difference, Found, Wanted, differences, plan, told
from streams.topics import CASES_OPEN, INPUTS, POLICIES, PROFILES, STATE, TOPICS

WANTED = Wanted(
    "signals.scores",
    12,
    3,
    {
        "cleanup.policy": "delete",
        "retention.ms": "1000",
        "min.insync.replicas": "2",
        "max.compaction.lag.ms": "500",
    },
)
AS_WANTED = Found(12, 3, {**WANTED.config, "segment.bytes": "1"})


def found(**config: str) -> Found:
    named = {name.replace("_", "."): value for name, value in config.items()}
    return replace(AS_WANTED, config={**AS_WANTED.config, **named})


def differing(got: Found) -> list[tuple[str, str, str]]:
    return [(each.what, each.expected, each.got) for each in differences([WANTED], {WANTED.name: got})]


def test_what_is_as_declared_is_no_difference() -> None:
    assert differing(AS_WANTED) == []


@pytest.mark.parametrize(
    "more",
    [
        found(retention_ms="2000"),
        found(retention_ms="-1"),
        found(min_insync_replicas="3"),
        replace(AS_WANTED, replication=4),
    ],
    ids=["kept longer", "kept for ever", "more in sync", "more copies"],
)
def test_more_safety_than_declared_is_no_difference(more: Found) -> None:
    assert differing(more) == []


@pytest.mark.parametrize(
    ("less", "difference"),
    [
        (found(retention_ms="999"), ("retention.ms", "1000", "999")),
        (found(min_insync_replicas="1"), ("min.insync.replicas", "2", "1")),
        (found(cleanup_policy="compact,delete"), ("cleanup.policy", "delete", "compact,delete")),
        (found(max_compaction_lag_ms="9223372036854775807"), ("max.compaction.lag.ms", "500", "9223372036854775807")),
        (replace(AS_WANTED, replication=2), ("replication factor", "3", "2")),
        (replace(AS_WANTED, partitions=6), ("partitions", "12", "6")),
        (replace(AS_WANTED, partitions=24), ("partitions", "12", "24")),
    ],
)
def test_less_safety_or_another_shape_is_a_difference(less: Found, difference: tuple[str, str, str]) -> None:
    assert differing(less) == [difference]


def test_a_missing_topic_says_how_it_comes_to_be() -> None:
    assert told(differences([WANTED], {})) == [
        "signals.scores: topic: expected to exist, got none. Create it: leadlane topics apply"
    ]


def test_topics_that_differ_alike_share_a_line() -> None:
    alike = [Difference(name, "partitions", "12", "6", "Do it.") for name in ("a", "b", "c")]
    assert told([*alike, replace(alike[0], got="7")]) == [
        "a, b, c: partitions: expected 12, got 6. Do it.",
        "a: partitions: expected 12, got 7. Do it.",
    ]


def test_lead_keyed_topics_have_a_partition_per_lane_and_control_topics_have_one() -> None:
    wanted = {each.name: each for each in plan(lanes=24, replication=1)}
    assert {wanted[topic.name].partitions for topic in (*INPUTS, STATE, CASES_OPEN)} == {24}
    assert wanted[POLICIES.name].partitions == 1
    assert list(wanted) == [topic.name for topic in TOPICS]


@pytest.mark.parametrize(("copies", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_one_copy_may_be_lost_where_there_are_three(copies: int, in_sync: str) -> None:
    assert {each.config["min.insync.replicas"] for each in plan(1, copies)} == {in_sync}


def test_what_must_outlive_retention_is_compacted() -> None:
    assert STATE.config()["cleanup.policy"] == CASES_OPEN.config()["cleanup.policy"] == "compact"
    assert PROFILES.config()["cleanup.policy"] == "delete"
