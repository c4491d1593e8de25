"""What a record's field takes: a value of JSON, read as the field's type.

Law of this module: the field decides how a text is read: a number, true or false, a time, a day. What cannot be read so
raises BadValue with the field's name.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from msgspec import inspect

from streams.lane.unreadable import shown

# Bounds of streams/core/events.py: what tells days from times
DAYS_FROM, DAYS_TO, MILLIS_TO = -719_162, 2_932_896, 253_402_300_799_000
EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY_MS = 86_400_000
EPOCHS = {"epoch_s": 1000, "epoch_ms": 1}


class BadValue(ValueError):
    """A value is not what the rule expects."""


def fitting(value: Any, kind: inspect.Type, where: str) -> Any:
    """The value as `kind` takes it: texts are read, numbers become texts where the field is one."""
    match kind:
        case inspect.UnionType():
            parts = [part for part in kind.types if not isinstance(part, inspect.NoneType)]
            return fitting(value, parts[0], where)
        case inspect.StrType():
            return value if isinstance(value, str) else _text(value, where)
        case inspect.FloatType():
            return number(value, where)
        case inspect.IntType(ge=int(least)) if least == DAYS_FROM:
            return _day(value, where)
        case inspect.IntType(le=int(most)) if most == MILLIS_TO:
            return _millis(value, where)
        case inspect.IntType():
            return _whole(value, where)
        case inspect.BoolType():
            return _truth(value, where)
        case inspect.VarTupleType():
            return [fitting(each, kind.item_type, where) for each in (value if isinstance(value, list) else [value])]
        case inspect.DictType() if isinstance(value, dict):
            return {name: fitting(each, kind.value_type, where) for name, each in value.items() if each is not None}
    return value


def text_of(value: Any) -> str:
    """A scalar as a text, as JSON writes it: what `when` and `map` compare."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def instant(text: str, pattern: str = "iso") -> int:
    """The time in a text, ms UTC; without an offset it is UTC. ValueError: another format."""
    if pattern in EPOCHS:
        return round(float(text) * EPOCHS[pattern])
    at = datetime.fromisoformat(text) if pattern == "iso" else datetime.strptime(text, pattern)  # noqa: DTZ007
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool | int | float):
        return text_of(value)
    raise BadValue(f"{where} is {shown(value)}, expected a text")


def number(value: Any, where: str) -> float:
    """The number that a value is or spells."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadValue(f"{where} is {shown(value)}, expected a number") from None


def _whole(value: Any, where: str) -> int:
    found = number(value, where)
    if not math.isfinite(found) or found != int(found):
        raise BadValue(f"{where} is {shown(value)}, expected a whole number")
    return int(found)


def _truth(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    word = text_of(value).lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise BadValue(f"{where} is {shown(value)}, expected true or false")
    return word in ("true", "1", "yes")


def _millis(value: Any, where: str) -> int:
    if isinstance(value, str) and not value.isdecimal():
        try:
            return instant(value)
        except (ValueError, OverflowError):
            raise BadValue(f"{where} is {shown(value)}, expected a time such as 2026-03-01T09:00:00Z, or ms") from None
    return _whole(value, where)


def _day(value: Any, where: str) -> int:
    """Days since 1970-01-01 of an ISO date or time; a number is a time in ms, unless it is so small that it is days."""
    if isinstance(value, str) and not value.lstrip("-").isdecimal():
        try:
            return date.fromisoformat(value[:10]).toordinal() - EPOCH_DAY
        except ValueError:
            raise BadValue(f"{where} is {shown(value)}, expected a date such as 2026-03-01") from None
    found = _whole(value, where)
    return found if DAYS_FROM <= found <= DAYS_TO else found // DAY_MS
