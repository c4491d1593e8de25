"""What an answer means, and how long to wait before the next try. Pure.

| answer | means |
|---|---|
| 2xx | delivered |
| 408, 409, 425, 429 | not now: tried again |
| other 4xx | never: parked at once |
| anything else, no answer at all | tried again, until the limits of the target |
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

from streams.sink.config import Retry

LATER = frozenset((408, 409, 425, 429))
PAUSING = frozenset((429, 503))  # with Retry-After they speak for the whole target
TOO_MANY = 429
MOST_AFTER_SECONDS = 3600.0  # a target that says more is asked again after this all the same
LEAST_JITTER = 0.5


class Means(Enum):
    """What becomes of a delivery after a try."""

    DELIVERED = "delivered"
    AGAIN = "again"
    NEVER = "never"


class Answer(NamedTuple):
    """What came of one try."""

    status: int | None  # None: no answer
    said: str  # for people: what came, or why nothing did; nothing that the target wrote
    retry_after: float | None = None  # seconds
    why: str = "status"  # of a failure, for metrics: status, timeout, connection

    @property
    def means(self) -> Means:
        if self.status is None:
            return Means.AGAIN
        if 200 <= self.status < 300:
            return Means.DELIVERED
        return Means.NEVER if 400 <= self.status < 500 and self.status not in LATER else Means.AGAIN

    @property
    def is_healthy(self) -> bool:
        """Whether the target is at work: it took the delivery, or refused this one for good."""
        return self.means is not Means.AGAIN


def answered(status: int, retry_after: str | None, now: datetime) -> Answer:
    """The answer of a target."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    return Answer(status, f"answered {status}{phrase}", seconds_after(retry_after, now))


def seconds_after(value: str | None, now: datetime) -> float | None:
    """What a Retry-After says: seconds, or a date. None for none and for what cannot be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), MOST_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), MOST_AFTER_SECONDS)


def pause_of(retry: Retry, tries: int, chance: float, retry_after: float | None = None) -> float:
    """Seconds before the next try after so many; `chance` from 0 to 1 spreads those that failed together."""
    grown = min(retry.most_seconds, retry.first_seconds * 2.0 ** min(tries - 1, 60))
    return max(retry_after or 0.0, grown * (LEAST_JITTER + (1 - LEAST_JITTER) * chance))


def is_given_up(retry: Retry, tries: int, seconds: float) -> bool:
    """Whether a delivery that failed so often, the first time so long ago, is parked now."""
    return tries >= retry.tries or seconds >= retry.park_after_seconds
