"""Working time and local clock time, without a clock: everything is computed from what the caller passes.

Law of this module: instants are milliseconds UTC, days are days since 1970-01-01. Local hours come from zoneinfo, so a
day may have 23 or 25 hours and an hour that a clock skips means the moment after the gap. "One business day" of a
budget is one calendar day's working hours (start_hour to end_hour) of working time, not 24 hours; a hold of n business
days ends at the same clock time on the nth working day after.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from streams.core.context import Context
    from streams.core.policy import CalendarRow
    from streams.core.state import LeadState

SECOND = 1_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
LAST_DAY = 2_932_895  # the day before 9999-12-31: later days have no successor that datetime can hold
LAST_INSTANT = LAST_DAY * DAY
EPOCH_ORDINAL = 719_163  # date.toordinal() of 1970-01-01
THURSDAY = 3  # the weekday of day 0, Monday is 0


@lru_cache(maxsize=2_048)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None when there is none: names come from outside, so none may raise."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no key ("../x"); a folder ("America") or a name too long
        return None


@lru_cache(maxsize=32_768)
def at_hour(day: int, hour: int, zone: str) -> int:
    """When it is `hour` (0..24) o'clock on `day` in `zone`; the moment after the gap when clocks skip that hour."""
    day, hour = min(day + hour // 24, LAST_DAY), hour % 24
    local = datetime.fromordinal(day + EPOCH_ORDINAL).replace(hour=hour, tzinfo=_zone(zone))
    return day * DAY + hour * HOUR - _offset(local)


def local_time(at: int, zone: str) -> int:
    """`at` as local clock time: milliseconds since 1970-01-01 00:00 on the zone's wall clock."""
    at = min(at, LAST_INSTANT)
    return at + _offset(datetime.fromtimestamp(at // SECOND, _zone(zone)))


def _instant(clock: int, zone: str) -> int:
    """The inverse of local_time; the earlier of two when a clock shows that time twice."""
    clock = min(clock, LAST_INSTANT)
    day, second = clock // DAY, clock % DAY // SECOND
    local = datetime.fromordinal(day + EPOCH_ORDINAL).replace(
        hour=second // 3_600, minute=second // 60 % 60, second=second % 60, tzinfo=_zone(zone)
    )
    return clock - _offset(local)


def _zone(name: str) -> ZoneInfo:
    return zone_named(name) or _UTC


def _offset(local: datetime) -> int:
    offset = local.utcoffset()
    assert offset is not None  # it has a zone
    return (offset.days * 86_400 + offset.seconds) * SECOND


_UTC = ZoneInfo("UTC")


class Calendars:
    """Working hours, weekend and country holidays of one version. Immutable."""

    __slots__ = ("_closed", "_holidays", "row", "version")

    def __init__(self, row: CalendarRow, holidays: Mapping[str, frozenset[int]], version: str) -> None:
        """`holidays`: ISO 3166 country -> days. Raises ValueError when the row leaves no working time at all."""
        if not 0 <= row.start_hour < row.end_hour <= 24 or set(range(7)) <= set(row.weekend):
            raise ValueError(
                f"calendar: hours {row.start_hour}..{row.end_hour}, weekend {row.weekend}; expected "
                "0 <= start_hour < end_hour <= 24 and a weekend of at most six of the days 0..6 (Monday is 0)"
            )
        self.row = row
        self.version = version
        self._holidays = holidays
        self._closed = frozenset(row.weekend)

    def zone_for(self, *names: str | None) -> str:
        """The first of `names` that is an IANA zone, else the calendar's own zone, else UTC."""
        for name in (*names, self.row.time_zone):
            if name and zone_named(name) is not None:
                return name
        return "UTC"

    def is_working(self, day: int, country: str) -> bool:
        """Whether people work on `day`. An empty country means the calendar's own; an unknown one has no holidays."""
        if (day + THURSDAY) % 7 in self._closed:
            return False
        return day not in self._holidays.get(country or self.row.country or "", ())

    def business_days_after(self, day: int, n: int, country: str) -> int:
        """The nth working day after `day`; with n = 0 `day` itself, or the first working day after it."""
        if n == 0:
            day, n = day - 1, 1
        while n:
            day += 1
            if day > LAST_DAY:
                return LAST_DAY
            n -= self.is_working(day, country)
        return day

    def business_days_later(self, at: int, n: int, zone: str, country: str) -> int:
        """The same clock time as `at`, n working days after its day.

        On a day off it is as if the next working day had just begun: n whole working days pass, and what happens later
        on a weekend never ends earlier.
        """
        return _business_days_later(self, at, n, zone, country)

    def at_hour(self, day: int, hour: int, zone: str) -> int:
        """When it is `hour` o'clock on `day` in `zone`."""
        return at_hour(day, hour, zone)

    def day_of(self, at: int, zone: str) -> int:
        """The day that a calendar on the wall shows at `at`."""
        return local_time(at, zone) // DAY

    def quiet_end(self, at: int, zone: str, from_hour: int, to_hour: int) -> int | None:
        """When the quiet hours end that `at` falls in, or None. From 20 to 8 passes midnight; equal hours: none."""
        clock = local_time(at, zone)
        day, hour = clock // DAY, clock % DAY // HOUR
        if from_hour <= to_hour:
            return at_hour(day, to_hour, zone) if from_hour <= hour < to_hour else None
        if hour >= from_hour:
            return at_hour(day + 1, to_hour, zone)
        return at_hour(day, to_hour, zone) if hour < to_hour else None

    def add_working(self, start: int, budget: int, zone: str, country: str) -> int:
        """The earliest instant at which `budget` ms of working time have passed since `start`."""
        if budget <= 0:
            return start
        day = self.day_of(start, zone)
        while day < LAST_DAY:
            if self.is_working(day, country):
                opens = max(start, at_hour(day, self.row.start_hour, zone))
                left = at_hour(day, self.row.end_hour, zone) - opens
                if budget <= left:
                    return opens + budget
                budget -= max(left, 0)
            day += 1
        return LAST_INSTANT

    def working_between(self, start: int, end: int, zone: str, country: str) -> int:
        """Working time in ms from `start` to `end`; 0 when `end` is not later."""
        if end <= start:
            return 0
        worked = 0
        for day in range(self.day_of(start, zone), self.day_of(end, zone) + 1):
            if self.is_working(day, country):
                opens = max(start, at_hour(day, self.row.start_hour, zone))
                worked += max(0, min(end, at_hour(day, self.row.end_hour, zone)) - opens)
        return worked


@lru_cache(maxsize=16_384)
def _business_days_later(calendars: Calendars, at: int, n: int, zone: str, country: str) -> int:
    day, time = divmod(local_time(at, zone), DAY)
    if not calendars.is_working(day, country):
        day, time = calendars.business_days_after(day, 1, country), 0
    return _instant(calendars.business_days_after(day, n, country) * DAY + time, zone)


def zone_of(state: LeadState, context: Context) -> str:
    """The lead's zone, else the owner's, else the calendar's."""
    name = state.known.time_zone
    if name and zone_named(name) is not None:
        return name
    owner = context.reps.get((state.known.owner.value if state.known.owner else state.routing.owner) or "")
    return context.calendars.zone_for(owner.time_zone if owner else None)


def country_of(state: LeadState) -> str:
    """The lead's country, or the empty string: then the calendar's own counts."""
    return state.known.country.value if state.known.country else ""
