"""What the world is told of a lead: its tier, queue and owner, and its own score, each only when it changes."""

from __future__ import annotations

from streams.core.context import Context
from streams.core.effects import PublishScore, RouteLead
from streams.core.evidence import reason_from
from streams.core.moment import Assessment, Moment, Score
from streams.core.policy import TierRow
from streams.core.routing import choose_owner
from streams.core.sampling import sampled
from streams.core.state import SCORE_MARKS, LeadState, Mark

MARK_STEP = 5.0  # points: smaller moves are not remembered for N16


def mark_score(state: LeadState, score: Score, now: int) -> None:
    """Remember a score that moved, so that a jump can be told from a climb."""
    marks = state.signals.marks
    if not marks or abs(score.score - marks[-1].score) >= MARK_STEP:
        state.signals.marks = [*marks, Mark(now, score.score, state.signals.events)][-SCORE_MARKS:]


def publish_score(state: LeadState, look: Assessment, moment: Moment, context: Context) -> tuple[PublishScore, ...]:
    """The score, when it moved by the policy's step since it was last published."""
    routing, score = state.routing, look.score
    if routing.score >= 0 and abs(score.score - routing.score) < context.policy.score.publish_step:
        return ()
    routing.score = score.score
    return (
        PublishScore(
            lead_id=moment.lead_id,
            decision_id=moment.decision_id,
            score=score.score,
            low=score.low,
            high=score.high,
            confidence=score.confidence,
            contributions=score.contributions,
            policy_version=context.policy.version,
            model_version=look.model_version,
            probability=look.probability,
            scored_at=moment.now,
        ),
    )


def publish_route(state: LeadState, look: Assessment, moment: Moment, context: Context) -> tuple[RouteLead, ...]:
    """Tier, queue, owner and whether a person comes first, when any of them changed. A lead is never unowned."""
    routing = state.routing
    tier, propensity, explore = _explored(_chosen(state, look.tier, context), moment.lead_id, context)
    case = next((case for case in state.cases if case.blocks), None)
    queue = case.queue if case else tier.queue
    assigned = choose_owner(state, queue, moment.now, context, lead_id=moment.lead_id)
    wanted = (tier.id, assigned.queue, assigned.owner, case is not None)
    if wanted == (routing.tier, routing.queue, routing.owner, routing.human):
        return ()
    routing.tier, routing.queue, routing.owner, routing.human = wanted
    routing.propensity, routing.explore = propensity, explore
    return (
        RouteLead(
            lead_id=moment.lead_id,
            decision_id=moment.decision_id,
            tier=tier.id,
            queue=assigned.queue,
            owner=assigned.owner,
            human=case is not None,
            score=look.score.score,
            confidence=look.score.confidence,
            intent=state.signals.intent.value if state.signals.intent else 0.0,
            reasons=tuple(reason_from(row, look.facts, moment.now) for row in look.held),
            account_id=state.known.account_id or None,
            policy_version=context.policy.version,
            policy_hash=context.policy.sha256,
            model_version=look.model_version,
            propensity=propensity,
            explore=explore,
            routed_at=moment.now,
        ),
    )


def _chosen(state: LeadState, computed: TierRow, context: Context) -> TierRow:
    """A person's tier stands until the computed one changes; then automation has learned something and takes over."""
    routing = state.routing
    if routing.computed_tier != computed.id:
        if routing.computed_tier and routing.chosen_tier:
            routing.chosen_tier = ""
        routing.computed_tier = computed.id
    return next((row for row in context.policy.tiers if row.id == routing.chosen_tier), computed)


def _explored(tier: TierRow, lead_id: str, context: Context) -> tuple[TierRow, float, bool]:
    """A small share of the suppressed leads is treated as the tier above, so that false suppression can be measured."""
    if not tier.suppress:
        return tier, 1.0, False
    share, tiers = context.policy.sampling.explore_share, context.policy.tiers
    above = tiers[max(0, tiers.index(tier) - 1)]
    if sampled(lead_id, f"explore\0{context.policy.version}", share):
        return above, share, True
    return tier, 1.0 - share, False
