"""A lead is forgotten: what goes out, what the receipt says, and what a request does that finds nobody."""

from __future__ import annotations

import hmac
from typing import Any, cast

from streams.core.effects import AnswerRequest, CommandCadence, ErasureReceipt, RecordDecision, UpdateCase
from streams.core.events import Event
from streams.core.state import Known, unpack
from streams.lane.erasures import ERASED_FOR_MS, MOST, Erasures, hash_of
from streams.lane.processor import ERASED, ERASURES, KEPT, Batch, due_at
from tests.factories import DAY, HOUR, LEAD, T0, a_profile, a_request, a_score, an_erasure, an_ooto
from tests.lanes import Arrived, TestLane, arrive, lane_of
from tests.shipped import shipped_context

NOW = T0 + DAY
SALT = "0123456789abcdef0123456789abcdef"


def a_lane(*events: Event) -> TestLane:
    lane = TestLane(shipped_context(), lane_of(LEAD))
    lane.run(arrive(events), T0 + HOUR)
    lane.sent.clear()
    return lane


def erased(lane: TestLane, offset: int = 9, **fields: Any) -> TestLane:
    lane.run(arrive([an_erasure(occurred_at=NOW, **fields)], offset), NOW)
    return lane


def the(lane: TestLane, topic: str) -> Any:
    (one,) = lane.read(topic)
    return one


def test_state_cases_cadences_and_what_waits_end_in_one_batch() -> None:
    lane = erased(a_lane(a_profile(), a_request()), basis="GDPR 17(1)(b)", salt=SALT)
    assert lane.states == {}
    order = cast(CommandCadence, the(lane, "cadences.commands"))
    assert (order.command, order.reason, order.holds) == ("stop", "erasure", ())
    cases = cast(list[UpdateCase], lane.read("cases.events"))
    assert cases
    assert {(case.status, case.end, case.change) for case in cases} == {
        ("closed", "withdrawn", "withdrawn: the lead was erased")
    }
    assert [reason.code for case in cases for reason in case.reasons] == ["ERASED"] * len(cases)
    assert [output.value for output in lane.sent["cases.open"]] == [None] * len(cases)
    answer = cast(AnswerRequest, the(lane, "outreach.verdicts"))
    assert (answer.verdict, answer.rule, answer.request_id) == ("deny", "ERASED", a_request().event_id)
    decision = cast(RecordDecision, the(lane, "decisions"))
    assert decision.conditions[0].detail == "by ana: asked by letter [GDPR 17(1)(b)]"
    assert decision.facts == {}
    receipt = cast(ErasureReceipt, the(lane, "privacy.receipts"))
    assert receipt == ErasureReceipt(
        request_id="erasure-1",
        decision_id=f"privacy.requests-{lane.lane}-9",
        lead_hash=hmac.digest(SALT.encode(), LEAD.encode(), "sha256").hex(),
        was_held=True,
        holds=0,
        cases_closed=len(cases),
        requests_denied=1,
        keys_shredded=0,
        basis="GDPR 17(1)(b)",
        ticket=None,
        requested_at=NOW,
        erased_at=NOW,
    )
    assert set(lane.sent) == {
        "cadences.commands", "cases.events", "cases.open", "outreach.verdicts", "decisions", "privacy.receipts",
    }  # fmt: skip


def test_the_receipt_counts_the_holds_in_force() -> None:
    assert the(erased(a_lane(a_profile(), an_ooto())), "privacy.receipts").holds == 1


def test_nobody_is_answered_too_and_the_same_request_again_as_well() -> None:
    lane = erased(a_lane())
    receipt, decision = the(lane, "privacy.receipts"), the(lane, "decisions")
    assert (receipt.was_held, receipt.holds, receipt.cases_closed, receipt.lead_hash) == (False, 0, 0, "")
    assert decision.effects == ("nothing was held",)
    assert set(lane.sent) == {"decisions", "privacy.receipts"}
    erased(lane, offset=10)
    assert [one.request_id for one in cast(list[ErasureReceipt], lane.read("privacy.receipts"))] == ["erasure-1"] * 2


def test_a_lead_that_comes_in_and_is_erased_in_one_batch_is_not_kept() -> None:
    lane = a_lane()
    lane.run([*arrive([a_profile()]), *arrive([an_erasure(occurred_at=NOW)], 9), *arrive([a_score()], 10)], NOW)
    assert lane.states == {}
    assert lane.counts["signals.scores/erased"] == 1


def test_a_timer_of_a_lead_that_is_erased_in_the_same_batch_does_nothing() -> None:
    lane = a_lane(a_profile(), an_ooto())
    due = list(lane.states)
    assert due_at(lane.states[due[0]]) > 0
    batch = Batch(arrive([an_erasure(occurred_at=NOW)], 9), due, NOW, lane.lane, lane.seq)
    outcome = lane.pipeline.process(lane.states, batch, lane.context)
    assert outcome.changed[due[0]] is None
    assert outcome.counts["lane.tick/erased"] == 1


def test_what_happens_after_the_request_makes_a_new_lead() -> None:
    lane = erased(a_lane(a_profile(vip=True)))
    lane.run(arrive([a_score(7, occurred_at=NOW + 1)], 10), NOW + HOUR)
    assert set(lane.states) == {LEAD.encode()}
    assert b"Example" not in lane.states[LEAD.encode()]


def test_what_happens_after_the_request_in_the_same_batch_finds_nothing_of_before() -> None:
    lane = a_lane(a_profile(vip=True))
    lane.run([*arrive([an_erasure(occurred_at=NOW)], 9), *arrive([a_score(7, occurred_at=NOW + 1)], 10)], NOW)
    (packed,) = lane.states.values()
    assert unpack(packed).known == Known()


def test_a_request_from_the_future_covers_what_is_past_and_no_more() -> None:
    lane = a_lane(a_profile())
    lane.run(arrive([an_erasure(occurred_at=NOW + DAY - 1)], 9), NOW)
    lane.run(arrive([a_score(7, occurred_at=NOW + HOUR)], 10), NOW + HOUR)
    assert len(lane.states) == 1


def test_whom_a_lane_has_forgotten_it_forgets_after_a_week() -> None:
    lane = erased(a_lane(a_profile()))
    assert due_at(lane.kept[ERASURES]) == NOW + ERASED_FOR_MS
    assert LEAD.encode() not in lane.kept[ERASURES]
    lane.run([], NOW + ERASED_FOR_MS, tick=True)
    assert ERASURES not in lane.kept
    lane.run(arrive([a_score(7)], 10), NOW + ERASED_FOR_MS + 1)
    assert len(lane.states) == 1


def test_a_lane_remembers_the_latest_of_many() -> None:
    many = Erasures(None, NOW)
    for number in range(MOST + 1):
        many.remember(b"lead-%d" % number, NOW, NOW)
    again = Erasures(many.packed(), NOW)
    assert len(again) == MOST
    assert not again.covers(b"lead-0", a_score())
    assert again.covers(b"lead-1", a_score())


def test_what_another_version_kept_is_begun_anew() -> None:
    other = Erasures((NOW).to_bytes(8, "big") + b"\x92\x09\x80", NOW)
    assert (len(other), other.is_changed, other.packed()) == (0, True, None)
    assert ERASURES in KEPT


def test_what_stands_for_an_erased_lead_in_a_replay_counts_and_changes_nothing() -> None:
    lane = a_lane()
    blank = Arrived("leads.profiles", lane.lane, 3, T0, ERASED, None)
    outcome = lane.pipeline.process({}, Batch([blank], [ERASED], NOW, lane.lane, 0), lane.context)
    assert outcome.counts == {"leads.profiles/erased": 1, "lane.tick/erased": 1}
    assert not outcome.outputs
    assert hash_of(LEAD.encode()) != LEAD.encode()
