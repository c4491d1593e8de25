"""Public holidays for the core's calendars, from the `holidays` package."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import date

import holidays
from holidays.version import __version__ as package_version

from streams.core.calendars import Calendars
from streams.core.policy import CalendarRow

FIRST_YEAR, LAST_YEAR = 2015, 2045  # fixed, so that a version names the same days whenever it is built
_EPOCH = date(1970, 1, 1)


class CountryHolidays(Mapping[str, frozenset[int]]):
    """ISO 3166-1 alpha-2 country -> its national public holidays, as days since 1970-01-01. Computed when first asked.

    Regional holidays are left out: a lead's region is not known. A country that the package does not know is absent.
    """

    def __init__(self) -> None:
        self._countries = frozenset(code for code in holidays.list_supported_countries() if len(code) == 2)
        self._days: dict[str, frozenset[int]] = {}

    def __getitem__(self, country: str) -> frozenset[int]:
        days = self._days.get(country)
        if days is None:
            if country not in self._countries:
                raise KeyError(country)
            days = self._days[country] = _days_of(country)
        return days

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._countries))

    def __len__(self) -> int:
        return len(self._countries)


def _days_of(country: str) -> frozenset[int]:
    known = holidays.country_holidays(country)
    first = max(FIRST_YEAR, known.start_year)
    last = min(LAST_YEAR, known.end_year)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # some calendars (lunar ones) are tabulated for fewer years: those years have none
        found = holidays.country_holidays(country, years=range(first, last + 1))
    return frozenset((day - _EPOCH).days for day in found)


VERSION = f"holidays-{package_version}/{FIRST_YEAR}-{LAST_YEAR}"
_HOLIDAYS = CountryHolidays()


def calendars_for(row: CalendarRow) -> Calendars:
    """The calendars of a policy's calendar row. The version names the package that the holidays came from."""
    return Calendars(row, _HOLIDAYS, VERSION)
