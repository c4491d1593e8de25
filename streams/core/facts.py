"""What a policy may look at: the facts of one lead at one event, and when time alone will change them.

Law of this module: a fact is always there and always of its type, since zen raises on a missing one. `facts_from`
starts from a copy of all defaults and writes only what differs: most leads have no complaint, request or renewal.

Next: streams/core/policy.py
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.approvals import find_approval, growth_of
from streams.core.context import Context
from streams.core.events import ActivitySignal, Event, OutreachRequest, SentimentSignal, Tick
from streams.core.fact_table import DEFAULTS
from streams.core.lawful import is_lawful
from streams.core.moment import FactValue, Moment, Score
from streams.core.policy import COMPETITOR, FREE_MAIL, STUDENT, CompiledPolicy
from streams.core.reading.verdict import Reading, ReplyClass
from streams.core.routing import roster_at
from streams.core.sampling import drawn
from streams.core.scoring import decayed
from streams.core.state import NEVER, Known, LeadState, Signals

DAY_MS = 86_400_000
MINUTE_MS = 60_000
COMPLAINTS = frozenset({"complaint"})
OBJECTIONS = frozenset({"objection", "erasure_requested"})


Facts = dict[str, FactValue]


def facts_from(
    state: LeadState, moment: Moment, event: Event | Tick, reading: Reading | None, score: Score, context: Context
) -> dict[str, FactValue]:
    """Every fact of the lead at `moment`, after `event` was folded into `state`."""
    facts, now, policy = DEFAULTS.copy(), moment.now, context.policy
    facts["event"] = type(event).__name__
    facts["audit_sampled"] = drawn(moment.lead_id, policy.audit_seed, policy.sampling.audit_share)
    facts["minutes_since_arrival"] = (now - state.first_seen_at) // MINUTE_MS if state.first_seen_at else 0
    facts["previous_tier"] = state.routing.computed_tier
    _score(facts, state.signals, score, now, policy)
    _profile(facts, state.known, now, context)
    if context.alarms or context.models.frozen:
        facts["model_distrust"] = True
    _history(facts, state.signals, now)
    _event(facts, state, event, reading, now, context)
    if state.signals.marks:
        _jump(facts, state.signals, score.score, now, policy)
    if state.cases:
        facts["open_cases"] = len(state.cases)
        facts["sla_breached"] = any(case.breached for case in state.cases)
    return facts


def _score(facts: Facts, signals: Signals, score: Score, now: int, policy: CompiledPolicy) -> None:
    put_score(facts, score, policy.sampling.boundaries)
    facts["evidence"] = signals.evidence
    if signals.fit is not None:
        facts["has_fit"], facts["fit"] = True, signals.fit.value
    if signals.engagement is not None:
        facts["engagement"] = decayed(signals.engagement, now, policy.score)
    intent, account = signals.intent, signals.account_intent
    if account is not None and (intent is None or account.value > intent.value):
        intent = account
    if intent is not None:
        facts["intent"], facts["days_since_intent"] = intent.value, (now - intent.at) / DAY_MS
    sentiment = signals.sentiment
    if sentiment is not None:
        facts["sentiment"], facts["days_since_sentiment"] = sentiment.value, (now - sentiment.at) / DAY_MS
    if signals.negatives:
        since = now - policy.values["negative_window_days"] * DAY_MS
        facts["negatives"] = sum(at >= since for at, _ in signals.negatives)


def put_score(facts: Facts, score: Score, boundaries: tuple[float, ...]) -> None:
    """The facts that a score gives."""
    points, nearest = score.score, 100.0
    for boundary in boundaries:
        distance = abs(points - boundary)
        if distance < nearest:
            nearest = distance
    facts["score"] = points
    facts["confidence"] = score.confidence
    facts["interval"] = score.width
    facts["boundary_distance"] = nearest


def _profile(facts: Facts, known: Known, now: int, context: Context) -> None:
    facts["stage"], facts["language"] = known.stage, known.language
    facts["title"], facts["department"] = known.title, known.department
    facts["vip"], facts["target_account"], facts["amount_hint"] = known.vip, known.target_account, known.amount_hint
    facts["is_role_mailbox"], facts["is_duplicate"] = known.role_mailbox, known.duplicate_of != ""
    if known.country is not None:
        facts["country"] = known.country.value
    if known.consent is not None:
        facts["consent_basis"] = known.consent.basis
    if not (known.email_verified and known.company and known.country and known.consent):
        missing = _missing(known)
        facts["missing_fields"], facts["missing"] = len(missing), ", ".join(missing)
    if known.email_domain:
        kinds = domain_kinds(known.email_domain, context.policy.domains)
        if kinds:
            facts["is_free_mail"] = bool(kinds & FREE_MAIL)
            facts["is_competitor"] = bool(kinds & COMPETITOR)
            facts["is_student"] = bool(kinds & STUDENT)
    if known.segments:
        sensitive = context.policy.values["sensitive_segments"]
        facts["is_sensitive_segment"] = any(segment in sensitive for segment in known.segments)
    if known.disputed:
        facts["disputed"] = ", ".join(known.disputed)
        facts["days_since_dispute"] = (now - known.disputed_at) / DAY_MS
    if known.owner is not None and context.roster:
        facts["owner_unavailable"] = known.owner.value not in roster_at(context, now).here
    if known.renewal_on is not None:
        facts["days_to_renewal"] = known.renewal_on - now // DAY_MS


def _missing(known: Known) -> list[str]:
    has = {
        "verified email": known.email_verified,
        "company": known.company,
        "country": known.country,
        "consent": known.consent,
    }
    return [name for name, value in has.items() if not value]


def domain_kinds(domain: str, domains: Mapping[str, int]) -> int:
    """The bits of a mail domain, by its own name or by any of its endings: a.b.ac.uk is found under ac.uk."""
    kinds = domains.get(domain, 0)
    dot = domain.find(".")
    while dot >= 0:
        domain = domain[dot + 1 :]
        kinds |= domains.get(domain, 0)
        dot = domain.find(".")
    return kinds


def _history(facts: Facts, signals: Signals, now: int) -> None:
    if signals.reaction_at:
        facts["days_since_reaction"] = (now - signals.reaction_at) / DAY_MS
    if signals.human_touch_at:
        facts["days_since_human_touch"] = (now - signals.human_touch_at) / DAY_MS
    if signals.complaint_at:
        facts["days_since_complaint"] = (now - signals.complaint_at) / DAY_MS
    if signals.colleague_complained_at:
        facts["days_since_colleague_complaint"] = (now - signals.colleague_complained_at) / DAY_MS
    if signals.objection_at:
        facts["days_since_objection"] = (now - signals.objection_at) / DAY_MS
    rejection = signals.rejection
    if rejection is not None:
        facts["days_since_rejection"] = (now - rejection.at) / DAY_MS
        facts["rejected_by"], facts["rejection_code"] = rejection.actor, rejection.code
    facts["open_opportunities"], facts["severe_tickets"] = signals.opportunities, signals.severe_tickets
    if signals.nps is not None:
        facts["nps"] = signals.nps.value
    if signals.csat is not None:
        facts["csat"] = signals.csat.value


def _event(
    facts: Facts, state: LeadState, event: Event | Tick, reading: Reading | None, now: int, context: Context
) -> None:
    if isinstance(event, Tick):
        return
    if event.occurred_at // MINUTE_MS == state.signals.minute:
        facts["events_in_minute"] = state.signals.in_minute
    if reading is not None:
        facts["reply_class"] = reading.reply_class.value
        if not reading.is_automatic:
            _reply(facts, reading)
            _feeling(facts, reading.sentiment, event, now, context)
    elif type(event) is ActivitySignal:
        facts["is_complaint"], facts["is_objection"] = event.kind in COMPLAINTS, event.kind in OBJECTIONS
    elif type(event) is SentimentSignal:
        _feeling(facts, event.value, event, now, context)
    elif type(event) is OutreachRequest:
        _request(facts, state.known, event, now, context)


def _reply(facts: Facts, reading: Reading) -> None:
    classes = (reading.reply_class, *reading.also_classes)
    facts["is_complaint"] = reading.legal_threat or ReplyClass.COMPLAINT in classes
    facts["is_objection"] = reading.objection
    facts["mentions_pricing"] = ReplyClass.PRICING in classes
    facts["mentions_referral"] = ReplyClass.REFERRAL in classes or ReplyClass.WRONG_PERSON in classes


def _feeling(facts: Facts, value: float, event: Event, now: int, context: Context) -> None:
    if event.occurred_at >= now - context.policy.values["negative_window_days"] * DAY_MS:
        facts["event_sentiment"] = value


def _request(facts: Facts, known: Known, request: OutreachRequest, now: int, context: Context) -> None:
    approval = find_approval(request, context, now)
    country = known.country.value if known.country else ""
    facts["is_request"], facts["is_marketing_request"] = True, request.purpose == "marketing"
    facts["request_channel"], facts["request_audience"] = request.channel, request.audience_size
    facts["request_approved"] = approval is not None
    facts["request_lawful"] = is_lawful(country, request.channel, known.consent, now, context.policy.gate)
    if approval is not None:
        facts["request_approved_for"] = " ".join(approval.conditions)
        facts["request_segment_growth"] = growth_of(request, approval)


def _jump(facts: Facts, signals: Signals, score: float, now: int, policy: CompiledPolicy) -> None:
    """The largest move since a mark that is recent and has few events after it."""
    since = now - policy.values["jump_hours"] * 3_600_000
    few = signals.events - policy.values["jump_events"]
    moves = [abs(score - mark.score) for mark in signals.marks if mark.at >= since and mark.events > few]
    if moves:
        facts["score_jump"] = max(moves)


def next_look_at(state: LeadState, now: int, context: Context) -> int:
    """When time alone could make a condition hold: the lead has settled, the renewal is near. 0: never."""
    policy, times = context.policy, []
    settled_at = state.first_seen_at + policy.settling_ms
    if policy.settling_ms and now < settled_at:
        times.append(settled_at)
    if policy.renewal_days and state.known.renewal_on is not None:
        near_at = (state.known.renewal_on - policy.renewal_days) * DAY_MS
        if now < near_at:
            times.append(near_at)
    return min(times, default=NEVER)
