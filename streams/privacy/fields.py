"""Which texts are personal: those whose fields are tagged PII in the schemas. There is no second list.

Law of this module: it knows shapes, not keys. `sealed` and `open_datum` give each personal text and its place to
whoever seals or opens it, and put back what comes of it. A place is the path of a field, such as `evidence.what`.

Four shapes are known: a text, a map of texts (sealed as one, names and all), named texts of a map (`leadlane:names`
beside the tag), and a text in the records of a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from streams.privacy.seal import MARK
from streams.topics import INPUTS

TAGS, PII, NAMES = "confluent:tags", "PII", "leadlane:names"
HIDDEN = "(sealed)"  # what stands in the place of a text that is not opened
ONE = "sealed"  # the only name in a map that is sealed as one

_map_from = msgspec.json.Decoder(dict[str, str]).decode
Shape = Literal["text", "map", "named", "items"]
StructT = TypeVar("StructT", bound=msgspec.Struct)
Change = Callable[[str, str], str]  # (place, text) -> text


class Personal(NamedTuple):
    """One field with personal texts."""

    shape: Shape
    field: str
    names: tuple[str, ...] = ()  # named: in the map; items: the fields of each record
    nearby: str = ""  # items: the field that names the topic from which a text was taken


class UnknownShape(ValueError):
    """A field is tagged that this version cannot seal: whoever changed the schema."""


@cache
def personal_fields() -> Mapping[str, tuple[Personal, ...]]:
    """By record: its fields with personal texts, as the newest schemas tag them."""
    found: dict[str, tuple[Personal, ...]] = {}
    for folder in sorted((entry for entry in files("schemas").iterdir() if entry.is_dir()), key=lambda e: e.name):
        versions = [int(entry.name[1:-5]) for entry in folder.iterdir() if entry.name.endswith(".avsc")]
        if versions:
            document = json.loads((folder / f"v{max(versions)}.avsc").read_text("utf-8"))
            if fields := personal_in(document):
                found[folder.name] = fields
    return found


def personal_in(document: Mapping[str, Any]) -> tuple[Personal, ...]:
    """The fields of one schema that hold personal texts. Raises UnknownShape."""
    return tuple(found for field in document["fields"] if (found := _personal(field, document["name"])) is not None)


def _personal(field: Mapping[str, Any], record: str) -> Personal | None:
    kind = field["type"]
    if isinstance(kind, list):
        kind = next(branch for branch in kind if branch != "null")
    tagged = PII in field.get(TAGS, ())
    if isinstance(kind, dict) and kind["type"] == "array" and isinstance(kind["items"], dict):
        inner = [each for each in kind["items"].get("fields", ()) if PII in each.get(TAGS, ())]
        if inner and all(each["type"] == "string" for each in inner):
            names = tuple(each["name"] for each in inner)
            nearby = "topic" if any(each["name"] == "topic" for each in kind["items"]["fields"]) else ""
            return Personal("items", field["name"], names, nearby)
        tagged = tagged or bool(inner)
    if not tagged:
        return None
    if kind == "string":
        return Personal("text", field["name"])
    if isinstance(kind, dict) and kind["type"] == "map":
        if NAMES in field:
            return Personal("named", field["name"], tuple(field[NAMES]))
        if kind["values"] == "string":
            return Personal("map", field["name"])
    raise UnknownShape(
        f"{record}.{field['name']} is tagged {PII}, expected a text, a map or a list of records of texts"
    )


@cache
def personal_topics() -> frozenset[str]:
    """The input topics whose records have personal texts: what quotes them is personal, too."""
    return frozenset(topic.name for topic in INPUTS if topic.record in personal_fields())


def sealed(record: StructT, fields: tuple[Personal, ...], seal: Change) -> StructT:
    """A copy of a record whose personal texts went through `seal`; the record itself if it has none."""
    changes: dict[str, Any] = {}
    for personal in fields:
        value = getattr(record, personal.field)
        if not value:  # None, an empty text, map or list
            continue
        match personal.shape:
            case "text":
                changes[personal.field] = seal(personal.field, value)
            case "map":
                changes[personal.field] = {ONE: seal(personal.field, msgspec.json.encode(value).decode())}
            case "named":
                texts = {name: value[name] for name in personal.names if isinstance(value.get(name), str)}
                if texts:
                    changes[personal.field] = value | {
                        name: seal(f"{personal.field}.{name}", text) for name, text in texts.items()
                    }
            case "items":
                items = tuple(_sealed_item(item, personal, seal) for item in value)
                if items != value:
                    changes[personal.field] = items
    return msgspec.structs.replace(record, **changes) if changes else record


def _sealed_item(item: Any, personal: Personal, seal: Change) -> Any:
    if personal.nearby and getattr(item, personal.nearby) not in personal_topics():
        return item
    return msgspec.structs.replace(
        item, **{name: seal(f"{personal.field}.{name}", getattr(item, name)) for name in personal.names}
    )


def open_datum(datum: dict[str, Any], fields: tuple[Personal, ...], opened: Change) -> None:
    """Put each sealed text of a datum through `opened`, in place. What is not sealed stays as it is."""
    for personal in fields:
        field = personal.field
        value = datum.get(field)
        if not value:
            continue
        match personal.shape:
            case "text":
                if value.startswith(MARK):
                    datum[field] = opened(field, value)
            case "map":
                one = value.get(ONE)
                if one is not None and len(value) == 1 and one.startswith(MARK):
                    text = opened(field, one)
                    datum[field] = {ONE: text} if text[:1] != "{" else _map_from(text)
            case "named":
                for name in personal.names:
                    text = value.get(name)
                    if isinstance(text, str) and text.startswith(MARK):
                        value[name] = opened(f"{field}.{name}", text)
            case "items":
                for item in value:
                    for name in personal.names:
                        if item[name].startswith(MARK):
                            item[name] = opened(f"{field}.{name}", item[name])


def untouched(_record: str, _datum: dict[str, Any], _personal: tuple[Personal, ...]) -> None:
    """The opener of whoever can do with sealed texts as they are."""


def hidden(_record: str, datum: dict[str, Any], personal: tuple[Personal, ...]) -> None:
    """The opener of whoever shows records and has no keys."""
    open_datum(datum, personal, lambda _field, _text: HIDDEN)
