"""What the pipeline makes of records that are wrong: a dead letter each, and everything else goes on."""

from __future__ import annotations

from typing import Any, cast

import pytest

from streams import topics
from streams.core.events import Event
from streams.lane.deadletters import DeadLetter
from streams.lane.processor import InputRecord, due_at
from tests.factories import DAY, HOUR, LEAD, T0, a_profile, a_reply, a_score, an_intent
from tests.lanes import Arrived, TestLane, arrive, lane_of
from tests.shipped import shipped_context


def a_lane(**options: Any) -> TestLane:
    return TestLane(shipped_context(), lane_of(LEAD), **options)


def record_of(event: Event, offset: int = 0, **fields: Any) -> Arrived:
    (record,) = arrive([event], offset)
    return cast(Arrived, record)._replace(**fields)


def letters(lane: TestLane) -> list[DeadLetter]:
    return cast(list[DeadLetter], lane.read(topics.DEAD_LETTERS.name))


BAD: dict[str, tuple[InputRecord, str]] = {
    "unknown schema id": (
        record_of(a_score(2), value=b"\0\x00\x98\x96\x80x"),
        "signals.scores[{lane}]@0: schema id is 10000000, which nobody knows",
    ),
    "truncated": (record_of(a_score(2), value=record_of(a_score(2)).value[:-3]), "signals.scores[{lane}]@0: "),  # type: ignore[index]
    "out of range": (
        record_of(a_score(2, value=171.0)),
        "signals.scores[{lane}]@0: value is 171.0, expected 0..100. Sent to dead.letters; fix the sender,",
    ),
    "not a number": (
        record_of(a_score(2, value=float("nan"))),
        "signals.scores[{lane}]@0: value is nan, expected 0..100",
    ),
    "unknown kind": (
        record_of(a_score(2, kind="shoe size")),
        "signals.scores[{lane}]@0: kind is 'shoe size', expected",
    ),
    "from the future": (record_of(a_score(2, occurred_at=T0 + 3 * DAY)), "signals.scores[{lane}]@0: occurred_at is "),
    "ancient": (record_of(a_score(2, occurred_at=1)), "signals.scores[{lane}]@0: occurred_at is "),
    "no key": (record_of(a_score(2), key=None), "signals.scores[{lane}]@0: key is null"),
    "key that is not UTF-8": (record_of(a_score(2), key=b"\xff\xfe"), "signals.scores[{lane}]@0: key is b'\\xff\\xfe'"),
    "key of another lead": (record_of(a_score(2), key=b"lead-2"), "signals.scores[{lane}]@0: key is 'lead-2'"),
    "tombstone": (record_of(a_score(2), value=None), "signals.scores[{lane}]@0: value is null (a tombstone)"),
    "10 MB of text": (record_of(a_reply(2, text="x" * 10_000_000)), "signals.replies[{lane}]@0: value is "),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_kept_as_it_came_and_the_lane_goes_on(name: str) -> None:
    bad, text = BAD[name]
    lane = a_lane()
    before = record_of(a_profile(), 5)
    after = record_of(an_intent(), 6)
    lane.run([before, bad, after])
    (letter,) = letters(lane)
    assert (letter.topic, letter.partition, letter.offset) == (bad.topic, bad.partition, bad.offset)
    assert letter.key == bad.key
    assert letter.error_class == "UnreadableRecord"
    assert letter.error_text.startswith(text.format(lane=lane.lane)), letter.error_text
    assert sum(lane.counts.values()) == 3
    assert lane.counts[f"{bad.topic}/dead"] == 1
    alone = a_lane()
    alone.run([before])
    alone.seq += 1
    alone.run([after])
    assert lane.states == alone.states


@pytest.mark.parametrize("name", [name for name in BAD if name != "10 MB of text"])
def test_a_dead_letter_keeps_the_original_bytes(name: str) -> None:
    bad, _ = BAD[name]
    lane = a_lane()
    lane.run([bad])
    (letter,) = letters(lane)
    assert letter.value == bad.value


def test_a_new_lead_on_the_wrong_partition_is_refused_with_the_remedy() -> None:
    lane = a_lane()
    wrong = (lane.lane + 1) % 12
    lane.run([record_of(a_profile(), partition=wrong)])
    (letter,) = letters(lane)
    assert letter.error_text == (
        f"leads.profiles[{wrong}]@0: key 'lead-1' came on partition {wrong}, expected partition {lane.lane}: the sender"
        " must use Kafka's default partitioner (librdkafka: partitioner=murmur2_random)."
        " Sent to dead.letters; fix the sender, then `leadlane dlq redrive`."
    )
    assert lane.states == {}


def test_a_state_that_cannot_be_read_is_left_alone() -> None:
    lane = a_lane()
    broken = bytes(8) + b"\xc1"
    lane.states[LEAD.encode()] = broken
    lane.run([record_of(a_score())])
    (letter,) = letters(lane)
    assert letter.error_class == "DecodeError"
    assert "This is a fault of Leadlane" in letter.error_text
    assert lane.states == {LEAD.encode(): broken}


def test_an_output_that_the_broker_would_refuse_makes_a_dead_letter_not_a_loop() -> None:
    lane = a_lane(max_record_bytes=1_200)
    lane.run([record_of(a_profile())])
    (letter,) = letters(lane)
    assert letter.error_class == "ValueError"
    assert "expected at most" in letter.error_text
    assert lane.states == {}
    assert list(lane.sent) == [topics.DEAD_LETTERS.name]


def test_a_timer_whose_decision_fails_is_kept_and_tried_again_later() -> None:
    lane = a_lane()
    broken = T0.to_bytes(8, "big") + b"\xc1"
    lane.states[LEAD.encode()] = broken
    lane.run([], now=T0 + 1, tick=True)
    (letter,) = letters(lane)
    assert (letter.topic, letter.partition, letter.key) == ("lane.tick", lane.lane, LEAD.encode())
    assert due_at(lane.states[LEAD.encode()]) == T0 + 1 + HOUR
    assert lane.states[LEAD.encode()][8:] == broken[8:]
