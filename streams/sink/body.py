"""What a webhook gets to read: the record as JSON with times in ISO 8601, alone or as a structured CloudEvent.

Law of this module: the body is made of the record and its headers alone, so that every try, and a redrive weeks later,
sends the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec

from streams.lane.processor import Headers
from streams.lane.registry import shipped
from streams.lane.wire import Record, time_text
from streams.topics import TOPIC

CONTENT_TYPE = {
    "cloudevents": "application/cloudevents+json; charset=utf-8",
    "record": "application/json; charset=utf-8",
}
EPOCH = date(1970, 1, 1)
Times = Mapping[str, Any]  # field -> "timestamp-millis", "date", or Times of what is in it

_times: dict[str, Times] = {}


def body_of(form: Literal["cloudevents", "record"], topic: str, record: Record, headers: Headers) -> bytes:
    """The bytes to send. Raises ValueError or OverflowError for a time that no calendar has."""
    data = as_json(topic, record)
    if form == "record":
        return msgspec.json.encode(data)
    event = cloud_event(headers)
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            **{name: event[name] for name in ("id", "source", "type", "time") if name in event},
            "subject": data["lead_id"],
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def as_json(topic: str, record: Record) -> dict[str, Any]:
    """The fields of a record as JSON has them."""
    name = str(TOPIC[topic].record)
    times = _times.get(name)
    if times is None:
        times = _times[name] = _times_in(shipped()[name][-1].document)
    data: dict[str, Any] = msgspec.to_builtins(record)
    _write_times(data, times)
    return data


def cloud_event(headers: Headers) -> dict[str, str]:
    """The CloudEvents attributes that stand in a record's headers."""
    return {
        name[3:]: value.decode(errors="replace")
        for name, value in headers
        if name.startswith("ce_") and value is not None
    }


def _times_in(schema: Any) -> dict[str, Any]:
    """The fields of a record's schema that are times, and those that hold some."""
    found = {}
    for field in schema["fields"]:
        if inner := _times_of(field["type"]):
            found[field["name"]] = inner
    return found


def _times_of(kind: Any) -> Any:
    if isinstance(kind, list):
        return next(filter(None, map(_times_of, kind)), None)
    if not isinstance(kind, dict):
        return None
    if kind.get("logicalType") in ("timestamp-millis", "date"):
        return kind["logicalType"]
    if kind["type"] == "record":
        return _times_in(kind)
    if kind["type"] == "array":
        return _times_of(kind["items"])
    return None  # maps hold no times: as their values would have no names


def _write_times(data: dict[str, Any], times: Times) -> None:
    for name, kind in times.items():
        value = data.get(name)
        if value is None:
            continue
        if isinstance(kind, str):
            data[name] = _written(value, kind)
        elif isinstance(value, Sequence):
            for each in value:
                _write_times(each, kind)
        else:
            _write_times(value, kind)


def _written(value: int, kind: str) -> str:
    if kind == "date":
        return (EPOCH + timedelta(days=value)).isoformat()
    datetime.fromtimestamp(value / 1000, UTC)  # raises for what no calendar has, whatever the platform
    return time_text(value)
