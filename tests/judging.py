"""A lead under the shipped policy: what a test says of it, and what the policy answers."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from streams.calendars import calendars_for
from streams.core.context import Context
from streams.core.events import Event, Tick
from streams.core.facts import facts_from
from streams.core.moment import FactValue, Moment, Score
from streams.core.policy import CompiledPolicy
from streams.core.reading.verdict import Reading
from streams.core.scoring import score_lead
from streams.core.state import Known, LeadState, Measure, Signals, Stated, recorded
from streams.policy import load_policy
from streams.shipped import default_policy
from tests.factories import DAY, HOUR, LEAD, T0, a_consent, a_score

AXES = ("fit", "engagement", "vendor", "intent", "account_intent", "sentiment", "nps", "csat")


@cache
def shipped_policy() -> CompiledPolicy:
    path = default_policy()
    return load_policy(path.read_text(), str(path))


@cache
def shipped_context() -> Context:
    return Context(policy=shipped_policy(), calendars=calendars_for(shipped_policy().calendar))


def a_context(**fields: Any) -> Context:
    """The shipped policy, and what the test says of the rest."""
    policy = shipped_policy()
    return Context(**{"policy": policy, "calendars": calendars_for(policy.calendar), **fields})


def a_measure(value: float, age_ms: int = HOUR, confidence: float | None = 1.0) -> Measure:
    return Measure(value, confidence, T0 - age_ms, "score-0")


def a_known_lead(**said: Any) -> LeadState:
    """A complete lead that arrived a day ago, of whom enough is known, and with nothing against it: T3, no condition.

    `said`: any field of Known or Signals (an axis as a number or a Measure), `known_for` ms, or a field of LeadState.
    """
    known = Known(
        at=T0, company=Stated("Example", "crm", T0), country=Stated("DE", "crm", T0), email_domain="example.com",
        email_verified=True, consent=recorded(a_consent(), T0), stage="qualify",
    )  # fmt: skip
    signals = Signals(fit=a_measure(40.0), intent=a_measure(30.0), evidence=12, events=20)
    state = LeadState(first_seen_at=T0 - said.pop("known_for", DAY), known=known, signals=signals)
    for name, value in said.items():
        part = next(part for part in (known, signals, state.routing, state) if name in part.__struct_fields__)
        setattr(part, name, a_measure(value) if name in AXES and isinstance(value, int | float) else value)
    return state


class Judged(NamedTuple):
    """What the policy says."""

    tier: str
    held: tuple[str, ...]
    facts: dict[str, FactValue]
    score: Score


def judge(
    state: LeadState,
    event: Event | Tick | None = None,
    reading: Reading | None = None,
    now: int = T0,
    context: Context | None = None,
    lead_id: str = LEAD,
) -> Judged:
    """The tier and the conditions of a lead at an event (a score, unless given)."""
    context = context or shipped_context()
    moment = Moment("signals.scores", 0, 7, 7, now, lead_id)
    score = score_lead(state, now, context)
    facts = facts_from(state, moment, a_score() if event is None else event, reading, score, context)
    tier, held = context.policy.evaluate(facts)
    return Judged(tier.id, tuple(row.id for row in held), facts, score)
