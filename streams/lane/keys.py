"""The keys of one lane's leads: its partition of privacy.keys, read like the changelog and followed ever after.

Law of this module: a reader of its own, so that nothing here holds up the inputs. Values are absolute: reading a part
twice does no harm. What a lane lacks after `refresh` has been destroyed, since a key is on Kafka before what it seals.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable

from aiokafka import TopicPartition

from streams.lane.clients import CALL_SECONDS, Clients
from streams.lane.job import Sealed
from streams.lane.privates import Reader
from streams.lane.processor import OutputRecord
from streams.privacy.keys import BatchKeys, KeyRing

log = logging.getLogger(__name__)
LOAD_RECORDS = 5_000  # the lanes that run wait so long
WAIT_SECONDS = 1.0
ENTROPY_BYTES = 32


class LaneKeys:
    """Keys of one lane. `start`, then `open`; `stop` at the end, after which `open` reads on."""

    def __init__(self, clients: Clients, sealed: Sealed, number: int) -> None:
        self.ring = KeyRing(sealed.secrets)
        self.topic = sealed.topic
        self._clients, self._load = clients, sealed.load
        self._partition = TopicPartition(sealed.topic, number)
        self._at = -1  # up to where the ring is read; -1: unknown
        self._reader: Reader | None = None

    async def start(self) -> None:
        self._reader = self._clients.reader()
        await asyncio.wait_for(self._reader.consumer.start(), CALL_SECONDS)

    async def open(self) -> None:
        """Read everything up to now. Raises WrongSecret, TimeoutError."""
        assert self._reader is not None
        if self._at < 0:
            self.forget()
            self._at = (await self._clients.beginnings([self._partition]))[self._partition]
        self._reader.assign({self._partition: self._at})
        self._at = -1  # until it worked: whatever was wrong, the next time everything is read
        await self.refresh()
        self.ring.must_open()

    async def refresh(self) -> None:
        """Read on to what is the end now. Raises TimeoutError."""
        target = (await self._clients.ends([self._partition]))[self._partition]
        seen, stuck = -1, time.monotonic() + CALL_SECONDS
        while True:
            self.pull()
            if self._at >= target:
                return
            if self._at > seen:
                seen, stuck = self._at, time.monotonic() + CALL_SECONDS
            elif time.monotonic() > stuck:
                raise TimeoutError(f"{self._partition} stands at {self._at} of {target}")
            assert self._reader is not None
            await (asyncio.sleep(0) if self._reader.ready() else self._reader.wait(WAIT_SECONDS))

    def pull(self) -> None:
        """Take in what has arrived, up to LOAD_RECORDS."""
        assert self._reader is not None
        if self._reader.ready():
            self._apply((record.key, record.value) for record in self._reader.take(LOAD_RECORDS).records)
        if not self._reader.waiting():
            self._at = self._reader.position(self._partition)

    def committed(self, records: Iterable[OutputRecord]) -> None:
        """Take in what this lane has written: it will read the same once more."""
        self._apply((record.key, record.value) for record in records)

    def for_batch(self) -> BatchKeys:
        return BatchKeys(self.ring, os.urandom(ENTROPY_BYTES), is_complete=False)

    async def stop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await self._clients.reap(reader.consumer.stop())

    def forget(self) -> None:
        self.ring.clear()
        self._at = -1

    def _apply(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        unreadable = self._load(self.ring, records)
        if unreadable:
            log.error("%s: %d records are no keys and are left out", self._partition, unreadable)
