"""Records that are valid by default: a test states only what it is about.

`n` numbers the events of one test: `a_score(2)` is another event than `a_score(1)`. Every other field is a keyword.
"""

from __future__ import annotations

from typing import Any

from streams.core.context import Alarm, Approval, ControlChange, Guard, ModelVersion, Policy, RosterEntry, Switch
from streams.core.effects import (
    AnswerRequest,
    CommandCadence,
    Contribution,
    EmitExample,
    EvidenceItem,
    HoldView,
    PublishScore,
    Reason,
    RecordDecision,
    RouteLead,
    UpdateCase,
)
from streams.core.events import (
    AccountContext,
    ActivitySignal,
    CaseReview,
    Consent,
    ErasureRequest,
    IntentSignal,
    LeadProfile,
    OotoSignal,
    OutcomeLabel,
    OutreachRequest,
    ReplySignal,
    ScoreSignal,
    SentimentSignal,
)

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 1_780_909_200_000  # Monday 2026-06-08 09:00 UTC
TODAY = T0 // DAY  # the same day as a date: days since 1970-01-01
LEAD = "lead-1"


def _event(kind: str, n: int, source: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": f"{kind}-{n}", "lead_id": LEAD, "occurred_at": T0, "source": source, **fields}


def a_consent(**fields: Any) -> Consent:
    """Consent to every channel, without end."""
    return Consent(**{"basis": "consent", **fields})


def a_profile(n: int = 1, **fields: Any) -> LeadProfile:
    """A complete profile of somebody ordinary: nothing in it needs a person."""
    known = {
        "email": "ada@example.com", "email_verified": True, "company": "Example", "account_id": "account-1",
        "title": "Head of Operations", "department": "Operations", "country": "DE", "time_zone": "Europe/Berlin",
        "language": "de", "stage": "qualify", "consent": a_consent(),
    }  # fmt: skip
    return LeadProfile(**_event("profile", n, "crm", {**known, **fields}))


def a_score(n: int = 1, **fields: Any) -> ScoreSignal:
    return ScoreSignal(**_event("score", n, "map", {"kind": "fit", "value": 60.0, "confidence": 0.9, **fields}))


def an_intent(n: int = 1, **fields: Any) -> IntentSignal:
    return IntentSignal(**_event("intent", n, "vendor", {"strength": 50.0, "confidence": 0.9, **fields}))


def a_sentiment(n: int = 1, **fields: Any) -> SentimentSignal:
    return SentimentSignal(**_event("sentiment", n, "vendor", {"value": 0.2, "confidence": 0.9, **fields}))


def an_ooto(n: int = 1, **fields: Any) -> OotoSignal:
    return OotoSignal(**_event("ooto", n, "mail", {"kind": "ooo", "return_on": TODAY + 7, **fields}))


def a_reply(n: int = 1, **fields: Any) -> ReplySignal:
    """A person who is interested."""
    known = {"headers": {"From": "ada@example.com"}, "subject": "Re: Your offer", "text": "Yes, I am interested."}
    return ReplySignal(**_event("reply", n, "mail", {**known, **fields}))


def an_activity(n: int = 1, **fields: Any) -> ActivitySignal:
    return ActivitySignal(**_event("activity", n, "map", {"kind": "opened", **fields}))


def an_account_context(n: int = 1, **fields: Any) -> AccountContext:
    known = {"account_id": "account-1", "kind": "colleague_replied", "about_lead_id": "lead-2"}
    return AccountContext(**_event("context", n, "account-lane", {**known, **fields}))


def a_request(n: int = 1, **fields: Any) -> OutreachRequest:
    known = {"channel": "email", "content_hash": "content-1", "segment_hash": "segment-1", "template_id": "template-1"}
    return OutreachRequest(**_event("request", n, "map", {**known, **fields}))


def a_review(n: int = 1, **fields: Any) -> CaseReview:
    return CaseReview(**_event("review", n, "desk", {"action": "claim", "actor": "ana", "case_id": "case-1", **fields}))


def a_label(n: int = 1, **fields: Any) -> OutcomeLabel:
    return OutcomeLabel(**_event("label", n, "crm", {"outcome": "accepted", "actor": "ana", **fields}))


def an_erasure(n: int = 1, **fields: Any) -> ErasureRequest:
    known = {"actor": "ana", "reason": "asked by letter", "occurred_at": T0 + DAY}
    return ErasureRequest(**_event("erasure", n, "leadlane", {**known, **fields}))


EVENTS = (
    a_profile, a_score, an_intent, a_sentiment, an_ooto, a_reply, an_activity, an_account_context, a_request, a_review,
    a_label, an_erasure,
)  # fmt: skip


# --- control records


def _control(fields: dict[str, Any]) -> dict[str, Any]:
    return {"actor": "ana", "reason": "set up", "at": T0, **fields}


def a_policy_record(**fields: Any) -> Policy:
    """A policy version as it stands in control.policies; not one that compiles."""
    return Policy(**_control({"version": "2026-06-08.1", "sha256": "0" * 64, "document": "version: 1\n", **fields}))


def a_rep(rep_id: str = "ana", **fields: Any) -> RosterEntry:
    """A rep who is there, for every queue of the default policy's people."""
    known = {"rep_id": rep_id, "name": rep_id.title(), "queues": ("sales",), "country": "DE"}
    return RosterEntry(**_control({**known, "time_zone": "Europe/Berlin", **fields}))


def an_approval(**fields: Any) -> Approval:
    known = {"approval_id": "approval-1", "status": "approved", "content_hash": "content-1"}
    return Approval(**_control({**known, "segment_hash": "segment-1", "conditions": ("N13",), **fields}))


def a_switch(**fields: Any) -> Switch:
    return Switch(**_control({"name": "automation", "on": True, **fields}))


def a_model_version(**fields: Any) -> ModelVersion:
    """Who has which role; of a version itself, give `document`, `sha256` and `line`."""
    known = {"version": "online-000000500", "champion": "online-000000500", "follows": ("champion",)}
    return ModelVersion(**_control({**known, "former": ("rules",), "since": {"champion": T0}, **fields}))


def an_alarm(**fields: Any) -> Alarm:
    known = {"name": "drift:score", "on": True, "value": 0.31, "threshold": 0.2, "detail": "PSI 0.31", "distrust": True}
    return Alarm(**_control({**known, **fields}))


def a_guard(**fields: Any) -> Guard:
    return Guard(**_control({"queue": "sales", "open_cases": 130, "capacity": 100, "points": 5.0, **fields}))


def a_control_change(**fields: Any) -> ControlChange:
    known = {"topic": "control.switches", "key": "automation", "offset": 12, "value": b"\0", "sha256": "0" * 64}
    return ControlChange(**_control({**known, **fields}))


CONTROLS = (a_policy_record, a_rep, an_approval, a_switch, a_model_version, an_alarm, a_guard, a_control_change)


# --- effects


def _effect(fields: dict[str, Any]) -> dict[str, Any]:
    return {"lead_id": LEAD, "decision_id": "signals.scores-0-7", **fields}


def a_contribution(**fields: Any) -> Contribution:
    return Contribution(**{"feature": "fit", "value": 60.0, "points": 24.0, **fields})


def a_reason(**fields: Any) -> Reason:
    return Reason(**{"condition": "N04", "code": "VIP_ACCOUNT", "detail": "vip is true", "at": T0, **fields})


def some_evidence(**fields: Any) -> EvidenceItem:
    known = {"event_id": "score-1", "topic": "signals.scores", "at": T0, "what": "fit score 60"}
    return EvidenceItem(**{**known, **fields})


def a_hold_view(**fields: Any) -> HoldView:
    return HoldView(**{"hold_id": "ooo-ooto-1", "kind": "ooo", "until": T0 + 7 * DAY, "origin": "ooto-1", **fields})


def a_route(**fields: Any) -> RouteLead:
    known = {
        "tier": "T2_WARM", "queue": "sales", "owner": "ana", "human": False, "score": 60.0, "confidence": 0.9,
        "intent": 50.0, "reasons": (a_reason(),), "account_id": "account-1", "policy_version": "2026-06-08.1",
        "policy_hash": "0" * 64, "model_version": "rules", "propensity": 1.0, "explore": False, "routed_at": T0,
    }  # fmt: skip
    return RouteLead(**_effect({**known, **fields}))


def a_published_score(**fields: Any) -> PublishScore:
    known = {
        "score": 60.0, "low": 50.0, "high": 70.0, "confidence": 0.9, "contributions": (a_contribution(),),
        "policy_version": "2026-06-08.1", "model_version": "rules", "probability": None, "scored_at": T0,
    }  # fmt: skip
    return PublishScore(**_effect({**known, **fields}))


def a_cadence_command(**fields: Any) -> CommandCadence:
    known = {
        "command_id": "command-1", "command": "pause", "holds": (a_hold_view(),), "reason": "ooo",
        "until": T0 + 7 * DAY, "not_before": None, "issued_at": T0,
    }  # fmt: skip
    return CommandCadence(**_effect({**known, **fields}))


def a_case(**fields: Any) -> UpdateCase:
    known = {
        "case_id": "case-1", "version": 1, "status": "open", "end": None, "queue": "sales", "severity": 2,
        "tier": "T0_VIP", "account_id": "account-1", "owner": "ana", "claimed_by": None, "reasons": (a_reason(),),
        "factors": (a_contribution(),), "evidence": (some_evidence(),), "next_best_action": "Call today.",
        "do_not": "Do not send a template.", "confidence": 0.9, "request_id": None, "sla": "vip",
        "sla_state": "running", "opened_at": T0, "due_at": T0 + 5 * MINUTE, "closed_at": None, "escalation": 0,
        "policy_version": "2026-06-08.1", "calendar": "DE", "change": "opened", "changed_at": T0,
    }  # fmt: skip
    return UpdateCase(**_effect({**known, **fields}))


def a_verdict(**fields: Any) -> AnswerRequest:
    known = {
        "request_id": "request-1", "verdict": "allow", "rule": "clear", "reason": "nothing against it", "until": None,
        "approval_id": None, "case_id": None, "channel": "email", "content_hash": "content-1",
        "segment_hash": "segment-1", "policy_version": "2026-06-08.1", "policy_hash": "0" * 64, "decided_at": T0,
    }  # fmt: skip
    return AnswerRequest(**_effect({**known, **fields}))


def a_decision_record(**fields: Any) -> RecordDecision:
    known = {
        "topic": "signals.scores", "partition": 0, "offset": 7, "event_id": "score-1", "lane_seq": 7, "now": T0,
        "policy_version": "2026-06-08.1", "policy_hash": "0" * 64, "model_version": "rules",
        "facts": {"vip": True, "score": 60.0, "country": "DE", "owner": None}, "conditions": (a_reason(),),
        "score": 60.0, "confidence": 0.9, "contributions": (a_contribution(),), "holds_before": (),
        "holds_after": (a_hold_view(),), "tier_before": None, "tier": "T2_WARM", "queue": "sales", "owner": "ana",
        "human": False, "effects": ("route to sales: ana",), "propensity": 1.0, "explore": False,
    }  # fmt: skip
    return RecordDecision(**_effect({**known, **fields}))


def an_example(**fields: Any) -> EmitExample:
    known = {
        "judged": "signals.scores-0-3", "example_id": "label-1",
        "supersedes": None, "previous": None, "label": True, "outcome": "accepted",
        "provisional": False, "reason_code": None, "actor": "ana", "decided_at": T0, "labelled_at": T0 + HOUR,
        "emitted_at": T0 + HOUR, "features": {"fit": 82.0, "stage": "qualify"}, "groups": {"age_band": "25-39"},
        "tier": "T2_WARM", "queue": "sales", "human": False, "selected": True, "score": 60.0, "rule_score": 60.0,
        "model_version": "rules", "predictions": {}, "propensity": 1.0, "explore": False, "audit": False,
        "human_at": None,
    }  # fmt: skip
    return EmitExample(**_effect({**known, **fields}))


EFFECTS = (a_route, a_published_score, a_cadence_command, a_case, a_verdict, a_decision_record, an_example)
