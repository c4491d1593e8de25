"""How one field gets its value from one row: rules compiled once, called per row.

Law of this module: a compiled rule gives a plain value, None for "not stated", or raises BadValue with the column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from streams.feed.mapping import FieldRule, Mapping, TimeOfRow, instant

Row = Sequence[str]
Value = Callable[[Row], Any]
EPOCH = date(1970, 1, 1).toordinal()


class BadValue(ValueError):
    """One value of a row is not what the mapping expects."""

    def __init__(self, column: str, text: str) -> None:
        super().__init__(text)
        self.column = column


def compiled(rule: FieldRule, header: Sequence[str], mapping: Mapping, *, in_days: bool = False) -> Value:
    """The rule as a function of a row. `in_days`: dates become days since 1970-01-01, else milliseconds UTC."""
    if "value" in rule.model_fields_set:
        constant = rule.value
        return lambda _row: constant
    column = rule.column or " + ".join(rule.columns) or " + ".join(rule.reads())
    value = _source(rule, header, mapping)
    for step in _steps(rule, column, mapping, in_days):
        value = _then(value, step)
    return value if rule.default is None else _or(value, rule.default)


def row_time(time: TimeOfRow, header: Sequence[str]) -> Callable[[Row, int], int]:
    """When a row happened, ms UTC, as a function of the row and its number (1 is the first)."""
    if time.column is None:
        assert time.start is not None
        assert time.step_seconds is not None
        start, step = instant(time.start, "iso", ZoneInfo(time.zone)), time.step_seconds * 1000
        return lambda _row, number: int(start + (number - 1) * step)
    at, name, zone = header.index(time.column), time.column, ZoneInfo(time.zone)

    def read(row: Row, _number: int) -> int:
        try:
            return instant(row[at], time.format, zone)
        except ValueError:
            raise BadValue(name, f"{row[at]!r} is not a time in the format {time.format}") from None

    return read


def number(text: str, column: str) -> float:
    """The number in a text; a comma may be the decimal sign."""
    try:
        return float(text)
    except ValueError:
        if text.count(",") == 1 and "." not in text:
            return number(text.replace(",", "."), column)
        raise BadValue(column, f"{text!r} is not a number") from None


def _source(rule: FieldRule, header: Sequence[str], mapping: Mapping) -> Value:
    if rule.sum:
        parts = [compiled(part, header, mapping) for part in rule.sum]
        return lambda row: sum(_float(part(row)) for part in parts)
    nulls = frozenset(mapping.null_values if rule.null_values is None else rule.null_values)
    if rule.column is not None:
        at = header.index(rule.column)
        return lambda row: None if row[at] in nulls else row[at]
    places, join = [header.index(name) for name in rule.columns], rule.join
    return lambda row: join.join(row[at] for at in places if row[at] not in nulls) or None


def _steps(rule: FieldRule, column: str, mapping: Mapping, in_days: bool) -> list[Callable[[Any], Any]]:
    steps: list[Callable[[Any], Any]] = []
    if rule.map is not None:
        steps.append(_mapped(rule, column))
    if rule.bands:
        steps.append(_banded(rule, column))
    if rule.date is not None:
        steps.append(_dated(rule.date, column, in_days, ZoneInfo(mapping.time.zone)))
    if rule.scale is not None:
        steps.append(_scaled(rule, column))
    if rule.clamp is not None:
        low, high = rule.clamp
        steps.append(lambda value: min(high, max(low, number(str(value), column))))
    return steps


def _mapped(rule: FieldRule, column: str) -> Callable[[Any], Any]:
    table, other = rule.map or {}, rule.map_other
    strict = "map_other" not in rule.model_fields_set

    def look_up(value: Any) -> Any:
        if value in table:
            return table[value]
        if strict:
            raise BadValue(column, f"{value!r} is not in the map ({', '.join(table)})")
        return value if other == "keep" else other

    return look_up


def _banded(rule: FieldRule, column: str) -> Callable[[Any], Any]:
    def name(value: Any) -> str:
        measured = number(str(value), column)
        for band in rule.bands:
            if band.below is None or measured < band.below:
                return band.name
        raise BadValue(column, f"{value!r} is above every band")

    return name


def _dated(pattern: str, column: str, in_days: bool, zone: ZoneInfo) -> Callable[[Any], Any]:
    def read(value: Any) -> int:
        try:
            if in_days:
                day = date.fromisoformat(value) if pattern == "iso" else datetime.strptime(value, pattern).date()  # noqa: DTZ007
                return day.toordinal() - EPOCH
            return instant(value, pattern, zone)
        except ValueError:
            raise BadValue(column, f"{value!r} is not a date in the format {pattern}") from None

    return read


def _scaled(rule: FieldRule, column: str) -> Callable[[Any], Any]:
    assert rule.scale is not None
    (low, high), (first, last) = rule.scale.from_, rule.scale.to
    slope = (last - first) / (high - low)
    least, most = min(first, last), max(first, last)
    return lambda value: min(most, max(least, first + (number(str(value), column) - low) * slope))


def _then(value: Value, step: Callable[[Any], Any]) -> Value:
    def stepped(row: Row) -> Any:
        before = value(row)
        return None if before is None else step(before)

    return stepped


def _or(value: Value, default: Any) -> Value:
    def stated(row: Row) -> Any:
        found = value(row)
        return default if found is None else found

    return stated


def _float(value: Any) -> float:
    return 0.0 if value is None else float(value)
