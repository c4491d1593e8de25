"""The part of history that is reported: from one time to another, by the lanes' clocks."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from streams.errors import LeadlaneError
from streams.lane.privates import Record

UNIT_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


class BadTime(LeadlaneError):
    """A time that cannot be read, or a window that holds nothing."""

    exit_code = 2


class Window(NamedTuple):
    """ms UTC; None: no limit. A transaction lies inside when its clock does: from <= now < to."""

    since: int | None = None
    until: int | None = None

    def begun(self, now: int) -> bool:
        return self.since is None or now >= self.since

    def over(self, now: int) -> bool:
        return self.until is not None and now >= self.until

    def after(self, now: int) -> Window:
        """The part of the window after a time; 0 for all of it."""
        return self if now == 0 or (self.since or 0) > now else self._replace(since=now + 1)

    def part_of(self, records: Sequence[Record]) -> Sequence[Record]:
        """The outputs written inside. A lane's clock never runs back, and it stamps its outputs."""
        first = 0 if self.since is None else bisect_left(records, self.since, key=_timestamp)
        last = len(records) if self.until is None else bisect_left(records, self.until, key=_timestamp)
        return records if (first, last) == (0, len(records)) else records[first:last]


def _timestamp(record: Record) -> int:
    return record.timestamp


def time_from(text: str, now: int) -> int:
    """ms UTC of 2026-11-01, 2026-11-01T09:00, 2026-11-01T09:00+01:00 (UTC unless said), or -7d, -12h, -30min from now.

    Raises BadTime.
    """
    ago = re.fullmatch(r"-(\d+)\s*(d|h|min|s)", text.strip())
    if ago:
        return now - int(ago[1]) * UNIT_MS[ago[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadTime(
            f"{text!r} is no time, expected a date or time such as 2026-11-01 or 2026-11-01T09:00Z, or one before now"
            " such as -7d, -12h or -30min."
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def window(since: str | None, until: str | None, now: int) -> Window:
    """The window between two times as they were typed. Raises BadTime."""
    found = Window(None if since is None else time_from(since, now), None if until is None else time_from(until, now))
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise BadTime(f"--from {since} --to {until}: expected the first to lie before the second.")
    return found


def time_text(at: int | None) -> str | None:
    """A time for people and JSON: UTC, to the second."""
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
