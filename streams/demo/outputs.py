"""Follows the output topics in a thread: committed records only, each with the time at which it became visible."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from streams import topics
from streams.kafka.reader import bounds
from streams.kafka.security import confluent_config
from streams.settings import Settings

FOLLOWED = (
    topics.DECISIONS, topics.ROUTED, topics.LEAD_SCORES, topics.CADENCES, topics.CASE_EVENTS, topics.CASES_OPEN,
    topics.VERDICTS, topics.DEAD_LETTERS, topics.JOURNAL, topics.EXAMPLES,
)  # fmt: skip
POLL_SECONDS = 0.1


class Seen(NamedTuple):
    """One output record."""

    topic: str
    value: bytes | None
    at: float  # seconds, wall clock: when it could be read


class Outputs:
    """Everything that is written to the output topics from now on."""

    def __init__(self, settings: Settings) -> None:
        self._queue: deque[Seen] = deque()
        self._stop = threading.Event()
        self._consumer = Consumer(
            confluent_config(
                settings,
                group_id=f"{settings.app_id}-demo",  # the client wants a name; it never joins or commits
                enable_auto_commit=False,
                isolation_level="read_committed",
                fetch_wait_max_ms=100,
                fetch_min_bytes=1,
            )
        )
        ends = self._ends(settings)
        self.is_first = not any(place.offset for place in ends)  # nothing was ever written here
        self._consumer.assign(ends)
        self._thread = threading.Thread(target=self._follow, name="outputs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._consumer.close()

    def take(self) -> list[Seen]:
        """What came since the last call."""
        taken = []
        while self._queue:
            taken.append(self._queue.popleft())
        return taken

    def _ends(self, settings: Settings) -> list[TopicPartition]:
        places = [
            TopicPartition(topic.name, partition)
            for topic in FOLLOWED
            for partition in range(topic.partitions(settings.lanes))
        ]
        for place in places:
            place.offset = bounds(self._consumer, place)[1]
        return places

    def _follow(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(POLL_SECONDS)
            if message is not None and message.error() is None:
                self._queue.append(Seen(str(message.topic()), message.value(), time.time()))
