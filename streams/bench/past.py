"""A history as lanes would have written it, decided here without Kafka: to measure and test what decides it again.

python -m streams.bench.past 300000 12 FOLDER     writes one of so many events and lanes
leadlane replay --history FOLDER                  says how many events per second are decided again
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from streams.core.context import ControlRecord, Policy
from streams.core.events import Event
from streams.demo.simulator import START_AT, Message, traffic
from streams.demo.stage import control_records
from streams.kafka.codec import event_headers, wire_for
from streams.lane.chain import NO_HEAD, chained
from streams.lane.job import Job, LaneSettings, load_job
from streams.lane.lane import Position
from streams.lane.merge import in_order
from streams.lane.privates import Record
from streams.lane.processor import POSITION, Batch, InputRecord, JournalEntry, OutputRecord
from streams.lane.replay import Contexts, keys_for
from streams.lane.store import DictStore
from streams.policy import load_policy
from streams.settings import load_settings
from streams.shipped import default_policy
from streams.topics import KEYS
from streams.whatif.folder import export
from streams.whatif.history import GivenHistory, LaneHistory
from streams.whatif.run import pipeline_job

PROCESSOR = "streams.lane.pipeline:job"
BATCH = 500
EVENTS_PER_LEAD = 10


class Written(NamedTuple):
    """One record as a producer sent it, and when it arrived."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    at: int


class Control(NamedTuple):
    """A record of a control topic, and the time from which on the lanes know it."""

    topic: str
    key: str
    record: ControlRecord
    at: int = 0


def simulated_history(
    events: int, leads: int, lanes: int, seed: int = 1, extra: Iterable[Control] = ()
) -> GivenHistory:
    """Simulated traffic under the shipped policy, as so many lanes decide it."""
    at = START_AT - 1_000
    controls = [*policy_controls(default_policy().read_text(), at)]
    controls += [Control(topic, key, record, at) for topic, key, record in control_records(at)]
    return decided(written(traffic(seed, events, leads)), [*controls, *extra], lanes)


def policy_controls(document: str, at: int) -> tuple[Control, Control]:
    """A policy as it is published: its version, and the pointer to it."""
    policy = load_policy(document, "a policy")
    said: dict[str, Any] = {"actor": "ana", "reason": "set up", "at": at, "version": policy.version}
    said["sha256"] = policy.sha256
    return (
        Control("control.policies", policy.version, Policy(**said, document=document), at),
        Control("control.policies", "active", Policy(**said), at),
    )


def written(messages: Iterable[Message]) -> Iterator[Written]:
    """Messages of the simulator, encoded."""
    wire = wire_for(load_settings())
    for topic, key, value, at, _ in messages:
        if isinstance(value, Event):
            yield Written(topic, key, wire.encode(value), event_headers(value), at)
        else:
            yield Written(topic, key, value, (), at)


def decided(records: Iterable[Written], controls: Sequence[Control], lanes: int, batch: int = BATCH) -> GivenHistory:
    """What lanes make of records in the order of their arrival; controls come between batches, keys before all."""
    job = load_job(PROCESSOR, LaneSettings(brokers="localhost:9092", lanes=lanes))
    wire = wire_for(load_settings())
    control_topics: dict[str, list[Record]] = {topic: [] for topic in job.controls}
    for control in sorted(controls, key=lambda control: control.at):
        kept = control_topics[control.topic]
        packed = wire.encode(control.record)
        kept.append(Record(control.topic, 0, len(kept), control.at, control.key.encode(), packed, ()))
    contexts = Contexts(job, control_topics)
    waiting: list[list[Record]] = [[] for _ in range(lanes)]
    offsets: dict[tuple[str, int], int] = defaultdict(int)
    keys: list[list[Record]] = [[] for _ in range(lanes)]
    for topic, key, value, headers, at in records:
        lead = (key or b"").rpartition(b"#")[0] if topic == KEYS.name else key
        lane = (murmur2(lead or b"") & 0x7FFFFFFF) % lanes
        if topic == KEYS.name:
            keys[lane].append(Record(topic, lane, len(keys[lane]), at, key, value, tuple(headers)))
            continue
        waiting[lane].append(Record(topic, lane, offsets[topic, lane], at, key, value, tuple(headers)))
        offsets[topic, lane] += 1
    pasts = [
        _lane(job, number, waiting[number], contexts, control_topics, batch, keys[number]) for number in range(lanes)
    ]
    return GivenHistory(tuple(pasts), control_topics)


def _lane(
    job: Job, number: int, records: list[Record], contexts: Contexts, controls: dict[str, list[Record]], size: int,
    key_records: list[Record],
) -> LaneHistory:  # fmt: skip
    store, seq, position, head = DictStore(), 0, dict[str, int](), NO_HEAD
    keys = keys_for(job, key_records)
    outputs: dict[str, list[Record]] = {topic: [] for topic in job.outputs}
    journal: list[Record] = []
    state: list[Record] = []
    for start in range(0, len(records), size):
        taken = records[start : start + size]
        now = taken[-1].timestamp
        by_topic = defaultdict[str, list[InputRecord]](list)
        for record in taken:
            by_topic[record.topic].append(record)
        first = {topic: position.get(topic, 0) for topic in by_topic}
        position |= {topic: found[-1].offset + 1 for topic, found in by_topic.items()}
        due = store.due(now, BATCH)
        known = {topic: sum(record.timestamp <= now for record in kept) for topic, kept in controls.items()}
        outcome = job.processor.process(
            store.view, Batch(in_order(by_topic), due, now, number, seq, keys), contexts.at(known)
        )
        store.apply(outcome.changed)
        entry = JournalEntry(number, seq, now, first, dict(position), len(taken), len(due), known)
        seq += len(taken) + len(due)
        if job.chained in outcome.outputs:
            outcome.outputs[job.chained], head = chained(outcome.outputs[job.chained], head)
        after = msgspec.msgpack.encode(Position(dict(position), seq, now, head))
        if job.sealed is not None:
            new = outcome.outputs.pop(job.sealed.topic, [])
            _append(key_records, job.sealed.topic, number, new, now)
            assert keys is not None
            job.sealed.load(keys.ring, [(record.key, record.value) for record in new])
        for topic, sent in outcome.outputs.items():
            _append(outputs.setdefault(topic, []), topic, number, sent, now)
        changed = [OutputRecord(key, packed) for key, packed in outcome.changed.items()]
        _append(state, job.state, number, [*changed, OutputRecord(POSITION, after)], now)
        _append(journal, job.journal, number, [OutputRecord(b"%d" % number, job.write_entry(entry))], now)
    inputs = {topic: [record for record in records if record.topic == topic] for topic in job.processor.inputs}
    return LaneHistory(number, journal, inputs, outputs, state, keys=key_records)


def _append(kept: list[Record], topic: str, partition: int, sent: Iterable[OutputRecord], now: int) -> None:
    for key, value, headers in sent:
        kept.append(Record(topic, partition, len(kept), now, key, value, tuple(headers)))


def main() -> None:
    """Write a history of EVENTS and LANES to FOLDER."""
    events, lanes = int(sys.argv[1]), int(sys.argv[2])
    export(
        simulated_history(events, max(1, events // EVENTS_PER_LEAD), lanes), pipeline_job(lanes), PROCESSOR,
        Path(sys.argv[3]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
