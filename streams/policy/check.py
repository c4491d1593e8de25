"""What is allowed in a policy document and still probably not meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import zen

from streams.core.fact_table import FACT
from streams.policy.compile import compile_document, macros_of, read_document
from streams.policy.document import Document
from streams.policy.expressions import expand, names_in
from streams.policy.faults import Fault
from streams.policy.guarding import Raising
from streams.policy.places import Places, Step
from streams.policy.samples import samples_of
from streams.policy.soundness import rows_with_when

TRIES = 5_000
Found = Iterator[tuple[tuple[Step, ...], str, str, str]]  # (where, expected, got, what to do)


def check_policy(text: str, source: str) -> tuple[Document, tuple[Fault, ...]]:
    """The document and its warnings. Raises BadPolicy when it cannot be a policy at all."""
    document, places = read_document(text, source)
    compile_document(document, places, text, source)
    return document, tuple(warnings_of(document, places))


def warnings_of(document: Document, places: Places) -> Iterator[Fault]:
    """Every warning about a document that compiles."""
    for check in (_caps, _samples, _unreachable, _unused, _guard, _codes):
        for loc, expected, got, do in check(document):
            yield Fault(places.path(loc), places.line(loc), expected, got, do)


def _caps(document: Document) -> Found:
    for at, cap in enumerate(document.caps.touches):
        if cap.most is None:
            do = f"No cap {cap.id} is in force. Set it, or write 0 to allow nothing."
            yield ("caps", "touches", at, "most"), "a number", "nothing", do
    if not any(cap.channel is None and cap.most is not None for cap in document.caps.touches):
        do = "Add a cap with `channel: null`: without one, touches on several channels add up unseen."
        yield ("caps", "touches"), "a cap over all channels", "none", do


def _samples(document: Document) -> Found:
    for name in ("explore_share", "audit_share"):
        if getattr(document.sampling, name) == 0:
            do = "Without a sample nobody learns what automation gets wrong."
            yield ("sampling", name), "a share above 0", "0", do


def _unreachable(document: Document) -> Found:
    macros = macros_of(document)
    rows = dict(rows_with_when(document))
    for at, tier in enumerate(document.tiers):
        rows["tiers", at, "when"] = f"is_{tier.id}"  # it must match where no tier above does
    for loc, when in rows.items():
        if loc[0] != "terms" and not is_reachable(when, macros):
            yield (
                loc,
                "an expression that can be true",
                f"{when!r}, false in {TRIES:,} tries",
                "Correct or remove the row.",
            )


def is_reachable(when: str, macros: Mapping[str, str]) -> bool:
    """Whether some facts make the expression true. May miss facts that are very hard to hit."""
    expression = expand(when, macros, FACT)
    compiled = zen.compile_expression(expression)
    return any(compiled.evaluate(facts) for facts in samples_of(expression, TRIES))


def _unused(document: Document) -> Found:
    used = {name for _, when in rows_with_when(document) for name in names_in(when)}
    for name in document.terms:
        if name not in used:
            yield ("terms", name), "a term that something uses", "no use of it", "Remove it."
    for name in document.values.__pydantic_extra__:
        if name not in used:
            yield ("values", name), "a value that an expression uses", "no use of it", "Remove it."
    tiers, rows = document.tiers, document.conditions
    slas = {*(tier.sla for tier in tiers), *(row.sla for row in rows), *(sla.also for sla in document.slas.values())}
    overflows = (queue.overflow for queue in document.queues.values())
    queues = {*(tier.queue for tier in tiers), *(row.queue for row in rows), *overflows}
    for part, names, taken in (("slas", document.slas, slas), ("queues", document.queues, queues)):
        for name in names:
            if name not in taken:
                yield (part, name), "one that a row uses", "no use of it", "Remove it."


def _guard(document: Document) -> Found:
    guard, raising = document.guard, Raising(document, macros_of(document))
    if not guard.raises:
        do = "Name the values that rise when a queue is over capacity; without them it only grows."
        yield ("guard", "raises"), "values that rise", "none", do
        return
    legal = {row.queue for row in document.conditions if row.effect != "human"}
    for part in ("tiers", "conditions"):
        for at, row in enumerate(getattr(document, part)):
            raised = raising.row(row)
            if not raised:
                continue
            if (part, at) == ("tiers", 0) or row.queue in legal:
                do = "Add `sheds: false`: what must never wait, and what the law asks for, is not held back."
                yield (part, at, "id"), "a row that never sheds", row.id, do
            if "boundary_distance" in names_in(raised):
                do = "Write it with the value that rises, for example score >= hot_score - review_band."
                yield (part, at, "when"), "a distance that moves with the guard", "boundary_distance", do
    used = {threshold.name for threshold in raising.thresholds.values()}
    for name in guard.raises:
        if name not in used:
            do = "Only human tiers and conditions with effect human that shed are guarded."
            yield ("guard", "raises", name), "a value that guarded rows use", "no use of it", do


def _codes(document: Document) -> Found:
    if "OTHER" not in document.codes:
        do = "Without it people pick a wrong code when none fits."
        yield ("codes",), "OTHER among the codes", "none", do
