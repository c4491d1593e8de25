"""Records of several topics are decided by time, each topic in its own order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.lane.merge import earliest, even, in_order
from streams.lane.privates import Record

TIMES = st.lists(st.integers(0, 20), max_size=12)
TOPICS = st.dictionaries(st.sampled_from(["a", "b", "c"]), TIMES, min_size=1)


def records(topic: str, times: list[int]) -> list[Record]:
    return [Record(topic, 0, offset, at, None, None, ()) for offset, at in enumerate(times)]


def test_records_are_merged_by_time_then_topic_then_offset() -> None:
    merged = in_order({"b": records("b", [1, 5, 5]), "a": records("a", [5, 9])})
    assert [(r.topic, r.offset) for r in merged] == [("b", 0), ("a", 0), ("b", 1), ("b", 2), ("a", 1)]


def test_a_topic_whose_clock_goes_back_keeps_its_order() -> None:
    merged = in_order({"a": records("a", [9, 1]), "b": records("b", [3])})
    assert [(r.topic, r.offset) for r in merged] == [("b", 0), ("a", 0), ("a", 1)]


@given(TOPICS)
def test_merging_loses_nothing_and_keeps_each_topics_order(topics: dict[str, list[int]]) -> None:
    merged = in_order({topic: records(topic, times) for topic, times in topics.items()})
    for topic, times in topics.items():
        assert [r.offset for r in merged if r.topic == topic] == list(range(len(times)))
    assert len(merged) == sum(map(len, topics.values()))


@given(TOPICS, st.integers(1, 15))
def test_batch_after_batch_gives_the_same_order_as_one_batch(topics: dict[str, list[int]], limit: int) -> None:
    waiting = {topic: records(topic, sorted(times)) for topic, times in topics.items()}
    whole, pieces = in_order(waiting), list[Record]()
    while counts := earliest(waiting, limit):
        assert sum(counts.values()) <= limit
        pieces += in_order({topic: waiting[topic][:count] for topic, count in counts.items()})
        waiting = {topic: found[counts.get(topic, 0) :] for topic, found in waiting.items()}
    assert pieces == whole
    assert not any(waiting.values())


def test_nothing_later_than_what_is_here_of_a_topic_that_has_more_is_taken() -> None:
    waiting = {"a": records("a", [1, 4, 6]), "b": records("b", [2, 3, 4, 5, 9]), "c": records("c", [8])}
    counts = {"a": 3, "b": 5, "c": 1}
    assert even(waiting, counts, {"a"}) == {"a": 3, "b": 4}
    assert even(waiting, counts, {"a", "b"}) == {"a": 3, "b": 4}
    assert even(waiting, counts, {"c"}) == {"a": 3, "b": 4, "c": 1}
    assert even(waiting, counts, set()) == counts
    assert even(waiting, counts, {"nothing here"}) == counts
