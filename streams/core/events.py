"""What comes in: one frozen record per input topic, ranges checked when a record is converted.

Law of this module: names, types and ranges here are those of schemas/<Record>/ (a test holds the two together).
Kinds are strings with a closed list, so that an unknown kind is a dead letter and a new kind needs no new schema
version. Times are milliseconds UTC, dates days since 1970-01-01; None means "not stated", never "no".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Millis = Annotated[int, Meta(ge=0, le=253_402_300_799_000)]  # to the end of the year 9999
Days = Annotated[int, Meta(ge=-719_162, le=2_932_896)]  # 0001-01-01 .. 9999-12-31
Score100 = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
Polarity = Annotated[float, Meta(ge=-1, le=1)]
Count = Annotated[int, Meta(ge=0, le=2_000_000_000)]

Stage = Literal["acquire", "qualify", "engage", "convert", "expand"]
Channel = Literal["email", "phone", "sms", "social", "web", "chat", "meeting", "mail", "other"]
Basis = Literal["consent", "legitimate_interest", "contract", "none"]
ReasonCode = Literal[
    "NOT_ICP", "LOW_INTENT", "WRONG_PERSON", "DUPLICATE", "BAD_DATA", "NO_BUDGET", "NO_AUTHORITY", "TIMING",
    "COMPETITOR_LOCKED", "EXISTING_CUSTOMER", "PARTNER_OWNED", "STUDENT_VENDOR_JOBSEEKER", "COMPLIANCE", "UNREACHABLE",
    "OTHER",
]  # fmt: skip


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every input record has. `event_id` is unique per source; the same one again changes nothing."""

    event_id: Id
    lead_id: Id
    occurred_at: Millis
    source: Id


class Consent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The recorded lawful basis. `scope` names channels; empty means all. basis none = withdrawn."""

    basis: Basis
    scope: tuple[Channel, ...] = ()
    expires_at: Millis | None = None
    given_at: Millis | None = None  # when the person gave it: only dated consent undoes an unsubscribe before it


class LeadProfile(Event, frozen=True, kw_only=True, gc=False):
    """Who the lead is. Only stated fields change what is known."""

    email: Annotated[str, Meta(max_length=320)] | None = None
    email_verified: bool | None = None
    company: Annotated[str, Meta(max_length=300)] | None = None
    account_id: Annotated[str, Meta(max_length=200)] | None = None
    title: Annotated[str, Meta(max_length=300)] | None = None
    department: Annotated[str, Meta(max_length=200)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] | None = None  # ISO 3166-1 alpha-2
    time_zone: Annotated[str, Meta(max_length=64)] | None = None  # IANA name
    language: Annotated[str, Meta(max_length=16)] | None = None  # BCP 47
    stage: Stage | None = None
    owner: Annotated[str, Meta(max_length=200)] | None = None  # rep_id
    vip: bool | None = None
    target_account: bool | None = None
    amount_hint: Annotated[float, Meta(ge=0, le=1e12)] | None = None  # in the policy's currency
    renewal_on: Days | None = None
    duplicate_of: Annotated[str, Meta(max_length=200)] | None = None  # lead_id of the probable original
    segments: tuple[Annotated[str, Meta(max_length=100)], ...] | None = None  # declared segments, never inferred
    attributes: dict[str, str] | None = None  # declared attributes: learning and fairness groups
    consent: Consent | None = None


class ScoreSignal(Event, frozen=True, kw_only=True, gc=False):
    kind: Literal["fit", "engagement", "vendor"]
    value: Score100
    confidence: Share | None = None
    model_id: str | None = None


class IntentSignal(Event, frozen=True, kw_only=True, gc=False):
    strength: Score100
    level: Literal["person", "account"] = "person"
    topic: str | None = None
    confidence: Share | None = None


class SentimentSignal(Event, frozen=True, kw_only=True, gc=False):
    value: Polarity
    confidence: Share | None = None
    channel: Channel = "email"


class OotoSignal(Event, frozen=True, kw_only=True, gc=False):
    kind: Literal["ooo", "auto_ack", "left_company"]
    return_on: Days | None = None


class ReplySignal(Event, frozen=True, kw_only=True, gc=False):
    """A raw reply: the reply reader says what it means."""

    headers: dict[str, str] = {}
    subject: str = ""
    text: str = ""
    channel: Channel = "email"


ActivityKind = Literal[
    "sent", "opened", "clicked", "form_submitted", "page_viewed", "meeting_booked", "meeting_held", "meeting_cancelled",
    "ticket_opened", "ticket_closed", "csat", "nps", "bounce_hard", "bounce_soft", "complaint", "unsubscribe",
    "email_verified", "opportunity_opened", "opportunity_closed", "objection", "erasure_requested",
]  # fmt: skip


class ActivitySignal(Event, frozen=True, kw_only=True, gc=False):
    """Something that happened. `ref` names the ticket, meeting or opportunity; `by` who did it."""

    kind: ActivityKind
    channel: Channel = "email"
    ref: Annotated[str, Meta(max_length=200)] | None = None
    severity: Annotated[int, Meta(ge=1, le=5)] | None = None  # of a ticket, 1 is worst
    value: Annotated[float, Meta(ge=0, le=1e12)] | None = None  # CSAT 1..5, NPS 0..10, opportunity amount
    ends_at: Millis | None = None  # of a meeting
    transactional: bool = False  # of a send
    by: Literal["lead", "rep", "system"] = "lead"
    request_id: Annotated[str, Meta(max_length=200)] | None = None  # of a send: the outreach request that allowed it


class AccountContext(Event, frozen=True, kw_only=True, gc=False):
    """What happened to another person of the lead's account."""

    account_id: Id
    kind: Literal["colleague_replied", "colleague_complained"]
    about_lead_id: Annotated[str, Meta(max_length=200)] | None = None


class OutreachRequest(Event, frozen=True, kw_only=True, gc=False):
    """May this step go out? `event_id` is the request's id; the answer is on outreach.verdicts."""

    channel: Channel
    purpose: Literal["marketing", "transactional"] = "marketing"
    content_hash: Id
    segment_hash: Annotated[str, Meta(max_length=200)] | None = None
    template_id: Annotated[str, Meta(max_length=200)] | None = None
    audience_size: Count = 1
    content_created_at: Millis | None = None
    cadence_id: Annotated[str, Meta(max_length=200)] | None = None


class CaseReview(Event, frozen=True, kw_only=True, gc=False):
    """What a person does. place_hold and lift_hold need no case; all other actions name one."""

    action: Literal[
        "claim", "release", "approve", "reject", "override", "request_info", "escalate", "place_hold", "lift_hold"
    ]
    actor: Id
    role: Annotated[str, Meta(max_length=100)] = "rep"
    case_id: Annotated[str, Meta(max_length=300)] | None = None
    reason_code: ReasonCode | None = None  # needed by reject and override; OTHER needs a note
    note: Annotated[str, Meta(max_length=4000)] | None = None
    tier: Annotated[str, Meta(max_length=40)] | None = None  # override: the tier that the person chose
    hold_kind: Annotated[str, Meta(max_length=40)] | None = None  # lift_hold: None lifts all that people may lift
    hold_until: Millis | None = None  # place_hold: None is until lifted
    evidence_opened: tuple[str, ...] = ()
    dwell_ms: Count | None = None


Outcome = Literal["accepted", "rejected", "meeting_held", "opportunity", "won", "lost"]


class OutcomeLabel(Event, frozen=True, kw_only=True, gc=False):
    outcome: Outcome
    reason_code: ReasonCode | None = None
    actor: Annotated[str, Meta(max_length=200)] | None = None
    decision_id: Annotated[str, Meta(max_length=300)] | None = None
    supersedes: Annotated[str, Meta(max_length=200)] | None = None  # event_id of the label that this one corrects


class ErasureRequest(Event, frozen=True, kw_only=True, gc=False):
    """Forget the lead. What occurred up to `occurred_at` is covered, also what arrives later."""

    actor: Id
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    basis: Annotated[str, Meta(max_length=100)] | None = None  # legal ground
    ticket: Annotated[str, Meta(max_length=100)] | None = None  # where the request is kept
    salt: Annotated[str, Meta(min_length=16, max_length=200)] | None = None  # keys the lead's hash on the receipt


class Tick(msgspec.Struct, frozen=True, gc=False):
    """No event: the lead's timer is due."""


RECORDS: tuple[type[Event], ...] = (
    LeadProfile, ScoreSignal, IntentSignal, SentimentSignal, OotoSignal, ReplySignal, ActivitySignal, AccountContext,
    OutreachRequest, CaseReview, OutcomeLabel, ErasureRequest,
)  # fmt: skip
RECORD: dict[str, type[Event]] = {record.__name__: record for record in RECORDS}
