"""What could not be processed, exactly as it came, and why.

Law of this module: a dead letter keeps its original's key, value, headers and coordinates, byte for byte. Any record
that an input topic takes fits, as dead.letters takes larger ones. Only what a sender squeezed through in a compressed
batch can be too large: it is kept compressed, or else left in its topic, where the coordinates find it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from streams.errors import LeadlaneError
from streams.lane.processor import Headers, InputRecord, OutputRecord
from streams.lane.unreadable import UnreadableRecord
from streams.topics import INPUTS, MAX_DEAD_LETTER_BYTES

if TYPE_CHECKING:
    from streams.lane.wire import Wire

TEXT_LIMIT = 2_000  # characters of an error's text: a message may quote what came
ID_LIMIT = 200  # characters of an id that is read from what came: no valid one is longer
ROOM = 32_768  # bytes for everything but the original: error, coordinates, CloudEvents headers, framing
FIT = MAX_DEAD_LETTER_BYTES - ROOM  # what an original may take, its key counted twice
HEADER_ROOM = 16  # bytes that a header takes besides name and value, at most
REDRIVEN = "leadlane_redriven_from"  # header of a redriven record: the coordinates of the original

Kept = Literal["plain", "zlib", "left"]


class LetterNotWhole(LeadlaneError):
    """A dead letter whose original was too large to be kept: it must be taken from its own topic."""


class Header(msgspec.Struct, frozen=True, gc=False):
    """One Kafka header."""

    name: str
    value: bytes | None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One input that could not be processed. `kept` says how `value` stands here."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    kept: Kept = "plain"
    error_class: str
    error_text: str
    failed_at: int
    lane: int
    event_id: str | None = None
    lead_id: str | None = None


def dead_letter(
    wire: Wire, record: InputRecord, error: Exception, lane: int, now: int, *, is_discreet: bool = False
) -> OutputRecord:
    """The record to send to dead.letters, under the original's key.

    `is_discreet`: personal texts are sealed. What a fault of Leadlane says may quote them, so it is left out.
    """
    kept, key, value, headers = _fitting(record)
    event_id, lead_id = _whose(wire, record, error)
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=key,
        value=value,
        headers=headers,
        kept=kept,
        error_class=type(error).__name__,
        error_text=error_text(record, error, is_discreet)[:TEXT_LIMIT].encode(errors="backslashreplace").decode(),
        failed_at=now,
        lane=lane,
        event_id=event_id and event_id[:ID_LIMIT],
        lead_id=lead_id and lead_id[:ID_LIMIT],
    )
    return OutputRecord(key, wire.encode(letter), wire.headers(letter, lane, now))


def error_text(record: InputRecord, error: Exception, is_discreet: bool = False) -> str:
    """The error in words, with the record's coordinates, without the class."""
    if isinstance(error, UnreadableRecord):
        return error.at(record.topic, record.partition, record.offset).text
    where = f"{record.topic}[{record.partition}]@{record.offset}"
    what = "(what it says may quote what is sealed, and is left out)" if is_discreet else error
    return (
        f"{where}: {type(error).__name__}: {what}. Sent to dead.letters, the lead is untouched. This is a fault of"
        " Leadlane: report it with this record; when it is mended, `leadlane dlq redrive`."
    )


def original(letter: DeadLetter) -> OutputRecord:
    """The record as it came, ready to be sent to `letter.topic` again. Raises LetterNotWhole."""
    where = f"{letter.topic}[{letter.partition}]@{letter.offset}"
    if letter.kept == "left":
        raise LetterNotWhole(
            f"{where}: the original was too large for dead.letters, expected at most {FIT:,} bytes compressed."
            f" It stands at {where} as long as that topic keeps it: take it from there."
        )
    value = zlib.decompress(letter.value) if letter.kept == "zlib" and letter.value is not None else letter.value
    headers = [(header.name, header.value) for header in letter.headers if header.name != REDRIVEN]
    return OutputRecord(letter.key, value, cast(Headers, (*headers, (REDRIVEN, where.encode()))))


def _fitting(record: InputRecord) -> tuple[Kept, bytes | None, bytes | None, tuple[Header, ...]]:
    headers = tuple(Header(name, value) for name, value in record.headers)
    around = 2 * len(record.key or b"") + sum(
        len(header.name.encode()) + len(header.value or b"") + HEADER_ROOM for header in headers
    )
    value = record.value
    if around + len(value or b"") <= FIT:
        return "plain", record.key, value, headers
    if value is not None and around < FIT:
        squeezed = zlib.compress(value, 1)
        if around + len(squeezed) <= FIT:
            return "zlib", record.key, squeezed, headers
    return "left", None, None, ()


def _whose(wire: Wire, record: InputRecord, error: Exception) -> tuple[str | None, str | None]:
    """event_id and lead_id, as far as they can be read."""
    if isinstance(error, UnreadableRecord):
        return error.event_id, error.lead_id
    if not any(record.topic == topic.name for topic in INPUTS):
        return None, record.key.decode(errors="replace") if record.key else None
    try:
        event = wire.decode(record.topic, record.value)
    except UnreadableRecord as unreadable:
        return unreadable.event_id, unreadable.lead_id
    return event.event_id, event.lead_id
