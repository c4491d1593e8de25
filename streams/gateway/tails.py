"""What stands at the ends of the topics: which records of this gateway Kafka has, whoever wrote them.

Law of this module: what `read` has answered covers every record that was on its way when it began. A record whose
sender was killed may still lie in a broker's socket: the ends are read until every partition has answered, then again
after a moment in which a broker that answers has taken in what lay before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import BrokerUnreachable, LeadlaneError, MissingTopic
from streams.kafka.access import denied, is_denied
from streams.kafka.outside import consumer_outside
from streams.kafka.reader import bounds
from streams.settings import Settings

SETTLE_SECONDS = 1.0
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.2
AT_ONCE = 5_000

Place = tuple[str, int]  # topic, partition


class Tails(NamedTuple):
    """Where every partition was read to."""

    next_offset: dict[Place, int]
    records: int  # that were read, of whichever source


def newest(spans: Mapping[Place, tuple[int, int]], most: int) -> dict[Place, int]:
    """Where to start so that at most so many are read: of spans of one length in time, the same share of each."""
    total = sum(end - start for start, end in spans.values())
    share = 1.0 if total <= most else most / total
    return {place: end - int((end - start) * share) for place, (start, end) in spans.items()}


class TailReader:
    """Reads the ends of topics, outside every group. Blocks: call it in a thread."""

    def __init__(self, settings: Settings, mine: Callable[[bytes], bool]) -> None:
        """`mine` says of a record's ce_source whether it is of this gateway's sources."""
        self._settings, self._mine = settings, mine

    def since(self, topics: frozenset[str], at_ms: int, most: int, found: Callable[[str], object]) -> Tails:
        """Tell `found` every own ce_id that was written since `at_ms`, of the last `most` records of all topics.

        Raises BrokerUnreachable or MissingTopic.
        """
        with closing(consumer_outside(self._settings, "gateway", fetch_wait_ms=20)) as consumer:
            places = _places(consumer, topics, self._settings)
            asked = [TopicPartition(topic, partition, at_ms) for topic, partition in places]
            spans: dict[Place, tuple[int, int]] = {}
            for answer in _answered(consumer.offsets_for_times, asked, self._settings):
                low, high = _bounds(consumer, answer, self._settings)
                start = high if answer.offset in (OFFSET_END, -1) else int(answer.offset)
                spans[answer.topic, answer.partition] = (max(low, start), high)
            return self._twice(consumer, newest(spans, most), found)

    def from_offsets(self, starts: Mapping[Place, int], found: Callable[[str], object]) -> Tails:
        """Tell `found` every own ce_id from these offsets on. Raises BrokerUnreachable."""
        with closing(consumer_outside(self._settings, "gateway", fetch_wait_ms=20)) as consumer:
            return self._twice(consumer, dict(starts), found)

    def _twice(self, consumer: Consumer, starts: dict[Place, int], found: Callable[[str], object]) -> Tails:
        first = self._to_end(consumer, starts, found)
        time.sleep(SETTLE_SECONDS)
        second = self._to_end(consumer, first.next_offset, found)
        return Tails(second.next_offset, first.records + second.records)

    def _to_end(self, consumer: Consumer, starts: Mapping[Place, int], found: Callable[[str], object]) -> Tails:
        ends = {
            (topic, partition): _bounds(consumer, TopicPartition(topic, partition), self._settings)[1]
            for topic, partition in starts
        }
        reached = dict(starts)
        behind = {place for place, end in ends.items() if end > starts[place]}
        consumer.assign(
            [TopicPartition(topic, partition, starts[topic, partition]) for topic, partition in sorted(behind)]
        )
        records, heard = 0, time.monotonic()
        while behind:
            messages = consumer.consume(AT_ONCE, POLL_SECONDS)
            if not messages and time.monotonic() - heard > ANSWER_SECONDS:
                raise _unreachable(self._settings.brokers, f"nothing from {min(behind)} for {ANSWER_SECONDS:.0f} s")
            for message in messages:
                heard = time.monotonic()
                place = (str(message.topic()), int(message.partition() or 0))
                if self._passed(message, found):
                    records += 1
                reached[place] = int(message.offset() or 0) + (message.error() is None)
                if reached[place] >= ends[place]:
                    behind.discard(place)
        consumer.unassign()
        return Tails({place: max(reached[place], ends[place]) for place in reached}, records)

    def _passed(self, message: Message, found: Callable[[str], object]) -> bool:
        """Whether it is a record; what is no record is the end of a partition."""
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise _failure(self._settings, error, str(message.topic()))
            return False
        headers = dict(message.headers() or ())
        source, name = headers.get("ce_source"), headers.get("ce_id")
        if isinstance(source, bytes) and isinstance(name, bytes) and self._mine(source):
            found(name.decode(errors="replace"))
        return True


def _places(consumer: Consumer, topics: frozenset[str], settings: Settings) -> list[Place]:
    try:
        known = consumer.list_topics(timeout=ANSWER_SECONDS).topics
        missing = sorted(topics - set(known))
        hidden = [consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].error for topic in missing]
    except KafkaException as error:
        raise _unreachable(settings.brokers, error.args[0].str()) from error
    for topic, why in zip(missing, hidden, strict=True):
        if why is not None and is_denied(why):  # what a login may not see is not in the list of all topics
            raise denied(settings, why, f"see the topic {topic}")
    if missing:
        raise MissingTopic(
            f"{settings.brokers}: expected the topics {', '.join(missing)}. Create them with `leadlane topics apply`."
        )
    return [(topic, partition) for topic in sorted(topics) for partition in sorted(known[topic].partitions)]


def _answered(
    ask: Callable[..., list[TopicPartition]], asked: list[TopicPartition], settings: Settings
) -> list[TopicPartition]:
    try:
        return ask(asked, timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise _failure(settings, error.args[0], asked[0].topic) from error


def _bounds(consumer: Consumer, place: TopicPartition, settings: Settings) -> tuple[int, int]:
    try:
        return bounds(consumer, TopicPartition(place.topic, place.partition))
    except KafkaException as error:
        raise _failure(settings, error.args[0], place.topic) from error


def _failure(settings: Settings, error: KafkaError, topic: str) -> LeadlaneError:
    if is_denied(error):
        return denied(settings, error, f"read {topic}, where the gateway looks for what it has written")
    return _unreachable(settings.brokers, error.str())


def _unreachable(brokers: str, reason: str) -> BrokerUnreachable:
    return BrokerUnreachable(f"{brokers}: reading back what stands on the topics failed: {reason}. Trying again.")
