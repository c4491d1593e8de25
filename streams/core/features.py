"""What a model may look at: the lead as numbers and categories, by name.

Law of this module: a feature that is not known is absent, never a made-up number. Names are only ever added at the end
of FEATURES: what was known at a decision is kept by place. Declared attributes are features too, as `attr.<name>`;
the policy's `learning.exclude` takes any feature away. Nobody's name, address or free text is among them.

Next: streams/core/judging.py
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite, log2
from typing import TYPE_CHECKING, NamedTuple

from streams.core.exposed import Cell
from streams.core.policy import LearningRow, ScoreRow
from streams.core.scoring import decayed
from streams.core.state import LeadState, Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAY_MS = 86_400_000
PARTS = 1000  # of one: finer says nothing, and whole numbers are small in every lead's state
ATTRIBUTE = "attr."
LONGEST_VALUE = 60  # characters of a category

Value = float | str


class Feature(NamedTuple):
    """One feature."""

    name: str
    kind: str  # number, category
    doc: str


FEATURES: tuple[Feature, ...] = (
    Feature("fit", "number", "fit score, 0..100"),
    Feature("engagement", "number", "engagement score as decayed at the decision, 0..100"),
    Feature("vendor", "number", "vendor's score, 0..100"),
    Feature("intent", "number", "the person's buying intent, 0..100"),
    Feature("account_intent", "number", "the account's buying intent, 0..100"),
    Feature("sentiment", "number", "sentiment as last measured, -1..1"),
    Feature("evidence", "number", "scoring events seen, log2(1 + n)"),
    Feature("events", "number", "events seen, log2(1 + n)"),
    Feature("age", "number", "since the first event, log2(1 + days)"),
    Feature("since_reaction", "number", "since the last open, click, form, reply or meeting, log2(1 + days)"),
    Feature("since_touch", "number", "since a person last called, met or chatted, log2(1 + days)"),
    Feature("negatives", "number", "negative sentiments remembered, 0..4"),
    Feature("nps", "number", "net promoter answer, 0..10"),
    Feature("csat", "number", "satisfaction, 1..5"),
    Feature("amount", "number", "expected amount, log2(1 + amount)"),
    Feature("stage", "category", "stage in the customer's life"),
    Feature("country", "category", "ISO 3166-1 alpha-2"),
    Feature("language", "category", "BCP 47"),
    Feature("department", "category", "as stated"),
    Feature("reply", "category", "class of the last human reply"),
    Feature("basis", "category", "recorded lawful basis"),
)
NAMES = tuple(feature.name for feature in FEATURES)


def row_of(state: LeadState, now: int, policy_score: ScoreRow) -> list[Cell]:
    """The lead's features by place at `now`, numbers in thousandths; None where a value is not known."""
    signals, known = state.signals, state.known
    engagement = signals.engagement
    return [
        _measured(signals.fit),
        None if engagement is None else round(decayed(engagement, now, policy_score) * PARTS),
        _measured(signals.vendor),
        _measured(signals.intent),
        _measured(signals.account_intent),
        _measured(signals.sentiment),
        _log(signals.evidence),
        _log(signals.events),
        _since(state.first_seen_at, now),
        _since(signals.reaction_at, now),
        _since(signals.human_touch_at, now),
        len(signals.negatives) * PARTS,
        _measured(signals.nps),
        _measured(signals.csat),
        _log(known.amount_hint) if known.amount_hint else None,
        known.stage,
        None if known.country is None else known.country.value,
        known.language or None,
        known.department[:LONGEST_VALUE] or None,
        signals.reply_class or None,
        None if known.consent is None else known.consent.basis,
    ]


def features_from(row: Sequence[Cell], attributes: Mapping[str, str], learning: LearningRow) -> dict[str, Value]:
    """The features of a row by name, with the declared attributes; without those that the policy excludes."""
    features: dict[str, Value] = {}
    for name, cell in zip(NAMES, row, strict=False):  # a row of an earlier version is shorter
        if cell is not None:
            features[name] = cell if isinstance(cell, str) else cell / PARTS
    for name, text in attributes.items():
        features[ATTRIBUTE + name] = valued(text)
    for name in learning.exclude:
        features.pop(name, None)
    return features


@lru_cache(maxsize=4096)
def valued(text: str) -> Value:
    """A declared attribute as a number if it is one, else as a category."""
    try:
        number = float(text)
    except ValueError:
        return text[:LONGEST_VALUE]
    return number if isfinite(number) else text[:LONGEST_VALUE]


def _measured(measure: Measure | None) -> int | None:
    return None if measure is None else round(measure.value * PARTS)


def _since(at: int, now: int) -> int | None:
    return _log((now - at) / DAY_MS) if at else None


def _log(amount: float) -> int:
    return round(log2(1 + amount) * PARTS) if amount > 0 else 0
