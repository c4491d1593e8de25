"""Working time adds up in every zone and country; a deferral is the earliest time that everything allows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.calendars import calendars_for
from streams.core.caps import defer_until
from streams.core.policy import CalendarRow, Cap, CapRow
from streams.core.state import LeadState
from tests.builders import a_context
from tests.factories import DAY, HOUR, MINUTE, T0, a_request, an_activity
from tests.leads import a_lead

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Niue",
    "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "America/Havana", "Pacific/Apia",
)  # fmt: skip
_zones = st.sampled_from(ZONES)
_countries = st.sampled_from(("DE", "US", "FR", "ES", "JP", "AE", "", "XX"))
_times = st.integers(T0 - 3_000 * DAY, T0 + 3_000 * DAY)
_rows = st.builds(
    CalendarRow,
    start_hour=st.integers(0, 11),
    end_hour=st.integers(12, 24),
    weekend=st.sets(st.integers(0, 6), max_size=5).map(lambda days: tuple(sorted(days))),
    country=st.sampled_from((None, "DE")),
    time_zone=st.just("UTC"),
)


@given(_rows, _times, st.integers(1, 200 * HOUR), _zones, _countries)
def test_the_time_worked_until_a_budget_is_used_up_is_the_budget(
    row: CalendarRow, start: int, budget: int, zone: str, country: str
) -> None:
    calendars = calendars_for(row)
    end = calendars.add_working(start, budget, zone, country)
    assert calendars.working_between(start, end, zone, country) == budget
    assert calendars.working_between(start, end - 1, zone, country) == budget - 1  # and not a moment earlier


@given(_rows, st.lists(_times, min_size=3, max_size=3).map(sorted), _zones, _countries)
def test_time_worked_adds_up(row: CalendarRow, times: list[int], zone: str, country: str) -> None:
    calendars = calendars_for(row)
    first, second, third = (times[0] + (time - times[0]) // 100 for time in times)
    parts = [calendars.working_between(a, b, zone, country) for a, b in ((first, second), (second, third))]
    assert calendars.working_between(first, third, zone, country) == sum(parts)


@given(_rows, _times, st.integers(0, 4 * DAY), st.integers(0, 20), _zones, _countries)
def test_business_days_later_is_a_working_day_and_what_happens_later_ends_later(
    row: CalendarRow, at: int, wait: int, n: int, zone: str, country: str
) -> None:
    calendars = calendars_for(row)
    today = calendars.day_of(at, zone)
    day = calendars.business_days_after(today, n, country)
    passed = [other for other in range(today + 1, day + 1) if calendars.is_working(other, country)]
    assert passed[-1:] == [day] or day == today
    assert len(passed) == n or (n == 0 and passed == [day])
    first, second = (calendars.business_days_later(time, n, zone, country) for time in (at, at + wait))
    assert calendars.is_working(calendars.day_of(first, zone), country)
    assert first <= second + HOUR  # the hour that a clock has twice


@given(_times, _zones, st.integers(0, 23), st.integers(0, 24))
def test_quiet_hours_end_later_than_now_and_then_it_is_not_quiet(at: int, zone: str, start: int, end: int) -> None:
    calendars = a_context().calendars
    quiet = calendars.quiet_end(at, zone, start, end)
    if quiet is not None:
        assert at < quiet <= at + 26 * HOUR
        if (start, end) != (0, 24):
            assert calendars.quiet_end(quiet, zone, start, end) is None


_caps = st.builds(
    Cap,
    id=st.sampled_from(("a", "b", "c")),
    channel=st.sampled_from((None, "email", "sms")),
    marketing_only=st.booleans(),
    most=st.integers(1, 5),
    window_ms=st.integers(HOUR, 10 * DAY),
)
_cap_rows = st.builds(
    CapRow,
    caps=st.lists(_caps, max_size=3).map(tuple),
    gap_ms=st.integers(0, 12 * HOUR),
    quiet_from_hour=st.integers(0, 23),
    quiet_to_hour=st.integers(0, 23),
    expiry_ms=st.just(60 * DAY),
)
_touches = st.lists(
    st.builds(
        an_activity,
        st.integers(0, 10**6),
        kind=st.just("sent"),
        channel=st.sampled_from(("email", "sms", "phone")),
        by=st.sampled_from(("rep", "system")),
        occurred_at=st.integers(T0 - 10 * DAY, T0),
    ),
    max_size=15,
)


@given(_cap_rows, _touches, _zones, st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_a_deferral_ends_at_the_earliest_time_that_everything_allows(
    row: CapRow, touches: list[object], zone: str, shares: list[float]
) -> None:
    context = a_context(caps=row)
    state: LeadState = a_lead(*touches, zone=zone, context=context)  # type: ignore[arg-type]
    request = a_request(occurred_at=T0)
    deferral = defer_until(state, request, T0, context)
    if deferral is None:
        return
    assert deferral.until > T0
    assert defer_until(state, request, deferral.until, context) is None
    for share in shares:
        earlier = T0 + int((deferral.until - T0) * share)
        assert defer_until(state, request, earlier, context) is not None
    assert defer_until(state, request, deferral.until - 1, context) is not None
    assert deferral.until < T0 + 20 * DAY + MINUTE
