"""SendGrid: Inbound Parse and the signed Event Webhook.

What surprises (Twilio SendGrid's documentation): the signature covers the raw bytes with their last line end; a mail's
parts come in the charsets that the field `charsets` names; `bounce` of type `blocked` is a temporary refusal; custom
arguments lie beside SendGrid's own fields; the documentation's own example gives eleven events one sg_event_id; times
are seconds.

Kinds: `inbound` (streams/gateway/mails.py), and the events' own: processed, delivered, bounce, open, click ...
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import BeforeValidator, Field, model_validator

from streams.gateway.config import SourceConfig
from streams.gateway.leads import Ways, finder
from streams.gateway.mails import INBOUND, UnreadableMail, from_parts, from_raw, identity_of, plain_text
from streams.gateway.paths import Arrived
from streams.gateway.payloads import (
    digest_of,
    form_from,
    id_from,
    json_from,
    millis_from,
    objects_from,
    text_at,
    text_from,
)
from streams.gateway.platform import (
    BadRequest,
    Incoming,
    Item,
    Options,
    Reading,
    Unauthorized,
    Unmappable,
    options_of,
)
from streams.gateway.signing import Auth, check_age, check_of, from_base64

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
RETRIED_SECONDS = 24 * 3600


def _key(value: Any) -> Any:
    """SendGrid shows the key as base64 of DER; lines of PEM around it do not hurt."""
    if not isinstance(value, str):
        return value
    lines = [line.strip() for line in value.splitlines() if "-----" not in line]
    try:
        key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise ValueError("expected the verification key that SendGrid shows: base64 that begins with MFkw") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("expected an elliptic curve key, as SendGrid makes them")
    return key


class SendGridOptions(Options):
    """Either is needed, each that is stated must pass. A verification key is public: it stands in the file."""

    verification_keys: tuple[Annotated[Any, BeforeValidator(_key)], ...] = ()
    auth: Auth | None = None  # Inbound Parse without a security policy: basic auth in the URL
    leads: Ways = ()
    max_age_seconds: Annotated[int, Field(gt=0)] = RETRIED_SECONDS + 3600

    @model_validator(mode="after")
    def _some(self) -> SendGridOptions:
        if not self.verification_keys and self.auth is None:
            raise ValueError("expected verification_keys or auth: an open door is no source")
        return self


class SendGrid:
    """Inbound Parse and Event Webhook may share one URL: the body tells them apart."""

    methods = frozenset({"POST"})

    def __init__(self, options: SendGridOptions) -> None:
        self._options, self._find = options, finder(options.leads)
        self._check = check_of(options.auth) if options.auth is not None else None

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(options_of(source, SendGridOptions))

    def authenticate(self, incoming: Incoming) -> None:
        if self._check is not None:
            self._check(incoming)
        if self._options.verification_keys:
            self._check_signature(incoming)

    def _check_signature(self, incoming: Incoming) -> None:
        stamp = incoming.headers.get(TIMESTAMP, "")
        signature = from_base64(incoming.headers.get(SIGNATURE, ""))
        signed = stamp.encode("utf-8", "surrogatepass") + incoming.body
        if not any(_verifies(key, signature, signed) for key in self._options.verification_keys):
            raise Unauthorized(f"{SIGNATURE} is not SendGrid's of timestamp and body, expected that of the given keys")
        check_age(millis_from(stamp), incoming.received_at, self._options.max_age_seconds, TIMESTAMP)

    def read(self, incoming: Incoming) -> Reading:
        kind = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            return self._inbound(incoming)
        items: list[Item] = []
        left: list[Unmappable] = []
        events = objects_from(incoming.body)
        for event in events:
            content = msgspec.json.encode(event)
            if not (word := text_at(event, "event")):
                original = incoming.body if len(events) == 1 else content
                left.append(Unmappable(original, "there is no event, expected its name, such as delivered"))
                continue
            identity = id_from(word, text_at(event, "sg_event_id") or digest_of(content), text_at(event, "timestamp"))
            items.append(self._item(word, identity, millis_from(event.get("timestamp")), event, incoming.received_at))
        return Reading(tuple(items), tuple(left))

    def _inbound(self, incoming: Incoming) -> Reading:
        form = form_from(incoming.headers, incoming.body)
        try:
            data = _mail(form)
        except UnreadableMail as fault:
            return Reading((), (Unmappable(incoming.body, str(fault)),))
        return Reading((self._item(INBOUND, identity_of(data), None, data, incoming.received_at),))

    def _item(self, kind: str, identity: str, at: int | None, data: dict[str, Any], now: int) -> Item:
        return Item(kind, identity, at, {**data, "lead": self._find(Arrived(kind, identity, at, data, now))})


def _verifies(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _mail(form: Mapping[str, bytes]) -> dict[str, Any]:
    receivers = _json_field(form, "envelope").get("to")
    recipient = " ".join(map(str, receivers)) if isinstance(receivers, list) else text_from(form.get("to"))
    if raw := form.get("email"):
        return from_raw(raw, recipient)
    charsets = _json_field(form, "charsets")

    def field(name: str) -> str:
        return text_from(form.get(name), str(charsets.get(name) or "utf-8"))

    if not form.get("headers") and not form.get("from"):
        raise BadRequest("the form has neither email nor headers, expected a mail of SendGrid's Inbound Parse")
    headers = _headers(text_from(form.get("headers"))) or [("From", field("from")), ("To", field("to"))]
    return from_parts(headers, field("subject"), plain_text(field("text"), field("html")), recipient)


def _headers(block: str) -> list[tuple[str, str]]:
    """A block of header lines; a line that begins with a space goes on with the one before."""
    pairs: list[list[str]] = []
    for line in block.splitlines()[:1000]:
        if line[:1] in (" ", "\t") and pairs:
            pairs[-1][1] += " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            pairs.append([name, value.strip()])
    return [(name, value) for name, value in pairs]


def _json_field(form: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json_from(form.get(name, b"{}"))
    except BadRequest:
        return {}
    return found if isinstance(found, dict) else {}
