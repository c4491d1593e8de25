"""Faults of expressions and detail texts: unknown names, what zen cannot read, what is not true or false.

zen has no types to check before it runs, so each expression is evaluated alone over samples of its facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from string import Formatter

import zen

from streams.core.fact_table import DEFAULTS, FACT
from streams.policy.document import Document
from streams.policy.expressions import Circle, UnknownName, expand
from streams.policy.faults import Fault, nearest
from streams.policy.places import Places, Step
from streams.policy.samples import samples_of
from streams.privacy.fields import personal_fields

SAMPLES = 200
SYNTAX = "See docs/reference/policy-facts.md for the syntax."
TYPES = "Compare facts with values of their own type."
CONDITION = "Compare it with something: a number or a text is no condition."


def row_expression(when: str, macros: Mapping[str, str]) -> str:
    """The row's expression over facts alone."""
    return f"({expand(when, macros, FACT)})"


def rows_with_when(document: Document) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Where an expression stands, and the expression: terms, tiers, conditions."""
    for name, when in document.terms.items():
        yield ("terms", name), when
    for at, tier in enumerate(document.tiers):
        yield ("tiers", at, "when"), tier.when
    for at, row in enumerate(document.conditions):
        yield ("conditions", at, "when"), row.when


def expression_faults(document: Document, macros: Mapping[str, str], places: Places) -> Iterator[Fault]:
    """One fault for each term, tier and condition that cannot be evaluated to true or false."""
    for loc, when in rows_with_when(document):
        problem = _problem(when, macros, _name_of(loc, document))
        if problem is not None:
            yield Fault(places.path(loc), places.line(loc), *problem)


def _name_of(loc: tuple[Step, ...], document: Document) -> str:
    """The name under which other expressions use this one; empty for conditions, which nothing uses."""
    match loc:
        case ("terms", name):
            return str(name)
        case ("tiers", int(at), _):
            return f"is_{document.tiers[at].id}"
    return ""


def _problem(when: str, macros: Mapping[str, str], name: str) -> tuple[str, str, str] | None:
    """(expected, got, what to do), None if there is none, or if it is said where it comes from."""
    try:
        expression = expand(when, macros, FACT, (name,))
        compiled = zen.compile_expression(expression)
    except UnknownName as error:
        if error.via != name:
            return None
        return "known facts and names", error.name, nearest(error.name, [*FACT, *macros])
    except Circle as error:
        if name not in error.names:
            return None
        return "terms that end in facts", str(error), "Break the circle."
    except RuntimeError as error:
        return "a zen expression", f"{when!r} ({zen_message(error)})", SYNTAX
    for facts in samples_of(expression, SAMPLES):
        try:
            answer = compiled.evaluate(facts)
        except RuntimeError as error:
            return "true or false for any facts", f"{when!r} ({zen_message(error)})", TYPES
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
        problem = _detail_problem(row.detail)
        if problem is not None:
            loc = ("conditions", at, "detail")
            yield Fault(places.path(loc), places.line(loc), *problem)


def personal_facts() -> frozenset[str]:
    """The facts that are sealed in decisions (schemas/Decision): no other text may quote them."""
    return frozenset(name for personal in personal_fields()["Decision"] for name in personal.names)


def _detail_problem(detail: str) -> tuple[str, str, str] | None:
    try:
        names = [name for _, name, _, _ in Formatter().parse(detail) if name is not None]
        unknown = next((name for name in names if name not in FACT), None)
        if unknown is not None:
            return "known facts in {}", unknown or "{}", nearest(unknown, FACT)
        private = next((name for name in names if name in personal_facts()), None)
        if private is not None:
            return "facts that are no personal text", private, "It would stand on topics in plain: leave it out."
        detail.format_map(DEFAULTS)
    except (ValueError, KeyError, IndexError) as error:
        return "a format text over facts", f"{detail!r} ({error})", "For example `score {score:.0f}`."
    return None
