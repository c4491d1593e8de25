"""Sends records from outside the lanes (feed, demo, redrive): idempotent, with Kafka's default partitioner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.errors import LeadlaneError
from streams.kafka.access import QUIET, denied, is_denied
from streams.kafka.reach import reach
from streams.kafka.security import confluent_config
from streams.lane.processor import Headers
from streams.settings import Settings

FLUSH_SECONDS = 30.0
FULL_QUEUE_POLL_SECONDS = 0.05
MOST_QUEUED = 200_000
# After a fault of the producer as a whole, its records are purged and new ones are refused; a poll tells of the fault.
SAYS_NOTHING = (KafkaError._PURGE_QUEUE, KafkaError._FATAL)

Delivered = Callable[[str, int, int], None]  # topic, partition, offset


class NotDelivered(LeadlaneError):
    """Records were sent, but the broker did not take all of them."""

    exit_code = 3


class Sender:
    """One producer. `sent` were handed over, `delivered` were acknowledged by every replica."""

    def __init__(self, settings: Settings, *, linger_ms: int = 5) -> None:
        """BrokerUnreachable if nobody answers."""
        self.sent = self.delivered = 0
        self._settings, self._brokers = settings, settings.brokers
        self._failure: KafkaError | None = None
        self._refused_topic = ""
        self._producer = Producer(
            confluent_config(
                settings,
                enable_idempotence=True,
                # A key must land where Kafka's own clients put it: the lane refuses a lead on another's partition.
                partitioner="murmur2_random",
                linger_ms=linger_ms,
                queue_buffering_max_messages=MOST_QUEUED,
            ),
            logger=QUIET,
        )
        reach(self._producer, settings)

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        on_delivery: Delivered | None = None,
    ) -> None:
        """Hand one record over; waits while too many are on their way. Raises NotDelivered once one was refused."""

        def acknowledged(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._fail(error, topic)
                return
            self.delivered += 1
            if on_delivery is not None:
                on_delivery(topic, int(message.partition() or 0), int(message.offset() or 0))

        options: dict[str, Any] = {"headers": list(headers)} if headers else {}
        while True:
            self._check()
            try:
                self._producer.produce(topic, value, key, on_delivery=acknowledged, **options)
            except BufferError:
                self._serve(self._producer.poll, FULL_QUEUE_POLL_SECONDS)
                continue
            except KafkaException as error:
                self._fail(error.args[0], topic)
                continue
            self.sent += 1
            self._serve(self._producer.poll, 0)
            return

    def poll(self, seconds: float = 0.0) -> None:
        """Take acknowledgements in."""
        self._serve(self._producer.poll, seconds)

    def flush(self) -> None:
        """Wait until all is acknowledged. Raises NotDelivered."""
        left = self._serve(self._producer.flush, FLUSH_SECONDS)
        self._check()
        if left:
            raise NotDelivered(
                f"{self._brokers}: {left:,} of {self.sent:,} records are not acknowledged after {FLUSH_SECONDS:.0f} s. "
                "Check the broker, then send again: event ids are the same, so nothing counts twice."
            )

    def _serve(self, serve: Callable[[float], int], seconds: float) -> int:
        """A fault of the producer as a whole comes out of whatever is called next."""
        try:
            return serve(seconds)
        except KafkaException as error:
            self._fail(error.args[0], "any topic")
            return 0

    def _fail(self, error: KafkaError, topic: str) -> None:
        if self._failure is None or self._failure.code() in SAYS_NOTHING:
            self._failure, self._refused_topic = error, topic

    def _check(self) -> None:
        if self._failure is not None and self._failure.code() in SAYS_NOTHING:
            self._serve(self._producer.poll, FULL_QUEUE_POLL_SECONDS)
        if self._failure is not None and is_denied(self._failure):
            raise denied(self._settings, self._failure, f"write to {self._refused_topic}")
        if self._failure is not None:
            raise NotDelivered(
                f"{self._brokers} refused a record: {self._failure.str()}; {self.delivered:,} of {self.sent:,} were "
                "taken. Mend that and send again: event ids are the same, so nothing counts twice."
            )
