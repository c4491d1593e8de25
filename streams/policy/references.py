"""Faults between the parts of a document: names that point nowhere, rows that stand twice, tiers that leave a gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from zoneinfo import available_timezones

from streams.core.fact_table import FACT
from streams.policy.document import Document
from streams.policy.expressions import tier_macros
from streams.policy.faults import Fault
from streams.policy.places import Places, Step

Found = Iterator[tuple[tuple[Step, ...], str, str, str]]  # (where, expected, got, what to do)


def reference_faults(document: Document, places: Places) -> Iterator[Fault]:
    """Every fault of this kind."""
    for check in (_ids, _tiers, _targets, _overflows, _names, _calendar, _lawful, _guard, _learning):
        for loc, expected, got, do in check(document):
            yield Fault(places.path(loc), places.line(loc), expected, got, do)


def _ids(document: Document) -> Found:
    for part in ("tiers", "conditions"):
        rows = getattr(document, part)
        twice = _repeated(row.id for row in rows)
        for at, row in enumerate(rows):
            if row.id in twice:
                yield (part, at, "id"), "an id that no other row has", row.id, "Rename one of them."
    features = _repeated(term.feature for term in document.score.terms)
    for at, term in enumerate(document.score.terms):
        if term.feature in features:
            yield ("score", "terms", at), "each feature once", term.feature, "Remove one of them."


def _learning(document: Document) -> Found:
    for at, outcome in enumerate(document.learning.negative):
        if outcome in document.learning.positive:
            expected = "an outcome that is not among `positive`"
            yield ("learning", "negative", at), expected, outcome, "Remove one of them."


def _tiers(document: Document) -> Found:
    *above, last = document.tiers
    at = len(above)
    if last.when != "true":
        do = "Give the last tier `when: true`, so that every lead has a tier."
        yield ("tiers", at, "when"), "true in the last tier", last.when, do
    for position, tier in enumerate(above):
        if tier.when == "true":
            do = "Move it to the end: no tier below it can ever match."
            yield ("tiers", position, "when"), "an expression that can be false", "true", do
    for position, tier in enumerate(document.tiers):
        if tier.human and tier.sla is None:
            yield ("tiers", position, "sla"), "an SLA: a human tier opens cases", "nothing", _one_of(document.slas)


def _targets(document: Document) -> Found:
    for part in ("tiers", "conditions"):
        for at, row in enumerate(getattr(document, part)):
            if row.queue not in document.queues:
                yield (part, at, "queue"), "a queue of `queues`", row.queue, _one_of(document.queues)
            if row.sla is not None and row.sla not in document.slas:
                yield (part, at, "sla"), "an SLA of `slas`", row.sla, _one_of(document.slas)
    for name, sla in document.slas.items():
        if sla.also is not None and (sla.also == name or sla.also not in document.slas):
            yield ("slas", name, "also"), "another SLA of `slas`", sla.also, _one_of(document.slas)


def _overflows(document: Document) -> Found:
    for name, queue in document.queues.items():
        if queue.overflow is not None and queue.overflow not in document.queues:
            yield ("queues", name, "overflow"), "a queue of `queues`", queue.overflow, _one_of(document.queues)


def _names(document: Document) -> Found:
    tier_words = tier_macros((tier.id, "") for tier in document.tiers)
    taken = {**dict.fromkeys(FACT, "a fact"), **dict.fromkeys(tier_words, "a word for tiers")}
    for part, names in (("values", dict(document.values)), ("terms", document.terms)):
        for name in names:
            if name in taken:
                yield (part, name), "a name that is free", f"{name}, {taken[name]}", "Rename it."
        taken.update(dict.fromkeys(names, f"already in `{part}`"))


def _calendar(document: Document) -> Found:
    calendar = document.calendar
    if calendar.start_hour >= calendar.end_hour:
        got = f"{calendar.start_hour} to {calendar.end_hour}"
        yield ("calendar", "end_hour"), "an hour after start_hour", got, "Working hours stand within one day."
    if calendar.time_zone not in available_timezones():
        yield ("calendar", "time_zone"), "an IANA time zone", calendar.time_zone, "For example UTC or Europe/Berlin."
    if len(set(calendar.weekend)) == len(set(range(7))):
        yield ("calendar", "weekend"), "at least one working day", "seven days", "No deadline would ever come."


def _lawful(document: Document) -> Found:
    gate = document.gate
    for place in gate.lawful:
        is_country = len(place) == 2 and place.isascii() and place.isupper()
        if not (is_country or place in gate.regions or place in ("other", "unknown")):
            expected = "a country code, a region of `regions`, other or unknown"
            yield ("gate", "lawful", place), expected, place, "Correct it."
    for place in ("other", "unknown"):
        if place not in gate.lawful:
            do = f"Add a row `{place}`: what is accepted where no other row applies."
            yield ("gate", "lawful"), f"a row {place}", "none", do


def _guard(document: Document) -> Found:
    guard, values = document.guard, document.values.model_dump()
    for name in guard.raises:
        if name not in values:
            yield ("guard", "raises", name), "a number of `values`", name, _one_of(values)
    for at, queue in enumerate(guard.never):
        if queue not in document.queues:
            yield ("guard", "never", at), "a queue of `queues`", queue, _one_of(document.queues)
    if guard.full_at <= guard.starts_at:
        do = "Thresholds rise from starts_at on and are at their highest at full_at."
        yield ("guard", "full_at"), f"more than starts_at, {guard.starts_at:g}", f"{guard.full_at:g}", do
    if guard.step > guard.most_points:
        yield ("guard", "step"), f"at most most_points, {guard.most_points}", str(guard.step), "Lower it."


def _repeated(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name, count in Counter(names).items() if count > 1)


def _one_of(names: Iterable[str]) -> str:
    return f"Use one of {', '.join(names)}, or add it there."
