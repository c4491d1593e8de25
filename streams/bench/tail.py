"""Follows the journal as a consumer sees it: which worker committed what, when it became visible, how far it got."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from streams.lane.job import Job

LOOK_BACK = 0.5  # seconds before a hurt in which a pause may begin


class Seen(NamedTuple):
    """One transaction became visible."""

    at: float  # time.monotonic()
    writer: str  # slot/pid


class Tail(threading.Thread):
    """Reads the journal, read_committed, until `stop`."""

    def __init__(self, brokers: str, job: Job, lanes: int) -> None:
        super().__init__(name="tail", daemon=True)
        self.seen: dict[int, list[Seen]] = defaultdict(list)
        self.position: dict[tuple[str, int], int] = {}
        self._job, self._lanes, self._stop_wanted = job, lanes, threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "leadlane-chaos-tail",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 200,
                "log_level": 2,
            }
        )

    def run(self) -> None:
        self._consumer.assign([TopicPartition(self._job.journal, lane, 0) for lane in range(self._lanes)])
        while not self._stop_wanted.is_set():
            for message in self._consumer.consume(500, 0.02):
                if message.error():
                    continue
                entry = self._job.read_entry(message.value() or b"")
                writer = dict(message.headers() or ()).get("worker")
                assert isinstance(writer, bytes)
                self.seen[entry.lane].append(Seen(time.monotonic(), writer.decode()))
                for topic, offset in entry.next.items():
                    self.position[topic, entry.lane] = offset
        self._consumer.close()

    def stop(self) -> None:
        self._stop_wanted.set()
        self.join()

    def owners(self) -> dict[int, str]:
        """Who committed last, by lane."""
        return {lane: seen[-1].writer for lane, seen in list(self.seen.items())}

    def missing(self, ends: dict[tuple[str, int], int]) -> int:
        """How many records before these ends are not committed yet."""
        return sum(max(0, end - self.position.get(place, 0)) for place, end in ends.items())

    def takeovers(self, at: float, victim: str, owners: dict[int, str]) -> list[float]:
        """Seconds from `at` to the first transaction of somebody else, for each lane of the victim."""
        lanes = [lane for lane, owner in owners.items() if owner == victim]
        firsts = [
            next((seen.at - at for seen in self.seen[lane] if seen.at > at and seen.writer != victim), None)
            for lane in lanes
        ]
        return [first for first in firsts if first is not None]

    def pauses(self, at: float, until: float, victim: str, owners: dict[int, str]) -> list[float]:
        """The longest time without a transaction from `at` to `until`, for each lane of the others."""
        longest = []
        for lane, owner in owners.items():
            times = [seen.at for seen in self.seen[lane] if at - LOOK_BACK < seen.at < until]
            if owner != victim and times:
                longest.append(max((later - sooner for sooner, later in pairwise(times) if later > at), default=0.0))
        return longest


def spread(values: list[float]) -> dict[str, float] | None:
    """p50, p90 and max, in seconds."""
    if not values:
        return None
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p90": round(ordered[int(len(ordered) * 0.9)], 3),
        "max": round(ordered[-1], 3),
    }
