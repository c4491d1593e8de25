"""The control topics, read whole before the first batch and followed ever after; lanes take what is current.

Law of this module: a control record that nobody understands stops nothing. The last good context stays, together
with the offsets that it was built from, since the journal names those.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams import metrics
from streams.errors import NotReady
from streams.lane.clients import CALL_SECONDS, Clients
from streams.lane.denials import DENIALS
from streams.lane.job import Build, ControlView

log = logging.getLogger(__name__)
POLL_MS = 500
RETRY_SECONDS = 1.0


class Following(Protocol):
    """Who follows the control topics, and what is made of them."""

    @property
    def controls(self) -> tuple[str, ...]: ...
    @property
    def build(self) -> Build: ...
    @property
    def versions(self) -> Callable[[Any], Mapping[str, str]]: ...


class Applied(NamedTuple):
    """A context and how far the control topics stood when it was built."""

    context: Any
    next: dict[str, int]


class Control:
    """Keeps the view of the control topics and the context built from it."""

    def __init__(self, clients: Clients, job: Following) -> None:
        self._clients, self._job = clients, job
        self._partitions = [TopicPartition(topic, 0) for topic in job.controls]
        self._records: dict[str, dict[bytes, bytes]] = {topic: {} for topic in job.controls}
        self._next: dict[str, int] = dict.fromkeys(job.controls, 0)
        self._consumer: AIOKafkaConsumer | None = None
        self._current: Applied | None = None
        self._problems: frozenset[str] = frozenset()  # as of the last look

    @property
    def current(self) -> Applied:
        """What a lane decides its next batch with."""
        assert self._current is not None, "start() gives the first context or raises"
        return self._current

    @property
    def ready(self) -> bool:
        return self._current is not None

    async def start(self) -> None:
        """Read everything and build the first context; NotReady if there is none."""
        if self._partitions:
            ends = await self._clients.ends(self._partitions)
            await self._open()
            async with asyncio.timeout(CALL_SECONDS):
                while any(self._next[partition.topic] < end for partition, end in ends.items()):
                    await self._read()
        self._rebuild()
        if self._current is None:
            raise NotReady(
                f"control topics {', '.join(self._job.controls) or '(none)'}: expected an active policy, got none that "
                "this version can use (see the warnings above). Publish one with `leadlane policy publish`."
            )

    async def follow(self) -> None:
        """Take changes over as they come, for ever. The broker may come and go."""
        while self._partitions:
            try:
                if self._consumer is None:
                    await self._open()
                if await self._read():
                    self._rebuild()
            except DENIALS:
                raise
            except (KafkaError, TimeoutError) as error:
                log.warning("control topics: %r; trying again", error)
                await self.stop()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(0)

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await self._clients.reap(consumer.stop())

    async def _open(self) -> None:
        self._consumer = self._clients.consumer(isolation_level="read_committed", auto_offset_reset="earliest")
        await asyncio.wait_for(self._consumer.start(), CALL_SECONDS)
        self._consumer.assign(self._partitions)
        for partition in self._partitions:
            self._consumer.seek(partition, self._next[partition.topic])

    async def _read(self) -> bool:
        """Apply what has come to the view; whether that was anything."""
        assert self._consumer is not None
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
        for partition, records in fetched.items():
            kept = self._records[partition.topic]
            for record in records:
                if record.value is None:
                    kept.pop(record.key or b"", None)
                else:
                    kept[record.key or b""] = record.value
        for partition in self._partitions:  # markers move the position too
            self._next[partition.topic] = await self._consumer.position(partition)
        return bool(fetched)

    def _rebuild(self) -> None:
        view = ControlView({topic: dict(records) for topic, records in self._records.items()}, dict(self._next))
        context, problems = self._job.build(view)
        for problem in problems:
            if problem not in self._problems:  # it stays until somebody mends it, and is said once
                log.warning("control: %s", problem)
                metrics.CONTROL_PROBLEMS.inc()
        self._problems = frozenset(problems)
        if context is None:
            return
        self._current = Applied(context, dict(self._next))
        metrics.CONTEXT_CHANGES.inc()
        metrics.in_force(self._job.versions(context))
        for topic, records in view.records.items():
            metrics.CONTROL_RECORDS.labels(topic).set(len(records))
            metrics.CONTROL_OFFSET.labels(topic).set(view.next[topic])
