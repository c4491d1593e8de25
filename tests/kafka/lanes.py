"""A job with topics of its own on the shared broker, workers in this process, and the check for exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

from confluent_kafka import Producer

from streams.bench.tally import job as tally_job_of
from streams.bench.topics import create_topics
from streams.bench.verify import verify
from streams.lane.job import Job, LaneSettings
from streams.lane.privates import Record
from streams.lane.worker import Worker
from streams.whatif.history import Tail

LANES = 4
WAIT_SECONDS = 20.0
FAULTLESS = {
    "broken_journals": 0,
    "not_decided": 0,
    "outputs_missing": 0,
    "outputs_extra": 0,
    "outputs_misplaced": 0,
    "states_wrong": 0,
    "chains_broken": 0,
}


class World:
    """The tally on a broker, under an app id of its own."""

    def __init__(self, brokers: str, app_id: str, job: Job | None = None) -> None:
        self.settings = LaneSettings(brokers=brokers, app_id=app_id, slot="slot-a", lanes=LANES)
        self.job = job or tally_job_of(self.settings)
        self.brokers = brokers
        create_topics(brokers, self.job, LANES)
        self._producer = Producer({"bootstrap.servers": brokers, "linger.ms": 1, "log_level": 0})

    def send(self, records: Iterable[tuple[bytes, bytes]], topic: int = 0) -> None:
        """Keys and values to the input of this number."""
        for key, value in records:
            self._producer.produce(self.job.processor.inputs[topic], value, key, partition=lane_of(key))
        self._producer.flush(10)

    def send_at(self, records: Iterable[tuple[bytes, bytes, int]], topic: int = 0) -> None:
        """Keys, values and timestamps to the input of this number."""
        for key, value, at in records:
            self._producer.produce(self.job.processor.inputs[topic], value, key, partition=lane_of(key), timestamp=at)
        self._producer.flush(10)

    def control(self, key: bytes, value: bytes) -> None:
        self._producer.produce(self.job.controls[0], value, key, partition=0)
        self._producer.flush(10)

    @contextlib.asynccontextmanager
    async def worker(self, **changes: object) -> AsyncIterator[Worker]:
        """A worker that is ready; stopped in order at the end."""
        worker = Worker(replace(self.settings, **changes), self.job)  # type: ignore[arg-type]
        running = asyncio.create_task(worker.run())
        try:
            await until(lambda: worker.is_ready() or running.done())
            if running.done():
                running.result()
            yield worker
        finally:
            worker.stop()
            await running

    def outputs(self) -> list[Record]:
        """All committed outputs, lane by lane."""
        return self._read(self.job.outputs[0])

    def values(self) -> list[bytes]:
        return sorted(record.value or b"" for record in self.outputs())

    def transactions(self) -> int:
        return len(self._read(self.job.journal))

    def faults(self) -> dict[str, int]:
        found = verify(self.brokers, lambda _: self.job, processes=1)
        return {name: found[name] for name in FAULTLESS}

    def _read(self, topic: str) -> list[Record]:
        with Tail(self.brokers) as tail:
            lanes = [tail.read_whole([(topic, lane)])[topic] for lane in range(LANES)]
        return [record for lane in lanes for record in lane]


def lane_of(key: bytes) -> int:
    return zlib.crc32(key) % LANES


async def until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait for the condition; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)


def committed(*workers: Worker) -> int:
    """Records and timers that these workers' lanes have decided, ever."""
    return sum(lane.position.seq for worker in workers for lane in worker.lanes.values())
