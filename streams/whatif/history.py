"""Where the past comes from: everything that was read, written and decided, lane by lane.

Law of this module: records come as a read_committed consumer sees them, in offset order, from the first that is kept.
Nothing is decoded here. Only one lane at a time is held in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaError, Message, TopicPartition

from streams.errors import BrokerFailed, LeadlaneError
from streams.kafka.codec import wire_for
from streams.kafka.history import CONTROL_NAMES, control_records
from streams.kafka.reader import Reader
from streams.lane.job import Job
from streams.lane.privates import Record
from streams.lane.replay import BEGINNING, Start
from streams.settings import load_settings

CONSUME = 1000
POLL_SECONDS = 0.05
SILENCE_SECONDS = 60.0  # an open transaction hides what comes after it; the broker ends it well before this
SOURCE = "ce_source"  # header of every output: /leadlane/lane/N


class NoHistory(LeadlaneError):
    """There is nothing to decide again, or it is not whole."""

    exit_code = 8


class LaneHistory(NamedTuple):
    """The past of one lane."""

    lane: int
    journal: Sequence[Record]
    inputs: Mapping[str, Sequence[Record]]  # by topic
    outputs: Mapping[str, Sequence[Record]]  # by topic
    state: Sequence[Record]
    start: Start = BEGINNING
    keys: Sequence[Record] = ()  # of the leads' personal texts, as they are now


class History(Protocol):
    """The past of all lanes. It is sent to other processes: it holds where to look, not what is there."""

    def as_of_now(self, job: Job) -> History:
        """The same, without what lanes commit from now on: controls that are read after this hold all that it names."""

    def lanes(self, job: Job) -> int:
        """How many lanes there are."""

    def lane(self, job: Job, number: int) -> LaneHistory:
        """Everything about one lane."""

    def controls(self, job: Job) -> dict[str, list[Record]]:
        """Every control record that is known, by topic, in offset order: the one place where contexts come from."""


class BrokerHistory(NamedTuple):
    """What the topics of a broker hold. Security as the environment says."""

    brokers: str
    ends: tuple[int, ...] | None = None  # of the lanes' journals; None: as they are when they are read

    def as_of_now(self, job: Job) -> BrokerHistory:
        with Tail(self.brokers) as tail:
            lanes = range(tail.partitions(job.journal))
            return self._replace(ends=tuple(tail.bounds(job.journal, lane)[1] for lane in lanes))

    def lanes(self, job: Job) -> int:
        with Tail(self.brokers) as tail:
            return tail.partitions(job.journal)

    def lane(self, job: Job, number: int) -> LaneHistory:
        others = {*job.processor.inputs, *job.outputs, job.state, *key_topics(job)} - {job.journal}
        with Tail(self.brokers) as tail:
            lanes = tail.partitions(job.journal)
            records = tail.read_whole([(job.journal, number)])  # first: of what it names, nothing is missing then
            records |= tail.read_whole([(topic, partition_of(job, topic, number)) for topic in others])
        if self.ends is not None:
            records[job.journal] = [entry for entry in records[job.journal] if entry.offset < self.ends[number]]
        keys = [record for topic in key_topics(job) for record in records[topic]]
        return lane_history(job, number, lanes, lambda topic: records[topic], keys)

    def controls(self, job: Job) -> dict[str, list[Record]]:
        kept = [topic for topic in job.controls if topic in CONTROL_NAMES]  # what compaction took is in control.history
        others = [topic for topic in job.controls if topic not in CONTROL_NAMES]
        found: dict[str, list[Record]] = {}
        if kept:
            settings = load_settings(brokers=self.brokers)
            with Reader(settings) as reader:
                found |= control_records(reader, wire_for(settings), kept)
        if others:
            with Tail(self.brokers) as tail:
                found |= tail.read_whole([(topic, 0) for topic in others])
        return found


class GivenHistory(NamedTuple):
    """A history that is at hand."""

    pasts: tuple[LaneHistory, ...]
    control_records: dict[str, list[Record]]

    def as_of_now(self, job: Job) -> GivenHistory:
        return self

    def lanes(self, job: Job) -> int:
        return len(self.pasts)

    def lane(self, job: Job, number: int) -> LaneHistory:
        return self.pasts[number]

    def controls(self, job: Job) -> dict[str, list[Record]]:
        return self.control_records


def lane_history(
    job: Job, number: int, lanes: int, read: Callable[[str], list[Record]], keys: Sequence[Record]
) -> LaneHistory:
    """A lane's past from a way to read its part of each topic, and the keys of its leads."""
    return LaneHistory(
        number,
        read(job.journal),
        {topic: read(topic) for topic in job.processor.inputs},
        {
            topic: _own(number, lanes, read(topic)) if topic in job.single else read(topic)
            for topic in job.outputs
            if topic != job.journal
        },
        read(job.state),
        keys=keys,
    )


def key_topics(job: Job) -> tuple[str, ...]:
    """The topic of the keys, if there is one."""
    return () if job.sealed is None else (job.sealed.topic,)


def partition_of(job: Job, topic: str, lane: int) -> int:
    """Where a lane's records of a topic stand."""
    return 0 if topic in job.single else lane


def _own(number: int, lanes: int, records: list[Record]) -> list[Record]:
    """What this lane wrote into a partition of all lanes. The first one gets what is of no lane: nobody decided it."""
    others = {b"/leadlane/lane/%d" % lane for lane in range(lanes) if lane != number}
    mine = b"/leadlane/lane/%d" % number
    sources = (next((value for name, value in record.headers if name == SOURCE), b"") for record in records)
    return [
        record
        for record, source in zip(records, sources, strict=True)
        if source == mine or (number == 0 and source not in others)
    ]


class Tail(Reader):
    """A reader of whole partitions at a time, from the first record that is kept to the end as it is when asked."""

    def __init__(self, brokers: str) -> None:
        """BrokerUnreachable if nobody answers."""
        super().__init__(load_settings(brokers=brokers))

    def read_whole(self, places: Iterable[tuple[str, int]]) -> dict[str, list[Record]]:
        """All committed records of these partitions, by topic."""
        unread = set(places)
        records: dict[str, list[Record]] = {topic: [] for topic, _ in unread}
        self._consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in sorted(unread)])
        heard = time.monotonic()
        while unread:
            for message in self._consumer.consume(CONSUME, POLL_SECONDS):
                heard, error = time.monotonic(), message.error()
                if error is None:
                    records[message.topic() or ""].append(record_from(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard((message.topic() or "", message.partition() or 0))
                elif not error.retriable():
                    raise BrokerFailed(f"{self._brokers}: reading {message.topic()} failed: {error.str()}.")
            if time.monotonic() > heard + SILENCE_SECONDS:
                raise BrokerFailed(
                    f"{self._brokers}: no end of {sorted(unread)} for {SILENCE_SECONDS:.0f} s; is a transaction open?"
                )
        self._consumer.unassign()
        return records


def record_from(message: Message) -> Record:
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple(message.headers() or ()),  # type: ignore[arg-type]
    )
