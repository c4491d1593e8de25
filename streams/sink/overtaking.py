"""Whether a newer record makes a parked one wrong to deliver.

Law of this module: a record of cadences.commands, leads.routed or leads.scores says how things stand for its lead from
then on, so any newer record of the lead in the topic overtakes it, delivered or not, wanted by the target or not. A
verdict answers one request, a case is one case: only a newer record of the same request or case overtakes it. A
decision is history: nothing overtakes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streams.kafka.reader import Reader
from streams.lane.parked import ParkedDelivery
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.topics import CASE_EVENTS, DECISIONS, VERDICTS

SAME_FIELD: Mapping[str, str | None] = {
    VERDICTS.name: "request_id",
    CASE_EVENTS.name: "case_id",
    DECISIONS.name: None,
}  # whatever is not here: the lead alone

Subject = tuple[Any, ...]
Places = dict[tuple[str, int, int], int]  # topic, partition and offset of a parked record -> what overtook it


def subject_of(wire: Wire, topic: str, key: bytes | None, value: bytes | None) -> Subject | None:
    """What a record is about: a newer one about the same overtakes it. None: nothing overtakes it."""
    if topic not in SAME_FIELD:
        return (key,)
    field = SAME_FIELD[topic]
    if field is None or value is None:
        return None
    try:
        return key, getattr(wire.decode_any(topic, value), field)
    except UnreadableRecord:
        return None


def overtaken(reader: Reader, wire: Wire, parked: Iterable[ParkedDelivery], starts: Mapping[int, int] = {}) -> Places:
    """For each of these that a newer record has overtaken, the offset of the newest.

    Reads each topic partition once, from behind the oldest of them (from `starts` by partition, where that is known to
    hold none before), to its present end.
    """
    waiting: dict[tuple[str, int], dict[Subject, list[int]]] = {}
    for each in parked:
        subject = subject_of(wire, each.topic, each.key, each.value)
        if subject is not None:
            waiting.setdefault((each.topic, each.partition), {}).setdefault(subject, []).append(each.offset)
    found: Places = {}
    for (topic, partition), subjects in waiting.items():
        first = min(offset for offsets in subjects.values() for offset in offsets) + 1
        low, _ = reader.bounds(topic, partition)
        keys = {subject[0] for subject in subjects}
        for message in reader.read(topic, {partition: max(low, first, starts.get(partition, 0))}):
            if message.key() not in keys:
                continue
            subject = subject_of(wire, topic, _bytes(message.key()), _bytes(message.value()))
            newest = int(message.offset() or 0)
            for offset in subjects.get(subject, ()) if subject is not None else ():
                if offset < newest:
                    found[topic, partition, offset] = newest
    return found


def _bytes(value: Any) -> bytes | None:
    return value if isinstance(value, bytes) else None
