"""A raw mail (RFC 5322) as headers, subject, text and date, with the stdlib parser. Pure: bytes in, values out."""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
from datetime import UTC
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser

import msgspec

MAIL_BYTES = 1_000_000
# The stdlib parser is quadratic in unclosed brackets.
HTML_CHARS = 100_000
_PARTS = 60
_FIELDS = ("from", "to", "subject", "date", "received", "message-id", "return-path", "mime-version", "content-type")
_REPORT_TYPES = (
    "message/delivery-status",
    "message/feedback-report",
    "message/disposition-notification",
    "message/global-delivery-status",
)


class UnreadableMail(ValueError):
    """The bytes are no mail; says what was expected and what came. The sender of the file should act."""


class ParsedMail(msgspec.Struct, frozen=True):
    """A mail taken apart. `received_at` is its Date (else Received) in ms UTC since 1970; None without one."""

    headers: dict[str, str]
    subject: str
    text: str
    received_at: int | None


def parse_mail(raw: bytes) -> ParsedMail:
    """Headers (decoded), subject, text (plain, else from HTML, then delivery reports) and date. Reads MAIL_BYTES.

    Raises UnreadableMail when there is no header field that a mail has.
    """
    try:
        message = email.message_from_bytes(_without_envelope(raw[:MAIL_BYTES]))
        headers = {name: _decoded(str(value)) for name, value in message.items()}
        if not any(name.lower() in _FIELDS for name in headers):
            raise UnreadableMail(f"expected a mail with header fields (From, Date, Subject ...), got {raw[:24]!r}")
        return ParsedMail(headers, _first(headers, "subject"), _text(message), _received_at(headers))
    except RecursionError:
        raise UnreadableMail("expected a mail, got parts nested too deep to read") from None


def _without_envelope(raw: bytes) -> bytes:
    """Leading blank lines off; an mbox `From ` line stays (the parser knows it)."""
    return raw.lstrip(b"\r\n")


def _decoded(value: str) -> str:
    value = " ".join(value.split())
    if "=?" not in value:
        return value.encode("utf-8", "replace").decode("utf-8")
    try:
        return str(make_header(decode_header(value))).encode("utf-8", "replace").decode("utf-8")
    except (LookupError, ValueError, UnicodeError, email.errors.HeaderParseError):
        return value.encode("utf-8", "replace").decode("utf-8")


def _first(headers: dict[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _received_at(headers: dict[str, str]) -> int | None:
    for value in (_first(headers, "date"), _first(headers, "received").rpartition(";")[2]):
        try:
            moment = email.utils.parsedate_to_datetime(value.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        try:
            return int(moment.timestamp() * 1000)
        except (OverflowError, ValueError):
            continue
    return None


def _text(message: Message) -> str:
    plain: list[str] = []
    html: list[str] = []
    reports: list[str] = []
    parts = [message]
    read = 0
    while parts and read < _PARTS:
        part = parts.pop(0)
        read += 1
        kind = part.get_content_type()
        if kind in _REPORT_TYPES:
            reports.append(_report(part))
        elif kind.startswith("message/"):
            continue  # the returned original: not this mail's words
        elif part.is_multipart():
            parts = [p for p in part.get_payload() if isinstance(p, Message)] + parts
        elif kind == "text/html" and part.get_content_disposition() != "attachment":
            html.append(_body(part))
        elif kind.startswith("text/") and kind not in ("text/rfc822-headers", "text/calendar"):
            # Some systems attach the only text that says why a mail came back.
            plain += [_body(part)] if part.get_content_disposition() != "attachment" or not plain else []
    texts = [t for t in plain if t.strip()] or [text_of_html(h) for h in html]
    return "\n\n".join((*texts, *reports))


def _report(part: Message) -> str:
    payload = part.get_payload()
    if isinstance(payload, list):
        return "\n".join(
            f"{name}: {' '.join(str(value).split())}"
            for group in payload
            if isinstance(group, Message)
            for name, value in group.items()
        )
    return str(payload)


def _body(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(part.get_payload())
    charset = part.get_content_charset() or "utf-8"
    for name in (charset, "utf-8"):
        try:
            return payload.decode(name)
        except (LookupError, UnicodeError):
            continue
    return payload.decode("latin-1")


class _HtmlText(HTMLParser):
    """Text of HTML: blocks become lines, quotes become `> ` lines, styles and scripts go."""

    _BLOCKS = frozenset(
        [
            "p",
            "div",
            "br",
            "tr",
            "li",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "table",
            "ul",
            "ol",
            "blockquote",
            "hr",
            "pre",
            "section",
            "article",
            "header",
            "footer",
        ]
    )
    _SILENT = frozenset(("style", "script", "head", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._quote = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._silent += 1
        elif tag == "blockquote":
            self._quote += 1
        if tag in self._BLOCKS:
            self._newline()
        if tag == "hr":
            self.parts.append("________")
            self._newline()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "blockquote":
            self._quote = max(0, self._quote - 1)
        if tag in self._BLOCKS:
            self._newline()

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.parts.append(re.sub(r"\s+", " ", data))

    def _newline(self) -> None:
        self.parts.append("\n> " if self._quote else "\n")


def text_of_html(html: str) -> str:
    """The readable text of an HTML body; reads HTML_CHARS."""
    reader = _HtmlText()
    reader.feed(html[:HTML_CHARS])
    lines = "".join(reader.parts).split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() if line.strip() != ">" else "" for line in lines)).strip()
