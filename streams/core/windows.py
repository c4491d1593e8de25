"""What a lane counts by minute and declared group, and the record that tells it."""

from __future__ import annotations

import msgspec

BINS = 20  # of scores, 5 points each
EVERYBODY = "all"  # the group that every lead is in


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
