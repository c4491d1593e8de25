"""Segment and RudderStack: identify, track, page and their like, one or many in a request.

What surprises (Segment's "Webhooks" pages): samples come without messageId, which is then made of the content;
amounts are texts ("39.95"); a call may know only an anonymousId; `delete` says that the person is to be forgotten.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec

from streams.gateway.config import SourceConfig
from streams.gateway.payloads import digest_of, id_from, json_from, millis_from, text_at
from streams.gateway.platform import BadRequest, Incoming, Item, Options, Reading, Unmappable, options_of
from streams.gateway.signing import Auth, check_of

CALLS = frozenset({"identify", "track", "page", "screen", "group", "alias", "delete"})
TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")  # the first that is stated: when it happened


class SegmentOptions(Options):
    """Segment signs with HMAC-SHA1 in X-Signature; RudderStack sends basic auth, a bearer token or a header."""

    auth: Auth


class Segment:
    """Calls in the spec that Segment and RudderStack share. Kinds: the call's type."""

    methods = frozenset({"POST", "PUT"})

    def __init__(self, options: SegmentOptions) -> None:
        self._check = check_of(options.auth)

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(options_of(source, SegmentOptions))

    def authenticate(self, incoming: Incoming) -> None:
        self._check(incoming)

    def read(self, incoming: Incoming) -> Reading:
        items: list[Item] = []
        left: list[Unmappable] = []
        calls = _calls(json_from(incoming.body))
        for call in calls:
            content = msgspec.json.encode(call)
            if not isinstance(call, dict) or text_at(call, "type") not in CALLS:
                original = incoming.body if len(calls) == 1 else content
                left.append(Unmappable(original, f"type is no call, expected one of {', '.join(sorted(CALLS))}"))
                continue
            identity = text_at(call, "messageId") or digest_of(content)
            at = next((at for name in TIMES if (at := millis_from(call.get(name))) is not None), None)
            items.append(Item(text_at(call, "type"), id_from(identity), at, call))
        return Reading(tuple(items), tuple(left))


def _calls(body: Any) -> list[Any]:
    """One call, a list of them, or the HTTP API's `{"batch": [...]}`."""
    if isinstance(body, dict) and isinstance(body.get("batch"), list):
        return list(body["batch"])
    if isinstance(body, list):
        return body
    if isinstance(body, dict):
        return [body]
    raise BadRequest("the body is neither an object nor a list, expected calls such as identify and track")
