"""What one request may be: how deep its JSON, and how many of them in a second.

Law of this module: what is refused here has cost no more than reading its bytes once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from streams.gateway.platform import BadRequest

MAX_DEPTH = 64  # whatever the configuration says
_OPENING, _CLOSING = b"[{", b"]}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _OPENING + _CLOSING)
_decode = msgspec.json.Decoder().decode


def json_of(body: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The JSON in a body. BadRequest: it is none, or nested deeper than `max_depth`."""
    check_depth(body, max_depth)
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"body is {len(body):,} bytes that are no JSON ({error}), expected JSON in UTF-8") from None


def check_depth(body: bytes, max_depth: int) -> None:
    """BadRequest if a body that is JSON, by its looks, is nested deeper."""
    if _may_be_deep(body, max_depth) and _depth(body) > max_depth:
        raise BadRequest(f"body is nested more than {max_depth} deep, expected JSON of at most {max_depth} levels")


def _may_be_deep(body: bytes, most: int) -> bool:
    return body.count(b"[") + body.count(b"{") > most


def _depth(body: bytes) -> int:
    """How deep the brackets go; those within texts are left out."""
    depth = deepest = 0
    bare = _without_texts(body) if b'"' in body else body
    for byte in bare.translate(None, _NO_BRACKETS):
        if byte in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _without_texts(body: bytes) -> bytes:
    """Every second part between quotes; a quote that is escaped is none."""
    return b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


class Rate:
    """A bucket of tokens: `per_second` on average, a second's worth (at least one) at once."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second, self._clock = per_second, clock
        self._most = self._tokens = max(1.0, per_second)
        self._at = clock()

    def wait(self) -> float:
        """0 when one more may pass now; else the seconds after which it may."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second
