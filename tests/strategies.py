"""Hypothesis strategies: any valid record, drawn from the records' own types, and whole histories of one lead.

`records(LeadProfile)` draws anything that the type allows. `events(...)` draws what one lead's sources could send.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from streams.core.events import RECORD, ErasureRequest, Event
from streams.topics import INPUTS
from tests.factories import DAY, LEAD, T0

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

TOPIC_OF = {cast(str, topic.record): topic.name for topic in INPUTS}
TEXT_SIZE = 24
LIST_SIZE = 3
SMALL = {"partition", "lane", "version", "severity", "escalation"}  # 32 bits in Avro, without a range of their own


INT32 = st.integers(-(2**31), 2**31 - 1)


def records(record: type[RecordT], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[RecordT]:
    """Any value of a record's type, its ranges and closed lists respected; `fields` replaces a field's strategy."""
    info = inspect.type_info(record)
    assert isinstance(info, inspect.StructType)
    small = dict.fromkeys(SMALL & {field.name for field in info.fields if field.type == inspect.IntType()}, INT32)
    drawn = {field.name: _of(field.type) for field in info.fields} | small | fields
    return st.builds(record, **drawn)


def events(
    record: type[Event] | None = None, lead_id: str = LEAD, start: int = T0, days: int = 30, ids: int = 1_000_000
) -> st.SearchStrategy[Event]:
    """An event of one lead within `days` after `start`, but none that ends it. Few `ids` make repeats likely."""
    common = {
        "event_id": st.integers(0, ids - 1).map("e{}".format),
        "lead_id": st.just(lead_id),
        "occurred_at": st.integers(start, start + days * DAY),
        "source": st.sampled_from(("crm", "map", "mail", "vendor", "desk")),
    }
    kinds = [record] if record else [kind for kind in RECORD.values() if kind is not ErasureRequest]
    return st.one_of([records(kind, **common) for kind in kinds])


def topic_events(lead_id: str = LEAD, **options: Any) -> st.SearchStrategy[tuple[str, Event]]:
    """(topic, event): what a lane reads of one lead."""
    return events(lead_id=lead_id, **options).map(lambda event: (TOPIC_OF[type(event).__name__], event))


def histories(
    lead_id: str = LEAD, min_size: int = 1, max_size: int = 12, **options: Any
) -> st.SearchStrategy[list[tuple[str, Event]]]:
    """Several events of one lead as (topic, event), every event_id once, in no particular order of time."""
    return st.lists(
        topic_events(lead_id, **options),
        min_size=min_size,
        max_size=max_size,
        unique_by=lambda pair: (pair[1].source, pair[1].event_id),
    )


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StrType():
            return _text(kind)
        case inspect.IntType():
            low, high = kind.ge, kind.le
            return st.integers(-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
        case inspect.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False).map(_plain)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.BytesType():
            return st.binary(max_size=TEXT_SIZE)
        case inspect.LiteralType():
            return st.sampled_from(sorted(kind.values, key=str))
        case inspect.UnionType():
            return st.one_of([_of(part) for part in kind.types])
        case inspect.VarTupleType() | inspect.ListType():
            items = st.lists(_of(kind.item_type), max_size=LIST_SIZE)
            return items.map(tuple) if isinstance(kind, inspect.VarTupleType) else items
        case inspect.DictType():
            return st.dictionaries(_of(kind.key_type), _of(kind.value_type), max_size=LIST_SIZE)
        case inspect.StructType():
            return records(kind.cls)
        case _:
            raise NotImplementedError(f"no strategy for {kind}")


def _text(kind: inspect.StrType) -> st.SearchStrategy[str]:
    if kind.pattern:
        return st.from_regex(kind.pattern, fullmatch=True)
    alphabet = st.characters(exclude_categories=["Cs"])
    return st.text(alphabet, min_size=kind.min_length or 0, max_size=min(kind.max_length or TEXT_SIZE, TEXT_SIZE))


def _plain(value: float) -> float:
    return value + 0.0  # -0.0 and 0.0 are one value
