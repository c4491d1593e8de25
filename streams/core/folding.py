"""What an event changes in what is known of a lead, apart from holds, touches and cases.

Law of this module: the latest occurred_at wins, so a late event never undoes a newer one. One function per record,
found by the record's type; none of them looks at the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.core.context import Context
from streams.core.events import (
    AccountContext,
    ActivitySignal,
    CaseReview,
    Event,
    IntentSignal,
    LeadProfile,
    OotoSignal,
    OutcomeLabel,
    OutreachRequest,
    ReplySignal,
    ScoreSignal,
    SentimentSignal,
)
from streams.core.exposed import attributes_of, pack_attributes
from streams.core.exposure import restate
from streams.core.reading import Reading, ReplyClass
from streams.core.state import ATTRIBUTES, NEGATIVES, Known, LeadState, Measure, Rejection, Signals, Stated, recorded

MINUTE_MS = 60_000
NEGATIVE_FROM = -0.3  # milder sentiment is not kept as negative evidence; the policy's thresholds lie below it
REACTIONS = frozenset({"opened", "clicked", "form_submitted", "meeting_booked", "meeting_held"})
LONGEST_ATTRIBUTE = 100  # characters of a declared attribute that are kept
HUMAN_TOUCHES = frozenset({"phone", "meeting", "chat"})


def fold(state: LeadState, event: Event, reading: Reading | None, context: Context) -> None:
    """Fold one event into `state.known` and `state.signals`."""
    signals = state.signals
    signals.events += 1
    minute = event.occurred_at // MINUTE_MS
    if minute == signals.minute:
        signals.in_minute += 1
    elif minute > signals.minute:
        signals.minute, signals.in_minute = minute, 1
    FOLDS[type(event)](state, event, reading, context)


def _profile(state: LeadState, event: LeadProfile, reading: Reading | None, context: Context) -> None:
    known, at = state.known, event.occurred_at
    for field in ("company", "country", "owner"):
        value = getattr(event, field)
        if value is not None:
            setattr(known, field, _stated(known, field, value, event.source, at))
    if event.consent is not None and (known.consent is None or at >= known.consent.at):
        known.consent = recorded(event.consent, at)
    if at < known.at:
        return  # a late profile only adds statements of its own time
    known.at = at
    for field in PLAIN_FIELDS:
        value = getattr(event, field)
        if value is not None:
            setattr(known, field, value)
    if event.email is not None:
        mailbox, _, known.email_domain = event.email.lower().rpartition("@")
        known.role_mailbox = mailbox in context.policy.values.get("role_mailboxes", ())
    if event.attributes:
        attributes = _declared(attributes_of(known.attributes), event.attributes)
        if attributes != known.attributes:
            restate(state, attributes)


def _declared(before: Mapping[str, str], stated: dict[str, str]) -> bytes:
    """Declared attributes, packed: the latest statement of each; an empty one takes it back."""
    both = {name: value[:LONGEST_ATTRIBUTE] for name, value in sorted({**before, **stated}.items()) if value}
    return pack_attributes(dict(list(both.items())[:ATTRIBUTES])) if both else b""


PLAIN_FIELDS = (
    "account_id", "email_verified", "title", "department", "time_zone", "language", "stage", "vip", "target_account",
    "amount_hint", "renewal_on", "duplicate_of", "segments",
)  # fmt: skip


def _stated(known: Known, field: str, value: str, source: str, at: int) -> Stated:
    """The statement that stands. Two sources that disagree put the field into dispute until they agree."""
    old: Stated | None = getattr(known, field)
    if old is not None and old.source != source:
        if old.value.casefold() != value.casefold():
            known.disputed = tuple(sorted({*known.disputed, field}))
            known.disputed_at = max(known.disputed_at, at)
        elif field in known.disputed:
            known.disputed = tuple(name for name in known.disputed if name != field)
    return Stated(value, source, at) if old is None or at >= old.at else old


def _newer(old: Measure | None, value: float, confidence: float | None, event: Event) -> Measure:
    if old is not None and old.at > event.occurred_at:
        return old
    return Measure(value, confidence, event.occurred_at, event.event_id)


def _score(state: LeadState, event: ScoreSignal, reading: Reading | None, context: Context) -> None:
    old = getattr(state.signals, event.kind)
    setattr(state.signals, event.kind, _newer(old, event.value, event.confidence, event))
    state.signals.evidence += 1


def _intent(state: LeadState, event: IntentSignal, reading: Reading | None, context: Context) -> None:
    field = "intent" if event.level == "person" else "account_intent"
    old = getattr(state.signals, field)
    setattr(state.signals, field, _newer(old, event.strength, event.confidence, event))
    state.signals.evidence += 1


def _sentiment(state: LeadState, event: SentimentSignal, reading: Reading | None, context: Context) -> None:
    _feel(state.signals, event.value, event.confidence, event)
    state.signals.evidence += 1


def _feel(signals: Signals, value: float, confidence: float | None, event: Event) -> None:
    signals.sentiment = _newer(signals.sentiment, value, confidence, event)
    if value <= NEGATIVE_FROM:
        signals.negatives = sorted([*signals.negatives, (event.occurred_at, value)])[-NEGATIVES:]


def _reply(state: LeadState, event: ReplySignal, reading: Reading | None, context: Context) -> None:
    assert reading is not None, "a reply is read before it is folded"
    if reading.is_automatic or reading.reply_class is ReplyClass.BOUNCE:
        return
    signals, at = state.signals, event.occurred_at
    signals.evidence += 1
    signals.reaction_at = max(signals.reaction_at, at)
    if at >= signals.reply_at:
        signals.reply_at, signals.reply_class = at, reading.reply_class.value
    _feel(signals, reading.sentiment, None, event)
    if reading.legal_threat or reading.reply_class is ReplyClass.COMPLAINT:
        signals.complaint_at = max(signals.complaint_at, at)
    if reading.objection:
        signals.objection_at = max(signals.objection_at, at)


def _activity(state: LeadState, event: ActivitySignal, reading: Reading | None, context: Context) -> None:
    signals, at, kind = state.signals, event.occurred_at, event.kind
    if kind in REACTIONS and event.by == "lead":
        signals.reaction_at = max(signals.reaction_at, at)
    if event.by == "rep" and (kind == "meeting_held" or (kind == "sent" and event.channel in HUMAN_TOUCHES)):
        signals.human_touch_at = max(signals.human_touch_at, at)
    if kind == "complaint":
        signals.complaint_at = max(signals.complaint_at, at)
    elif kind in ("objection", "erasure_requested"):
        signals.objection_at = max(signals.objection_at, at)
    elif kind in ("nps", "csat") and event.value is not None:
        setattr(signals, kind, _newer(getattr(signals, kind), event.value, None, event))
    elif kind == "email_verified" and at >= state.known.at:
        state.known.email_verified = True
    elif kind == "bounce_hard" and at >= state.known.at:
        state.known.email_verified = False
    elif kind in ("form_submitted", "meeting_booked"):
        signals.evidence += 1


def _account(state: LeadState, event: AccountContext, reading: Reading | None, context: Context) -> None:
    if event.kind == "colleague_complained":
        state.signals.colleague_complained_at = max(state.signals.colleague_complained_at, event.occurred_at)


def _label(state: LeadState, event: OutcomeLabel, reading: Reading | None, context: Context) -> None:
    if event.outcome == "rejected" and event.actor:
        _reject(state.signals, event.occurred_at, event.actor, event.reason_code)


def _reject(signals: Signals, at: int, actor: str, code: str | None) -> None:
    if signals.rejection is None or at >= signals.rejection.at:
        signals.rejection = Rejection(at, actor, code or "OTHER")


def _nothing(state: LeadState, event: Event, reading: Reading | None, context: Context) -> None:
    """Holds, gate or cases do all that this record means."""


FOLDS: dict[type[Event], Callable[[Any, Any, Any, Any], None]] = {
    LeadProfile: _profile,
    ScoreSignal: _score,
    IntentSignal: _intent,
    SentimentSignal: _sentiment,
    OotoSignal: _nothing,
    ReplySignal: _reply,
    ActivitySignal: _activity,
    AccountContext: _account,
    OutreachRequest: _nothing,
    CaseReview: _nothing,
    OutcomeLabel: _label,
}
