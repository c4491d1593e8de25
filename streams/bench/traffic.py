"""Feeds a job's inputs evenly, and remembers how far each partition was written.

Traffic is a callable `(count, seed) -> iterable of Sent`; the default is for the tally.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from streams.lane.job import Job

KEYS = 5000
LONGEST_TIMER_MS = 4000
STEP = 50  # records between two looks at the clock


class Sent(NamedTuple):
    """One record to feed; its partition follows from its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, str | bytes | None]] | None = None


Traffic = Callable[[Job, int, int], Iterable[Sent]]


def tally_traffic(job: Job, count: int, seed: int) -> Iterator[Sent]:
    """Records of 5,000 keys over all inputs; one in a hundred sets a timer."""
    draw = random.Random(seed)
    for number in range(count):
        timer = b"later:%d;" % draw.randrange(LONGEST_TIMER_MS) if number % 100 == 7 else b""
        yield Sent(draw.choice(job.processor.inputs), b"k%d" % draw.randrange(KEYS), timer + b"e%d" % number)


class Feed(threading.Thread):
    """Sends traffic from a thread of its own; `ends` then holds the offset after the last record by partition."""

    def __init__(self, brokers: str, traffic: Iterable[Sent], per_second: float = math.inf) -> None:
        super().__init__(name="feed", daemon=True)
        self.ends: dict[tuple[str, int], int] = {}
        self.sent = 0
        self.failed: list[str] = []
        self._traffic, self._rate = traffic, per_second
        # Idempotent, so that a broker that comes and goes neither loses nor doubles what it is fed.
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 500_000,
                "partitioner": "murmur2_random",
                "log_level": 2,
            }
        )

    @property
    def done(self) -> bool:
        return not self.is_alive()

    def run(self) -> None:
        began = time.monotonic()
        for record in self._traffic:
            if self.sent % STEP == 0:
                self._producer.poll(0)
                time.sleep(max(0.0, began + self.sent / self._rate - time.monotonic()))
            self._send(record)
            self.sent += 1
        self._producer.flush(120)

    def _send(self, record: Sent) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers or ()),
                    on_delivery=self._delivered,
                )
                return
            except BufferError:
                self._producer.poll(0.05)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))
            return
        place = (message.topic() or "", message.partition() or 0)
        self.ends[place] = max(self.ends.get(place, 0), (message.offset() or 0) + 1)
