"""Dates as people write them, found in a folded text: each with the span, and what day it means on a given today.

Every form is one pattern and one reading function. A reading says a day, or why there is none: ambiguous, impossible
or past. Nothing here looks at a clock: `today` comes from the caller.
"""
# ruff: noqa: E501, ARG001, ARG005  (an expression is one line; all date readings take the same arguments)

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from streams.core.reading import date_words as w

Order = Literal["dmy", "mdy"] | None
Fault = Literal["ambiguous", "impossible", "past"]

# A date without a year that lies just behind us is an old notice, not next year's date.
STALE_DAYS = 30


class DateSeen(msgspec.Struct, frozen=True):
    """One date in a text. `day` None: `fault` says why. `bare`: so short ("the 14th") that only a cue makes it a date."""

    start: int
    end: int
    day: date | None
    fault: Fault | None = None
    bare: bool = False
    ranged: bool = False  # the last day of a written range ("12-16 May")
    vague: bool = False  # a month, season, quarter: enough for "not now", weak as a return date


Result = date | Fault
_Read = Callable[[re.Match[str], date, Order], Result]


def _alternatives(words: object) -> str:
    return "|".join(sorted((re.escape(str(word)) for word in words), key=len, reverse=True))  # type: ignore[attr-defined]


_MONTH = _alternatives(w.MONTHS)
_WEEKDAY = _alternatives(w.WEEKDAYS)
_NUMBER = _alternatives([*w.NUMBERS, "half a", "half", "halben", "halbes"])
_UNIT = _alternatives(w.UNIT)
_SEASON = _alternatives(w.SEASON)
_YEAR = r"(?P<year>20\d\d|'?\d\d(?![\d:.]))"
_DAY = r"(?P<day>\d{1,2})"
_NTH = r"(?:st|nd|rd|th|er|e|°|º|\.|ª)?"
_DASH = r" ?(?:-|–|—|to|bis(?: zum)?|au|al|t/m|until|through|and|und|et|y|e|a) ?"
_EDGE = r"(?<![\w./-])"
_STOP = r"(?![\w]|[./-]\d)"


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


def _iso(m: re.Match[str], today: date, order: Order) -> Result:
    return _dated(today, m["year"], int(m["month"]), int(m["day"]))


def _dotted(m: re.Match[str], today: date, order: Order) -> Result:
    return _dated(today, m["year"], int(m["month"]), int(m["day"]))


def _slashed(m: re.Match[str], today: date, order: Order) -> Result:
    first, second, year = int(m["first"]), int(m["second"] or m["second2"]), m["year"] or m["year2"]
    if first > 12 or (order == "dmy" and second <= 12):
        return _dated(today, year, second, first)
    if second > 12 or order == "mdy" or first == second:
        return _dated(today, year, first, second)
    return "ambiguous"


def _named(m: re.Match[str], today: date, order: Order) -> Result:
    return _dated(today, m["year"], w.MONTHS[m["month"]], int(m["day"]))


def _nth(m: re.Match[str], today: date, order: Order) -> Result:
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


def _weekday(m: re.Match[str], today: date, order: Order) -> Result:
    """`next Friday` is the one of next week; any other form is the coming one."""
    number = w.WEEKDAYS[m["weekday"]] - 1
    if (m["next"] or "").startswith(("next", "nachste")) or "next week" in (m["next2"] or ""):
        return _week(today, 1) + timedelta(days=number)
    return today + timedelta(days=(number - today.weekday()) % 7 or 7)


def _week(today: date, weeks: int) -> date:
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def _day_word(m: re.Match[str], today: date, order: Order) -> Result:
    word = m[0]
    if word.startswith(("day after", "ubermorgen", "uebermorgen", "apres", "pasado")):
        return today + timedelta(days=2)
    if word.startswith(("tomorrow", "morgen", "demain", "manana", "domani", "amanha")):
        return today + timedelta(days=1)
    return today


def _months_on(today: date, months: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


def _in_some(m: re.Match[str], today: date, order: Order) -> Result:
    word, unit = m["count"], w.UNIT[m["unit"]]
    if word.startswith(("half", "halbe")):
        return _months_on(today, 6) if unit == "year" else "ambiguous"
    count = int(word) if word.isdigit() else w.NUMBERS[word]
    if count > 400:
        return "impossible"
    if unit in ("day", "week"):
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    return _months_on(today, count * {"month": 1, "quarter": 3, "year": 12}[unit])


def _next_unit(m: re.Match[str], today: date, order: Order) -> Result:
    unit = w.UNIT[m["unit"] or m["unit2"]]
    if unit == "week":
        return _week(today, 1)
    if unit == "month":
        return _months_on(today.replace(day=1), 1)
    if unit == "quarter":
        return _months_on(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), 3)
    return date(today.year + 1, 1, 1) if unit == "year" else today + timedelta(days=1)


def _end_of(m: re.Match[str], today: date, order: Order) -> Result:
    unit = w.UNIT[m["unit"]]
    if unit == "week":
        return _week(today, 1 if m["next"] else 0) + timedelta(days=4)
    if unit == "month":
        return _months_on(today.replace(day=1), 2 if m["next"] else 1) - timedelta(days=1)
    if unit == "quarter":
        return _months_on(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), 6 if m["next"] else 3) - timedelta(
            days=1
        )
    return date(today.year + (1 if m["next"] else 0), 12, 31)


def _period(today: date, year: str | None, first_month: int, months: int, day: int = 1) -> Result:
    """The next beginning of a part of the year; while it runs nobody knows which one is meant."""
    if year is not None:
        return _dated(today, year, first_month, day)
    begun = date(today.year - (1 if first_month + months - 1 > 12 and today.month < first_month else 0), first_month, 1)
    if begun <= today < _months_on(begun, months):
        return "ambiguous"
    found = date(today.year, first_month, day)
    return found if found >= today else date(today.year + 1, first_month, day)


def _quarter(m: re.Match[str], today: date, order: Order) -> Result:
    number = int(m["q1"] or m["q2"])
    if m["kind"] == "h":
        return _period(today, m["year"], 1 if number == 1 else 7, 6) if number <= 2 else "impossible"
    return _period(today, m["year"], number * 3 - 2, 3)


def _month_only(m: re.Match[str], today: date, order: Order) -> Result:
    month = w.MONTHS[m["month"]]
    part = m["part"]
    if part is None:
        return _period(today, m["year"], month, 1)
    year = int(m["year"]) if m["year"] and len(m["year"]) == 4 else today.year
    day = 1 if re.fullmatch(w.EARLY, part) else 15 if re.fullmatch(w.MID, part) else monthrange(year, month)[1]
    return _dated(today, m["year"], month, day) if m["year"] else _upcoming(today, month, day)


def _year_only(m: re.Match[str], today: date, order: Order) -> Result:
    part = m["part"] or ""
    month, day = (7, 1) if re.fullmatch(w.MID, part) else (12, 1) if re.fullmatch(w.LATE, part) else (1, 1)
    return _dated(today, m["year"], month, day)


def _season(m: re.Match[str], today: date, order: Order) -> Result:
    month = w.SEASON[m["season"]]
    if m["after"]:
        return _period(today, m["year"], month % 12 + 3 if month < 12 else 3, 1)
    return _period(today, m["year"], month, 3) if m["year"] or not m["next"] else _next_season(today, month)


def _next_season(today: date, month: int) -> date:
    found = date(today.year, month, 1)
    return found if found > today else date(today.year + 1, month, 1)


def _back_to_school(m: re.Match[str], today: date, order: Order) -> Result:
    found = date(today.year, 9, 1)
    return found if found >= today else date(today.year + 1, 9, 1)


def _after_christmas(m: re.Match[str], today: date, order: Order) -> Result:
    found = date(today.year if today.month == 1 and today.day < 7 else today.year + 1, 1, 7)
    return found


def _new_year(m: re.Match[str], today: date, order: Order) -> Result:
    return date(today.year + 1, 1, 1)


def _after_easter(m: re.Match[str], today: date, order: Order) -> Result:
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


def _calendar_week(m: re.Match[str], today: date, order: Order) -> Result:
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


_DAY_NAME = rf"(?:(?:{_WEEKDAY}|mo|di|mi|do|fr|sa|so)\b\.?,? ?(?:den |the |le |el |dem |il |de |dia )?)?"
_OF = r"(?: of| de| del|,| di)?"
_NEXT_WORDS = rf"(?:{w.NEXT})"

# (pattern, reading, bare, vague); the first that matches at a place wins, so the fuller forms come first.
_FORMS: tuple[tuple[str, _Read, bool, bool], ...] = (
    (rf"{_EDGE}(?P<year>20\d\d)[-/.](?P<month>\d{{1,2}})[-/.]{_DAY}(?!\d)", _iso, False, False),
    (rf"{_EDGE}(?P<range>\d{{1,2}}\.? ?(?:\d{{1,2}}\.?(?:20)?(?:\d\d)?)?{_DASH}(?:zum )?)?{_DAY_NAME}{_DAY}\. ?(?P<month>\d{{1,2}})(?:\. ?{_YEAR}?|(?=[\s,;)]|$))(?![\w:]| ?(?:uhr|h|am|pm|o'clock|eur|euro|%|€|\$|mio)\b)", _dotted, False, False),
    (rf"{_EDGE}{_DAY_NAME}(?P<range>\d{{1,2}}{_NTH}{_DASH}(?:the |zum |el |le )?{_DAY_NAME})?{_DAY}{_NTH}{_OF} ?(?P<month>{_MONTH})\b\.?(?:,? (?:de |del )?{_YEAR})?(?!\w)", _named, False, False),
    (rf"{_EDGE}{_DAY_NAME}(?P<month>{_MONTH})\b\.? (?:the )?(?P<range>\d{{1,2}}{_NTH}{_DASH})?{_DAY}(?:st|nd|rd|th)?(?:,? {_YEAR})?(?![\w:]|[./]\d)", _named, False, False),
    (rf"{_EDGE}{_DAY_NAME}(?P<first>\d{{1,2}})(?:/(?P<second>\d{{1,2}})(?:/{_YEAR})?|-(?P<second2>\d{{1,2}})-(?P<year2>20\d\d))(?![\d/-]|[.:]\d| ?%)", _slashed, False, False),
    (rf"{_EDGE}(?P<kind>q|h)(?:(?P<q1>[1-4])|uarter (?P<q2>[1-4]))(?: ?[/,]? ?{_YEAR})?{_STOP}", _quarter, False, True),
    (rf"{_EDGE}(?:kw|calendar week|kalenderwoche|semaine|semana|cw) ?(?P<week>\d{{1,2}}){_STOP}", _calendar_week, False, False),
    (rf"{_EDGE}(?:next |the )?{_DAY_NAME}(?:the |den |dem |am |zum |le |au |el |al |dia |il )(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.(?! ?\d)|er|º)?(?![\w:/.-]\d|[\w:]|,\d| (?:uhr|h|am|pm|o'clock|days?|weeks?|months?|years?)\b)", _nth, True, False),
    (rf"{_EDGE}(?P<day>\d{{1,2}})(?:st|nd|rd|th)(?!\w)", _nth, True, False),
    (r"\b(?:day after tomorrow|uebermorgen|ubermorgen|apres[- ]demain|pasado manana|tomorrow|demain|manana|domani|amanha|morgen|today|heute|aujourd'hui|hoy|oggi|vandaag|hoje|this (?:afternoon|morning|evening))\b(?! (?:mittag)\b)", _day_word, False, False),
    (rf"\b(?:(?P<next>{w.NEXT}) )?(?P<weekday>{_WEEKDAY})\b(?P<next2> (?:{w.NEXT})| of next week)?", _weekday, False, False),
    (r"\b(?:half a|halbes|halben) (?P<unit>year|jahr)\b(?P<count>)", lambda m, t, o: _months_on(t, 6), False, True),
    (rf"\b(?P<count>\d{{1,3}}|{_NUMBER})(?: or (?:so|two|three)| of|-| more| weitere[n]?)? ?(?P<unit>{_UNIT})\b", _in_some, False, True),
    (rf"\b(?:end of|ende|ende der|ende des|fin de|fin du|finales de|final de|fine|eind|einde|fim de)(?: the| this| der| des| dieses| diesen| l'| la| d'| del| de)? ?(?P<next>{w.NEXT})? ?(?P<unit>{_UNIT})\b", _end_of, False, True),
    (rf"\b(?:(?:{w.NEXT}) (?P<unit>{_UNIT})|(?P<unit2>{_UNIT}) (?:prochain|prochaine|proximo|proxima|que viene|prossimo|prossima|que vem))\b", _next_unit, False, True),
    (r"\b(?:year[- ]?end|jahresende|fin d'annee|fin de ano)\b", lambda m, t, o: date(t.year, 12, 31), False, True),
    (r"\b(?:in the |the |im |after |early )?(?:new year|neuen jahr|neues jahr|jahreswechsel|nouvel an|nouvelle annee|ano nuevo|nuevo ano|anno nuovo|nieuwe jaar|ano novo)\b", _new_year, False, True),
    (r"\b(?:after|nach|apres|despues de|tras|na|dopo|depois d[oe])(?: the| den| les| las| la)? (?:christmas|xmas|weihnachten|noel|navidad|navidades|kerst|natale|natal|weihnachtsferien|winter break)\b", _after_christmas, False, True),
    (r"\b(?:after|nach|apres|despues de|tras|na|dopo)(?: the| den| les| la)? (?:easter|ostern|paques|semana santa|pasen|pasqua|pascua)\b", _after_easter, False, True),
    (r"\b(?:rentree|(?:after|nach|apres|despues|tras|na|dopo|passe)(?: the| der| dem| den| l'| les| de| del| de las| het| le| as| o)? ?(?:summer(?: break| holidays?| vacations?)?|sommer(?:pause|ferien|urlaub)?|ete|vacances(?: d'ete)?|verano|vacaciones(?: de verano)?|zomer(?:vakantie)?|estate|ferie(?: estive)?|verao))\b", _back_to_school, False, True),
    (rf"\b(?P<after>after )?(?P<next>{w.NEXT} )?(?P<season>{_SEASON})\b(?: (?:of )?{_YEAR}(?!\w))?", _season, False, True),
    (rf"\b(?:(?P<part>{w.EARLY}|{w.MID}|{w.LATE})[- ])?(?P<month>{_MONTH})\b\.?(?: (?:of |de |del )?(?P<year>20\d\d))?(?! ?\d)", _month_only, False, True),
    (rf"{_EDGE}(?:(?P<part>{w.EARLY}|{w.MID}|{w.LATE})[- ])?(?P<year>20[2-9]\d){_STOP}", _year_only, False, True),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), read, bare, vague) for pattern, read, bare, vague in _FORMS)
_MAYBE = re.compile(
    rf"\d|\b(?:{w.NEXT})\b|"
    + _alternatives(
        {word for word in (*w.MONTHS, *w.WEEKDAYS, *w.UNIT, *w.SEASON) if len(word) > 3}
        | {
            "may",
            "mai",
            "tomorrow",
            "morgen",
            "demain",
            "heute",
            "today",
            "rentree",
            "easter",
            "ostern",
            "paques",
            "christmas",
        }
    )
)


def dates_in(text: str, today: date, order: Order) -> Iterator[DateSeen]:
    """Every date of a folded text, in reading order, without overlaps."""
    if not _MAYBE.search(text):
        return
    taken: list[tuple[int, int]] = []
    found: list[DateSeen] = []
    for pattern, read, bare, vague in _COMPILED:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < e and s < end for s, e in taken) or _is_other_word(text, match, vague):
                continue
            taken.append((start, end))
            ranged = bool(match.groupdict().get("range"))
            found.append(_seen(start, end, read(match, today, order), bare, ranged, vague))
    yield from sorted(found, key=lambda seen: seen.start)


def _seen(start: int, end: int, result: Result, bare: bool, ranged: bool, vague: bool) -> DateSeen:
    if isinstance(result, date):
        return DateSeen(start, end, result, None, bare, ranged, vague)
    return DateSeen(start, end, None, result, bare, ranged, vague)


# Words that are also something else ("you may call", "mon collègue", "out of office") when they stand alone.
_HOMONYMS = frozenset(
    [
        "may",
        "mon",
        "mes",
        "out",
        "set",
        "gen",
        "mag",
        "mar",
        "sun",
        "sat",
        "abr",
        "ago",
        "jan",
        "lug",
        "ott",
        "dic",
        "mai",
        "mars",
        "march",
        "fall",
        "sept",
        "an",
        "ano",
        "mo",
        "wed",
    ]
)
_MONTH_LEADS = re.compile(
    r"(?:\b(?:in|until|till|by|from|since|before|after|around|during|of|for|next|this|late|early|mid|im|ab|bis|seit|ende|anfang|mitte|en|de|jusqu'en|debut|fin|courant|hasta|desde|a|em|in|a partire da|vanaf|tot) )$"
)


def _is_other_word(text: str, match: re.Match[str], vague: bool) -> bool:
    word = match[0].strip(". ")
    if word not in _HOMONYMS:
        return False
    before = text[max(0, match.start() - 20) : match.start()]
    if word in ("may", "mai", "march", "mars"):
        follows = text[match.end() : match.end() + 12]
        return _MONTH_LEADS.search(before) is None or re.match(r" (?:be|i|we|you|not)\b", follows) is not None
    return True
