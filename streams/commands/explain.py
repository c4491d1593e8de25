"""`leadlane explain`: one decision, for a person."""

from __future__ import annotations

import re
from typing import NamedTuple

import click
import msgspec
from confluent_kafka import OFFSET_BEGINNING
from rich.console import Console

from streams.commands.explanation import TICK, render
from streams.commands.options import brokers_option
from streams.core.effects import RecordDecision
from streams.core.events import ErasureRequest, Event
from streams.errors import LeadlaneError
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader, timestamp_of
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import NAME_OF, Wire
from streams.privacy.opening import Opening
from streams.settings import load_settings
from streams.topics import DECISIONS, ERASURES, INPUTS

CLOCK_SKEW_MS = 60_000  # a decision is looked for from so long before its trigger was written
TRIGGERS = (*(topic.name for topic in INPUTS), TICK)


class NoSuchDecision(LeadlaneError):
    """No decision has this id, or it is older than what `decisions` keeps."""


class DecisionId(NamedTuple):
    """Where the trigger of a decision stands."""

    topic: str
    partition: int
    offset: int


@click.command()
@click.argument("decision_id")
@click.option("--json", "as_json", is_flag=True, help="The records as one JSON object.")
@brokers_option
def explain(decision_id: str, as_json: bool, brokers: str | None) -> None:
    """Print why DECISION_ID was decided as it was: TOPIC-PARTITION-OFFSET of what came in, or of the lane's timer."""
    wanted = parsed(decision_id)
    settings = load_settings(brokers=brokers)
    wire = wire_for(settings)
    with Reader(settings) as reader, Opening(settings) as opening:
        trigger, written_at, why_not = _trigger(reader, wire, opening, wanted)
        decision = _decision(reader, wire, opening, decision_id, wanted.partition, written_at)
        erased = _erasing(reader, wire, decision, wanted.partition)
    if isinstance(trigger, ErasureRequest):  # who has it and the receipt can look for the lead
        trigger = msgspec.structs.replace(trigger, salt=None)
    if as_json:
        click.echo(msgspec.json.encode({"decision": decision, "trigger": trigger, "erased": erased}))
    else:
        Console().print(render(decision, trigger, why_not, erased))


def parsed(decision_id: str) -> DecisionId:
    """The parts of a decision id. Raises NoSuchDecision."""
    found = re.fullmatch(r"(?P<topic>[a-z.]+)-(?P<partition>\d+)-(?P<offset>\d+)", decision_id)
    if found is None or found["topic"] not in TRIGGERS:
        raise NoSuchDecision(
            f"{decision_id!r} is no decision id, expected TOPIC-PARTITION-OFFSET such as signals.scores-3-88121, "
            f"with one of {', '.join(TRIGGERS)}. Every output record carries its decision_id."
        )
    return DecisionId(found["topic"], int(found["partition"]), int(found["offset"]))


def _trigger(reader: Reader, wire: Wire, opening: Opening, wanted: DecisionId) -> tuple[Event | None, int | None, str]:
    """What came in, when it was written, and why it cannot be shown."""
    if wanted.topic == TICK or wanted.partition >= reader.partitions(wanted.topic):
        return None, None, ""
    message = reader.one(wanted.topic, wanted.partition, wanted.offset)
    if message is None:
        return None, None, "It is no longer kept: its topic's retention is shorter than that of decisions."
    try:
        return wire.decode(wanted.topic, message.value(), opening), timestamp_of(message), ""
    except UnreadableRecord as error:
        return None, timestamp_of(message), f"It cannot be read: {error}"


def _erasing(reader: Reader, wire: Wire, decision: RecordDecision, partition: int) -> RecordDecision | None:
    """The decision that erased the lead, this one or the first after it; None: it was not erased since."""
    start, mark = reader.offset_at(DECISIONS.name, partition, decision.now), f"{ERASURES.name}-".encode()
    for message in reader.read(DECISIONS.name, {partition: start}):
        name = dict(message.headers() or ()).get("ce_id")
        if message.key() == decision.lead_id.encode() and isinstance(name, bytes) and name.startswith(mark):
            found = wire.decode_any(DECISIONS.name, message.value())
            if isinstance(found, RecordDecision) and found.lane_seq >= decision.lane_seq:
                return found
    return None


def _decision(
    reader: Reader, wire: Wire, opening: Opening, decision_id: str, partition: int, written_at: int | None
) -> RecordDecision:
    """The decision, looked for from when its trigger was written, then everywhere."""
    lanes = reader.partitions(DECISIONS.name)
    if partition < lanes:
        starts = [OFFSET_BEGINNING]
        if written_at is not None:
            starts.insert(0, reader.offset_at(DECISIONS.name, partition, written_at - CLOCK_SKEW_MS))
        mark = f"{decision_id}/{NAME_OF[RecordDecision]}".encode()
        for start in starts:
            for message in reader.read(DECISIONS.name, {partition: start}):
                if ("ce_id", mark) in (message.headers() or ()):
                    decision = wire.decode_any(DECISIONS.name, message.value(), opening)
                    assert isinstance(decision, RecordDecision)
                    return decision
    raise NoSuchDecision(
        f"decisions[{partition}] has none with the id {decision_id!r} (the topic has {lanes} partitions). An event "
        "without consequence makes no decision record; a dead letter neither: see `leadlane dlq list`."
    )
