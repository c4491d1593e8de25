"""The KPIs as they stand: rates with intervals, over the policy's window, from the books of governance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from streams.core.policy import GovernanceRow
from streams.core.windows import BINS
from streams.lab.books import ENDS, Books
from streams.lab.counts import Hour, Person
from streams.lab.drift import Limits, Numbers, Shift, shift_of_histograms, shift_of_values
from streams.lab.fairness import Finding, Rules, Tally, findings
from streams.lab.rates import Rate, added, no_waits, rate, wait_quantile

BIN_POINTS = 100 / BINS
Predict = Callable[[Mapping[str, float | str]], float]


class Stamping(NamedTuple):
    """How one person decides. `unread`: approved unread, of all decided: the rubber-stamp index."""

    actor: str
    unread: Rate
    agree: Rate  # approved, of all decided
    opened: Rate  # with evidence opened
    audits: Rate  # blind audits that agreed with automation
    dwell_ms: float | None  # median


class Scores(NamedTuple):
    """Scores of the window. `former` is the mean before the last change of policy version or model line."""

    n: int
    mean: float | None
    former: float | None
    bins: int  # that hold any


class Kpis(NamedTuple):
    at: int
    automation: Rate
    overrides: Rate
    acceptance: Rate
    acceptance_by_tier: Mapping[str, Rate]
    acceptance_by_code: Mapping[str, Rate]
    attainment: Rate
    attainment_before: Rate  # the window before
    attainment_by_queue: Mapping[str, Rate]
    response_ms: Mapping[str, float]  # queue -> median from opened to claimed, wall time
    false_accept: Rate
    false_suppress: Rate
    violations: int
    sends_on_hold: int
    scores: Scores
    drift: Shift
    fairness: tuple[Finding, ...]
    reviewers: tuple[Stamping, ...]
    log_loss: float | None  # of the newest labels, as many as the policy says
    log_loss_before: float | None


class Comparisons(NamedTuple):
    """What takes longer to work out than all the rest, and changes less often."""

    drift: Shift
    fairness: tuple[Finding, ...]


def compare(books: Books, settings: GovernanceRow, predict: Predict | None) -> Comparisons:
    """Then with now, and groups with each other. `predict`: the deciding model's probability for features."""
    return Comparisons(drift_of(books, settings, predict), findings(_tallies(books, settings), rules_of(settings)))


def kpis_of(books: Books, settings: GovernanceRow, compared: Comparisons) -> Kpis:
    """Everything that governance knows now."""
    now, window, sure = books.now, settings.window_ms, settings.confidence
    hours = list(books.recent_hours(now - window, now + 1))
    before = list(books.recent_hours(now - 2 * window, now - window))
    counts = total_counts(hours)
    ends = summed((end for hour in hours for end in hour.ends.items()), len(ENDS))
    codes = summed((end for hour in hours for end in hour.codes.items()), len(ENDS))
    sla = summed((end for hour in hours for end in hour.sla.items()), 2)
    waits = summed((wait for hour in hours for wait in hour.waits.items()), len(no_waits()))
    all_ends = added(ends.values(), len(ENDS))
    days = list(books.recent_days(settings.fairness_window_ms))
    accepted, suppressed = (added((getattr(day, name) for day in days), 2) for name in ("accepted", "suppressed"))
    this, last = _losses(books, settings)
    return Kpis(
        at=now,
        automation=rate(counts.get("routed", 0) - counts.get("human", 0), counts.get("routed", 0), sure),
        overrides=rate(all_ends[2], sum(all_ends[:3]), sure),
        acceptance=_acceptance(all_ends, sure),
        acceptance_by_tier={tier: _acceptance(end, sure) for tier, end in sorted(ends.items())},
        acceptance_by_code={code: _acceptance(end, sure) for code, end in sorted(codes.items())},
        attainment=_attainment(hours, sure),
        attainment_before=_attainment(before, sure),
        attainment_by_queue={queue: rate(met, met + missed, sure) for queue, (met, missed) in sorted(sla.items())},
        response_ms={queue: wait_quantile(wait) or 0.0 for queue, wait in sorted(waits.items())},
        false_accept=rate(accepted[1], accepted[0], sure),
        false_suppress=rate(suppressed[1], suppressed[0], sure),
        violations=counts.get("send:unauthorised", 0),
        sends_on_hold=counts.get("send:on_hold", 0),
        scores=_scores(books, settings),
        drift=compared.drift,
        fairness=compared.fairness,
        reviewers=tuple(stampings(people_of(books, settings), sure)),
        log_loss=this,
        log_loss_before=last,
    )


def limits_of(settings: GovernanceRow) -> Limits:
    return Limits(settings.drift_bins, settings.drift_psi, settings.drift_quantile, settings.drift_least)


def rules_of(settings: GovernanceRow) -> Rules:
    return Rules(
        settings.fairness_least_ratio,
        settings.fairness_least,
        settings.fairness_least_share,
        settings.confidence,
        settings.fairness_error,
    )


def total_counts(hours: Iterable[Hour]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for hour in hours:
        for name, count in hour.counts.items():
            counts[name] = counts.get(name, 0) + count
    return counts


def summed(pairs: Iterable[tuple[str, list[int]]], bins: int) -> dict[str, list[int]]:
    """Lists of counts added up by name."""
    found: dict[str, list[list[int]]] = {}
    for name, counts in pairs:
        found.setdefault(name, []).append(counts)
    return {name: added(lists, bins) for name, lists in found.items()}


def people_of(books: Books, settings: GovernanceRow) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for day in books.recent_days(settings.fairness_window_ms):
        for actor, seen in day.people.items():
            add_person(people.setdefault(actor, Person()), seen)
    return people


def add_person(into: Person, seen: Person) -> None:
    for name in ("decided", "approved", "stamped", "opened", "audited", "agreed"):
        setattr(into, name, getattr(into, name) + getattr(seen, name))
    into.dwell = added((into.dwell, seen.dwell))


def stampings(people: Mapping[str, Person], confidence: float) -> Iterable[Stamping]:
    """Reviewers, the one who looks least first."""
    found = (
        Stamping(
            actor,
            rate(person.stamped, person.decided, confidence),
            rate(person.approved, person.decided, confidence),
            rate(person.opened, person.decided, confidence),
            rate(person.agreed, person.audited, confidence),
            wait_quantile(person.dwell),
        )
        for actor, person in people.items()
    )
    return sorted(found, key=lambda one: (-(one.unread.value or 0.0), one.actor))


def mean_score(scores: Iterable[int]) -> float | None:
    """Of a histogram, each score taken as the middle of its bin."""
    counts = np.fromiter(scores, float)
    total = counts.sum()
    return float(((np.arange(len(counts)) + 0.5) * BIN_POINTS * counts).sum() / total) if total else None


def _acceptance(ends: list[int], confidence: float) -> Rate:
    approved, rejected, _, expired = ends
    return rate(approved, approved + rejected + expired, confidence)


def _attainment(hours: Iterable[Hour], confidence: float) -> Rate:
    met, missed = added((pair for hour in hours for pair in hour.sla.values()), 2)
    return rate(met, met + missed, confidence)


def _current(books: Books, settings: GovernanceRow) -> list[int]:
    hours = books.recent_hours(books.now - settings.window_ms, books.now + 1, books.regime)
    return added((hour.scores for hour in hours), BINS)


def _scores(books: Books, settings: GovernanceRow) -> Scores:
    now = _current(books, settings)
    return Scores(sum(now), mean_score(now), mean_score(books.former), sum(count > 0 for count in now))


def drift_of(books: Books, settings: GovernanceRow, predict: Predict | None) -> Shift:
    """Scores then and now, as one and the same scorer gives them: a model that learns moves its scores by itself.

    The rules do not move, so what they gave is compared. A model (`predict`: the probability that it gives to features)
    scores a sample of the reference's examples and the newest ones again.
    """
    limits = limits_of(settings)
    if books.is_rules or predict is None:
        current = _current(books, settings) if books.is_rules else []
        return shift_of_histograms(books.reference, current or [0] * BINS, limits)
    then, now = (np.array([predict(one.features) for one in kept]) for kept in (books.sample, books.newest))
    return shift_of_values(then, now, limits)


def _tallies(books: Books, settings: GovernanceRow) -> dict[str, dict[str, Tally]]:
    found: dict[str, dict[str, Tally]] = {}
    for day in books.recent_days(settings.fairness_window_ms):
        for group, values in day.groups.items():
            if group in settings.groups:
                for value, tally in values.items():
                    found.setdefault(group, {}).setdefault(value, Tally()).add(tally)
    for values in found.values():
        for tally in values.values():  # corrections may outlive what they correct
            tally.good = max(tally.good, 0)
            tally.missed = min(max(tally.missed, 0), tally.good)
    return found


def _losses(books: Books, settings: GovernanceRow) -> tuple[float | None, float | None]:
    """Mean log-loss of the newest labels, and of those before."""
    newest, before = losses_of(books, settings)
    return (float(newest.mean()) if len(newest) else None, float(before.mean()) if len(before) else None)


def losses_of(books: Books, settings: GovernanceRow) -> tuple[Numbers, Numbers]:
    """Log-losses of the newest labels, as many as the policy says, and of those before."""
    losses = np.array(books.losses, float)
    return losses[-settings.log_loss_labels :], losses[: -settings.log_loss_labels]
