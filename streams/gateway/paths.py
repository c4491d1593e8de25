"""Paths into an item: `kind`, `data.properties.email`, `data.items.0.id`; compiled once, called per item.

Law of this module: a getter gives what stands there or None, whatever the item looks like; it never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from streams.gateway.platform import Item

ROOTS = ("kind", "id", "at", "received_at", "data")
EXPECTED = "kind, id, at, received_at or data.<name>..., or a list of names where one holds a dot"


class Arrived(NamedTuple):
    """An item with the time at which its request came: what paths look into."""

    kind: str
    id: str
    at: int | None
    data: Any
    received_at: int


Getter = Callable[[Arrived], Any]
Path = str | tuple[str | int, ...]


def arrived(item: Item, received_at: int) -> Arrived:
    return Arrived(item.kind, item.id, item.at, item.data, received_at)


def steps(path: Path) -> tuple[str, ...]:
    """The names of a path. ValueError says what was expected."""
    found = tuple(path.split(".")) if isinstance(path, str) else tuple(map(str, path))
    if not found or found[0] not in ROOTS or not all(found) or (found[0] != "data" and len(found) > 1):
        raise ValueError(f"path is {path!r}, expected {EXPECTED}")
    return found


def getter(path: Path) -> Getter:
    """The path as a function of an item."""
    root, *names = steps(path)
    if root != "data":
        place = Arrived._fields.index(root)
        return lambda item: item[place]
    if len(names) == 1:
        (name,) = names
        return lambda item: item.data.get(name) if type(item.data) is dict else _step(item.data, name)
    return _deep(names)


def _deep(names: Sequence[str]) -> Getter:
    def get(item: Arrived) -> Any:
        found = item.data
        for name in names:
            found = _step(found, name)
            if found is None:
                return None
        return found

    return get


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return None
