"""Everything that was ever written to the control topics: the union of what they keep and of control.history.

Law of this module: a record is known by its topic and offset, wherever it was found. What the topic itself still has
counts as it stands there; the history fills in what compaction took away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.core.context import ControlChange
from streams.kafka.changes import is_deletion
from streams.kafka.reader import Reader, timestamp_of
from streams.lane.privates import Record
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.topics import CONTROLS, HISTORY

CONTROL_NAMES = tuple(topic.name for topic in CONTROLS)


def control_records(reader: Reader, wire: Wire, topics: Iterable[str] = CONTROL_NAMES) -> dict[str, list[Record]]:
    """By topic, every control record ever written, in offset order: what a replay builds its contexts from.

    Records from before there was a history are there as far as the topics have not been compacted. A model snapshot
    that never had a role may be missing; no decision looked at it. Raises MissingTopic.
    """
    found: dict[str, dict[int, Record]] = {name: {} for name in topics}
    for change in changes(reader, wire):
        if change.topic in found and (change.value is not None or is_deletion(change)):
            record = Record(change.topic, 0, change.offset, change.at, change.key.encode(), change.value, ())
            found[change.topic][change.offset] = record
    for name, by_offset in found.items():
        for message in reader.read(name):
            offset, at = int(message.offset() or 0), timestamp_of(message) or 0
            by_offset[offset] = Record(name, 0, offset, at, message.key() or b"", message.value(), ())
    return {name: [by_offset[offset] for offset in sorted(by_offset)] for name, by_offset in found.items()}


def changes(reader: Reader, wire: Wire, start: int | None = None) -> Iterator[ControlChange]:
    """The entries of control.history in order, all or from an offset on; what is not readable there is left out."""
    reader.partitions(HISTORY.name)  # MissingTopic
    for message in reader.read(HISTORY.name, None if start is None else {0: start}):
        try:
            entry = wire.decode_any(HISTORY.name, message.value())
        except UnreadableRecord:  # not of ours: only Leadlane writes here
            continue
        assert isinstance(entry, ControlChange)
        yield entry
