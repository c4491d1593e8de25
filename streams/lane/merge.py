"""In which order the records of several topics are decided: by time, each topic in its own order.

Law of this module: the order depends on the records of the batch alone, so that a replay finds it again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import TypeVar

from streams.lane.processor import InputRecord

timestamp_of = attrgetter("timestamp")
RecordT = TypeVar("RecordT", bound=InputRecord)


def times(records: Sequence[InputRecord]) -> list[int]:
    """When each record takes its turn: its timestamp, but never before one that stands ahead of it in its topic."""
    return list(accumulate(map(timestamp_of, records), max))


def in_order(by_topic: Mapping[str, list[RecordT]]) -> list[RecordT]:
    """The records of all topics, merged by (timestamp, topic, offset)."""
    if len(by_topic) == 1:
        return next(iter(by_topic.values()))
    records: list[RecordT] = []
    turns: list[int] = []
    for topic in sorted(by_topic):
        records += by_topic[topic]
        turns += times(by_topic[topic])
    return [records[place] for place in sorted(range(len(records)), key=turns.__getitem__)]


def earliest(waiting: Mapping[str, Sequence[InputRecord]], limit: int) -> dict[str, int]:
    """How many records to take from the head of each topic, so that together the `limit` earliest are taken."""
    if sum(map(len, waiting.values())) <= limit:
        return {topic: len(records) for topic, records in waiting.items() if records}
    turns = {topic: times(waiting[topic][:limit]) for topic in sorted(waiting) if waiting[topic]}
    last = sorted(turn for each in turns.values() for turn in each)[limit - 1]
    taken = {topic: bisect_left(each, last) for topic, each in turns.items()}
    left = limit - sum(taken.values())
    for topic, each in turns.items():  # those at the very time of the last one, topic by topic
        more = min(left, sum(1 for turn in each[taken[topic] : taken[topic] + left] if turn == last))
        taken[topic] += more
        left -= more
    return {topic: count for topic, count in taken.items() if count}


def even(
    waiting: Mapping[str, Sequence[InputRecord]], counts: Mapping[str, int], behind: Collection[str]
) -> dict[str, int]:
    """`counts` without what may come too early: nothing later than the last record that is here of a topic `behind`.

    Such a topic has more on the broker, and that may be earlier than what the others have here.
    """
    ends = [times(waiting[topic])[-1] for topic in behind if waiting.get(topic)]
    if not ends:
        return dict(counts)
    horizon = min(ends)
    cut = {topic: bisect_right(times(waiting[topic][:count]), horizon) for topic, count in counts.items()}
    return {topic: count for topic, count in cut.items() if count}
