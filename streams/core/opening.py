"""Opening cases: what fired becomes one case per queue, with everything that a person needs to decide.

Law of this module: one open case per lead and queue; what is found anew extends it. A case has at least one reason, at
most FACTORS factors and EVIDENCE items, the worst row's severity and advice, and the tightest deadline.
"""

from __future__ import annotations

from streams.core.calendars import country_of, zone_of
from streams.core.casefile import (
    EVIDENCE,
    FACTORS,
    REQUESTS,
    OpenCase,
    WaitingRequest,
    add_evidence,
    add_reason,
    show,
)
from streams.core.cases import ENDS_CONTACT
from streams.core.casework import RECHECK_MS, SLA_BREACHED, CaseEffect, Desk, deny, run_clocks
from streams.core.context import Context
from streams.core.effects import EvidenceItem
from streams.core.events import OutreachRequest
from streams.core.evidence import reason_from
from streams.core.gate import rule_request
from streams.core.moment import Assessment, Moment
from streams.core.policy import ConditionRow, SlaRow
from streams.core.routing import choose_owner, decline
from streams.core.sla import is_tighter, start_clock
from streams.core.state import LeadState, Measure

NEEDS_PERSON = ("human", "stop")


def open_or_extend(
    state: LeadState,
    moment: Moment,
    look: Assessment,
    evidence: EvidenceItem,
    context: Context,
    request: OutreachRequest | None = None,
) -> tuple[CaseEffect, ...]:
    """A case for each queue that the fired conditions and a newly entered human tier name, or an extended one.

    `request`: opens a case for it when the gate wants an approval that is not there. A caller that needs a person for
    a reason of its own adds a row to `look.fired`.
    """
    desk = Desk(state, moment, look, context)
    rows = [row for row in look.fired if row.effect in NEEDS_PERSON and row.code != SLA_BREACHED]
    rows += _entered_tier(desk)
    effects: list[CaseEffect] = []
    for queue in dict.fromkeys(row.queue for row in rows):
        effects += _file(desk, queue, [row for row in rows if row.queue == queue], evidence)
    if request is not None:
        effects += _file_request(desk, request, evidence)
    return tuple(effects)


def _entered_tier(desk: Desk) -> list[ConditionRow]:
    """A human tier is a reason once, when the policy's answer differs from that at the last look."""
    tier, tiers = desk.look.tier, desk.context.policy.tiers
    if not tier.human or tier.id == desk.state.routing.computed_tier:
        return []
    if any(hold.view.kind in ENDS_CONTACT for hold in desk.look.holds):
        return []
    score = desk.look.score
    return [
        ConditionRow(
            id=tier.id,
            code=tier.id,
            when="",
            effect="human",
            queue=tier.queue,
            sla=tier.sla or "",
            severity=tiers.index(tier) + 1,
            next_best_action=tier.next_best_action,
            do_not=tier.do_not,
            detail=f"score {score.score:.0f}, confidence {score.confidence:.2f}",
        )
    ]


def _file_request(desk: Desk, request: OutreachRequest, evidence: EvidenceItem) -> list[CaseEffect]:
    rows = rule_request(desk.state, request, desk.look, desk.moment.now, desk.context).rows
    if not rows:
        return []
    waiting = WaitingRequest(
        request.event_id, request.occurred_at, request.channel, request.purpose == "marketing", request.content_hash,
        request.segment_hash, request.audience_size, request.content_created_at, tuple(row.id for row in rows),
    )  # fmt: skip
    return _file(desk, rows[0].queue, list(rows), evidence, waiting)


def _file(
    desk: Desk, queue: str, rows: list[ConditionRow], evidence: EvidenceItem, waiting: WaitingRequest | None = None
) -> list[CaseEffect]:
    case = next((case for case in desk.state.cases if case.queue == queue), None)
    is_new = case is None
    if case is None:
        case = _open(desk, queue, rows)
        desk.state.cases = [*desk.state.cases, case]
        add_evidence(case, evidence, *_known_before(desk.state))
    else:
        add_evidence(case, evidence)
    for row in rows:
        _add_row(desk, case, row, waiting is not None, is_new)
    case.factors = [(part.feature, part.value, part.points) for part in desk.look.score.contributions[:FACTORS]]
    case.confidence, case.version = desk.look.score.confidence, case.version + 1
    dropped = _wait(desk, case, waiting) if waiting else []
    change = "opened" if is_new else f"extended by {', '.join(row.code for row in rows)}"
    notes = run_clocks(desk, case)  # a lead that is away now stops the new clock from the start
    return [show(desk.state, case, desk.moment, "; ".join((change, *notes))), *dropped]


def _open(desk: Desk, queue: str, rows: list[ConditionRow]) -> OpenCase:
    state, moment, look, context = desk
    rejection = state.signals.rejection
    if rejection is not None and any(row.other_rep for row in rows):
        decline(state, rejection.actor)  # before an owner is chosen, for the case and for the lead
    zone = zone_of(state, context)
    return OpenCase(
        case_id=f"case-{moment.topic}-{moment.partition}-{moment.offset}-{queue}",
        queue=queue,
        opened_at=moment.now,
        policy_version=context.policy.version,
        calendar=f"{country_of(state) or context.calendars.row.country or '-'} {zone} {context.calendars.version}",
        tier=look.tier.id,
        severity=rows[0].severity,
        owner=choose_owner(state, queue, moment.now, context, lead_id=moment.lead_id).owner,
        opened_stopped=any(hold.stops for hold in look.holds),
    )


def _add_row(desk: Desk, case: OpenCase, row: ConditionRow, for_request: bool, is_new: bool) -> None:
    reason = reason_from(row, desk.look.facts, desk.moment.now)
    add_reason(case, reason)
    case.blocks = case.blocks or (row.blocks and row.effect in NEEDS_PERSON)
    if row.severity < case.severity or not case.next_best_action:
        case.severity, case.next_best_action, case.do_not = row.severity, row.next_best_action, row.do_not
    rejection = desk.state.signals.rejection
    if row.other_rep and rejection is not None and not is_new and case.owner == rejection.actor:
        decline(desk.state, rejection.actor)
        chosen = choose_owner(desk.state, case.queue, desk.moment.now, desk.context, lead_id=desk.moment.lead_id)
        case.owner = chosen.owner
    slas = desk.context.policy.slas
    first = slas.get(row.sla)
    for sla in (first, slas.get(first.also or "") if first else None):
        if sla is not None:
            _add_clock(desk, case, sla, for_request)


def _add_clock(desk: Desk, case: OpenCase, row: SlaRow, for_request: bool) -> None:
    """The tightest deadline of each kind: until somebody takes the case, and until it is decided."""
    now, calendars = desk.moment.now, desk.context.calendars
    fresh = start_clock(
        row, now, zone_of(desk.state, desk.context), country_of(desk.state), calendars, may_deny=for_request
    )
    if not fresh.denies and case.claimed_by is not None:
        return  # somebody has it already
    for at, clock in enumerate(case.clocks):
        if clock.denies == fresh.denies:
            if is_tighter(fresh, clock):
                case.clocks[at] = fresh
            return
    case.clocks.append(fresh)


def _wait(desk: Desk, case: OpenCase, waiting: WaitingRequest) -> list[CaseEffect]:
    """Let the request wait for the case; one too many pushes out the oldest, which is answered."""
    case.waiting = [*case.waiting, waiting]
    case.recheck_at = case.recheck_at or desk.moment.now + RECHECK_MS
    oldest, case.waiting = case.waiting[:-REQUESTS], case.waiting[-REQUESTS:]
    return [deny(desk, one, "superseded", f"{REQUESTS} newer requests wait for {case.case_id}") for one in oldest]


def _known_before(state: LeadState) -> list[EvidenceItem]:
    """What was measured of the lead before, each with the event that says so."""
    signals = state.signals
    known: tuple[tuple[str, str, Measure | None], ...] = (
        ("signals.scores", "fit score {:g}", signals.fit),
        ("signals.scores", "engagement score {:g}", signals.engagement),
        ("signals.scores", "vendor score {:g}", signals.vendor),
        ("signals.intent", "person intent {:g}", signals.intent),
        ("signals.intent", "account intent {:g}", signals.account_intent),
        ("signals.sentiment", "sentiment {:+.2f}", signals.sentiment),
    )
    items = [
        EvidenceItem(one.event_id, topic, one.at, words.format(one.value))
        for topic, words, one in known
        if one is not None
    ]
    return sorted(items, key=lambda item: (item.at, item.event_id))[: EVIDENCE - 1]
