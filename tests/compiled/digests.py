"""Prints a digest of all that the pipeline makes of simulated traffic and of people's answers to it, hour by hour.

    python -m tests.compiled.digests 60000

Run once with the compiled build and once with the sources: equal lines, equal bytes. Nothing here reads a clock.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby

from streams import topics
from streams.calendars import calendars_for
from streams.compiled import core_in_words
from streams.core.context import Approval, Context, RosterEntry
from streams.core.effects import UpdateCase
from streams.core.events import Event
from streams.demo import simulator
from streams.demo.happenings import HOUR
from streams.demo.reps import Reps
from streams.demo.stage import REPS, control_records
from streams.lane.processor import InputRecord, Outcome
from tests.lanes import LANES, WIRE, Arrived, TestLane, partition_of
from tests.shipped import shipped_policy

LEADS_PER_EVENT = 0.05


def main() -> None:
    events = int(sys.argv[1])
    counts: Counter[str] = Counter()
    for line, outcomes in lived(events):
        print(line)
        for outcome in outcomes:
            for name, count in outcome.counts.items():
                counts[name.split("/")[1]] += count
    print(f"total {sum(counts.values())} {dict(sorted(counts.items()))}")
    print(f"core {core_in_words()}", file=sys.stderr)


def lived(events: int) -> Iterator[tuple[str, list[Outcome]]]:
    """Each hour of simulated time: a line with its digest, and what each lane made of it."""
    lanes = [TestLane(a_context(), lane) for lane in range(LANES)]
    reps = Reps(1, {rep: queues for rep, queues, _ in REPS}, "people")
    offsets: Counter[tuple[str, int]] = Counter()
    traffic = simulator.traffic(1, events, int(events * LEADS_PER_EVENT))
    for hour, messages in groupby(traffic, lambda message: message.at // HOUR):
        now = (hour + 1) * HOUR
        by_lane: defaultdict[int, list[InputRecord]] = defaultdict(list)
        for message in messages:
            value = WIRE.encode(message.value) if isinstance(message.value, Event) else message.value
            put(by_lane, offsets, message.topic, message.at, message.key, value)
        for event in reps.due(now):
            topic = topics.REVIEWS if type(event).__name__ == "CaseReview" else topics.LABELS
            put(by_lane, offsets, topic.name, event.occurred_at, event.lead_id.encode(), WIRE.encode(event))
        outcomes = [lane.run(by_lane[lane.lane], now, tick=True) for lane in lanes]
        yield f"{hour} {digest(outcomes)}", outcomes
        for outcome in outcomes:
            for output in outcome.outputs.get(topics.CASE_EVENTS.name, ()):
                case = WIRE.decode_any(topics.CASE_EVENTS.name, output.value)
                assert isinstance(case, UpdateCase)
                reps.see(case, now)


def put(
    by_lane: defaultdict[int, list[InputRecord]],
    offsets: Counter[tuple[str, int]],
    topic: str,
    at: int,
    key: bytes | None,
    value: bytes | None,
) -> None:
    """Append a record to its lane."""
    lane = partition_of(key or b"", LANES)
    by_lane[lane].append(Arrived(topic, lane, offsets[topic, lane], at, key, value))
    offsets[topic, lane] += 1


def a_context() -> Context:
    """The shipped policy, and the roster and approvals of the demo."""
    policy = shipped_policy()
    records = [record for _, _, record in control_records(simulator.START_AT)]
    approvals: dict[tuple[str, str], tuple[Approval, ...]] = {}
    for record in records:
        if isinstance(record, Approval):
            place = record.content_hash, record.segment_hash or ""
            approvals[place] = (*approvals.get(place, ()), record)
    roster = tuple(record for record in records if isinstance(record, RosterEntry))
    return Context(policy=policy, calendars=calendars_for(policy.calendar), roster=roster, approvals=approvals)


def digest(outcomes: list[Outcome]) -> str:
    """Stands for every byte: states, outputs with their headers, counts, and the order of all."""
    return sha256(repr([(each.outputs, each.changed, each.counts) for each in outcomes]).encode()).hexdigest()


if __name__ == "__main__":
    main()
