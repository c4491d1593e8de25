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

from streams.core.policy import LearningRow, ScoreRow
from streams.core.scoring import decayed
from streams.core.state import Known, LeadState, Measure, Signals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DAY_MS = 86_400_000
DIGITS = 3  # after the point: more says nothing, and costs bytes in every lead
ATTRIBUTE = "attr."
LONGEST_VALUE = 60  # characters of a category

Value = float | str
Number = int | float  # said in full: compiled, a `float` that is an int becomes a float, and packs in nine bytes
Row = list[Number | str | None]  # by the places of FEATURES; a whole number as int takes a byte instead of nine


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


def row_of(state: LeadState, now: int, policy_score: ScoreRow) -> Row:
    """The lead's features by place at `now`; None where a value is not known."""
    signals, known = state.signals, state.known
    engagement = signals.engagement
    return [
        _measured(signals.fit),
        None if engagement is None else slim(decayed(engagement, now, policy_score)),
        _measured(signals.vendor),
        _measured(signals.intent),
        _measured(signals.account_intent),
        _measured(signals.sentiment),
        _log(signals.evidence),
        _log(signals.events),
        _log((now - state.first_seen_at) / DAY_MS) if state.first_seen_at else None,
        _log((now - signals.reaction_at) / DAY_MS) if signals.reaction_at else None,
        _log((now - signals.human_touch_at) / DAY_MS) if signals.human_touch_at else None,
        len(signals.negatives),
        *_asked(signals),
        *_stated(known, signals),
    ]


def features_from(row: Row, attributes: Mapping[str, str], learning: LearningRow) -> dict[str, Value]:
    """The features of a row by name, with the declared attributes; without those that the policy excludes."""
    named: Iterable[tuple[str, Value | None]] = zip(NAMES, row, strict=False)  # a row of an earlier version is shorter
    features = {name: value for name, value in named if value is not None}
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


def _asked(signals: Signals) -> tuple[Number | None, Number | None]:
    return _measured(signals.nps), _measured(signals.csat)


def _stated(known: Known, signals: Signals) -> tuple[Number | str | None, ...]:
    return (
        _log(known.amount_hint) if known.amount_hint else None,
        known.stage,
        None if known.country is None else known.country.value,
        known.language or None,
        known.department[:LONGEST_VALUE] or None,
        signals.reply_class or None,
        None if known.consent is None else known.consent.basis,
    )


def _measured(measure: Measure | None) -> Number | None:
    return None if measure is None else slim(measure.value)


def _log(amount: float) -> Number:
    if amount <= 0:
        return 0
    return slim(log2(1 + amount))


def slim(number: float) -> Number:
    """The number with DIGITS after the point, as an int where that says the same."""
    rounded = round(number, DIGITS)
    whole = int(rounded)
    if rounded == whole:
        return whole
    return rounded
