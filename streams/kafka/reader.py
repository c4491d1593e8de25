"""Reads topics from outside the lanes: committed records only, from a start to the end as it is now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.errors import BrokerFailed, MissingTopic
from streams.kafka.access import denied, is_denied
from streams.kafka.outside import consumer_outside
from streams.kafka.reach import reach
from streams.settings import Settings

ANSWER_SECONDS = 10.0
SILENCE_SECONDS = 30.0  # an open transaction hides what comes after it; the broker ends it well before this
POLL_SECONDS = 0.2


class Reader:
    """A consumer outside every group. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        """BrokerUnreachable if nobody answers."""
        self._settings, self._brokers = settings, settings.brokers
        self._consumer = consumer_outside(settings, "reader", fetch_wait_ms=20)
        reach(self._consumer, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises MissingTopic."""
        about = self._consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        if about.error is not None and is_denied(about.error):
            raise denied(self._settings, about.error, f"see the topic {topic}")
        if about.error is not None:
            raise MissingTopic(
                f"{self._brokers}: expected the topic {topic}, got none. Create it with `leadlane topics apply`."
            )
        return len(about.partitions)

    def read(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Message]:
        """Every committed record from `starts` (offset by partition; all from the beginning) to the present end."""
        if starts is None:
            starts = dict.fromkeys(range(self.partitions(topic)), OFFSET_BEGINNING)
        ends = {partition: self.bounds(topic, partition)[1] for partition in starts}
        left = {partition for partition, end in ends.items() if end > max(0, starts[partition])}
        self._consumer.assign([TopicPartition(topic, partition, starts[partition]) for partition in sorted(left)])
        heard = time.monotonic()
        while left:
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                if time.monotonic() - heard > SILENCE_SECONDS:
                    raise BrokerFailed(
                        f"{self._brokers}: {topic}{sorted(left)} gave nothing for {SILENCE_SECONDS:.0f} s."
                    )
                continue
            heard = time.monotonic()
            partition, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
            if error is not None:
                if is_denied(error):
                    raise denied(self._settings, error, f"read the topic {topic}")
                if error.code() != KafkaError._PARTITION_EOF:
                    raise BrokerFailed(f"{self._brokers}: reading {topic}[{partition}] failed: {error.str()}.")
                if offset >= ends[partition]:  # else an open transaction hides the rest: wait for its end
                    left.discard(partition)
            elif offset < ends[partition]:
                yield message
                if offset == ends[partition] - 1:
                    left.discard(partition)
        self._consumer.unassign()

    def one(self, topic: str, partition: int, offset: int) -> Message | None:
        """The record at an offset, or None when it is gone, was never committed or never written."""
        low, high = self.bounds(topic, partition)
        if not low <= offset < high:
            return None
        self._consumer.assign([TopicPartition(topic, partition, offset)])
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            while time.monotonic() < deadline:
                message = self._consumer.poll(POLL_SECONDS)
                if message is not None:
                    return message if message.error() is None and message.offset() == offset else None
            return None
        finally:
            self._consumer.unassign()

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is kept, and the one that comes next."""
        try:
            return bounds(self._consumer, TopicPartition(topic, partition))
        except KafkaException as error:
            if is_denied(error.args[0]):
                raise denied(self._settings, error.args[0], f"see the topic {topic}") from error
            raise BrokerFailed(f"{self._brokers}: {topic}[{partition}]: {error.args[0].str()}.") from error

    def offset_at(self, topic: str, partition: int, at_ms: int) -> int:
        """The first offset written at or after a time; the end if there is none."""
        found = self._consumer.offsets_for_times([TopicPartition(topic, partition, at_ms)], timeout=ANSWER_SECONDS)[0]
        return int(found.offset) if found.offset >= 0 else self.bounds(topic, partition)[1]


def bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """First and next offset of a partition; a topic or broker that has just come may still be without a leader."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS)
            return int(low), int(high)
        except KafkaException as error:
            if is_denied(error.args[0]) or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def timestamp_of(message: Message) -> int | None:
    """When a record was written, ms UTC, or None."""
    kind, at = message.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE else int(at)
