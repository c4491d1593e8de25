"""What people do with cases: claim, release, ask, escalate, approve, reject, override.

Law of this module: the lane is the single writer, so the first claim in partition order wins and every later one gets a
clear answer. Who holds a case decides it; an unclaimed one may be decided at once. A refusal shows the case unchanged,
with its version, and says why. No role skips anything: the roster says who may approve the outreach of a queue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streams.core.casefile import NEVER, CaseApproval, OpenCase, WaitingRequest, add_reason, show
from streams.core.casework import (
    CaseEffect,
    Desk,
    answer,
    changed,
    close,
    deny,
    pass_time,
    raise_case,
    ruling_on,
    run_clocks,
)
from streams.core.context import Context
from streams.core.effects import CaseEnd, Reason, UpdateCase
from streams.core.events import CaseReview
from streams.core.moment import Assessment, Moment
from streams.core.routing import decline, is_available, serves
from streams.core.sla import meet, restart_clock
from streams.core.state import LeadState, Rejection

DAY_MS = 86_400_000
MOST_APPROVALS = 8  # of people for one lead, the newest
LEADING_ROLES = frozenset({"lead", "manager", "admin"})  # may take a case from another, as may anybody while he is away


class Refused(NamedTuple):
    """Why a person cannot do that now."""

    why: str


def review_case(
    state: LeadState, moment: Moment, review: CaseReview, look: Assessment, context: Context
) -> tuple[CaseEffect, ...]:
    """What a person's action does to a case; always an answer, except for holds, which need no case."""
    act = ACTIONS.get(review.action)
    if act is None:
        return ()
    desk = Desk(state, moment, look, context)
    case = next((case for case in state.cases if case.case_id == review.case_id), None)
    if case is None:
        return (_no_such_case(desk, review),)
    effects = list(pass_time(desk, case))  # what fell due before the action counts first
    if case.status == "closed":
        refusal = Refused(f"the case was {case.end} before")
    else:
        result = act(desk, case, review)
        if isinstance(result, list):
            return (*effects, *result)
        refusal = result
    return (*effects, show(state, case, moment, f"{review.action} refused: {refusal.why}"))


Act = Callable[[Desk, OpenCase, CaseReview], list[CaseEffect] | Refused]


def _claim(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    if case.claimed_by is not None and not (case.claimed_by == review.actor and case.status == "info_requested"):
        return Refused(f"held by {case.claimed_by}")
    _take(desk, case, review.actor)
    return _moved(desk, case, f"claimed by {review.actor}")


def _release(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    if case.claimed_by is None:
        return Refused("nobody holds it")
    refused = _held_by_other(desk, case, review, may_take=True)
    if refused:
        return refused
    _put_back(desk, case)
    return _moved(desk, case, f"released by {review.actor}")


def _request_info(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    refused = _held_by_other(desk, case, review)
    if refused:
        return refused
    _take(desk, case, review.actor)
    case.status, case.asked_at = "info_requested", review.occurred_at
    return _moved(desk, case, f"{review.actor} asked the lead for information")


def _escalate(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    refused = _held_by_other(desk, case, review, may_take=True)
    if refused:
        return refused
    change = raise_case(desk, case, (review.actor, case.claimed_by or ""))
    _put_back(desk, case)
    return _moved(desk, case, f"escalated by {review.actor}{change}")


def _approve(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    refused = _held_by_other(desk, case, review) or _not_of_the_queue(desk, case, review)
    if refused:
        return refused
    for waiting in case.waiting:
        _approve_request(desk, case, waiting)
    return _decided(desk, case, "approved", f"approved by {review.actor}", review)


def _reject(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    refused = _held_by_other(desk, case, review) or _unexplained(review) or _not_of_the_queue(desk, case, review)
    if refused:
        return refused
    if not case.waiting:  # rejecting an outreach is not rejecting the lead
        _reject_lead(desk.state, case, review)
    return _decided(desk, case, "rejected", f"rejected by {review.actor}: {review.reason_code}", review)


def _override(desk: Desk, case: OpenCase, review: CaseReview) -> list[CaseEffect] | Refused:
    refused = _held_by_other(desk, case, review) or _unexplained(review)
    if refused:
        return refused
    if case.waiting:
        return Refused("outreach waits for this case; approve or reject it")
    tiers = [tier.id for tier in desk.context.policy.tiers]
    if review.tier not in tiers:
        return Refused(f"tier is {review.tier}, expected one of {', '.join(tiers)}")
    routing = desk.state.routing
    routing.chosen_tier = review.tier
    change = f"overridden by {review.actor}: {review.reason_code}, {case.tier} to {review.tier}"
    return _decided(desk, case, "overridden", change, review)


ACTIONS: dict[str, Act] = {
    "claim": _claim,
    "release": _release,
    "request_info": _request_info,
    "escalate": _escalate,
    "approve": _approve,
    "reject": _reject,
    "override": _override,
}


def _moved(desk: Desk, case: OpenCase, change: str) -> list[CaseEffect]:
    """The case after an action that leaves it open; its clock may stand still or run on because of it."""
    return changed(desk, case, "; ".join((change, *run_clocks(desk, case))))


def _held_by_other(desk: Desk, case: OpenCase, review: CaseReview, may_take: bool = False) -> Refused | None:
    """Who holds a case decides it. An unclaimed one may be decided at once: that counts as claimed and decided."""
    holder = case.claimed_by
    if holder is None or holder == review.actor:
        return None
    if may_take and (review.role in LEADING_ROLES or not _is_there(holder, desk)):
        return None
    return Refused(f"held by {holder}")


def _is_there(rep_id: str, desk: Desk) -> bool:
    rep = desk.context.reps.get(rep_id)
    return rep is not None and is_available(rep, desk.moment.now)


def _not_of_the_queue(desk: Desk, case: OpenCase, review: CaseReview) -> Refused | None:
    """Outreach is approved by those whose queue it is: a role in the message proves nothing, the roster does."""
    if not case.waiting or serves(review.actor, case.queue, desk.context):
        return None
    return Refused(f"{review.actor} is not on the roster of {case.queue}, whose outreach this is")


def _unexplained(review: CaseReview) -> Refused | None:
    if review.reason_code is None:
        return Refused("a reason code is needed, for example NOT_ICP")
    if review.reason_code == "OTHER" and not (review.note or "").strip():
        return Refused("reason code OTHER needs a note")
    return None


def _take(desk: Desk, case: OpenCase, actor: str) -> None:
    case.claimed_by, case.status, case.asked_at = actor, "claimed", NEVER
    for clock in case.clocks:
        if not clock.denies:
            meet(clock, desk.moment.now)


def _put_back(desk: Desk, case: OpenCase) -> None:
    """Nobody holds it now. The next person gets the whole budget again; an earlier breach still counts."""
    now, calendars = desk.moment.now, desk.context.calendars
    case.claimed_by, case.status, case.asked_at = None, "open", NEVER
    case.clocks = [clock if clock.denies else restart_clock(clock, now, calendars) for clock in case.clocks]


def _reject_lead(state: LeadState, case: OpenCase, review: CaseReview) -> None:
    code = review.reason_code or "OTHER"
    state.signals.rejection = Rejection(review.occurred_at, review.actor, code)
    if review.actor in (case.owner, state.routing.owner):
        decline(state, review.actor)


def _approve_request(desk: Desk, case: OpenCase, waiting: WaitingRequest) -> None:
    now, policy = desk.moment.now, desk.context.policy
    approval = CaseApproval(
        case.case_id, waiting.content_hash, waiting.segment_hash, waiting.channel, waiting.audience_size,
        waiting.conditions, policy.version, now, now + policy.gate.approval_days * DAY_MS,
    )  # fmt: skip
    desk.state.approvals = [*desk.state.approvals, approval][-MOST_APPROVALS:]


def _decided(desk: Desk, case: OpenCase, end: CaseEnd, change: str, review: CaseReview) -> list[CaseEffect]:
    case.claimed_by = case.claimed_by or review.actor
    waiting, note = case.waiting, f" ({review.note})" if review.note else ""
    effects: list[CaseEffect] = [close(desk, case, end, change + note)]
    if end == "approved":
        return effects + [answer(desk, one, ruling_on(desk, one)) for one in waiting]
    return effects + [deny(desk, one, end, change) for one in waiting]


def _no_such_case(desk: Desk, review: CaseReview) -> UpdateCase:
    """The answer to a person whose case is not there: closed meanwhile, or of another lead."""
    case = OpenCase(
        case_id=review.case_id or "not named",
        queue="",
        opened_at=desk.moment.now,
        policy_version=desk.context.policy.version,
        calendar=desk.context.calendars.version,
        tier=desk.state.routing.tier,
        severity=0,
        status="closed",
    )
    add_reason(case, Reason("", "NO_SUCH_CASE", "closed before, or not of this lead", desk.moment.now))
    return show(desk.state, case, desk.moment, f"{review.action} refused: no such open case")
