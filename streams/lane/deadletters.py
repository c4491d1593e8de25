"""What could not be processed, exactly as it came, and why.

Law of this module: a dead letter loses nothing of its original: key, value, headers and coordinates are the bytes that
came. An original always fits: dead.letters takes larger records than any input topic (see streams/topics.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.lane.processor import InputRecord, OutputRecord
from streams.lane.unreadable import UnreadableRecord

if TYPE_CHECKING:
    from streams.lane.wire import Wire

TEXT_LIMIT = 2_000  # characters of an error's text: a message may quote what came
REDRIVEN = "leadlane_redriven_from"  # header of a redriven record: the coordinates of its dead letter


class Header(msgspec.Struct, frozen=True, gc=False):
    """One Kafka header."""

    name: str
    value: bytes | None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One input that could not be processed."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    error_class: str
    error_text: str
    failed_at: int
    lane: int
    event_id: str | None = None
    lead_id: str | None = None


def dead_letter(wire: Wire, record: InputRecord, error: Exception, lane: int, now: int) -> OutputRecord:
    """The record to send to dead.letters, under the original's key."""
    unreadable = error if isinstance(error, UnreadableRecord) else None
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(Header(name, value) for name, value in record.headers),
        error_class=type(error).__name__,
        error_text=error_text(record, error)[:TEXT_LIMIT],
        failed_at=now,
        lane=lane,
        event_id=unreadable.event_id if unreadable else None,
        lead_id=unreadable.lead_id if unreadable else None,
    )
    return OutputRecord(record.key, wire.encode(letter), wire.headers(letter, lane, now))


def error_text(record: InputRecord, error: Exception) -> str:
    """The error in words, with the record's coordinates, without the class."""
    if isinstance(error, UnreadableRecord):
        return error.at(record.topic, record.partition, record.offset).text
    where = f"{record.topic}[{record.partition}]@{record.offset}"
    return (
        f"{where}: {type(error).__name__}: {error}. Sent to dead.letters, the lead is untouched; this is a fault of"
        " Leadlane: report it with this record, then `leadlane dlq redrive`."
    )


def original(letter: DeadLetter) -> OutputRecord:
    """The record as it came, ready to be sent again to `letter.topic`."""
    came_from = (REDRIVEN, f"{letter.topic}[{letter.partition}]@{letter.offset}".encode())
    kept = tuple((header.name, header.value or b"") for header in letter.headers if header.name != REDRIVEN)
    return OutputRecord(letter.key, letter.value, (*kept, came_from))
