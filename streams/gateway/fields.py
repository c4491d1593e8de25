"""How one field of a record gets its value from one item: a rule is checked against the record's field, then compiled.

Law of this module: a compiled field gives a plain value that msgspec can convert, None for "not stated", or raises
BadValue with the field's name.

Next: streams/gateway/values.py
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from msgspec import inspect
from pydantic import Field, field_validator, model_validator

from streams.gateway.paths import Arrived, Getter, getter, steps
from streams.gateway.values import BadValue, fitting, instant, number, text_of
from streams.lane.unreadable import shown
from streams.rule_parts import Part, Scale
from streams.secret_refs import SecretRef

Scalar = str | bool | int | float | None
Value = Callable[[Arrived], Any]
Step = Callable[[Any], Any]


class FieldRule(Part):
    """One field. The order of its parts: where from, null_values, lower or upper, map, date, scale, clamp, split, cut,
    hash, prefix, default.
    """

    path: str | tuple[str | int, ...] | None = None
    first_of: tuple[str | tuple[str | int, ...], ...] = ()  # the first path that states something
    join: tuple[str, ...] = ()  # of paths, those that are stated, with `by` between them
    by: str = " "
    const: Any = None
    null_values: tuple[str, ...] = ("",)  # these count as not stated
    lower: bool = False
    upper: bool = False
    map: Mapping[str, Scalar] | None = None  # what is not listed is a fault, unless map_other is stated
    map_other: Scalar = None  # "keep": as it came
    date: str | None = None  # iso, epoch_s, epoch_ms or a strptime format; without: iso, or a number as it is
    scale: Scale | None = None
    clamp: tuple[float, float] | None = None
    split: str | None = None  # a text into a list
    cut: Annotated[int, Field(ge=1)] | None = None  # at most so many characters
    hash: Literal["sha256"] | None = None  # 32 hex digits: makes an address an opaque id
    key: SecretRef | None = None  # of the hash: without it, whoever guesses the address knows the id
    prefix: str = ""
    default: Scalar = None

    @field_validator("map", mode="before")
    @classmethod
    def _texts(cls, table: Any) -> Any:
        """A file's 1 and true are keys as well as "1" and "true"."""
        return {text_of(key): value for key, value in table.items()} if isinstance(table, dict) else table

    @model_validator(mode="after")
    def _sound(self) -> FieldRule:
        stated = [name for name in ("path", "first_of", "join", "const") if name in self.model_fields_set]
        if len(stated) != 1:
            raise ValueError(f"expected one of path, first_of, join or const, got {' and '.join(stated) or 'none'}")
        if self.lower and self.upper:
            raise ValueError("expected lower or upper, got both")
        if self.key is not None and self.hash is None:
            raise ValueError("expected hash beside key")
        for path in self.paths():
            steps(path)
        return self

    def paths(self) -> tuple[str | tuple[str | int, ...], ...]:
        """Every path that it reads."""
        return ((self.path,) if self.path is not None else ()) + self.first_of + self.join


Spec = str | FieldRule | Mapping[str, Any]  # a path, a rule, or nested fields


def is_rule(spec: Any) -> bool:
    """A mapping that states where a value comes from is a rule; any other is nested fields."""
    return isinstance(spec, dict) and bool({"path", "first_of", "join", "const"} & set(spec))


def compiled(rule: FieldRule, kind: inspect.Type, where: str) -> Value:
    """The rule as a function of an item, for a field of `kind`. ValueError: its constant or default does not fit."""
    if "const" in rule.model_fields_set:
        constant = fitting(rule.const, kind, where)
        return lambda _item: constant
    value: Value = _source(rule)
    for step in (*_steps(rule, where), lambda found: fitting(found, kind, where)):
        value = _then(value, step)
    return value if rule.default is None else _or(value, fitting(rule.default, kind, where))


def _source(rule: FieldRule) -> Getter:
    nulls = frozenset(rule.null_values)

    def stated(get: Getter) -> Getter:
        def read(item: Arrived) -> Any:
            found = get(item)
            return None if found.__class__ is str and found in nulls else found

        return read

    gets = [stated(getter(path)) for path in rule.paths()]
    if rule.join:
        by = rule.by
        return lambda item: by.join(text_of(found) for get in gets if (found := get(item)) is not None) or None
    if len(gets) == 1:
        return gets[0]
    return lambda item: next((found for get in gets if (found := get(item)) is not None), None)


def _steps(rule: FieldRule, where: str) -> list[Step]:
    made: list[Step | None] = [
        (lambda value: text_of(value).lower()) if rule.lower else None,
        (lambda value: text_of(value).upper()) if rule.upper else None,
        _mapped(rule, where) if rule.map is not None else None,
        _dated(rule.date, where) if rule.date is not None else None,
        _scaled(rule.scale, where) if rule.scale is not None else None,
        _clamped(rule.clamp, where) if rule.clamp is not None else None,
        _split(rule.split) if rule.split is not None else None,
        _cut(rule.cut) if rule.cut is not None else None,
        _hashed(rule.key) if rule.hash is not None else None,
        (lambda value: rule.prefix + text_of(value)) if rule.prefix else None,
    ]
    return [step for step in made if step is not None]


def _mapped(rule: FieldRule, where: str) -> Step:
    table, other = rule.map or {}, rule.map_other
    strict = "map_other" not in rule.model_fields_set

    def look_up(value: Any) -> Any:
        text = text_of(value)
        if text in table:
            return table[text]
        if strict:
            raise BadValue(f"{where} is {shown(value)}, expected one of {', '.join(table)}, or map_other in the rule")
        return value if other == "keep" else other

    return look_up


def _dated(pattern: str, where: str) -> Step:
    def read(value: Any) -> int:
        try:
            return instant(text_of(value), pattern)
        except (ValueError, OverflowError):
            raise BadValue(f"{where} is {shown(value)}, expected a time in the format {pattern}") from None

    return read


def _scaled(scale: Scale, where: str) -> Step:
    (low, high), (first, last) = scale.from_, scale.to
    slope, least, most = (last - first) / (high - low), min(first, last), max(first, last)
    return lambda value: min(most, max(least, first + (number(value, where) - low) * slope))


def _clamped(clamp: tuple[float, float], where: str) -> Step:
    low, high = clamp
    return lambda value: min(high, max(low, number(value, where)))


def _split(by: str) -> Step:
    return lambda value: [part for each in text_of(value).split(by) if (part := each.strip())] or None


def _cut(most: int) -> Step:
    return lambda value: text_of(value)[:most]


def _hashed(key: SecretRef | None) -> Step:
    if key is None:
        return lambda value: hashlib.sha256(text_of(value).encode()).hexdigest()[:32]
    secret = key.read().encode()
    return lambda value: hmac.digest(secret, text_of(value).encode(), "sha256").hex()[:32]


def _then(value: Value, step: Step) -> Value:
    def stepped(item: Arrived) -> Any:
        before = value(item)
        return None if before is None else step(before)

    return stepped


def _or(value: Value, default: Any) -> Value:
    def stated(item: Arrived) -> Any:
        found = value(item)
        return default if found is None else found

    return stated
