"""What governance counts, by the hour, by the day and by person.

Law of this module: plain counts that can be added up; they are packed as they stand, fields only ever come at the end.
"""

from __future__ import annotations

import msgspec

from streams.core.events import CaseReview
from streams.core.windows import BINS, wait_bin
from streams.lab.fairness import Tally
from streams.lab.rates import no_waits


class Hour(msgspec.Struct, array_like=True, gc=False):
    """One hour under one policy version and model line."""

    counts: dict[str, int] = {}
    scores: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    ends: dict[str, list[int]] = {}  # tier -> cases by ENDS
    codes: dict[str, list[int]] = {}  # reason code -> the same
    sla: dict[str, list[int]] = {}  # queue -> met, breached
    waits: dict[str, list[int]] = {}  # queue -> from opened to claimed


class Person(msgspec.Struct, array_like=True, gc=False):
    """One reviewer's decisions of a day."""

    decided: int = 0
    approved: int = 0
    stamped: int = 0  # approved quicker than anybody reads, no evidence opened
    opened: int = 0  # with evidence opened
    audited: int = 0  # blind audits of what automation did ...
    agreed: int = 0  # ... that agreed with it
    dwell: list[int] = msgspec.field(default_factory=no_waits)

    def see(self, review: CaseReview, dwell_ms: int) -> None:
        """Count a review if it is a decision; approved within `dwell_ms` with no evidence opened is unread."""
        if review.action not in ("approve", "reject", "override"):
            return
        self.decided += 1
        self.approved += review.action == "approve"
        self.opened += bool(review.evidence_opened)
        if review.dwell_ms is not None:
            self.dwell[wait_bin(review.dwell_ms)] += 1
            is_quick = review.dwell_ms < dwell_ms
            self.stamped += review.action == "approve" and is_quick and not review.evidence_opened


class Day(msgspec.Struct, array_like=True, gc=False):
    groups: dict[str, dict[str, Tally]] = {}
    accepted: list[int] = msgspec.field(default_factory=lambda: [0, 0])  # by automation: labelled, bad
    suppressed: list[int] = msgspec.field(default_factory=lambda: [0, 0])  # sampled at random: labelled, good
    tiers: dict[str, list[int]] = {}  # tier -> labelled, good
    people: dict[str, Person] = {}


class Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An example to be scored again. `lot` is drawn by its id: the lowest are a fair sample, whatever the order."""

    lot: int
    features: dict[str, float | str]
    lead: bytes = b""  # streams/lab/forgetting.py
