"""What a lane counts by minute and declared group, and the record that tells it."""

from __future__ import annotations

from math import log

import msgspec

BINS = 20  # of scores, 5 points each
EVERYBODY = "all"  # the group that every lead is in
UNKNOWN, OTHER = "unknown", "other"  # values of leads that declare none, and of those beyond the most that are counted

WAIT_BINS = 64  # of waits by their logarithm: from a second to 90 days, a factor of 1.28 each
WAIT_FIRST_MS, WAIT_LAST_MS = 1_000.0, 7_776_000_000.0
WAIT_STEP = log(WAIT_LAST_MS / WAIT_FIRST_MS) / WAIT_BINS


class WindowStats(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one lane did in one window, for all leads or for those of one declared group."""

    lane: int
    window_start: int  # ms UTC, by the lane's clock
    window_ms: int
    group: str  # a declared group, or EVERYBODY
    value: str  # of the group; empty for EVERYBODY, "unknown" when the lead has none
    policy_version: str
    model_version: str  # of the champion
    counts: dict[str, int]  # docs/reference/governance.md
    scores: tuple[int, ...]  # BINS: leads routed, by score
    sums: dict[str, float] = {}


def wait_bin(ms: float) -> int:
    """Where a wait is counted, 0 .. WAIT_BINS - 1."""
    return min(max(int(log(max(ms, 1.0) / WAIT_FIRST_MS) / WAIT_STEP), 0), WAIT_BINS - 1)
