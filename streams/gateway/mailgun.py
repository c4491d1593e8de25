"""Mailgun: mails that a route forwards, and event webhooks.

What surprises (Mailgun's user manual and Events API): the signature covers a timestamp and a token, not the body; an
event's id is unique within a day only; a webhook is repeated for 8 hours unless the answer is 200 or 406; times are
seconds with a fraction; a mail of no attachment comes URL-encoded, one with some as multipart.

Kinds: `inbound` (streams/gateway/mails.py), and the events' own: delivered, failed, opened, clicked, complained ...
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec
from pydantic import Field

from streams.gateway.config import SourceConfig
from streams.gateway.leads import Ways, finder
from streams.gateway.mails import INBOUND, UnreadableMail, from_parts, from_raw, identity_of, plain_text
from streams.gateway.paths import Arrived
from streams.gateway.payloads import (
    at_path,
    digest_of,
    form_from,
    id_from,
    json_from,
    millis_from,
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
from streams.gateway.signing import Secrets, check_age, same

RETRIED_SECONDS = 8 * 3600
DAY_MS = 86_400_000
TOKENS_KEPT = 20_000


class MailgunOptions(Options):
    """`signing_keys`: the webhook signing key (Control Panel, API security); of several each is taken."""

    signing_keys: Secrets
    leads: Ways = ()
    max_age_seconds: Annotated[int, Field(gt=0)] = RETRIED_SECONDS + 3600  # a repeat may bear its first timestamp


class Mailgun:
    """Routes and webhooks may share one URL: the body tells them apart."""

    methods = frozenset({"POST"})

    def __init__(self, options: MailgunOptions) -> None:
        self._keys = [secret.read().encode() for secret in options.signing_keys]
        self._max_age, self._find = options.max_age_seconds, finder(options.leads)
        self._used: OrderedDict[str, bytes] = OrderedDict()

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(options_of(source, MailgunOptions))

    def authenticate(self, incoming: Incoming) -> None:
        """The signature is genuine, young, and its token is used for this body alone: it does not sign the body."""
        stamp, token, signature = _signature(incoming)
        signed = f"{stamp}{token}".encode("utf-8", "surrogatepass")
        genuine = [same(signature.lower(), hmac.digest(key, signed, "sha256").hex()) for key in self._keys]
        if not stamp or not token or True not in genuine:
            raise Unauthorized(
                "signature is not HMAC-SHA256 of timestamp and token, expected that with the signing key"
            )
        check_age(millis_from(stamp), incoming.received_at, self._max_age, "timestamp")
        content = hashlib.sha256(incoming.body).digest()
        if self._used.setdefault(token, content) != content:
            raise Unauthorized("token was used for another body, expected a new one: somebody may repeat a signature")
        if len(self._used) > TOKENS_KEPT:
            self._used.popitem(last=False)

    def read(self, incoming: Incoming) -> Reading:
        if _is_json(incoming.headers):
            body = json_from(incoming.body)
            if isinstance(body, dict) and "event-data" not in body and text_at(body, "recipient"):
                return self._inbound({name: value.encode() for name, value in _texts(body)}, incoming)
            return self._event(_event_of(body), incoming)
        return self._inbound(form_from(incoming.headers, incoming.body), incoming)

    def _event(self, event: dict[str, Any], incoming: Incoming) -> Reading:
        at = millis_from(event.get("timestamp"))
        day = str((incoming.received_at if at is None else at) // DAY_MS)
        identity = id_from(text_at(event, "id") or digest_of(msgspec.json.encode(event)), day)
        return Reading((self._item(text_at(event, "event"), identity, at, event, incoming.received_at),))

    def _inbound(self, form: Mapping[str, bytes], incoming: Incoming) -> Reading:
        """A mail, forwarded as a form or stored and told of (`store(notify=...)`), which may be JSON."""
        try:
            data = _mail(form)
        except UnreadableMail as fault:
            return Reading((), (Unmappable(incoming.body, str(fault)),))
        at = millis_from(text_from(form.get("timestamp")))
        return Reading((self._item(INBOUND, identity_of(data), at, data, incoming.received_at),))

    def _item(self, kind: str, identity: str, at: int | None, data: dict[str, Any], now: int) -> Item:
        return Item(kind, identity, at, {**data, "lead": self._find(Arrived(kind, identity, at, data, now))})


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


PROOF = ("timestamp", "token", "signature")


def _signature(incoming: Incoming) -> tuple[str, str, str]:
    """Beside event-data they lie under `signature`, with a mail among its fields."""
    try:
        if _is_json(incoming.headers):
            body = json_from(incoming.body)
            part = at_path(body, "signature")
            stamp, token, signature = (text_at(part if isinstance(part, dict) else body, name) for name in PROOF)
        else:
            form = form_from(incoming.headers, incoming.body)
            stamp, token, signature = (text_from(form.get(name)) for name in PROOF)
    except BadRequest:
        raise Unauthorized(f"the body cannot be read, expected JSON or a form with {', '.join(PROOF)}") from None
    return stamp, token, signature


def _texts(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a mail in JSON; what is a list there is JSON in a form."""
    fields = (
        (name, value if isinstance(value, str) else msgspec.json.encode(value).decode()) for name, value in body.items()
    )
    return [(name, value.encode("utf-8", "replace").decode()) for name, value in fields]


def _event_of(body: Any) -> dict[str, Any]:
    event = body.get("event-data") if isinstance(body, dict) else None
    if not isinstance(event, dict) or not text_at(event, "event"):
        raise BadRequest("the body has no event-data with an event, expected a webhook of Mailgun")
    return event


def _mail(form: Mapping[str, bytes]) -> dict[str, Any]:
    recipient = text_from(form.get("recipient"))
    if raw := form.get("body-mime"):
        return from_raw(raw, recipient)
    text = plain_text(text_from(form.get("body-plain")), text_from(form.get("body-html")))
    return from_parts(_headers(form), text_from(form.get("subject")), text, recipient)


def _headers(form: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """message-headers is a JSON list of pairs; without it the fields that every forwarded mail has."""
    try:
        pairs = msgspec.json.decode(form.get("message-headers", b""), type=list[tuple[str, str]])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pairs = []
    if pairs:
        return pairs
    names = {
        "from": "From",
        "Message-Id": "Message-Id",
        "In-Reply-To": "In-Reply-To",
        "References": "References",
        "To": "To",
    }
    return [(header, text_from(form[name])) for name, header in names.items() if name in form]
