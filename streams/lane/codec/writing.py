"""From a schema to the function that writes its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.lane.codec.numbers import LONGS, BadDatum
from streams.lane.codec.source import Lines


def writer(schema: dict[str, Any], prefix: bytes, constants: Mapping[str, str] = {}) -> Callable[[Any], bytes]:
    """A function from a record, whose attributes are the schema's fields, to `prefix` and its bytes. `constants` are
    values of fields that the record lacks. Raises BadDatum, TypeError, AttributeError and struct.error."""
    lines = Lines()
    lines(f"parts = [{prefix!r}]")
    pending: list[str] = []
    named: dict[str, Any] = {}
    for field in schema["fields"]:
        name = field["name"]
        value = repr(constants[name]) if name in constants else f"record.{name}"
        _write(lines, pending, field["type"], value, named)
    _flush(lines, pending)
    lines("return b''.join(parts)")
    return lines.function("def run(record):")


def _flush(lines: Lines, pending: list[str]) -> None:
    if pending:
        lines(f"parts += ({', '.join(pending)},)")
        pending.clear()


def _write(lines: Lines, pending: list[str], schema: Any, value: str, named: dict[str, Any]) -> None:
    """Emits what writes `value`; expressions of bytes wait in `pending`, so that many are added at once."""
    if isinstance(schema, list):
        _write_union(lines, pending, schema, value, named)
        return
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        _write(lines, pending, kind, value, named)
        return
    match kind:
        case "null":
            pass
        case "boolean":
            pending.append(rf"(b'\x01' if {value} else b'\x00')")
        case "int" | "long":
            pending.append(f"{kind.upper()}S[{value}]")
        case "double":
            pending.append(f"double({value})")
        case "float":
            pending.append(f"float_({value})")
        case "string" | "bytes":
            name = lines.name()
            lines(f"{name} = {value}{'.encode()' if kind == 'string' else ''}")
            pending += [f"LONGS[len({name})]", name]
        case "record":
            named[schema["name"]] = named[schema["name"].rpartition(".")[2]] = schema
            for field in schema["fields"]:
                _write(lines, pending, field["type"], f"{value}.{field['name']}", named)
        case "array" | "map":
            _write_block(lines, pending, schema, value, named)
        case _ if kind in named:
            _write(lines, pending, named[kind], value, named)
        case _:
            raise BadDatum(f"schemas with {kind} are not compiled")


def _write_block(lines: Lines, pending: list[str], schema: dict[str, Any], value: str, named: dict[str, Any]) -> None:
    items, item = lines.name(), lines.name()
    _flush(lines, pending)
    lines(f"{items} = {value}")
    lines(f"if {items}:")
    lines.depth += 1
    lines(f"parts.append(LONGS[len({items})])")
    if schema["type"] == "map":
        key = lines.name()
        lines(f"for {key}, {item} in {items}.items():")
        pending.append(f"NAMES[{key}]")
    else:
        lines(f"for {item} in {items}:")
    lines.depth += 1
    _write(lines, pending, schema.get("items", schema.get("values")), item, named)
    _flush(lines, pending)
    lines.depth -= 2
    pending.append(r"b'\x00'")


TESTS = {
    "null": "{0} is None",
    "boolean": "{0} is True or {0} is False",
    "double": "type({0}) is float or type({0}) is int",
    "float": "type({0}) is float or type({0}) is int",
    "int": "type({0}) is int",
    "long": "type({0}) is int",
    "string": "type({0}) is str",
    "bytes": "type({0}) is bytes",
}


def _write_union(lines: Lines, pending: list[str], branches: list[Any], value: str, named: dict[str, Any]) -> None:
    name = lines.name()
    _flush(lines, pending)
    lines(f"{name} = {value}")
    for number, branch in enumerate(branches):
        last_of_two = len(branches) == 2 and number == 1
        test = "True" if last_of_two else TESTS[branch].format(name)
        lines(f"{'if' if number == 0 else 'elif'} {test}:" if not last_of_two else "else:")
        lines.depth += 1
        pending.append(repr(LONGS[number]))
        _write(lines, pending, branch, name, named)
        _flush(lines, pending)
        lines.depth -= 1
    if len(branches) != 2:
        lines("else:")
        lines(f"    raise BadDatum(f'{{{name}!r}} is of no branch of the union')")
