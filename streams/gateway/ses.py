"""Amazon SES through SNS: mails received, bounces, complaints and the events of a configuration set.

What surprises (SES Developer Guide): one bounce names several recipients, each an item here; a complaint may be of the
type `not-spam`, and may name everybody whom the mail went to, as mailbox providers hide who complained; a mail lies in
the notification only with the SNS action (up to 150 KB), in UTF-8 or base64; no order is kept.

Kinds: `inbound` (streams/gateway/mails.py), and the notification's own: Bounce, Complaint, Delivery, Send, Open ...
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Self

from streams.gateway.config import SourceConfig
from streams.gateway.leads import Ways, finder
from streams.gateway.mails import INBOUND, UnreadableMail, from_raw, identity_of
from streams.gateway.paths import Arrived
from streams.gateway.payloads import at_path, id_from, json_from, millis_from, text_at
from streams.gateway.platform import Answer, BadRequest, Incoming, Item, Reading, Unmappable, options_of
from streams.gateway.sns import Sns, SnsOptions, Visit, message_of

# Of each kind: where its part lies, and its list of recipients (objects with emailAddress, or addresses).
PARTS = {
    "Bounce": ("bounce", "bouncedRecipients"),
    "Complaint": ("complaint", "complainedRecipients"),
    "Delivery": ("delivery", "recipients"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
}
MOST_RECIPIENTS = 1000


class SesOptions(SnsOptions):
    """Those of SNS, and how an item finds its lead."""

    leads: Ways = ()


class Ses:
    """Notifications of SES in messages of SNS."""

    methods = frozenset({"POST"})

    def __init__(self, options: SesOptions, visit: Visit | None = None) -> None:
        self._sns, self._find = Sns(options, visit), finder(options.leads)

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(options_of(source, SesOptions))

    def authenticate(self, incoming: Incoming) -> None:
        self._sns.authenticate(incoming)

    def read(self, incoming: Incoming) -> Reading:
        message = message_of(incoming)
        match text_at(message, "Type"):
            case "SubscriptionConfirmation":
                self._sns.confirm(message)
                return Reading((), answer=Answer())
            case "UnsubscribeConfirmation":
                return Reading((), answer=Answer())
        try:
            said = json_from(text_at(message, "Message").encode("utf-8", "surrogatepass"))
        except BadRequest:
            said = None
        if not isinstance(said, dict):
            # SES says so in prose when a topic is configured.
            return Reading(
                (), (Unmappable(incoming.body, "Message is no JSON object, expected a notification of SES"),)
            )
        return self._notification(said, text_at(message, "MessageId"), incoming)

    def _notification(self, said: dict[str, Any], message_id: str, incoming: Incoming) -> Reading:
        kind = text_at(said, "notificationType") or text_at(said, "eventType")
        if not kind or len(kind) > 100:
            fault = "there is neither notificationType nor eventType, expected one of them, such as Bounce"
            return Reading((), (Unmappable(incoming.body, fault),))
        if kind == "Received":
            return self._received(said, incoming)
        part, recipients = _recipients(said, kind)
        at = millis_from(text_at(said, part, "timestamp")) or millis_from(text_at(said, "mail", "timestamp"))
        items = []
        for number, recipient in enumerate(recipients):
            address = recipient if isinstance(recipient, str) else text_at(recipient, "emailAddress")
            data = {**said, "recipient": address.lower(), "detail": recipient if isinstance(recipient, dict) else {}}
            items.append(self._item(kind, id_from(message_id, str(number)), at, data, incoming.received_at))
        return Reading(tuple(items))

    def _received(self, said: dict[str, Any], incoming: Incoming) -> Reading:
        at = millis_from(at_path(said, "receipt", "timestamp"))
        items: list[Item] = []
        try:
            raw = _content(said)
            for recipient in _texts(at_path(said, "receipt", "recipients")) or [""]:
                data = from_raw(raw, recipient)
                items.append(self._item(INBOUND, identity_of(data), at, data, incoming.received_at))
        except (UnreadableMail, ValueError) as fault:
            return Reading((), (Unmappable(incoming.body, str(fault)),))
        return Reading(tuple(items))

    def _item(self, kind: str, identity: str, at: int | None, data: dict[str, Any], now: int) -> Item:
        return Item(kind, identity, at, {**data, "lead": self._find(Arrived(kind, identity, at, data, now))})


def _recipients(said: dict[str, Any], kind: str) -> tuple[str, list[Any]]:
    """The part with the details, and whom it is about: the part's recipients, else everybody whom the mail went to."""
    part, name = PARTS.get(kind, (kind.lower(), ""))
    found = at_path(said, part, name) if name else None
    if not isinstance(found, list) or not found:
        found = at_path(said, "mail", "destination")
    return part, (found if isinstance(found, list) else [])[:MOST_RECIPIENTS] or [""]


def _content(said: dict[str, Any]) -> bytes:
    content = text_at(said, "content")
    if not content:
        raise ValueError("there is no content, expected the mail: receive by an SNS action, not by S3 or Lambda alone")
    if text_at(said, "receipt", "action", "encoding").upper() == "BASE64":
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("content is no base64, expected that, as receipt.action.encoding says") from None
    return content.encode("utf-8", "surrogatepass")


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)][:50] if isinstance(value, list) else []
