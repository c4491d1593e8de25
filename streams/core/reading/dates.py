"""Which of the dates in a text is the one that counts: the return date of an absence, or the date asked for.

Next: streams/core/reading/date_forms.py
"""
# ruff: noqa: E501  (an expression is one line)

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from streams.core.reading.date_forms import DateSeen, Order, dates_in
from streams.core.reading.verdict import Evidence, quoted
from streams.core.reading.words import folded

# A date further into the text than this belongs to something else (a signature, a legal notice).
DATE_CHARS = 3_000
_EPOCH = date(1970, 1, 1).toordinal()
_BEFORE = 48
# The years 5 and 9987: what a calendar with time zones can hold.
_FIRST_MS, _LAST_MS = -62_000_000_000_000, 253_000_000_000_000
_AFTER = 48

_RETURN_BEFORE = re.compile(
    r"(?:\bback|\breturn(?:s|ing)?|\bresume|\bavailable again|\breachable again|\bin the office again|\bzuruck|\bwieder (?:da|erreichbar|im|zuruck|ab|am|in|fur|personlich)?"
    r"|\bruckkehr|\bde retour|\bretour(?: est| sera)?(?: prevu)?|\breviens|\breviendrai|\brentre(?:rai)?|\breprend(?:s|rai)|\bnouveau (?:disponible|joignable)|\bvuelvo|\bvolvere|\bregreso|\bregresare|\bvuelta|\breincorpor\w+|\bincorporare"
    r"|\brientr\w+|\btornero|\britorno|\bterug|\bweer (?:op|aanwezig|bereikbaar)|\bretorn\w+|\bregress\w+|\bvoltarei|\btillbaka|\btilbage|\btilbake|\bwracam|\bwroce|\bavailable from|\bback from .{0,20}? on)[^.!?\n]{0,40}$"
)
_RETURN_AFTER = re.compile(
    r"^[^!?\n]{0,36}?\b(?:wieder|zuruck|back\b|return|again|de retour|a nouveau|de nouveau|de vuelta|de regreso|nuevamente|di nuovo|weer\b|terug)"
)
_RETURN_RIGHT_AFTER = re.compile(
    r"^,? ?(?:bin ich |sind wir |ich |wir |je serai |je suis |ben ik |ik |i am |i'm |i will be |i'll be |we are |estare |estoy )?(?:wieder|zuruck|back\b|de retour|de nouveau|a nouveau|weer\b|terug|de vuelta|de regreso)"
)
_FROM_BEFORE = re.compile(
    r"(?:\bfrom|\bstarting|\bas of|\bab|\bab dem|\bon|\bam|\ba partir d[ue]|\bdes|\bdesde|\ba partir del?|\bdal|\bvanaf|\bel|\ble)(?: the| dem| le| el| kw)?[ ,]*$"
)
_UNTIL_BEFORE = re.compile(
    r"(?:\buntil|\btill?|\bthrough|\bthru|\bup to|\bto|\bbis(?: einschlie(?:ss|ß)lich| inklusive| inkl\.?| einschl\.?| voraussichtlich)?(?: zum| am)?|\bjusqu'?(?: ?au?x?| a)?(?: l[ae])?|\bau|\bhasta(?: el| la)?(?: dia)?|\bal|\bfino al?|\bal|\btot(?: en met)?|\bt/m|\bate(?: o| dia| a)?|\bending|\bends|[-–—]|\band|\bund|\bet le|\by el|\bby|\bdo|\btill|\btil|\bund mit|\bvsl\.)"
    r"(?: and including| einschliesslich| inclusive| about| around| approximately| the| roughly| at least| circa| ca\.?| dem| den| le| el| il| de| o| inclus| end of day| eod| on| early| later| very)*[ ,:(]*$"
)
_START_BEFORE = re.compile(
    r"(?:\bfrom|\bsince|\bbetween|\bvom|\bvon|\bseit|\bab|\bdu|\bdepuis(?: le)?|\bdel|\bdesde(?: el)?|\bdal|\bvan|\bvanaf|\bde|\bbeginning|\bstarting|\bzwischen|\bentre(?: le)?)(?: on| the| dem| den| le| el)?[ ,:(]*$"
)
_ABSENCE = re.compile(
    r"\b(?:out|away|ooo|off|leave|vacation|holiday|holidays|pto|travel\w*|absent\w*|closed|unavailable|urlaub|abwesend|nicht im|ausser haus|unterwegs|dienstreise|ferien|conge\w*|vacances|deplacement|fuera|ausente|vacaciones|ferie|assente|afwezig|vakantie|ferias|offline|not in|erreichbar|reachable|joignable|bereikbaar)\b"
)


class DateRead(msgspec.Struct, frozen=True):
    """The date that counts (days since 1970-01-01) or None with the reason in the evidence."""

    until: int | None
    evidence: tuple[Evidence, ...]


NO_DATE = DateRead(None, ())
Role = Literal["return", "until", "plain"]


def epoch_day(day: date) -> int:
    return day.toordinal() - _EPOCH


def local_date(at_ms: int, time_zone: str) -> date:
    """The date on the lead's wall when the mail came; UTC when the zone is unknown."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=max(_FIRST_MS, min(at_ms, _LAST_MS)))
    return moment.astimezone(_zone(time_zone)).date()


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    """The zone of that name, else UTC; remembered, because an unknown one is looked for on disk each time."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def date_order(language: str, hint: str | None, country: str | None) -> Order:
    """Whether 03/04 is 3 April or March 4: the country or a language with one custom decides, plain English does not."""
    region = (country or (hint or "").replace("_", "-").partition("-")[2]).upper()
    if region in ("US", "USA", "PH", "FM", "MH", "PW"):
        return "mdy"
    if language != "en":
        return "dmy"
    return (
        "dmy"
        if region
        in (
            "GB",
            "UK",
            "IE",
            "AU",
            "NZ",
            "IN",
            "ZA",
            "SG",
            "HK",
            "MT",
            "NG",
            "KE",
            "PK",
            "DE",
            "FR",
            "ES",
            "IT",
            "NL",
            "PT",
            "AT",
            "CH",
            "BE",
            "LU",
            "BR",
            "MX",
            "AR",
            "CL",
            "CO",
            "PL",
            "DK",
            "NO",
            "FI",
            "CZ",
            "GR",
            "IL",
            "AE",
            "TR",
        )
        else None
    )


def return_date(text: str, today: date, order: Order) -> DateRead:
    """When the absent person is back: a return cue wins over "until", that over a date beside a word of absence."""
    line = _line(text)
    ranked: dict[Role, list[DateSeen]] = {"return": [], "until": [], "plain": []}
    dates = list(dates_in(line, today, order))
    for at, seen in enumerate(dates):
        follows = at + 1 < len(dates) and dates[at + 1].start - seen.end < _AFTER // 2
        role = _role(line, seen, follows)
        if role is not None:
            ranked[role].append(seen)
    for role, what in (("return", "date.return"), ("until", "date.until"), ("plain", "date.absence")):
        if ranked[role]:  # type: ignore[index]
            return _chosen(line, ranked[role], what, role == "until")  # type: ignore[index]
    return _foreign_date(line, today)


# Cues of languages whose dates only the date library reads.
_FOREIGN_CUE = re.compile(
    r"\b(?:tillbaka|ater|till och med|til og med|tilbage|tilbake|til|wracam|wroce|powrot|do|takaisin|asti|zpet|vratim|do dne)\b (?=[^.!?\n]{0,30}\d)"
)
_FOREIGN_LANGUAGES = ["sv", "da", "nb", "pl", "fi", "cs"]
_FOREIGN_WORDS = 5


def _foreign_date(line: str, today: date) -> DateRead:
    """A return date in a language of _FOREIGN_LANGUAGES, by dateparser; slow, so only behind a cue and a digit."""
    cue = _FOREIGN_CUE.search(line)
    if cue is None:
        return NO_DATE
    import dateparser

    words = line[cue.end() : cue.end() + 48].split()[:_FOREIGN_WORDS]
    noon = datetime(today.year, today.month, today.day, 12)  # noqa: DTZ001  (dateparser wants it naive)
    for count in range(len(words), 1, -1):
        moment = dateparser.parse(
            " ".join(words[:count]).strip(".,;"),
            languages=_FOREIGN_LANGUAGES,
            settings={
                "RELATIVE_BASE": noon,
                "TIMEZONE": "UTC",
                "PREFER_DATES_FROM": "future",
                "REQUIRE_PARTS": ["day", "month"],
                "DATE_ORDER": "DMY",
            },
        )
        if moment is not None:
            quote = quoted(line[cue.start() : cue.end() + 48])
            if moment.date() < today:
                return DateRead(None, (Evidence("text", "date.past", quote),))
            return DateRead(epoch_day(moment.date()), (Evidence("text", "date.return", quote),))
    return NO_DATE


def asked_date(text: str, today: date, order: Order) -> DateRead:
    """The first date after which the person wants to hear again."""
    line = _line(text)
    seen = [one for one in dates_in(line, today, order) if one.day is None or one.day > today]
    return _chosen(line, seen, "date.asked", False) if seen else NO_DATE


def _line(text: str) -> str:
    folded_text = folded(text[:DATE_CHARS])
    return re.sub(r"[ \t]*\n[ \t]*(?=\S)|[ \t]+", " ", folded_text)


def _role(line: str, seen: DateSeen, follows: bool) -> Role | None:
    if line[seen.start : seen.end].isdigit():
        return None  # a bare year
    before = line[max(0, seen.start - _BEFORE) : seen.start]
    after = line[seen.end : seen.end + _AFTER]
    if not follows and _RETURN_RIGHT_AFTER.search(after):
        return "return"
    if seen.ranged or _UNTIL_BEFORE.search(before):
        return "until"
    if _RETURN_BEFORE.search(before) and not _starts_a_range(before, after):
        return "return"
    if _FROM_BEFORE.search(before) and _RETURN_AFTER.search(after):
        return "return"
    if seen.bare or _START_BEFORE.search(before):
        return None
    start = max(line.rfind(". ", 0, seen.start), line.rfind("\n", 0, seen.start), seen.start - 120, 0)
    return "plain" if _ABSENCE.search(line[start : seen.end + 60]) else None


def _starts_a_range(before: str, after: str) -> bool:
    """`back from leave from 3 May to ...`: the start of a range is no return."""
    return (
        _START_BEFORE.search(before) is not None
        and re.match(r" ?(?:-|–|to|until|till|bis|au|al|through)\b", after) is not None
    )


def _chosen(line: str, seen: list[DateSeen], what: str, latest: bool) -> DateRead:
    good = [one for one in seen if one.day is not None]
    exact = [one for one in good if not one.vague] or good
    if not exact:
        fault = seen[0].fault or "ambiguous"
        return DateRead(None, (Evidence("text", f"date.{fault}", _quote(line, seen[0])),))
    best = max(exact, key=lambda one: one.day or date.min) if latest else exact[0]
    assert best.day is not None
    return DateRead(epoch_day(best.day), (Evidence("text", what, _quote(line, best)),))


def _quote(line: str, seen: DateSeen) -> str:
    return quoted(line[max(0, seen.start - 40) : seen.end + 20])
