"""The mapping file: which columns of a CSV export become which fields of which records.

Law of this module: a mapping that passes `load_mapping` and `check_columns` can only fail on single values. All faults
are reported at once, each with where it is and the nearest name that exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from streams.core.events import RECORD
from streams.errors import LeadlaneError
from streams.nearest import nearest
from streams.rule_parts import Part, Scale

COMMON = ("event_id", "lead_id", "occurred_at", "source")  # every record has them: never mapped as fields
Scalar = str | float | bool | None
EPOCH_MS = {"epoch_s": 1000, "epoch_ms": 1}
LEARNING_ALONE = {"description", "file", "null_values", "learning"}  # a mapping of no more is for learning alone


class BadMapping(LeadlaneError):
    """The mapping file is wrong: its author's."""

    exit_code = 2


class FileFormat(Part):
    """How the file is written. What is not stated is sniffed from its first lines."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8-sig"


class LeadKey(Part):
    """Which lead a row is about: the joined columns, or the number of the row (1 is the first after the header)."""

    columns: tuple[str, ...] = ()
    row_number: bool = False
    prefix: str = ""
    join: str = "-"

    @model_validator(mode="after")
    def _one_of(self) -> LeadKey:
        if bool(self.columns) == self.row_number:
            raise ValueError("expected either columns or row_number: true")
        return self


class TimeOfRow(Part):
    """When a row happened: a column, or a start and a step."""

    column: str | None = None
    format: str = "iso"  # iso, epoch_s, epoch_ms or a strptime format
    zone: str = "UTC"  # of times without an offset
    sort: bool = False  # by time instead of the file's order; holds the file in memory
    start: str | None = None  # ISO 8601
    step_seconds: float | None = None

    @model_validator(mode="after")
    def _one_of(self) -> TimeOfRow:
        if (self.column is None) == (self.start is None):
            raise ValueError("expected either column or start with step_seconds")
        if (self.start is None) != (self.step_seconds is None):
            raise ValueError("expected start and step_seconds together")
        try:
            zone = ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):  # ZoneInfo raises each of them for a name that is none
            raise ValueError(f"zone is {self.zone!r}, expected an IANA name such as Europe/Lisbon") from None
        if self.start is not None:
            instant(self.start, "iso", zone)
        return self


class Band(Part):
    """Numbers below `below` are called `name`; the last band has no `below`."""

    name: str
    below: float | None = None


class FieldRule(Part):
    """How one field gets its value. Order: columns or value, null_values, map, bands, date, scale, sum, default."""

    value: Scalar | list[Any] | dict[str, Any] = None  # a constant
    column: str | None = None
    columns: tuple[str, ...] = ()  # joined
    join: str = " "
    null_values: tuple[str, ...] | None = None  # None: those of the mapping
    map: dict[str, Scalar] | None = None  # a value that is not listed is a fault unless map_other is stated
    map_other: Scalar | Literal["keep"] = Field(default=None)
    bands: tuple[Band, ...] = ()
    date: str | None = None  # iso or a strptime format: to the field's days or milliseconds
    scale: Scale | None = None
    sum: tuple[FieldRule, ...] = ()  # of numbers; a part without a value adds nothing
    clamp: tuple[float, float] | None = None
    default: Scalar = None

    @model_validator(mode="after")
    def _one_source(self) -> FieldRule:
        stated = [name for name in ("value", "column", "columns", "sum") if name in self.model_fields_set]
        if len(stated) != 1:
            raise ValueError(f"expected one of value, column, columns or sum, got {', '.join(stated) or 'none'}")
        return self

    def reads(self) -> tuple[str, ...]:
        """The columns that this rule reads."""
        own = ((self.column,) if self.column is not None else ()) + self.columns
        return own + tuple(name for part in self.sum for name in part.reads())


FieldSpec = str | FieldRule | dict[str, "FieldSpec"]  # a column's name, a rule, or a nested record


class When(Part):
    """A row qualifies when the column's value is one of `in` and none of `not_in`."""

    column: str
    in_: Annotated[tuple[str, ...] | None, Field(alias="in")] = None
    not_in: tuple[str, ...] = ()


class RecordRule(Part):
    """One record that a row becomes."""

    record: Literal[
        "LeadProfile", "ScoreSignal", "IntentSignal", "SentimentSignal", "OotoSignal", "ReplySignal", "ActivitySignal",
        "OutreachRequest", "OutcomeLabel",
    ]  # fmt: skip
    when: tuple[When, ...] = ()
    after_seconds: float = 0  # how long after the row: a label is known later than what it judges
    fields: dict[str, Any]


class LabelRule(Part):
    """Which column says what became of a row, and which of its values are good."""

    column: str
    positive: Annotated[tuple[str, ...], Field(min_length=1)]
    negative: tuple[str, ...] | None = None  # None: every other value; else what is in neither is a fault of the row

    @field_validator("positive", "negative", mode="before")
    @classmethod
    def _texts(cls, values: Any) -> Any:
        """A file's 1 and 0 are texts, however YAML reads them."""
        if not isinstance(values, list):
            return values
        return [
            str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value for value in values
        ]


class LearningRules(Part):
    """What `leadlane backtest` learns from: the label, and the columns that it may not look at."""

    label: LabelRule | None = None  # None: the outcome of the OutcomeLabel record
    drop: tuple[str, ...] = ()  # instead of unused_columns
    numeric: tuple[str, ...] = ()  # numbers whatever they look like: other text is a fault of the row
    categorical: tuple[str, ...] = ()  # names even where they look like numbers

    def columns(self) -> list[tuple[str, str]]:
        """Every (column, where it is used)."""
        used = [(self.label.column, "learning.label.column")] if self.label else []
        lists = (("drop", self.drop), ("numeric", self.numeric), ("categorical", self.categorical))
        return used + [(name, f"learning.{word}") for word, names in lists for name in names]


class LearningMapping(Part):
    """A mapping for `leadlane backtest` alone: how to read the file, and what to learn."""

    description: str = ""
    file: FileFormat = FileFormat()
    null_values: tuple[str, ...] = ("",)
    learning: LearningRules

    @model_validator(mode="after")
    def _has_label(self) -> LearningMapping:
        if self.learning.label is None:
            raise ValueError("expected learning.label with column and positive: no OutcomeLabel record states it")
        return self

    def columns(self) -> list[tuple[str, str]]:
        return self.learning.columns()


class Mapping(Part):
    """The whole file."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    file: FileFormat = FileFormat()
    lead: LeadKey
    time: TimeOfRow
    null_values: tuple[str, ...] = ("",)
    unused_columns: dict[str, str] = Field(default_factory=dict)  # column -> why it is left out; for readers
    learning: LearningRules | None = None
    records: Annotated[tuple[RecordRule, ...], Field(min_length=1)]

    def columns(self) -> list[tuple[str, str]]:
        """Every (column, where it is used)."""
        used = [(name, "lead.columns") for name in self.lead.columns]
        used += [(self.time.column, "time.column")] if self.time.column else []
        used += [(name, "unused_columns") for name in self.unused_columns]
        for number, rule in enumerate(self.records):
            at = f"records[{number}] ({rule.record})"
            used += [(when.column, f"{at}.when") for when in rule.when]
            used += [(name, f"{at}.fields.{path}") for path, spec in leaves(rule.fields) for name in _reads(spec)]
        return used + (self.learning.columns() if self.learning else [])


def load_mapping(path: Path) -> Mapping:
    """The mapping in a YAML file. BadMapping lists every fault."""
    return mapping_from(_document(path), str(path))


def load_learning_mapping(path: Path) -> Mapping | LearningMapping:
    """The mapping in a YAML file for learning: a whole one, or file, null_values and learning. BadMapping as above."""
    document = _document(path)
    if not isinstance(document, dict) or "learning" not in document or not document.keys() <= LEARNING_ALONE:
        return mapping_from(document, str(path))
    try:
        return LearningMapping.model_validate(document)
    except ValidationError as error:
        raise BadMapping(_listed(str(path), [_fault(fault) for fault in error.errors()])) from None


def _document(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise BadMapping(f"{path}: expected a mapping file, but: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadMapping(f"{path}: expected YAML, but: {error}") from error


def mapping_from(document: Any, where: str = "mapping") -> Mapping:
    """The mapping that `document` states. BadMapping lists every fault."""
    if not isinstance(document, dict):
        raise BadMapping(f"{where}: expected source, lead, time and records at the top, got {type(document).__name__}.")
    faults: list[str] = []
    prepared = {
        **document,
        "records": [_prepared(rule, n, faults) for n, rule in enumerate(_list(document, "records"))],
    }
    try:
        mapping = Mapping.model_validate(prepared)
    except ValidationError as error:
        faults += [_fault(fault) for fault in error.errors()]
        raise BadMapping(_listed(where, faults)) from None
    faults += [fault for n, rule in enumerate(mapping.records) for fault in _field_faults(rule, n)]
    if faults:
        raise BadMapping(_listed(where, faults))
    return mapping


def check_columns(mapping: Mapping | LearningMapping, header: Sequence[str], where: str) -> None:
    """BadMapping unless the file has every column that the mapping names."""
    faults = [
        f"{at}: expected a column of {where}, got {name!r}{nearest(name, header)}"
        for name, at in mapping.columns()
        if name not in header
    ]
    if faults:
        raise BadMapping(_listed("mapping", faults) + f"\nColumns: {', '.join(header)}")


def leaves(fields: dict[str, Any], path: str = "") -> Iterable[tuple[str, FieldRule]]:
    """Every (path, rule) of nested fields."""
    for name, spec in fields.items():
        at = f"{path}.{name}" if path else name
        if isinstance(spec, dict):
            yield from leaves(spec, at)
        else:
            yield at, spec


def instant(text: str, pattern: str, zone: ZoneInfo) -> int:
    """The time in a text, ms UTC; `zone` is that of a text without an offset. ValueError: another format."""
    if pattern in EPOCH_MS:
        return int(float(text) * EPOCH_MS[pattern])
    at = datetime.fromisoformat(text) if pattern == "iso" else datetime.strptime(text, pattern)  # noqa: DTZ007
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    return round(at.astimezone(UTC).timestamp() * 1000)


def _reads(spec: FieldRule) -> tuple[str, ...]:
    return spec.reads()


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _prepared(rule: Any, number: int, faults: list[str]) -> Any:
    """The record rule with `fields` turned into FieldRules: a text names a column, a nested map a nested record."""
    if not isinstance(rule, dict) or not isinstance(rule.get("fields"), dict):
        return rule
    at = f"records[{number}].fields"
    return {**rule, "fields": {name: _spec(spec, f"{at}.{name}", faults) for name, spec in rule["fields"].items()}}


def _spec(spec: Any, at: str, faults: list[str]) -> Any:
    if isinstance(spec, str):
        return FieldRule(column=spec)
    if isinstance(spec, dict) and not set(spec) & set(FieldRule.model_fields):
        return {name: _spec(inner, f"{at}.{name}", faults) for name, inner in spec.items()}
    try:
        return FieldRule.model_validate(spec)
    except ValidationError as error:
        faults += [f"{at}{_path(fault['loc'], start='.')}: {_text(fault)}" for fault in error.errors()]
        return FieldRule(value=None)


def _field_faults(rule: RecordRule, number: int) -> list[str]:
    at = f"records[{number}] ({rule.record})"
    known = {field.encode_name: field for field in msgspec.structs.fields(RECORD[rule.record])}
    faults = [f"{at}.fields.{name}: set by the feed itself, leave it out" for name in rule.fields if name in COMMON]
    faults += [
        f"{at}.fields.{name}: expected a field of {rule.record}{nearest(name, known)}"
        for name in rule.fields
        if name not in known
    ]
    faults += [
        f"{at}.fields: {name} is missing, {rule.record} needs it"
        for name, field in known.items()
        if field.required and name not in COMMON and name not in rule.fields
    ]
    return faults


def _fault(fault: Any) -> str:
    return f"{_path(fault['loc']) or 'at the top'}: {_text(fault)}"


def _path(loc: tuple[int | str, ...], start: str = "") -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text if start else text.removeprefix(".")


def _text(fault: Any) -> str:
    text = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"nobody knows {fault['loc'][-1]!r} here"
    got = fault.get("input")
    if isinstance(got, bool) and fault["type"] == "string_type":
        return "expected a text; YAML takes an unquoted yes, no, on or off for a truth value: quote it"
    return text if isinstance(got, dict | list | BaseModel) else f"{text}, got {got!r}"


def _listed(where: str, faults: list[str]) -> str:
    return f"{where} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:\n" + "\n".join(f"  - {f}" for f in faults)
