"""A dead letter is its original and the reason; redriving gives the original back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random
from typing import cast

import pytest

from streams.lane.deadletters import REDRIVEN, DeadLetter, Header, LetterNotWhole, dead_letter, original
from streams.lane.processor import Headers, OutputRecord
from streams.lane.registry import BuiltInCatalogue
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.topics import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES
from tests.factories import T0, a_score

wire = Wire(BuiltInCatalogue())


@dataclass
class Came:
    """A record as it came."""

    key: bytes | None = b"lead-1"
    value: bytes | None = b"\0\0\0\0\xc9..."
    headers: Headers = (("ce_id", b"1"), ("ce_id", b"2"))
    topic: str = "signals.scores"
    partition: int = 3
    offset: int = 88121
    timestamp: int = T0 - 5


def letter_of(record: Came, error: Exception) -> tuple[DeadLetter, OutputRecord]:
    sent = dead_letter(wire, record, error, 3, T0)
    return cast(DeadLetter, wire.decode_any("dead.letters", sent.value)), sent


def test_a_dead_letter_holds_its_original_and_says_why() -> None:
    letter, sent = letter_of(Came(), UnreadableRecord("value is 171.0, expected 0..100", event_id="e", lead_id="l"))
    assert letter == DeadLetter(
        topic="signals.scores",
        partition=3,
        offset=88121,
        timestamp=T0 - 5,
        key=b"lead-1",
        value=b"\0\0\0\0\xc9...",
        headers=(Header("ce_id", b"1"), Header("ce_id", b"2")),
        kept="plain",
        error_class="UnreadableRecord",
        error_text="signals.scores[3]@88121: value is 171.0, expected 0..100. Sent to dead.letters; fix the sender,"
        " then `leadlane dlq redrive`.",
        failed_at=T0,
        lane=3,
        event_id="e",
        lead_id="l",
    )
    assert sent.key == b"lead-1"
    assert dict(sent.headers)["ce_id"] == b"signals.scores-3-88121/DeadLetter"


def test_a_fault_of_ours_says_so_and_still_finds_whose_event_it_was() -> None:
    letter, _ = letter_of(Came(value=wire.encode(a_score())), ZeroDivisionError("division by zero"))
    assert (letter.error_class, letter.event_id, letter.lead_id) == ("ZeroDivisionError", "score-1", "lead-1")
    assert letter.error_text == (
        "signals.scores[3]@88121: ZeroDivisionError: division by zero. Sent to dead.letters, the lead is untouched."
        " This is a fault of Leadlane: report it with this record; when it is mended, `leadlane dlq redrive`."
    )


def test_a_timer_that_failed_is_the_leads() -> None:
    letter, _ = letter_of(Came(topic="lane.tick", value=b"state"), ValueError("no"))
    assert (letter.event_id, letter.lead_id, letter.value) == (None, "lead-1", b"state")


@pytest.mark.parametrize(
    "record",
    [
        Came(),
        Came(key=None),
        Came(key=b"\xff\xfe", value=None, headers=()),
        Came(key=b"", value=b""),
        Came(headers=cast(Headers, (("none", None), ("", b"")))),
    ],
    ids=["usual", "no key", "tombstone", "empty", "headers without value"],
)
def test_redriving_gives_the_original_back(record: Came) -> None:
    letter, _ = letter_of(record, UnreadableRecord("bad"))
    assert original(letter) == OutputRecord(
        record.key, record.value, (*record.headers, (REDRIVEN, b"signals.scores[3]@88121"))
    )


def test_a_second_redrive_names_one_origin_only() -> None:
    first, _ = letter_of(Came(), UnreadableRecord("bad"))
    again = Came(headers=original(first).headers, offset=90000)
    second, _ = letter_of(again, UnreadableRecord("bad"))
    assert original(second).headers == (("ce_id", b"1"), ("ce_id", b"2"), (REDRIVEN, b"signals.scores[3]@90000"))


@pytest.mark.parametrize("key_bytes", [6, 1_000_000])
def test_the_largest_record_that_an_input_takes_fits_whole(key_bytes: int) -> None:
    random = Random(1)
    key, value = random.randbytes(key_bytes), random.randbytes(MAX_MESSAGE_BYTES - key_bytes - 100)
    letter, sent = letter_of(Came(key, value), UnreadableRecord("x" * 5_000))
    assert letter.kept == "plain"
    assert (letter.key, letter.value) == (key, value)
    assert len(sent.value or b"") + len(sent.key or b"") + 1_000 < MAX_DEAD_LETTER_BYTES


def test_what_came_compressed_and_is_too_large_is_kept_compressed() -> None:
    letter, sent = letter_of(Came(value=b"x" * 10_000_000), UnreadableRecord("too long"))
    assert letter.kept == "zlib"
    assert letter.value == zlib.compress(b"x" * 10_000_000, 1)
    assert len(sent.value or b"") < MAX_DEAD_LETTER_BYTES
    assert original(letter).value == b"x" * 10_000_000


def test_what_cannot_be_kept_is_left_where_it_came_from() -> None:
    letter, sent = letter_of(Came(value=Random(1).randbytes(4_000_000)), UnreadableRecord("too long"))
    assert (letter.kept, letter.key, letter.value, letter.headers) == ("left", None, None, ())
    assert len(sent.value or b"") < 2_000
    with pytest.raises(LetterNotWhole) as caught:
        original(letter)
    assert str(caught.value) == (
        "LetterNotWhole: signals.scores[3]@88121: the original was too large for dead.letters, expected at most"
        " 2,129,944 bytes compressed. It stands at signals.scores[3]@88121 as long as that topic keeps it: take it from"
        " there."
    )
