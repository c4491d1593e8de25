"""The capacity guard in decisions: what newly comes to a full queue waits, what must never wait does not."""

from __future__ import annotations

import io
import itertools
from typing import Any, cast

import msgspec
import pytest
from rich.console import Console

from streams import topics
from streams.commands.explanation import render
from streams.core.context import Context, Guard, Policy
from streams.core.effects import RecordDecision, UpdateCase
from streams.core.events import Event
from streams.core.guard import hold_back
from streams.core.state import LeadState, unpack
from streams.lane.context import ContextBuilder
from streams.lane.job import ControlView
from streams.lane.processor import due_at
from streams.policy import BadPolicy, load_policy
from streams.policy.check import check_policy
from streams.policy.compile import read_document
from streams.policy.diff import diff_policies
from tests.factories import HOUR, LEAD, MINUTE, SECOND, T0, a_guard, a_profile, a_rep, a_reply, a_score, an_intent
from tests.judging import a_context, a_known_lead, judge, shipped_policy
from tests.lanes import WIRE, TestLane, arrive, lane_of
from tests.shipped import POLICY_FILE

ANA = a_rep("ana", queues=("sales", "vip", "exceptions", "success", "compliance"))
ROSTER = (ANA,)
SHIPPED = POLICY_FILE.read_text("utf-8")


def guarded(*guards: Guard) -> Context:
    return a_context(roster=ROSTER, guards={guard.queue: guard for guard in guards})


def a_hot_lead(score: float = 82.0, confidence: float = 1.0) -> list[Event]:
    """A complete lead whose last event brings the score to that: fit alone is missing before."""
    fit = 50 + (score - 35 - 0.35 * (85 - 30) - 0.2 * (80 - 20)) / 0.45
    return [
        a_profile(1),
        an_intent(1, strength=85.0, confidence=confidence),
        a_score(1, kind="engagement", value=80.0, confidence=confidence),
        a_score(2, kind="fit", value=fit, confidence=confidence),
    ]


def decided(context: Context, events: list[Event], now: int = T0 + SECOND) -> TestLane:
    lane = TestLane(context, lane_of(LEAD))
    for offset, event in enumerate(events):
        lane.run(arrive([event], offset), now)
    return lane


def last_decision(lane: TestLane) -> RecordDecision:
    return cast(RecordDecision, lane.read(topics.DECISIONS.name)[-1])


def cases(lane: TestLane) -> list[UpdateCase]:
    return cast(list[UpdateCase], lane.read(topics.CASE_EVENTS.name))


def routing(lane: TestLane) -> Any:
    return unpack(lane.states[LEAD.encode()]).routing


def test_without_a_guard_the_lead_is_hot_and_a_person_gets_it() -> None:
    lane = decided(guarded(), a_hot_lead())
    assert last_decision(lane).tier == "T1_HOT"
    assert (last_decision(lane).guards, last_decision(lane).held_back) == ({}, ())
    assert [case.queue for case in cases(lane)] == ["sales"]


def test_a_lead_below_the_raised_threshold_does_not_become_hot_and_its_decision_says_why() -> None:
    lane = decided(guarded(a_guard(queue="sales", points=5.0)), a_hot_lead(82.0))
    decision = last_decision(lane)
    assert (decision.tier, decision.human) == ("T2_WARM", False)
    assert (decision.guards, decision.held_back) == ({"sales": 5.0}, ("T1_HOT",))
    assert cases(lane) == []


def test_a_lead_above_the_raised_threshold_is_hot_as_ever() -> None:
    lane = decided(guarded(a_guard(queue="sales", points=5.0)), a_hot_lead(86.0))
    decision = last_decision(lane)
    assert (decision.tier, decision.guards, decision.held_back) == ("T1_HOT", {"sales": 5.0}, ())
    assert [case.queue for case in cases(lane)] == ["sales"]


def test_the_guard_of_another_queue_moves_nothing_here() -> None:
    lane = decided(guarded(a_guard(queue="exceptions", points=20.0)), a_hot_lead())
    assert last_decision(lane).tier == "T1_HOT"


def test_a_queue_that_never_sheds_has_no_guard_whatever_the_topic_says() -> None:
    context = guarded(*(a_guard(queue=queue, points=20.0) for queue in ("vip", "compliance", "overflow", "nowhere")))
    assert last_decision(decided(context, a_hot_lead())).guards == {}


def test_a_vip_and_an_objection_are_never_held_back() -> None:
    context = guarded(*(a_guard(queue=queue, points=20.0) for queue in shipped_policy().queues))
    objection = a_reply(9, text="I object to profiling. Please let a human answer me.")
    lives: list[tuple[str, list[Event]]] = [
        ("vip", [a_profile(1, vip=True)]),
        ("compliance", [a_profile(1), objection]),
    ]
    for queue, events in lives:
        lane = decided(context, events)
        assert queue in [case.queue for case in cases(lane)]
        assert last_decision(lane).held_back == ()


def test_the_review_band_moves_with_where_hot_begins() -> None:
    context = guarded(a_guard(queue="sales", points=10.0))
    found = {
        score: ("R01" in judge(lead).held, "R01" in held_under(lead, context))
        for score in (77, 84, 86, 89, 94)
        for lead in [a_lead_of(score)]
    }
    assert found == {77: (True, False), 84: (False, False), 86: (False, True), 89: (False, True), 94: (False, False)}


def a_lead_of(score: float) -> LeadState:
    """A lead of about that score, 77 to 96, of whom enough is known."""
    return a_known_lead(fit=100.0, intent=100.0, vendor=40.0, engagement=(score - 76.5) / 0.2)


def held_under(state: LeadState, context: Context) -> tuple[str, ...]:
    """The conditions that hold under the guards."""
    facts = judge(state, context=context).facts
    tier, held = context.policy.evaluate(facts)
    answer = hold_back(state, facts, tier, held, T0, context)
    assert answer is not None
    return tuple(row.id for row in answer.held)


def test_what_people_have_is_not_taken_from_them() -> None:
    lane = decided(guarded(), a_hot_lead())
    lane.context = guarded(a_guard(queue="sales", points=20.0))
    lane.run(arrive([an_intent(2, strength=86.0)], 10), T0 + MINUTE)
    assert routing(lane).tier == "T1_HOT"
    assert [case.status for case in cases(lane)] == ["open"]
    assert routing(lane).held_back == ()


def test_a_lead_that_is_hot_already_stays_hot_when_its_case_is_closed() -> None:
    state = a_known_lead(fit=85.0, intent=85.0, engagement=80.0)
    context = guarded(a_guard(queue="sales", points=20.0))
    facts = judge(state).facts
    tier, held = context.policy.evaluate(facts)
    assert tier.id == "T1_HOT"
    assert hold_back(state, facts, tier, held, T0, context) is not None
    state.routing.computed_tier = "T1_HOT"
    assert hold_back(state, facts, tier, held, T0, context) is None


def test_a_lead_that_people_of_the_queue_have_for_another_reason_is_judged_as_if_there_were_room() -> None:
    *before, last = a_hot_lead(82.0)
    asks = a_reply(9, text="What does it cost? Please send me your prices.")
    lane = decided(guarded(a_guard(queue="sales", points=20.0)), [*before, asks, last])
    assert last_decision(lane).tier == "T1_HOT"
    assert {case.case_id for case in cases(lane)} == {cases(lane)[0].case_id}
    assert cases(lane)[-1].change.startswith("extended by T1_HOT")


def test_an_event_that_counts_each_time_is_held_back_each_time() -> None:
    text = edited("when: mentions_pricing\n", "when: mentions_pricing and score >= hot_score\n")
    context = a_context(policy=load_policy(text, "p.yaml"), guards={"sales": a_guard(points=20.0)})
    state = a_known_lead(fit=85.0, intent=85.0, engagement=80.0)
    state.routing.conditions = ("N07",)
    facts = {**judge(state, context=context).facts, "mentions_pricing": True}
    tier, held = context.policy.evaluate(facts)
    answer = hold_back(state, facts, tier, held, T0, context)
    assert answer is not None
    assert "N07" in answer.held_back


def test_a_condition_that_people_were_told_of_is_not_told_again_when_there_is_room() -> None:
    context, state = guarded(a_guard(queue="sales", points=20.0)), a_known_lead(fit=52.0, intent=70.0, engagement=80.0)
    assert judge(state).held == ("N01",)
    assert held_under(state, context) == ()
    state.routing.conditions = ("N01",)
    assert held_under(state, context) == ("N01",)


def test_what_was_held_back_is_looked_at_again_and_goes_to_people_when_there_is_room() -> None:
    lane = decided(guarded(a_guard(queue="sales", points=10.0)), a_hot_lead(82.0))
    assert cases(lane) == []
    again_at = due_at(lane.states[LEAD.encode()])
    assert T0 < again_at <= T0 + SECOND + 30 * MINUTE
    lane.context = guarded()
    lane.run([], again_at, tick=True)
    assert [case.queue for case in cases(lane)] == ["sales"]
    decision = last_decision(lane)
    assert (decision.topic, decision.tier, decision.held_back, decision.guards) == ("lane.tick", "T1_HOT", (), {})


def test_looking_again_in_vain_is_quiet() -> None:
    lane = decided(guarded(a_guard(queue="sales", points=10.0)), a_hot_lead(82.0))
    count = len(lane.read(topics.DECISIONS.name))
    looked_at = []
    for _ in range(4):
        looked_at.append(due_at(lane.states[LEAD.encode()]))
        lane.context = guarded(a_guard(queue="sales", points=10.0, at=looked_at[-1]))
        lane.run([], looked_at[-1], tick=True)
    assert [after - before for before, after in itertools.pairwise(looked_at)] == [
        15 * MINUTE,
        30 * MINUTE,
        30 * MINUTE,
    ]
    assert len(lane.read(topics.DECISIONS.name)) == count


def test_lanes_follow_the_guards_that_raise_something() -> None:
    guards = [a_guard(queue="sales", points=4.0), a_guard(queue="exceptions", points=0.0)]
    document = Policy(actor="ana", reason="first", at=T0, version="v", sha256="0" * 64, document=SHIPPED)
    pointer = msgspec.structs.replace(document, document="")
    view = ControlView(
        {
            topics.POLICIES.name: {b"v": WIRE.encode(document), b"active": WIRE.encode(pointer)},
            topics.GUARDS.name: {guard.queue.encode(): WIRE.encode(guard) for guard in guards},
        },
        {topics.GUARDS.name: 7},
    )
    context, problems = ContextBuilder(WIRE).build(view)
    assert (problems, context.guards if context else None) == ([], {"sales": guards[0]})
    assert context is not None
    assert context.offsets == {topics.GUARDS.name: 7}  # the journal names it, so a replay knows it too


def test_a_guard_that_nobody_renews_is_off_after_a_while() -> None:
    stale = guarded(a_guard(queue="sales", points=10.0, at=T0))
    assert last_decision(decided(stale, a_hot_lead(85.0), T0 + HOUR)).tier == "T2_WARM"
    assert last_decision(decided(stale, a_hot_lead(85.0), T0 + HOUR + 1)).tier == "T1_HOT"


def test_explain_says_which_queue_is_full_and_what_waits_for_it() -> None:
    target = io.StringIO()
    decision = last_decision(decided(guarded(a_guard(queue="sales", points=5.0)), a_hot_lead(82.0)))
    Console(file=target, width=120, color_system=None).print(render(decision, None))
    assert (
        "sales has more open cases than its people can hold: its thresholds stood 5 points higher.\n"
        "Held back for that, until there is room: T1_HOT.\n"
    ) in target.getvalue()


def edited(old: str, new: str) -> str:
    assert SHIPPED.count(old) == 1
    return SHIPPED.replace(old, new)


RAISES = "raises: {hot_score: 1, candidate_intent: 2, warm_score: 1}"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (RAISES, "raises: {hot_scores: 1}", "guard.raises.hot_scores: expected a number of `values`, got hot_scores."),
        (RAISES, "raises: {hot_score: 0}", "guard.raises.hot_score: expected"),
        ("never: [compliance, vip]", "never: [legal]", "guard.never[0]: expected a queue of `queues`, got legal."),
        ("full_at: 2.0", "full_at: 1.0", "guard.full_at: expected more than starts_at, 1, got 1."),
        ("  step: 1 ", "  step: 21 ", "guard.step: expected at most most_points, 20, got 21."),
    ],
)
def test_a_guard_that_cannot_be_is_a_fault(old: str, new: str, fault: str) -> None:
    with pytest.raises(BadPolicy) as raised:
        load_policy(edited(old, new), "p.yaml")
    assert len(raised.value.faults) == 1
    assert fault in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (RAISES, "raises: {}", "guard.raises: expected values that rise, got none."),
        (RAISES, f"{RAISES[:-1]}, jump_hours: 1}}", "guard.raises.jump_hours: expected a value that guarded rows use"),
        ("never: [compliance, vip]", "never: [vip]", ""),
        (
            "    sheds: false               # the capacity guard never holds it back\n    queue: vip",
            "    queue: sales",
            "tiers[T0_VIP].id: expected a row that never sheds, got T0_VIP.",
        ),
        (
            "(score >= hot_score - review_band and score <= hot_score + review_band)",
            "(boundary_distance <= review_band)",
            "conditions[R01].when: expected a distance that moves with the guard, got boundary_distance.",
        ),
    ],
)
def test_a_guard_that_is_probably_not_meant_is_a_warning(old: str, new: str, warning: str) -> None:
    warnings = [str(fault) for fault in check_policy(edited(old, new), "p.yaml")[1]]
    assert len(warnings) == (1 if warning else 0)
    assert all(warning in one for one in warnings)


def test_a_queue_that_never_sheds_has_no_threshold_whatever_its_rows_say() -> None:
    policy = load_policy(SHIPPED.replace("sheds: false", "sheds: true").replace(RAISES, "raises: {high_value: 1}"), "p")
    assert policy.thresholds == ()


def test_a_document_without_a_guard_has_none() -> None:
    head, _, tail = SHIPPED.partition("guard:\n  raises")
    policy = load_policy(head + tail[tail.index("\n# What a reject") :], "p.yaml")
    assert (policy.guarded_queues, policy.thresholds, policy.raised) == (frozenset(), (), "")
    context = Context(policy=policy, calendars=a_context().calendars, guards={"sales": a_guard(points=20.0)})
    assert last_decision(decided(context, a_hot_lead())).tier == "T1_HOT"


def test_a_difference_in_the_guard_is_said_in_the_words_of_the_document() -> None:
    old, new = (
        read_document(text, "p.yaml")[0] for text in (SHIPPED, edited("lower_every: 2 min", "lower_every: 90 s"))
    )
    assert [str(change) for change in diff_policies(old, new)] == ["~ guard.lower_every: 2 min -> 90 s"]
