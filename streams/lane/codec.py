"""Avro, compiled: for one schema, straight-line Python that writes its records and reads its bytes.

Twice as fast as a general codec, as nothing is looked up per field, and strict where a general one is lenient: a length
that does not fit, a count that is negative, an index, boolean or number that no writer makes is refused. Tests hold it
against fastavro and avro-python3, in both directions.

Law of this module: reading takes time and memory in proportion to the bytes, whatever they are. So schemas whose items
may take no bytes are refused before they get here (schemas/compat.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

DOUBLE = struct.Struct("<d")
FLOAT = struct.Struct("<f")
KEPT = 1 << 16  # numbers and names whose bytes are kept, each
LONG_BYTES = 10  # a 64-bit number takes at most so many bytes
CONTINUED = 0x810204080  # the continuation bits of the first five bytes of a number of six


class BadDatum(ValueError):
    """Bytes that are no datum of the schema, or a value that is none."""


class _Longs(dict[int, bytes]):
    """The bytes of a number: zigzag, variable length. Keeps what it made: lengths, counts, the time of a batch."""

    bits = 64

    def __missing__(self, number: int) -> bytes:
        if number >> self.bits - 1 not in (0, -1):
            raise BadDatum(f"{number} does not fit {self.bits} bits")
        rest = (number << 1) ^ (number >> 63)
        made = bytearray()
        while rest > 127:
            made.append(rest & 127 | 128)
            rest >>= 7
        made.append(rest)
        if len(self) >= KEPT:
            self.clear()
        result = self[number] = bytes(made)
        return result


class _Ints(_Longs):
    bits = 32


class _Names(dict[str, bytes]):
    """The bytes of a text that comes again and again, such as the name of a fact."""

    def __missing__(self, name: str) -> bytes:
        encoded = name.encode()
        if len(self) >= KEPT:
            self.clear()
        result = self[name] = LONGS[len(encoded)] + encoded
        return result


LONGS = _Longs()
INTS = _Ints()
NAMES = _Names()


def long_from(data: bytes, at: int) -> tuple[int, int]:
    """The number that stands at `at`, and where the next thing stands."""
    six = data[at : at + 6]
    if len(six) == 6:
        a, b, c, d, e, f = six
        if b < 128 <= a:  # lengths have two bytes
            raw = a - 128 + (b << 7)
            return (raw >> 1) ^ -(raw & 1), at + 2
        if a & b & c & d & e & 128 and f < 128:  # times have six
            raw = a + (b << 7) + (c << 14) + (d << 21) + (e << 28) + (f << 35) - CONTINUED
            return (raw >> 1) ^ -(raw & 1), at + 6
    raw = shift = 0
    for byte in data[at : at + LONG_BYTES]:
        at += 1
        raw |= (byte & 127) << shift
        if byte < 128:
            if raw >> 64:
                break
            return (raw >> 1) ^ -(raw & 1), at
        shift += 7
    raise BadDatum(f"no number ends at byte {at}")


def int_from(data: bytes, at: int) -> tuple[int, int]:
    """As long_from, for a number of 32 bits."""
    number, at = long_from(data, at)
    if number >> 31 not in (0, -1):
        raise BadDatum(f"{number} before byte {at} does not fit 32 bits")
    return number, at


def size_from(data: bytes, at: int) -> tuple[int, int]:
    """The length that stands at `at`, and where the text or bytes of that length start."""
    size, at = long_from(data, at)
    if not 0 <= size <= len(data) - at:
        raise BadDatum(f"byte {at} has a length of {size}, but {len(data) - at} bytes are left")
    return size, at


def count_from(data: bytes, at: int) -> tuple[int, int]:
    """The item count of a block, and where its first item stands. A negative count is followed by the block's size."""
    count, at = long_from(data, at)
    if count < 0:
        count = -count
        _, at = size_from(data, at)
    if count > len(data) - at:
        raise BadDatum(f"byte {at} has a count of {count} items, but {len(data) - at} bytes are left")
    return count, at


def bad(what: str, at: int) -> NoReturn:
    raise BadDatum(f"{what} at byte {at - 1}")


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


class _Lines:
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


# --- reading


def reader(schema: dict[str, Any], start: int) -> Callable[[bytes], dict[str, Any]]:
    """A function from the bytes, whose datum starts at `start` and ends with them, to the datum. Raises BadDatum,
    UnicodeDecodeError, IndexError and struct.error."""
    lines = _Lines()
    lines(f"at = {start}")
    result = _read(lines, schema, {})
    lines("if at != len(data):")
    lines("    raise BadDatum(f'the datum ends at byte {at}, the value at byte {len(data)}')")
    lines(f"return {result}")
    return lines.function("def run(data):")


def _read(lines: _Lines, schema: Any, named: dict[str, Any]) -> str:
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


def _read_blocks(lines: _Lines, schema: dict[str, Any], named: dict[str, Any], name: str) -> None:
    left = lines.name()
    is_map = schema["type"] == "map"
    lines(f"{name} = {'{}' if is_map else '[]'}")
    lines(f"{left} = data[at]")
    lines("at += 1")
    lines(f"while {left}:")
    lines.depth += 1
    lines("at -= 1")
    lines(f"{left}, at = count_from(data, at)")
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


def _read_union(lines: _Lines, branches: list[Any], named: dict[str, Any]) -> str:
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


# --- writing


def writer(schema: dict[str, Any], prefix: bytes, constants: Mapping[str, str] = {}) -> Callable[[Any], bytes]:
    """A function from a record, whose attributes are the schema's fields, to `prefix` and its bytes. `constants` are
    values of fields that the record lacks. Raises BadDatum, TypeError, AttributeError and struct.error."""
    lines = _Lines()
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


def _flush(lines: _Lines, pending: list[str]) -> None:
    if pending:
        lines(f"parts += ({', '.join(pending)},)")
        pending.clear()


def _write(lines: _Lines, pending: list[str], schema: Any, value: str, named: dict[str, Any]) -> None:
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


def _write_block(lines: _Lines, pending: list[str], schema: dict[str, Any], value: str, named: dict[str, Any]) -> None:
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


def _write_union(lines: _Lines, pending: list[str], branches: list[Any], value: str, named: dict[str, Any]) -> None:
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
