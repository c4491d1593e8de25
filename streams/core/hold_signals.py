"""What one event means for the hold ledger: which entry it adds, closes or lifts.

Next: streams/core/hold_rules.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.core.calendars import DAY
from streams.core.events import (
    AccountContext,
    ActivitySignal,
    CaseReview,
    Event,
    LeadProfile,
    OotoSignal,
    ReplySignal,
)
from streams.core.hold_rules import BY_PERSON, RULE, lifted_until
from streams.core.ledger import (
    EVERYTHING,
    HoldEntry,
    Ledger,
    add_mark,
    add_step,
    announce_thread,
    close_thread,
    lift,
    open_thread,
)

if TYPE_CHECKING:
    from streams.core.policy import HoldRow
    from streams.core.reading.verdict import Reading

STEP_OF_REPLY = frozenset({"unsubscribe", "complaint", "not_interested", "left_company"})  # class and rule share a name
STEP_OF_ACTIVITY = {
    "bounce_hard": "hard_bounce",
    "complaint": "complaint",
    "unsubscribe": "unsubscribe",
    "objection": "objection",
    "erasure_requested": "erasure",
}
NOTED = frozenset({ActivitySignal, ReplySignal, OotoSignal, LeadProfile, AccountContext, CaseReview})
CLOSED_BY = {"meeting_cancelled": "meeting", "ticket_closed": "ticket", "opportunity_closed": "opportunity"}


def note(ledger: Ledger, event: Event, reading: Reading | None, row: HoldRow) -> bool:
    """Let the ledger know of an event. False when the event is none of its business."""
    if type(event) not in NOTED:
        return False
    match event:
        case ActivitySignal():
            return _activity(ledger, event, row)
        case ReplySignal():
            return _reply(ledger, event, reading, row)
        case OotoSignal():
            return _ooto(ledger, event)
        case LeadProfile():
            return _profile(ledger, event)
        case AccountContext():
            return _account(ledger, event)
        case CaseReview():
            return _review(ledger, event)
        case _:
            return False


def _activity(ledger: Ledger, event: ActivitySignal, row: HoldRow) -> bool:
    kind, ref = event.kind, event.ref or ""
    if kind in STEP_OF_ACTIVITY:
        return _step(ledger, STEP_OF_ACTIVITY[kind], event)
    if kind in CLOSED_BY:
        close_thread(ledger, CLOSED_BY[kind], ref, event.occurred_at)
        return True
    match kind:
        case "meeting_booked":
            return _open(ledger, "meeting", event, event.ends_at or event.occurred_at)
        case "ticket_opened" if event.severity is not None and event.severity <= row.support_worst_severity:
            return _open(ledger, "ticket", event)
        case "opportunity_opened":
            return _opportunity(ledger, event)
        case "csat" if event.value is not None and event.value <= row.support_csat:
            return _step(ledger, "csat", event)
        case "bounce_soft":
            return _soft_bounce(ledger, event, row)
        case "email_verified":
            ledger.verified_at = max(ledger.verified_at, event.occurred_at)
            return bool(ledger.entries)
        case _:
            return False


def _reply(ledger: Ledger, event: ReplySignal, reading: Reading | None, row: HoldRow) -> bool:
    if reading is None:
        return _step(ledger, "human_reply", event)  # nobody knows what it says: a person reads it
    classes = {reading.reply_class.value, *(also.value for also in reading.also_classes)}
    if "bounce" in classes:
        hard = reading.bounce_kind == "hard"
        return _step(ledger, "hard_bounce", event) if hard else _soft_bounce(ledger, event, row)
    for rule in classes & STEP_OF_REPLY:
        _step(ledger, rule, event)
    if "ooo" in classes:
        _out_of_office(ledger, event, reading.until)
    if "not_now" in classes:
        _not_now(ledger, event, reading.until, row)
    if not reading.is_automatic:
        _step(ledger, "human_reply", event)
        if reading.legal_threat:
            _step(ledger, "legal_threat", event)
        if reading.objection:
            _step(ledger, "objection", event)
    return True


def _ooto(ledger: Ledger, event: OotoSignal) -> bool:
    match event.kind:
        case "ooo":
            return _out_of_office(ledger, event, event.return_on)
        case "left_company":
            return _step(ledger, "left_company", event)
        case "auto_ack":
            return False


def _profile(ledger: Ledger, event: LeadProfile) -> bool:
    consent = event.consent
    if consent is None or consent.basis != "consent" or consent.given_at is None:
        return False  # a nightly copy of what the CRM has always said is no new consent
    ledger.consented_at = max(ledger.consented_at, min(consent.given_at, event.occurred_at))
    return bool(ledger.entries)


def _account(ledger: Ledger, event: AccountContext) -> bool:
    if event.kind != "colleague_replied" or event.about_lead_id == event.lead_id:
        return False
    return _step(ledger, "colleague_replied", event)


def _review(ledger: Ledger, event: CaseReview) -> bool:
    if event.action == "place_hold":
        return _step(ledger, "manual", event, event.hold_until or 0)
    kind = event.hold_kind or EVERYTHING
    if event.action != "lift_hold" or kind not in BY_PERSON | {EVERYTHING}:
        return False
    lift(ledger, kind, event.occurred_at)
    return True


def _step(ledger: Ledger, rule: str, event: Event, end: int = 0) -> bool:
    if event.occurred_at > lifted_until(ledger, RULE[rule]):
        add_step(ledger, HoldEntry(rule, event.occurred_at, end, event.event_id))
    return True


def _open(ledger: Ledger, rule: str, event: ActivitySignal, end: int = 0) -> bool:
    open_thread(ledger, HoldEntry(rule, event.occurred_at, end, event.event_id, event.ref or ""))
    return True


def _opportunity(ledger: Ledger, event: ActivitySignal) -> bool:
    at, by_owner = (
        event.occurred_at,
        event.by != "system",
    )  # a lead opens none: it stands for a sender that says nothing
    opened = HoldEntry("opportunity", at, at * by_owner, event.event_id * by_owner, event.ref or "")
    announce_thread(ledger, opened)
    return True


def _out_of_office(ledger: Ledger, event: Event, return_on: int | None) -> bool:
    if return_on is None or return_on < event.occurred_at // DAY:
        return _step(ledger, "ooo_undated", event)
    return _step(ledger, "ooo_dated", event, return_on)


def _not_now(ledger: Ledger, event: Event, asked_for: int | None, row: HoldRow) -> bool:
    today = event.occurred_at // DAY
    if asked_for is None or asked_for <= today:
        return _step(ledger, "not_now_undated", event)
    early = asked_for - row.not_now_lead_days
    return _step(ledger, "not_now_dated", event, early if early > today else asked_for)


def _soft_bounce(ledger: Ledger, event: Event, row: HoldRow) -> bool:
    if event.occurred_at > lifted_until(ledger, RULE["soft_bounce"]):
        # Twice as many as make a run: when an older run is the last one, fewer than a run's worth are newer than it.
        add_mark(ledger, HoldEntry("soft_bounce", event.occurred_at, 0, event.event_id), 2 * row.soft_bounces)
    return True
