"""A mail that somebody wrote, as every mail platform's module gives it: the data of an `inbound` item.

    recipient    the address that it came to           message_id, in_reply_to, references   as in the mail
    from         the sender's address alone            returned   headers of our mail, when this one brings it back
    to           every address it names as receiver    headers, subject, text                for the reply reader

Law of this module: what the reply reader cannot use is left out (relay traces, signatures), and nothing is longer than
a record takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import getaddresses
from typing import Any

from streams.core.reading.mail import MAIL_BYTES, UnreadableMail, parse_mail, text_of_html
from streams.gateway.payloads import digest_of, id_from

INBOUND = "inbound"
TEXT_CHARS = 100_000
HEADERS, HEADER_CHARS, ADDRESS_CHARS = 100, 2_000, 8_000
RETURNED_CHARS = 20_000
RETURNED = re.compile(r"^content-type:\s*(?:message/rfc822|text/rfc822-headers)", re.IGNORECASE | re.MULTILINE)
# Traces of relays and proofs of senders: long, personal, and nothing that a reply says.
TRACES = (
    "received", "x-received", "arc-", "dkim-signature", "domainkey-signature", "x-google-", "x-gm-",
    "x-ms-exchange-antispam", "x-ms-exchange-crosstenant", "x-ms-exchange-transport", "x-microsoft-antispam",
    "x-forefront-antispam", "x-ses-", "x-sg-", "x-mailgun-", "authentication-results", "received-spf",
)  # fmt: skip
RECEIVERS = ("to", "cc", "delivered-to", "x-original-to", "x-forwarded-to", "envelope-to")


def from_raw(raw: bytes, recipient: str) -> dict[str, Any]:
    """The data of a raw mail. UnreadableMail when the bytes are none."""
    parsed = parse_mail(raw)
    data = from_parts(parsed.headers.items(), parsed.subject, parsed.text, recipient)
    return {**data, "returned": _returned(raw) if _is_report(parsed.headers) else ""}


def from_parts(headers: Iterable[tuple[str, str]], subject: str, text: str, recipient: str) -> dict[str, Any]:
    """The data of a mail that the platform has taken apart. Of several headers with one name the last stands."""
    everything = [(name.strip(), " ".join(value.split())) for name, value in headers]
    kept = {
        name[:200]: value[:HEADER_CHARS]
        for name, value in everything
        if name and not name.lower().startswith(TRACES) and name.lower() != "subject"
    }
    lowered = {name.lower(): value for name, value in everything}
    receivers = [value[:ADDRESS_CHARS] for name, value in everything if name.lower() in RECEIVERS]
    return {
        "recipient": recipient.strip()[:ADDRESS_CHARS],
        "from": address_in(lowered.get("from", "")),
        "to": _addresses(receivers),
        "message_id": lowered.get("message-id", "")[:HEADER_CHARS],
        "in_reply_to": lowered.get("in-reply-to", "")[:HEADER_CHARS],
        "references": lowered.get("references", "")[:ADDRESS_CHARS],
        "returned": "",
        "headers": dict(list(kept.items())[:HEADERS]),
        "subject": subject[:HEADER_CHARS],
        "text": text[:TEXT_CHARS],
    }


def identity_of(data: Mapping[str, Any]) -> str:
    """The same for the same mail to the same receiver. Message-IDs are not unique: some programs reuse them."""
    words = f"{data['recipient']}\0{data['subject']}\0{data['text']}"
    return id_from(str(data["message_id"])[:60], digest_of(words.encode("utf-8", "surrogatepass"))[:16])


def plain_text(text: str, html: str) -> str:
    """The text part, else what the HTML part says."""
    return text if text.strip() else text_of_html(html)


def address_in(text: str) -> str:
    """The first bare address in a header's value, in lower case; empty when there is none."""
    return next(iter(_addresses([text[:ADDRESS_CHARS]])), "").lower()


def _addresses(values: list[str]) -> list[str]:
    return [address for _, address in getaddresses(values) if "@" in address][:50]


def _is_report(headers: Mapping[str, str]) -> bool:
    return any(
        name.lower() == "content-type" and "multipart/report" in value.lower() for name, value in headers.items()
    )


def _returned(raw: bytes) -> str:
    """The headers of the mail that a delivery report brings back: there our Message-ID and Reply-To stand."""
    text = raw[:MAIL_BYTES].decode("latin-1").replace("\r\n", "\n")
    found = RETURNED.search(text)
    if found is None:
        return ""
    begin = text.find("\n\n", found.end()) + 2
    return text[begin : begin + RETURNED_CHARS].partition("\n\n")[0] if begin > 1 else ""


__all__ = ["INBOUND", "UnreadableMail", "address_in", "from_parts", "from_raw", "identity_of", "plain_text"]
