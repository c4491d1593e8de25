"""What one lane's window says, and what was asked of it: what the processes of a what-if hand to each other."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from streams.whatif.casebook import CaseLife, Handling, Outcome
from streams.whatif.change import Change
from streams.whatif.compare import Difference
from streams.whatif.groups import Groups
from streams.whatif.window import Window


class LaneStory(msgspec.Struct):
    """What a lane's window says. Examples are bounded, counts are not."""

    lane: int
    events: int = 0
    erased: int = 0  # of those: of leads that were erased, and not decided again
    transactions: int = 0
    recorded: int = 0  # decisions
    replayed: int = 0
    differ: int = 0
    score_only: int = 0  # of those that differ, in nothing but the score
    only_recorded: int = 0
    only_replayed: int = 0
    aspects: Counter[str] = msgspec.field(default_factory=Counter)
    whys: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # (aspect, why)
    examples: dict[str, list[Difference]] = {}
    tiers: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # leads by tier at the end: before, after
    moved: list[Difference] = []  # the last tier difference of leads that ended apart
    verdicts: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    holds: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # (gained, lost, longer, shorter; kind)
    recorded_cases: list[CaseLife] = []
    replayed_cases: list[CaseLife] = []
    handling: list[Handling] = []
    outcomes: list[Outcome] = []
    groups: Groups = {}
    control: dict[str, int] = {}  # offsets at the end
    ended_at: int = 0


class Plan(NamedTuple):
    """What is asked of each lane."""

    change: Change
    window: Window
    examples: int = 20  # of each aspect
