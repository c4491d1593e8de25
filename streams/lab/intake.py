"""What the lab reads: committed records of training.examples and of what governance looks at, from explicit places.

Law of this module: no group and no committed offsets (aiokafka may say that there are none while a coordinator loads).
The places are the lab's own, kept with what was learned before them; a record counts as read when it was marked so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams import metrics
from streams.lab.checkpoint import Places
from streams.lane.clients import CALL_SECONDS, Clients

log = logging.getLogger(__name__)
FETCH_WAIT_MS = 500  # an idle fetch is answered after this long: it bounds how late a held topic goes on


class Intake:
    """Reads these topics (name -> partitions)."""

    def __init__(self, clients: Clients, topics: Mapping[str, int]) -> None:
        self._clients = clients
        self._partitions = [TopicPartition(topic, number) for topic, count in topics.items() for number in range(count)]
        self._consumer: AIOKafkaConsumer | None = None
        self._held: set[str] = set()
        self.next: Places = {}

    async def open(self, places: Places) -> None:
        """Read on from these places; what is not among them is read from its beginning."""
        beginnings = await self._clients.beginnings(self._partitions)
        self.next = {tp.topic: dict(places.get(tp.topic, {})) for tp in self._partitions}
        for tp, beginning in beginnings.items():
            at = self.next[tp.topic].setdefault(tp.partition, beginning)
            if at < beginning:
                log.error("%s[%d]: retention removed offsets %d to %d before the lab read them; raise retention.ms",
                          tp.topic, tp.partition, at, beginning - 1)  # fmt: skip
                metrics.SKIPPED.labels(tp.topic).inc(beginning - at)
                self.next[tp.topic][tp.partition] = beginning
        self._held.clear()
        self._consumer = self._clients.consumer(
            isolation_level="read_committed", auto_offset_reset="none", fetch_max_wait_ms=FETCH_WAIT_MS
        )
        await asyncio.wait_for(self._consumer.start(), CALL_SECONDS)
        self._consumer.assign(self._partitions)
        self._seek(self._partitions)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await self._clients.reap(consumer.stop())

    def hold(self, topic: str, held: bool) -> None:
        """Leave a topic where it is, or go on with it."""
        assert self._consumer is not None
        if held == (topic in self._held):
            return
        ours = [tp for tp in self._partitions if tp.topic == topic]
        if held:
            self._held.add(topic)
            self._consumer.pause(*ours)
        else:
            self._held.discard(topic)
            self._seek(ours)  # what was fetched and not marked comes again
            self._consumer.resume(*ours)

    async def take(self, seconds: float, limit: int) -> Iterator[Any]:
        """Up to `limit` records, in the order of each partition; waits up to `seconds` for the first."""
        assert self._consumer is not None
        fetched = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=limit)
        return self._unheld(fetched)

    def mark(self, record: Any) -> None:
        """This record is read."""
        self.next[record.topic][record.partition] = record.offset + 1

    async def lag(self) -> dict[str, int]:
        """Records by topic that the broker has and that are not read. To be asked when all that was taken is marked."""
        assert self._consumer is not None
        found: dict[str, int] = {}
        for tp in self._partitions:
            at = self.next[tp.topic][tp.partition]
            if tp.topic not in self._held:  # markers move the position, and are no records
                at = self.next[tp.topic][tp.partition] = max(at, await self._consumer.position(tp))
            found[tp.topic] = found.get(tp.topic, 0) + max(0, (self._consumer.highwater(tp) or 0) - at)
        return found

    def _unheld(self, fetched: Mapping[TopicPartition, list[Any]]) -> Iterator[Any]:
        for tp, records in fetched.items():
            for record in records:
                if tp.topic in self._held:
                    break  # held meanwhile: it comes again
                if record.offset >= self.next[tp.topic][tp.partition]:
                    yield record

    def _seek(self, partitions: list[TopicPartition]) -> None:
        assert self._consumer is not None
        for tp in partitions:
            self._consumer.seek(tp, self.next[tp.topic][tp.partition])
