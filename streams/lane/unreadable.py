"""Why a record cannot be read, in words: field, got, expected.

Law of this module: a message names what came and what was expected, cut to a length that fits a log line. It costs
time only for records that are wrong.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
from msgspec import inspect

from streams.errors import LeadlaneError

SHOWN = 60  # characters of a wrong value that a message shows
REMEDY = "Sent to dead.letters; fix the sender, then `leadlane dlq redrive`."
IN_WORDS = {r"^[A-Z]{2}\Z": "two capital letters A-Z"}  # a pattern as a person would say it


class UnreadableRecord(LeadlaneError):
    """A record that is not what its topic carries: the sender's."""

    def __init__(self, what: str, where: str = "", *, event_id: str | None = None, lead_id: str | None = None) -> None:
        super().__init__(what, where)
        self.what, self.where = what, where
        self.event_id, self.lead_id = event_id, lead_id

    def at(self, topic: str, partition: int, offset: int) -> UnreadableRecord:
        """The same fault, with the coordinates of the record."""
        where = f"{topic}[{partition}]@{offset}"
        return UnreadableRecord(self.what, where, event_id=self.event_id, lead_id=self.lead_id)

    @property
    def text(self) -> str:
        """The message without the class."""
        return f"{self.where}: {self.what}. {REMEDY}" if self.where else f"{self.what}. {REMEDY}"

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.text}"


def invalid(datum: dict[str, Any], record: type[msgspec.Struct], error: Exception) -> UnreadableRecord:
    """The error for a datum that is no `record`: it names the first field that is wrong."""
    what = fault(datum, inspect.type_info(record), "") or str(error)
    event_id, lead_id = datum.get("event_id"), datum.get("lead_id")
    return UnreadableRecord(
        what,
        event_id=event_id if isinstance(event_id, str) else None,
        lead_id=lead_id if isinstance(lead_id, str) else None,
    )


def fault(value: Any, kind: inspect.Type, path: str) -> str | None:
    """`path is GOT, expected ...` for the first part of `value` that is not of `kind`; None when all is well."""
    match kind:
        case inspect.StructType() if isinstance(value, dict):
            return _struct_fault(value, kind, path)
        case inspect.VarTupleType() if isinstance(value, list | tuple):
            faults = (fault(item, kind.item_type, f"{path}[{i}]") for i, item in enumerate(value))
            return next(filter(None, faults), None)
        case inspect.DictType() if isinstance(value, dict):
            faults = (fault(item, kind.value_type, f"{path}[{shown(key)}]") for key, item in value.items())
            return next(filter(None, faults), None)
        case inspect.UnionType():
            found = [fault(value, part, path) for part in kind.types if not isinstance(part, inspect.NoneType)]
            return None if value is None or None in found else found[0]
    return None if _fits(value, kind) else f"{path} is {_got(value, kind)}, expected {expected(kind)}"


def _struct_fault(value: dict[str, Any], kind: inspect.StructType, path: str) -> str | None:
    for field in kind.fields:
        name = f"{path}.{field.name}" if path else field.name
        if field.name not in value:
            if field.required:
                return f"{name} is missing, expected {expected(field.type)}"
        elif found := fault(value[field.name], field.type, name):
            return found
    return None


def _fits(value: Any, kind: inspect.Type) -> bool:
    match kind:
        case inspect.AnyType():
            return True
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.BytesType():
            return isinstance(value, bytes)
        case inspect.LiteralType():
            return isinstance(value, str) and value in kind.values
        case inspect.StrType():
            return isinstance(value, str) and _str_fits(value, kind)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _in_range(value, kind)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool) and _in_range(value, kind)
    return False


def _str_fits(value: str, kind: inspect.StrType) -> bool:
    return (kind.min_length or 0) <= len(value) <= (math.inf if kind.max_length is None else kind.max_length) and (
        kind.pattern is None or re.search(kind.pattern, value) is not None
    )


def _in_range(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    return (kind.ge is None or value >= kind.ge) and (kind.le is None or value <= kind.le)


def _got(value: Any, kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StrType) and isinstance(value, str) and kind.pattern is None:
        return f"{len(value)} characters long"
    return shown(value)


def expected(kind: inspect.Type) -> str:
    """What a field of this kind takes, in words."""
    match kind:
        case inspect.LiteralType():
            return "one of " + ", ".join(sorted(map(str, kind.values)))
        case inspect.UnionType():
            return " or ".join("null" if isinstance(part, inspect.NoneType) else expected(part) for part in kind.types)
        case inspect.StrType(pattern=str(pattern)):
            return IN_WORDS.get(pattern, f"text like {pattern}")
        case inspect.StrType(max_length=int(most)):
            return f"{kind.min_length or 0}..{most} characters"
        case inspect.StrType():
            return "text"
        case inspect.IntType() | inspect.FloatType():
            number = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            return number if kind.le is None else f"{_plain(kind.ge)}..{_plain(kind.le)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.StructType():
            return f"a {kind.cls.__name__}"
    return type(kind).__name__.removesuffix("Type").lower()


def _plain(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}" if isinstance(bound, float) else str(bound)


def shown(value: Any) -> str:
    """A value as a message shows it: quoted, on one line, cut."""
    text = repr(value[:SHOWN] if isinstance(value, str | bytes) else value)
    cut = len(text) > SHOWN + 8 or (isinstance(value, str | bytes) and len(value) > SHOWN)
    return text[: SHOWN + 8] + "..." if cut else text
