"""A small desk for tests of cases, gate and owners: a policy with one row of each kind, reps of each queue, a lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from streams.calendars import calendars_for
from streams.core.casefile import OpenCase
from streams.core.casework import CaseEffect
from streams.core.context import Context, RosterEntry
from streams.core.effects import AnswerRequest, Contribution, EvidenceItem, HoldView, UpdateCase
from streams.core.moment import ActiveHold, Assessment, Moment, Score
from streams.core.opening import open_or_extend
from streams.core.policy import CompiledPolicy, ConditionRow, GateRow, QueueRow, SlaRow, TierRow
from streams.core.state import LeadState, recorded
from tests.builders import CALENDAR, a_policy
from tests.factories import HOUR, LEAD, MINUTE, T0, a_consent, a_rep

WARN, ESCALATE = (0.5, 0.8), (1.5, 2.0)


def a_row(row_id: str, code: str, queue: str, sla: str, severity: int, **fields: Any) -> ConditionRow:
    known: dict[str, Any] = {
        "id": row_id, "code": code, "when": "", "effect": "human", "queue": queue, "sla": sla, "severity": severity,
        "next_best_action": f"do {row_id}", "do_not": f"not {row_id}", "detail": f"{row_id} holds",
    }  # fmt: skip
    return ConditionRow(**{**known, **fields})


VIP = a_row("N04", "VIP_ACCOUNT", "vip", "vip", 2)
JUMP = a_row("N16", "SCORE_JUMP", "sales", "warm", 3)
PRICING = a_row("N07", "PRICING_TERMS", "sales", "hot", 2, pulse=True)
REJECTED = a_row("N17", "PREVIOUSLY_REJECTED", "sales", "warm", 3, other_rep=True)
AUDIT = a_row("N25", "AUDIT_SAMPLE", "sales", "warm", 5, blocks=False)
BREACHED = a_row("N19", "SLA_BREACHED", "sales", "warm", 2)
COMPLAINT = a_row("N10", "COMPLAINT_LEGAL", "compliance", "hot", 1, effect="stop", pulse=True)
SENSITIVE = a_row("N11", "SENSITIVE_SEGMENT", "compliance", "compliance", 2, effect="review", pulse=True)
UNLAWFUL = a_row("N12", "REGULATED_REGION", "compliance", "compliance", 2, effect="deny", pulse=True)
NEW = a_row("N13", "NEW_CONTENT", "compliance", "compliance", 3, effect="review", pulse=True)
BULK = a_row("N14", "BULK", "compliance", "compliance", 3, effect="review", pulse=True)
ROWS = (VIP, JUMP, PRICING, REJECTED, AUDIT, BREACHED, COMPLAINT, SENSITIVE, UNLAWFUL, NEW, BULK)

TIERS = (
    TierRow("T0_VIP", "", "vip", True, "vip", "call as T0", "no template"),
    TierRow("T1_HOT", "", "sales", True, "hot", "call now", "no waiting"),
    TierRow("T2_WARM", "", "sales", False, "warm"),
)
SLAS = (
    SlaRow("vip", 5 * MINUTE, True, WARN, ESCALATE),
    SlaRow("hot", 15 * MINUTE, True, WARN, ESCALATE),
    SlaRow("warm", 4 * HOUR, True, WARN, ESCALATE),
    SlaRow("compliance", 4 * HOUR, True, WARN, ESCALATE, also="decision"),
    SlaRow("decision", 8 * HOUR, True, WARN, (), "deny"),
)
QUEUES = (
    QueueRow("vip", "", 25, "sales"),
    QueueRow("sales", "", 25, "overflow"),
    QueueRow("compliance", "", 25, "overflow"),
    QueueRow("overflow", "", 25, None),
)
GATE = GateRow(0.2, 1_000, 30, 15 * MINUTE, {"*": {"*": ("consent",)}})
REPS = (
    a_rep("ana", queues=("sales", "vip")),
    a_rep("ben", queues=("sales",)),
    a_rep("eve", queues=("compliance",)),
    a_rep("max", queues=("overflow",)),
)
SCORE = Score(62.0, 55.0, 69.0, 0.8, (Contribution("fit", 70.0, 9.0), Contribution("intent", 50.0, 7.0)))


def a_desk_policy(**fields: Any) -> CompiledPolicy:
    known: dict[str, Any] = {
        "tiers": TIERS, "conditions": ROWS, "slas": {row.id: row for row in SLAS}, "gate": GATE,
        "queues": {row.id: row for row in QUEUES},
    }  # fmt: skip
    return a_policy(**{**known, **fields})


POLICY = a_desk_policy()
CALENDARS = calendars_for(CALENDAR)


def a_desk_context(roster: Sequence[RosterEntry] = REPS, **fields: Any) -> Context:
    return Context(**{"policy": POLICY, "calendars": CALENDARS, "roster": tuple(roster), **fields})


CONTEXT = a_desk_context()


def at(now: int = T0, offset: int = 7, topic: str = "signals.scores") -> Moment:
    return Moment(topic, 0, offset, offset, now, LEAD)


def a_look(
    *fired: ConditionRow,
    tier: str = "T2_WARM",
    held: Sequence[ConditionRow] | None = None,
    holds: Sequence[ActiveHold] = (),
) -> Assessment:
    """What the lead looks like; what fires also holds."""
    row = next(row for row in TIERS if row.id == tier)
    return Assessment(SCORE, {}, row, tuple(fired if held is None else held), fired, tuple(holds))


def a_hold(kind: str = "ooo", until: int | None = None, origin: str = "ooto-1", **fields: Any) -> ActiveHold:
    view = HoldView(f"{kind}-{origin}", kind, until, origin)
    return ActiveHold(**{"view": view, "rank": 5, "stops": False, "transactional_allowed": True, **fields})


def evidence(n: int = 1, when: int = T0) -> EvidenceItem:
    return EvidenceItem(f"score-{n}", "signals.scores", when, f"fit score {n}")


def a_lead(tier: str = "T2_WARM") -> LeadState:
    """A lead that consented and has been looked at before: it was in `tier`."""
    state = LeadState()
    state.known.consent = recorded(a_consent(), T0)
    state.routing.computed_tier = tier
    return state


def a_lead_with_case(*fired: ConditionRow, now: int = T0, context: Context = CONTEXT) -> tuple[LeadState, OpenCase]:
    """A lead whose first case was opened at `now` by what fired (by default a score jump)."""
    state = a_lead()
    open_or_extend(state, at(now), a_look(*(fired or (JUMP,))), evidence(when=now), context)
    return state, state.cases[0]


def cases_of(effects: Sequence[CaseEffect]) -> list[UpdateCase]:
    return [effect for effect in effects if isinstance(effect, UpdateCase)]


def answers_of(effects: Sequence[CaseEffect]) -> list[AnswerRequest]:
    return [effect for effect in effects if isinstance(effect, AnswerRequest)]


def changed(case: UpdateCase, **fields: Any) -> UpdateCase:
    """The case as it should be after a change."""
    return msgspec.structs.replace(case, **fields)
