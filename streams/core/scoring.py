"""The rule score of a lead, with signed parts that sum to it.

score      = base + sum of weight * (value - neutral) over the axes that have a value, kept within 0..100
engagement = value * 0.5 ** (age / half-life): it decays, fit does not
trust      = mean stated confidence of those axes (a source that states none counts as `unstated_confidence`)
width      = interval_at_no_evidence * h / (h + evidence * trust), h = evidence_for_half_width; 0..1 of the scale
interval   = score +- width / 2, moved as a whole where it would leave 0..100
confidence = trust * (1 - width); 0 when nothing is known

Points are whole 64ths of a point: such numbers add up exactly in binary, so the parts sum to the score to the last bit,
in any order.
"""

from __future__ import annotations

from streams.core.context import Context
from streams.core.effects import Contribution
from streams.core.moment import Score
from streams.core.policy import ScoreRow
from streams.core.state import LeadState, Measure

DAY_MS = 86_400_000
STEPS = 64  # parts of a point
FINE = 10_000  # width and confidence have four decimals


def score_lead(state: LeadState, now: int, context: Context) -> Score:
    """The score by the policy's terms."""
    row, signals = context.policy.score, state.signals
    total, trust, unstated = row.base, 0.0, row.unstated_confidence
    parts: list[tuple[float, int, Contribution]] = []
    for feature, weight, neutral in context.policy.score_terms:
        measure: Measure | None = getattr(signals, feature)
        if measure is None:
            continue
        value = decayed(measure, now, row) if feature == "engagement" else measure.value
        points = round(weight * (value - neutral) * STEPS) / STEPS
        total += points
        confidence = measure.confidence
        trust += unstated if confidence is None else confidence
        parts.append((-abs(points), len(parts), Contribution(feature, value, points)))
    score = min(max(total, 0.0), 100.0)
    width = row.interval_at_no_evidence
    if parts:
        if len(parts) > 1:
            parts.sort()
        trust /= len(parts)
        half = row.evidence_for_half_width
        width = round(width * half / (half + signals.evidence * trust) * FINE) / FINE
    low = min(max(score - 50 * width, 0.0), 100 - 100 * width)
    sure = round(trust * (1 - width) * FINE) / FINE
    return Score(score, low, low + 100 * width, sure, tuple([part[2] for part in parts]), width)


def decayed(measure: Measure, now: int, row: ScoreRow) -> float:
    """What is left of a measure of engagement at `now`."""
    age = now - measure.at
    return measure.value * 0.5 ** (age / (row.engagement_half_life_days * DAY_MS)) if age > 0 else measure.value
