"""Faults of expressions and detail texts: unknown names, what zen cannot read, what is not true or false.

zen has no types to check before it runs, so each expression is evaluated alone over samples: facts at, just below and
just above every number of the policy, and equal to each of its texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from random import Random
from string import Formatter
from typing import Any

import zen

from streams.core.facts import DEFAULTS, FACT, FACTS
from streams.policy.document import Document
from streams.policy.expressions import Circle, UnknownName, expand, literals_in, names_in
from streams.policy.faults import Fault, nearest
from streams.policy.places import Places, Step

SAMPLES = 200
NUDGE = 0.01
SYNTAX = "See docs/reference/policy-facts.md for the syntax."
TYPES = "Compare facts with values of their own type."
CONDITION = "Compare it with something: a number or a text is no condition."


def row_expression(when: str, macros: Mapping[str, str]) -> str:
    """The row's expression over facts alone."""
    return f"({expand(when, macros, FACT)})"


def expression_faults(document: Document, macros: Mapping[str, str], places: Places) -> Iterator[Fault]:
    """One fault for each term, tier and condition that cannot be evaluated to true or false."""
    rows: list[tuple[tuple[Step, ...], str]] = [(("terms", name), when) for name, when in document.terms.items()]
    for part in ("tiers", "conditions"):
        rows += [((part, at, "when"), row.when) for at, row in enumerate(getattr(document, part))]
    samples = [*samples_of(macros, [when for _, when in rows], SAMPLES)]
    for loc, when in rows:
        problem = _problem(when, macros, samples)
        if problem is not None:
            yield Fault(places.path(loc), places.line(loc), *problem)


def _problem(when: str, macros: Mapping[str, str], samples: list[dict[str, Any]]) -> tuple[str, str, str] | None:
    """(expected, got, what to do), None if there is none."""
    try:
        expression = expand(when, macros, FACT)
        compiled = zen.compile_expression(expression)
    except UnknownName as error:
        if error.via:
            return None  # said once, where it stands
        return "known facts and names", error.name, nearest(error.name, [*FACT, *macros])
    except Circle as error:
        return "terms that end in facts", str(error), "Break the circle."
    except RuntimeError as error:
        return "a zen expression", f"{when!r}: {zen_message(error)}", SYNTAX
    read = names_in(expression)
    for sample in samples:
        facts = {name: sample[name] for name in read}
        try:
            answer = compiled.evaluate(facts)
        except RuntimeError as error:
            return "true or false for any facts", f"{zen_message(error)} in {when!r}", TYPES
        if not isinstance(answer, bool):
            return "true or false", f"{answer!r} from {when!r}", CONDITION
    return None


def zen_message(error: RuntimeError) -> str:
    """What zen says, without its stack."""
    first = str(error).splitlines()[0]
    try:
        return str(json.loads(first).get("source", first))
    except (ValueError, AttributeError):
        return first


def detail_faults(document: Document, places: Places) -> Iterator[Fault]:
    """Detail texts that name what is no fact, or cannot be filled in."""
    for at, row in enumerate(document.conditions):
        loc = ("conditions", at, "detail")
        try:
            names = [name for _, name, _, _ in Formatter().parse(row.detail) if name is not None]
            unknown = [name for name in names if name not in FACT]
            if not unknown:
                row.detail.format_map(DEFAULTS)
                continue
            problem = ("known facts in {}", unknown[0] or "{}", nearest(unknown[0], FACT))
        except (ValueError, KeyError, IndexError) as error:
            problem = ("a format text over facts", f"{row.detail!r}: {error}", "For example `score {score:.0f}`.")
        yield Fault(places.path(loc), places.line(loc), *problem)


def samples_of(macros: Mapping[str, str], expressions: list[str], count: int) -> Iterator[dict[str, Any]]:
    """Facts that lie on every side of every number and text of the policy; the first ones are the defaults."""
    yield dict(DEFAULTS)
    pools = pools_of(macros, expressions)
    random = Random(count)  # fixed: the same document, the same answer
    for _ in range(count):
        yield {name: random.choice(pool) for name, pool in pools.items()}


def pools_of(macros: Mapping[str, str], expressions: list[str]) -> dict[str, list[Any]]:
    """For each fact, values that could make a difference."""
    numbers, texts = literals_in([*expressions, *macros.values()])
    signed = {*numbers, *(-value for value in numbers)}
    near = sorted(value + shift for value in signed for shift in (-NUDGE, 0.0, NUDGE))
    by_type: dict[str, list[Any]] = {"number": near or [0.0], "text": sorted({"", *texts}), "flag": [False, True]}
    return {fact.name: [fact.default, *by_type[fact.type]] for fact in FACTS}
