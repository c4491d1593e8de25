"""Sends the messages, and remembers of every partition how many went there and what they come to together."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from random import Random
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Sent

from streams.topics import CONTROLS, INPUTS
from tests.fuzz.material import BOMBS, Material, Message
from tests.mutate import mutated

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PER_CODEC = 2_000  # messages in a row through one producer, so that its batches are full
LARGEST = 16_000_000  # bytes before compression: the broker counts what is left after it
FLUSH_SECONDS = 120.0
ABORTED = b"aborted"
WORD = (1 << 64) - 1


def digest(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> int:
    """64 bits that stand for a message; sums of them are compared, so that the order does not matter."""
    whole = hashlib.blake2b(repr((key, None if value is None else len(value), list(headers))).encode(), digest_size=8)
    whole.update(value or b"")
    return int.from_bytes(whole.digest(), "big")


class Feed:
    """One idempotent producer for each codec."""

    def __init__(self, brokers: str) -> None:
        self.count: Counter[tuple[str, int]] = Counter()
        self.sums: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._failed: list[str] = []
        self._brokers, self._sent = brokers, 0
        self._aborting: Producer | None = None
        self._producers = [self._producer(codec) for codec in CODECS]

    def send(self, message: Message, codec: str | None = None) -> None:
        """Hand a message over; waits while too many are on their way."""
        place = message.topic, message.partition
        self.count[place] += 1
        self.sums[place] = self.sums[place] + digest(message.key, message.value, message.headers) & WORD
        at = CODECS.index(codec) if codec else self._sent // PER_CODEC % len(CODECS)
        self._sent += 1
        self._produce(self._producers[at], message)

    def flush(self) -> None:
        """Wait until all is there. Raises KafkaException when a message was refused."""
        left = sum(producer.flush(FLUSH_SECONDS) for producer in self._producers)
        if left or self._failed:
            raise KafkaException(f"{left} messages are not acknowledged; refused: {self._failed[:3]}")

    def send_aborted(self, lanes: int, per_topic: int = 20) -> None:
        """Messages that nobody may ever see: of a transaction that is given up."""
        if self._aborting is None:
            self._aborting = self._producer("none", **{"transactional.id": f"fuzz-aborted-{uuid4().hex}"})
            self._aborting.init_transactions(30)
        producer = self._aborting
        producer.begin_transaction()
        for topic in INPUTS:
            for number in range(per_topic):
                self._produce(producer, Message(topic.name, number % lanes, ABORTED, ABORTED))
        producer.flush(FLUSH_SECONDS)
        producer.abort_transaction(30)

    def send_control_garbage(self, material: Material, random: Random, count: int) -> None:
        """What a running worker must not follow, under keys that it reads."""
        producer = self._producers[0]
        for number in range(count):
            topic = random.choice(CONTROLS).name
            source = material.any_value(random.choice(INPUTS).name)
            key = random.choice((b"active", b"\xff", b"", b"rep-%d" % (number % 20)))  # compacted topics take no null
            value = random.choice((None if key != b"active" else b"", mutated(source, random), random.randbytes(40)))
            producer.produce(topic, value, key, partition=0)
        for key, value in material.control_bomb(random.randrange(len(BOMBS))):
            producer.produce("control.policies", value, key, partition=0)
        producer.flush(FLUSH_SECONDS)

    def _producer(self, codec: str, **more: Any) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._brokers,
                "enable.idempotence": True,
                "compression.type": codec,
                "linger.ms": 20,
                "message.max.bytes": LARGEST,
                "queue.buffering.max.messages": 20_000,
                "delivery.report.only.error": True,
                "on_delivery": self._delivered,
                "log_level": 2,
                **more,
            }
        )

    def _produce(self, producer: Producer, message: Message) -> None:
        while True:
            try:
                producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    message.partition,
                    headers=list(message.headers),
                    timestamp=message.timestamp,
                )
                producer.poll(0)
                return
            except BufferError:
                producer.poll(0.05)

    def _delivered(self, error: KafkaError | None, message: Sent) -> None:
        if error is not None:
            self._failed.append(f"{message.topic()}: {error.str()}")
