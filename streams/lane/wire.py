"""Bytes to records and back: Confluent framing, Avro, ranges. A record that comes out of here is valid.

Law of this module: whatever the bytes are, `decode` gives a valid record or raises UnreadableRecord, in time and memory
that grow with the bytes and nothing else. RegistryUnreachable alone is not about the bytes.

Next: streams/lane/store.py
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from io import BytesIO
from typing import Any, cast

import msgspec
from fastavro import parse_schema, schemaless_reader

from schemas import plain
from streams.core import context, effects, events
from streams.core.context import ControlRecord
from streams.core.events import Event
from streams.core.resync import ResyncRequest
from streams.core.sources import SourcePosition
from streams.core.windows import WindowStats
from streams.lane import codec
from streams.lane.deadletters import DeadLetter
from streams.lane.parked import ParkedDelivery
from streams.lane.processor import Headers, JournalEntry
from streams.lane.registry import Catalogue, Schema, resolution_faults
from streams.lane.unreadable import UnreadableRecord, invalid, shown
from streams.privacy.fields import Personal, open_datum, personal_fields
from streams.privacy.keys import SubjectKey
from streams.topics import TOPICS, Role

DAY_MS = 86_400_000
EARLIEST = 946_684_800_000  # 2000-01-01: nothing that a lead does is older
LATEST_AHEAD = DAY_MS  # a sender's clock may run ahead of ours by this much
MAX_VALUE_BYTES = 1_000_000  # larger values are refused unread

MAGIC = 0
FRAME = 5  # bytes before the datum: the magic byte and the schema id, big-endian

Record = msgspec.Struct | JournalEntry
Opener = Callable[[str, dict[str, Any], tuple[Personal, ...]], None]  # opens the sealed texts of a record's datum
Reader = Callable[[bytes, Opener | None], Any]
Writer = Callable[[Any], bytes]

TYPES: dict[str, type[Record]] = {
    **events.RECORD,
    **effects.RECORD,
    "ErasureReceipt": effects.ErasureReceipt,
    **context.RECORD,
    "DeadLetter": DeadLetter,
    "JournalEntry": JournalEntry,
    "ParkedDelivery": ParkedDelivery,
    "WindowStats": WindowStats,
    "ResyncRequest": ResyncRequest,
    "SourcePosition": SourcePosition,
    "SubjectKey": SubjectKey,
}
RECORD_OF = {topic.name: topic.record for topic in TOPICS if topic.record}
NAME_OF: dict[type[Record], str] = {record: name for name, record in TYPES.items()}


class Wire:
    """The codec of one process. Readers and writers are made when first needed and kept."""

    def __init__(self, catalogue: Catalogue, max_value_bytes: int = MAX_VALUE_BYTES) -> None:
        self._catalogue = catalogue
        ours = (Role.OUTPUT, Role.STATE, Role.AUDIT)
        outputs = {topic.name for topic in TOPICS if topic.role in ours}
        self._limits = {topic: sys.maxsize if topic in outputs else max_value_bytes for topic in RECORD_OF}
        self._readers: dict[str, dict[bytes, Reader]] = {topic: {} for topic in RECORD_OF}
        self._writers: dict[type[Record], Writer] = {}

    def decode(self, topic: str, value: bytes | None, opener: Opener | None = None) -> Event:
        """The event that a lead-keyed input topic carries. Raises UnreadableRecord."""
        return cast(Event, self.decode_any(topic, value, opener))

    def decode_control(self, topic: str, value: bytes | None) -> ControlRecord:
        """The record that a control topic carries. Raises UnreadableRecord."""
        return cast(ControlRecord, self.decode_any(topic, value))

    def decode_any(self, topic: str, value: bytes | None, opener: Opener | None = None) -> Record:
        """The record that any topic of streams/topics.py carries. Raises UnreadableRecord.

        Sealed texts go through `opener` before ranges are checked, which are those of the text; without one, a record
        that has any is unreadable.
        """
        if value is None:
            raise UnreadableRecord(f"value is null (a tombstone), expected {_a(RECORD_OF[topic])}")
        if len(value) > self._limits[topic]:
            raise UnreadableRecord(f"value is {len(value):,} bytes long, expected at most {self._limits[topic]:,}")
        reader = self._readers[topic].get(value[:FRAME])
        if reader is None:
            reader = self._new_reader(topic, value)
        return cast(Record, reader(value, opener))

    def encode(self, record: Record) -> bytes:
        """The framed bytes of an event, effect, control record, dead letter or journal entry."""
        writer = self._writers.get(type(record))
        if writer is None:
            writer = self._new_writer(type(record))
        return writer(record)

    def prepare(self, records: Iterable[type[Record]]) -> None:
        """Find the schema ids of what will be written, before anything waits for them. Raises RegistryUnreachable."""
        for record in records:
            if record not in self._writers:
                self._new_writer(record)

    def headers(self, record: Record, lane: int, now: int) -> Headers:
        """The CloudEvents headers of an output."""
        kind, identity = CLOUD_EVENT[type(record)]
        return (SPEC_VERSION, ("ce_id", identity(record).encode()), source_of(lane), kind, _time(now))

    @staticmethod
    def check(event: Event, key: bytes | None, now: int) -> None:
        """Raises UnreadableRecord unless the key is the event's lead and its time can be true at `now`."""
        if key is not None and key == event.lead_id.encode() and EARLIEST <= event.occurred_at <= now + LATEST_AHEAD:
            return
        raise UnreadableRecord(_misplaced(event, key, now), event_id=event.event_id, lead_id=event.lead_id)

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
    at = time_text(event.occurred_at)
    if event.occurred_at < EARLIEST:
        return f"occurred_at is {at}, expected {time_text(EARLIEST)} or later"
    return f"occurred_at is {at}, expected at most a day after now, {time_text(now)}"


def _reader(written: Schema, ours: Schema, record: type[Record]) -> Reader:
    datum_from = _datum_reader(written, ours)
    convert = _journal_entry if record is JournalEntry else msgspec.convert
    personal = personal_fields().get(written.record, ())

    def read(value: bytes, opener: Opener | None) -> Any:
        try:
            datum = datum_from(value)
        except Exception as error:  # hostile bytes: whatever they trip over, they are to blame
            raise UnreadableRecord(
                f"value is {len(value):,} bytes that schema {written} cannot read ({_stumble(error)}),"
                f" expected one whole {written.record}"
            ) from error
        if personal:
            (opener or refuse)(written.record, datum, personal)
        try:
            return convert(datum, record)
        except msgspec.ValidationError as error:
            raise invalid(datum, cast(type[msgspec.Struct], record), error) from None

    return read


def refuse(_record: str, datum: dict[str, Any], personal: tuple[Personal, ...]) -> None:
    """The opener of whoever has no keys. Raises UnreadableRecord for the first sealed text."""

    def refused(field: str, _: str) -> str:
        raise UnreadableRecord(
            f"{field} is sealed, expected plain text, as LEADLANE_SEAL_SECRET is not set here: set it to the secret of"
            " whoever sealed it",
            event_id=datum.get("event_id"),
            lead_id=datum.get("lead_id"),
        )

    open_datum(datum, personal, refused)


def _datum_reader(written: Schema, ours: Schema) -> Callable[[bytes], dict[str, Any]]:
    """Compiled for the version that we write; fastavro resolves the others to it."""
    if written.document == ours.document:
        return codec.reader(plain(ours.document), FRAME)
    writer = parse_schema(plain(written.document), named_schemas={})
    into = parse_schema(plain(ours.document), named_schemas={})

    def read(value: bytes) -> dict[str, Any]:
        source = BytesIO(value)
        source.seek(FRAME)
        datum = cast(dict[str, Any], schemaless_reader(source, writer, into))
        if source.tell() != len(value):
            raise codec.BadDatum(f"the datum ends at byte {source.tell()}, the value at byte {len(value)}")
        return datum

    return read


def _stumble(error: Exception) -> str:
    if isinstance(error, IndexError | EOFError | struct.error):
        return "it ends in the middle"
    if isinstance(error, UnicodeDecodeError):
        return f"a text is not UTF-8: {error.reason}, {shown(error.object)}"
    return str(error) if isinstance(error, codec.BadDatum) else f"{type(error).__name__}: {shown(str(error))}"


def _journal_entry(datum: dict[str, Any], _record: type[Record]) -> JournalEntry:
    # Leadlane wrote it, so ranges need no check; fields of newer versions are left out.
    return JournalEntry(**{name: datum[name] for name in JournalEntry._fields})


def _writer(schema: Schema, record: type[Record]) -> Writer:
    prefix = bytes([MAGIC]) + schema.id.to_bytes(4, "big")
    constants = {"app": version("leadlane")} if record is JournalEntry else {}
    return codec.writer(plain(schema.document), prefix, constants)


def _a(record: str) -> str:
    return f"{'an' if record[0] in 'AEIOU' else 'a'} {record}"


def _identity(record: type[Record]) -> Callable[[Any], str]:
    """What makes a record unique among all that a lane writes: the same one again has the same ce_id."""
    match record.__name__:
        case "CommandCadence":
            return lambda command: f"{command.command_id}/CadenceCommand"
        case "UpdateCase":
            return lambda case: f"{case.case_id}/{case.version}/Case"
        case "AnswerRequest":
            return lambda answer: f"{answer.decision_id}/{answer.request_id}/OutreachVerdict"
        case "DeadLetter":
            return lambda letter: f"{letter.topic}-{letter.partition}-{letter.offset}/DeadLetter"
        case "ParkedDelivery":
            return lambda parked: f"{parked.target}/{parked.topic}-{parked.partition}-{parked.offset}/ParkedDelivery"
        case "ErasureReceipt":
            return lambda receipt: f"{receipt.decision_id}/ErasureReceipt"
        case "EmitExample":
            return lambda example: f"{example.lead_id}/{example.example_id}/TrainingExample"
        case "SubjectKey":
            return lambda key: f"{key.lead_id}#{key.key_id}/SubjectKey"
        case "WindowStats":
            return lambda stats: f"{stats.lane}-{stats.window_start}-{stats.group}={stats.value}/WindowStats"
        case "JournalEntry":
            return lambda entry: f"{entry.lane}-{entry.seq}/JournalEntry"
        case "ResyncRequest":
            return lambda request: f"{request.request_id}/ResyncRequest"
        case "SourcePosition":
            return lambda position: f"{position.source}/{position.stream}-{position.at}/SourcePosition"
        case _ if issubclass(record, effects.Effect):
            return lambda effect: f"{effect.decision_id}/{NAME_OF[record]}"
        case _ if issubclass(record, events.Event):
            return lambda event: str(event.event_id)
    return lambda control: f"{control.actor}-{control.at}/{NAME_OF[record]}"


CLOUD_EVENT = {
    record: (("ce_type", f"leadlane.{name}".encode()), _identity(record)) for record, name in NAME_OF.items()
}
SPEC_VERSION = ("ce_specversion", b"1.0")


@lru_cache(maxsize=1024)
def source_of(lane: int) -> tuple[str, bytes]:
    """The header that says which lane wrote a record; where all lanes write one partition, nothing else does."""
    return "ce_source", b"/leadlane/lane/%d" % lane


@lru_cache(maxsize=64)
def _time(now: int) -> tuple[str, bytes]:
    return "ce_time", time_text(now).encode()


def time_text(at: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    seconds, millis = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"
