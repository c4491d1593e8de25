"""The W3C trace context in a record's header `traceparent`, and what a lane makes of it.

Law of this module: pure, and the same answer for the same record: the processor is called twice after an abort, and
replay compares headers too. So the span of a decision has its id from the trace and the record's coordinates, and
whoever exports it afterwards finds the same one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

HEADER = "traceparent"
# 00-<trace id>-<parent span id>-<flags>; later versions may have more behind it (W3C Trace Context, section 3.2).
_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_SAMPLED = 1
LONGEST = 512

Headers = Iterable[tuple[str, bytes]]
Carried = tuple[tuple[str, bytes], ...]
UNTRACED: Carried = ()


class Trace(NamedTuple):
    """One span of a trace: what comes after it has it as its parent."""

    trace_id: int
    span_id: int
    sampled: bool

    def header(self) -> bytes:
        return b"00-%032x-%016x-%02x" % (self.trace_id, self.span_id, self.sampled)


def parse(value: bytes | str | None) -> Trace | None:
    """What a `traceparent` says; None if it says nothing valid, which by the standard is as if there were none."""
    if value is None or len(value) > LONGEST:
        return None
    found = _FORM.fullmatch(value.encode(errors="replace") if isinstance(value, str) else value)
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5]):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    return Trace(trace_id, span_id, bool(int(found[4], 16) & _SAMPLED)) if trace_id and span_id else None


def trace_of(headers: Headers) -> Trace | None:
    """The span that a record comes from; None: it is not traced."""
    for name, value in headers:
        if name == HEADER:
            return parse(value)
    return None


def span_of(parent: Trace, topic: str, partition: int, offset: int) -> Trace:
    """The span of deciding the record at these coordinates."""
    about = b"%032x%016x/%s/%d/%d" % (parent.trace_id, parent.span_id, topic.encode(), partition, offset)
    return parent._replace(span_id=int.from_bytes(blake2b(about, digest_size=8).digest(), "big") or 1)


def handed_on(headers: Headers, topic: str, partition: int, offset: int) -> Carried:
    """The headers that the outputs of a record get for its trace: none, if it is not traced."""
    for name, value in headers:
        if name == HEADER:
            parent = parse(value)
            return UNTRACED if parent is None else ((HEADER, span_of(parent, topic, partition, offset).header()),)
    return UNTRACED
