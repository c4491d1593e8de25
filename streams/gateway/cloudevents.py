"""CloudEvents 1.0 over HTTP: binary, structured and batched, with the handshake of the web hook specification.

Law of this module: an event is what the CloudEvents specification says, or it is left over with the attribute that is
missing; `source` and `id` together make it unique, as the specification has it.

The kind of an item is the event's type; its data is the event's data, with the attributes (subject, source ...) under
`cloudevent`. `leadlane.ReplySignal` and its like carry a record's JSON: deploy/gateway/cloudevents.yaml takes them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import unquote

import msgspec

from streams.gateway.config import SourceConfig
from streams.gateway.payloads import id_from, json_from, millis_from
from streams.gateway.platform import (
    Answer,
    BadRequest,
    Incoming,
    Item,
    Options,
    Reading,
    Unmappable,
    options_of,
)
from streams.gateway.signing import Auth, check_of

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
NEEDED = ("specversion", "id", "source", "type")
VERSION = "1.0"
PREFIX = "ce-"


class CloudEventsOptions(Options):
    """`allowed_origins` answers the handshake (OPTIONS) of senders that ask before they send; "*" is every one."""

    auth: Auth
    allowed_origins: tuple[str, ...] = ()
    allowed_rate: str = "*"  # requests per minute that the handshake grants


class CloudEvents:
    """Kinds: the events' types."""

    methods = frozenset({"POST", "PUT", "OPTIONS"})

    def __init__(self, options: CloudEventsOptions) -> None:
        self._options, self._check = options, check_of(options.auth)

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(options_of(source, CloudEventsOptions))

    def authenticate(self, incoming: Incoming) -> None:
        """The handshake asks without a secret: it only says who wants to send."""
        if incoming.method != "OPTIONS":
            self._check(incoming)

    def read(self, incoming: Incoming) -> Reading:
        if incoming.method == "OPTIONS":
            return Reading((), answer=self._handshake(incoming.headers))
        items: list[Item] = []
        left: list[Unmappable] = []
        events = _events(incoming)
        for event in events:
            try:
                items.append(_item(event))
            except _NoEvent as fault:
                left.append(Unmappable(incoming.body if len(events) == 1 else msgspec.json.encode(event), str(fault)))
        return Reading(tuple(items), tuple(left))

    def _handshake(self, headers: Mapping[str, str]) -> Answer:
        origin = headers.get("webhook-request-origin", "")
        allowed = self._options.allowed_origins
        if not origin or not origin.isprintable() or not ("*" in allowed or origin in allowed):
            return Answer(403, b"this origin may not send here: see allowed_origins of the source\n")
        granted = (
            ("Allow", "POST, PUT, OPTIONS"),
            ("WebHook-Allowed-Origin", origin),
            ("WebHook-Allowed-Rate", self._options.allowed_rate),
        )
        return Answer(200, headers=granted)


class _NoEvent(ValueError):
    """What came is no CloudEvent."""


def _events(incoming: Incoming) -> list[Any]:
    kind = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        events = json_from(incoming.body)
        if not isinstance(events, list):
            raise BadRequest(f"the body is no list, expected one of events, as Content-Type says {BATCH}")
        return events
    if kind == STRUCTURED:
        return [json_from(incoming.body)]
    if kind.startswith("application/cloudevents"):
        raise BadRequest(f"Content-Type is {kind[:100]}, expected {STRUCTURED}, {BATCH}, or ce- headers (binary mode)")
    return [_binary(incoming, kind)]


def _binary(incoming: Incoming, kind: str) -> dict[str, Any]:
    """Attributes from the headers, the body is the data; what is not JSON is kept as no data to map."""
    event: dict[str, Any] = {
        name.lower().removeprefix(PREFIX): _header(name, value)
        for name, value in incoming.headers.items()
        if name.lower().startswith(PREFIX)
    }
    if not event:
        raise BadRequest(f"Content-Type is {kind[:100]!r} and there are no ce- headers, expected a CloudEvent")
    event.pop("data", None)
    event.pop("data_base64", None)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        return {**event, "unread": f"Content-Type of the data is {kind[:100]}, expected application/json"}
    return {**event, "data": json_from(incoming.body)} if incoming.body else event


def _header(name: str, value: str) -> str:
    """A header's value as the HTTP binding has it: perhaps quoted, as older versions did, then percent-encoded."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest(f"the header {name} is no percent-encoded UTF-8, expected that") from None


def _item(event: Any) -> Item:
    if not isinstance(event, dict):
        raise _NoEvent("it is no object, expected a CloudEvent")
    for name in NEEDED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise _NoEvent(f"the attribute {name} is missing, expected a text that is not empty")
    if event["specversion"] != VERSION:
        raise _NoEvent(f"specversion is {event['specversion'][:20]}, expected {VERSION}")
    at = None
    if (stated := event.get("time")) is not None and (at := millis_from(stated)) is None:
        raise _NoEvent("the attribute time is no time, expected RFC 3339 such as 2026-03-01T09:00:00Z, or none")
    if "unread" in event:
        raise _NoEvent(event["unread"])
    return Item(event["type"], id_from(event["source"], event["id"]), at, _data(event))


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's data, with its attributes under `cloudevent`; data that is no object lies under `data`."""
    data = event.get("data")
    if event.get("data_base64") is not None:
        try:
            data = json_from(base64.b64decode(event["data_base64"], validate=True))
        except (binascii.Error, ValueError, TypeError, BadRequest):
            raise _NoEvent("data_base64 is not the base64 of JSON, expected that") from None
    attributes = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    return {**(data if isinstance(data, dict) else {"data": data}), "cloudevent": attributes}
