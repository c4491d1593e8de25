"""Which schemas read which, by the Avro specification's resolution rules; fastavro agrees where it can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.compat import conflicts, endless


def record(*fields: dict[str, Any], name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


SYMBOLS = {"type": "enum", "name": "E", "symbols": ["A", "B"]}


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("int", "long"),
        ("int", "double"),
        ("long", "float"),
        ("string", "bytes"),
        ("int", ["null", "long"]),
        (["null", "int"], ["null", "long"]),
        (["int"], "int"),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "double"}),
        ({"type": "map", "values": "int"}, {"type": "map", "values": ["null", "int"]}),
        ({"type": "long", "logicalType": "timestamp-millis"}, "long"),
        (SYMBOLS, {**SYMBOLS, "symbols": ["B", "A", "C"]}),
        (SYMBOLS, {**SYMBOLS, "symbols": ["B"], "default": "B"}),
        (record(field("a", "int")), record()),
        (record(), record(field("a", "int", default=0))),
        (record(field("old", "int")), record(field("new", "int", aliases=["old"]))),
        (record(name="Old"), record(name="New", aliases=["Old"])),
        (record(field("next", ["null", "R"])), record(field("next", ["null", "R"]))),
    ],
    ids=repr,
)
def test_what_can_be_read(writer: Any, reader: Any) -> None:
    assert conflicts(writer, reader) == []


@pytest.mark.parametrize(
    ("writer", "reader", "fault"),
    [
        ("long", "int", "schema: int does not read long"),
        ("double", "long", "schema: long does not read double"),
        (["null", "int"], "int", "schema: int does not read null"),
        ("int", ["null", "string"], "schema: no branch of [null, string] reads int"),
        (["null", "string"], ["null", "int"], "schema: no branch of [null, int] reads string"),
        (SYMBOLS, {**SYMBOLS, "symbols": ["A"]}, ": the reader lacks the symbols B"),
        (record(name="A"), record(name="B"), "schema: B does not read A"),
        (
            record(field("a", record(name="S"))),
            record(field("a", record(field("b", "int"), name="S"))),
            "a.b: the writer lacks it and the reader has no default for it",
        ),
        (
            record(field("a", {"type": "array", "items": "string"})),
            record(field("a", {"type": "array", "items": "int"})),
            "a[]: int does not read string",
        ),
        (
            {"type": "fixed", "name": "F", "size": 4},
            {"type": "fixed", "name": "F", "size": 8},
            ": fixed of 4 bytes is not 8",
        ),
    ],
    ids=repr,
)
def test_what_cannot_be_read(writer: Any, reader: Any, fault: str) -> None:
    assert conflicts(writer, reader) == [fault]


@pytest.mark.parametrize(
    ("schema", "faults"),
    [
        (record(field("a", {"type": "array", "items": "null"})), ["a: its items take no bytes"]),
        (record(field("a", {"type": "array", "items": record(name="S")})), ["a: its items take no bytes"]),
        (record(field("a", {"type": "array", "items": ["null"]})), []),
        (record(field("a", {"type": "map", "values": "null"})), []),
        (record(field("a", ["null", "R"])), ["a: R contains itself"]),
        (record(field("a", {"type": "array", "items": "string"})), []),
    ],
    ids=repr,
)
def test_schemas_that_a_few_bytes_could_make_endless(schema: Any, faults: list[str]) -> None:
    assert endless(schema) == faults
