"""Dates as people write them; the table is in reading_dates."""

from __future__ import annotations

from datetime import date

import pytest

from streams.core.reading import ReplyClass, read_reply
from streams.core.reading.date_forms import dates_in
from tests.unit.reading_dates import ASKED, RETURNS

AT = 1_787_130_000_000  # Wednesday 2026-08-19 09:00 UTC
EPOCH = date(1970, 1, 1).toordinal()


def _iso(day: int | None) -> str | None:
    return None if day is None else date.fromordinal(day + EPOCH).isoformat()


@pytest.mark.parametrize(("text", "expected"), RETURNS, ids=[text for text, _ in RETURNS])
def test_the_return_date_of_an_absence(text: str, expected: str | None) -> None:
    reading = read_reply({"Auto-Submitted": "auto-replied"}, "Re: x", text, AT)
    assert (reading.reply_class, _iso(reading.until)) == (ReplyClass.OOO, expected)


@pytest.mark.parametrize(("text", "expected"), ASKED, ids=[text for text, _ in ASKED])
def test_the_date_that_not_now_asks_for(text: str, expected: str | None) -> None:
    reading = read_reply({}, "Re: x", text, AT)
    assert (reading.reply_class, _iso(reading.until)) == (ReplyClass.NOT_NOW, expected)


@pytest.mark.parametrize(
    "text",
    [
        "you may call me",
        "mon collegue",
        "version 5.9 of the tool",
        "the 24/7 hotline",
        "at 14:30",
        "10.30 uhr",
        "+49 171 05.09",
        "in march",
    ],
)
def test_what_is_no_date_or_names_no_day(text: str) -> None:
    assert [seen.day for seen in dates_in(text, date(2026, 3, 10), None) if seen.day is not None] == []


def test_easter_moves() -> None:
    found = [seen.day for seen in dates_in("nach ostern", date(2026, 1, 5), None)]
    assert found == [date(2026, 4, 7)]
