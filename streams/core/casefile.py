"""A case as it is kept in the lead's state, and as it is shown after each change.

Law of this module: bounded and packed small. A case keeps its service levels, texts and policy version as they were
when they came into it, so that a later policy does not move it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.core.effects import CaseEnd, CaseStatus, Contribution, EvidenceItem, Reason, SlaState, UpdateCase
from streams.core.events import Channel, OutreachRequest
from streams.core.moment import Moment
from streams.core.sla import Clock, is_breached, sla_state

if TYPE_CHECKING:
    from streams.core.state import LeadState

NEVER = 0
FACTORS = 5
EVIDENCE = 10
REQUESTS = 10  # that may wait for one case
NO_SLA = "none"


class WaitingRequest(msgspec.Struct, array_like=True, gc=False):
    """An outreach request that a case must answer: what it is bound to, and the conditions that sent it to a person."""

    request_id: str
    asked_at: int
    channel: Channel
    marketing: bool
    content_hash: str
    segment_hash: str | None
    audience_size: int
    content_created_at: int | None
    conditions: tuple[str, ...]

    def as_request(self, lead_id: str) -> OutreachRequest:
        return OutreachRequest(
            event_id=self.request_id,
            lead_id=lead_id,
            occurred_at=self.asked_at,
            source="case",
            channel=self.channel,
            purpose="marketing" if self.marketing else "transactional",
            content_hash=self.content_hash,
            segment_hash=self.segment_hash,
            audience_size=self.audience_size,
            content_created_at=self.content_created_at,
        )


class CaseApproval(msgspec.Struct, array_like=True, gc=False):
    """What a person approved in a case, for this lead: exactly this content for this segment under this policy."""

    approval_id: str  # the case that says who approved it
    content_hash: str
    segment_hash: str | None
    channel: str
    audience_size: int
    conditions: tuple[str, ...]
    policy_version: str
    at: int
    expires_at: int


class OpenCase(msgspec.Struct, array_like=True, gc=False):
    """One open case. Reasons, factors and evidence are kept as plain tuples in the order of the effects' fields."""

    case_id: str
    queue: str
    opened_at: int
    policy_version: str
    calendar: str
    tier: str
    severity: int
    version: int = 0
    status: CaseStatus = "open"
    end: CaseEnd | None = None
    owner: str | None = None
    claimed_by: str | None = None
    reasons: list[tuple[str, str, str, int]] = []
    factors: list[tuple[str, float, float]] = []
    evidence: list[tuple[str, str, int, str]] = []  # the one that opened it first, then oldest to newest
    next_best_action: str = ""
    do_not: str = ""
    confidence: float = 0.0
    clocks: list[Clock] = []  # at most two: until somebody takes it, until it is decided
    waiting: list[WaitingRequest] = []
    escalation: int = 0
    breached: bool = False  # once is for ever
    blocks: bool = False  # the lead itself waits for the decision: no automated marketing before
    opened_stopped: bool = False  # opened while contact was stopped already: not withdrawn for that
    asked_at: int = NEVER  # info_requested: when the lead was asked
    recheck_at: int = NEVER  # when to look again whether what waits has been approved elsewhere

    @property
    def request_id(self) -> str | None:
        """The newest outreach request that waits for the case, None for a case about the lead itself."""
        return self.waiting[-1].request_id if self.waiting else None

    @property
    def sla_state(self) -> SlaState:
        return _state_of(self, present_clock(self))


def add_reason(case: OpenCase, reason: Reason) -> None:
    """One reason per condition: the latest wording of each, in the order in which they came."""
    kept = msgspec.structs.astuple(reason)
    for at, old in enumerate(case.reasons):
        if old[0] == reason.condition:
            case.reasons[at] = kept
            return
    case.reasons.append(kept)


def add_evidence(case: OpenCase, *items: EvidenceItem) -> None:
    """Keep the item that opened the case and the newest of the others; an event counts once."""
    known = {kept[0] for kept in case.evidence}
    for item in items:
        if item.event_id not in known:
            known.add(item.event_id)
            case.evidence.append(msgspec.structs.astuple(item))
    if len(case.evidence) > EVIDENCE:
        case.evidence = [case.evidence[0], *case.evidence[1 - EVIDENCE :]]


def present_clock(case: OpenCase) -> Clock | None:
    """The clock that is due first; when all are met, the last one. Closed, a case shows the one that was breached."""
    if case.status == "closed" and case.breached:
        return next((clock for clock in case.clocks if is_breached(clock)), case.clocks[-1])
    waiting = [clock for clock in case.clocks if clock.met_at == NEVER]
    return min(waiting, key=lambda clock: clock.due_at) if waiting else (case.clocks[-1] if case.clocks else None)


def show(state: LeadState, case: OpenCase, moment: Moment, change: str) -> UpdateCase:
    """The whole case, for the world."""
    clock = present_clock(case)
    running = clock is not None and clock.met_at == NEVER and clock.suspended_at == NEVER and case.status != "closed"
    evidence = sorted((EvidenceItem(*item) for item in case.evidence), key=lambda item: (-item.at, item.event_id))
    return UpdateCase(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        case_id=case.case_id,
        version=case.version,
        status=case.status,
        end=case.end,
        queue=case.queue,
        severity=case.severity,
        tier=case.tier,
        account_id=state.known.account_id or None,
        owner=case.owner,
        claimed_by=case.claimed_by,
        reasons=tuple(Reason(*reason) for reason in case.reasons),
        factors=tuple(Contribution(*factor) for factor in case.factors),
        evidence=tuple(evidence),
        next_best_action=case.next_best_action,
        do_not=case.do_not,
        confidence=case.confidence,
        request_id=case.request_id,
        sla=clock.sla if clock else NO_SLA,
        sla_state=_state_of(case, clock),
        opened_at=case.opened_at,
        due_at=clock.due_at if clock and running else None,
        closed_at=moment.now if case.status == "closed" else None,
        escalation=case.escalation,
        policy_version=case.policy_version,
        calendar=case.calendar,
        change=change,
        changed_at=moment.now,
    )


def _state_of(case: OpenCase, clock: Clock | None) -> SlaState:
    """Closed, a case shows its result: met, or the breach that any of its clocks had."""
    if clock is None:
        return "met" if case.status == "closed" else "running"
    if case.status == "closed" and case.breached:
        return sla_state(clock) if is_breached(clock) else "breached"
    return sla_state(clock)
