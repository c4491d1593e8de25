"""What one event means for one lead: dedupe, read, fold, assess, act, record.

Law of this module: same arguments, same answer. No clock, no randomness, no I/O: `moment` says when and where,
`context` what else is known. A repeated event changes nothing and has no effects. An event is decided in the order
fold -> holds -> score -> facts -> policy -> cadences -> cases -> route -> gate: a rep must not call a lead whose mails
still go out, so pause comes before route; the gate comes last because it names the case that the request waits for.
A request to erase is none of that: streams/core/erasure.py.

Next: streams/core/gate.py
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from streams.core.cadence import command_cadence, waits_for_switch
from streams.core.caps import fold_touch
from streams.core.cases import next_case_due, tick_cases, withdraw_cases
from streams.core.context import Context
from streams.core.effects import Effect, EmitExample, ErasureReceipt, RecordDecision
from streams.core.erasure import erase
from streams.core.events import (
    ActivitySignal,
    CaseReview,
    ErasureRequest,
    Event,
    OutcomeLabel,
    OutreachRequest,
    ReplySignal,
    Tick,
)
from streams.core.evidence import evidence_from, reason_from, summary_of
from streams.core.exposure import expose, is_step, learn_early, learn_outcome, pass_horizon
from streams.core.fact_table import DEFAULTS
from streams.core.facts import facts_from, next_look_at
from streams.core.folding import fold
from streams.core.gate import answer_request
from streams.core.guard import hold_back, look_again_at
from streams.core.holds import active_holds, fold_holds, next_hold_change, open_threads
from streams.core.judging import compare_models, judge
from streams.core.moment import ActiveHold, Assessment, Moment
from streams.core.opening import open_or_extend
from streams.core.policy import ConditionRow
from streams.core.publish import mark_score, publish_route, publish_score
from streams.core.reading import Reading, read_reply
from streams.core.reviews import review_case
from streams.core.scoring import score_lead
from streams.core.state import NEVER, LeadState, fingerprint, has_seen, remember

TICK = Tick()
BACKGROUND = frozenset({"sent", "opened", "clicked", "page_viewed"})


class Kind(StrEnum):
    """How an event counts: every input is exactly one of these, or a dead letter."""

    DECIDED = "decided"  # had an effect
    QUIET = "quiet"  # only updated the state
    DUPLICATE = "duplicate"
    ERASED = "erased"  # of a lead that is forgotten, from before that: changes nothing


class Decision(NamedTuple):
    """The lead after the event, when to look at it without one, and what to do. Effects in the order of issue."""

    state: LeadState
    due_at: int  # ms UTC, NEVER for no timer
    effects: tuple[Effect, ...]
    kind: Kind
    receipt: ErasureReceipt | None = None  # the lead is forgotten: its state goes, and this is what stays


def decide(state: LeadState, event: Event, moment: Moment, context: Context) -> Decision:
    """What `event` means for the lead. `state` is given away: it is folded into and handed back."""
    if type(event) is ErasureRequest:
        effects, receipt = erase(state, event, moment, context)
        return Decision(LeadState(), NEVER, effects, Kind.DECIDED, receipt)
    mark = fingerprint(event.source, event.event_id)
    if has_seen(state, mark):
        return Decision(state, NEVER, (), Kind.DUPLICATE)
    remember(state, mark)
    if state.first_seen_at == NEVER:
        state.first_seen_at = moment.now
    reading = None
    if type(event) is ReplySignal:
        known = state.known
        country = known.country.value if known.country is not None else None  # decides what 03/04 is
        reading = read_reply(
            event.headers, event.subject, event.text, event.occurred_at, known.language, known.time_zone, country
        )
    return _settle(state, event, reading, moment, context)


def tick(state: LeadState, moment: Moment, context: Context) -> Decision:
    """What the passing of time means for a lead whose timer is due."""
    return _settle(state, TICK, None, moment, context)


def _settle(
    state: LeadState, event: Event | Tick, reading: Reading | None, moment: Moment, context: Context
) -> Decision:
    now = moment.now
    tier_before, held_back_before = state.routing.tier or None, state.routing.held_back
    before = active_holds(state, state.settled_at or now, context)
    signals, evidence = state.signals, state.signals.evidence
    if not isinstance(event, Tick):
        fold(state, event, reading, context)
        fold_touch(state, event, context)
        fold_holds(state, moment, event, reading, context)
    holds = active_holds(state, now, context)
    state.settled_at = now
    if type(event) is ActivitySignal and before == holds and _is_background(state, event, holds, context):
        return Decision(state, _due_at(state, holds, now, context), (), Kind.QUIET)
    look = _assess(state, event, reading, holds, moment, context)
    effects: list[Effect] = [*command_cadence(state, holds, moment, context)]
    effects += _cases(state, event, reading, look, moment, context)
    routes = publish_route(state, look, moment, context)
    effects += routes
    if type(event) is OutreachRequest:
        waiting = next((case.case_id for case in state.cases if case.request_id == event.event_id), None)
        effects.append(answer_request(state, moment, event, look, waiting, context))
    scores = publish_score(state, look, moment, context)
    effects += scores
    learned = _learn(state, event, moment, context)  # before this decision is kept: an outcome judges an earlier one
    published = bool(routes or scores)
    if published or (signals.evidence != evidence and is_step(signals.evidence)):
        expose(state, look, moment, context, published=published)
        if state.early and not isinstance(event, OutcomeLabel | Tick):
            learned += learn_early(state, event.occurred_at, moment, context)
    effects += learned
    if effects or _views(before) != _views(holds) or held_back_before != look.held_back:
        effects.append(_record(state, event, look, before, tier_before, tuple(effects), moment, context))
    return Decision(state, _due_at(state, holds, now, context), tuple(effects), Kind.DECIDED if effects else Kind.QUIET)


def _learn(state: LeadState, event: Event | Tick, moment: Moment, context: Context) -> tuple[EmitExample, ...]:
    if type(event) is OutcomeLabel:
        return learn_outcome(state, event, moment, context)
    return pass_horizon(state, moment, context)


def _is_background(state: LeadState, event: ActivitySignal, holds: tuple[ActiveHold, ...], context: Context) -> bool:
    """Whether an event needs no look at the lead: most of the traffic says that a mail was sent, opened or clicked.

    It is folded all the same. What its facts could change (BACKGROUND_FACTS) the policy must not read, several in one
    minute (N16) are looked at, and so is a lead with a case, without a route, or with a resume still to be issued.
    Time alone is no reason either: what it changes has a timer.
    """
    return (
        event.kind in BACKGROUND
        and state.signals.in_minute <= 1
        and not context.policy.reads_background
        and not state.cases
        and state.routing.tier != ""
        and (bool(holds) or state.routing.cadence == "running")
    )


def _assess(
    state: LeadState,
    event: Event | Tick,
    reading: Reading | None,
    holds: tuple[ActiveHold, ...],
    moment: Moment,
    context: Context,
) -> Assessment:
    signals = state.signals
    # What is open, not what holds: a bad satisfaction score is no ticket, a system's opportunity holds nothing.
    signals.severe_tickets, signals.opportunities = open_threads(state, "ticket"), open_threads(state, "opportunity")
    rule = score_lead(state, moment.now, context)
    judged = judge(state, rule, moment, context)
    score = judged.score
    facts = facts_from(state, moment, event, reading, score, context)
    if judged.predictions:
        compare_models(facts, judged, rule, context)
    tier, held = context.policy.evaluate(facts)
    guarded = hold_back(state, facts, tier, held, moment.now, context) if context.guards else None
    if guarded is not None:
        tier, held = guarded.tier, guarded.held
    fired = _news(held, state.routing.conditions) if held else ()
    state.routing.conditions = tuple(row.id for row in held)
    state.routing.held_back = guarded.held_back if guarded else ()
    mark_score(state, score, moment.now)
    return Assessment(
        score, facts, tier, held, fired, holds, rule.score, judged.version, judged.probability, judged.predictions,
        state.routing.held_back, guarded.points if guarded else {},
    )  # fmt: skip


def _news(held: tuple[ConditionRow, ...], before: tuple[str, ...]) -> tuple[ConditionRow, ...]:
    """Conditions that fire: each time for a pulse, else when they did not hold at the last look."""
    return tuple(row for row in held if row.pulse or row.id not in before)


def _cases(
    state: LeadState,
    event: Event | Tick,
    reading: Reading | None,
    look: Assessment,
    moment: Moment,
    context: Context,
) -> list[Effect]:
    changes: list[Effect] = []  # of cases, and the answers to requests that waited for one
    if type(event) is CaseReview:
        changes += review_case(state, moment, event, look, context)
    if state.cases:
        changes += tick_cases(state, moment, look, context)
        changes += withdraw_cases(state, moment, look, context)
    request = event if type(event) is OutreachRequest else None
    if look.fired or look.tier.human or request:
        evidence = evidence_from(event, reading, moment)
        changes += open_or_extend(state, moment, look, evidence, context, request)
    return changes


def _views(holds: tuple[ActiveHold, ...]) -> tuple[object, ...]:
    return tuple(hold.view for hold in holds)


def _record(
    state: LeadState,
    event: Event | Tick,
    look: Assessment,
    before: tuple[ActiveHold, ...],
    tier_before: str | None,
    effects: tuple[Effect, ...],
    moment: Moment,
    context: Context,
) -> RecordDecision:
    routing, policy = state.routing, context.policy
    return RecordDecision(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        topic=moment.topic,
        partition=moment.partition,
        offset=moment.offset,
        event_id=None if isinstance(event, Tick) else event.event_id,
        lane_seq=moment.lane_seq,
        now=moment.now,
        policy_version=policy.version,
        policy_hash=policy.sha256,
        model_version=look.model_version,
        # A fact at its default says nothing, and there are fifty: they would be two thirds of the record.
        facts={name: value for name in policy.reads if (value := look.facts[name]) != DEFAULTS[name]},
        conditions=tuple(reason_from(row, look.facts, moment.now) for row in look.held),
        score=look.score.score,
        confidence=look.score.confidence,
        contributions=look.score.contributions,
        holds_before=tuple(hold.view for hold in before),
        holds_after=tuple(hold.view for hold in look.holds),
        tier_before=tier_before,
        tier=routing.tier,
        queue=routing.queue,
        owner=routing.owner,
        human=routing.human,
        effects=tuple(summary_of(effect) for effect in effects),
        propensity=routing.propensity,
        explore=routing.explore,
        predictions=look.predictions,
        guards=look.guards,
        held_back=look.held_back,
    )


def _due_at(state: LeadState, holds: tuple[ActiveHold, ...], now: int, context: Context) -> int:
    """The next time at which the answer could change without an event; always after `now`."""
    times = [next_hold_change(state, now, context, holds), next_look_at(state, now, context)]
    if state.cases:
        times.append(next_case_due(state))
    if state.horizon_at != NEVER:
        times.append(state.horizon_at)
    if state.routing.held_back:
        times.append(look_again_at(state, now, context))
    if state.routing.cadence != "running":
        times.append(waits_for_switch(state, holds, now))
    soonest = min([at for at in times if at != NEVER], default=NEVER)
    return soonest if soonest == NEVER else max(soonest, now + 1)
