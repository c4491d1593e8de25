"""What any change of a case needs: its clocks, its way up, its end, and the answers to what waits for it.

Law of this module: every change is shown as the whole case, with the next version. A case is closed exactly once, and
then leaves the state. What waits for a case is answered when it ends, by deny unless somebody approved it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from streams.core.casefile import NEVER, OpenCase, WaitingRequest, add_reason, show
from streams.core.context import Context
from streams.core.effects import AnswerRequest, CaseEnd, Reason, UpdateCase
from streams.core.evidence import minute_of
from streams.core.gate import STALE, Ask, Ruling, address, is_approved, rule_request
from streams.core.moment import Assessment, Moment
from streams.core.policy import CompiledPolicy, ConditionRow
from streams.core.routing import other_owner
from streams.core.sla import BREACH, Clock, advance, is_breached, meet, resume, suspend
from streams.core.state import LeadState

RECHECK_MS = 300_000  # how often a case looks whether what waits for it has been approved for everybody
SLA_BREACHED = "SLA_BREACHED"
PAUSES = {"ooo": "the lead is away", "legal_threat": "legal hold"}  # kinds of hold that stop a clock

CaseEffect = UpdateCase | AnswerRequest


class Desk(NamedTuple):
    """Where a case is worked on: everything that a change needs besides the case."""

    state: LeadState
    moment: Moment
    look: Assessment
    context: Context


def changed(desk: Desk, case: OpenCase, change: str) -> list[CaseEffect]:
    """The case after a change."""
    case.version += 1
    return [show(desk.state, case, desk.moment, change)]


def close(desk: Desk, case: OpenCase, end: CaseEnd, change: str) -> UpdateCase:
    """End a case. People's ends and timeouts meet or miss the clocks; a withdrawn case leaves them as they stood."""
    if end not in ("withdrawn", "superseded"):
        for clock in case.clocks:
            meet(clock, desk.moment.now)
    case.status, case.end, case.recheck_at = "closed", end, NEVER
    case.version += 1
    desk.state.cases = [other for other in desk.state.cases if other is not case]
    return show(desk.state, case, desk.moment, change)


def end_without_person(desk: Desk, case: OpenCase, end: CaseEnd, change: str) -> list[CaseEffect]:
    """End a case that nobody decided: what waits for it is denied."""
    return [close(desk, case, end, change), *(deny(desk, one, end, change) for one in case.waiting)]


def ruling_on(desk: Desk, waiting: WaitingRequest) -> Ruling:
    """What the gate says now about a request that waits."""
    request = waiting.as_request(desk.moment.lead_id)
    return rule_request(desk.state, request, desk.look, desk.moment.now, desk.context, waiting.conditions)


def answer(desk: Desk, waiting: WaitingRequest, ruling: Ruling) -> AnswerRequest:
    return address(desk.state, waiting.as_request(desk.moment.lead_id), ruling, desk.moment, desk.context)


def deny(desk: Desk, waiting: WaitingRequest, rule: str, reason: str) -> AnswerRequest:
    return answer(desk, waiting, Ruling("deny", rule, reason))


def raise_case(desk: Desk, case: OpenCase, refused: Iterable[str] = ()) -> str:
    """One step up the overflow queues, to another owner than now."""
    case.escalation += 1
    moment, out = desk.moment, (case.owner or "", *refused)
    owner = other_owner(desk.state, case.queue, case.escalation, moment.now, desk.context, out, lead_id=moment.lead_id)
    if owner is None:
        return ""
    case.owner = owner
    return f", to {owner}"


@lru_cache(maxsize=4)
def rows_of(policy: CompiledPolicy) -> dict[str, ConditionRow]:
    """The policy's conditions by id."""
    return {row.id: row for row in policy.conditions}


@lru_cache(maxsize=4)
def tiers_of(policy: CompiledPolicy) -> frozenset[str]:
    """The ids of the policy's tiers."""
    return frozenset(tier.id for tier in policy.tiers)


def pass_time(desk: Desk, case: OpenCase) -> list[CaseEffect]:
    """What time and facts have done to a case since the last look."""
    notes = _answered_by_lead(desk, case) + run_clocks(desk, case)
    late = next((clock for clock in case.clocks if clock.denies and is_breached(clock)), None)
    if late is not None:
        change = "; ".join((*notes, f"expired: not decided in time, so {late.sla} denies"))
        return end_without_person(desk, case, "expired", change)
    effects = changed(desk, case, "; ".join(notes)) if notes else []
    return effects + _look_for_approvals(desk, case) if case.waiting else effects


def _answered_by_lead(desk: Desk, case: OpenCase) -> list[str]:
    if case.status != "info_requested" or desk.state.signals.reply_at < case.asked_at:
        return []
    case.status, case.asked_at = "claimed", NEVER
    return ["the lead answered"]


def run_clocks(desk: Desk, case: OpenCase) -> list[str]:
    """Let the clocks run to now, stand still or run on. What is said of it, in the order in which it happened."""
    now, calendars = desk.moment.now, desk.context.calendars
    pause, notes = _pause(case, desk.look), []
    for clock in case.clocks:
        if clock.met_at != NEVER:
            continue
        if pause is None and clock.suspended_at != NEVER:
            resume(clock, now, calendars)
            notes.append(f"{clock.sla} runs on")
        for share in advance(clock, now, calendars):
            notes.append(_threshold(desk, case, clock, share))
        if pause is not None:
            if clock.suspended_at == NEVER:
                notes.append(f"{clock.sla} suspended: {pause[0]}")
            suspend(clock, now, pause[1], calendars)
    return notes


def _pause(case: OpenCase, look: Assessment) -> tuple[str, int | None] | None:
    """Why the clock stands still, and until when. A hold does not stop the case that the same event opened."""
    if case.status == "info_requested":
        return "waiting for the lead", None
    for hold in look.holds:
        view = hold.view
        if view.kind in PAUSES and all(view.origin != item[0] for item in case.evidence):
            return PAUSES[view.kind], view.until
    return None


def _threshold(desk: Desk, case: OpenCase, clock: Clock, share: float) -> str:
    percent = f"{share * 100:g} % of {clock.sla}"
    if share < BREACH:
        return f"warned at {percent}"
    if share > BREACH:
        return f"escalated at {percent}{raise_case(desk, case)}"
    case.breached = True
    rule = next((row.id for row in desk.context.policy.conditions if row.code == SLA_BREACHED), "N19")
    detail = f"{clock.sla} was due {minute_of(clock.due_at)}"
    add_reason(case, Reason(rule, SLA_BREACHED, detail, desk.moment.now))
    return f"breached {clock.sla}"


def _look_for_approvals(desk: Desk, case: OpenCase) -> list[CaseEffect]:
    """Answer what has meanwhile been approved for everybody, or can no longer go out at all."""
    if desk.moment.now >= case.recheck_at:
        case.recheck_at = desk.moment.now + RECHECK_MS
    answers: list[AnswerRequest] = []
    kept: list[WaitingRequest] = []
    for waiting in case.waiting:
        ruling = ruling_on(desk, waiting)
        if ruling.verdict == "deny" or (ruling.verdict != "review" and is_approved(_ask(desk, waiting))):
            answers.append(answer(desk, waiting, ruling))
        else:
            kept.append(waiting)
    if not answers:
        return []
    return [_without(desk, case, kept, answers), *answers]


def _without(desk: Desk, case: OpenCase, kept: list[WaitingRequest], answers: list[AnswerRequest]) -> UpdateCase:
    """The case without the requests that have their answer: nothing left to decide closes it."""
    approved = next((one.reason for one in answers if one.verdict != "deny"), None)
    change = f"{len(answers)} of {len(case.waiting)} requests answered: {approved or answers[0].reason}"
    if kept or not _is_about_outreach(case, desk.context.policy):
        case.waiting = kept
        case.recheck_at = desk.moment.now + RECHECK_MS if kept else NEVER
        case.version += 1
        return show(desk.state, case, desk.moment, change)
    return close(desk, case, "approved" if approved else "withdrawn", change)


def _is_about_outreach(case: OpenCase, policy: CompiledPolicy) -> bool:
    """Whether nothing but outreach needs the person."""
    rows = rows_of(policy)
    return all(
        code in (STALE, SLA_BREACHED) or ((row := rows.get(condition)) is not None and row.effect == "review")
        for condition, code, _, _ in case.reasons
    )


def _ask(desk: Desk, waiting: WaitingRequest) -> Ask:
    request = waiting.as_request(desk.moment.lead_id)
    return Ask(desk.state, request, desk.look, desk.moment.now, desk.context, waiting.conditions)
