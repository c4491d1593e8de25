"""A month's records, counted: what the monthly review is made of.

Law of this module: one pass, any order, and bounded whatever comes: by conditions, codes, tiers, queues, people and
days, never by leads. A record counts when its own time lies in the month.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from streams.core.context import Alarm, ControlChange
from streams.core.effects import EmitExample, RecordDecision, UpdateCase
from streams.core.erasure import ERASED, FORGOTTEN
from streams.core.erasure import TIER as ERASED_TIER
from streams.core.events import CaseReview, OutcomeLabel
from streams.core.policy import GovernanceRow
from streams.core.windows import BINS, EVERYBODY, WAIT_BINS, WindowStats, wait_bin
from streams.lab.books import (
    AUDIT,
    BREACHES,
    MOST_PEOPLE,
    is_auto_accepted,
    is_refusal,
    is_suppressed_by_chance,
    line_of,
    probability_of,
)
from streams.lab.counts import Person
from streams.lab.drift import log_loss
from streams.lab.fairness import Tally
from streams.lab.rates import no_waits

DAY_MS = 86_400_000
ENDS = ("approved", "rejected", "overridden", "expired", "withdrawn", "superseded")
MOST_FLOWS = 5_000
MOST_CLAIMED = 50_000
MOST_ENTRIES = 2_000  # alarms and changes that are listed
NO_REASON = "no reason stated"
WITHIN_HORIZON = "nothing within the horizon"
_OVERRIDE = re.compile(r"overridden by .+?: (?P<code>[A-Z_]+), (?P<before>\S+) to (?P<after>[^\s;]+)")
_REJECT = re.compile(r"rejected by .+?: (?P<code>[A-Z_]+)")


class Flow(NamedTuple):
    """What people changed: a case of a condition, from one tier to another, for a reason."""

    condition: str
    code: str  # that the person gave
    before: str
    after: str


class InForce(msgspec.Struct):
    """A policy version or a model line: from when to when it decided, and how often."""

    first_at: int
    last_at: int
    first: str  # version
    last: str
    decisions: int = 0


class Condition(msgspec.Struct):
    code: str = ""
    decisions: int = 0  # that found it
    ends: dict[str, int] = {}  # cases by ENDS
    rejected: Counter[str] = msgspec.field(default_factory=Counter)  # by reason code


class Entry(msgspec.Struct):
    """One line of the log of alarms and changes."""

    at: int
    actor: str
    what: str
    detail: str
    on: bool | None = None  # of an alarm


class Month(msgspec.Struct):
    """From `start` to before `end`, ms UTC."""

    start: int
    end: int
    decisions: int = 0
    human: int = 0
    explored: int = 0
    tiers: Counter[str] = msgspec.field(default_factory=Counter)
    policies: dict[str, InForce] = {}
    models: dict[str, InForce] = {}
    conditions: dict[str, Condition] = {}
    flows: Counter[Flow] = msgspec.field(default_factory=Counter)
    ends: Counter[str] = msgspec.field(default_factory=Counter)
    ends_by_tier: dict[str, Counter[str]] = {}
    sla: dict[str, list[int]] = {}  # queue -> met, breached
    waits: dict[str, list[int]] = {}  # queue -> from opened to taken
    claimed: dict[str, int] = {}
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    corrections: int = 0
    labels: dict[str, list[int]] = {}  # tier -> labelled, good
    accepted: list[int] = msgspec.field(default_factory=lambda: [0, 0])  # by automation: labelled, bad
    sampled: list[int] = msgspec.field(default_factory=lambda: [0, 0])  # suppressed, drawn by chance: labelled, good
    false_positives: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # tier, why
    false_negatives: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # tier, outcome
    losses: dict[int, list[float]] = {}  # day -> labels of a model, summed log-loss
    counts: Counter[str] = msgspec.field(default_factory=Counter)  # of the lanes' windows
    scores: dict[int, list[int]] = {}  # day -> histogram
    groups: dict[str, dict[str, Tally]] = {}
    people: dict[str, Person] = {}
    alarms: list[Entry] = []
    changes: list[Entry] = []
    erased: int = 0  # leads that were forgotten
    cut: list[str] = []  # topics that no longer keep the beginning of the month

    def holds(self, at: int) -> bool:
        return self.start <= at < self.end

    @property
    def is_empty(self) -> bool:
        seen = (self.ends, self.labels, self.outcomes, self.counts, self.groups, self.people)
        return not (self.decisions or any(seen))

    def day_of(self, at: int) -> int:
        return (at - self.start) // DAY_MS


def take(month: Month, record: Any, settings: GovernanceRow) -> None:
    """Count one record; what no review looks at, and what lies outside the month, counts for nothing."""
    counted = _COUNTED.get(type(record))
    if counted is not None:
        counted(month, record, settings)


def _decision(month: Month, decision: RecordDecision, _: GovernanceRow) -> None:
    if not month.holds(decision.now):
        return
    if decision.tier == ERASED_TIER:  # no decision about how a lead is worked
        month.erased += FORGOTTEN in decision.effects
        return
    month.decisions += 1
    month.human += decision.human
    month.explored += decision.explore
    month.tiers[decision.tier] += 1
    _in_force(month.policies, decision.policy_version, decision.policy_version, decision.now)
    _in_force(month.models, line_of(decision.model_version), decision.model_version, decision.now)
    for reason in decision.conditions:
        condition = month.conditions.setdefault(reason.condition, Condition())
        condition.code = reason.code
        condition.decisions += 1


def _in_force(into: dict[str, InForce], name: str, version: str, at: int) -> None:
    known = into.setdefault(name, InForce(at, at, version, version))
    known.decisions += 1
    if at < known.first_at:
        known.first_at, known.first = at, version
    if at >= known.last_at:
        known.last_at, known.last = at, version


def _case(month: Month, case: UpdateCase, _: GovernanceRow) -> None:
    if not month.holds(case.changed_at) or is_refusal(case):
        return
    if case.claimed_by is not None and case.case_id not in month.claimed:
        month.waits.setdefault(case.queue, no_waits())[wait_bin(case.changed_at - case.opened_at)] += 1
        month.claimed[case.case_id] = case.changed_at
        if len(month.claimed) > MOST_CLAIMED:
            del month.claimed[next(iter(month.claimed))]
    if case.status != "closed" or case.end is None:
        return
    month.claimed.pop(case.case_id, None)
    month.ends[case.end] += 1
    month.ends_by_tier.setdefault(case.tier, Counter())[case.end] += 1
    if case.sla_state == "met" or case.sla_state in BREACHES:
        month.sla.setdefault(case.queue, [0, 0])[case.sla_state in BREACHES] += 1
    if any(reason.condition == ERASED for reason in case.reasons):  # which conditions it had is forgotten
        return
    override, reject = _OVERRIDE.search(case.change), _REJECT.search(case.change)
    for reason in {reason.condition: reason for reason in case.reasons}.values():
        condition = month.conditions.setdefault(reason.condition, Condition())
        condition.code = condition.code or reason.code
        condition.ends[case.end] = condition.ends.get(case.end, 0) + 1
        if reject is not None:
            condition.rejected[reject["code"]] += 1
        if override is not None:
            flow = Flow(reason.condition, override["code"], override["before"], override["after"])
            if flow in month.flows or len(month.flows) < MOST_FLOWS:
                month.flows[flow] += 1
    if case.claimed_by is not None and any(reason.code == AUDIT for reason in case.reasons):
        person = _person(month, case.claimed_by)
        if person is not None:
            person.audited += 1
            person.agreed += case.end == "approved"


def _label(month: Month, label: OutcomeLabel, _: GovernanceRow) -> None:
    if month.holds(label.occurred_at):
        month.outcomes[label.outcome] += 1
        month.corrections += label.supersedes is not None


def _example(month: Month, example: EmitExample, settings: GovernanceRow) -> None:
    if not month.holds(example.emitted_at):
        return
    if example.supersedes is not None and example.previous is not None:
        if example.previous == example.label:
            return
        _count_label(month, example, example.previous, -1, settings)
    _count_label(month, example, example.label, 1, settings)
    probability = probability_of(example)
    if probability is not None:
        day = month.losses.setdefault(month.day_of(example.emitted_at), [0, 0.0])
        day[0] += 1
        day[1] += log_loss(probability, example.label)


def _count_label(month: Month, example: EmitExample, label: bool, sign: int, settings: GovernanceRow) -> None:
    pair = month.labels.setdefault(example.tier, [0, 0])
    pair[0] += sign
    pair[1] += sign * label
    if is_auto_accepted(example):
        month.accepted[0] += sign
        month.accepted[1] += sign * (not label)
    if is_suppressed_by_chance(example):
        month.sampled[0] += sign
        month.sampled[1] += sign * label
    if example.selected and not label:
        # A correction does not tell the reason of what it corrects; nearly always nothing was heard in time.
        stated = example.reason_code or f"{example.outcome}, {NO_REASON}"
        why = WITHIN_HORIZON if example.provisional or sign < 0 else stated
        month.false_positives[example.tier, why] += sign
    if label and not example.selected:
        month.false_negatives[example.tier, example.outcome] += sign
    if label:
        for group, value in example.groups.items():
            if group in settings.groups:
                tally = month.groups.setdefault(group, {}).setdefault(value, Tally())
                tally.good += sign
                tally.missed += sign * (not example.selected)


def _window(month: Month, stats: WindowStats, settings: GovernanceRow) -> None:
    if not month.holds(stats.window_start):
        return
    if stats.group == EVERYBODY:
        month.counts.update(stats.counts)
        scores = month.scores.setdefault(month.day_of(stats.window_start), [0] * BINS)
        for at, count in enumerate(stats.scores):
            scores[at] += count
    elif stats.group in settings.groups:
        tally = month.groups.setdefault(stats.group, {}).setdefault(stats.value, Tally())
        tally.decided += stats.counts.get("routed", 0)
        tally.selected += stats.counts.get("selected", 0)
        for at in range(WAIT_BINS):
            tally.waits[at] += stats.counts.get(f"wait:{at}", 0)


def _review(month: Month, review: CaseReview, settings: GovernanceRow) -> None:
    if month.holds(review.occurred_at):
        person = _person(month, review.actor)
        if person is not None:
            person.see(review, settings.stamp_dwell_ms)


def _person(month: Month, actor: str) -> Person | None:
    if actor not in month.people and len(month.people) >= MOST_PEOPLE:
        return None
    return month.people.setdefault(actor, Person())


def _change(month: Month, change: ControlChange, _: GovernanceRow) -> None:
    if month.holds(change.at) and len(month.changes) < MOST_ENTRIES:
        what = f"{change.topic.removeprefix('control.')}: {change.key}"
        month.changes.append(Entry(change.at, change.actor, what, change.summary or change.reason))


def _alarm(month: Month, alarm: Alarm, _: GovernanceRow) -> None:
    if month.holds(alarm.at) and len(month.alarms) < MOST_ENTRIES:
        month.alarms.append(Entry(alarm.at, alarm.actor, alarm.name, alarm.detail or alarm.reason, alarm.on))


_COUNTED: dict[type, Callable[[Month, Any, GovernanceRow], None]] = {
    RecordDecision: _decision,
    UpdateCase: _case,
    OutcomeLabel: _label,
    EmitExample: _example,
    WindowStats: _window,
    CaseReview: _review,
    ControlChange: _change,
    Alarm: _alarm,
}
