"""The demo's people, stage, tally and pictures: pure parts, tried without a broker."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import yaml
from rich.console import Console

from streams import shipped
from streams.commands.demo import where_to_look
from streams.core.context import Approval
from streams.core.events import CaseReview, OutcomeLabel
from streams.demo.happenings import APPROVED
from streams.demo.outcomes import Outcomes
from streams.demo.reps import Reps
from streams.demo.stage import REPS, TIME_LAPSE, control_records, demo_policy
from streams.demo.summary import Account, Learned, Tally, summary
from streams.demo.view import Snapshot, line, picture
from streams.demo.worker import outcomes_from
from streams.demo.world import Lead, people
from streams.lane.processor import JournalEntry
from streams.policy import load_policy
from tests.factories import (
    T0,
    a_cadence_command,
    a_case,
    a_decision_record,
    a_hold_view,
    a_published_score,
    a_reason,
    a_route,
    a_verdict,
    an_example,
)

QUEUES = {rep: queues for rep, queues, _ in REPS}
SECOND = 1_000


def an_entry(records: int) -> JournalEntry:
    return JournalEntry(lane=0, seq=1, now=T0, first={}, next={}, records=records, due=0, control={})


# --- the stage


def test_the_demo_policy_is_the_shipped_one_with_faster_clocks() -> None:
    shipped_text = shipped.default_policy().read_text("utf-8")
    demo_text = demo_policy(shipped_text)
    ours, demo = load_policy(shipped_text, "shipped"), load_policy(demo_text, "demo")
    assert demo.version == f"{ours.version}-demo-{TIME_LAPSE}x"
    assert demo.slas["vip"].budget_ms == ours.slas["vip"].budget_ms // TIME_LAPSE == 5 * SECOND
    assert not any(sla.working_time for sla in demo.slas.values())
    before, after = yaml.safe_load(shipped_text), yaml.safe_load(demo_text)
    assert {name for name in before if before[name] != after[name]} == {
        "version", "description", "values", "sla_defaults", "slas", "learning",
    }  # fmt: skip
    changed = {name for name, value in before["values"].items() if after["values"][name] != value}
    assert changed == {"settling_minutes"}


def test_every_queue_of_the_policy_has_somebody() -> None:
    policy = load_policy(shipped.default_policy().read_text("utf-8"), "shipped")
    assert set(policy.queues) == {queue for queues in QUEUES.values() for queue in queues}


def test_the_stage_has_every_rep_one_who_left_and_approvals_for_what_the_simulation_sends() -> None:
    records = control_records(T0)
    assert {key for topic, key, _ in records if topic == "control.roster"} == {*QUEUES, "lou"}
    approved = {(record.content_hash, record.segment_hash) for _, _, record in records if isinstance(record, Approval)}
    assert approved == set(APPROVED)


# --- the CRM


def test_what_becomes_of_leads_is_told_once_some_seconds_later_and_is_always_the_same() -> None:
    crowd = people(Random(1), 500)
    crm, again = Outcomes(1, crowd, "run"), Outcomes(1, crowd, "run")
    for lead in crowd:
        for told in (crm, again):
            told.see(a_route(lead_id=lead.lead_id), T0)
            told.see(a_route(lead_id=lead.lead_id), T0 + SECOND)
    early, late = crm.due(T0 + 3 * SECOND - 1), crm.due(T0 + 60 * SECOND)
    assert early == []
    assert late == again.due(T0 + 60 * SECOND)
    assert len({label.lead_id for label in late}) == len(late)
    assert 350 < len(late) < 450
    assert {label.outcome == "opportunity" for label in late if crm.is_good(label.lead_id)} == {True}
    assert [label.occurred_at for label in late] == sorted(label.occurred_at for label in late)


def test_more_of_the_hot_leads_are_good_ones_and_what_the_rules_do_not_see_matters_too() -> None:
    crowd = people(Random(1), 3_000)
    crm = Outcomes(1, crowd, "run")

    def share(chosen: list[Lead]) -> float:
        return sum(crm.is_good(lead.lead_id) for lead in chosen) / len(chosen)

    assert share([lead for lead in crowd if lead.kind.name == "hot"]) > 0.5
    assert share([lead for lead in crowd if lead.kind.name == "cold"]) < 0.1
    software, foods = (
        share([lead for lead in crowd if lead.account.industry == industry]) for industry in ("Software", "Foods")
    )
    assert software > 3 * foods


# --- the reps


def handled(count: int, **fields: object) -> list[CaseReview | OutcomeLabel]:
    """Everything that people do with `count` new cases within a minute."""
    reps = Reps(1, QUEUES, "run")
    for number in range(count):
        reps.see(a_case(case_id=f"case-{number}", **fields), T0)
    return reps.due(T0 + 60 * SECOND)  # type: ignore[return-value]


def test_most_cases_are_claimed_and_decided_in_time_and_some_never() -> None:
    events = handled(400)
    reviews = [event for event in events if isinstance(event, CaseReview)]
    claimed = {review.case_id for review in reviews if review.action == "claim"}
    decided = {review.case_id for review in reviews if review.action in ("approve", "reject", "override")}
    late = {review.case_id for review in reviews if review.action == "claim" and review.occurred_at > T0 + 5 * SECOND}
    assert decided <= claimed
    assert 340 <= len(claimed) <= 380
    assert 40 <= len(late) <= 90
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)


def test_rejects_and_overrides_carry_a_code_and_labels_follow() -> None:
    events = handled(400)
    reviews = [event for event in events if isinstance(event, CaseReview)]
    labels = [event for event in events if isinstance(event, OutcomeLabel)]
    assert all(review.reason_code for review in reviews if review.action in ("reject", "override"))
    assert all(review.tier for review in reviews if review.action == "override")
    assert {label.outcome for label in labels} == {"accepted", "rejected"}
    assert len(labels) == sum(review.action in ("approve", "reject") for review in reviews)


def test_people_mostly_see_which_leads_are_good() -> None:
    reps = Reps(1, QUEUES, "run", is_good=lambda lead_id: lead_id == "good")
    for number in range(400):
        reps.see(a_case(case_id=f"case-{number}", lead_id=("good", "bad")[number % 2]), T0)
    told = [event for event in reps.due(T0 + 60 * SECOND) if isinstance(event, OutcomeLabel)]
    right = [label for label in told if (label.outcome == "accepted") == (label.lead_id == "good")]
    assert 0.8 < len(right) / len(told) < 1


def test_outreach_is_approved_or_rejected_by_people_of_its_queue_only() -> None:
    events = handled(100, queue="compliance", owner=None, request_id="request-1")
    decisions = [event for event in events if isinstance(event, CaseReview) and event.action != "claim"]
    assert {review.action for review in decisions} == {"approve", "reject"}
    assert {review.actor for review in decisions} <= {rep for rep, queues in QUEUES.items() if "compliance" in queues}


def test_who_answers_a_reply_lifts_its_hold() -> None:
    events = handled(50, reasons=(a_reason(condition="N07", code="PRICING_TERMS"),))
    lifts = [event for event in events if isinstance(event, CaseReview) and event.action == "lift_hold"]
    assert lifts
    assert {lift.hold_kind for lift in lifts} == {"human_reply"}


def test_a_case_that_is_seen_again_is_not_taken_up_again() -> None:
    reps = Reps(1, QUEUES, "run")
    for version in (1, 2, 3):
        reps.see(a_case(version=version), T0)
    reps.see(a_case(case_id="case-2", status="closed"), T0)
    claims = [event for event in reps.due(T0 + 999_999) if isinstance(event, CaseReview) and event.action == "claim"]
    assert {claim.case_id for claim in claims} == {"case-1"}


# --- the tally


def a_tally() -> Tally:
    tally = Tally()
    tally.latency.sent(("signals.scores", 0, 7), 100.0)
    old, new = a_hold_view(hold_id="old", kind="ooo"), a_hold_view(hold_id="new", kind="human_reply")
    tally.see(a_decision_record(holds_before=(old,), holds_after=(new,)), 100.025)
    tally.see(a_decision_record(topic="lane.tick", decision_id="lane.tick-0-8"), 100.03)
    tally.see(a_route(lead_id="lead-1", human=True, tier="T1_HOT"), 101.0)
    tally.see(a_route(lead_id="lead-1", human=False, tier="T2_WARM"), 102.0)
    tally.see(a_route(lead_id="lead-2", human=False, tier="T2_WARM"), 102.0)
    tally.see(a_case(case_id="case-1"), 102.0)
    tally.see(a_case(case_id="case-1", sla_state="breached"), 103.0)
    tally.see(a_case(case_id="case-1", sla_state="breached", status="closed", end="approved"), 104.0)
    tally.see(a_case(case_id="case-2", due_at=T0 + 3 * SECOND), 104.0)
    tally.see(a_case(case_id="not named", status="closed"), 104.0)
    tally.see(a_cadence_command(), 104.0)
    tally.see(a_verdict(), 104.0)
    tally.see(a_published_score(), 104.0)
    tally.see(an_example(), 104.0)
    tally.see(an_entry(3), 104.0)
    return tally


def test_the_summary_counts_what_the_topics_say() -> None:
    account = Account(produced=3, decided=1, no_consequence=1, duplicates=1, dead_letters=0, journaled=3)
    learned = Learned(examples=1, versions=1, newest="online-000000001")
    told = summary(a_tally(), account, seconds=2.0, events_sent=3, duplicates_sent=1, learned=learned)
    assert told == {
        "signals_in": 3, "decisions": 2, "decisions_by_timer": 1, "no_consequence": 1, "leads": 2,
        "routed_by_tier": {"T2_WARM": 2}, "human_share": 0.5, "cases_opened": 2,
        "cases_by_reason": {"VIP_ACCOUNT": 2}, "cases_warned": 1, "cases_breached": 1, "cases_closed": {"approved": 1},
        "holds_set": 2, "holds_lifted": 1, "holds_by_kind": {"human_reply": 1, "ooo": 1},
        "cadence_commands": {"pause": 1}, "mails_let_be": 0, "verdicts": {"allow": 1}, "dead_letters": 0,
        "dead_letters_by_error": {},
        "duplicates_sent": 1, "duplicates_dropped": 1, "events_per_second": 1.5,
        "latency_ms": {"p50": None, "p99": None, "n": 0, "after_seconds": 0.7},
        "latency_ms_with_start": {"p50": 25.0, "p99": 25.0, "n": 1}, "outcomes": 1,
        "examples_learned": 1, "models_published": 1, "model": "online-000000001", "model_role": None,
        "journaled": 3, "lost": 0,
    }  # fmt: skip


def test_a_record_that_is_nowhere_is_lost_and_one_counted_twice_shows_too() -> None:
    account = Account(produced=10, decided=4, no_consequence=3, duplicates=1, dead_letters=1, journaled=10)
    assert account.lost == 1
    assert Account(10, 8, 3, 0, 0, 10).lost == -1


def test_latency_is_joined_in_either_order() -> None:
    tally = Tally()
    for first, second in (("sent", "visible"), ("visible", "sent")):
        at = {"sent": 5.0, "visible": 5.5}
        for step in (first, second):
            getattr(tally.latency, step)(("t", 0, len(tally.latency.taken)), at[step])
    assert [seconds for _, seconds in tally.latency.taken] == [0.5, 0.5]
    assert (tally.latency.produced, tally.latency.seen) == ({}, {})


def test_the_worker_says_how_inputs_ended_timers_left_out() -> None:
    exposition = (
        "# TYPE leadlane_events counter\n"
        'leadlane_events_total{topic="signals.scores",outcome="quiet"} 3.0\n'
        'leadlane_events_total{topic="signals.intent",outcome="quiet"} 2.0\n'
        'leadlane_events_total{topic="lane.tick",outcome="quiet"} 9.0\n'
        'leadlane_events_total{topic="signals.intent",outcome="duplicate"} 1.0\n'
    )
    assert outcomes_from(exposition) == {"quiet": 5, "duplicate": 1}


def test_where_to_look_fits_what_was_kept(tmp_path: Path) -> None:
    tally, secret = a_tally(), tmp_path / "seal-secret"
    secret.touch()
    nothing, running, data = (
        [str(each) for each in where_to_look(tally, running_at, data_dir, secret)]
        for running_at, data_dir in ((None, None), ("127.0.0.1:5", None), (None, Path("run")))
    )
    example = "  signals.scores-0-7  lead-1  T2_WARM  [N04 VIP_ACCOUNT]  route to sales: ana"
    assert example in nothing
    assert nothing[-1].startswith("Nothing is kept of this run.")
    commands = [
        f"  export LEADLANE_SEAL_SECRET=$(cat {secret})",
        "  leadlane explain signals.scores-0-7",
        "  leadlane dlq list",
    ]
    assert running[-4:] == ["  export LEADLANE_BROKERS=127.0.0.1:5", *commands]
    assert data[-5:] == [
        "The data is kept. `leadlane broker --data-dir run/kafka` serves it; then, in another shell:",
        "  export LEADLANE_BROKERS=127.0.0.1:9092",
        *commands,
    ]


# --- the view


def test_the_picture_shows_tiers_cases_with_deadlines_holds_and_decisions() -> None:
    snapshot = Snapshot(12.0, 45.0, 12_000, 1_000.0, a_tally(), T0, "version: demo")
    target = io.StringIO()
    Console(file=target, width=160, color_system=None).print(picture(snapshot))
    text = target.getvalue()
    for part in (
        "12 of 45 s", "12,000 signals in (1,000/s)", "50.0% automatic", "T2_WARM", "Open cases: 1",
        "N04 VIP_ACCOUNT", "in 3 s (running)", "2 opened, 1 breached, closed: 1 approved", "ooo", "p50 25 ms",
        "signals.scores-0-7  lead-1  T2_WARM",
    ):  # fmt: skip
        assert part in text, part


def test_a_plain_line_has_the_numbers() -> None:
    assert line(Snapshot(5.0, 45.0, 5_000, 1_000.0, a_tally(), T0, "")) == (
        "  5.0 s  in 5,000  decisions 2  leads 2  human 50.0%  open cases 1  breached 1  holds 1  "
        "dead letters 0  p50 25 ms"
    )
