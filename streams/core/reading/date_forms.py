"""Dates as people write them, found in a folded text: each with its span and the day it means.

Every form is one pattern and one reading; the first form that takes a place keeps it, so the fuller forms come first.

Next: streams/core/reading/date_readings.py
"""
# ruff: noqa: E501  (an expression is one line)

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

import msgspec

from streams.core.reading import date_readings as r
from streams.core.reading import date_words as w
from streams.core.reading.date_readings import Fault, Order, Result

__all__ = ["DateSeen", "Fault", "Order", "dates_in"]


# A calendar pasted into a mail is not a return date.
MOST_DATES = 40


class DateSeen(msgspec.Struct, frozen=True):
    """One date in a text. `day` None: `fault` says why. `bare`: so short ("the 14th") that only a cue makes it a date."""

    start: int
    end: int
    day: date | None
    fault: Fault | None = None
    bare: bool = False
    ranged: bool = False  # the last day of a written range ("12-16 May")
    vague: bool = False  # a month, season, quarter: enough for "not now", weak as a return date


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


_DAY_NAME = rf"(?:(?:{_WEEKDAY}|mo|di|mi|do|fr|sa|so)\b\.?,? ?(?:den |the |le |el |dem |il |de |dia )?)?"
_OF = r"(?: of| de| del|,| di)?"
_NEXT_WORDS = rf"(?:{w.NEXT})"

# (pattern, reading, bare, vague); the first that matches at a place wins, so the fuller forms come first.
_FORMS: tuple[tuple[str, _Read, bool, bool], ...] = (
    (rf"{_EDGE}(?P<year>20\d\d)[-/.](?P<month>\d{{1,2}})[-/.]{_DAY}(?!\d)", r.iso, False, False),
    (rf"{_EDGE}(?<!\d\d\d )(?P<range>\d{{1,2}}\.? ?(?:\d{{1,2}}\.?(?:20)?(?:\d\d)?)?{_DASH}(?:zum )?)?{_DAY_NAME}{_DAY}\. ?(?P<month>\d{{1,2}})(?:\. ?{_YEAR}?|(?:(?<=\d\d\.\d\d)|(?<=bis \d\.\d)|(?<=bis \d\d\.\d)|(?<=bis \d\.\d\d))(?=[\s,;)]|$))(?![\w:]| ?(?:uhr|h|am|pm|o'clock|eur|euro|%|€|\$|mio)\b)", r.dotted, False, False),
    (rf"{_EDGE}{_DAY_NAME}(?P<range>\d{{1,2}}{_NTH}{_DASH}(?:the |zum |el |le )?{_DAY_NAME})?{_DAY}{_NTH}{_OF} ?(?P<month>{_MONTH})\b\.?(?:,? (?:de |del )?{_YEAR})?(?!\w)", r.named, False, False),
    (rf"{_EDGE}{_DAY_NAME}(?P<month>{_MONTH})\b\.? (?:the )?(?P<range>\d{{1,2}}{_NTH}{_DASH})?{_DAY}(?:st|nd|rd|th)?(?:,? {_YEAR})?(?![\w:]|[./]\d)", r.named, False, False),
    (rf"{_EDGE}{_DAY_NAME}(?!24/7\b)(?P<first>\d{{1,2}})(?:/(?P<second>\d{{1,2}})(?:/{_YEAR})?|-(?P<second2>\d{{1,2}})-(?P<year2>20\d\d))(?![\d/-]|[.:]\d| ?%)", r.slashed, False, False),
    (rf"{_EDGE}(?P<kind>q|h)(?:(?P<q1>[1-4])|uarter (?P<q2>[1-4]))(?: ?[/,]? ?{_YEAR})?{_STOP}", r.quarter, False, True),
    (rf"{_EDGE}(?:kw|calendar week|kalenderwoche|semaine|semana|cw) ?(?P<week>\d{{1,2}}){_STOP}", r.calendar_week, False, False),
    (rf"{_EDGE}(?:next |the )?{_DAY_NAME}(?:the |den |dem |am |zum |le |au |el |al |dia |il )(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.(?! ?\d)|er|º)?(?![\w:/.-]\d|[\w:]|,\d| (?:uhr|h|am|pm|o'clock|days?|weeks?|months?|years?)\b)", r.nth, True, False),
    (rf"{_EDGE}(?P<day>\d{{1,2}})(?:st|nd|rd|th)(?!\w)", r.nth, True, False),
    (r"\b(?:day after tomorrow|uebermorgen|ubermorgen|apres[- ]demain|pasado manana|tomorrow|demain|manana|domani|amanha|morgen|today|heute|aujourd'hui|hoy|oggi|vandaag|hoje|this (?:afternoon|morning|evening))\b(?! (?:mittag)\b)", r.day_word, False, False),
    (rf"\b(?:(?P<next>{w.NEXT}) )?(?P<weekday>{_WEEKDAY})\b(?P<next2> (?:{w.NEXT})| of next week)?", r.weekday, False, False),
    (r"\b(?:half a|halbes|halben) (?P<unit>year|jahr)\b(?P<count>)", r.half_year, False, True),
    (rf"\b(?P<count>\d{{1,3}}|{_NUMBER})(?: or (?:so|two|three)| of|-| more| weitere[n]?)? ?(?P<unit>{_UNIT})\b", r.in_some, False, True),
    (rf"\b(?:end of|ende|ende der|ende des|fin de|fin du|finales de|final de|fine|eind|einde|fim de)(?: the| this| der| des| dieses| diesen| l'| la| d'| del| de)? ?(?P<next>{w.NEXT})? ?(?P<unit>{_UNIT})\b", r.end_of, False, True),
    (rf"\b(?:(?:{w.NEXT}) (?P<unit>{_UNIT})|(?P<unit2>{_UNIT}) (?:prochain|prochaine|proximo|proxima|que viene|prossimo|prossima|que vem))\b", r.next_unit, False, True),
    (r"\b(?:year[- ]?end|jahresende|fin d'annee|fin de ano)\b", r.year_end, False, True),
    (r"\b(?:in the |the |im |after |early )?(?:new year|neuen jahr|neues jahr|jahreswechsel|nouvel an|nouvelle annee|ano nuevo|nuevo ano|anno nuovo|nieuwe jaar|ano novo)\b", r.new_year, False, True),
    (r"\b(?:after|nach|apres|despues de|tras|na|dopo|depois d[oe])(?: the| den| les| las| la)? (?:christmas|xmas|weihnachten|noel|navidad|navidades|kerst|natale|natal|weihnachtsferien|winter break)\b", r.after_christmas, False, True),
    (r"\b(?:after|nach|apres|despues de|tras|na|dopo)(?: the| den| les| la)? (?:easter|ostern|paques|semana santa|pasen|pasqua|pascua)\b", r.after_easter, False, True),
    (r"\b(?:rentree|(?:after|nach|apres|despues|tras|na|dopo|passe)(?: the| der| dem| den| l'| les| de| del| de las| het| le| as| o)? ?(?:summer(?: break| holidays?| vacations?)?|sommer(?:pause|ferien|urlaub)?|ete|vacances(?: d'ete)?|verano|vacaciones(?: de verano)?|zomer(?:vakantie)?|estate|ferie(?: estive)?|verao))\b", r.back_to_school, False, True),
    (rf"\b(?P<after>after )?(?P<next>{w.NEXT} )?(?P<season>{_SEASON})\b(?: (?:of )?{_YEAR}(?!\w))?", r.season, False, True),
    (rf"\b(?:(?P<part>{w.EARLY}|{w.MID}|{w.LATE})[- ])?(?P<month>{_MONTH})\b\.?(?: (?:of |de |del )?(?P<year>20\d\d))?(?! ?\d)", r.month_only, False, True),
    (rf"{_EDGE}(?:(?P<part>{w.EARLY}|{w.MID}|{w.LATE})[- ])?(?P<year>20[2-9]\d){_STOP}", r.year_only, False, True),
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
            if any(start < e and s < end for s, e in taken) or _is_other_word(text, match):
                continue
            if len(taken) == MOST_DATES:
                break
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


def _is_other_word(text: str, match: re.Match[str]) -> bool:
    word = match[0].strip(". ")
    if word not in _HOMONYMS:
        return False
    before = text[max(0, match.start() - 20) : match.start()]
    if word in ("may", "mai", "march", "mars"):
        follows = text[match.end() : match.end() + 12]
        return _MONTH_LEADS.search(before) is None or re.match(r" (?:be|i|we|you|not)\b", follows) is not None
    return True
