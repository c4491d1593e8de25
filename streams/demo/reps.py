"""Simulated people at work on cases: quick ones, slow ones, and some who are not there in time.

Law of this module: seeded, and time comes from the caller. Cases and times in, reviews and labels out.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from streams.core.effects import UpdateCase
from streams.core.events import CaseReview, Event, OutcomeLabel

SECOND = 1_000


class Pace(NamedTuple):
    """How long somebody takes, in milliseconds, and how many are like that."""

    name: str
    share: float
    claims_after: tuple[int, int]
    decides_after: tuple[int, int]


PACES = (
    Pace("quick", 0.75, (300, 2_500), (1_000, 5_000)),
    Pace("slow", 0.15, (6 * SECOND, 20 * SECOND), (3 * SECOND, 15 * SECOND)),
    Pace("away", 0.10, (300 * SECOND, 600 * SECOND), (SECOND, SECOND)),
)


class Verdict(NamedTuple):
    """One way to decide a case, how likely it is, and what is reported about the lead afterwards."""

    action: str
    share: float
    codes: tuple[str, ...] = ()
    outcome: str | None = None


ABOUT_A_LEAD = (
    Verdict("approve", 0.58, outcome="accepted"),
    Verdict("reject", 0.22, ("NOT_ICP", "LOW_INTENT", "NO_BUDGET", "TIMING", "BAD_DATA", "WRONG_PERSON"), "rejected"),
    Verdict("override", 0.12, ("LOW_INTENT", "TIMING", "EXISTING_CUSTOMER")),
    Verdict("request_info", 0.05),
    Verdict("escalate", 0.03),
)
ABOUT_OUTREACH = (
    Verdict("approve", 0.7),
    Verdict("reject", 0.3, ("COMPLIANCE",)),
)
OVERRIDE_TO = "T3_NURTURE"
INSIGHT = 8  # how much more often people do what fits the lead
SECOND_CLAIM_SHARE = 0.05  # a colleague claims the same case: the later one is refused
LIFTS = frozenset({"N07", "N09", "N21", "N23", "N24"})  # who answered such a reply lets automation go on


class Reps:
    """Everybody at the desk. `see` what happens to cases, then send what is `due`."""

    def __init__(
        self,
        seed: int,
        queues: Mapping[str, tuple[str, ...]],
        run: str,
        is_good: Callable[[str], bool] | None = None,
    ) -> None:
        """`queues`: rep -> the queues they serve. `is_good`: the truth about a lead, which people mostly see."""
        self._is_good = is_good
        self._random = Random(f"reps {seed}")
        self._queues, self._run = queues, run
        self._known: set[str] = set()
        self._plans: list[tuple[int, int, UpdateCase, str, str]] = []  # (at, order, case, rep, step)
        self._written = 0
        self.pace: dict[str, str] = {}  # case -> name of the pace at which it is handled

    def see(self, case: UpdateCase, now: int) -> None:
        """A case changed. A new one is taken up by its owner, or by somebody of its queue, at their pace."""
        if case.case_id in self._known or case.status == "closed":
            return
        self._known.add(case.case_id)
        pace = self._random.choices(PACES, [pace.share for pace in PACES])[0]
        self.pace[case.case_id] = pace.name
        rep = self._rep_for(case)
        claims_at = now + self._random.randint(*pace.claims_after)
        self._plan(claims_at, case, rep, "claim")
        if self._random.random() < SECOND_CLAIM_SHARE:
            self._plan(claims_at + 200, case, self._random.choice(sorted(self._queues)), "claim too")
        self._plan(claims_at + self._random.randint(*pace.decides_after), case, rep, "decide")

    def due(self, now: int) -> list[Event]:
        """What people do until `now`, in order."""
        done: list[Event] = []
        while self._plans and self._plans[0][0] <= now:
            at, _, case, rep, step = heapq.heappop(self._plans)
            done += self._decide(case, rep, at) if step == "decide" else [self._review(case, rep, at, "claim")]
        return done

    def _decide(self, case: UpdateCase, rep: str, at: int) -> list[Event]:
        verdicts = ABOUT_OUTREACH if case.request_id else ABOUT_A_LEAD
        shares = [verdict.share for verdict in verdicts]
        if self._is_good is not None and not case.request_id:
            meant = "approve" if self._is_good(case.lead_id) else "reject"
            shares = [
                share * (INSIGHT if verdict.action == meant else 1)
                for share, verdict in zip(shares, verdicts, strict=True)
            ]
        verdict = self._random.choices(verdicts, shares)[0]
        code = self._random.choice(verdict.codes) if verdict.codes else None
        fields: dict[str, Any] = {"reason_code": code, "dwell_ms": self._random.randint(4_000, 90_000)}
        fields["evidence_opened"] = tuple(item.event_id for item in case.evidence[:2])
        if verdict.action == "override":
            fields["tier"] = OVERRIDE_TO
        events: list[Event] = [self._review(case, rep, at, verdict.action, **fields)]
        if verdict.action == "approve" and LIFTS & {reason.condition for reason in case.reasons}:
            events.append(self._review(case, rep, at, "lift_hold", hold_kind="human_reply"))
        if verdict.outcome:
            label: Any = {"outcome": verdict.outcome, "reason_code": code, "decision_id": case.decision_id}
            events.append(OutcomeLabel(**self._common(case, at), actor=rep, **label))
        return events

    def _review(self, case: UpdateCase, rep: str, at: int, action: Any, **fields: Any) -> CaseReview:
        return CaseReview(**self._common(case, at), action=action, actor=rep, case_id=case.case_id, **fields)

    def _common(self, case: UpdateCase, at: int) -> dict[str, Any]:
        self._written += 1
        event_id = f"{self._run}-desk-{self._written}"
        return {"event_id": event_id, "lead_id": case.lead_id, "occurred_at": at, "source": "desk"}

    def _rep_for(self, case: UpdateCase) -> str:
        if case.owner in self._queues:
            return str(case.owner)
        serving = [rep for rep, queues in sorted(self._queues.items()) if case.queue in queues]
        return self._random.choice(serving or sorted(self._queues))

    def _plan(self, at: int, case: UpdateCase, rep: str, step: str) -> None:
        self._written += 1
        heapq.heappush(self._plans, (at, self._written, case, rep, step))
