"""May this step go out? allow, review, deny or defer, and the rule that says so.

Law of this module: nothing skips it, and no role does. The checks are rows, asked in order; the first that objects
answers. What needs a person's approval goes out only under a valid one, and the answer names it. Only transactional
mail passes holds, lawful basis and caps that are about marketing.

Next: streams/core/effects.py
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from streams.core.approvals import find_approval, growth_of
from streams.core.cadence import AUTOMATION, is_switched_off
from streams.core.calendars import country_of
from streams.core.caps import defer_until, promise_touch
from streams.core.casefile import CaseApproval
from streams.core.context import Approval, Context
from streams.core.effects import AnswerRequest, VerdictKind
from streams.core.events import OutreachRequest
from streams.core.lawful import is_lawful
from streams.core.moment import Assessment, Moment
from streams.core.policy import CompiledPolicy, ConditionRow
from streams.core.state import LeadState

DAY_MS = 86_400_000
STALE = "STALE_CONTENT"  # condition and code of content that has aged
NEW_CONTENT = "NEW_CONTENT"


class Ask(NamedTuple):
    """One request, with all that bears on the answer."""

    state: LeadState
    request: OutreachRequest
    look: Assessment
    now: int
    context: Context
    conditions: tuple[str, ...]  # that sent it to a person before; none at first


class Ruling(NamedTuple):
    """The answer, before it is addressed. `rows`: what a person must look at, worst first."""

    verdict: VerdictKind
    rule: str
    reason: str
    until: int | None = None
    approval_id: str | None = None
    case_id: str | None = None
    rows: tuple[ConditionRow, ...] = ()


def rule_request(
    state: LeadState,
    request: OutreachRequest,
    look: Assessment,
    now: int,
    context: Context,
    conditions: tuple[str, ...] = (),
) -> Ruling:
    """What is decided about a request. `conditions`: ids that it waits for already and that need approval still."""
    ask = Ask(state, request, look, now, context, conditions)
    return next((ruling for check in CHECKS if (ruling := check(ask)) is not None), None) or _allow(ask)


def answer_request(
    state: LeadState, moment: Moment, request: OutreachRequest, look: Assessment, case_id: str | None, context: Context
) -> AnswerRequest:
    """The verdict on a request. `case_id`: the case that it waits for, if one was opened."""
    ruling = rule_request(state, request, look, moment.now, context)
    return address(state, request, ruling, moment, context, case_id if ruling.verdict == "review" else None)


def address(
    state: LeadState,
    request: OutreachRequest,
    ruling: Ruling,
    moment: Moment,
    context: Context,
    case_id: str | None = None,
) -> AnswerRequest:
    """A ruling as the answer to a request. What is allowed counts against the caps from here on."""
    if ruling.verdict == "allow":
        promise_touch(state, request, moment.now, ruling.until)
    return AnswerRequest(
        lead_id=moment.lead_id,
        decision_id=moment.decision_id,
        request_id=request.event_id,
        verdict=ruling.verdict,
        rule=ruling.rule,
        reason=ruling.reason,
        until=ruling.until,
        approval_id=ruling.approval_id,
        case_id=case_id or ruling.case_id,
        channel=request.channel,
        content_hash=request.content_hash,
        segment_hash=request.segment_hash,
        policy_version=context.policy.version,
        policy_hash=context.policy.sha256,
        decided_at=moment.now,
    )


def is_approved(ask: Ask) -> bool:
    """Whether an approval covers everything for which the request needs a person."""
    approval = approval_for(ask)
    return approval is not None and not _unapproved(ask, approval)


def approval_for(ask: Ask) -> Approval | CaseApproval | None:
    """The approval under which the request may go out: a person's for this lead, or of the content for its segment."""
    mine = next((one for one in reversed(ask.state.approvals) if _is_for(one, ask)), None)
    return mine or find_approval(ask.request, ask.context, ask.now)


def _is_for(approval: CaseApproval, ask: Ask) -> bool:
    """Any edit of the content, another segment or channel, growth, another policy or time voids it."""
    request, policy = ask.request, ask.context.policy
    return (
        approval.content_hash == request.content_hash
        and approval.segment_hash == request.segment_hash
        and approval.channel == request.channel
        and approval.policy_version == policy.version
        and request.audience_size <= approval.audience_size * (1 + policy.gate.segment_growth_share)
        and ask.now < approval.expires_at
    )


# --- the checks, in the order in which they are asked


def _switch(ask: Ask) -> Ruling | None:
    if not is_switched_off(ask.context):
        return None
    until = ask.now + ask.context.policy.gate.allow_ms
    return Ruling("defer", f"switch:{AUTOMATION}", "a person has switched automation off", until)


def _holds(ask: Ask) -> Ruling | None:
    holds = [hold for hold in ask.look.holds if _is_marketing(ask) or not hold.transactional_allowed]
    if not holds:
        return None
    lasting = next((hold for hold in holds if hold.stops or hold.view.until is None), None)
    if lasting is not None:
        view = lasting.view
        return Ruling("deny", view.kind, f"hold {view.hold_id}" + ("" if lasting.stops else " until a person lifts it"))
    until = max(hold.view.until or 0 for hold in holds)
    return Ruling("defer", holds[0].view.kind, f"hold {holds[0].view.hold_id}", until)


def _forbidden(ask: Ask) -> Ruling | None:
    if not _is_marketing(ask):
        return None
    row = next((row for row in ask.look.held if row.effect in ("deny", "stop")), None)
    if row is not None:
        return Ruling("deny", row.id, f"{row.code}: {_detail(row, ask)}")
    return _unlawful(ask) if ask.conditions else None


def _unlawful(ask: Ask) -> Ruling | None:
    """A request that has waited: the facts of this look are not about it, so its lawful basis is looked up here."""
    row = next((row for row in ask.context.policy.conditions if row.effect == "deny"), None)
    known, channel, gate = ask.state.known, ask.request.channel, ask.context.policy.gate
    if row is None or is_lawful(country_of(ask.state), channel, known.consent, ask.now, gate):
        return None
    return Ruling("deny", row.id, f"{row.code}: the lawful basis for {channel} is gone")


def _person_first(ask: Ask) -> Ruling | None:
    """A lead that waits for a person gets no automated marketing before the decision."""
    if not _is_marketing(ask):
        return None
    case = next((case for case in ask.state.cases if case.blocks), None)
    if case is None:
        return None
    condition, code, _, _ = case.reasons[0]
    reason = f"{code}: a person decides first; ask again when the case is closed"
    return Ruling("review", condition, reason, case_id=case.case_id)


def _caps(ask: Ask) -> Ruling | None:
    deferral = defer_until(ask.state, ask.request, ask.now, ask.context)
    if deferral is None:
        return None
    if deferral.until > ask.request.occurred_at + ask.context.policy.caps.expiry_ms:
        return Ruling("deny", "cap_expired", f"{deferral.reason}: too late to be worth sending")
    return Ruling("defer", deferral.rule, deferral.reason, deferral.until)


def _approval(ask: Ask) -> Ruling | None:
    rows = _unapproved(ask, approval_for(ask))
    if not rows:
        return None
    return Ruling("review", rows[0].id, f"{rows[0].code}: {_detail(rows[0], ask)}", rows=rows)


CHECKS: tuple[Callable[[Ask], Ruling | None], ...] = (
    _switch, _holds, _forbidden, _person_first, _caps, _approval,
)  # fmt: skip


def _allow(ask: Ask) -> Ruling:
    approval, until = approval_for(ask), ask.now + ask.context.policy.gate.allow_ms
    consent = ask.state.known.consent
    ends = (approval.expires_at if approval else None, consent.expires_at if consent and _is_marketing(ask) else None)
    until = min((until, *(end for end in ends if end is not None)))
    if approval is None:
        return Ruling("allow", "clear", "nothing stands against it", until)
    rule = next(iter((*ask.conditions, *(row.id for row in ask.look.held if row.effect == "review"))), "approval")
    return Ruling("allow", rule, f"approved: {approval.approval_id}", until, approval.approval_id)


def _unapproved(ask: Ask, approval: Approval | CaseApproval | None) -> tuple[ConditionRow, ...]:
    """The rows for which the request needs a person and that no approval covers, worst first."""
    reviews = _review_rows(ask.context.policy)
    held = {*ask.conditions, *(row.id for row in ask.look.held)} if ask.conditions or ask.look.held else ()
    rows = [row for row in reviews if row.id in held and not _covers(approval, row, ask)] if held else []
    stale_at = _stale_at(ask)
    if stale_at is not None and ask.now >= stale_at and (approval is None or approval.at < stale_at):
        rows += [_stale_row(row) for row in reviews[:1]]
    return tuple(sorted(rows, key=lambda row: row.severity))


@lru_cache(maxsize=4)
def _review_rows(policy: CompiledPolicy) -> tuple[ConditionRow, ...]:
    return tuple(row for row in policy.conditions if row.effect == "review")


def _covers(approval: Approval | CaseApproval | None, row: ConditionRow, ask: Ask) -> bool:
    """An approval of the content is what NEW_CONTENT asks for, as long as the audience has not outgrown it."""
    if approval is None:
        return False
    if isinstance(approval, Approval) and row.code == NEW_CONTENT:
        return growth_of(ask.request, approval) <= ask.context.policy.gate.segment_growth_share
    return row.id in approval.conditions


def _stale_at(ask: Ask) -> int | None:
    created = ask.request.content_created_at
    return None if created is None else created + ask.context.policy.holds.stale_content_days * DAY_MS


def _stale_row(row: ConditionRow) -> ConditionRow:
    """Content that has aged is looked at by those who look at new content. A later approval makes it good again."""
    return msgspec.structs.replace(
        row, id=STALE, code=STALE, detail="the content is older than the policy lets go out without another look"
    )


def _detail(row: ConditionRow, ask: Ask) -> str:
    return row.detail.format_map(ask.look.facts)


def _is_marketing(ask: Ask) -> bool:
    return ask.request.purpose == "marketing"
