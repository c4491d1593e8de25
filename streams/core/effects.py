"""What goes out: one frozen record per output topic. An effect says what to do; it does nothing itself.

Law of this module: as in events.py, fields are those of schemas/<Record>/.

Next: streams/lane/lane.py
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

CadenceOrder = Literal["pause", "resume", "stop"]
CaseStatus = Literal["open", "claimed", "info_requested", "closed"]
CaseEnd = Literal["approved", "rejected", "overridden", "expired", "withdrawn", "superseded"]
SlaState = Literal[
    "running", "suspended", "warned_50", "warned_80", "breached", "escalated_150", "escalated_200", "met"
]
VerdictKind = Literal["allow", "review", "deny", "defer"]


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """One signed part of a score, in score points."""

    feature: str
    value: float
    points: float


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a person is needed: the condition, its code, and the value that made it true."""

    condition: str  # N04
    code: str  # VIP_ACCOUNT
    detail: str  # "vip is true"
    at: int


class EvidenceItem(msgspec.Struct, frozen=True, gc=False):
    """What happened, with the event that says so."""

    event_id: str
    topic: str
    at: int
    what: str


class HoldView(msgspec.Struct, frozen=True, gc=False):
    """One active hold as others see it."""

    hold_id: str
    kind: str
    until: int | None  # None: until lifted
    origin: str  # event_id


class Effect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every output record has."""

    lead_id: str
    decision_id: str


class RouteLead(Effect, frozen=True, kw_only=True, gc=False):
    tier: str
    queue: str
    owner: str | None  # None only with the overflow queue
    human: bool  # a person is needed before automation goes on
    score: float
    confidence: float
    intent: float
    reasons: tuple[Reason, ...]
    account_id: str | None
    policy_version: str
    policy_hash: str
    model_version: str
    propensity: float
    explore: bool
    routed_at: int


class PublishScore(Effect, frozen=True, kw_only=True, gc=False):
    score: float  # 0..100
    low: float  # interval, 0..100
    high: float
    confidence: float
    contributions: tuple[Contribution, ...]
    policy_version: str
    model_version: str
    probability: float | None  # None: the rules scored
    scored_at: int


class CommandCadence(Effect, frozen=True, kw_only=True, gc=False):
    command_id: str
    command: CadenceOrder
    holds: tuple[HoldView, ...]  # strongest first; empty for resume
    reason: str
    until: int | None
    not_before: int | None  # resume: with jitter, so that a backlog is not released at once
    issued_at: int


class UpdateCase(Effect, frozen=True, kw_only=True, gc=False):
    """The whole case after a change."""

    case_id: str
    version: int
    status: CaseStatus
    end: CaseEnd | None
    queue: str
    severity: int  # 1 is worst
    tier: str
    account_id: str | None
    owner: str | None
    claimed_by: str | None
    reasons: tuple[Reason, ...]  # >= 1
    factors: tuple[Contribution, ...]  # <= 5
    evidence: tuple[EvidenceItem, ...]  # <= 10
    next_best_action: str
    do_not: str
    confidence: float
    request_id: str | None  # compliance: the outreach request that waits
    sla: str  # name in the policy
    sla_state: SlaState
    opened_at: int
    due_at: int | None  # None while the clock is suspended
    closed_at: int | None
    escalation: int
    policy_version: str
    calendar: str
    change: str  # "opened", "claimed by ana", "claim refused: held by ana" ...
    changed_at: int


class AnswerRequest(Effect, frozen=True, kw_only=True, gc=False):
    request_id: str
    verdict: VerdictKind
    rule: str  # the condition, hold or cap that decided; "clear" for allow without approval
    reason: str
    until: int | None  # defer: when to ask again; allow: until when it holds
    approval_id: str | None
    case_id: str | None
    channel: str
    content_hash: str
    segment_hash: str | None
    policy_version: str
    policy_hash: str
    decided_at: int


class EmitExample(Effect, frozen=True, kw_only=True, gc=False):
    """What was known at a decision, and what came of it."""

    judged: str  # decision_id of the decision that is judged
    example_id: str  # event_id of the label, or of the decision whose horizon passed without one
    supersedes: str | None  # the example that this one corrects ...
    previous: bool | None  # ... and what that one said
    label: bool
    outcome: str  # accepted, rejected ...; "none": nothing within the horizon
    provisional: bool  # nothing came within the horizon: a later win corrects it
    reason_code: str | None
    actor: str | None
    decided_at: int
    labelled_at: int
    emitted_at: int
    features: dict[str, float | str]  # as they stood at the decision
    groups: dict[str, str]  # declared groups of the lead, for fairness
    tier: str
    queue: str
    human: bool
    selected: bool  # the tier is worked by a person or accepted by automation
    score: float  # that decided, 0..100
    rule_score: float
    model_version: str  # that decided
    predictions: dict[str, float]  # probability by model version, of every role at the decision
    propensity: float
    explore: bool
    audit: bool  # drawn for the blind audit sample
    human_at: int | None  # first human touch after the decision, as known by now


class RecordDecision(Effect, frozen=True, kw_only=True, gc=False):
    """The audit record: enough to explain and to re-decide."""

    topic: str
    partition: int
    offset: int
    event_id: str | None
    lane_seq: int
    now: int
    policy_version: str
    policy_hash: str
    model_version: str
    facts: dict[str, str | float | bool | None]
    conditions: tuple[Reason, ...]
    score: float
    confidence: float
    contributions: tuple[Contribution, ...]
    holds_before: tuple[HoldView, ...]
    holds_after: tuple[HoldView, ...]
    tier_before: str | None
    tier: str
    queue: str
    owner: str | None
    human: bool
    effects: tuple[str, ...]  # "pause until 2026-12-01T08:00Z: ooo", for people
    propensity: float
    explore: bool
    predictions: Mapping[str, float] = {}  # probability by model version, of every role that scored
    guards: Mapping[str, float] = {}  # points by which full queues raised thresholds for this lead
    held_back: tuple[str, ...] = ()  # tiers and conditions that hold but for that


class ErasureReceipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """That a lead was forgotten. It is kept for ever and does not say who: no effect like the others, which do."""

    request_id: str
    decision_id: str
    lead_hash: str  # see streams/core/erasure.py
    was_held: bool
    holds: int
    cases_closed: int
    requests_denied: int
    keys_shredded: int
    basis: str | None
    ticket: str | None
    requested_at: int
    erased_at: int


# record name of the schema -> effect; topics.py says which topic carries which record
RECORD: dict[str, type[Effect]] = {
    "RoutedLead": RouteLead,
    "LeadScore": PublishScore,
    "CadenceCommand": CommandCadence,
    "Case": UpdateCase,
    "OutreachVerdict": AnswerRequest,
    "Decision": RecordDecision,
    "TrainingExample": EmitExample,
}
