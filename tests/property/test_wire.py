"""The codec against two others: what one of fastavro, avro-python3 and ours writes, the others read as the same.

Records are drawn from their own types and, for every released version, from its schema.
"""

from __future__ import annotations

import json
import struct
from datetime import date, timedelta
from io import BytesIO
from random import Random
from typing import Any

import avro.schema
import msgspec
import pytest
from avro.io import BinaryDecoder, BinaryEncoder, DatumReader, DatumWriter
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import plain
from streams.core.events import RECORD, Event
from streams.lane import codec
from streams.lane.processor import JournalEntry
from streams.lane.registry import BuiltInCatalogue, Schema, shipped
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import FRAME, NAME_OF, RECORD_OF, TYPES, Wire
from tests import factories
from tests.mutate import MUTATIONS, mutated, spoiled
from tests.strategies import records

EXAMPLES = settings(max_examples=25, deadline=None)
VERSIONS = [version for versions in shipped().values() for version in versions]
TOPIC_OF = {record: topic for topic, record in RECORD_OF.items()}
wire = Wire(BuiltInCatalogue())


def data(schema: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Any datum of a schema, as the codecs take it."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of([data(branch, named) for branch in schema])
    kind = schema["type"] if isinstance(schema, dict) else schema
    match kind:
        case "record":
            named[schema["name"]] = schema
            return st.fixed_dictionaries({field["name"]: data(field["type"], named) for field in schema["fields"]})
        case "array":
            return st.lists(data(schema["items"], named), max_size=3)
        case "map":
            return st.dictionaries(data("string"), data(schema["values"], named), max_size=3)
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "int":
            return st.integers(-(2**31), 2**31 - 1)
        case "long":
            return st.integers(-(2**63), 2**63 - 1)
        case "double":
            return st.floats(allow_nan=False)
        case "string":
            return st.one_of(st.text(max_size=10), st.text("xäλ🙂", min_size=60, max_size=140))
        case "bytes":
            return st.binary(max_size=100)
    return data(named[kind], named)


def by_fastavro(schema: Any, datum: Any) -> bytes:
    target = BytesIO()
    schemaless_writer(target, schema, datum)
    return target.getvalue()


def by_reference(schema: Any, datum: Any) -> bytes:
    target = BytesIO()
    DatumWriter(schema).write(datum, BinaryEncoder(target))
    return target.getvalue()


def read_by_reference(schema: Any, value: bytes) -> Any:
    source = BytesIO(value)
    datum = DatumReader(schema).read(BinaryDecoder(source))
    assert source.tell() == len(value)
    return datum


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_any_datum_of_a_schema_goes_between_all_three_codecs(version: Schema) -> None:
    reference = avro.schema.parse(json.dumps(version.document))
    fast = parse_schema(plain(version.document), named_schemas={})
    read = codec.reader(plain(version.document), 0)

    @EXAMPLES
    @given(data(plain(version.document)))
    def holds(datum: dict[str, Any]) -> None:
        fast_bytes, reference_bytes = by_fastavro(fast, datum), by_reference(reference, datum)
        assert read_by_reference(reference, fast_bytes) == datum
        assert schemaless_reader(BytesIO(reference_bytes), fast, None) == datum
        assert read(fast_bytes) == datum
        assert read(reference_bytes) == datum

    holds()


WITH_BYTES = ("DeadLetter", "ControlChange", "ParkedDelivery", "SubjectKey")


@pytest.mark.parametrize("name", [name for name in TYPES if name != "JournalEntry"])
def test_any_record_is_written_as_fastavro_and_avro_python3_read_it(name: str) -> None:
    kind = TYPES[name]
    assert issubclass(kind, msgspec.Struct)
    ours = BuiltInCatalogue().written(name)
    reference = avro.schema.parse(json.dumps(ours.document))
    fast = parse_schema(plain(ours.document), named_schemas={})

    @EXAMPLES
    @given(records(kind))
    def holds(record: msgspec.Struct) -> None:
        value = wire.encode(record)
        datum = msgspec.to_builtins(record, builtin_types=(bytes,))
        as_lists = None if name in WITH_BYTES else json.loads(json.dumps(datum, default=repr))
        fast_datum = schemaless_reader(BytesIO(value[FRAME:]), fast, None)
        assert msgspec.convert(fast_datum, kind) == record
        assert msgspec.convert(read_by_reference(reference, value[FRAME:]), kind) == record
        assert as_lists is None or fast_datum == as_lists
        assert wire.decode_any(TOPIC_OF[name], value[:FRAME] + by_reference(reference, fast_datum)) == record
        assert wire.decode_any(TOPIC_OF[name], value[:FRAME] + by_fastavro(fast, fast_datum)) == record
        assert wire.decode_any(TOPIC_OF[name], value) == record

    holds()


COUNTS = st.integers(0, 2**31 - 1)
OFFSETS = st.dictionaries(st.text(max_size=9), st.integers(0, 2**62), max_size=3)
LONGS = st.integers(0, 2**62)


@EXAMPLES
@given(st.builds(JournalEntry, COUNTS, LONGS, LONGS, OFFSETS, OFFSETS, COUNTS, COUNTS, OFFSETS))
def test_a_journal_entry_is_read_back(entry: JournalEntry) -> None:
    assert wire.decode_any("lane.journal", wire.encode(entry)) == entry


@EXAMPLES
@given(records(TYPES["LeadProfile"]))  # type: ignore[type-var]
def test_others_read_our_numbers_as_the_times_and_dates_that_they_are(profile: Any) -> None:
    document = BuiltInCatalogue().written("LeadProfile").document
    value = wire.encode(msgspec.structs.replace(profile, occurred_at=factories.T0, renewal_on=factories.TODAY))
    read: Any = schemaless_reader(BytesIO(value[FRAME:]), parse_schema(document, named_schemas={}), None)
    assert int(read["occurred_at"].timestamp() * 1000) == factories.T0
    assert read["renewal_on"] == date(1970, 1, 1) + timedelta(factories.TODAY)


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=12))
def test_numbers_are_read_as_they_were_written(number: int, rest: bytes) -> None:
    value = b"xx" + codec.LONGS[number] + rest
    assert codec.long_from(value, 2) == (number, len(value) - len(rest))
    assert read_by_reference(avro.schema.parse('"long"'), codec.LONGS[number]) == number


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63, -(2**63) - 1])
def test_numbers_that_do_not_fit_are_not_written(number: int) -> None:
    with pytest.raises(codec.BadDatum, match="does not fit"):
        codec.INTS[number]
    if number.bit_length() > 63 and number != -(2**63):
        with pytest.raises(codec.BadDatum, match="does not fit"):
            codec.LONGS[number]


# --- hostile bytes

SAMPLES = [
    *(make() for make in (*factories.EVENTS, *factories.CONTROLS, *factories.EFFECTS)),
    factories.a_profile(segments=("a", "b"), attributes={"a": "b"}, consent=factories.a_consent(scope=("email",))),
    factories.a_review(evidence_opened=("score-1",) * 70),
    factories.a_reply(text="λ" * 3_000),
]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_bytes_a_valid_record_comes_or_a_clear_error(seed: int) -> None:
    random = Random(seed)
    values = [(TOPIC_OF[NAME_OF[type(record)]], wire.encode(record)) for record in SAMPLES]
    refused = longest = 0
    for number in range(6_000):
        topic, value = values[number % len(values)]
        broken = mutated(value, random)
        try:
            record: Any = wire.decode_any(topic, broken)
        except UnreadableRecord as error:
            refused += 1
            longest = max(longest, len(str(error)))
        else:
            assert wire.decode_any(topic, wire.encode(record)) == record
    assert refused > 5_000
    assert longest < 600


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__.strip("_"))
def test_fastavro_accepts_nothing_else_than_we_do_unless_it_is_too_lenient(mutation: Any) -> None:
    """A value that we refuse is one that fastavro refuses too, leaves bytes of, or would write in another way."""
    random = Random(7)
    fast = {version.record: parse_schema(plain(version.document), named_schemas={}) for version in VERSIONS}
    readers = {version.record: codec.reader(plain(version.document), FRAME) for version in VERSIONS}
    for number in range(400):
        record = NAME_OF[type(SAMPLES[number % len(SAMPLES)])]
        value = mutation(wire.encode(SAMPLES[number % len(SAMPLES)]), random)
        ours: Any = _attempt(readers[record], value)
        source = BytesIO(value[FRAME:])
        theirs: Any = _attempt(
            lambda _, source=source, record=record: schemaless_reader(source, fast[record], None), b""
        )
        if ours is not None:
            assert repr(theirs) == repr(ours)  # NaN is not equal to itself
        elif theirs is not None and source.tell() == len(value) - FRAME:
            assert by_fastavro(fast[record], theirs) != value[FRAME:]


def _attempt(read: Any, value: bytes) -> Any:
    try:
        return read(value)
    except (ValueError, IndexError, EOFError, struct.error, OverflowError, MemoryError):
        return None


@pytest.mark.parametrize("seed", range(3))
def test_a_spoiled_event_is_refused_and_named(seed: int) -> None:
    random = Random(seed)
    for number in range(1_000):
        event: Event = factories.EVENTS[number % len(factories.EVENTS)](number)
        topic = TOPIC_OF[NAME_OF[type(event)]]
        with pytest.raises(UnreadableRecord, match=r" is .*, expected "):
            wire.decode(topic, wire.encode(spoiled(event, random)))


def test_every_input_record_has_a_topic() -> None:
    assert set(RECORD) <= set(TOPIC_OF)
