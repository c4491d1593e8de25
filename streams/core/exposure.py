"""What was known at a decision, kept in the lead's state until somebody says what came of it.

Law of this module: an outcome is learned with what was known when the lead was decided, never with what came later. Two
decisions are kept at most: the latest, and the latest that has an outcome, so that a correction finds it. They are
kept as bytes, so that an event that is about something else does not unpack them: only labels and the horizon do.

Next: streams/lane/pipeline.py
"""

from __future__ import annotations

from streams.core.context import Context
from streams.core.effects import EmitExample
from streams.core.events import OutcomeLabel
from streams.core.exposed import (
    Exposure,
    Labelled,
    attributes_of,
    pack_exposure,
    pack_label,
    pinned,
    said_of,
    unpack_exposure,
    unpack_label,
)
from streams.core.features import features_from, row_of
from streams.core.groups import groups_at
from streams.core.moment import Assessment, Moment
from streams.core.scoring import STEPS
from streams.core.state import NEVER, LeadState

NOTHING = "none"  # the outcome of a decision of which nothing was heard
EVIDENCE_STEPS = frozenset(4**power for power in range(1, 8))  # pieces of it; between them little changes


def is_step(evidence: int) -> bool:
    """Whether so many pieces of evidence are worth keeping anew."""
    return evidence in EVIDENCE_STEPS


def expose(state: LeadState, look: Assessment, moment: Moment, context: Context, *, published: bool = True) -> None:
    """Keep what was known at this decision. An earlier one without an outcome is forgotten: the latest is judged.

    Not `published`: the lead was looked at and left as it was, knowing more. The outcome then judges the decision that
    stands, with what was known at this look.
    """
    routing, decision_id = state.routing, moment.decision_id
    if not published:
        if not state.exposure:
            return
        decision_id = unpack_exposure(state.exposure).decision_id
    # A tuple in the order of Exposure's fields: half of the time goes into making the struct.
    state.exposure = pack_exposure(
        (
            decision_id, moment.now, routing.tier, routing.queue, routing.human,
            routing.tier in context.policy.selected, round(look.score.score * STEPS),
            round(look.rule_score * STEPS), look.model_version, dict(look.predictions),
            None if routing.propensity == 1 else routing.propensity, routing.explore, look.facts["audit_sampled"],
            row_of(state, moment.now, context.policy.score),
        )
    )  # fmt: skip
    horizon = context.policy.learning.horizon_ms
    # Of a lead with an outcome there is nothing to assume any more.
    state.horizon_at = moment.now + horizon if horizon and not state.labelled else NEVER


def restate(state: LeadState, attributes: bytes) -> None:
    """Take over declared attributes that differ. Decisions that are kept keep those that they were made with."""
    known = state.known
    state.exposure = pinned(state.exposure, known.attributes)
    state.labelled = pinned(state.labelled, known.attributes)
    known.attributes = attributes


def learn_outcome(state: LeadState, event: OutcomeLabel, moment: Moment, context: Context) -> tuple[EmitExample, ...]:
    """The example that an outcome makes of the decision it judges; none when it says nothing new."""
    learning = context.policy.learning
    if event.outcome not in learning.positive and event.outcome not in learning.negative:
        return ()
    label = event.outcome in learning.positive
    exposure = _judged(state, event)
    if exposure is None:
        state.early = pack_label(event)
        return ()
    said, news = exposure.said, Labelled(event.event_id, label, event.occurred_at)
    if said is not None and said.label == label:
        if said.provisional:  # now somebody has said it
            _keep(state, exposure, Labelled(said.example_id, label, event.occurred_at))
        return ()
    if said is not None and not (said.provisional or event.supersedes or event.occurred_at >= said.at):
        return ()  # it came late, and something newer stands
    _keep(state, exposure, news)
    return (
        _example(
            state, exposure, moment, context,
            example_id=event.event_id, label=label, outcome=event.outcome, provisional=False,
            reason_code=event.reason_code, actor=event.actor, labelled_at=event.occurred_at,
        ),
    )  # fmt: skip


def learn_early(state: LeadState, known_at: int, moment: Moment, context: Context) -> tuple[EmitExample, ...]:
    """The example of an outcome that overtook the decision that has just been kept; `known_at`: when it was about.

    A decision about something that happened after the outcome could know it: then nothing is learned.
    """
    if not state.early:
        return ()
    event, state.early = unpack_label(state.early), b""
    return learn_outcome(state, event, moment, context) if known_at <= event.occurred_at else ()


def pass_horizon(state: LeadState, moment: Moment, context: Context) -> tuple[EmitExample, ...]:
    """The provisional "no" of a decision of which nothing was heard for the whole horizon."""
    at = state.horizon_at
    if at == NEVER or moment.now < at:
        return ()
    exposure = unpack_exposure(state.exposure)
    example_id = f"{exposure.decision_id}/horizon"
    _keep(state, exposure, Labelled(example_id, False, at, provisional=True))
    return (
        _example(
            state, exposure, moment, context,
            example_id=example_id, label=False, outcome=NOTHING, provisional=True,
            reason_code=None, actor=None, labelled_at=at,
        ),
    )  # fmt: skip


def _judged(state: LeadState, event: OutcomeLabel) -> Exposure | None:
    """The decision that an outcome is about: the one that it corrects or names, else the latest before it."""
    kept = [unpack_exposure(packed) for packed in (state.exposure, state.labelled) if packed]
    if event.supersedes is not None:
        for exposure in kept:
            if exposure.said is not None and exposure.said.example_id == event.supersedes:
                return exposure
    for exposure in kept:
        if exposure.decision_id == event.decision_id:
            return exposure
    # A sender's clock may lag behind ours: before every decision, it can only mean the first one that is left.
    return next((exposure for exposure in kept if exposure.at <= event.occurred_at), kept[-1] if kept else None)


def _keep(state: LeadState, exposure: Exposure, said: Labelled) -> None:
    """Keep what was said of a decision. The one without an outcome has one now, and stands in its other place."""
    if exposure.said is None:
        state.exposure, state.horizon_at = b"", NEVER
    state.labelled = said_of(exposure, said)


def _example(
    state: LeadState,
    exposure: Exposure,
    moment: Moment,
    context: Context,
    *,
    example_id: str,
    label: bool,
    outcome: str,
    provisional: bool,
    reason_code: str | None,
    actor: str | None,
    labelled_at: int,
) -> EmitExample:
    policy, said, touched_at = context.policy, exposure.said, state.signals.human_touch_at
    packed = state.known.attributes if exposure.attributes is None else exposure.attributes
    attributes = attributes_of(packed)
    return EmitExample(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        judged=exposure.decision_id,
        example_id=example_id,
        supersedes=None if said is None else said.example_id,
        previous=None if said is None else said.label,
        label=label,
        outcome=outcome,
        provisional=provisional,
        reason_code=reason_code,
        actor=actor,
        decided_at=exposure.at,
        labelled_at=labelled_at,
        emitted_at=moment.now,
        features=features_from(exposure.row, attributes, policy.learning),
        groups=groups_at(exposure.row, attributes, policy.governance.groups),
        tier=exposure.tier,
        queue=exposure.queue,
        human=exposure.human,
        selected=exposure.selected,
        score=exposure.score / STEPS,
        rule_score=exposure.rule_score / STEPS,
        model_version=exposure.model_version,
        predictions=exposure.predictions,
        propensity=1.0 if exposure.propensity is None else exposure.propensity,
        explore=exposure.explore,
        audit=exposure.audit,
        human_at=touched_at if touched_at >= exposure.at else None,
    )
