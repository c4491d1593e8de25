"""Every touch of aiokafka's private parts, each with its reason; aiokafka is pinned for it.

* `discard`: producer.stop() flushes without limit, against a dead broker for ever (producer.py stop,
  message_accumulator.py flush), trying again every retry_backoff_ms.
* `Reader`: getmany() makes a dataclass of eleven fields for each record and gives one topic after the other; here
  whole record batches become slotted records (a third of the time), and the caller can choose by time over all topics.
* `Reader._hurry`: a fetch leaves out topics of which something is still in the fetcher, and then waits at the broker
  for the others (fetcher.py _get_actions_per_node): in a backlog such waits must be short, or the topic that has the
  backlog stands still meanwhile.
* `KeptRecords`, `Lenient`: a header's name that is not UTF-8 fails the whole fetch (default_records.py _read_msg), for
  ever, though Kafka takes it: such a batch is read again with those names escaped. The fetcher is given a class that
  keeps the bytes, as aiokafka's own does not show them.
* `fill`: BatchBuilder.append costs twice what the C builder beneath it costs.
* `leave`: aiokafka sends no LeaveGroup for static members (group_coordinator.py _maybe_leave_group), so that the
  lanes of a worker that is gone for good would wait for its session to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from streams.lane.merge import earliest, even, in_order
from streams.lane.processor import Headers, OutputRecord

TAKE_BYTES = 4 << 20  # of values in one batch: a transaction must end within its time-out, whatever came compressed


class Record(msgspec.Struct, gc=False):
    """A committed input record. Its parts hold no references, so the garbage collector need not know it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Taken(NamedTuple):
    """Records of one batch in order, and by topic the offset after them."""

    records: list[Record]
    next: dict[str, int]


NOTHING = Taken([], {})


async def discard(producer: AIOKafkaProducer) -> None:
    """Close a producer at once; an open transaction ends when its transactional id is used again, or by time-out."""
    producer._closed = True
    await producer._sender.close()
    await producer.client.close()


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Tell the group that this static member goes for good. Best effort: the session time-out does it otherwise."""
    coordinator = consumer._coordinator
    if coordinator is None or coordinator.generation <= 0:
        return
    with contextlib.suppress(KafkaError, asyncio.TimeoutError):
        await coordinator._send_req(LeaveGroupRequest(coordinator.group_id, coordinator.member_id))


def fill(builder: BatchBuilder, records: Sequence[OutputRecord], start: int, timestamp: int) -> int:
    """Append records from `start` on until the batch is full; the index of the first that did not fit.

    An empty batch takes its first record whatever its size.
    """
    append, count = builder._builder.append, builder._relative_offset
    for index in range(start, len(records)):
        key, value, headers = records[index]
        if append(count, timestamp, key, value, list(headers)) is None:
            builder.close()
            break
        count += 1
    else:
        index = len(records)
    builder._relative_offset = count
    return index


HURRY_MS = 10  # the wait of a fetch at the broker while there is a backlog
EVEN_SECONDS = 3.0  # the longest wait for a topic that is behind, once: a leader that is away must not stop the others
EVEN_RECORDS = 10_000  # of other topics that gather meanwhile


class Reader:
    """Reads assigned partitions of one number, read_committed, without a group."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self._waiting: dict[str, list[Record]] = {}
        self._calm_ms: int = consumer._fetch_max_wait_ms
        self._lacking_since: float | None = None

    def assign(self, positions: dict[TopicPartition, int]) -> None:
        """Read these from these offsets on. Forgets what was read before."""
        self._waiting = {}
        self.consumer.assign(list(positions))
        for partition, offset in positions.items():
            self.consumer.seek(partition, offset)

    def waiting(self) -> int:
        """How many records are here and not yet taken."""
        return sum(map(len, self._waiting.values()))

    def ready(self) -> bool:
        """Whether `take` may give something."""
        return bool(self.consumer._fetcher._records) or self.waiting() > 0

    def behind(self) -> set[str]:
        """The topics that have more on the broker than is here, as far as is known."""
        assignment = self.consumer._subscription.subscription.assignment
        topics = set()
        for partition in assignment.tps:
            state = assignment.state_value(partition)
            end = state.highwater if state.lso is None else state.lso
            if end is None or state.position < end:
                topics.add(partition.topic)
        return topics

    def lacks(self) -> bool:
        """Whether nothing is here of a topic that has more on the broker: it may be earlier than all that is here."""
        here = {partition.topic for partition in self.consumer._fetcher._records}
        return any(topic not in here and not self._waiting.get(topic) for topic in self.behind())

    def _is_patient(self) -> bool:
        """Whether it is worth waiting for a topic of which nothing is here."""
        if not self.lacks():
            self._lacking_since = None
            return False
        if self._lacking_since is None:
            self._lacking_since = time.monotonic()
        return time.monotonic() - self._lacking_since < EVEN_SECONDS and self.waiting() < EVEN_RECORDS

    async def even(self) -> None:
        """Let no topic run ahead in a backlog: an outcome must not overtake the lead that it is about."""
        while self.ready() and self._is_patient():
            self.collect(EVEN_RECORDS)  # the fetcher asks for more only when nothing of the last answer is left in it
            if self.lacks():
                await self.wait(HURRY_MS / 1000)

    def take(self, limit: int) -> Taken:
        """Up to `limit` records that are here, until TAKE_BYTES are reached: the earliest over all topics, merged.

        Nothing while a topic is worth waiting for, see `even`.
        """
        self.collect(limit)
        if self._is_patient():
            return NOTHING
        waiting = self._waiting
        counts = earliest(waiting, limit)
        emptied = {topic for topic in self.behind() if counts.get(topic, 0) == len(waiting.get(topic, ()))}
        if emptied:
            counts = even(waiting, counts, emptied)
        if not counts:
            return NOTHING
        records = in_order({topic: waiting[topic][:count] for topic, count in counts.items()})
        if sum(len(record.value) for record in records if record.value) > TAKE_BYTES:
            records = records[: how_many(records, TAKE_BYTES)]
            counts = Counter(record.topic for record in records)
        after = {topic: waiting[topic][count - 1].offset + 1 for topic, count in counts.items()}
        for topic, count in counts.items():
            waiting[topic] = waiting[topic][count:]
        return Taken(records, after)

    def collect(self, enough: int) -> None:
        """Unpack what has arrived; a topic with `enough` waiting is left in the fetcher, which then waits too."""
        fetcher = self.consumer._fetcher
        for partition in list(fetcher._records):
            waiting = self._waiting.setdefault(partition.topic, [])
            if len(waiting) >= enough:
                continue
            result = fetcher._records.pop(partition)
            fetcher._notify(fetcher._wait_consume_future)
            if not isinstance(result, FetchResult):
                result.check_raise()
            elif result.check_assignment(partition):
                waiting.extend(unpack(partition, result._partition_records))
                result._update_position()
        self._hurry()

    def _hurry(self) -> None:
        """Let the next fetches wait briefly at the broker while there is a backlog."""
        fetcher = self.consumer._fetcher
        fetcher._fetch_max_wait_ms = HURRY_MS if fetcher._records or self.behind() else self._calm_ms

    async def wait(self, seconds: float) -> None:
        """Return when something has arrived, or after `seconds`."""
        fetcher = self.consumer._fetcher
        if fetcher._fetch_task.done():
            fetcher._fetch_task.result()
        if not fetcher._records:
            arrived = fetcher._create_fetch_waiter()
            await asyncio.wait([arrived], timeout=seconds)
            arrived.cancel()

    def position(self, partition: TopicPartition) -> int:
        """The next offset to fetch, after everything that `take` gave or holds."""
        position: int = self.consumer._subscription.subscription.assignment.state_value(partition).position
        return position


def unpack(partition: TopicPartition, fetched: PartitionRecords) -> Iterable[Record]:
    """The committed records of one fetch. What PartitionRecords._unpack_records does, a batch at a time."""
    topic, number = partition
    records: list[Record] = []
    memory = fetched._records
    fetched._records_iterator = None  # unused here, it would hold the whole fetch in a reference cycle
    while memory.has_next():
        batch = memory.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {partition}")
        if not skipped(batch, fetched):
            start = fetched.next_fetch_offset  # a batch may begin before it
            try:
                records += taken_from(batch, topic, number, start)
            except (UnicodeDecodeError, CorruptRecordException):
                records += taken_from(Lenient(memory.raw_batch(batch.base_offset)), topic, number, start)
        fetched.next_fetch_offset = batch.next_offset
    return records


def taken_from(batch: Any, topic: str, number: int, start: int) -> list[Record]:
    """The records of a batch from offset `start` on."""
    return [
        Record(topic, number, record.offset, record.timestamp, record.key, record.value, record.headers)
        for record in batch
        if record.offset >= start
    ]


def how_many(records: Sequence[Record], limit: int) -> int:
    """How many records from the first on reach `limit` bytes; at least one."""
    sizes = accumulate(len(record.value or b"") for record in records)
    return next((count for count, size in enumerate(sizes, 1) if size >= limit), len(records))


class KeptRecords(MemoryRecords):  # type: ignore[misc]  # aiokafka has no types
    """The records of a fetch, and their bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw

    def raw_batch(self, base_offset: int) -> bytearray:
        """The bytes of the batch that begins at an offset."""
        at = 0
        while int.from_bytes(self.raw[at : at + 8], "big") != base_offset:
            at += BATCH_FRAME + int.from_bytes(self.raw[at + 8 : at + BATCH_FRAME], "big")
        return bytearray(self.raw[at : at + BATCH_FRAME + int.from_bytes(self.raw[at + 8 : at + BATCH_FRAME], "big")])


BATCH_FRAME = 12  # bytes of base offset and length, before what the length counts
aiokafka_fetcher.MemoryRecords = KeptRecords


class Lenient(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    """A record batch in which a header's name may be any bytes."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = LenientBytes(self._buffer)


class LenientBytes(bytearray):
    """Bytes that are always text: what is not UTF-8 is escaped."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return LenientBytes(found) if isinstance(found, bytearray) else found

    def decode(self, *_: str) -> str:
        return super().decode("utf-8", "backslashreplace")


def skipped(batch: Any, fetched: PartitionRecords) -> bool:
    """Whether a record batch is a marker or belongs to an aborted transaction."""
    if batch.producer_id is not None:
        fetched._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch:
            if fetched._contains_abort_marker(batch):
                fetched._aborted_producers.discard(batch.producer_id)
        elif batch.is_transactional and batch.producer_id in fetched._aborted_producers:
            return True
    return bool(batch.is_control_batch)
