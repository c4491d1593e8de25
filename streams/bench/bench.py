"""Figures of this machine: the runtime alone, the decision pipeline, and the client library's ceiling, side by side.

Every figure comes from a worker process of its own on a fresh embedded broker; inputs are written before it starts.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from streams.bench import latency
from streams.bench.resident import DISTINCT, real_states, resident_leads
from streams.bench.scenarios import publish_controls, simulated_traffic
from streams.bench.slots import Slot
from streams.bench.topics import CREATE_SECONDS, create_topics
from streams.bench.traffic import Feed, Sent
from streams.compiled import core_is_compiled
from streams.kafka.embedded import EmbeddedBroker
from streams.lane.job import Job, LaneSettings, load_job

TALLY, FULL, RESIDENT = "streams.bench.tally:job", "streams.lane.pipeline:job", "streams.bench.resident:job"
WARM_UP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; 0 leaves a part out."""

    events: int = 1_000_000  # through the tally and the pass-through
    leads: int = 50_000  # that they belong to
    full_events: int = 300_000  # through the decision pipeline
    resident_leads: int = 1_000_000  # held in memory and restored
    latency_seconds: float = 25
    latency_rate: float = 1000
    lanes: int = 12
    loop_seconds: float = 0  # of labels, beside traffic: how soon decisions have learned them
    loop_interval: float = 1  # seconds between two model versions
    loop_rate: float = 300  # events per second


class Bench:
    """Measures part by part on one broker."""

    def __init__(self, sizes: Sizes, brokers: str, folder: Path, say: Callable[[str], None]) -> None:
        self.sizes, self._brokers, self._folder, self._say = sizes, brokers, folder, say

    def run(self) -> dict[str, Any]:
        """All figures; the ones that the issue names at the top."""
        found: dict[str, Any] = {}
        if self.sizes.events:
            found["tally"] = self._tally()
            found["passthrough"] = self._passthrough()
        if self.sizes.full_events:
            found["full"] = self._full()
        if self.sizes.latency_seconds:
            found["latency_ms"] = self._latency()
        if self.sizes.loop_seconds:
            found["loop"] = self._loop()
        if self.sizes.resident_leads:
            found["resident"] = self._resident()
        return headline(found) | found

    def _tally(self) -> dict[str, Any]:
        self._fill("tally", TALLY, even_traffic(self.sizes.leads), self.sizes.events)
        return self._child("drain", self._options("tally", TALLY))

    def _passthrough(self) -> dict[str, Any]:
        inputs = list(self._job("tally", TALLY).processor.inputs)
        client = AdminClient({"bootstrap.servers": self._brokers})
        client.create_topics([NewTopic("copy", self.sizes.lanes, 1)])["copy"].result(CREATE_SECONDS)
        options = {"brokers": self._brokers, "inputs": inputs, "output": "copy", "lanes": self.sizes.lanes}
        return self._child("passthrough", options)

    def _full(self) -> dict[str, Any]:
        self._fill("full", FULL, lambda job, count: simulated_traffic(job, count, 1), self.sizes.full_events)
        return self._child("drain", self._options("full", FULL))

    def _loop(self) -> dict[str, Any]:
        """On a broker of its own: it needs all topics as they are declared."""
        sizes = self.sizes
        options = {"seconds": sizes.loop_seconds, "interval": sizes.loop_interval, "rate": sizes.loop_rate}
        return self._child("loop", options)

    def _resident(self) -> dict[str, Any]:
        leads = real_states(DISTINCT)
        create_topics(self._brokers, self._job("full", FULL), self.sizes.lanes)
        publish_controls(self._brokers)
        self._fill("resident", RESIDENT, resident_leads(leads), self.sizes.resident_leads)
        filled = self._child("drain", self._options("resident", RESIDENT))
        restored = self._child("drain", self._options("resident", RESIDENT))
        return {
            "leads": restored["leads"],
            "packed_bytes_per_lead": round(sum(map(len, leads)) / len(leads)),
            "rss_mb_live": filled["rss_mb"],
            "rss_mb_restored": restored["rss_mb"],
            "rss_bytes_per_lead": round(restored["rss_mb"] * 1e6 / restored["leads"]),
            "restore_seconds": restored["open_seconds"],
            "restored_per_second": round(restored["leads"] / restored["open_seconds"]),
        }

    def _latency(self) -> dict[str, float]:
        job = self._job("latency", TALLY)
        create_topics(self._brokers, job, self.sizes.lanes)
        slot = Slot("latency", self._folder, self._options("latency", TALLY))
        slot.start()
        time.sleep(WARM_UP_SECONDS)
        try:
            return latency.measure(
                self._brokers,
                job.processor.inputs,
                job.outputs[0],
                self.sizes.lanes,
                self.sizes.latency_rate,
                self.sizes.latency_seconds,
            )
        finally:
            slot.stop()

    # --- how ----------------------------------------------------------------------------------------------------------

    def _options(self, app_id: str, processor: str) -> dict[str, Any]:
        return {"brokers": self._brokers, "app_id": app_id, "lanes": self.sizes.lanes, "processor": processor}

    def _job(self, app_id: str, processor: str) -> Job:
        return load_job(processor, LaneSettings(brokers=self._brokers, app_id=app_id, lanes=self.sizes.lanes))

    def _fill(self, app_id: str, processor: str, traffic: Callable[[Job, int], Iterable[Sent]], count: int) -> None:
        self._say(f"{app_id}: writing {count:,} records")
        job = self._job(app_id, processor)
        create_topics(self._brokers, job._replace(controls=()) if processor == RESIDENT else job, self.sizes.lanes)
        if processor == FULL:
            publish_controls(self._brokers)
        feed = Feed(self._brokers, traffic(job, count))
        feed.run()

    def _child(self, module: str, options: dict[str, Any]) -> dict[str, Any]:
        self._say(f"{options.get('app_id', module)}: measuring")
        done = subprocess.run(
            [sys.executable, "-m", f"streams.bench.{module}", json.dumps(options)],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures


def headline(found: dict[str, Any]) -> dict[str, Any]:
    """The figures by which this is judged; None for what was left out."""
    ceiling = found.get("passthrough", {}).get("eps")
    resident = found.get("resident")
    full, tally = found.get("full", {}).get("eps"), found.get("tally", {}).get("eps")
    return {
        "full_eps": full,
        "tally_eps": tally,
        "passthrough_eps": ceiling,
        "full_to_passthrough": round(full / ceiling, 2) if full and ceiling else None,
        "tally_to_passthrough": round(tally / ceiling, 2) if tally and ceiling else None,
        "rss_mb": max(resident["rss_mb_live"], resident["rss_mb_restored"]) if resident else None,
        "compiled": found.get("full", found.get("tally", {})).get("compiled", core_is_compiled()),
    }


def even_traffic(leads: int) -> Callable[[Job, int], Iterator[Sent]]:
    """Small JSON events of so many leads, over all inputs in turn."""

    def traffic(job: Job, count: int) -> Iterator[Sent]:
        draw, inputs = random.Random(1), job.processor.inputs
        for number in range(count):
            lead = draw.randrange(leads)
            value = b'{"event_id":"%08d","lead_id":"lead-%07d","kind":"opened","score":%d}' % (
                number,
                lead,
                number % 100,
            )
            yield Sent(inputs[number % len(inputs)], b"lead-%07d" % lead, value)

    return traffic


def run_bench(sizes: Sizes, brokers: str | None = None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """All figures, on an embedded broker unless another is given."""
    with tempfile.TemporaryDirectory(prefix="leadlane-bench-") as made:
        if brokers is not None:
            return Bench(sizes, brokers, Path(made), say).run()
        with EmbeddedBroker(data_dir=Path(made) / "kafka", heap="1g") as broker:
            return Bench(sizes, broker.bootstrap, Path(made), say).run()
