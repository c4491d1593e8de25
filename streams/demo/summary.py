"""What the demo saw on the output topics, counted, and whether every record that went in came out somewhere.

Law of this module: pure. The counts come from committed output records; what a worker says about itself is used only
for records that by design leave no record: duplicates and events without consequence.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from streams.core.effects import (
    AnswerRequest,
    CommandCadence,
    EmitExample,
    PublishScore,
    RecordDecision,
    RouteLead,
    UpdateCase,
)
from streams.lane.deadletters import DeadLetter
from streams.lane.processor import JournalEntry
from streams.topics import ERASURES

TICK = "lane.tick"
BREACHED = frozenset({"breached", "escalated_150", "escalated_200"})
RECENT = 8
Place = tuple[str, int, int]  # topic, partition, offset of an input


COLD_SECONDS = 5.0  # a fresh broker's first seconds go to its compiler: their latency is told apart


@dataclass(slots=True)
class Latency:
    """From produce to visible, joined by the place of the input record."""

    produced: dict[Place, float] = field(default_factory=dict)
    seen: dict[Place, float] = field(default_factory=dict)
    first_at: float = math.inf  # when the first record was sent
    taken: list[tuple[float, float]] = field(default_factory=list)  # (sent, seconds until visible)

    def sent(self, place: Place, at: float) -> None:
        self.first_at = min(self.first_at, at)
        if (seen := self.seen.pop(place, None)) is not None:
            self.taken.append((at, seen - at))
        else:
            self.produced[place] = at

    def visible(self, place: Place, at: float) -> None:
        if (produced := self.produced.pop(place, None)) is not None:
            self.taken.append((produced, at - produced))
        else:
            self.seen[place] = at

    def quantiles(self, after: float = 0.0) -> dict[str, float | int | None]:
        """{p50, p99, n} in milliseconds, of what was sent `after` seconds from the first record on."""
        ordered = sorted(seconds for sent, seconds in self.taken if sent >= self.first_at + after)
        last = len(ordered) - 1
        p50, p99 = (
            round(1000 * ordered[min(last, int(len(ordered) * share))], 1) if ordered else None for share in (0.5, 0.99)
        )
        return {"p50": p50, "p99": p99, "n": len(ordered)}


@dataclass(slots=True)
class Tally:
    """Everything that was seen so far. `see` each record of an output topic once."""

    decided: int = 0  # inputs with a decision record
    erasures: int = 0  # of those: requests to erase, which others sent
    timers: int = 0  # decisions that a timer made
    journaled: int = 0  # inputs that committed transactions say they took in
    routes: dict[str, RouteLead] = field(default_factory=dict)  # by lead, the last one
    human_leads: set[str] = field(default_factory=set)  # that needed a person at some time
    cases: dict[str, UpdateCase] = field(default_factory=dict)  # by case, the last state
    ends: Counter[str] = field(default_factory=Counter)
    breached: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)  # of new cases
    holds_set: Counter[str] = field(default_factory=Counter)
    holds_lifted: Counter[str] = field(default_factory=Counter)
    holds_now: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by lead: kinds in force
    commands: Counter[str] = field(default_factory=Counter)
    let_be: int = 0  # mails that the platforms did not send, as their lead was on hold or heard of
    verdicts: Counter[str] = field(default_factory=Counter)
    scores: int = 0
    outcomes: int = 0  # that can be learned from
    letters: Counter[str] = field(default_factory=Counter)  # by error class
    recent: deque[RecordDecision] = field(default_factory=lambda: deque(maxlen=RECENT))
    examples: dict[str, RecordDecision] = field(default_factory=dict)  # by condition: the first that it held in
    latency: Latency = field(default_factory=Latency)

    def see(self, record: object, at: float) -> None:
        """One committed output record, visible at `at` (seconds)."""
        match record:
            case RecordDecision():
                self._decision(record, at)
            case RouteLead():
                self.routes[record.lead_id] = record
                if record.human:
                    self.human_leads.add(record.lead_id)
            case UpdateCase():
                self._case(record)
            case CommandCadence():
                self.commands[record.command] += 1
            case AnswerRequest():
                self.verdicts[record.verdict] += 1
            case PublishScore():
                self.scores += 1
            case EmitExample():
                self.outcomes += 1
            case DeadLetter():
                self.letters[record.error_class] += 1
            case JournalEntry():
                self.journaled += record.records

    def _decision(self, decision: RecordDecision, at: float) -> None:
        if decision.topic == TICK:
            self.timers += 1
        else:
            self.decided += 1
            self.erasures += decision.topic == ERASURES.name
            self.latency.visible((decision.topic, decision.partition, decision.offset), at)
        before = {hold.hold_id: hold.kind for hold in decision.holds_before}
        after = {hold.hold_id: hold.kind for hold in decision.holds_after}
        self.holds_set.update(kind for hold_id, kind in after.items() if hold_id not in before)
        self.holds_lifted.update(kind for hold_id, kind in before.items() if hold_id not in after)
        self.holds_now[decision.lead_id] = tuple(after.values())
        if decision.conditions or after != before:
            self.recent.append(decision)
        for reason in decision.conditions:
            self.examples.setdefault(reason.condition, decision)

    def _case(self, case: UpdateCase) -> None:
        if case.case_id not in self.cases:
            if case.status == "closed":
                return  # the answer to a person who named a case that is not there
            self.reasons.update({reason.code for reason in case.reasons})
        elif case.status == "closed" and self.cases[case.case_id].status != "closed":
            self.ends[case.end or "closed"] += 1
        self.cases[case.case_id] = case
        if case.sla_state in BREACHED:
            self.breached.add(case.case_id)
        elif case.sla_state.startswith("warned"):
            self.warned.add(case.case_id)

    @property
    def open_cases(self) -> list[UpdateCase]:
        """By deadline, then by severity."""
        waiting = [case for case in self.cases.values() if case.status != "closed"]
        return sorted(waiting, key=lambda case: (case.due_at is None, case.due_at or 0, case.severity))

    @property
    def tiers(self) -> dict[str, int]:
        return dict(sorted(Counter(route.tier for route in self.routes.values()).items()))

    @property
    def human_share(self) -> float:
        """The share of routed leads that needed a person at any time."""
        return round(len(self.human_leads) / len(self.routes), 4) if self.routes else 0.0

    @property
    def holds_in_force(self) -> Counter[str]:
        return Counter(kind for kinds in self.holds_now.values() for kind in kinds)


@dataclass(frozen=True, slots=True)
class Account:
    """Inputs in, inputs out."""

    produced: int  # acknowledged by the broker, counted by the demo's senders
    decided: int  # records in `decisions` whose trigger is an input
    no_consequence: int  # as the worker's metrics say
    duplicates: int  # as the worker's metrics say
    dead_letters: int  # records in `dead.letters`
    journaled: int  # inputs in `lane.journal`

    @property
    def accounted(self) -> int:
        return self.decided + self.no_consequence + self.duplicates + self.dead_letters

    @property
    def lost(self) -> int:
        """What went in and is in none of the four; negative: something was counted twice."""
        return self.produced - self.accounted


@dataclass(frozen=True, slots=True)
class Learned:
    """What the lab has made of the outcomes."""

    examples: int = 0
    versions: int = 0  # published
    newest: str | None = None
    role: str | None = None  # of the newest


def summary(
    tally: Tally,
    account: Account,
    seconds: float,
    events_sent: int,
    duplicates_sent: int,
    learned: Learned,
) -> dict[str, Any]:
    """The JSON object of `leadlane demo --json`."""
    latency = tally.latency
    cold = min(COLD_SECONDS, seconds / 3)
    return {
        "signals_in": account.produced,
        "decisions": account.decided + tally.timers,
        "decisions_by_timer": tally.timers,
        "no_consequence": account.no_consequence,
        "leads": len(tally.routes),
        "routed_by_tier": tally.tiers,
        "human_share": tally.human_share,
        "cases_opened": len(tally.cases),
        "cases_by_reason": dict(tally.reasons.most_common()),
        "cases_warned": len(tally.warned | tally.breached),
        "cases_breached": len(tally.breached),
        "cases_closed": dict(tally.ends.most_common()),
        "holds_set": tally.holds_set.total(),
        "holds_lifted": tally.holds_lifted.total(),
        "holds_by_kind": dict(tally.holds_set.most_common()),
        "cadence_commands": dict(tally.commands.most_common()),
        "mails_let_be": tally.let_be,
        "verdicts": dict(tally.verdicts.most_common()),
        "dead_letters": account.dead_letters,
        "dead_letters_by_error": dict(tally.letters.most_common()),
        "duplicates_sent": duplicates_sent,
        "duplicates_dropped": account.duplicates,
        "events_per_second": round(events_sent / seconds, 1) if seconds else 0.0,
        "latency_ms": {**latency.quantiles(cold), "after_seconds": round(cold, 1)},
        "latency_ms_with_start": latency.quantiles(),
        "outcomes": tally.outcomes,
        "examples_learned": learned.examples,
        "models_published": learned.versions,
        "model": learned.newest,
        "model_role": learned.role,
        "journaled": account.journaled,
        "lost": account.lost,
    }
