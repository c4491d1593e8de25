"""Whatever came before: after a request to erase nothing of the lead is held, and what goes out says nothing of it."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from hypothesis import given, settings

from streams.core.effects import ErasureReceipt, RecordDecision, UpdateCase
from streams.core.events import CaseReview, Event, LeadProfile, ReplySignal
from streams.core.state import unpack
from streams.lane.processor import ERASURES, Outcome
from tests.factories import DAY, HOUR, LEAD, T0, a_profile, a_reply, a_request, an_erasure
from tests.lanes import WIRE, TestLane, arrive, lane_of
from tests.shipped import shipped_context
from tests.strategies import histories

NOW = T0 + 31 * DAY
MARK = "Sokrates"  # in every personal text
PERSONAL: dict[type[Event], dict[str, Any]] = {
    LeadProfile: {
        "email": f"{MARK}@example.com", "company": MARK, "title": MARK, "department": MARK, "segments": (MARK,),
        "attributes": {"industry": MARK}, "account_id": MARK, "duplicate_of": MARK,
    },
    ReplySignal: {"headers": {"From": MARK}, "subject": MARK, "text": f"Call me now, I am {MARK}. What does it cost?"},
    CaseReview: {"note": MARK, "evidence_opened": (MARK,)},
}  # fmt: skip


def personal(event: Event) -> Event:
    return msgspec.structs.replace(event, **PERSONAL.get(type(event), {}))


LIVES = histories(max_size=14).map(lambda pairs: [personal(event) for _, event in pairs])


@settings(max_examples=30, deadline=None)
@given(LIVES)
def test_nothing_is_held_and_nothing_personal_goes_out(events: list[Event]) -> None:
    lane = TestLane(shipped_context(), lane_of(LEAD))
    known = [personal(a_profile(900)), personal(a_reply(900)), a_request(900), *events]
    for offset, record in enumerate(arrive(known)):
        lane.run([record], NOW - DAY + offset * HOUR)
    (packed,) = lane.states.values()
    assert MARK.encode() in packed
    open_before = {case.case_id for case in unpack(packed).cases}

    outcome = lane.run(arrive([an_erasure(occurred_at=NOW, salt="0123456789abcdef")], 500), NOW)

    assert lane.states == {}
    assert not any({output.key: output.value for output in lane.sent.get("cases.open", ())}.values())
    assert MARK not in repr([outputs for topic, outputs in outcome.outputs.items() if topic != "governance.stats"])
    closed = cast(list[UpdateCase], _read(outcome, "cases.events"))
    assert {case.case_id for case in closed} == open_before
    assert all((case.status, case.owner, case.evidence) == ("closed", None, ()) for case in closed)
    (decision,) = cast(list[RecordDecision], _read(outcome, "decisions"))
    assert (decision.tier, decision.facts, decision.holds_before) == ("erased", {}, ())
    (receipt,) = cast(list[ErasureReceipt], _read(outcome, "privacy.receipts"))
    assert (receipt.was_held, receipt.cases_closed) == (True, len(open_before))
    assert LEAD not in repr(receipt)


@settings(max_examples=30, deadline=None)
@given(LIVES)
def test_what_occurred_before_and_arrives_later_brings_nobody_back(events: list[Event]) -> None:
    lane = TestLane(shipped_context(), lane_of(LEAD))
    lane.run(arrive([a_profile()]), T0)
    lane.run(arrive([an_erasure(occurred_at=NOW)], 500), NOW)
    sent = {topic: list(outputs) for topic, outputs in lane.sent.items()}
    lane.run(arrive(events, 600), NOW + HOUR)
    assert (lane.states, lane.sent) == ({}, sent)
    assert sum(count for name, count in lane.counts.items() if name.endswith("/erased")) == len(events)
    assert set(lane.kept) >= {ERASURES}


def _read(outcome: Outcome, topic: str) -> list[object]:
    return [WIRE.decode_any(topic, output.value) for output in outcome.outputs.get(topic, ())]
