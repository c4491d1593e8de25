"""Source code that grows line by line and becomes a function: what compiled readers and writers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.lane.codec.numbers import (
    DOUBLE,
    FLOAT,
    INTS,
    LONGS,
    NAMES,
    BadDatum,
    bad,
    count_from,
    int_from,
    long_from,
    size_from,
)

NAMESPACE = {
    "BadDatum": BadDatum,
    "LONGS": LONGS,
    "NAMES": NAMES,
    "INTS": INTS,
    "long_from": long_from,
    "int_from": int_from,
    "size_from": size_from,
    "count_from": count_from,
    "bad": bad,
    "double": DOUBLE.pack,
    "doubles": DOUBLE.unpack_from,
    "float_": FLOAT.pack,
    "floats": FLOAT.unpack_from,
}


class Lines:
    """Source that grows: lines with indentation, and names that are used once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self._names = 0

    def __call__(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def function(self, head: str) -> Callable[..., Any]:
        source = "\n".join((head, *self.lines))
        scope: dict[str, Any] = dict(NAMESPACE)
        exec(compile(source, "<compiled Avro schema>", "exec"), scope)  # made from schemas that were parsed before
        made: Callable[..., Any] = scope["run"]
        return made
