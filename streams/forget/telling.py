"""What was erased where, in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from streams.forget.survey import NEVER_GONE, Survey, Timed
from streams.topics import TOPIC


def is_clean(found: Sequence[Survey], now: int) -> bool:
    """Whether nothing personal can be read any more, but for what Kafka sweeps away by a date that has not come."""
    return not any(one.holds or (one.superseded and _is_late(one, now)) for one in found)


def _is_late(one: Survey, now: int) -> bool:
    return one.gone_by > 0 and one.gone_by < now


def words(one: Survey, now: int) -> str:
    """What the topic says of the lead."""
    parts = []
    if one.plain:
        parts.append(f"{_plural(one.plain)} plain {_until(one)}")
    if one.readable:
        parts.append(f"{_plural(one.readable)} sealed, but the key is still there")
    if one.shredded:
        parts.append(f"{_plural(one.shredded)} sealed, the key is destroyed: unreadable")
    if one.superseded:
        late = " (LATE: is the log cleaner running?)" if _is_late(one, now) else ""
        by = (
            f"leaves the disk by {day_time(one.gone_by)}{late}" if one.gone_by > 0 else "leaves the disk when compacted"
        )
        parts.append(f"tombstoned; {_plural(one.superseded)} before that {by}")
    rest = one.records - one.plain - one.readable - one.shredded
    if rest > 0:
        parts.append(f"{_plural(rest)} without personal texts, under the lead's id")
    return "; ".join(parts) or "nothing"


def as_json(found: Timed, now: int) -> dict[str, Any]:
    """The survey, for scripts."""
    return {
        "clean": is_clean(found.topics, now),
        "records_read": found.read,
        "seconds": round(found.seconds, 2),
        "topics": [
            {**one._asdict(), "gone_by": day_time(one.gone_by) if one.gone_by > 0 else None, "says": words(one, now)}
            for one in found.topics
        ],
    }


def day_time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def _until(one: Survey) -> str:
    if one.gone_by == NEVER_GONE:
        return "as long as nothing is written over it" if TOPIC[one.topic].compacted else "for ever"
    return f"until {day_time(one.gone_by)}"


def _plural(count: int) -> str:
    return f"{count:,} record{'s' if count != 1 else ''}"
