"""One mail made ready for reading: its own words, its language, and the day it came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from streams.core.reading.cutting import human_text
from streams.core.reading.date_forms import Order
from streams.core.reading.dates import date_order, local_date
from streams.core.reading.language import Spoken, spoken
from streams.core.reading.words import Words, words_of

# Who has not said it within this much of his own words is read by a person.
CUE_CHARS = 6_000


class Incoming(msgspec.Struct, frozen=True):
    """What the readings of machines and people start from. `headers` have lowered names; `own` is the cut text."""

    headers: Mapping[str, str]
    subject: str
    own: str
    words: Words
    spoken: Spoken
    today: date
    order: Order


def incoming(
    headers: Mapping[str, str],
    subject: str,
    text: str,
    received_at_ms: int,
    language: str | None,
    time_zone: str,
    country: str | None,
) -> Incoming:
    """The mail without what it quotes, as words."""
    own = human_text(text)[:CUE_CHARS]
    words = words_of(own)
    tongue = spoken(words.line, language)
    order = date_order(tongue.language, language, country)
    return Incoming(headers, subject, own, words, tongue, local_date(received_at_ms, time_zone), order)
