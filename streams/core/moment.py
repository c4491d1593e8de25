"""What the modules of one decision hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.core.effects import Contribution, HoldView
from streams.core.policy import ConditionRow, TierRow

FactValue = str | float | bool | None


class Moment(NamedTuple):
    """Where and when: every id of a decision derives from this, so the same input gives the same ids."""

    topic: str  # of the trigger; "lane.tick" for a due timer
    partition: int
    offset: int  # of the trigger; the lane_seq for a due timer
    lane_seq: int
    now: int  # ms UTC
    lead_id: str

    @property
    def decision_id(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


class Score(NamedTuple):
    """The own score, 0..100, with its interval and signed parts (base + sum of points = score before clamping)."""

    score: float
    low: float
    high: float
    confidence: float  # 0..1
    contributions: tuple[Contribution, ...]  # largest effect first
    width: float = 1.0  # of the interval, as a share of the scale


class ActiveHold(NamedTuple):
    """One hold in force: what others see of it, and what the gate needs to know."""

    view: HoldView
    rank: int  # precedence: 1 is strongest
    stops: bool  # stop the cadence, not only pause it
    transactional_allowed: bool


class Assessment(NamedTuple):
    """What the lead looks like after the event."""

    score: Score
    facts: Mapping[str, FactValue]
    tier: TierRow
    held: tuple[ConditionRow, ...]  # conditions that hold now
    fired: tuple[ConditionRow, ...]  # of those, the ones that count as news: a pulse, or an edge from not held to held
    holds: tuple[ActiveHold, ...]  # strongest first
    rule_score: float = 0.0  # the policy's own, whoever decides
    model_version: str = "rules"  # that decides
    probability: float | None = None  # by that model
    predictions: Mapping[str, float] = {}  # by version, of every role that scored
    held_back: tuple[str, ...] = ()  # tiers and conditions that only the capacity guard keeps from holding
    guards: Mapping[str, float] = {}  # by queue: points by which thresholds were raised for this lead
