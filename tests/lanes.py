"""Runs the decision pipeline over events as a lane would, without Kafka: for tests of what a lane decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from streams import topics
from streams.core.context import Context
from streams.core.events import Event
from streams.lane.pipeline import DecisionPipeline
from streams.lane.processor import KEPT, Batch, Headers, InputRecord, Outcome, OutputRecord, due_at
from streams.lane.registry import BuiltInCatalogue
from streams.lane.wire import Wire
from tests.factories import T0
from tests.strategies import TOPIC_OF

LANES = 12
MAX_RECORD_BYTES = 900_000
WIRE = Wire(BuiltInCatalogue())


class Arrived(NamedTuple):
    """One input record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def partition_of(key: bytes, lanes: int) -> int:
    """Where Kafka's default partitioner puts a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % lanes)


def lane_of(lead_id: str) -> int:
    return partition_of(lead_id.encode(), LANES)


def arrive(events: Iterable[Event], start: int = 0) -> list[InputRecord]:
    """Events of one lead as the records of its lane, offsets from `start` on."""
    return [
        Arrived(
            TOPIC_OF[type(event).__name__], lane_of(event.lead_id), offset, event.occurred_at,
            event.lead_id.encode(), WIRE.encode(event),
        )
        for offset, event in enumerate(events, start)
    ]  # fmt: skip


class TestLane:
    """A lane without Kafka: states of leads, and what was sent about them so far by topic.

    What the pipeline counts by the minute is apart: what it keeps for that, and the statistics that were sent.
    """

    __test__ = False

    def __init__(self, context: Context, lane: int = 0, max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self.context, self.lane = context, lane
        self.pipeline = DecisionPipeline(WIRE, LANES, max_record_bytes)
        self.states: dict[bytes, bytes] = {}
        self.kept: dict[bytes, bytes] = {}
        self.sent: dict[str, list[OutputRecord]] = {}
        self.statistics: list[OutputRecord] = []
        self.counts: dict[str, int] = {}
        self.seq = 0

    def run(self, records: list[InputRecord], now: int = T0, tick: bool = False) -> Outcome:
        """One batch, and the timers that are due if `tick`."""
        states = self.states | self.kept
        due = sorted(key for key, packed in states.items() if tick and 0 < due_at(packed) <= now)
        outcome = self.pipeline.process(states, Batch(records, due, now, self.lane, self.seq), self.context)
        self.seq += len(records) + len(due)
        for key, packed in outcome.changed.items():
            kept = self.kept if key in KEPT else self.states
            if packed is None:
                kept.pop(key, None)
            else:
                kept[key] = packed
        for topic, outputs in outcome.outputs.items():
            sent = self.statistics if topic == topics.STATS.name else self.sent.setdefault(topic, [])
            sent.extend(outputs)
        for name, count in outcome.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        return outcome

    def read(self, topic: str) -> list[object]:
        """What was sent to a topic, decoded; tombstones left out."""
        return [WIRE.decode_any(topic, output.value) for output in self.sent.get(topic, ()) if output.value is not None]
