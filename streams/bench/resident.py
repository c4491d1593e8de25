"""A million leads as the decision pipeline leaves them, and a job that does nothing but keep them.

Law of this module: the states are the pipeline's own, decided here from simulated arrivals with UUIDs for ids; the
worker that keeps them has the pipeline's wire, control topics and policy in memory, as `leadlane worker` has.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import msgspec

from streams.bench.traffic import Sent
from streams.calendars import calendars_for
from streams.core.context import Context, RosterEntry
from streams.core.events import Event
from streams.demo.simulator import traffic
from streams.demo.stage import control_records
from streams.kafka.codec import wire_for
from streams.lane import pipeline
from streams.lane.job import Job, LaneSettings
from streams.lane.pipeline import DecisionPipeline
from streams.lane.processor import DUE_BYTES, NEVER, Batch, Outcome
from streams.policy import load_policy
from streams.settings import load_settings
from streams.shipped import default_policy

DISTINCT = 3_000
STORY = ("LeadProfile", "fit", "engagement", "intent")
DAY_MS = 86_400_000
TIMER_DAYS = (1, 30)
WITHOUT_TIMER = 10  # one lead in so many
LARGEST = 900_000


class Keeper:
    """Keeps each record's value as the state of its key."""

    def __init__(self, inputs: tuple[str, ...]) -> None:
        self.inputs = inputs

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: Context) -> Outcome:
        return Outcome({}, {record.key or b"": record.value for record in batch.records}, {})


def job(settings: LaneSettings) -> Job:
    """The decision pipeline's job with a Keeper in its place, on topics named after the app."""
    app = settings.app_id
    keeper = Keeper((f"{app}.in",))
    return pipeline.job(settings)._replace(
        processor=keeper, outputs=(), limits={}, state=f"{app}.state", journal=f"{app}.journal"
    )


def resident_leads(states: Sequence[bytes]) -> Callable[[Job, int], Iterator[Sent]]:
    """So many leads with UUIDs as keys and these states; nine in ten have a timer within thirty days."""

    def leads(job: Job, count: int) -> Iterator[Sent]:
        draw, now = random.Random(1), time.time_ns() // 1_000_000
        first, last = (now + days * DAY_MS for days in TIMER_DAYS)
        for number in range(count):
            due = draw.randrange(first, last) if number % WITHOUT_TIMER else NEVER
            packed = due.to_bytes(DUE_BYTES, "big") + states[number % len(states)][DUE_BYTES:]
            yield Sent(job.processor.inputs[0], _uuid(draw).encode(), packed)

    return leads


def real_states(leads: int) -> list[bytes]:
    """Packed states of up to so many leads after a profile and scores for fit, engagement and intent."""
    wire = wire_for(load_settings())
    one_lane = DecisionPipeline(wire, lanes=1, max_record_bytes=LARGEST)
    context, draw = shipped_context(), random.Random(2)
    states: dict[bytes, bytes] = {}
    for topic, event in _arrivals(leads, draw):
        key, at = event.lead_id.encode(), event.occurred_at
        record = SimpleNamespace(
            topic=topic, partition=0, offset=0, timestamp=at, key=key, value=wire.encode(event), headers=()
        )
        outcome = one_lane.process(states, Batch([record], (), at, 0, 0), context)
        states |= {key: packed for key, packed in outcome.changed.items() if packed is not None}
    return list(states.values())


def shipped_context() -> Context:
    """The shipped policy and the demo's reps."""
    path = default_policy()
    policy = load_policy(path.read_text(), str(path))
    roster = tuple(record for _, _, record in control_records(0) if isinstance(record, RosterEntry))
    return Context(policy=policy, calendars=calendars_for(policy.calendar), roster=roster)


def _arrivals(leads: int, draw: random.Random) -> Iterator[tuple[str, Event]]:
    """The story of each lead that has all of it, lead by lead."""
    stories: dict[bytes, dict[str, tuple[str, Event]]] = {}
    for message in traffic(1, 10 * leads, leads):
        if message.kind == "arrival" and message.key and isinstance(message.value, Event):
            name = str(getattr(message.value, "kind", type(message.value).__name__))
            stories.setdefault(message.key, {})["intent" if name == "IntentSignal" else name] = (
                message.topic, message.value
            )  # fmt: skip
    for story in stories.values():
        lead_id = _uuid(draw)
        if all(name in story for name in STORY):
            for topic, event in (story[name] for name in STORY):
                yield topic, msgspec.structs.replace(event, event_id=_uuid(draw), lead_id=lead_id)


def _uuid(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))
