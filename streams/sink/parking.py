"""Writes to sink.parked what a target did not take; a delivery is given up only once Kafka has it there."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.kafka.security import confluent_config
from streams.lane.deadletters import Header
from streams.lane.parked import ParkedDelivery
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.sink.leads import Delivery
from streams.topics import PARKED

log = logging.getLogger(__name__)
POLL_SECONDS = 0.1
AGAIN_SECONDS = 1.0
TEXT_LIMIT = 2_000


class Parking:
    """The producer of one process."""

    def __init__(self, settings: Settings, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._producer = Producer(
            confluent_config(settings, enable_idempotence=True, partitioner="murmur2_random", linger_ms=2)
        )
        self._thread = threading.Thread(target=self._poll, name="sink-parking", daemon=True)
        self._thread.start()

    async def park(self, target: str, delivery: Delivery, status: int | None, error: str) -> None:
        """Returns when every replica has it; tries again for as long as it takes."""
        parked = parked_from(target, delivery, status, error)
        value = self._wire.encode(parked)
        headers = dict(self._wire.headers(parked, parked.partition, parked.parked_at))
        while True:
            failure = await self._send(parked, value, headers)
            if failure is None:
                return
            log.error("sink.parked does not take a delivery of %s, tried again: %s", target, failure)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _send(self, parked: ParkedDelivery, value: bytes, headers: dict[str, bytes]) -> str | None:
        future: asyncio.Future[str | None] = self._loop.create_future()

        def settle(failure: str | None) -> None:
            if not future.done():
                future.set_result(failure)

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            self._loop.call_soon_threadsafe(settle, error.str() if error is not None else None)

        try:
            # The original's partition, whatever its key: where its target's group looks for orders of this lead.
            self._producer.produce(
                PARKED.name, value, parked.key, parked.partition, headers={**headers}, on_delivery=acknowledged
            )
        except (BufferError, KafkaException) as error:
            return str(error)
        return await future

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_SECONDS)

    def close(self) -> None:
        """What is not acknowledged is not finished either: it comes again after a start."""
        self._stopping.set()
        self._thread.join(1.0)


def parked_from(target: str, delivery: Delivery, status: int | None, error: str) -> ParkedDelivery:
    """The record of a delivery that is given up."""
    return ParkedDelivery(
        target=target,
        topic=delivery.topic,
        partition=delivery.partition,
        offset=delivery.offset,
        timestamp=delivery.timestamp,
        key=delivery.key,
        value=delivery.value,
        headers=tuple(Header(name, value) for name, value in delivery.headers),
        delivery_id=delivery.id,
        tries=delivery.tries,
        status=status,
        error=error[:TEXT_LIMIT],
        parked_at=time.time_ns() // 1_000_000,
    )
