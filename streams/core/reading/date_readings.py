"""What day a form of writing a date means, seen from a given today; or why it means none.

Every reading takes the match of its pattern (streams/core/reading/date_forms.py), today and the order of 03/04, and
answers a day, or `ambiguous`, `impossible`, `past`. Nothing here looks at a clock.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import Literal

from streams.core.reading import date_words as w

Order = Literal["dmy", "mdy"] | None
Fault = Literal["ambiguous", "impossible", "past"]

# A date without a year that lies just behind us is an old notice, not next year's date.
STALE_DAYS = 30
Result = date | Fault


def _on(year: int, month: int, day: int) -> date | None:
    return date(year, month, day) if 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1] else None


def _upcoming(today: date, month: int, day: int) -> Result:
    """The next such day; one that has just passed is past, not a year ahead."""
    seen = False
    for year in (today.year, today.year + 1, today.year + 2, today.year + 3, today.year + 4):
        found = _on(year, month, day)
        if found is None:
            continue
        seen = True
        if found >= today:
            last = _on(found.year - 1, month, day)
            return "past" if last is not None and (today - last).days <= STALE_DAYS else found
    return "past" if seen else "impossible"


def _dated(today: date, year: str | None, month: int, day: int) -> Result:
    if year is None:
        return _upcoming(today, month, day)
    number = int(year.strip("'"))
    found = _on(number + 2000 if number < 100 else number, month, day)
    if found is None:
        return "impossible"
    return found if found >= today else "past"


def iso(m: re.Match[str], today: date, order: Order) -> Result:
    return _dated(today, m["year"], int(m["month"]), int(m["day"]))


def dotted(m: re.Match[str], today: date, order: Order) -> Result:
    return _dated(today, m["year"], int(m["month"]), int(m["day"]))


def slashed(m: re.Match[str], today: date, order: Order) -> Result:
    first, second, year = int(m["first"]), int(m["second"] or m["second2"]), m["year"] or m["year2"]
    if first > 12 or (order == "dmy" and second <= 12):
        return _dated(today, year, second, first)
    if second > 12 or order == "mdy" or first == second:
        return _dated(today, year, first, second)
    return "ambiguous"


def named(m: re.Match[str], today: date, order: Order) -> Result:
    return _dated(today, m["year"], w.MONTHS[m["month"]], int(m["day"]))


def nth(m: re.Match[str], today: date, order: Order) -> Result:
    """The next 14th: this month's or the next month's."""
    day = int(m["day"])
    if not 1 <= day <= 31:
        return "impossible"
    year, month = today.year, today.month
    for _ in range(3):
        found = _on(year, month, day)
        if found is not None and found >= today:
            return found
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return "impossible"


def weekday(m: re.Match[str], today: date, order: Order) -> Result:
    """`next Friday` is the one of next week; any other form is the coming one."""
    number = w.WEEKDAYS[m["weekday"]] - 1
    if (m["next"] or "").startswith(("next", "nachste")) or "next week" in (m["next2"] or ""):
        return _week(today, 1) + timedelta(days=number)
    return today + timedelta(days=(number - today.weekday()) % 7 or 7)


def _week(today: date, weeks: int) -> date:
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def day_word(m: re.Match[str], today: date, order: Order) -> Result:
    word = m[0]
    if word.startswith(("day after", "ubermorgen", "uebermorgen", "apres", "pasado")):
        return today + timedelta(days=2)
    if word.startswith(("tomorrow", "morgen", "demain", "manana", "domani", "amanha")):
        return today + timedelta(days=1)
    return today


def months_on(today: date, months: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


def in_some(m: re.Match[str], today: date, order: Order) -> Result:
    word, unit = m["count"], w.UNIT[m["unit"]]
    if word.startswith(("half", "halbe")):
        return months_on(today, 6) if unit == "year" else "ambiguous"
    count = int(word) if word.isdigit() else w.NUMBERS[word]
    if count > 400:
        return "impossible"
    if unit in ("day", "week"):
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    return months_on(today, count * {"month": 1, "quarter": 3, "year": 12}[unit])


def next_unit(m: re.Match[str], today: date, order: Order) -> Result:
    unit = w.UNIT[m["unit"] or m["unit2"]]
    if unit == "week":
        return _week(today, 1)
    if unit == "month":
        return months_on(today.replace(day=1), 1)
    if unit == "quarter":
        return months_on(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), 3)
    return date(today.year + 1, 1, 1) if unit == "year" else today + timedelta(days=1)


def end_of(m: re.Match[str], today: date, order: Order) -> Result:
    unit = w.UNIT[m["unit"]]
    if unit == "week":
        return _week(today, 1 if m["next"] else 0) + timedelta(days=4)
    if unit == "month":
        return months_on(today.replace(day=1), 2 if m["next"] else 1) - timedelta(days=1)
    if unit == "quarter":
        return months_on(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), 6 if m["next"] else 3) - timedelta(days=1)
    return date(today.year + (1 if m["next"] else 0), 12, 31)


def _period(today: date, year: str | None, first_month: int, months: int, day: int = 1) -> Result:
    """The next beginning of a part of the year; while it runs nobody knows which one is meant."""
    if year is not None:
        return _dated(today, year, first_month, day)
    begun = date(today.year - (1 if first_month + months - 1 > 12 and today.month < first_month else 0), first_month, 1)
    if begun <= today < months_on(begun, months):
        return "ambiguous"
    found = date(today.year, first_month, day)
    return found if found >= today else date(today.year + 1, first_month, day)


def quarter(m: re.Match[str], today: date, order: Order) -> Result:
    number = int(m["q1"] or m["q2"])
    if m["kind"] == "h":
        return _period(today, m["year"], 1 if number == 1 else 7, 6) if number <= 2 else "impossible"
    return _period(today, m["year"], number * 3 - 2, 3)


def month_only(m: re.Match[str], today: date, order: Order) -> Result:
    month = w.MONTHS[m["month"]]
    part = m["part"]
    if part is None:
        return _period(today, m["year"], month, 1)
    year = int(m["year"]) if m["year"] and len(m["year"]) == 4 else today.year
    day = 1 if re.fullmatch(w.EARLY, part) else 15 if re.fullmatch(w.MID, part) else monthrange(year, month)[1]
    return _dated(today, m["year"], month, day) if m["year"] else _upcoming(today, month, day)


def year_only(m: re.Match[str], today: date, order: Order) -> Result:
    part = m["part"] or ""
    month, day = (7, 1) if re.fullmatch(w.MID, part) else (12, 1) if re.fullmatch(w.LATE, part) else (1, 1)
    return _dated(today, m["year"], month, day)


def season(m: re.Match[str], today: date, order: Order) -> Result:
    month = w.SEASON[m["season"]]
    if m["after"]:
        return _period(today, m["year"], month % 12 + 3 if month < 12 else 3, 1)
    return _period(today, m["year"], month, 3) if m["year"] or not m["next"] else _next_season(today, month)


def _next_season(today: date, month: int) -> date:
    found = date(today.year, month, 1)
    return found if found > today else date(today.year + 1, month, 1)


def back_to_school(m: re.Match[str], today: date, order: Order) -> Result:
    found = date(today.year, 9, 1)
    return found if found >= today else date(today.year + 1, 9, 1)


def after_christmas(m: re.Match[str], today: date, order: Order) -> Result:
    return date(today.year if today.month == 1 and today.day < 7 else today.year + 1, 1, 7)


def new_year(m: re.Match[str], today: date, order: Order) -> Result:
    return date(today.year + 1, 1, 1)


def after_easter(m: re.Match[str], today: date, order: Order) -> Result:
    for year in (today.year, today.year + 1):
        found = _easter(year) + timedelta(days=2)
        if found >= today:
            return found
    return "past"


def _easter(year: int) -> date:
    """Western Easter Sunday (Meeus, Jones, Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return date(year, month, day + 1)


def calendar_week(m: re.Match[str], today: date, order: Order) -> Result:
    number = int(m["week"])
    if not 1 <= number <= 53:
        return "impossible"
    for year in (today.year, today.year + 1):
        try:
            found = date.fromisocalendar(year, number, 1)
        except ValueError:
            continue
        if found >= today:
            return found
    return "impossible"


def half_year(m: re.Match[str], today: date, order: Order) -> Result:
    return months_on(today, 6)


def year_end(m: re.Match[str], today: date, order: Order) -> Result:
    return date(today.year, 12, 31)
