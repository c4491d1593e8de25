"""What is run through the lanes: the job, its traffic, and what must be there before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from streams.bench.traffic import Sent, Traffic, tally_traffic
from streams.core.events import ErasureRequest, Event
from streams.demo.simulator import SPAN_MS
from streams.demo.simulator import traffic as simulated
from streams.demo.stage import control_topics
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.control import ControlWriter
from streams.lane.job import Job
from streams.policy.publish import Publisher, Stamp
from streams.settings import load_settings
from streams.shipped import default_policy
from streams.topics import ERASURES

EVENTS_PER_LEAD = 10
ERASED_OF = 500


class Scenario(NamedTuple):
    """A job by its import path, its traffic, and what to write before the workers start."""

    job: str
    traffic: Traffic
    prepare: Callable[[str], None]


def scenario(name: str) -> Scenario:
    """`tally` (the runtime alone) or `full` (the decision pipeline with simulated platforms, and leads erased)."""
    return {
        "tally": Scenario("streams.bench.tally:job", tally_traffic, lambda _: None),
        "full": Scenario("streams.lane.pipeline:job", traffic_with_erasures, publish_controls),
    }[name]


def simulated_traffic(_: Job, count: int, seed: int) -> Iterator[Sent]:
    """What platforms, mailboxes and broken senders write over the last four weeks, up to now."""
    wire = wire_for(load_settings())
    start_at = time.time_ns() // 1_000_000 - SPAN_MS
    for message in simulated(seed, count, max(1, count // EVENTS_PER_LEAD), start_at=start_at):
        if isinstance(message.value, Event):
            yield Sent(message.topic, message.key, wire.encode(message.value), event_headers(message.value))
        else:
            yield Sent(message.topic, message.key, message.value)


def traffic_with_erasures(job: Job, count: int, seed: int) -> Iterator[Sent]:
    """The same, and of every ERASED_OF messages one lead is erased, which its sender then writes about again."""
    wire = wire_for(load_settings())
    for number, sent in enumerate(simulated_traffic(job, count - count // (ERASED_OF + 1), seed), 1):
        yield sent
        if number % ERASED_OF == 0:
            lead = (sent.key or b"lead-1").decode(errors="replace")
            request = ErasureRequest(
                event_id=f"forget-{number}", lead_id=lead, occurred_at=time.time_ns() // 1_000_000 - SPAN_MS // 2,
                source="chaos", actor="chaos", reason="a run under failures",
            )  # fmt: skip
            yield Sent(ERASURES.name, lead.encode(), wire.encode(request), event_headers(request))


def publish_controls(brokers: str) -> None:
    """The shipped policy, a roster and approvals."""
    settings, now = load_settings(brokers=brokers), time.time_ns() // 1_000_000
    policy = default_policy()
    Publisher(settings).publish(policy.read_text(), str(policy), Stamp("bench", "a bench run", now))
    for topic, records in control_topics(now).items():
        ControlWriter(settings, topic).write(records)
