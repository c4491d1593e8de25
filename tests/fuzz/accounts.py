"""Every message found again: dead with its original bytes, or decided, or quiet; each once. Lane by lane, streaming."""

from __future__ import annotations

import re
import time
import zlib
from collections import Counter
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import topics
from streams.core.events import Event
from streams.lane.deadletters import DeadLetter
from streams.lane.pipeline import TICK_TOPIC
from streams.lane.processor import JournalEntry
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from tests.fuzz.feed import WORD, Feed, digest
from tests.lanes import partition_of

SHOWN = 20  # faults that are told; all are counted
SILENCE_SECONDS = 60.0
KINDS = (  # an error's text -> what the summary calls it; the first that is found counts
    ("value is null", "tombstone"), ("which nobody knows", "unknown schema id"), ("schema id is", "other record"),
    ("expected Confluent framing", "no framing"), ("bytes long, expected at most", "too long"),
    ("it ends in the middle", "truncated"), ("is not UTF-8", "text not UTF-8"), ("cannot read", "not Avro"),
    ("key is null", "null key"), ("in UTF-8", "key not UTF-8"), ("key is", "key of another"),
    ("came on partition", "other partition"), ("start with NUL", "reserved name"), ("occurred_at is", "time"),
    ("expected", "out of range"),
)  # fmt: skip


class Accounts:
    """What was sent against what became of it. `faults` is empty when all is well."""

    def __init__(self, brokers: str, wire: Wire, lanes: int, feed: Feed) -> None:
        self._brokers, self._wire, self._lanes, self._feed = brokers, wire, lanes, feed
        self._consumers: dict[str, Consumer] = {}  # by topic, one partition after the other
        self.faults: Counter[str] = Counter()
        self.told: list[str] = []
        self.errors: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.messages = self.dead = self.alive = self.decided = 0
        self.slowest_read = 0.0  # seconds that the longest decode took, and of what
        self.slowest = ""

    def settle(self) -> None:
        for lane in range(self._lanes):
            self._lane(lane)
        for consumer in self._consumers.values():
            consumer.close()

    def _lane(self, lane: int) -> None:
        inputs = {topic.name: Input(self, topic.name, lane) for topic in topics.INPUTS}
        dead: dict[str, set[int]] = {topic: set() for topic in inputs}
        for message in self.read(topics.DEAD_LETTERS.name, lane):
            letter = self._wire.decode_any(topics.DEAD_LETTERS.name, message.value())
            assert isinstance(letter, DeadLetter)
            if letter.topic == TICK_TOPIC:
                self.fault("timers dead", letter.error_text)
            elif (record := inputs[letter.topic].up_to(letter.offset)) is None or letter.partition != lane:
                self.fault("letters doubled, out of order or of nothing", f"{letter.topic}[{lane}]@{letter.offset}")
            else:
                dead[letter.topic].add(letter.offset)
                self._compare(letter, record)
        for each in inputs.values():
            each.up_to(None)
        self._decisions(lane, dead)
        self._journal(lane, inputs)

    def _compare(self, letter: DeadLetter, record: Message) -> None:
        self.dead += 1
        self.kept[letter.kept] += 1
        kind = next((name for text, name in KINDS if text in letter.error_text), "other")
        self.errors[f"{letter.error_class}: {kind}"] += 1
        where = f"{letter.topic}[{letter.partition}]@{letter.offset}"
        if letter.timestamp != record.timestamp()[1]:
            self.fault("letters with another time", where)
        if letter.kept == "left":
            if len(record.value() or b"") + size_around(record) < topics.MAX_MESSAGE_BYTES:
                self.fault("letters left without need", where)
        else:
            value = zlib.decompress(letter.value or b"") if letter.kept == "zlib" else letter.value
            headers = [(header.name, header.value) for header in letter.headers]
            if (letter.key, value, headers) != (record.key(), record.value(), record.headers() or []):
                self.fault("letters with other bytes", where)
        why = self.why(record, letter.failed_at)
        if letter.error_class != UnreadableRecord.__name__:
            self.fault(f"letters by {letter.error_class}", letter.error_text)
        elif why is None or why not in letter.error_text:
            self.fault("letters with another reason", f"{letter.error_text} / {why}")

    def _decisions(self, lane: int, dead: dict[str, set[int]]) -> None:
        last = dict.fromkeys(dead, -1)
        for message in self.read(topics.DECISIONS.name, lane):
            identity = dict(message.headers() or ())["ce_id"]
            found = re.fullmatch(rb"(.+)-(\d+)-(\d+)/Decision", identity if isinstance(identity, bytes) else b"")
            assert found is not None
            topic, offset = found[1].decode(), int(found[3])
            if topic == TICK_TOPIC:
                continue
            self.decided += 1
            if offset <= last[topic] or offset in dead[topic] or int(found[2]) != lane:
                self.fault("decisions doubled, or of the dead", found[0].decode())
            last[topic] = offset

    def _journal(self, lane: int, inputs: dict[str, Input]) -> None:
        after = dict.fromkeys(inputs, 0)
        records = 0
        for message in self.read(topics.JOURNAL.name, lane):
            entry = self._wire.decode_any(topics.JOURNAL.name, message.value())
            assert isinstance(entry, JournalEntry)
            records += entry.records
            for topic, first in entry.first.items():
                if first != after[topic]:
                    self.fault("gaps or overlaps", f"{topic}[{lane}]: from {first} after {after[topic]}")
            after |= entry.next
        if records != sum(each.count for each in inputs.values()):
            self.fault("journal counts", f"lane {lane}: {records}")
        for topic, each in inputs.items():
            if after[topic] <= each.last:
                self.fault("not consumed", f"{topic}[{lane}]@{after[topic]}")

    def why(self, record: Message, now: int) -> str | None:
        """What is wrong with a record, found without the pipeline; None when it must be decided."""
        began = time.thread_time()
        try:
            event: Event = self._wire.decode(record.topic() or "", record.value())
            self._wire.check(event, record.key(), now)
        except UnreadableRecord as error:
            return error.what
        finally:
            took = time.thread_time() - began
            if took > self.slowest_read:
                self.slowest_read, self.slowest = took, f"{record.topic()}, {len(record.value() or b''):,} bytes"
        key = record.key() or b""
        if key.startswith(b"\0"):
            return "start with NUL"
        if (wanted := partition_of(key, self._lanes)) != record.partition():
            return f"expected partition {wanted}"
        return None

    def fault(self, kind: str, what: str) -> None:
        self.faults[kind] += 1
        if self.faults[kind] <= SHOWN:
            self.told.append(f"{kind}: {what[:400]}")

    def compare_sums(self, topic: str, lane: int, count: int, total: int) -> None:
        place = topic, lane
        if (count, total) != (self._feed.count[place], self._feed.sums[place]):
            self.fault("topic is not what was sent", f"{topic}[{lane}]: {count} of {self._feed.count[place]}")

    def read(self, topic: str, partition: int) -> Iterator[Message]:
        """All committed records of a partition, with little of it in memory."""
        consumer = self._consumers.get(topic)
        if consumer is None:
            consumer = self._consumers[topic] = self._consumer()
        consumer.assign([TopicPartition(topic, partition, 0)])
        heard = time.monotonic()
        while time.monotonic() < heard + SILENCE_SECONDS:
            for message in consumer.consume(500, 0.03):
                heard, error = time.monotonic(), message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                elif not error.retriable():
                    raise KafkaException(error)
        raise TimeoutError(f"{topic}[{partition}] gave nothing for {SILENCE_SECONDS:.0f} s")

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._brokers,
                "group.id": "leadlane-fuzz",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "queued.max.messages.kbytes": 4_096,
                "fetch.wait.max.ms": 20,
                "log_level": 2,
            }
        )


def size_around(record: Message) -> int:
    """What a record's letter takes besides the value."""
    headers: list[tuple[str, bytes | None]] = list(record.headers() or ())  # type: ignore[arg-type]
    return 2 * len(record.key() or b"") + sum(len(name) + len(value or b"") + 16 for name, value in headers)


class Input:
    """One input partition, read along with its dead letters: what has none must be alive."""

    def __init__(self, accounts: Accounts, topic: str, lane: int) -> None:
        self.count, self.last = 0, -1
        self._accounts, self._topic, self._lane, self._sum = accounts, topic, lane, 0
        self._records = accounts.read(topic, lane)

    def up_to(self, offset: int | None) -> Message | None:
        """The record at `offset`, if it comes next or later; all before it are alive. None: read to the end."""
        if offset is not None and offset <= self.last:
            return None
        for record in self._records:
            self._take(record)
            if self.last == offset:
                return record
            self._alive(record)
            if offset is not None and self.last > offset:
                return None
        self._accounts.compare_sums(self._topic, self._lane, self.count, self._sum)
        return None

    def _take(self, record: Message) -> None:
        self.count, self.last = self.count + 1, int(record.offset() or 0)
        self._accounts.messages += 1
        self._sum = self._sum + digest(record.key(), record.value(), record.headers() or ()) & WORD  # type: ignore[arg-type]

    def _alive(self, record: Message) -> None:
        self._accounts.alive += 1
        if (why := self._accounts.why(record, int(time.time() * 1000))) is not None:
            self._accounts.fault("alive against reason", f"{self._topic}[{self._lane}]@{self.last}: {why}")
