"""What happened, in a few words for a person: the evidence of cases and of `leadlane explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from streams.core.effects import (
    AnswerRequest,
    CommandCadence,
    Effect,
    EmitExample,
    EvidenceItem,
    PublishScore,
    Reason,
    RouteLead,
    UpdateCase,
)
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
    Tick,
)
from streams.core.moment import FactValue, Moment
from streams.core.policy import ConditionRow

if TYPE_CHECKING:
    from streams.core.reading import Reading

QUOTE = 160  # characters of a reply that a case shows
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def evidence_from(event: Event | Tick, reading: Reading | None, moment: Moment) -> EvidenceItem:
    """The event as one item of evidence."""
    if isinstance(event, Tick):
        return EvidenceItem(moment.decision_id, moment.topic, moment.now, "time passed")
    return EvidenceItem(event.event_id, moment.topic, event.occurred_at, WORDS[type(event)](event, reading))


def reason_from(row: ConditionRow, facts: Mapping[str, FactValue], now: int) -> Reason:
    """Why a condition holds: its code, and the values that made it true."""
    return Reason(row.id, row.code, row.detail.format_map(facts), now)


def minute_of(at: int) -> str:
    """2026-12-01T08:00Z"""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


def day_of(days: int) -> str:
    return date.fromordinal(EPOCH_ORDINAL + days).isoformat()


def _profile(event: LeadProfile, _: Reading | None) -> str:
    names = [name for name in event.__struct_fields__[4:] if getattr(event, name) is not None]
    return f"profile from {event.source}: {', '.join(names) or 'nothing stated'}"


def _intent(event: IntentSignal, _: Reading | None) -> str:
    return f"{event.level} intent {event.strength:g}" + (f" for {event.topic}" if event.topic else "")


def _ooto(event: OotoSignal, _: Reading | None) -> str:
    return event.kind + (f", back on {day_of(event.return_on)}" if event.return_on is not None else "")


def _reply(event: ReplySignal, reading: Reading | None) -> str:
    what = reading.reply_class.value if reading else "unread"
    text = " ".join((event.text or event.subject)[: QUOTE * 2].split())[:QUOTE]
    return f"reply read as {what}: \u201c{text}\u201d"


def _activity(event: ActivitySignal, _: Reading | None) -> str:
    parts = [event.kind, f"by {event.by}"]
    if event.severity is not None:
        parts.append(f"severity {event.severity}")
    if event.value is not None:
        parts.append(f"{event.value:g}")
    if event.ref:
        parts.append(event.ref)
    return " ".join(parts)


def _request(event: OutreachRequest, _: Reading | None) -> str:
    return f"{event.purpose} {event.channel} to {event.audience_size} asked for, content {event.content_hash}"


def _review(event: CaseReview, _: Reading | None) -> str:
    return f"{event.action} by {event.actor}" + (f": {event.reason_code}" if event.reason_code else "")


WORDS: dict[type[Event], Callable[[Any, Reading | None], str]] = {
    LeadProfile: _profile,
    ScoreSignal: lambda event, _: f"{event.kind} score {event.value:g} from {event.source}",
    IntentSignal: _intent,
    SentimentSignal: lambda event, _: f"sentiment {event.value:+.2f} on {event.channel}",
    OotoSignal: _ooto,
    ReplySignal: _reply,
    ActivitySignal: _activity,
    AccountContext: lambda event, _: f"{event.kind} on {event.account_id}",
    OutreachRequest: _request,
    CaseReview: _review,
    OutcomeLabel: lambda event, _: f"outcome {event.outcome}" + (f": {event.reason_code}" if event.reason_code else ""),
}


def summary_of(effect: Effect) -> str:
    """The effect in one line, for the decision record."""
    match effect:
        case RouteLead():
            whom, first = effect.owner or "nobody yet", ", a person first" if effect.human else ""
            return f"route to {effect.queue} ({effect.tier}), owner {whom}{first}"
        case PublishScore():
            return f"score {effect.score:.1f} ({effect.low:.0f} to {effect.high:.0f})"
        case CommandCadence():
            until = f" until {minute_of(effect.until)}" if effect.until is not None else ""
            return f"{effect.command} cadences{until}: {effect.reason}"
        case UpdateCase():
            return f"case {effect.case_id} in {effect.queue}: {effect.change}"
        case AnswerRequest():
            until = f" until {minute_of(effect.until)}" if effect.until is not None else ""
            return f"{effect.verdict} request {effect.request_id}{until}: {effect.reason}"
        case EmitExample():
            provisional = ", nothing heard so far" if effect.provisional else ""
            corrects = f", corrects {effect.supersedes}" if effect.supersedes else ""
            answer = "yes" if effect.label else "no"
            return f"learn {answer} ({effect.outcome}{provisional}) of {effect.judged}{corrects}"
    raise TypeError(f"{type(effect).__name__} has no summary: add one to streams/core/evidence.py")
