"""What differs under unchanged versions, for a person: which decision, and which fields of it.

Law of this module: a record that was recorded and one that is decided now are the same record when their ce_id is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from streams.lane.wire import Wire
from streams.privacy.fields import untouched
from streams.whatif.exact import LaneCheck, Sent
from streams.whatif.window import time_text

LONGEST = 200  # characters of a value that are shown


def told(check: LaneCheck, wire: Wire, most: int) -> dict[str, Any]:
    """A lane in which something differs, for JSON and people."""
    return {
        "lane": check.lane,
        "figures": check.figures,
        "broken": check.broken or None,
        "examples": list(_examples(check, wire))[:most],
    }


def _examples(check: LaneCheck, wire: Wire) -> Iterator[dict[str, Any]]:
    now, was = by_id(check.missing), by_id(check.extra)
    for name in {**now, **was}:
        topic, identity = name
        sent = now.get(name) or was[name]
        yield {
            "topic": topic,
            "id": identity,
            "lead_id": (sent[0] or b"").decode(errors="backslashreplace"),
            "at": time_text(sent[3]) if sent[3] else None,
            "fields": dict(_fields(topic, was.get(name), now.get(name), wire)),
        }


def by_id(found: Iterable[tuple[str, Sent]]) -> dict[tuple[str, str], Sent]:
    return {(topic, _identity(sent)): sent for topic, sent in found}


def _identity(sent: Sent) -> str:
    """The ce_id of a record; of a compacted topic its key."""
    found = next((value for name, value in sent[2] if name == "ce_id"), sent[0] or b"")
    return found.decode(errors="backslashreplace").rpartition("/")[0] or found.decode(errors="backslashreplace")


def _fields(topic: str, was: Sent | None, now: Sent | None, wire: Wire) -> Iterator[tuple[str, dict[str, str]]]:
    """Fields that differ: recorded and decided now; of a record that one side lacks, only that it does."""
    if was is None or now is None:
        yield "record", {"recorded": "none" if was is None else "there", "now": "none" if now is None else "there"}
        return
    before, after = _builtins(topic, was, wire), _builtins(topic, now, wire)
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield name, {"recorded": _short(before.get(name)), "now": _short(after.get(name))}
    for place, name in ((2, "headers"), (3, "timestamp")):
        if before == after and was[place] != now[place]:
            yield name, {"recorded": _short(was[place]), "now": _short(now[place])}


def _builtins(topic: str, sent: Sent, wire: Wire) -> dict[str, Any]:
    try:
        found = msgspec.to_builtins(wire.decode_any(topic, sent[1], untouched))
    except Exception:  # bytes of another job, or of a version that this one cannot read
        return {"value": repr(sent[1])}
    return found if isinstance(found, dict) else {"value": repr(sent[1])}


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"
