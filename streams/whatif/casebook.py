"""The cases that opened in the window on one side, each from its opening to its end."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.core.effects import UpdateCase

GONE = ("withdrawn", "superseded")  # ended without a person, before its time was up: in no share of kept deadlines
DECIDED = ("approved", "rejected", "overridden")


class CaseLife(msgspec.Struct):
    """One case. Times in ms UTC, None: not in the window."""

    case_id: str
    lead_id: str
    decision_id: str  # that opened it
    queue: str
    condition: str  # that opened it: the first reason
    code: str
    severity: int
    sla: str
    opened_at: int
    due_at: int | None  # as it stood when it opened; None while its clock stood still
    claimed_at: int | None = None
    ended_at: int | None = None
    end: str | None = None
    sla_state: str = "running"


class CaseBook:
    """Cases by id, kept up to date by their records in order."""

    def __init__(self) -> None:
        self.cases: dict[str, CaseLife] = {}

    def write(self, case: UpdateCase) -> None:
        kept = self.cases.get(case.case_id)
        if kept is None:
            if case.version != 1:
                return  # it opened before the window
            reason = case.reasons[0]
            kept = self.cases[case.case_id] = CaseLife(
                case.case_id, case.lead_id, case.decision_id, case.queue, reason.condition, reason.code, case.severity,
                case.sla, case.opened_at, case.due_at,
            )  # fmt: skip
        kept.sla_state, kept.severity, kept.queue = case.sla_state, case.severity, case.queue
        if case.claimed_by is not None and kept.claimed_at is None:
            kept.claimed_at = case.changed_at
        if case.status == "closed":
            kept.ended_at, kept.end = case.closed_at, case.end


class Outcome(NamedTuple):
    """What a label said, and how each side stood to the lead then."""

    lead_id: str
    event_id: str
    at: int
    is_good: bool
    recorded_tier: str
    replayed_tier: str
    recorded_selected: bool  # a person's, or accepted by automation
    replayed_selected: bool
    recorded_suppressed: bool
    replayed_suppressed: bool


class Handling(NamedTuple):
    """How long a person looked at a case, as one review says."""

    case_id: str
    dwell_ms: int
