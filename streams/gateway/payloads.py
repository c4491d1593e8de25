"""Bytes of a request as values: JSON, forms, times and ids that fit.

Law of this module: whatever the bytes are, each of these answers or raises BadRequest, in time that grows with the
bytes and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from streams.gateway.platform import BadRequest

ID_CHARS = 90  # an item's id: with the source's and the rule's name it fits event_id
MOST_FIELDS = 1000
PART_HEAD_BYTES = 2_000  # the header parser takes the square of it
LAST_MILLIS = 253_402_300_799_000  # to the end of the year 9999
SECONDS_END = 100_000_000_000  # numbers below are seconds (to the year 5138), above milliseconds (from 1973)


def json_from(body: bytes) -> Any:
    """The JSON value of a body."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(f"the body is {len(body):,} bytes, expected JSON in UTF-8, but: {error}") from None


def objects_from(body: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a body: one, or a list of them."""
    value = json_from(body)
    items = value if isinstance(value, list) else [value]
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise BadRequest(f"the body's item {number} is {_kind(item)}, expected an object or a list of objects")
    return items


def at_path(value: Any, *path: str) -> Any:
    """What lies at the path of nested objects; None when nothing does."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text_at(value: Any, *path: str) -> str:
    """The text at the path; empty when there is none. A whole number counts as its digits."""
    found = at_path(value, *path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""


def millis_from(value: Any) -> int | None:
    """A platform's time as ms UTC: ISO 8601 (no zone: UTC), or a number of seconds or milliseconds since 1970.

    None when it is no time: the platform did not say when.
    """
    if isinstance(value, str):
        return _from_iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value < 0:
        return None
    millis = value * 1000 if value < SECONDS_END else value
    return int(millis) if millis <= LAST_MILLIS else None


def _from_iso(text: str) -> int | None:
    if text.isdecimal() and text.isascii() and len(text) <= 13:
        return millis_from(int(text))
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        millis = int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return millis if 0 <= millis <= LAST_MILLIS else None


def id_from(*parts: str) -> str:
    """One id of several parts; a long or unprintable one as its digest, so that it always fits."""
    joined = "/".join(parts)
    if 0 < len(joined) <= ID_CHARS and joined.isprintable():
        return joined
    return digest_of(joined.encode("utf-8", "surrogatepass"))


def digest_of(content: bytes) -> str:
    """An id for what has none: the same content has the same one."""
    return hashlib.sha256(content).hexdigest()[:40]


def form_from(headers: Mapping[str, str], body: bytes) -> dict[str, bytes]:
    """The fields of a form, multipart or URL-encoded; the first of several with one name, files as their bytes."""
    head = Message()
    head["Content-Type"] = headers.get("content-type") or "application/x-www-form-urlencoded"
    kind = head.get_content_type()
    if kind == "multipart/form-data":
        boundary = head.get_param("boundary")
        if not isinstance(boundary, str) or not 0 < len(boundary) <= 200 or not boundary.isascii():
            raise BadRequest("Content-Type is multipart/form-data without a boundary, expected one")
        return _multipart(body, boundary.encode())
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest(f"Content-Type is {kind[:100]}, expected multipart/form-data or x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest(f"the body is {len(body):,} bytes, expected a URL-encoded form, but: {error}") from None
    fields: dict[str, bytes] = {}
    for name, value in pairs:
        fields.setdefault(name, value.encode("utf-8", "surrogatepass"))
    return fields


def _multipart(body: bytes, boundary: bytes) -> dict[str, bytes]:
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_FIELDS + 2)
    if len(parts) < 2 or len(parts) > MOST_FIELDS + 1:
        raise BadRequest(f"the body has {len(parts) - 1:,} parts, expected 1 to {MOST_FIELDS:,}")
    if not parts[-1].startswith(b"--"):
        raise BadRequest("the body ends in the middle, expected the boundary that closes it")
    fields: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, found, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _name(head) if len(head) <= PART_HEAD_BYTES else ""
        if not found or not name:
            raise BadRequest("a part of the body has no Content-Disposition with a name, expected one")
        fields.setdefault(name, content)
    return fields


def _name(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-disposition":
            message = Message()
            message["Content-Disposition"] = (
                value.decode("utf-8", "replace").strip().replace("\n", " ").replace("\r", " ")
            )
            name = message.get_param("name", header="Content-Disposition")
            return name if isinstance(name, str) else ""
    return ""


def text_from(content: bytes | None, charset: str = "utf-8") -> str:
    """A form field as text; what the charset cannot read is read as Latin-1, so that nothing is lost."""
    if not content:
        return ""
    for name in (charset, "utf-8"):
        try:
            return content.decode(name)
        except (LookupError, UnicodeError):
            continue
    return content.decode("latin-1")


def _kind(value: Any) -> str:
    names = {str: "a text", bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "null")
