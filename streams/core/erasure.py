"""What an ErasureRequest means: the lead is forgotten, and what stays says only that it was.

Law of this module: what it gives holds nothing of the lead but its id and the ids of its cases. Whoever is not known is
answered, too: nothing was held. The same request again finds nobody, and has a receipt again.
"""

from __future__ import annotations

import hmac

import msgspec

from streams.core.casefile import OpenCase, show
from streams.core.context import Context
from streams.core.effects import (
    AnswerRequest,
    CommandCadence,
    Effect,
    ErasureReceipt,
    Reason,
    RecordDecision,
    UpdateCase,
)
from streams.core.events import ErasureRequest
from streams.core.evidence import summary_of
from streams.core.holds import active_holds
from streams.core.moment import Moment
from streams.core.state import NEVER, LeadState

ERASED = "ERASED"  # code of the reason on closed cases, answers and the decision
TIER = "erased"  # in the decision record: the lead has none any more
HOLD = "erasure"  # why cadences stop: the word that the hold of a lead who asks for it has
CLOSED = "withdrawn: the lead was erased"
FORGOTTEN, NOTHING_HELD = "forget the lead", "nothing was held"  # first of the decision's effects


def erase(
    state: LeadState, request: ErasureRequest, moment: Moment, context: Context
) -> tuple[tuple[Effect, ...], ErasureReceipt]:
    """What goes out when the lead is forgotten, and the receipt. The lane adds how many keys it destroyed."""
    was_held = state.first_seen_at != NEVER
    holds = active_holds(state, moment.now, context) if was_held else ()
    answers = [_deny(case, moment, context) for case in state.cases]
    denied = [answer for each in answers for answer in each]
    effects: list[Effect] = [_stop(moment)] if was_held else []
    effects += [_closed(case, moment) for case in state.cases]
    effects += denied
    receipt = ErasureReceipt(
        request_id=request.event_id,
        decision_id=moment.decision_id,
        lead_hash=lead_hash(request.lead_id, request.salt),
        was_held=was_held,
        holds=len(holds),
        cases_closed=len(state.cases),
        requests_denied=len(denied),
        keys_shredded=0,
        basis=request.basis,
        ticket=request.ticket,
        requested_at=request.occurred_at,
        erased_at=moment.now,
    )
    return (*effects, _record(request, tuple(effects), was_held, moment, context)), receipt


def lead_hash(lead_id: str, salt: str | None) -> str:
    """How a receipt names a lead: only who has the salt and the id finds it. Without a salt, not at all."""
    return hmac.digest(salt.encode(), lead_id.encode(), "sha256").hex() if salt else ""


def said_by(request: ErasureRequest) -> str:
    """By whom and why, for people."""
    ground = " ".join(f"[{part}]" for part in (request.basis, request.ticket) if part)
    return f"by {request.actor}: {request.reason} {ground}".rstrip()


def _stop(moment: Moment) -> CommandCadence:
    return CommandCadence(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        command_id=f"{moment.decision_id}-stop",
        command="stop",
        holds=(),
        reason=HOLD,
        until=None,
        not_before=None,
        issued_at=moment.now,
    )


def _closed(case: OpenCase, moment: Moment) -> UpdateCase:
    """The case's end, without what it was about: whoever counts cases finds its queue, tier and times."""
    case.status, case.end = "closed", "withdrawn"
    case.version += 1
    return msgspec.structs.replace(
        show(LeadState(), case, moment, CLOSED),
        owner=None,
        claimed_by=None,
        reasons=(Reason(ERASED, ERASED, "the lead was erased", moment.now),),
        factors=(),
        evidence=(),
        next_best_action="",
        do_not="",
        confidence=0.0,
        request_id=None,
    )


def _deny(case: OpenCase, moment: Moment, context: Context) -> list[AnswerRequest]:
    """What waits for a case is answered when it ends."""
    return [
        AnswerRequest(
            lead_id=moment.lead_id,
            decision_id=moment.decision_id,
            request_id=waiting.request_id,
            verdict="deny",
            rule=ERASED,
            reason="the lead was erased",
            until=None,
            approval_id=None,
            case_id=case.case_id,
            channel=waiting.channel,
            content_hash=waiting.content_hash,
            segment_hash=waiting.segment_hash,
            policy_version=context.policy.version,
            policy_hash=context.policy.sha256,
            decided_at=moment.now,
        )
        for waiting in case.waiting
    ]


def _record(
    request: ErasureRequest, effects: tuple[Effect, ...], was_held: bool, moment: Moment, context: Context
) -> RecordDecision:
    return RecordDecision(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        topic=moment.topic,
        partition=moment.partition,
        offset=moment.offset,
        event_id=request.event_id,
        lane_seq=moment.lane_seq,
        now=moment.now,
        policy_version=context.policy.version,
        policy_hash=context.policy.sha256,
        model_version=context.models.version,
        facts={},
        conditions=(Reason(ERASED, ERASED, said_by(request), moment.now),),
        score=0.0,
        confidence=0.0,
        contributions=(),
        holds_before=(),
        holds_after=(),
        tier_before=None,
        tier=TIER,
        queue="",
        owner=None,
        human=False,
        effects=(FORGOTTEN if was_held else NOTHING_HELD, *(summary_of(effect) for effect in effects)),
        propensity=1.0,
        explore=False,
    )
