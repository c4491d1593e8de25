"""The Kafka clients of one worker, made in one place with one set of limits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from streams.errors import BrokerUnreachable, LeadlaneError
from streams.lane.denials import DENIALS, denied
from streams.lane.job import LaneSettings
from streams.lane.privates import Reader

CALL_SECONDS = 30.0  # a start, a lookup or a step of the restore that takes longer has failed
REAP_SECONDS = 1.0
REQUEST_MS = 10_000
# A transaction's first produce may be told to come again while the broker verifies it; the client's default of 100 ms
# would then set latency and throughput.
PRODUCER_BACKOFF_MS = 5
# A look-up of offsets finds the leaders of partitions that its client has not heard of; the default of 100 ms, a few
# times over, was half of what a worker that comes back after a kill needs until its first commit.
LOOKUP_BACKOFF_MS = 10
FETCH_WAIT_MS = 1_000  # a fetch is answered as soon as there is a record; an idle lane asks this often
PARTITION_FETCH_BYTES = 1 << 20


class Clients:
    """Makes clients, answers offset questions, and gets rid of clients whose broker may be dead."""

    def __init__(self, settings: LaneSettings) -> None:
        self.settings = settings
        self._lookup: AIOKafkaConsumer | None = None
        self._reaping: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Connect once; BrokerUnreachable if nobody answers."""
        self._lookup = self.consumer(retry_backoff_ms=LOOKUP_BACKOFF_MS)
        try:
            await asyncio.wait_for(self._lookup.start(), CALL_SECONDS)
        except (KafkaConnectionError, TimeoutError) as error:
            await self._lookup.stop()
            raise unreachable(self.settings, error) from error

    async def stop(self) -> None:
        if self._lookup is not None:
            await self.reap(self._lookup.stop())

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self.settings.brokers,
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_MS,
            **self.settings.security,
            **options,
        )

    def reader(self) -> Reader:
        """A reader of one lane's partitions."""
        return Reader(
            self.consumer(
                isolation_level="read_committed",
                auto_offset_reset="none",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            )
        )

    def producer(self, lane: int) -> AIOKafkaProducer:
        """The lane's transactional producer: to start it fences whoever had the lane before."""
        return self.transactional(f"lane-{lane}")

    def transactional(self, name: str) -> AIOKafkaProducer:
        """The transactional producer of this name in the app: to start it fences the one before."""
        return AIOKafkaProducer(
            bootstrap_servers=self.settings.brokers,
            transactional_id=f"{self.settings.app_id}-{name}",
            transaction_timeout_ms=int(self.settings.transaction_timeout_seconds * 1000),
            retry_backoff_ms=PRODUCER_BACKOFF_MS,
            request_timeout_ms=REQUEST_MS,
            max_batch_size=self.settings.max_record_bytes,
            **self.settings.security,
        )

    async def beginnings(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that is there, by partition."""
        assert self._lookup is not None
        offsets: dict[TopicPartition, int]
        offsets = await asyncio.wait_for(self._lookup.beginning_offsets(partitions), CALL_SECONDS)
        return offsets

    async def ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record, marker or open transaction (read_uncommitted), by partition."""
        assert self._lookup is not None
        offsets: dict[TopicPartition, int] = await asyncio.wait_for(self._lookup.end_offsets(partitions), CALL_SECONDS)
        return offsets

    async def partitions(self, topics: Iterable[str]) -> dict[str, int]:
        """The partition count of each topic; 0 for one that does not exist."""
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.settings.brokers, request_timeout_ms=REQUEST_MS, **self.settings.security
        )
        try:
            await asyncio.wait_for(admin.start(), CALL_SECONDS)
            described = await admin.describe_topics(sorted(set(topics)))
        finally:
            await admin.close()
        hidden = [topic["topic"] for topic in described if topic["error_code"] == TopicAuthorizationFailedError.errno]
        if hidden:
            raise TopicAuthorizationFailedError(hidden)
        return {topic["topic"]: 0 if topic["error_code"] else len(topic["partitions"]) for topic in described}

    async def reap(self, stopping: Coroutine[Any, Any, Any]) -> None:
        """Stop a client, but wait for a moment only: a request to a dead broker takes its whole time limit."""
        task = asyncio.create_task(stopping)
        self._reaping.add(task)
        task.add_done_callback(self._reaped)
        await asyncio.wait([task], timeout=REAP_SECONDS)

    def _reaped(self, task: asyncio.Task[Any]) -> None:
        self._reaping.discard(task)
        if not task.cancelled():
            task.exception()  # a client that fails to stop is gone all the same


def unreachable(settings: LaneSettings, error: Exception) -> LeadlaneError:
    """The error for a broker that does not answer, or not to us, while a process starts."""
    if isinstance(error, DENIALS):
        return denied(settings, error)
    return BrokerUnreachable(
        f"LEADLANE_BROKERS={settings.brokers}: expected a Kafka broker, got {error!r}. Start it or correct the address."
    )
