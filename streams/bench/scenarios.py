"""What is run through the lanes: the job, its traffic, and what must be there before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from streams.bench.traffic import Sent, Traffic, tally_traffic
from streams.core.events import Event
from streams.demo.simulator import SPAN_MS
from streams.demo.simulator import traffic as simulated
from streams.demo.stage import control_topics
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.control import ControlWriter
from streams.lane.job import Job
from streams.policy.publish import Publisher, Stamp
from streams.settings import load_settings
from streams.shipped import default_policy

EVENTS_PER_LEAD = 10


class Scenario(NamedTuple):
    """A job by its import path, its traffic, and what to write before the workers start."""

    job: str
    traffic: Traffic
    prepare: Callable[[str], None]


def scenario(name: str) -> Scenario:
    """`tally` (the runtime alone) or `full` (the decision pipeline with simulated platforms)."""
    return {
        "tally": Scenario("streams.bench.tally:job", tally_traffic, lambda _: None),
        "full": Scenario("streams.lane.pipeline:job", simulated_traffic, publish_controls),
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


def publish_controls(brokers: str) -> None:
    """The shipped policy, a roster and approvals."""
    settings, now = load_settings(brokers=brokers), time.time_ns() // 1_000_000
    policy = default_policy()
    Publisher(settings).publish(policy.read_text(), str(policy), Stamp("bench", "a bench run", now))
    for topic, records in control_topics(now).items():
        ControlWriter(settings, topic).write(records)
