"""Bytes to records and back: Confluent framing, Avro, ranges. A record that comes out of here is valid.

Law of this module: whatever the bytes are, `decode` gives a valid record or raises UnreadableRecord, in time and memory
that grow with the bytes and nothing else. RegistryUnreachable alone is not about the bytes.

Next: streams/lane/store.py
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib.metadata import version
from io import BytesIO
from typing import Any, cast

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas import plain
from streams.core import context, effects, events
from streams.core.context import ControlRecord
from streams.core.events import Event
from streams.lane.deadletters import DeadLetter
from streams.lane.processor import Headers, JournalEntry
from streams.lane.registry import Catalogue, Schema, resolution_faults
from streams.lane.unreadable import UnreadableRecord, invalid, shown
from streams.topics import TOPICS

DAY_MS = 86_400_000
EARLIEST = 946_684_800_000  # 2000-01-01: nothing that a lead does is older
LATEST_AHEAD = DAY_MS  # a sender's clock may run ahead of ours by this much
MAX_VALUE_BYTES = 1_000_000  # larger values are refused unread

MAGIC = 0
FRAME = 5  # bytes before the datum: the magic byte and the schema id, big-endian

Record = msgspec.Struct | JournalEntry
Reader = Callable[[bytes], Any]
Writer = Callable[[Any], bytes]

TYPES: dict[str, type[Record]] = {
    **events.RECORD,
    **effects.RECORD,
    **context.RECORD,
    "DeadLetter": DeadLetter,
    "JournalEntry": JournalEntry,
}
RECORD_OF = {topic.name: topic.record for topic in TOPICS if topic.record}
NAME_OF: dict[type[Record], str] = {record: name for name, record in TYPES.items()}


class Wire:
    """The codec of one process. Readers and writers are made when first needed and kept."""

    def __init__(self, catalogue: Catalogue, max_value_bytes: int = MAX_VALUE_BYTES) -> None:
        self._catalogue = catalogue
        self._limit = max_value_bytes
        self._readers: dict[str, dict[bytes, Reader]] = {topic: {} for topic in RECORD_OF}
        self._writers: dict[type[Record], Writer] = {}

    def decode(self, topic: str, value: bytes | None) -> Event:
        """The event that a lead-keyed input topic carries. Raises UnreadableRecord."""
        return cast(Event, self.decode_any(topic, value))

    def decode_control(self, topic: str, value: bytes | None) -> ControlRecord:
        """The record that a control topic carries. Raises UnreadableRecord."""
        return cast(ControlRecord, self.decode_any(topic, value))

    def decode_any(self, topic: str, value: bytes | None) -> Record:
        """The record that any topic of streams/topics.py carries. Raises UnreadableRecord."""
        if value is None:
            raise UnreadableRecord(f"value is null (a tombstone), expected {_a(RECORD_OF[topic])}")
        if len(value) > self._limit:
            raise UnreadableRecord(f"value is {len(value):,} bytes long, expected at most {self._limit:,}")
        reader = self._readers[topic].get(value[:FRAME])
        if reader is None:
            reader = self._new_reader(topic, value)
        return cast(Record, reader(value))

    def encode(self, record: Record) -> bytes:
        """The framed bytes of an event, effect, control record, dead letter or journal entry."""
        writer = self._writers.get(type(record))
        if writer is None:
            writer = self._new_writer(type(record))
        return writer(record)

    def headers(self, record: Record, lane: int, now: int) -> Headers:
        """The CloudEvents headers of an output."""
        return (
            ("ce_specversion", b"1.0"),
            ("ce_id", _id(record).encode()),
            ("ce_source", b"/leadlane/lane/%d" % lane),
            ("ce_type", b"leadlane." + NAME_OF[type(record)].encode()),
            ("ce_time", time_text(now)),
        )

    def _new_reader(self, topic: str, value: bytes) -> Reader:
        record = RECORD_OF[topic]
        if len(value) < FRAME or value[0] != MAGIC:
            raise UnreadableRecord(
                f"value starts with {shown(value[:FRAME])}, expected Confluent framing: a zero byte, 4 bytes of schema"
                f" id, then {_a(record)} in Avro"
            )
        ours = self._catalogue.written(record)
        writer = self._catalogue.find(int.from_bytes(value[1:FRAME], "big"))
        if writer is None:
            got = int.from_bytes(value[1:FRAME], "big")
            raise UnreadableRecord(f"schema id is {got}, which nobody knows, expected one of {record}, such as {ours}")
        if writer.record != record:
            raise UnreadableRecord(f"schema id is {writer}, expected one of {record}, such as {ours}")
        if faults := resolution_faults(writer, ours):
            raise UnreadableRecord(f"schema id is {writer}, which {ours} cannot read ({faults[0]})")
        reader = self._readers[topic][value[:FRAME]] = _reader(writer, ours, TYPES[record])
        return reader

    def _new_writer(self, record: type[Record]) -> Writer:
        writer = self._writers[record] = _writer(self._catalogue.written(NAME_OF[record]), record)
        return writer


def check(event: Event, key: bytes | None, now: int) -> None:
    """Raises UnreadableRecord unless the record's key is the event's lead and its time can be true at `now`."""
    at = event.occurred_at
    if key is not None and key == event.lead_id.encode() and EARLIEST <= at <= now + LATEST_AHEAD:
        return
    raise UnreadableRecord(_misplaced(event, key, now), event_id=event.event_id, lead_id=event.lead_id)


def _misplaced(event: Event, key: bytes | None, now: int) -> str:
    lead = shown(event.lead_id)
    if key is None:
        return f"key is null, expected {lead}, the record's lead_id"
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return f"key is {shown(key)}, expected {lead} in UTF-8, the record's lead_id"
    if text != event.lead_id:
        return f"key is {shown(text)}, expected {lead}, the record's lead_id"
    at = time_text(event.occurred_at).decode()
    if event.occurred_at < EARLIEST:
        return f"occurred_at is {at}, expected {time_text(EARLIEST).decode()} or later"
    return f"occurred_at is {at}, expected at most a day after now, {time_text(now).decode()}"


def _reader(writer: Schema, ours: Schema, record: type[Record]) -> Reader:
    written = parse_schema(plain(writer.document), named_schemas={})
    into = None if writer.document == ours.document else parse_schema(plain(ours.document), named_schemas={})
    convert = _converter(record)

    def read(value: bytes) -> Any:
        source = BytesIO(value)
        source.seek(FRAME)
        try:
            datum = cast(dict[str, Any], schemaless_reader(source, written, into))
        except Exception as error:
            raise UnreadableRecord(
                f"value is {len(value):,} bytes that schema {writer} cannot read ({type(error).__name__}:"
                f" {shown(str(error))}), expected one whole {writer.record}"
            ) from error
        if source.tell() != len(value):
            raise UnreadableRecord(
                f"value has {len(value) - source.tell():,} bytes after the datum of schema {writer}, expected none"
            )
        try:
            return convert(datum)
        except msgspec.ValidationError as error:
            raise invalid(datum, cast(type[msgspec.Struct], record), error) from None

    return read


def _converter(record: type[Record]) -> Callable[[dict[str, Any]], Any]:
    if issubclass(record, msgspec.Struct):
        return partial(msgspec.convert, type=record)
    names = record._fields  # a journal entry: Leadlane wrote it, and fields of newer versions are left out
    return lambda datum: record(**{name: datum[name] for name in names})


def _writer(schema: Schema, record: type[Record]) -> Writer:
    parsed = parse_schema(plain(schema.document), named_schemas={})
    prefix = bytes([MAGIC]) + schema.id.to_bytes(4, "big")

    if record is JournalEntry:
        app = version("leadlane")

        def datum_of(value: Any) -> Any:
            return {**value._asdict(), "app": app}
    else:

        def datum_of(value: Any) -> Any:
            return msgspec.to_builtins(value, builtin_types=(bytes,))

    def write(value: Any) -> bytes:
        target = BytesIO()
        target.write(prefix)
        schemaless_writer(target, parsed, datum_of(value))
        return target.getvalue()

    return write


def _a(record: str) -> str:
    return f"{'an' if record[0] in 'AEIOU' else 'a'} {record}"


def _id(record: Record) -> str:
    match record:
        case effects.CommandCadence():
            return record.command_id
        case effects.UpdateCase():
            return f"{record.case_id}/{record.version}"
        case effects.Effect():
            return f"{record.decision_id}/{type(record).__name__}"
        case DeadLetter():
            return f"{record.topic}-{record.partition}-{record.offset}"
        case events.Event():
            return record.event_id
    return ""


@lru_cache(maxsize=256)
def time_text(at: int) -> bytes:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
