"""The shipped schemas keep every rule, the check finds each way to break one, and records and schemas say the same."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import inspect

from schemas import check as checker
from schemas.check import HERE, check
from streams.commands.schemas import schemas as command
from streams.lane.processor import JournalEntry
from streams.lane.wire import TYPES
from streams.topics import TOPICS

SUBJECTS = tomllib.loads((HERE / "subjects.toml").read_text("utf-8"))
V1_SHA = SUBJECTS["ScoreSignal"]["versions"][0]["sha256"]


def test_the_shipped_schemas_keep_every_rule() -> None:
    assert check(HERE, TYPES) == ()


def test_every_record_of_a_topic_has_its_schema() -> None:
    listed = {record: subject["topics"] for record, subject in SUBJECTS.items()}
    declared: dict[str, list[str]] = {}
    for topic in TOPICS:
        if topic.record:
            declared.setdefault(topic.record, []).append(topic.name)
    assert listed == declared
    assert set(listed) == set(TYPES)


def test_ids_are_the_records_hundred_plus_the_version() -> None:
    for subject in SUBJECTS.values():
        hundreds = {released["id"] - released["version"] for released in subject["versions"]}
        assert len(hundreds) == 1
        assert hundreds.pop() % 100 == 0


# --- records and schemas


def newest(record: str) -> dict[str, Any]:
    version = SUBJECTS[record]["versions"][-1]["version"]
    document: dict[str, Any] = json.loads((HERE / record / f"v{version}.avsc").read_text("utf-8"))
    return document


def avro_of(kind: inspect.Type) -> Any:
    """What a schema must say of a field of this type, without logical types, and named records by name."""
    match kind:
        case inspect.StrType() | inspect.LiteralType():
            return "string"
        case inspect.BoolType():
            return "boolean"
        case inspect.FloatType():
            return "double"
        case inspect.BytesType():
            return "bytes"
        case inspect.IntType():
            return "whole"
        case inspect.VarTupleType():
            return {"array": avro_of(kind.item_type)}
        case inspect.DictType():
            return {"map": avro_of(kind.value_type)}
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.UnionType():
            parts = [avro_of(part) for part in kind.types if not isinstance(part, inspect.NoneType)]
            null = ["null"] if any(isinstance(part, inspect.NoneType) for part in kind.types) else []
            return [*null, *sorted(parts, key=str)]
    raise AssertionError(f"no rule for {kind}")


def stated(schema: Any) -> Any:
    match schema:
        case ["null", *parts]:
            return ["null", *sorted(map(stated, parts), key=str)]
        case [*parts]:
            return sorted(map(stated, parts), key=str)
        case {"type": "record", "name": name}:
            return name
        case {"type": "array", "items": items}:
            return {"array": stated(items)}
        case {"type": "map", "values": values}:
            return {"map": stated(values)}
        case {"type": kind} | kind:
            return "whole" if kind in ("int", "long") else kind


def default_of(field: inspect.Field) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return list(field.default) if isinstance(field.default, tuple) else field.default


def nested(schema: Any) -> list[dict[str, Any]]:
    """Every record in a schema, itself included."""
    if isinstance(schema, list):
        return [record for part in schema for record in nested(part)]
    if not isinstance(schema, dict):
        return []
    inner = [schema.get(part) for part in ("items", "values", "type")] + [f["type"] for f in schema.get("fields", ())]
    return ([schema] if schema.get("type") == "record" else []) + [record for part in inner for record in nested(part)]


def structs(kind: inspect.Type) -> dict[str, inspect.StructType]:
    found: dict[str, inspect.StructType] = {}
    match kind:
        case inspect.StructType():
            found[kind.cls.__name__] = kind
            for field in kind.fields:
                found |= structs(field.type)
        case inspect.UnionType():
            for part in kind.types:
                found |= structs(part)
        case inspect.VarTupleType():
            found |= structs(kind.item_type)
    return found


RECORDS = [name for name in TYPES if name != "JournalEntry"]


def pairs(record: str) -> list[tuple[inspect.Field, dict[str, Any]]]:
    """Every field of a record and of the records in it, as the code and as the schema have it."""
    found = structs(inspect.type_info(TYPES[record]))
    found[record] = found.pop(TYPES[record].__name__)
    result = []
    for schema in nested(newest(record)):
        struct, fields = found.pop(schema["name"]), {field["name"]: field for field in schema["fields"]}
        assert [field.name for field in struct.fields] == list(fields)
        result += [(field, fields[field.name]) for field in struct.fields]
    assert not found
    return result


@pytest.mark.parametrize("record", RECORDS)
def test_fields_types_and_defaults_are_those_of_the_schema(record: str) -> None:
    for field, schema in pairs(record):
        assert stated(schema["type"]) == avro_of(field.type), field.name
        if not field.required:
            assert schema["default"] == default_of(field), field.name
        elif "default" in schema:
            assert schema["default"] is None, field.name
            assert stated(schema["type"])[0] == "null", field.name


@pytest.mark.parametrize("record", RECORDS)
def test_the_docs_say_the_ranges_and_lists_of_the_code(record: str) -> None:
    for field, schema in pairs(record):
        for kind in field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,):
            match kind:
                case inspect.FloatType(ge=float(low), le=float(high)):
                    assert f" {low:g}..{high:g}".replace("e+", "e") in schema["doc"], field.name
                case inspect.StrType(max_length=int(most)):
                    assert f" {kind.min_length or 0}..{most} characters" in schema["doc"], field.name
                case inspect.LiteralType():  # kinds that were added since need no new schema version
                    listed = schema["doc"].rpartition("One of: ")[2].removesuffix(".").split(", ")
                    assert set(listed) <= set(kind.values), field.name


def test_times_and_dates_are_marked_as_such() -> None:
    for record in TYPES:
        for schema in nested(newest(record)):
            for field in schema["fields"]:
                doc, kind = field["doc"], field["type"]
                logical = [part["logicalType"] for part in (kind if isinstance(kind, list) else [kind])
                           if isinstance(part, dict) and "logicalType" in part]  # fmt: skip
                assert ("timestamp-millis" in logical) == ("ms UTC" in doc), (record, field["name"])
                assert ("date" in logical) == (", date" in doc or "Days since" in doc), (record, field["name"])


def test_the_journal_entry_has_the_fields_of_its_schema_and_the_app() -> None:
    fields = [field["name"] for field in newest("JournalEntry")["fields"]]
    assert sorted(fields) == sorted((*JournalEntry._fields, "app"))


# --- what the check finds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two records of the shipped ones."""
    for record in ("ScoreSignal", "Switch"):
        # The first version only: these tests make the second one.
        shutil.copytree(HERE / record, tmp_path / record, ignore=shutil.ignore_patterns("v[2-9]*"))
    text = "\n".join(
        f'[{record}]\ntopics = ["t"]\ncompatibility = "FULL_TRANSITIVE"\nowner = "o"\nversions = [\n'
        f"  {{ version = 1, id = {SUBJECTS[record]['versions'][0]['id']},"
        f' sha256 = "{SUBJECTS[record]["versions"][0]["sha256"]}" }},\n]\n'
        for record in ("ScoreSignal", "Switch")
    )
    (tmp_path / "subjects.toml").write_text(text)
    return tmp_path


def change(path: Path, edit: Callable[[dict[str, Any]], None], to: Path | None = None) -> None:
    document = json.loads(path.read_text())
    edit(document)
    (to or path).write_text(json.dumps(document))


def new_version(folder: Path, edit: Callable[[dict[str, Any]], None]) -> list[str]:
    """The faults of the schemas alone; examples have tests of their own."""
    change(folder / "ScoreSignal/v1.avsc", edit, folder / "ScoreSignal/v2.avsc")
    usual = ("ScoreSignal v2: is not released", "ScoreSignal v2: has 0 examples")
    return [fault for fault in check(folder, TYPES) if not fault.startswith(usual) and ".json: " not in fault]


def field(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(field for field in document["fields"] if field["name"] == name)
    return found


NEW = {"name": "unit", "type": "string", "doc": "Unit."}


def test_a_whole_copy_is_well(folder: Path) -> None:
    assert check(folder, TYPES) == ()


def test_a_released_version_that_was_changed(folder: Path) -> None:
    change(folder / "ScoreSignal/v1.avsc", lambda document: field(document, "value").update(doc="Other."))
    (fault,) = check(folder, TYPES)
    assert fault.startswith("ScoreSignal v1: was changed after its release (sha256 is ")
    assert fault.endswith(f", released {V1_SHA}); take the change back and make it in a new file, v2.avsc")


def test_a_released_version_that_is_gone(folder: Path) -> None:
    (folder / "ScoreSignal/v1.avsc").unlink()
    assert check(folder, TYPES) == ("ScoreSignal v1: was released, but its file is gone; released versions stay",)


def test_a_new_version_is_told_the_line_that_releases_it(folder: Path) -> None:
    change(folder / "ScoreSignal/v1.avsc", lambda _: None, folder / "ScoreSignal/v2.avsc")
    sha256 = checker._sha256(folder / "ScoreSignal/v2.avsc")
    assert check(folder, TYPES) == (
        "ScoreSignal v2: is not released; when it is ready, add this line in subjects.toml:"
        f' {{ version = 2, id = 202, sha256 = "{sha256}" }},',
        "ScoreSignal v2: has 0 examples that pass, expected at least 1",
        "ScoreSignal v2: has 0 examples that fail, expected at least 2",
    )


def test_a_new_field_needs_a_default(folder: Path) -> None:
    assert new_version(folder, lambda document: document["fields"].append(NEW)) == [
        "ScoreSignal: v2 cannot read what v1 wrote: unit: the writer lacks it and the reader has no default for it"
    ]
    assert new_version(folder, lambda document: document["fields"].append({**NEW, "default": "points"})) == []


def test_a_field_without_default_stays(folder: Path) -> None:
    assert new_version(folder, lambda document: document["fields"].remove(field(document, "value"))) == [
        "ScoreSignal: v1 cannot read what v2 wrote: value: the writer lacks it and the reader has no default for it"
    ]
    assert new_version(folder, lambda document: document["fields"].remove(field(document, "model_id"))) == []


def test_a_type_cannot_change(folder: Path) -> None:
    assert new_version(folder, lambda document: field(document, "value").update(type="string")) == [
        "ScoreSignal: v2 cannot read what v1 wrote: value: string does not read double",
        "ScoreSignal: v1 cannot read what v2 wrote: value: double does not read string",
    ]


def test_what_becomes_nullable_older_readers_cannot_read(folder: Path) -> None:
    assert new_version(
        folder, lambda document: field(document, "value").update(type=["null", "double"], default=None)
    ) == ["ScoreSignal: v1 cannot read what v2 wrote: value: double does not read null"]


def test_everything_has_a_doc(folder: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["doc"] = " "
        del field(document, "value")["doc"]

    assert new_version(folder, edit) == [
        "ScoreSignal v2: ScoreSignal has no doc",
        "ScoreSignal v2: value has no doc",
    ]


def test_what_the_reference_parser_does_not_take(folder: Path) -> None:
    (fault,) = new_version(folder, lambda document: field(document, "value").update(type="number"))
    assert fault.startswith("ScoreSignal v2: avro-python3 cannot parse it: ")


def test_a_schema_of_another_name(folder: Path) -> None:
    assert new_version(folder, lambda document: document.update(namespace="other"))[0] == (
        "ScoreSignal v2: its name is other.ScoreSignal, expected leadlane.ScoreSignal"
    )


def test_a_list_of_nothings_is_refused_as_few_bytes_could_make_it_endless(folder: Path) -> None:
    nothings = {"name": "n", "type": {"type": "array", "items": "null"}, "default": [], "doc": "Nothings."}
    assert new_version(folder, lambda document: document["fields"].append(nothings)) == [
        "ScoreSignal v2: n: its items take no bytes"
    ]


def test_examples_do_what_their_names_say(folder: Path) -> None:
    examples = folder / "ScoreSignal/examples"
    shutil.copy(examples / "v1.full.pass.json", examples / "v1.wrong.fail.json")
    shutil.copy(examples / "v1.value-above-100.fail.json", examples / "v1.high.pass.json")
    shutil.copy(examples / "v1.full.pass.json", examples / "full.json")
    assert list(check(folder, TYPES)) == [
        "ScoreSignal full.json: expected v<N>.<reason>.pass.json or v<N>.<reason>.fail.json of a version that exists",
        "ScoreSignal v1.high.pass.json: must pass, but value is 171.0, expected 0..100",
        "ScoreSignal v1.wrong.fail.json: must fail, but it is a valid ScoreSignal",
    ]


def test_a_new_record_is_told_an_id_that_is_free(folder: Path) -> None:
    text = (folder / "subjects.toml").read_text()
    (folder / "subjects.toml").write_text(re.sub(r"(?s)(\[Switch\].*versions = \[\n).*", r"\1]\n", text))
    [fault] = check(folder, TYPES)
    assert fault.startswith("Switch v1: is not released; when it is ready, add this line in subjects.toml:")
    assert "{ version = 1, id = 301, " in fault


def test_folders_ids_and_compatibility(folder: Path) -> None:
    text = (folder / "subjects.toml").read_text()
    text = text.replace("[Switch]", "[Absent]").replace("id = 1501", "id = 201")
    (folder / "subjects.toml").write_text(text.replace("FULL_TRANSITIVE", "NONE", 1))
    assert check(folder, TYPES) == (
        "Switch: has a folder, but is not in subjects.toml",
        "Absent: is in subjects.toml, but has no folder",
        "Absent v1: id 201 is that of ScoreSignal v1; ids are never used twice",
        "ScoreSignal: compatibility is NONE, expected FULL_TRANSITIVE",
    )


def test_the_command_tells_what_it_checked() -> None:
    result = CliRunner().invoke(command, ["check"])
    assert result.exit_code == 0
    assert result.output.startswith(f"{len(TYPES)} records, ")
    assert result.output.endswith(" examples: all rules hold.\n")


def test_the_command_lists_ids() -> None:
    result = CliRunner().invoke(command, ["list"])
    assert "  201  ScoreSignal v1  signals.scores\n" in result.output
    assert " 1901  Case v1  cases.events, cases.open\n" in result.output
