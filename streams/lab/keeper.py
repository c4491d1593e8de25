"""Keeps the lab's checkpoints on lab.state, and with them the right to be the lab.

Law of this module: the producer is the fence. One transactional id per app and line: a lab that starts fences the one
before, whose next checkpoint then fails; what a lab makes known it has kept here before.
"""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from streams.errors import LeadlaneError
from streams.lab.checkpoint import Checkpoint, Search, records_of
from streams.lane.clients import CALL_SECONDS, Clients
from streams.lane.lane import delivered
from streams.lane.privates import Reader, discard
from streams.topics import LAB_STATE

PLACE = TopicPartition(LAB_STATE.name, 0)
RESTORE_RECORDS = 1_000
WAIT_SECONDS = 1.0


class TakenOver(LeadlaneError):
    """Another lab of the same app and line has started: this one ends."""

    exit_code = 6


class Keeper:
    """One line's checkpoints. `open` fences whoever had them before and gives the newest."""

    def __init__(self, clients: Clients, line: str) -> None:
        self._clients, self._line = clients, line
        self._producer: AIOKafkaProducer | None = None
        self._parts = 0

    async def open(self) -> Checkpoint | None:
        """Become the lab of this line; its newest whole checkpoint, None if it has none. Raises BadCheckpoint."""
        self._producer = self._clients.transactional(f"lab-{self._line}")
        await asyncio.wait_for(
            self._producer.start(), CALL_SECONDS
        )  # the former lab's running transaction ends with it
        reader = self._clients.reader()
        try:
            await asyncio.wait_for(reader.consumer.start(), CALL_SECONDS)
            search = await self._searched(reader)
        finally:
            await self._clients.reap(reader.consumer.stop())
        self._parts = len(search.parts)
        return search.found()

    async def keep(self, checkpoint: Checkpoint) -> None:
        """Write it, whole or not at all. Raises TakenOver when another lab has the line."""
        assert self._producer is not None
        written = records_of(checkpoint, self._parts)
        try:
            async with asyncio.timeout(0.8 * self._clients.settings.transaction_timeout_seconds):
                await self._producer.begin_transaction()
                sent = [
                    await self._producer.send(PLACE.topic, value, key=key, partition=PLACE.partition)
                    for key, value, _ in written.records
                ]
                await delivered(sent)
                await self._producer.commit_transaction()
        except ProducerFenced as error:
            raise TakenOver(
                f"line {self._line!r} of {self._clients.settings.app_id}: another `leadlane lab` has started and taken"
                " over, expected one alone. Nothing is lost. Stop one of them, or give it its own LEADLANE_LAB_LINE."
            ) from error
        self._parts = written.parts

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._clients.reap(discard(producer))

    async def _searched(self, reader: Reader) -> Search:
        """Every committed record of lab.state seen, up to its end as it is now."""
        end = (await self._clients.ends([PLACE]))[PLACE]
        start = (await self._clients.beginnings([PLACE]))[PLACE]
        reader.assign({PLACE: start})
        search = Search(self._line)
        seen, stuck = start, time.monotonic() + CALL_SECONDS
        while True:
            for record in reader.take(RESTORE_RECORDS).records:
                search.see(record.key, record.value)
            at = reader.position(PLACE)
            if at >= end and not reader.waiting():
                return search
            if at > seen:
                seen, stuck = at, time.monotonic() + CALL_SECONDS
            elif time.monotonic() > stuck:
                raise TimeoutError(f"{PLACE} stands at {at} of {end}")
            if not reader.ready():
                await reader.wait(WAIT_SECONDS)
