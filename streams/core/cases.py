"""Cases for people, as time and facts move them: thresholds, suspensions, withdrawal.

Law of this module: a case that no person needs any more goes away by itself, unless somebody has it or its time is up.
It ends as met or breached, withdrawn, superseded or expired, and never comes back.
Opening is in streams/core/opening.py, people's actions in streams/core/reviews.py.
"""

from __future__ import annotations

from streams.core.casefile import NEVER, OpenCase
from streams.core.casework import CaseEffect, Desk, end_without_person, pass_time, rows_of, tiers_of
from streams.core.context import Context
from streams.core.effects import CaseEnd
from streams.core.moment import Assessment, Moment
from streams.core.policy import CompiledPolicy
from streams.core.state import LeadState

ENDS_CONTACT = {
    "erasure": "the lead asks to be erased",
    "unsubscribe": "the lead unsubscribed",
    "complaint": "the lead complained",
    "left_company": "the lead left the company",
}


def tick_cases(state: LeadState, moment: Moment, look: Assessment, context: Context) -> tuple[CaseEffect, ...]:
    """Thresholds that were reached, suspensions that began or ended, requests that have been approved elsewhere."""
    desk = Desk(state, moment, look, context)
    return tuple(effect for case in tuple(state.cases) for effect in pass_time(desk, case))


def next_case_due(state: LeadState) -> int:
    """When time alone changes a case, ms UTC; NEVER for none."""
    times = [clock.next_at for case in state.cases for clock in case.clocks]
    times += [case.recheck_at for case in state.cases]
    return min((at for at in times if at != NEVER), default=NEVER)


def withdraw_cases(state: LeadState, moment: Moment, look: Assessment, context: Context) -> tuple[CaseEffect, ...]:
    """Ends cases that no person needs any more: contact has ended, or nobody took it and its reasons are gone."""
    desk = Desk(state, moment, look, context)
    ended = next((ENDS_CONTACT[hold.view.kind] for hold in look.holds if hold.view.kind in ENDS_CONTACT), None)
    effects: list[CaseEffect] = []
    for case in tuple(state.cases):
        if ended and not case.opened_stopped and not _is_about_a_stop(case, context.policy):
            effects += end_without_person(desk, case, "withdrawn", f"withdrawn: {ended}")
        elif case.status == "open" and not (case.breached or case.waiting) and _is_settled(case, look, context.policy):
            superseded = any(reason[0] in tiers_of(context.policy) for reason in case.reasons)
            end: CaseEnd = "superseded" if superseded else "withdrawn"
            effects += end_without_person(
                desk, case, end, f"{end}: {', '.join(reason[1] for reason in case.reasons)} is over"
            )
    return tuple(effects)


def _is_about_a_stop(case: OpenCase, policy: CompiledPolicy) -> bool:
    rows = rows_of(policy)
    return any((row := rows.get(reason[0])) is not None and row.effect == "stop" for reason in case.reasons)


def _is_settled(case: OpenCase, look: Assessment, policy: CompiledPolicy) -> bool:
    """Whether every reason is a tier that the lead has left, or a lasting condition that holds no more."""
    held, rows, tiers = {row.id for row in look.held}, rows_of(policy), tiers_of(policy)
    for condition, _, _, _ in case.reasons:
        row = rows.get(condition)
        gone = condition != look.tier.id if condition in tiers else row and not row.pulse and condition not in held
        if not gone:
            return False
    return True
