"""One worker process that works through what lies in its inputs, and says how fast. `bench` starts it.

    python -m streams.bench.drain '{"brokers": ..., "app_id": ..., "processor": "streams.bench.tally:job"}'

Prints one JSON object: events, seconds, eps, cpu_seconds, rss_mb, leads, open_seconds, compiled.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import TopicPartition

from streams.compiled import core_is_compiled
from streams.lane.job import LaneSettings, load_job
from streams.lane.worker import Worker

LOOK_SECONDS = 0.02


async def drain(settings: LaneSettings, processor: str) -> dict[str, Any]:
    """Run a worker until it has committed everything that the inputs hold now."""
    job = load_job(processor, settings)
    worker = Worker(settings, job)
    began = time.monotonic()
    running = asyncio.create_task(worker.run())
    while not worker.is_ready():
        if running.done():
            running.result()
        await asyncio.sleep(LOOK_SECONDS)
    opened = time.monotonic()
    inputs = [TopicPartition(topic, lane) for topic in job.processor.inputs for lane in range(settings.lanes)]
    ends = await worker.clients.ends(inputs)
    cpu, start, at_start = time.process_time(), time.monotonic(), committed(worker)
    # events that were committed while the ends were looked up do not count
    while any(position(worker, tp) < end for tp, end in ends.items()):
        if running.done():
            running.result()
        await asyncio.sleep(LOOK_SECONDS)
    seconds, events = time.monotonic() - start, committed(worker) - at_start
    figures = {
        "events": events,
        "seconds": round(seconds, 2),
        "eps": round(events / seconds),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "rss_mb": rss_mb(),
        "leads": sum(len(lane.store) for lane in worker.lanes.values()),
        "open_seconds": round(opened - began, 2),
        "compiled": core_is_compiled(),
    }
    worker.stop()
    await running
    return figures


def rss_mb() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def position(worker: Worker, tp: TopicPartition) -> int:
    return worker.lanes[tp.partition].position.next.get(tp.topic, 0)


def committed(worker: Worker) -> int:
    return sum(lane.position.seq for lane in worker.lanes.values())


def main() -> None:
    options = json.loads(sys.argv[1])
    processor = options.pop("processor")
    print(json.dumps(uvloop.run(drain(LaneSettings(**options), processor))))


if __name__ == "__main__":
    main()
