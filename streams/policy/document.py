"""The policy document, as people write it. Names and units are those of the YAML file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from streams.core.events import Basis, Channel, Outcome, ReasonCode
from streams.core.policy import UNLEARNED, ConditionEffect

UNIT_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?) (s|min|h|d)")
_BUDGET = re.compile(r"(\d+(?:\.\d+)?) (s|min|h|d|business days?)")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _duration(value: Any) -> int:
    found = _DURATION.fullmatch(str(value))
    if found is None:
        raise ValueError("expected a duration such as 30 s, 15 min, 4 h or 7 d")
    return round(float(found[1]) * UNIT_MS[found[2]])


def _budget(value: Any) -> str:
    if _BUDGET.fullmatch(str(value)) is None:
        raise ValueError("expected a duration such as 15 min, 4 h, 7 d or 1 business day")
    return str(value)


def _expression(value: Any) -> str:
    """Text; YAML reads a bare `true` as a flag."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise ValueError("expected an expression over facts, for example vip or score >= 80")
    return " ".join(value.split())


def _day(value: Any) -> int:
    if value not in DAYS:
        raise ValueError(f"expected a day of the week: {', '.join(DAYS)}")
    return DAYS.index(value)


Duration = Annotated[int, BeforeValidator(_duration)]
Budget = Annotated[str, BeforeValidator(_budget)]
Expression = Annotated[str, BeforeValidator(_expression)]
Weekday = Annotated[int, BeforeValidator(_day)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
RowId = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
Hour = Annotated[int, Field(ge=0, le=24)]
Text = Annotated[str, AfterValidator(lambda text: " ".join(text.split())), Field(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A part of the document. A name that is not known is a fault, not a remark."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tier(Part):
    id: RowId
    when: Expression
    queue: Name
    human: bool
    sla: Name | None = None
    next_best_action: Text
    do_not: Text
    suppress: bool = False
    auto_accept: bool = False
    sheds: bool = True


class Condition(Part):
    id: RowId
    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    when: Expression
    effect: ConditionEffect
    queue: Name
    sla: Name
    severity: Annotated[int, Field(ge=1, le=5)]
    next_best_action: Text
    do_not: Text
    detail: Text
    pulse: bool = False
    sheds: bool = True
    other_rep: bool = False
    blocks: bool = True


class ScoreTerm(Part):
    feature: Literal["fit", "engagement", "vendor", "intent", "account_intent", "sentiment"]
    weight: Number
    neutral: Number


class ScoreRule(Part):
    base: int = Field(ge=0, le=100)  # whole, so that the parts sum exactly
    terms: tuple[ScoreTerm, ...]
    engagement_half_life: Duration = Field(gt=0)
    publish_step: float = Field(ge=0, le=100)
    interval_at_no_evidence: Share
    evidence_for_half_width: float = Field(gt=0)
    unstated_confidence: Share


class Holds(Part):
    ooo_margin_business_days: Whole
    resume_hour: Annotated[int, Field(ge=0, le=23)]
    ooo_longest_days: AtLeastOne
    ooo_unknown_days: AtLeastOne
    not_now_lead_days: Whole
    not_now_unknown_days: AtLeastOne
    not_interested_days: AtLeastOne
    colleague_replied_business_days: Whole
    meeting_margin_business_days: Whole
    support_margin_days: Whole
    support_worst_severity: Annotated[int, Field(ge=1, le=5)]
    support_csat: Annotated[float, Field(ge=0, le=5)]
    soft_bounces: AtLeastOne
    soft_bounce_window_days: AtLeastOne
    soft_bounce_days: AtLeastOne
    fatigue_touches: AtLeastOne
    fatigue_window_days: AtLeastOne
    fatigue_days: AtLeastOne
    resume_jitter_minutes: Whole
    stale_content_days: AtLeastOne


class Cap(Part):
    id: Name
    channel: Channel | None
    marketing_only: bool
    most: Annotated[int, Field(ge=0)] | None
    window: Duration = Field(gt=0)


class Caps(Part):
    touches: tuple[Cap, ...]
    gap: Duration
    quiet_from_hour: Hour
    quiet_to_hour: Hour
    expiry: Duration


class Sla(Part):
    budget: Budget
    clock: Literal["working", "wall"] | None = None
    warn_at: tuple[float, ...] | None = None
    escalate_at: tuple[float, ...] | None = None
    on_timeout: Literal["escalate", "deny"] = "escalate"
    also: Name | None = None


class SlaDefaults(Part):
    clock: Literal["working", "wall"]
    warn_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...]
    escalate_at: tuple[Annotated[float, Field(gt=1)], ...]


class Calendar(Part):
    start_hour: Hour
    end_hour: Hour
    weekend: tuple[Weekday, ...]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None
    time_zone: str


class Queue(Part):
    purpose: Text
    open_per_rep: int = Field(ge=1)
    overflow: Name | None


class Sampling(Part):
    explore_share: Share
    audit_share: Share
    review_band: float = Field(ge=0, le=50)
    review_confidence: Share
    boundaries: tuple[Annotated[float, Field(ge=0, le=100)], ...]


class Gate(Part):
    segment_growth_share: float = Field(ge=0)
    bulk_persons: int = Field(ge=1)
    approval_lasts: Duration
    allow_lasts: Duration
    regions: dict[Annotated[str, Field(pattern="^[A-Z]{3,}$")], tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...]]
    lawful: dict[str, dict[Channel, tuple[Basis, ...]]]


class Learning(Part):
    """Everything has a default: a document that was published before this section existed stays valid."""

    positive: Annotated[tuple[Outcome, ...], Field(min_length=1)] = cast(Any, UNLEARNED.positive)
    negative: Annotated[tuple[Outcome, ...], Field(min_length=1)] = cast(Any, UNLEARNED.negative)
    horizon: Duration = UNLEARNED.horizon_ms
    exclude: tuple[str, ...] = ()
    least_labels: Whole = UNLEARNED.least_labels
    least_positives: Whole = UNLEARNED.least_positives
    segment_by: str | None = None
    shadow: Duration = UNLEARNED.shadow_ms
    matured_labels: Whole = UNLEARNED.matured_labels
    challenger_share: Share = UNLEARNED.challenger_share
    max_ece: Share = UNLEARNED.max_ece
    least_impact_ratio: Share = UNLEARNED.least_impact_ratio
    approvers: Annotated[int, Field(ge=1, le=2)] = UNLEARNED.approvers


class Drift(Part):
    bins: Annotated[int, Field(ge=2, le=50)] = 10
    psi: Annotated[float, Field(ge=0)] = 0.2
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.999
    least: AtLeastOne = 200
    reference: Duration = 7 * UNIT_MS["d"]
    delta: Annotated[float, Field(gt=0, lt=1)] = 0.002
    hold_labels: AtLeastOne = 500


class Fairness(Part):
    least_ratio: Share = 0.8
    least: AtLeastOne = 30
    least_share: Share = 0.02
    error: Annotated[float, Field(gt=0, lt=1)] = 0.001
    window: Duration = 30 * UNIT_MS["d"]


class Limits(Part):
    override_rate: Share = 0.20
    automation_share: Share = 0.90
    automation_margin: Share = 0.05
    false_suppress_rate: Share = 0.05
    sla_drop: Annotated[float, Field(gt=0, le=1)] = 0.05
    score_shift: Annotated[float, Field(gt=0, le=100)] = 10.0
    log_loss_rise: Annotated[float, Field(gt=0)] = 0.10
    log_loss_labels: Annotated[int, Field(ge=2)] = 500
    policy_violations: Whole = 0
    agree_share: Share = 0.95


class Stamp(Part):
    dwell: Duration = 5 * UNIT_MS["s"]
    share: Share = 0.5


AlarmKind = Literal[
    "drift", "fairness", "override_rate", "automation_share", "false_suppress", "sla_attainment", "policy_violation",
    "score_mean_shift", "score_constant", "log_loss", "rubber_stamp",
]  # fmt: skip


class Governance(Part):
    """Everything has a default: a document that was published before this section existed stays valid."""

    groups: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    window: Duration = Field(default=UNIT_MS["d"], gt=0)
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    least: AtLeastOne = 20
    clear_after: Duration = UNIT_MS["h"]
    drift: Drift = Drift()
    fairness: Fairness = Fairness()
    limits: Limits = Limits()
    rubber_stamp: Stamp = Stamp()
    distrust: tuple[AlarmKind, ...] = ("drift", "fairness", "log_loss", "score_constant", "score_mean_shift")
    model_rollback: tuple[AlarmKind, ...] = (
        "log_loss", "sla_attainment", "override_rate", "policy_violation", "score_mean_shift", "score_constant",
    )  # fmt: skip
    policy_rollback: tuple[AlarmKind, ...] = (
        "sla_attainment", "override_rate", "policy_violation", "score_mean_shift", "score_constant",
    )  # fmt: skip


class Guard(Part):
    """A document without this section has no guard: nothing is ever raised."""

    raises: dict[Name, Annotated[float, Field(gt=0, le=100)]] = {}
    starts_at: Annotated[float, Field(gt=0, le=100)] = 1.0
    full_at: Annotated[float, Field(gt=0, le=100)] = 2.0
    most_points: Annotated[int, Field(ge=1, le=100)] = 20
    step: Annotated[int, Field(ge=1, le=100)] = 1
    slack: Annotated[float, Field(ge=0, le=100)] = 0.1
    raise_every: Duration = Field(default=10 * UNIT_MS["s"], gt=0)
    lower_every: Duration = Field(default=2 * UNIT_MS["min"], gt=0)
    lasts: Duration = Field(default=UNIT_MS["h"], gt=0)
    look_again: Duration = Field(default=30 * UNIT_MS["min"], gt=0)
    never: tuple[Name, ...] = ()


class Values(Part):
    """Numbers that the code reads as well. Others may be added: any expression may use them by name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Number]
    settling_minutes: float = Field(ge=0)
    negative_window_days: float = Field(gt=0)
    jump_hours: float = Field(gt=0)
    jump_events: int = Field(ge=1)
    renewal_days: int = Field(ge=0)
    handling_minutes: float = Field(default=15, gt=0)


class Lists(Part):
    role_mailboxes: tuple[str, ...]
    free_mail_domains: tuple[str, ...]
    competitor_domains: tuple[str, ...]
    student_domains: tuple[str, ...]
    sensitive_segments: tuple[str, ...]


class Document(Part):
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    description: Text
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    values: Values
    lists: Lists
    terms: dict[Name, Expression]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    conditions: tuple[Condition, ...]
    score: ScoreRule
    holds: Holds
    caps: Caps
    slas: dict[Name, Sla]
    sla_defaults: SlaDefaults
    calendar: Calendar
    queues: dict[Name, Queue]
    sampling: Sampling
    gate: Gate
    learning: Learning = Learning()
    governance: Governance = Governance()
    guard: Guard = Guard()
    codes: tuple[ReasonCode, ...]
