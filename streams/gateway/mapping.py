"""From one item of a platform to records of the lanes' topics, by rules that are data.

Law of this module: a rule that loads can only fail on single values. A record that comes out is valid as the lane would
check it; an item that a rule takes and cannot map is a fault with the rule's name, never half a set of records.

Next: streams/gateway/receive.py
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from msgspec import inspect
from pydantic import Field, ValidationError

from streams.core.events import RECORD, Event
from streams.gateway.fields import FieldRule, Scalar, compiled, is_rule
from streams.gateway.paths import Arrived, Getter, arrived, getter
from streams.gateway.platform import Item
from streams.gateway.values import BadValue, text_of
from streams.lane.unreadable import UnreadableRecord, invalid
from streams.lane.wire import Wire
from streams.nearest import nearest
from streams.rule_parts import Part
from streams.topics import INPUTS

if TYPE_CHECKING:
    from streams.gateway.config import SourceConfig

OURS = ("event_id", "source")  # set by the gateway
SELF_MADE = ("lead_id", "occurred_at")  # stated by the source, or taken from the item
ID_LIMIT = 200
RECORD_OF = {topic.name: str(topic.record) for topic in INPUTS if topic.record}


class Test(Part):
    """More than equality. An empty text is not present: platforms write one when a value is cleared."""

    __test__ = False  # no test of pytest's

    present: bool | None = None
    not_in: tuple[Scalar, ...] = ()


Condition = Scalar | tuple[Scalar, ...] | Test


class RuleConfig(Part):
    """What an item becomes. Every rule whose `when` holds makes one record.

    when:   `kind` or a path (`data.a.b`, `data.list.0`) -> a value, a list of values one of which it must be,
            `{present: true}` or `{not_in: [...]}`.
    fields: name of the record's field -> path, rule (`{path: ..., map: ...}`), `{const: ...}` or nested fields.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]  # part of event_id: renaming makes new ids
    when: Mapping[str, Condition]
    topic: str
    fields: Mapping[str, Any] = {}


class Mapped(NamedTuple):
    """What became of one item. No events and no faults: no rule took it."""

    events: tuple[tuple[str, Event], ...] = ()  # (topic, event), event_id = "<source>:<item id>:<rule>"
    faults: tuple[str, ...] = ()  # by rule, in words; with one of them there are no events


class BadRules(ValueError):
    """Rules that are wrong: every fault, each with its rule."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class _Rule(NamedTuple):
    name: str
    topic: str
    record: type[Event]
    holds: Callable[[Arrived], bool]
    values: tuple[tuple[str, Getter], ...]


class Mapper:
    """The rules of one source. Raises BadRules with every fault."""

    def __init__(self, source: SourceConfig) -> None:
        faults: list[str] = []
        self._source = source.name
        rules = [_compiled(rule, source, faults) for rule in source.rules]
        names = [rule.name for rule in source.rules]
        faults += [
            f"rule {name}: expected a name of its own" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        if faults:
            raise BadRules(faults)
        self._rules = [rule for rule in rules if rule is not None]
        self._by_kind: dict[str, tuple[_Rule, ...]] = {}

    @property
    def topics(self) -> frozenset[str]:
        """Where records may go."""
        return frozenset(rule.topic for rule in self._rules)

    def map(self, item: Item, received_at: int) -> Mapped:
        """The records that an item becomes."""
        whole = arrived(item, received_at)
        events: list[tuple[str, Event]] = []
        faults: list[str] = []
        for rule in self._rules:
            if rule.holds(whole):
                try:
                    events.append((rule.topic, self._event(rule, whole)))
                except BadValue as error:
                    faults.append(f"rule {rule.name}: {error}")
                except UnreadableRecord as error:
                    faults.append(f"rule {rule.name}: {error.what}")
        return Mapped((), tuple(faults)) if faults else Mapped(tuple(events))

    def _event(self, rule: _Rule, item: Arrived) -> Event:
        datum: dict[str, Any] = {
            "event_id": event_id(self._source, item.id, rule.name),
            "source": self._source,
            "occurred_at": item.received_at if item.at is None else item.at,
        }
        for name, get in rule.values:
            value = get(item)
            if value is not None:
                datum[name] = value
        try:
            event = msgspec.convert(datum, rule.record)
        except msgspec.ValidationError as error:
            raise invalid(datum, rule.record, error) from None
        Wire.check(event, event.lead_id.encode(), item.received_at)
        return event


def event_id(source: str, item_id: str, rule: str) -> str:
    """The same at every retry. An item's id that is too long stands as its hash."""
    made = f"{source}:{item_id}:{rule}"
    if len(made) <= ID_LIMIT:
        return made
    return f"{source}:{hashlib.sha256(item_id.encode()).hexdigest()[:40]}:{rule}"


# --- from configuration to functions ----------------------------------------------------------------------------------


def _compiled(rule: RuleConfig, source: SourceConfig, faults: list[str]) -> _Rule | None:
    where = f"rule {rule.name}"
    found: list[str] = []
    record = RECORD.get(RECORD_OF.get(rule.topic, ""))
    if record is None:
        faults.append(f"{where}: topic is {rule.topic!r}, expected one of {', '.join(RECORD_OF)}")
        return None
    specs = dict(rule.fields)
    if "lead_id" not in specs and source.lead_id is not None:
        specs["lead_id"] = source.lead_id
    values = tuple(_values(specs, record, "", found))
    found += [f"fields.{name}: is set by the gateway, leave it out" for name in OURS if name in specs]
    found += _missing(specs, record)
    holds = _holding(rule.when, found)
    faults += [f"{where}: {fault}" for fault in found]
    return None if found else _Rule(rule.name, rule.topic, record, holds, values)


def _missing(specs: Mapping[str, Any], record: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(record):
        if field.required and field.name not in specs and field.name not in (*OURS, "occurred_at"):
            hint = ", or lead_id of the source" if field.name == "lead_id" else ""
            yield f"fields: {field.name} is missing, expected it in a {record.__name__}{hint}"


def _values(specs: Mapping[str, Any], record: type, at: str, faults: list[str]) -> Iterator[tuple[str, Getter]]:
    kinds = {field.name: field.type for field in inspect.type_info(record).fields}  # type: ignore[attr-defined]
    for name, spec in specs.items():
        place = f"{at}{name}"
        if name not in kinds:
            faults.append(f"fields.{place}: expected a field of {record.__name__}{nearest(name, kinds)}")
        elif (get := _value(spec, kinds[name], place, faults)) is not None:
            yield name, get


def _value(spec: Any, kind: inspect.Type, place: str, faults: list[str]) -> Getter | None:
    try:
        if isinstance(spec, str):
            return compiled(FieldRule(path=spec), kind, place)
        if is_rule(spec):
            return compiled(FieldRule.model_validate(spec), kind, place)
    except ValidationError as error:
        faults += [f"fields.{place}{_inside(fault)}" for fault in error.errors()]
        return None
    except ValueError as error:
        faults.append(f"fields.{place}: {error}")
        return None
    if isinstance(spec, dict):
        return _nested(spec, kind, place, faults)
    faults.append(f"fields.{place}: expected a path, a rule or nested fields, got {spec!r}")
    return None


def _nested(specs: dict[str, Any], kind: inspect.Type, place: str, faults: list[str]) -> Getter | None:
    """A record within the record, or a table of texts."""
    inner = next((part for part in _parts(kind) if isinstance(part, inspect.StructType | inspect.DictType)), None)
    if inner is None:
        faults.append(f"fields.{place}: expected a path or a rule, got nested fields ({', '.join(map(str, specs))})")
        return None
    if isinstance(inner, inspect.StructType):
        values = tuple(_values(specs, inner.cls, f"{place}.", faults))
    else:
        found = [(str(name), _value(spec, inner.value_type, f"{place}.{name}", faults)) for name, spec in specs.items()]
        values = tuple((name, get) for name, get in found if get is not None)
    return lambda item: {name: value for name, get in values if (value := get(item)) is not None} or None


def _parts(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _holding(when: Mapping[str, Condition], faults: list[str]) -> Callable[[Arrived], bool]:
    tests: list[Callable[[Arrived], bool]] = []
    for path, condition in when.items():
        try:
            get = getter(path)
        except ValueError as error:
            faults.append(f"when: {error}")
            continue
        tests.append(_tested(get, condition))
    if not when:
        faults.append("when: expected at least `kind`, got nothing")
    return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)


def _tested(get: Getter, condition: Condition) -> Callable[[Arrived], bool]:
    if isinstance(condition, Test):
        unwanted = frozenset(map(_plain, condition.not_in))
        present = condition.present

        def test(item: Arrived) -> bool:
            value = _plain(get(item))
            return value not in unwanted and (present is None or (value not in (None, "")) is present)

        return test
    wanted = frozenset(map(_plain, condition if isinstance(condition, tuple) else (condition,)))
    return lambda item: _plain(get(item)) in wanted


def _plain(value: Any) -> str | None:
    """What conditions compare; None is "not stated", a list or a table is never equal to anything."""
    if value.__class__ is str:
        return str(value)
    if value is None:
        return None
    return text_of(value) if isinstance(value, bool | int | float) else "\0"


def _inside(fault: Any) -> str:
    """Where in the rule, and what was expected: `.scale.to: expected ..., got ...`."""
    path = "".join(f".{part}" for part in fault["loc"])
    text = str(fault["msg"]).removeprefix("Value error, ")
    got = "" if fault["type"] in ("value_error", "missing") else f", got {fault['input']!r}"
    return f"{path}: {text}{got}"
