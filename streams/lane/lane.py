"""A lane: partition p of every input, consumed, decided and produced by one worker, exactly once.

Law of this module: the producer is the fence; position and state live in one changelog; memory changes only after the
commit; on any error the lane is thrown away and rebuilt from Kafka.

Next: streams/metrics.py
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from streams import metrics
from streams.errors import LeadlaneError
from streams.lane.chain import NO_HEAD, chained
from streams.lane.clients import CALL_SECONDS, Clients
from streams.lane.control import Control
from streams.lane.denials import DENIALS, denied
from streams.lane.job import Job, LaneSettings
from streams.lane.keys import LaneKeys
from streams.lane.privates import Reader, discard, fill
from streams.lane.processor import POSITION, Batch, JournalEntry, Outcome, OutputRecord
from streams.lane.store import DictStore, Store
from streams.lane.unreadable import shown
from streams.privacy.keys import UnknownKey, WrongSecret

log = logging.getLogger(__name__)
TICK_SECONDS = 1.0
CLOSE_SECONDS = 4.0
RESTORE_RECORDS = 5_000  # 40 ms with their compression; the lanes that run wait so long
# A lane rests as long as two of its transactions take, so that it spends a third of its time in transactions: at once
# when the broker is quick, up to the linger when it is busy, when fewer and larger transactions help everybody.
REST = 3.0
USUAL_WEIGHT = 0.2
FETCH_SECONDS = 0.003
BATCH_SECONDS = 0.1
LEAST_BATCH = 20


class Position(msgspec.Struct, frozen=True):
    """Where a lane goes on; committed with every batch."""

    next: dict[str, int]  # by input topic
    seq: int = 0
    now: int = 0
    chain: bytes = NO_HEAD  # head of the chain through the outputs of Job.chained


class Taken(NamedTuple):
    """What is decided next."""

    batch: Batch
    next: dict[str, int]  # by input topic: the offset after its records


class Decided(NamedTuple):
    """One batch, decided but not committed."""

    batch: Batch
    outcome: Outcome
    after: Position
    entry: JournalEntry


class Host(Protocol):
    """What a lane needs of its worker."""

    settings: LaneSettings
    job: Job
    clients: Clients
    control: Control
    settled: asyncio.Event  # set unless a rebalance is on
    turn: asyncio.Lock  # one lane decides at a time, so that the others' requests go on in between

    def fail(self, error: Exception) -> None: ...


class OutputTooLarge(LeadlaneError):
    """A processor made a record that the broker would not take: the processor must dead-letter it instead."""


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Lane:
    """One lane of this worker. After `close` its state stays in memory: the warm copy."""

    def __init__(self, host: Host, number: int, clock: Callable[[], int] = wall_ms) -> None:
        self.number = number
        self.store: Store = DictStore()
        self.position = Position({})
        self.end = -1  # end of the changelog that store and position reflect; -1: unknown
        self.is_open = False
        self.sign_of_life = time.monotonic()
        self._host, self._clock = host, clock
        self._inputs = [TopicPartition(topic, number) for topic in host.job.processor.inputs]
        self._changelog = TopicPartition(host.job.state, number)
        self._producer: AIOKafkaProducer | None = None
        self._reader: Reader | None = None
        sealed = host.job.sealed
        self.keys = None if sealed is None else LaneKeys(host.clients, sealed, number)
        self._task: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._closing = False
        self._known_topics: set[str] = set()
        self._began, self._usual = 0.0, 0.0  # when the last transaction began, what one takes; seconds
        self._each, self._limit = 0.0, host.settings.batch_records  # seconds for a record, records for a batch

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=f"lane {self.number}")

    async def close(self) -> bool:
        """Let the running transaction end, then stop; whether the lane may be started again."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._busy.acquire(), CLOSE_SECONDS)
            self._busy.release()
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
        await self._release()
        if self.keys is not None:
            self.keys.forget()
        log.info("lane %d closed", self.number)
        return self._task.done()  # never two tasks on one lane

    async def _run(self) -> None:
        while not self._closing:
            try:
                self.sign_of_life = time.monotonic()  # a broker that is away for long is no reason to restart
                await self._open()
                while not self._closing:
                    self.sign_of_life = time.monotonic()
                    await self._step()
            except (OutputTooLarge, WrongSecret) as error:  # trying again would give the same
                self._host.fail(error)
                return
            except DENIALS as error:
                self._host.fail(denied(self._host.settings, error))
                return
            except Exception as error:  # whatever it was: Kafka knows the truth, start from there
                log.warning("lane %d is rebuilt after %r", self.number, error, exc_info=log.isEnabledFor(logging.DEBUG))
                metrics.REBUILDS.labels(type(error).__name__).inc()
                await self._release()
                await self._cool_down()

    async def _cool_down(self) -> None:
        """Let the group say whose lane it is; opening it is safe all the same, so wait for one session at most."""
        settings = self._host.settings
        await asyncio.sleep(1.5 * settings.heartbeat_seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._host.settled.wait(), settings.session_timeout_seconds)

    async def _release(self) -> None:
        self.is_open = False
        producer, self._producer = self._producer, None
        reader, self._reader = self._reader, None
        if producer is not None:
            await self._host.clients.reap(discard(producer))
        if reader is not None:
            await self._host.clients.reap(reader.consumer.stop())
        if self.keys is not None:
            await self.keys.stop()

    # --- opening ------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        began = time.monotonic()
        clients = self._host.clients
        self._producer, self._reader = clients.producer(self.number), clients.reader()
        beginnings, *_ = await asyncio.gather(
            clients.beginnings(self._inputs),
            asyncio.wait_for(self._reader.consumer.start(), CALL_SECONDS),
            asyncio.wait_for(self._producer.start(), CALL_SECONDS),  # fences the old owner and ends its transaction
            *(() if self.keys is None else (self.keys.start(),)),
        )
        target = (await clients.ends([self._changelog]))[self._changelog]  # only now: the old owner writes no more
        kind = "cold" if self.end < 0 else "warm" if self.end == target else "delta"
        if kind != "warm":
            await self._catch_up(self._reader, target)
        if self.keys is not None:  # only now, too
            await self.keys.open()
        self.position = self._resume_at(beginnings)
        self._reader.assign({tp: self.position.next[tp.topic] for tp in self._inputs})
        self._known_topics.clear()
        self.is_open = True
        metrics.OPEN_SECONDS.labels(kind).observe(time.monotonic() - began)
        log.info("lane %d open: %s, %d leads, %.3f s", self.number, kind, len(self.store), time.monotonic() - began)

    async def _catch_up(self, reader: Reader, target: int) -> None:
        """Read the changelog on from where our copy ends until the position is at the target.

        The position, not a record: markers and compaction leave no last record. Values are absolute, so reading a part
        twice after an error does no harm.
        """
        start = self.end
        if start < 0:
            self.store.clear()
            start = (await self._host.clients.beginnings([self._changelog]))[self._changelog]
        reader.assign({self._changelog: start})
        packed_position: bytes | None = None
        seen, stuck = start, time.monotonic() + CALL_SECONDS
        while True:
            for record in reader.take(RESTORE_RECORDS).records:
                if record.key == POSITION:
                    packed_position = record.value
                elif record.key is not None:
                    self.store.load(record.key, record.value)
            at = reader.position(self._changelog)
            if at >= target and not reader.waiting():
                break
            if at > seen:
                seen, stuck = at, time.monotonic() + CALL_SECONDS
            elif time.monotonic() > stuck:
                raise TimeoutError(f"changelog {self._changelog} stands at {at} of {target}")
            self.sign_of_life = time.monotonic()
            await (asyncio.sleep(0) if reader.ready() else reader.wait(TICK_SECONDS))
        self.store.loaded()
        if packed_position is not None:
            self.position = msgspec.msgpack.decode(packed_position, type=Position)
        elif self.end < 0:
            self.position = Position({})
        self.end = target

    def _resume_at(self, beginnings: dict[TopicPartition, int]) -> Position:
        """The position with an offset for every input: new ones start at their beginning, expired ones are skipped."""
        offsets = dict(self.position.next)
        for tp, beginning in beginnings.items():
            at = offsets.setdefault(tp.topic, beginning)
            if at < beginning:
                log.error("%s[%d]: retention removed offsets %d to %d before they were read; raise retention.ms or add "
                          "workers", tp.topic, tp.partition, at, beginning - 1)  # fmt: skip
                metrics.SKIPPED.labels(tp.topic).inc(beginning - at)
                offsets[tp.topic] = beginning
        return msgspec.structs.replace(self.position, next=offsets)

    # --- batches ------------------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        assert self._reader is not None
        if not self._reader.ready():
            await self._reader.wait(TICK_SECONDS)
        await self._rest()
        await self._reader.even()
        async with self._busy:  # close() waits for this
            if self._closing:
                return
            decided = await self._decided(self._reader)
            if decided is not None:
                async with asyncio.timeout(0.8 * self._host.settings.transaction_timeout_seconds):
                    end = await self._commit(decided)
                self.store.apply(decided.outcome.changed)  # only now
                if self.keys is not None:
                    self.keys.committed(decided.outcome.outputs.get(self.keys.topic, ()))
                self.position, self.end = decided.after, end
                self._account(decided)

    async def _rest(self) -> None:
        """Let records gather, unless a batch is full."""
        assert self._reader is not None
        rest = min(self._host.settings.linger_ms / 1000, REST * self._usual) - (time.monotonic() - self._began)
        if rest > 0 and self._reader.ready() and self._reader.waiting() < self._limit:
            await asyncio.sleep(rest)
            # A fetch ends with the first record; what came to the broker since then takes one more.
            self._reader.collect(self._limit)
            await self._reader.wait(FETCH_SECONDS)

    async def _decided(self, reader: Reader) -> Decided | None:
        """Decide what is here and what is due; None if there is neither.

        A second time when a key is missing, after all keys that there are were read: then it has been destroyed.
        """
        async with self._host.turn:
            taken = self._take(reader)
            if taken is None:
                return None
            try:
                return self._decide(taken)
            except UnknownKey:
                if self.keys is None:
                    raise
        metrics.KEY_READS.inc()
        await self.keys.refresh()  # without the turn: the other lanes go on
        assert taken.batch.keys is not None
        complete = taken.batch.keys._replace(ring=self.keys.ring, is_complete=True)
        async with self._host.turn:
            return self._decide(taken._replace(batch=taken.batch._replace(keys=complete)))

    def _take(self, reader: Reader) -> Taken | None:
        """What is here and what is due; None if there is neither."""
        if self.keys is not None:
            self.keys.pull()
        taken = reader.take(self._limit)
        now = max(self._clock(), self.position.now)
        due = self.store.due(now, self._limit)
        if not taken.records and not due:
            return None
        self._began = time.monotonic()
        keys = None if self.keys is None else self.keys.for_batch()
        return Taken(Batch(taken.records, due, now, self.number, self.position.seq, keys), taken.next)

    def _decide(self, taken: Taken) -> Decided:
        began = time.monotonic()
        batch, applied, job = taken.batch, self._host.control.current, self._host.job
        seq, chain = self.position.seq, self.position.chain
        outcome = job.processor.process(self.store.view, batch, applied.context)
        if job.chained in outcome.outputs:
            outcome.outputs[job.chained], chain = chained(outcome.outputs[job.chained], chain)
        count = len(batch.records) + len(batch.due)
        self._pace(count, time.monotonic() - began)
        first = {topic: self.position.next[topic] for topic in taken.next}
        return Decided(
            batch,
            outcome,
            Position(self.position.next | taken.next, seq + count, batch.now, chain),
            JournalEntry(
                self.number, seq, batch.now, first, taken.next, len(batch.records), len(batch.due), applied.next
            ),
        )

    def _pace(self, count: int, seconds: float) -> None:
        """Keep the time of one batch within bounds: all lanes share one event loop, and so do their heartbeats."""
        metrics.PROCESS_SECONDS.observe(seconds)
        if count >= LEAST_BATCH:
            self._each += USUAL_WEIGHT * (seconds / count - self._each)
            affordable = int(BATCH_SECONDS / max(self._each, 1e-9))
            self._limit = min(self._host.settings.batch_records, max(LEAST_BATCH, affordable))

    async def _commit(self, decided: Decided) -> int:
        """One transaction; the end of the changelog after it."""
        assert self._producer is not None
        outcome, entry = decided.outcome, decided.entry
        job = self._host.job
        writer = f"{self._host.settings.slot}/{os.getpid()}".encode()
        state = [OutputRecord(key, packed) for key, packed in outcome.changed.items()]
        state.append(OutputRecord(POSITION, msgspec.msgpack.encode(decided.after)))
        journal = [OutputRecord(b"%d" % self.number, job.write_entry(entry), [("worker", writer)])]
        topics = {**outcome.outputs, job.journal: journal, job.state: state}
        for topic in topics.keys() - self._known_topics:  # so that nothing waits between the sends
            await self._producer.partitions_for(topic)
            self._known_topics.add(topic)
        await self._producer.begin_transaction()
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        for topic, records in topics.items():
            sent += await self._send(topic, records, entry.now)
        last = await delivered([future for _, future in sent])
        await self._producer.commit_transaction()
        return int(last.offset) + sent[-1][0] + 1  # the commit marker takes one offset

    async def _send(
        self, topic: str, records: list[OutputRecord], timestamp: int
    ) -> list[tuple[int, asyncio.Future[Any]]]:
        """Hand records to the producer in as few batches as hold them: (count, delivery) of each."""
        assert self._producer is not None
        job = self._host.job
        limit = job.limits.get(topic, self._host.settings.max_record_bytes)
        partition = 0 if topic in job.single else self.number
        sent, start = [], 0
        while start < len(records):
            batch = self._producer.create_batch()
            first, start = start, fill(batch, records, start, timestamp)
            if batch.size() > limit:  # only a first record can do that
                raise OutputTooLarge(
                    f"lane {self.number}, {topic}, key {shown(records[first].key)}: expected a record of at most "
                    f"{limit} bytes, got {batch.size()}. The processor must send it to dead letters."
                )
            sent.append((batch.record_count(), await self._producer.send_batch(batch, topic, partition=partition)))
        return sent

    def _account(self, decided: Decided) -> None:
        batch = decided.batch
        took = time.monotonic() - self._began
        self._usual += USUAL_WEIGHT * (took - self._usual)
        metrics.TRANSACTION_SECONDS.observe(took)
        metrics.TRANSACTION_RECORDS.observe(len(batch.records) + len(batch.due))
        metrics.LANE_RECORDS.labels(self.number).inc(len(batch.records))
        metrics.LANE_DUE.labels(self.number).inc(len(batch.due))
        metrics.count(decided.outcome.counts)
        if self._host.job.on_commit is not None:
            self._host.job.on_commit(batch, took)
        metrics.happened(decided.outcome.happened)
        for topic, records in decided.outcome.outputs.items():
            metrics.OUTPUTS.labels(topic).inc(len(records))

    def lag(self) -> dict[str, int]:
        """Records by input topic that the broker has and this lane has not committed, as far as it knows."""
        reader = self._reader
        if not self.is_open or reader is None:
            return {}
        highs = {tp.topic: reader.consumer.highwater(tp) for tp in self._inputs}
        return {topic: max(0, high - self.position.next[topic]) for topic, high in highs.items() if high is not None}


async def delivered(deliveries: list[asyncio.Future[Any]]) -> Any:
    """Wait for every delivery; the last one's metadata. The commit itself does not look whether they succeeded."""
    results = await asyncio.gather(*deliveries, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results[-1]
