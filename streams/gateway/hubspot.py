"""HubSpot's webhooks: signed batches of up to 100 notifications, not in order, repeated for days until answered 2xx.

A notification's `eventId` is not unique ("not guaranteed" in HubSpot's words) and `attemptNumber` grows with every
retry: an item's id is made of what says which notification it is and stays the same. Notifications of the generic
kinds (`object.creation` with `objectTypeId`) are named after the object: `object.creation` of 0-1 is one of a contact.

Pages of HubSpot's documentation: "Webhooks" and "Validating requests".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Annotated, Any, Self

import msgspec
from pydantic import Field

from streams.gateway.config import SourceConfig
from streams.gateway.limits import json_of
from streams.gateway.platform import BadRequest, Incoming, Item, Options, Reading, Unauthorized, Unmappable, options_of
from streams.gateway.signing import Secrets, check_age, same

SIGNATURE_V3, TIMESTAMP = "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"
SIGNATURE_V1 = "X-HubSpot-Signature"
# What HubSpot decodes in the URI before it signs it ("Validating requests", table of URL-encoded characters).
DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
ENCODED = re.compile("|".join(DECODED), re.IGNORECASE)
# What names a notification: the first five stand in every one, the others in those of messages and associations.
NAMING = (
    "portalId", "subscriptionId", "eventId", "objectId", "occurredAt", "messageId", "fromObjectId", "toObjectId",
)  # fmt: skip
OBJECTS = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-7": "product", "0-8": "line_item"}


class HubSpotOptions(Options):
    """`secrets`: of the app; two while one is changed. `v1`: also take requests that are signed the old way alone."""

    secrets: Secrets
    v1: bool = False
    max_age_seconds: Annotated[int, Field(ge=1, le=3_600)] = 300


class HubSpot:
    """One app's webhooks."""

    methods = frozenset({"POST"})

    def __init__(self, options: HubSpotOptions) -> None:
        self._keys = [secret.read().encode() for secret in options.secrets]
        self._v1, self._max_age = options.v1, options.max_age_seconds

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(options_of(source, HubSpotOptions))

    def authenticate(self, incoming: Incoming) -> None:
        """Version 3 whenever it is there: a request cannot fall back to the weaker one."""
        signature = incoming.headers.get(SIGNATURE_V3)
        if signature is not None:
            self._check_v3(incoming, signature)
        elif self._v1:
            self._check_v1(incoming)
        else:
            raise Unauthorized(f"{SIGNATURE_V3} is missing, expected the request's signature in it")

    def read(self, incoming: Incoming) -> Reading:
        """A list of notifications, or a single one."""
        found = json_of(incoming.body)
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list):
            raise BadRequest(f"body is {type(found).__name__}, expected a list of notifications")
        items: list[Item] = []
        left: list[Unmappable] = []
        for number, notification in enumerate(found):
            item = _item(notification)
            if item is None:
                left.append(_left(number, notification))
            else:
                items.append(item)
        return Reading(tuple(items), tuple(left))

    def _check_v3(self, incoming: Incoming, signature: str) -> None:
        stamp = incoming.headers.get(TIMESTAMP, "")
        check_age(int(stamp) if stamp.isdecimal() else None, incoming.received_at, self._max_age, TIMESTAMP)
        signed = (incoming.method + signed_uri(incoming.url)).encode() + incoming.body + stamp.encode()
        if not self._one_of(signature, [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in self._keys]):
            raise Unauthorized(f"{SIGNATURE_V3} is not that of the request, expected HMAC-SHA256 with the app's secret")

    def _check_v1(self, incoming: Incoming) -> None:
        signature = incoming.headers.get(SIGNATURE_V1, "")
        digests = [hashlib.sha256(key + incoming.body).hexdigest().encode() for key in self._keys]
        if not self._one_of(signature, digests):
            raise Unauthorized(f"{SIGNATURE_V1} is not that of the body, expected SHA-256 of the app's secret and it")

    @staticmethod
    def _one_of(signature: str, expected: list[bytes]) -> bool:
        """Every one is compared, so that time does not tell which secret is in use."""
        return any([same(signature, each) for each in expected])  # noqa: C419 (a generator would stop at the first)


def signed_uri(url: str) -> str:
    """The URI as HubSpot signs it: some characters decoded, no fragment."""
    url, _, _ = url.partition("#")
    return ENCODED.sub(lambda found: DECODED[found[0].upper()], url) if "%" in url else url


def _item(notification: Any) -> Item | None:
    if not isinstance(notification, dict):
        return None
    # The documentation's example says eventType, what is sent says subscriptionType.
    kind = notification.get("subscriptionType") or notification.get("eventType")
    named = "-".join([str(notification[name]) for name in NAMING if notification.get(name) is not None])
    at = notification.get("occurredAt")
    if not isinstance(kind, str) or not named:
        return None
    of = OBJECTS.get(notification.get("objectTypeId", "")) if kind.startswith("object.") else None
    return Item(of + kind[6:] if of else kind, named, at if type(at) is int else None, notification)


def _left(number: int, notification: Any) -> Unmappable:
    reason = f"notification {number} has no subscriptionType or no {NAMING[2]}, expected one of HubSpot's webhooks"
    return Unmappable(msgspec.json.encode(notification), reason)
