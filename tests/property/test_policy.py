"""Whatever is told of a lead: facts have their types, parts sum to the score, the policy answers."""

from __future__ import annotations

from functools import cache
from math import fsum
from typing import Any

import zen
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.events import Event, ReplySignal, Tick
from streams.core.fact_table import FACTS, Fact
from streams.core.facts import facts_from, next_look_at
from streams.core.folding import fold
from streams.core.moment import Moment
from streams.core.policy import zen_answers
from streams.core.reading.verdict import Reading, ReplyClass
from streams.core.scoring import score_lead
from streams.core.state import LeadState
from streams.policy.compile import macros_of, read_document
from streams.policy.soundness import row_expression
from streams.shipped import default_policy
from tests.factories import DAY, LEAD, T0, a_rep, an_approval
from tests.judging import a_context, judge, shipped_policy
from tests.strategies import histories

CONTEXT = a_context(roster=(a_rep(),), approvals={("", ""): (an_approval(),)})
TYPES: dict[str, tuple[type, ...]] = {"number": (int, float), "text": (str,), "flag": (bool,)}
MOMENTS = st.integers(T0 - 60 * DAY, T0 + 120 * DAY)
HISTORIES = histories(max_size=6)
CLASSES = st.sampled_from(ReplyClass)
READINGS = st.builds(
    Reading, reply_class=CLASSES, confidence=st.floats(0, 1), evidence=st.just(()), is_automatic=st.booleans(),
    sentiment=st.floats(-1, 1), also_classes=st.tuples(CLASSES), legal_threat=st.booleans(), objection=st.booleans(),
)  # fmt: skip


@st.composite
def looks(draw: st.DrawFn) -> tuple[LeadState, Event | Tick, Reading | None, int]:
    """A lead after some events, with the last of them, or with a due timer."""
    state = LeadState(first_seen_at=T0)
    event: Event | Tick = Tick()
    reading = None
    for _, event in draw(HISTORIES):
        reading = draw(READINGS) if isinstance(event, ReplySignal) else None
        fold(state, event, reading, CONTEXT)
    now = draw(MOMENTS)
    return (state, Tick(), None, now) if draw(st.booleans()) else (state, event, reading, now)


@settings(deadline=None)
@given(looks())
def test_every_fact_is_there_and_of_its_type_and_the_policy_answers(
    look: tuple[LeadState, Event | Tick, Reading | None, int],
) -> None:
    state, event, reading, now = look
    score = score_lead(state, now, CONTEXT)
    facts = facts_from(state, Moment("t", 0, 0, 0, now, LEAD), event, reading, score, CONTEXT)
    assert list(facts) == [fact.name for fact in FACTS]
    wrong = {fact.name: facts[fact.name] for fact in FACTS if not is_of(facts[fact.name], fact)}
    assert wrong == {}
    tier, held = CONTEXT.policy.evaluate(facts)
    assert tier in CONTEXT.policy.tiers
    for row in held:
        assert "{" not in row.detail.format_map(facts)
    assert next_look_at(state, now, CONTEXT) == 0 or next_look_at(state, now, CONTEXT) > now


def is_of(value: Any, fact: Fact) -> bool:
    return isinstance(value, TYPES[fact.type]) and (fact.type == "flag" or not isinstance(value, bool))


@settings(deadline=None)
@given(looks())
def test_the_parts_of_a_score_sum_to_it_to_the_last_bit_in_any_order(
    look: tuple[LeadState, Event | Tick, Reading | None, int],
) -> None:
    state, _, _, now = look
    score = score_lead(state, now, CONTEXT)
    base = CONTEXT.policy.score.base
    points = [part.points for part in score.contributions]
    for total in (base + sum(points), sum(reversed(points)) + base, fsum([base, *points])):
        assert score.score == min(max(total, 0.0), 100.0)
    assert points == sorted(points, key=lambda part: -abs(part))
    assert 0 <= score.low <= score.score <= score.high <= 100 + 1e-9
    assert 0 <= score.confidence <= 1


NUMBERS = st.one_of(
    st.floats(-1e12, 1e12), st.integers(-100, 200), st.sampled_from((0, 20, 50, 60, 80, 100_000, 9999.0))
)
ANY: dict[str, st.SearchStrategy[Any]] = {
    "number": NUMBERS,
    "text": st.one_of(st.text(), st.sampled_from(("expand", "unclassified", "T3_NURTURE", "N11 N14"))),
    "flag": st.booleans(),
}


@cache
def rows_alone() -> tuple[zen.Expression, ...]:
    document = read_document(default_policy().read_text(), "default.yaml")[0]
    macros = macros_of(document)
    whens = [tier.when for tier in document.tiers] + [row.when for row in document.conditions]
    return tuple(zen.compile_expression(row_expression(when, macros)) for when in whens)


@settings(deadline=None)
@given(st.fixed_dictionaries({fact.name: ANY[fact.type] for fact in FACTS}))
def test_the_joined_expression_says_what_each_row_says_alone(facts: dict[str, Any]) -> None:
    joined = zen_answers(shipped_policy().expression)
    assert joined([facts[name] for name in shipped_policy().reads]) == [one.evaluate(facts) for one in rows_alone()]


def as_zen_counts(value: Any) -> Any:
    """zen counts in decimals: a number nearer to 0 than these is 0 to it, and is none to Python. No fact is one."""
    return round(value, 12) if isinstance(value, float) else value


@settings(deadline=None)
@given(st.fixed_dictionaries({fact.name: ANY[fact.type].map(as_zen_counts) for fact in FACTS}))
def test_the_form_that_runs_says_what_each_row_says_alone(facts: dict[str, Any]) -> None:
    policy = shipped_policy()
    answers = [alone.evaluate(facts) for alone in rows_alone()]
    tiers, conditions = answers[: len(policy.tiers)], answers[len(policy.tiers) :]
    tier, held = policy.evaluate(facts)
    assert tier.id == next(row.id for row, matches in zip(policy.tiers, tiers, strict=True) if matches)
    assert [row.id for row in held] == [
        row.id for row, holds in zip(policy.conditions, conditions, strict=True) if holds
    ]


@settings(deadline=None)
@given(looks())
def test_the_same_look_has_the_same_answer(look: tuple[LeadState, Event | Tick, Reading | None, int]) -> None:
    state, event, reading, now = look
    assert judge(state, event, reading, now, CONTEXT) == judge(state, event, reading, now, CONTEXT)
