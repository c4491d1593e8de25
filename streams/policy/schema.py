"""Faults of shape and range, in the words of the document instead of pydantic's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

from streams.policy.document import Document, Part
from streams.policy.faults import Fault
from streams.policy.places import Places, Step

SHOWN = 60  # characters of what was got
_SHORT = Repr()  # never longer than this, however often parts of a value contain each other
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, SHOWN, SHOWN
SHOULD_BE = "Input should be "
OWN = "Value error, expected "


def schema_faults(error: ValidationError, places: Places) -> Iterator[Fault]:
    """One fault for each of pydantic's."""
    for item in error.errors(include_url=False):
        loc = [step for step in item["loc"] if step != "[key]"]
        path, line = places.path(loc), places.line(loc)
        match item["type"]:
            case "missing":
                yield Fault(path, line, "a value", "nothing", "Add it; deploy/policy/default.yaml shows one.")
            case "extra_forbidden":
                names = sorted(_names_at(loc[:-1]))
                yield Fault(path, line, f"one of {', '.join(names)}", f"the name {loc[-1]!r}", "Correct or remove it.")
            case "model_type" | "dict_type":
                yield Fault(path, line, "names with values", shown(item["input"]), "Correct it.")
            case _:
                expected = _expected(item["msg"], item.get("ctx", {}))
                yield Fault(path, line, expected, shown(item["input"]), "Correct it.")


def shown(value: Any) -> str:
    """The value as it is printed: short."""
    text = "nothing" if value is None else _SHORT.repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _expected(message: str, context: Mapping[str, Any]) -> str:
    if message.startswith(OWN):
        return message.removeprefix(OWN)
    if "pattern" in context:
        return f"text that matches {context['pattern']}"
    return message.removeprefix(SHOULD_BE).replace("a valid ", "a ")


def _names_at(loc: Sequence[Step]) -> list[str]:
    """The names that the part of the document at `loc` may have."""
    part: Any = Document
    for step in loc:
        if isinstance(part, type) and issubclass(part, Part) and isinstance(step, str) and step in part.model_fields:
            part = _part_in(part.model_fields[step].annotation)
    return list(part.model_fields) if isinstance(part, type) and issubclass(part, Part) else []


def _part_in(annotation: Any) -> Any:
    """The Part in an annotation such as tuple[Tier, ...] or dict[str, Queue]."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    inner = (_part_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((part for part in inner if part is not None), None)
