"""From a schema to the function that reads its bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.lane.codec.numbers import BadDatum
from streams.lane.codec.source import Lines


def reader(schema: dict[str, Any], start: int) -> Callable[[bytes], dict[str, Any]]:
    """A function from the bytes, whose datum starts at `start` and ends with them, to the datum. Raises BadDatum,
    UnicodeDecodeError, IndexError and struct.error."""
    lines = Lines()
    lines(f"at = {start}")
    result = _read(lines, schema, {})
    lines("if at != len(data):")
    lines("    raise BadDatum(f'the datum ends at byte {at}, the value at byte {len(data)}')")
    lines(f"return {result}")
    return lines.function("def run(data):")


def _read(lines: Lines, schema: Any, named: dict[str, Any]) -> str:
    """Emits what reads one value at `at`; gives the expression of the value."""
    if isinstance(schema, list):
        return _read_union(lines, schema, named)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return _read(lines, kind, named)
    name = lines.name()
    match kind:
        case "null":
            return "None"
        case "boolean":
            lines(f"{name} = data[at]")
            lines("at += 1")
            lines(f"{name} = {name} == 1 if {name} < 2 else bad('no boolean', at)")
        case "int" | "long":
            lines(f"{name} = data[at]")
            lines(f"if {name} < 128:")
            lines(f"    {name} = ({name} >> 1) ^ -({name} & 1)")
            lines("    at += 1")
            lines("else:")
            lines(f"    {name}, at = {kind}_from(data, at)")
        case "double" | "float":
            lines(f"{name}, = {kind}s(data, at)")
            lines(f"at += {8 if kind == 'double' else 4}")
        case "string" | "bytes":
            lines(f"{name} = data[at]")
            lines(f"if {name} & 129:")  # negative, or 64 bytes and more
            lines(f"    {name}, at = size_from(data, at)")
            lines(f"    {name} += at")
            lines("else:")
            lines("    at += 1")
            lines(f"    {name} = at + ({name} >> 1)")
            lines(f"{name}, at = data[at:{name}]{'.decode()' if kind == 'string' else ''}, {name}")
        case "record":
            named[schema["name"]] = named[schema["name"].rpartition(".")[2]] = schema
            values = [(field["name"], _read(lines, field["type"], named)) for field in schema["fields"]]
            return "{" + ", ".join(f"{field!r}: {value}" for field, value in values) + "}"
        case "array" | "map":
            _read_blocks(lines, schema, named, name)
        case _ if kind in named:
            return _read(lines, named[kind], named)
        case _:
            raise BadDatum(f"schemas with {kind} are not compiled")
    return name


def _read_blocks(lines: Lines, schema: dict[str, Any], named: dict[str, Any], name: str) -> None:
    left = lines.name()
    is_map = schema["type"] == "map"
    lines(f"{name} = {'{}' if is_map else '[]'}")
    lines(f"{left} = data[at]")
    lines("at += 1")
    lines(f"while {left}:")
    lines.depth += 1
    lines("at -= 1")
    lines(f"{left}, at = count_from(data, at)")
    lines(f"if not {left}:")  # a zero in more bytes than it needs ends the blocks, too
    lines("    break")
    lines(f"for _ in range({left}):")
    lines.depth += 1
    if is_map:
        key = _read(lines, "string", named)
        lines(f"{name}[{key}] = {_read(lines, schema['values'], named)}")
    else:
        lines(f"{name}.append({_read(lines, schema['items'], named)})")
    lines.depth -= 1
    lines(f"{left} = data[at]")
    lines("at += 1")
    lines.depth -= 1


def _read_union(lines: Lines, branches: list[Any], named: dict[str, Any]) -> str:
    name, index = lines.name(), lines.name()
    lines(f"{index} = data[at]")
    lines("at += 1")
    for number, branch in enumerate(branches):
        lines(f"{'if' if number == 0 else 'elif'} {index} == {2 * number}:")
        lines.depth += 1
        lines(f"{name} = {_read(lines, branch, named)}")
        lines.depth -= 1
    lines("else:")
    lines("    bad('no branch of the union', at)")
    return name
