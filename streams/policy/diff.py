"""What a change of a policy document means: rows added, removed and changed, each value old -> new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from streams.policy.document import DAYS, UNIT_MS, Document
from streams.policy.expressions import literal

ROWS = ("tiers", "conditions", "score.terms", "caps.touches")  # lists whose entries have a name of their own
NAMES = ("id", "feature")
DURATIONS = (
    "engagement_half_life", "window", "gap", "expiry", "approval_lasts", "allow_lasts", "horizon", "shadow",
    "clear_after", "reference", "dwell", "raise_every", "lower_every", "lasts", "look_again",
)  # fmt: skip


class Change(NamedTuple):
    """One difference. `old` of an added and `new` of a removed value are empty."""

    what: Literal["added", "removed", "changed", "moved"]
    path: str
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        match self.what:
            case "added":
                return f"+ {self.path}: {self.new}"
            case "removed":
                return f"- {self.path}: {self.old}"
            case "moved":
                return f"~ {self.path}: order {self.old} -> {self.new}"
        return f"~ {self.path}: {self.old} -> {self.new}"


def diff_policies(old: Document, new: Document) -> tuple[Change, ...]:
    """Every difference in meaning; comments, layout and the order of names do not count, the order of rows does."""
    return tuple(_differences(old.model_dump(), new.model_dump(), ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mappings(old, new, path)
    elif path in ROWS:
        named_old, named_new = _named(old), _named(new)
        yield from _mappings(named_old, named_new, path, row=True)
        kept_old = [name for name in named_old if name in named_new]
        kept_new = [name for name in named_new if name in named_old]
        if kept_old != kept_new:
            yield Change("moved", path, " ".join(kept_old), " ".join(kept_new))
    elif isinstance(old, tuple | list) and isinstance(new, tuple | list) and path.startswith("lists."):
        for word, entries in (("added", set(new) - set(old)), ("removed", set(old) - set(new))):
            for entry in sorted(entries):
                yield Change("added", path, new=entry) if word == "added" else Change("removed", path, old=entry)
    elif old != new:
        yield Change("changed", path, shown(old, path), shown(new, path))


def _mappings(old: Mapping[str, Any], new: Mapping[str, Any], path: str, row: bool = False) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        below = f"{path}[{name}]" if row else f"{path}.{name}" if path else name
        if name not in new:
            yield Change("removed", below, old=shown(old[name], below))
        elif name not in old:
            yield Change("added", below, new=shown(new[name], below))
        else:
            yield from _differences(old[name], new[name], below)


def _named(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(next(row[name] for name in NAMES if name in row)): row for row in rows}


def shown(value: Any, path: str) -> str:
    """The value in the words of the document."""
    if isinstance(value, Mapping):
        if "when" in value:
            return f"when {value['when']}"
        return "{" + ", ".join(f"{name}: {shown(part, name)}" for name, part in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(shown(part, path) for part in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if path.rpartition(".")[2] in DURATIONS:
        return _duration(value)
    if path == "calendar.weekend":
        return DAYS[value]
    return literal(value) if isinstance(value, float) else str(value)


def _duration(ms: int) -> str:
    unit = next(unit for unit in ("d", "h", "min", "s") if ms % UNIT_MS[unit] == 0 or unit == "s")
    return f"{ms / UNIT_MS[unit]:g} {unit}"
