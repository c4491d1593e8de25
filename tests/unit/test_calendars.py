"""Working time, business days and local hours: weekends, holidays, clock changes, and zones at the world's ends."""

from __future__ import annotations

from datetime import date
from zoneinfo import available_timezones

import pytest

from streams.calendars import VERSION, CountryHolidays, calendars_for
from streams.core.calendars import LAST_DAY, LAST_INSTANT, Calendars, zone_named
from streams.core.policy import CalendarRow
from tests.builders import CALENDAR
from tests.factories import DAY, HOUR, MINUTE, T0
from tests.leads import local

CALENDARS = calendars_for(CALENDAR)
BERLIN, NEW_YORK, KIRITIMATI, ST_JOHNS = "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "America/St_Johns"


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def working(start: str, budget: int, zone: str = BERLIN, country: str = "DE") -> int:
    return CALENDARS.add_working(local(start, zone), budget, zone, country)


@pytest.mark.parametrize(
    ("start", "budget", "end"),
    [
        ("2026-06-08 09:00", 15 * MINUTE, "2026-06-08 09:15"),
        ("2026-06-08 06:30", 15 * MINUTE, "2026-06-08 09:15"),  # before the day begins
        ("2026-06-08 16:50", 15 * MINUTE, "2026-06-09 09:05"),
        ("2026-06-08 09:00", 8 * HOUR, "2026-06-08 17:00"),  # one business day: to the evening, not the next morning
        ("2026-06-08 12:00", 8 * HOUR, "2026-06-09 12:00"),
        ("2026-06-08 17:00", 1, "2026-06-09 09:00:00.001"),
        ("2026-06-08 23:59", 4 * HOUR, "2026-06-09 13:00"),
        ("2026-06-12 16:00", 4 * HOUR, "2026-06-15 12:00"),  # over a weekend
        ("2026-06-13 11:00", 4 * HOUR, "2026-06-15 13:00"),  # from a Saturday
        ("2026-06-14 23:59", 8 * HOUR, "2026-06-15 17:00"),  # from a Sunday night
        ("2026-12-24 16:00", 4 * HOUR, "2026-12-28 12:00"),  # Christmas is a Friday and a Saturday
        ("2026-12-31 16:00", 8 * HOUR, "2027-01-04 16:00"),  # New Year's Day is a Friday
        ("2026-03-27 16:00", 4 * HOUR, "2026-03-30 12:00"),  # clocks go forward on Sunday
        ("2026-10-23 16:00", 4 * HOUR, "2026-10-26 12:00"),  # and back
    ],
)
def test_working_time_passes_in_working_hours_only(start: str, budget: int, end: str) -> None:
    assert working(start, budget) == local(end)
    assert CALENDARS.working_between(local(start), local(end), BERLIN, "DE") == budget


def test_no_budget_is_used_up_at_once_and_time_that_runs_back_is_none() -> None:
    assert working("2026-06-13 11:00", 0) == local("2026-06-13 11:00")
    assert CALENDARS.working_between(T0, T0, BERLIN, "DE") == 0
    assert CALENDARS.working_between(T0, T0 - DAY, BERLIN, "DE") == 0


def test_a_night_shift_in_which_the_clock_changes_has_seven_or_nine_hours() -> None:
    nights = Calendars(CalendarRow(0, 8, (), None, "UTC"), {}, "nights")
    spring, autumn = local("2026-03-29 00:00"), local("2026-10-25 00:00")
    assert nights.working_between(spring, local("2026-03-30 00:00"), BERLIN, "") == 7 * HOUR
    assert nights.working_between(autumn, local("2026-10-26 00:00"), BERLIN, "") == 9 * HOUR
    assert nights.add_working(spring, 8 * HOUR, BERLIN, "") == local("2026-03-30 01:00")


def test_a_calendar_that_never_closes_is_the_clock() -> None:
    always = Calendars(CalendarRow(0, 24, (), None, "UTC"), {}, "always")
    assert always.add_working(T0 + 7, 100 * DAY, ST_JOHNS, "DE") == T0 + 7 + 100 * DAY
    assert always.working_between(T0 + 7, T0 + 7 + 100 * DAY, ST_JOHNS, "DE") == 100 * DAY


@pytest.mark.parametrize(
    ("holiday", "at_work", "at_home"),
    [
        ("2026-10-03", "", "DE"),  # a Saturday anyway
        ("2026-05-01", "US", "DE"),
        ("2026-07-03", "DE", "US"),  # Independence Day, observed
        ("2026-11-26", "FR", "US"),
        ("2026-07-14", "ES", "FR"),
        ("2026-10-12", "FR", "ES"),
        ("2026-12-08", "DE", "ES"),
        ("2026-08-15", "", "IT"),
        ("2026-12-28", "US", "GB"),
        ("2026-01-01", "XX", "JP"),  # a country that nobody knows has no holidays
    ],
)
def test_each_country_has_its_own_holidays(holiday: str, at_work: str, at_home: str) -> None:
    assert not CALENDARS.is_working(day(holiday), at_home)
    if at_work:
        assert CALENDARS.is_working(day(holiday), at_work)


def test_an_unknown_country_means_the_calendars_own() -> None:
    german = calendars_for(CalendarRow(9, 17, (5, 6), "DE", BERLIN))
    assert not german.is_working(day("2026-05-01"), "")
    assert CALENDARS.is_working(day("2026-05-01"), "")


def test_the_weekend_is_a_matter_of_the_policy() -> None:
    gulf = Calendars(CalendarRow(9, 17, (4, 5), None, "Asia/Riyadh"), {}, "gulf")
    assert [gulf.is_working(day("2026-06-08") + n, "") for n in range(7)] == [True] * 4 + [False] * 2 + [True]


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-06-08", 1, "2026-06-09"),
        ("2026-06-12", 1, "2026-06-15"),
        ("2026-06-13", 1, "2026-06-15"),
        ("2026-06-14", 3, "2026-06-17"),
        ("2026-12-24", 1, "2026-12-28"),
        ("2026-12-24", 4, "2026-12-31"),
        ("2026-12-24", 5, "2027-01-04"),
        ("2026-06-08", 0, "2026-06-08"),
        ("2026-06-13", 0, "2026-06-15"),
    ],
)
def test_business_days_skip_weekends_and_holidays(start: str, n: int, end: str) -> None:
    assert CALENDARS.business_days_after(day(start), n, "DE") == day(end)


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-06-12 15:00", 1, "2026-06-15 15:00"),
        ("2026-06-08 23:59", 3, "2026-06-11 23:59"),
        ("2026-06-13 11:00", 1, "2026-06-16 00:00"),  # Saturday: all of Monday
        ("2026-06-14 10:00", 1, "2026-06-16 00:00"),
        ("2026-06-12 23:59", 1, "2026-06-15 23:59"),
        ("2026-03-27 15:00", 1, "2026-03-30 15:00"),  # the same clock time, though the clock changed
    ],
)
def test_business_days_later_it_is_the_same_time_on_the_clock(start: str, n: int, end: str) -> None:
    assert CALENDARS.business_days_later(local(start), n, BERLIN, "DE") == local(end)


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("UTC", 0.0), (BERLIN, 2.0), (NEW_YORK, -4.0), (KIRITIMATI, 14.0), (ST_JOHNS, -2.5), ("Asia/Kathmandu", 5.75)],
)
def test_local_hours_and_days_are_the_zones_own(zone: str, offset: float) -> None:
    monday = day("2026-06-08")
    assert CALENDARS.at_hour(monday, 9, zone) == monday * DAY + int((9 - offset) * HOUR)
    assert CALENDARS.day_of(CALENDARS.at_hour(monday, 0, zone), zone) == monday
    assert CALENDARS.day_of(CALENDARS.at_hour(monday, 0, zone) - 1, zone) == monday - 1
    assert CALENDARS.at_hour(monday, 24, zone) == CALENDARS.at_hour(monday + 1, 0, zone)


def test_an_hour_that_the_clock_skips_is_the_moment_after_the_gap_and_one_that_comes_twice_is_the_first() -> None:
    assert CALENDARS.at_hour(day("2026-03-29"), 2, BERLIN) == local("2026-03-29 03:00")
    assert CALENDARS.at_hour(day("2026-10-25"), 2, BERLIN) == local("2026-10-25 03:00") - 2 * HOUR


def test_a_midnight_that_does_not_exist_is_no_obstacle() -> None:
    santiago = "America/Santiago"  # clocks went forward at midnight of 6 September 2026
    assert CALENDARS.day_of(CALENDARS.at_hour(day("2026-09-06"), 0, santiago), santiago) == day("2026-09-06")


NIGHT = local("2026-06-08 22:00", BERLIN)


@pytest.mark.parametrize(
    ("at", "hours", "end"),
    [
        ("2026-06-08 19:59:59.999", (20, 8), None),
        ("2026-06-08 20:00", (20, 8), "2026-06-09 08:00"),
        ("2026-06-09 00:00", (20, 8), "2026-06-09 08:00"),
        ("2026-06-09 07:59:59.999", (20, 8), "2026-06-09 08:00"),
        ("2026-06-09 08:00", (20, 8), None),
        ("2026-06-09 12:30", (12, 14), "2026-06-09 14:00"),
        ("2026-06-09 14:00", (12, 14), None),
        ("2026-06-09 23:30", (22, 24), "2026-06-10 00:00"),
        ("2026-06-09 23:30", (9, 9), None),
        ("2026-10-25 02:30", (20, 3), "2026-10-25 03:00"),
    ],
)
def test_quiet_hours(at: str, hours: tuple[int, int], end: str | None) -> None:
    assert CALENDARS.quiet_end(local(at), BERLIN, *hours) == (local(end) if end else None)


def test_the_first_zone_that_exists_counts() -> None:
    assert CALENDARS.zone_for("Asia/Tokyo", BERLIN) == "Asia/Tokyo"
    assert CALENDARS.zone_for("", BERLIN) == BERLIN
    assert CALENDARS.zone_for(None, None) == "UTC"
    assert calendars_for(CalendarRow(9, 17, (5, 6), None, NEW_YORK)).zone_for("Mars/Olympus", None) == NEW_YORK
    assert calendars_for(CalendarRow(9, 17, (5, 6), None, "Nowhere")).zone_for() == "UTC"


@pytest.mark.parametrize(
    "name",
    ["", "America", "Europe", "../../etc/passwd", "/etc/passwd", "Mars/Olympus", "UTC\0", "\ud800", "x" * 5_000, " "],
)
def test_a_name_that_is_no_zone_never_raises_and_means_utc(name: str) -> None:
    assert zone_named(name) is None
    assert CALENDARS.at_hour(day("2026-06-08"), 9, name) == local("2026-06-08 09:00", "UTC")


def test_every_zone_there_is_has_mornings_and_quiet_hours() -> None:
    for zone in sorted(available_timezones()):
        morning = CALENDARS.at_hour(day("2026-06-08"), 8, zone)
        assert CALENDARS.quiet_end(morning - 1, zone, 20, 8) == morning, zone
        assert CALENDARS.quiet_end(morning, zone, 20, 8) is None, zone


def test_the_end_of_time_is_an_answer_not_an_error() -> None:
    far = 253_402_300_799_000  # the last second of 9999
    assert CALENDARS.add_working(far, 30 * DAY, KIRITIMATI, "DE") == LAST_INSTANT
    assert CALENDARS.business_days_later(far, 3, KIRITIMATI, "DE") <= far
    assert CALENDARS.business_days_after(LAST_DAY - 1, 900, "DE") == LAST_DAY
    for zone in (KIRITIMATI, "Pacific/Niue", "UTC"):
        assert CALENDARS.at_hour(2_932_896, 24, zone) <= far
        assert CALENDARS.day_of(far, zone) <= LAST_DAY + 1
        CALENDARS.quiet_end(far, zone, 20, 8)
        CALENDARS.quiet_end(0, zone, 20, 8)


@pytest.mark.parametrize(
    ("start", "end", "weekend"), [(17, 9, (5, 6)), (9, 9, ()), (9, 25, ()), (9, 17, tuple(range(7)))]
)
def test_a_calendar_without_working_time_is_refused(start: int, end: int, weekend: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected 0 <= start_hour < end_hour <= 24 and a weekend"):
        Calendars(CalendarRow(start, end, weekend, None, "UTC"), {}, "broken")


def test_the_version_names_where_the_holidays_come_from() -> None:
    assert CALENDARS.version == VERSION
    assert VERSION.startswith("holidays-")


def test_every_country_of_the_package_can_be_asked() -> None:
    known = CountryHolidays()
    assert {"DE", "US", "FR", "ES"} <= set(known)
    assert all(len(country) == 2 for country in known)
    assert all(isinstance(known[country], frozenset) for country in known)
    assert known.get("XX") is None
    assert known.get("de") is None
