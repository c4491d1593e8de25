"""Holds the schemas to their rules; `make schemas` and `leadlane schemas check` print what it finds.

The rules: the reference parser (avro-python3) takes every .avsc, all is documented, released versions are as released,
every version of a record reads every other (FULL_TRANSITIVE), and each example passes or fails as its name says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.validation import validate

from schemas import plain
from schemas.compat import conflicts, endless
from streams.errors import LeadlaneError
from streams.lane.registry import COMPATIBILITY
from streams.lane.unreadable import invalid, shown

HERE = Path(__file__).parent
NAMESPACE = "leadlane"
PASSING, FAILING = 1, 2  # examples that each newest version has at least
EXAMPLE = re.compile(r"v(?P<version>\d+)\.[^.]+\.(?P<wanted>pass|fail)\.json")
ID_SPAN = 100  # a record's ids are its hundred plus the version


class BadSchemas(LeadlaneError):
    """The schemas break a rule: whoever changed them."""


def check(folder: Path, types: Mapping[str, type[Any]]) -> tuple[str, ...]:
    """Every fault in a folder of schemas as `where: what`; empty when all is well. `types` are the records' classes."""
    subjects = tomllib.loads((folder / "subjects.toml").read_text("utf-8"))
    folders = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("_")}
    faults = [f"{name}: has a folder, but is not in subjects.toml" for name in sorted(folders - set(subjects))]
    faults += [f"{name}: is in subjects.toml, but has no folder" for name in sorted(set(subjects) - folders)]
    faults += _id_faults(subjects)
    for record in sorted(folders & set(subjects)):
        faults += _record_faults(folder / record, subjects[record], types, _free_id(subjects))
    return tuple(faults)


def _id_faults(subjects: dict[str, Any]) -> Iterator[str]:
    taken: dict[int, str] = {}
    for record, subject in subjects.items():
        for released in subject["versions"]:
            name = f"{record} v{released['version']}"
            if (other := taken.setdefault(released["id"], name)) != name:
                yield f"{name}: id {released['id']} is that of {other}; ids are never used twice"


def _free_id(subjects: dict[str, Any]) -> int:
    """The first id of a record that is new."""
    last = max((released["id"] for subject in subjects.values() for released in subject["versions"]), default=0)
    return last // ID_SPAN * ID_SPAN + ID_SPAN + 1


def _record_faults(folder: Path, subject: dict[str, Any], types: Mapping[str, type[Any]], free: int) -> Iterator[str]:
    if subject["compatibility"] != COMPATIBILITY:
        yield f"{folder.name}: compatibility is {subject['compatibility']}, expected {COMPATIBILITY}"
    if folder.name not in types:
        yield f"{folder.name}: no record of that name in the code, expected one of {', '.join(sorted(types))}"
    released = {entry["version"]: entry for entry in subject["versions"]}
    files = {int(path.stem[1:]): path for path in folder.glob("v*.avsc")}
    yield from _frozen_faults(folder.name, files, released, free)
    documents: dict[int, dict[str, Any]] = {}
    for number, path in sorted(files.items()):
        if found := list(_file_faults(path)):
            yield from found
        else:
            documents[number] = json.loads(path.read_text("utf-8"))
    yield from _compatibility_faults(folder.name, documents)
    if documents and folder.name in types:
        yield from _example_faults(folder, documents, types[folder.name])


def _frozen_faults(
    record: str, files: dict[int, Path], released: dict[int, dict[str, Any]], free: int
) -> Iterator[str]:
    first = min((entry["id"] for entry in released.values()), default=free)
    for number, entry in released.items():
        if number not in files:
            yield f"{record} v{number}: was released, but its file is gone; released versions stay"
        elif (got := _sha256(files[number])) != entry["sha256"]:
            yield (
                f"{record} v{number}: was changed after its release (sha256 is {got}, released {entry['sha256']});"
                f" take the change back and make it in a new file, v{max(files) + 1}.avsc"
            )
    for number in sorted(set(files) - set(released)):
        line = f'{{ version = {number}, id = {first - 1 + number}, sha256 = "{_sha256(files[number])}" }},'
        yield f"{record} v{number}: is not released; when it is ready, add this line in subjects.toml: {line}"
    if sorted(files) != list(range(1, len(files) + 1)):
        yield f"{record}: versions are {sorted(files)}, expected 1, 2, 3 ... without a gap"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file_faults(path: Path) -> Iterator[str]:
    where = f"{path.parent.name} {path.stem}"
    text, reference = path.read_text("utf-8"), _reference()
    try:
        schema = reference.parse(text)
    except Exception as error:  # whatever the reference parser raises is a fault of the file
        yield f"{where}: avro-python3 cannot parse it: {error}"
        return
    if schema.fullname != f"{NAMESPACE}.{path.parent.name}":
        yield f"{where}: its name is {schema.fullname}, expected {NAMESPACE}.{path.parent.name}"
    document = json.loads(text)
    yield from (f"{where}: {fault}" for fault in endless(document))
    yield from (f"{where}: {fault}" for fault in _doc_faults(document, ""))


def _doc_faults(schema: Any, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _doc_faults(branch, path)
    elif isinstance(schema, dict):
        if schema.get("type") == "record" and not schema.get("doc", "").strip():
            yield f"{path or schema['name']} has no doc"
        for field in schema.get("fields", ()):
            name = f"{path}.{field['name']}" if path else field["name"]
            if not field.get("doc", "").strip():
                yield f"{name} has no doc"
            if isinstance(field["type"], list) and "default" not in field:
                yield f"{name} may be null, but has no default"
            yield from _doc_faults(field["type"], name)
        for part in ("items", "values"):
            yield from _doc_faults(schema.get(part), path)


def _compatibility_faults(record: str, documents: dict[int, dict[str, Any]]) -> Iterator[str]:
    for written, writer in documents.items():
        for read, reader in documents.items():
            for fault in conflicts(writer, reader) if written != read else ():
                yield f"{record}: v{read} cannot read what v{written} wrote: {fault}"


def _example_faults(folder: Path, documents: dict[int, dict[str, Any]], record: type[Any]) -> Iterator[str]:
    outcomes: dict[tuple[int, str], int] = {}
    newest = documents[max(documents)]
    for path in sorted((folder / "examples").glob("*.json")):
        where = f"{folder.name} {path.name}"
        name = EXAMPLE.fullmatch(path.name)
        if name is None or (number := int(name["version"])) not in documents:
            yield f"{where}: expected v<N>.<reason>.pass.json or v<N>.<reason>.fail.json of a version that exists"
            continue
        wanted = name["wanted"]
        outcomes[number, wanted] = outcomes.get((number, wanted), 0) + 1
        refusal = refused(json.loads(path.read_text("utf-8")), documents[number], newest, record)
        if wanted == "pass" and refusal:
            yield f"{where}: must pass, but {refusal}"
        elif wanted == "fail" and not refusal:
            yield f"{where}: must fail, but it is a valid {folder.name}"
    for wanted, least in (("pass", PASSING), ("fail", FAILING)):
        if (count := outcomes.get((max(documents), wanted), 0)) < least:
            yield f"{folder.name} v{max(documents)}: has {count} examples that {wanted}, expected at least {least}"


def refused(example: dict[str, Any], writer: dict[str, Any], reader: dict[str, Any], record: type[Any]) -> str | None:
    """Why an example cannot be written with `writer`, read with `reader` and converted to `record`; None: it can."""
    names = {field["name"] for field in writer["fields"]}
    if unknown := sorted(set(example) - names):
        return f"{unknown[0]} is no field of {writer['name']}, expected one of {', '.join(sorted(names))}"
    plain_writer = parse_schema(plain(writer), named_schemas={})
    plain_reader = parse_schema(plain(reader), named_schemas={})
    datum = _with_bytes(example, writer)
    target = BytesIO()
    try:
        validate(datum, plain_writer, strict=False)  # the encoder alone takes "60" for a number and null for false
        schemaless_writer(target, plain_writer, datum, strict_allow_default=True)
        target.seek(0)
        read = cast(dict[str, Any], schemaless_reader(target, plain_writer, plain_reader))
        if issubclass(record, msgspec.Struct):
            msgspec.convert(read, record)
    except msgspec.ValidationError as error:
        return invalid(read, record, error).what
    except Exception as error:  # the encoder raises whatever the datum trips over
        return f"{type(error).__name__}: {shown(str(error))}"
    return None


def _with_bytes(value: Any, schema: Any) -> Any:
    """JSON has no bytes: examples write them in base64."""
    if isinstance(schema, list):
        return None if value is None else next((_with_bytes(value, part) for part in schema if part != "null"), value)
    if schema == "bytes":
        return base64.b64decode(value)
    if isinstance(schema, dict) and schema.get("type") == "record" and isinstance(value, dict):
        kinds = {field["name"]: field["type"] for field in schema["fields"]}
        return {name: _with_bytes(part, kinds.get(name)) for name, part in value.items()}
    if isinstance(schema, dict) and schema.get("type") == "array" and isinstance(value, list):
        return [_with_bytes(item, schema["items"]) for item in value]
    return value


def _reference() -> Any:
    try:
        import avro.schema
    except ImportError as error:
        raise BadSchemas(
            "the reference parser is not installed, expected avro-python3 (not avro: both are the module `avro`)."
            " In a checkout run `make setup`; elsewhere `pip install avro-python3`."
        ) from error
    return avro.schema
