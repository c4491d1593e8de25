"""A worker process, the flood, and the accounts."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from streams.core.context import RosterEntry
from streams.demo.worker import WorkerProcess, outcomes_from
from streams.kafka.codec import wire_for
from streams.kafka.sender import Sender
from streams.policy.publish import Publisher, Stamp
from streams.settings import Settings
from streams.topics import INPUTS
from tests.fuzz.accounts import Accounts
from tests.fuzz.feed import Feed
from tests.fuzz.material import Material
from tests.shipped import POLICY_FILE, QUEUES

STALL_SECONDS = 60.0
LOOK_SECONDS = 0.2
PARTS = 16  # control garbage and aborted transactions come between the parts of the flood
EVERY_INPUT = tuple(topic.name for topic in INPUTS)
SAID = "fuzz"


def prepare(settings: Settings) -> None:
    """The shipped policy, and two reps."""
    now = int(time.time() * 1000)
    Publisher(settings).publish(POLICY_FILE.read_text(), POLICY_FILE.name, Stamp(SAID, SAID, now))
    sender, wire = Sender(settings), wire_for(settings)
    for rep in ("ana", "ben"):
        entry = RosterEntry(rep_id=rep, name=rep.title(), queues=QUEUES, actor=SAID, reason=SAID, at=now)
        sender.send("control.roster", rep.encode(), wire.encode(entry))
    sender.flush()


def fuzz(
    settings: Settings,
    per_topic: int,
    seed: int,
    log_file: Path,
    samples: int = 150,
    parts: int = PARTS,
    large: Sequence[str] = EVERY_INPUT,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Flood a worker with `per_topic` messages of every input topic, and account for each. The topics must be new.

    Between the `parts` come aborted transactions and garbage on the control topics; at the end messages near and beyond
    every limit, on the topics in `large`.
    """
    began = time.monotonic()
    material = Material(seed, int(time.time() * 1000), settings.lanes, samples)
    feed, random = Feed(settings.brokers), Random(seed)
    prepare(settings)
    with WorkerProcess(settings.brokers, settings.lanes, log_file, settings.app_id) as worker:
        start = time.monotonic()
        for part in range(parts):
            for message in material.messages(per_topic * (part + 1) // parts - per_topic * part // parts):
                feed.send(message)
            feed.send_aborted(settings.lanes)
            feed.send_control_garbage(material, random, 20)
            say(f"{time.monotonic() - began:.0f} s: sent {sum(feed.count.values()):,}")
        for topic in large:
            for message in material.large(topic):
                feed.send(message, "gzip")
        feed.flush()
        sent = sum(feed.count.values())
        fed = time.monotonic()
        _wait(worker, sent, say)
        consumed = time.monotonic()
        worker.must_run()
        metrics = Metrics(worker.exposition())
    accounts = Accounts(settings.brokers, material.wire, settings.lanes, feed)
    accounts.settle()
    outcomes = metrics.outcomes()
    _cross_check(accounts, metrics, settings.lanes, sent)
    return {
        "messages": sent,
        "per_topic": per_topic,
        "seed": seed,
        "outcomes": dict(outcomes),
        "dead_by_error": dict(accounts.errors.most_common()),
        "letters_kept": dict(accounts.kept),
        "events_per_second": round(sent / (consumed - start)),
        "feed_seconds": round(fed - start, 1),
        "consume_seconds": round(consumed - start, 1),
        "seconds": round(time.monotonic() - began, 1),
        "longest_batch_seconds_at_most": metrics.longest("leadlane_process_seconds"),
        "longest_transaction_seconds_at_most": metrics.longest("leadlane_transaction_seconds"),
        "longest_decode_ms": round(accounts.slowest_read * 1000, 1),
        "longest_decode_of": accounts.slowest,
        "worker_rss_mb": round(metrics.total("process_resident_memory_bytes") / 1e6),
        "rebuilds": metrics.total("leadlane_lane_rebuilds_total"),
        "control_problems": metrics.total("leadlane_control_problems_total"),
        "faults": dict(accounts.faults),
        "told": accounts.told,
    }


class Metrics:
    """The worker's own account."""

    def __init__(self, exposition: str) -> None:
        families = text_string_to_metric_families(exposition)
        self._samples = [sample for family in families for sample in family.samples]
        self._exposition = exposition

    def outcomes(self) -> Counter[str]:
        """Input records by what became of them."""
        return outcomes_from(self._exposition)

    def total(self, name: str) -> float:
        return sum(sample.value for sample in self._samples if sample.name == name)

    def longest(self, name: str) -> float:
        """The bucket that the longest one is in, seconds."""
        buckets = [(float(s.labels["le"]), s.value) for s in self._samples if s.name == f"{name}_bucket"]
        most = max(count for _, count in buckets)
        return min(limit for limit, count in buckets if count == most)


def _wait(worker: WorkerProcess, sent: int, say: Callable[[str], None]) -> None:
    """Until the worker has committed every message. TimeoutError when it does not go on."""
    done, now_done, changed = -1, -1, time.monotonic()
    while done < sent:
        worker.must_run()
        with contextlib.suppress(OSError):  # a busy worker may take its time to answer; STALL_SECONDS is its limit
            now_done = worker.outcomes().total()
        if now_done != done:
            done, changed = now_done, time.monotonic()
        if time.monotonic() > changed + STALL_SECONDS:
            raise TimeoutError(f"the worker stands at {done:,} of {sent:,} messages; its log: {worker.log_file}")
        time.sleep(LOOK_SECONDS)
    say(f"consumed {done:,}")


def _cross_check(accounts: Accounts, metrics: Metrics, lanes: int, sent: int) -> None:
    """What the worker counted against what was found."""
    outcomes = metrics.outcomes()
    found = {
        "messages": (accounts.messages, sent),
        "dead": (accounts.dead, outcomes["dead"]),
        "decided": (accounts.decided, outcomes["decided"]),
        "alive": (
            accounts.alive,
            outcomes["decided"] + outcomes["quiet"] + outcomes["duplicate"] + outcomes["erased"],
        ),
        "lanes opened": (metrics.total("leadlane_lane_open_seconds_count"), lanes),
        "lanes open": (metrics.total("leadlane_lanes_open"), lanes),
        "rebuilds": (metrics.total("leadlane_lane_rebuilds_total"), 0),
    }
    for what, (one, other) in found.items():
        if one != other:
            accounts.fault("counts differ", f"{what}: {one} and {other}")
