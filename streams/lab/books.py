"""What governance remembers: counts by hour and by day, each bounded, each a fold over what came in.

Law of this module: nothing here grows with the number of leads, and time is that of the records: the newest of them is
`now`, and what is older than twice its window is forgotten. Records may come from several topics in any order.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from zlib import crc32

import msgspec

from streams.core.effects import EmitExample, UpdateCase
from streams.core.events import CaseReview
from streams.core.policy import GovernanceRow
from streams.core.roles import RULES
from streams.core.windows import BINS, EVERYBODY, OTHER, WAIT_BINS, WindowStats, wait_bin
from streams.lab.counts import Day, Hour, Kept, Person
from streams.lab.drift import log_loss
from streams.lab.fairness import Tally
from streams.lab.forgetting import trace_of
from streams.lab.rates import no_waits

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MOST_VALUES = 200  # of one group; leads with further ones are counted as OTHER
MOST_PEOPLE = 1_000
MOST_CLAIMED = 20_000  # cases that somebody holds
SAMPLE = 400  # examples that are kept of the reference, and as many of the newest
BASELINES = 4  # log-loss is compared with so many times as many labels before
ENDS = ("approved", "rejected", "overridden", "expired")
BREACHES = frozenset({"breached", "escalated_150", "escalated_200"})
AUDIT = "AUDIT_SAMPLE"


class Books(msgspec.Struct, array_like=True, gc=False):
    """All of it. `regime` numbers the policy versions and model lines in force, one after the other."""

    now: int = 0
    regime: int = 0
    regime_name: str = ""
    regime_at: int = 0
    is_rules: bool = True  # the policy's own score decides: the same function all along
    # Scores of the regime before, its last window; and the first ones of this regime.
    former: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    reference: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    hours: dict[str, Hour] = {}  # "<start>/<regime>"
    days: dict[str, Day] = {}  # "<start>"
    losses: list[float] = []  # of the newest labels, oldest first
    sample: list[Kept] = []  # of the reference, lowest lots first
    newest: list[Kept] = []  # oldest first
    claimed: dict[str, int] = {}  # cases that somebody holds: seen, not to be counted twice

    def take_window(self, stats: WindowStats, settings: GovernanceRow) -> None:
        """Count one window of one lane."""
        self._pass(stats.window_start + stats.window_ms, settings)
        if stats.group != EVERYBODY:
            tally = self._tally(stats.window_start, stats.group, stats.value)
            tally.decided += stats.counts.get("routed", 0)
            tally.selected += stats.counts.get("selected", 0)
            for at in range(WAIT_BINS):
                tally.waits[at] += stats.counts.get(f"wait:{at}", 0)
            return
        number = self._regime_of(stats, settings)
        hour = self._hour(stats.window_start, number)
        for name, count in stats.counts.items():
            hour.counts[name] = hour.counts.get(name, 0) + count
        _add(hour.scores, stats.scores)
        if number == self.regime and stats.window_start < self.regime_at + settings.drift_reference_ms:
            _add(self.reference, stats.scores)

    def take_example(self, example: EmitExample, settings: GovernanceRow) -> float | None:
        """Count one label. Gives its log-loss, None when no model spoke or nothing new is said."""
        self._pass(example.emitted_at, settings)
        is_correction = example.supersedes is not None and example.previous is not None
        if is_correction:
            if example.previous == example.label:
                return None
            self._label(example, bool(example.previous), -1)
        self._label(example, example.label, 1)
        if not is_correction:
            self._keep(example, settings)
        probability = probability_of(example)
        if probability is None:
            return None
        loss = log_loss(probability, example.label)
        self.losses.append(loss)
        del self.losses[: -settings.log_loss_labels * (BASELINES + 1)]
        return loss

    def forget(self, lead_id: str) -> None:
        """Keep none of the lead's examples; what was counted of it stays among the counts."""
        trace = trace_of(lead_id)
        self.sample = [one for one in self.sample if one.lead != trace]
        self.newest = [one for one in self.newest if one.lead != trace]

    def take_case(self, case: UpdateCase, settings: GovernanceRow) -> None:
        """Count what a change of a case says: claimed, decided, met or breached."""
        if is_refusal(case):
            return
        self._pass(case.changed_at, settings)
        hour = self._hour(case.changed_at, self.regime if case.changed_at >= self.regime_at else self.regime - 1)
        if case.claimed_by is not None and case.case_id not in self.claimed:
            waits = hour.waits.setdefault(case.queue, no_waits())
            waits[wait_bin(case.changed_at - case.opened_at)] += 1
            self.claimed[case.case_id] = case.changed_at
            if len(self.claimed) > MOST_CLAIMED:
                del self.claimed[next(iter(self.claimed))]
        if case.status != "closed" or case.end is None:
            return
        self.claimed.pop(case.case_id, None)
        if case.end in ENDS:
            at = ENDS.index(case.end)
            hour.ends.setdefault(case.tier, [0] * len(ENDS))[at] += 1
            for code in {reason.code for reason in case.reasons}:
                hour.codes.setdefault(code, [0] * len(ENDS))[at] += 1
            if case.sla_state == "met" or case.sla_state in BREACHES:
                hour.sla.setdefault(case.queue, [0, 0])[case.sla_state in BREACHES] += 1
        person = self._person(case.changed_at, case.claimed_by) if case.claimed_by else None
        if person is not None and any(reason.code == AUDIT for reason in case.reasons):
            person.audited += 1
            person.agreed += case.end == "approved"

    def take_review(self, review: CaseReview, settings: GovernanceRow) -> None:
        """Count how a person decided."""
        person = self._person(review.occurred_at, review.actor)
        if person is not None:
            person.see(review, settings.stamp_dwell_ms)

    def recent_hours(self, first_at: int, until: int, regime: int | None = None) -> Iterator[Hour]:
        """Hours that begin in a span, of one regime or of all."""
        for key, hour in self.hours.items():
            start, _, number = key.partition("/")
            if first_at <= int(start) < until and regime in (None, int(number)):
                yield hour

    def recent_days(self, window_ms: int) -> Iterator[Day]:
        first_at = self.now - window_ms
        return (day for start, day in self.days.items() if int(start) + DAY_MS > first_at)

    def _regime_of(self, stats: WindowStats, settings: GovernanceRow) -> int:
        """The number of the window's regime; a new one begins when a later window than its start names another."""
        name = f"{stats.policy_version}/{line_of(stats.model_version)}"
        if name == self.regime_name:
            return self.regime
        if stats.window_start <= self.regime_at and self.regime_name:
            return self.regime - 1  # a lane that was not so far yet
        if sum(self.reference) >= settings.drift_least:
            self.former = self._scores_of(self.regime, settings) or self.reference
        self.reference, self.sample = [0] * BINS, []
        self.regime_name, self.regime_at, self.is_rules = name, stats.window_start, stats.model_version == RULES
        self.regime += 1
        return self.regime

    def _scores_of(self, regime: int, settings: GovernanceRow) -> list[int] | None:
        scores = [0] * BINS
        for hour in self.recent_hours(self.now - settings.window_ms, self.now + 1, regime):
            _add(scores, hour.scores)
        return scores if sum(scores) >= settings.drift_least else None

    def _label(self, example: EmitExample, label: bool, sign: int) -> None:
        day = self._day(example.emitted_at)
        for group, value in example.groups.items():
            if label:
                tally = self._tally(example.emitted_at, group, value)
                tally.good += sign
                tally.missed += sign * (not example.selected)
        _count(day.tiers.setdefault(example.tier, [0, 0]), sign, label)
        if is_auto_accepted(example):
            _count(day.accepted, sign, not label)
        if is_suppressed_by_chance(example):
            _count(day.suppressed, sign, label)

    def _keep(self, example: EmitExample, settings: GovernanceRow) -> None:
        kept = Kept(crc32(example.example_id.encode()), example.features, trace_of(example.lead_id))
        self.newest.append(kept)
        del self.newest[:-SAMPLE]
        if self.regime_at <= example.decided_at < self.regime_at + settings.drift_reference_ms:
            insort(self.sample, kept, key=lambda one: one.lot)
            del self.sample[SAMPLE:]

    def _pass(self, at: int, settings: GovernanceRow) -> None:
        """Let the newest record's time be now, and forget what is too old."""
        if at <= self.now:
            return
        is_new_hour = at // HOUR_MS != self.now // HOUR_MS
        self.now = at
        if is_new_hour:
            hours_from = at - 2 * settings.window_ms - HOUR_MS
            self.hours = {key: hour for key, hour in self.hours.items() if int(key.partition("/")[0]) >= hours_from}
            days_from = at - settings.fairness_window_ms - DAY_MS
            self.days = {key: day for key, day in self.days.items() if int(key) >= days_from}

    def _hour(self, at: int, regime: int) -> Hour:
        key = f"{at // HOUR_MS * HOUR_MS}/{regime}"
        return self.hours.setdefault(key, Hour())

    def _day(self, at: int) -> Day:
        key = str(at // DAY_MS * DAY_MS)
        return self.days.setdefault(key, Day())

    def _tally(self, at: int, group: str, value: str) -> Tally:
        values = self._day(at).groups.setdefault(group, {})
        if value not in values and len(values) >= MOST_VALUES:
            value = OTHER
        return values.setdefault(value, Tally())

    def _person(self, at: int, actor: str) -> Person | None:
        people = self._day(at).people
        return people.setdefault(actor, Person()) if actor in people or len(people) < MOST_PEOPLE else None


def probability_of(example: EmitExample) -> float | None:
    """What the model that decided gave; where the rules decided, the first of the models that looked on."""
    said = example.predictions
    return said.get(example.model_version, next((said[name] for name in sorted(said)), None))


def is_refusal(case: UpdateCase) -> bool:
    """Whether it is an answer to somebody who could not act: the case is as before, or there is none."""
    return case.version < 1 or case.change.partition(" ")[2].startswith("refused: ")


def is_auto_accepted(example: EmitExample) -> bool:
    """Whether automation accepted the lead, and not merely to explore."""
    return example.selected and not example.human and not example.explore


def is_suppressed_by_chance(example: EmitExample) -> bool:
    """Whether the lead is a fair sample of those that are suppressed: explored instead, or audited blindly."""
    return example.explore or (example.audit and not example.selected)


def line_of(model_version: str) -> str:
    """The learner that a version is a snapshot of: online-000123 -> online."""
    line, _, number = model_version.rpartition("-")
    return line if line and number.isdigit() else model_version


def _add(into: list[int], counts: tuple[int, ...] | list[int]) -> None:
    for at, count in enumerate(counts):
        into[at] += count


def _count(pair: list[int], sign: int, hit: bool) -> None:
    pair[0] += sign
    pair[1] += sign * hit
