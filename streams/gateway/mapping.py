"""From one item of a platform to records of the lanes' topics, by rules that are data.

Law of this module: a rule that loads can only fail on single values. A record that comes out is valid as the lane would
check it; an item that a rule takes and cannot map is a fault with the rule's name, never half a set of records.

Next: streams/gateway/receive.py
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from streams.core.events import Event

Scalar = str | int | float | bool | None


class RuleConfig(BaseModel):
    """What an item becomes. Every rule whose `when` holds makes one record.

    when:   `kind` or a path (`data.a.b`, `data.list.0`) -> a value or a list of values, one of which it must be.
    fields: name of the record's field -> path, rule (`{path: ..., map: ...}`), `{const: ...}` or nested fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]  # part of event_id: renaming makes new ids
    when: Mapping[str, Scalar | tuple[Scalar, ...]]
    topic: str
    fields: Mapping[str, Any]


class Mapped(NamedTuple):
    """What became of one item. No events and no faults: no rule took it."""

    events: tuple[tuple[str, Event], ...] = ()  # (topic, event), event_id = "<source>:<item id>:<rule>"
    faults: tuple[str, ...] = ()  # by rule, in words; with one of them there are no events
