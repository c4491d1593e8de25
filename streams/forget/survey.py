"""What every topic still says of a lead, found by reading: how many records, and what of them anybody could read.

A topic that is keyed by lead is read where the lead stands: in its lane's partition. A sender that wrote elsewhere has
dead letters for it, and those are read whole, as is everything that is not keyed by lead.

Law of this module: it says what it found, not what should be. What it cannot read counts as readable by others.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiokafka.partitioner import murmur2
from confluent_kafka import OFFSET_BEGINNING, Message

from streams import topics
from streams.core.state import NEVER
from streams.kafka.admin import TopicAdmin
from streams.kafka.reader import Reader, timestamp_of
from streams.lane.deadletters import DeadLetter, LetterNotWhole, original
from streams.lane.parked import ParkedDelivery
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import NAME_OF, RECORD_OF, Record, Wire
from streams.privacy.fields import ONE, personal_fields, sealed, untouched
from streams.privacy.seal import MARK
from streams.settings import Settings
from streams.topics import TOPICS, Role, Topic

BY_LANE = (Role.INPUT, Role.OUTPUT, Role.STATE, Role.KEYS)
WHOLE = frozenset({topics.DEAD_LETTERS.name})  # senders that err may put a key anywhere
SEALED_MAP = json.dumps({ONE: MARK}, separators=(",", ":"))[:-2]
SEGMENT_MS = 7 * topics.DAY_MS  # Kafka's default for segment.ms
SWEEP_MS = 600_000  # until the log cleaner comes round, and has done its work
NEVER_GONE = -1
NO_LAG_MS = 2**63 - 1  # Kafka's default for max.compaction.lag.ms: no limit


class Text(NamedTuple):
    """What one record says of a person."""

    plain: bool = False
    keys: frozenset[str] = frozenset()  # ids of the keys that seal its texts


class Survey(NamedTuple):
    """What one topic says of the lead."""

    topic: str
    read: int  # records looked at
    records: int = 0  # of the lead; of a compacted topic those that count
    plain: int = 0  # with personal texts that anybody reads
    readable: int = 0  # with texts sealed under keys that are still there
    shredded: int = 0  # with texts sealed under keys that are destroyed
    superseded: int = 0  # of a compacted topic: deleted, and not yet swept from the disk
    gone_by: int = NEVER  # ms UTC: when the last of what is readable has left the disk; NEVER_GONE: kept for ever

    @property
    def holds(self) -> bool:
        """Whether something personal of the lead is still there to be read."""
        return bool(self.plain or self.readable)


class Kept(NamedTuple):
    """How long a topic keeps what was written."""

    retention_ms: int
    segment_ms: int
    lag_ms: int | None  # compacted: a deletion has been swept after so long


def survey(settings: Settings, reader: Reader, wire: Wire, lead_id: str) -> list[Survey]:
    """Read every topic that there is; in the order of streams/topics.py."""
    found = TopicAdmin(settings).found(topic.name for topic in TOPICS)
    lead = lead_id.encode()
    alive = _living_keys(reader, lead) if topics.KEYS.name in found else frozenset()
    return [
        _Look(topic, lead, wire, alive, _kept(topic, found[topic.name].config)).read(
            reader, found[topic.name].partitions
        )
        for topic in TOPICS
        if topic.name in found
    ]


def texts_of(record: Record) -> Text:
    """The personal texts of a record, as the schemas tag them."""
    fields = personal_fields().get(NAME_OF.get(type(record), ""), ())
    keys, is_plain = set[str](), False

    def see(_field: str, text: str) -> str:
        nonlocal is_plain
        body = text.removeprefix(SEALED_MAP)
        if text.startswith(MARK) or body != text:
            keys.add(body.removeprefix(MARK).partition(":")[0])
        else:
            is_plain = True
        return text

    sealed(record, fields, see)  # type: ignore[type-var]
    return Text(is_plain, frozenset(keys))


class _Look:
    """The reading of one topic."""

    def __init__(self, topic: Topic, lead: bytes, wire: Wire, alive: frozenset[str], kept: Kept) -> None:
        self._topic, self._lead, self._wire, self._alive, self._kept = topic, lead, wire, alive, kept
        self._name = topic.name
        self._latest: dict[bytes, tuple[Text | None, int]] = {}  # compacted: what counts, and when it was written
        self._superseded: dict[bytes, int] = {}
        self._read = self._records = self._plain = self._readable = self._shredded = 0
        self._last = NEVER  # when the last record with something readable was written

    def read(self, reader: Reader, partitions: int) -> Survey:
        for message in reader.read(self._name, dict.fromkeys(self._places(partitions), OFFSET_BEGINNING)):
            self._read += 1
            if self._topic.compacted:
                self._see_latest(message)
            elif self._is_of_lead(message):
                self._count(self._texts(message), timestamp_of(message) or NEVER)
        deleted = [at for text, at in self._latest.values() if text is None]
        for text, at in self._latest.values():
            if text is not None:
                self._count(text, at)
        superseded = sum(self._superseded.values())
        swept = self._kept.lag_ms + SWEEP_MS if self._kept.lag_ms is not None else None
        is_swept = swept is not None and superseded and deleted and not self._plain
        gone_by = max(deleted) + (swept or 0) if is_swept else NEVER
        return Survey(
            self._name, self._read, self._records, self._plain, self._readable, self._shredded, superseded,
            gone_by if gone_by != NEVER else self._expiry(),
        )  # fmt: skip

    def _places(self, partitions: int) -> Iterable[int]:
        if self._topic.single or self._topic.role not in BY_LANE or self._name in WHOLE:
            return range(partitions)
        return (int((murmur2(self._lead) & 0x7FFFFFFF) % partitions),)

    def _expiry(self) -> int:
        if self._last == NEVER:
            return NEVER
        if self._topic.compacted or self._kept.retention_ms < 0:
            return NEVER_GONE
        return self._last + self._kept.retention_ms + self._kept.segment_ms

    def _see_latest(self, message: Message) -> None:
        """A compacted topic says what stands last under a key."""
        key, value = message.key() or b"", message.value()
        assert isinstance(key, bytes)
        if key in self._latest:
            text, _ = self._latest[key]
            self._superseded[key] = self._superseded.get(key, 0) + (text is not None)
            self._latest[key] = (None if value is None else self._texts(message), timestamp_of(message) or NEVER)
        elif value is not None and self._is_of_lead(message):
            self._latest[key] = self._texts(message), timestamp_of(message) or NEVER

    def _is_of_lead(self, message: Message) -> bool:
        """By the key; where it is no lead, by the record, which is decoded only when the bytes name the lead."""
        key, value, lead = message.key() or b"", message.value() or b"", self._lead
        assert isinstance(key, bytes)
        assert isinstance(value, bytes)
        if key == lead or key.startswith(lead + b"#"):
            return True
        if lead not in value or self._topic.key == "lead_id":
            return False
        record = self._decoded(self._name, value)
        named = getattr(record, "lead_id", None) or getattr(record, "key", None)
        return named in (lead, lead.decode(errors="replace"))

    def _texts(self, message: Message) -> Text:
        value = message.value()
        assert not isinstance(value, str)
        if value is None:
            return Text()
        if self._topic.role is Role.STATE:
            return Text(plain=True)
        if self._topic.record is None or self._topic.role is Role.KEYS:
            return Text()
        record = self._decoded(self._name, value)
        if isinstance(record, DeadLetter | ParkedDelivery):
            return self._texts_within(record)
        return Text(plain=True) if record is None else texts_of(record)

    def _texts_within(self, record: DeadLetter | ParkedDelivery) -> Text:
        """Of the original that a record holds: what cannot be read may be anything."""
        try:
            value = original(record).value if isinstance(record, DeadLetter) else record.value
        except LetterNotWhole:  # the original stands in its topic
            return Text()
        if value is None:
            return Text()
        within = self._decoded(record.topic, value) if record.topic in RECORD_OF else None
        return Text(plain=True) if within is None else texts_of(within)

    def _decoded(self, topic: str, value: bytes) -> Record | None:
        try:
            return self._wire.decode_any(topic, value, untouched)
        except (UnreadableRecord, KeyError):
            return None

    def _count(self, text: Text, at: int) -> None:
        self._records += 1
        is_readable = not text.plain and not text.keys.isdisjoint(self._alive)
        self._plain += text.plain
        self._readable += is_readable
        self._shredded += bool(text.keys) and not text.plain and not is_readable
        if text.plain or is_readable:
            self._last = max(self._last, at)


def _living_keys(reader: Reader, lead: bytes) -> frozenset[str]:
    """The ids of the lead's keys that are there."""
    name = topics.KEYS.name
    partition = int((murmur2(lead) & 0x7FFFFFFF) % reader.partitions(name))
    alive: set[bytes] = set()
    for message in reader.read(name, {partition: OFFSET_BEGINNING}):
        key = message.key() or b""
        assert isinstance(key, bytes)
        if key.startswith(lead + b"#"):
            (alive.discard if message.value() is None else alive.add)(key)
    return frozenset(key.rpartition(b"#")[2].decode() for key in alive)


def _kept(topic: Topic, config: Mapping[str, str]) -> Kept:
    """As the broker keeps it now, which an operator may have changed."""
    lag = int(config.get("max.compaction.lag.ms", NO_LAG_MS))
    return Kept(
        int(config.get("retention.ms", topic.retention_ms)),
        int(config.get("segment.ms", SEGMENT_MS)),
        lag if topic.compacted and lag < NO_LAG_MS else None,
    )


class Timed(NamedTuple):
    """A survey, and how long it took."""

    topics: list[Survey]
    seconds: float

    @property
    def read(self) -> int:
        return sum(one.read for one in self.topics)


def timed(settings: Settings, reader: Reader, wire: Wire, lead_id: str) -> Timed:
    began = time.monotonic()
    return Timed(survey(settings, reader, wire, lead_id), time.monotonic() - began)
