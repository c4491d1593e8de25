"""What must hold for every history of a lead, whatever happened in whichever order."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.core.effects import RecordDecision, RouteLead, UpdateCase
from streams.core.events import Event, OutreachRequest
from streams.core.state import pack, unpack
from streams.lane.processor import due_at
from tests.factories import DAY, HOUR, LEAD, T0
from tests.lanes import TestLane, arrive, lane_of
from tests.shipped import shipped_context
from tests.strategies import histories

NOW = T0 + 31 * DAY
EFFECT_TOPICS = (
    topics.ROUTED, topics.LEAD_SCORES, topics.CADENCES, topics.CASE_EVENTS, topics.VERDICTS, topics.EXAMPLES,
)  # fmt: skip
LIVES = histories(max_size=14).map(lambda pairs: [event for _, event in pairs])


def a_lane() -> TestLane:
    return TestLane(shipped_context(), lane_of(LEAD))


def lived(events: list[Event]) -> TestLane:
    """A lane after the events, one batch each, and after its timers ran for ten days."""
    lane = a_lane()
    for offset, record in enumerate(arrive(events)):
        lane.run([record], NOW + offset * HOUR)
    for hour in range(0, 240, 6):
        lane.run([], NOW + len(events) * HOUR + hour * HOUR, tick=True)
    return lane


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_deciding_twice_gives_the_same_bytes(events: list[Event]) -> None:
    one, other = lived(events), lived(events)
    assert (one.states, one.sent, one.counts) == (other.states, other.sent, other.counts)


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_how_records_are_batched_changes_nothing(events: list[Event]) -> None:
    one, other = a_lane(), a_lane()
    one.run(arrive(events), NOW)
    for record in arrive(events):
        other.run([record], NOW)
    assert (one.states, one.sent, one.counts) == (other.states, other.sent, other.counts)


@settings(max_examples=60, deadline=None)
@given(LIVES, st.integers(0, 13))
def test_the_same_event_again_changes_nothing(events: list[Event], again: int) -> None:
    lane = lived(events)
    states, sent = dict(lane.states), {topic: list(outputs) for topic, outputs in lane.sent.items()}
    lane.run(arrive([events[again % len(events)]], start=1000), NOW + 30 * DAY)
    assert (lane.states, lane.sent) == (states, sent)
    assert lane.counts[f"{arrive([events[again % len(events)]])[0].topic}/duplicate"] == 1


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_every_record_is_accounted_for_once(events: list[Event]) -> None:
    lane = a_lane()
    lane.run(arrive(events), NOW)
    kinds = Counter(name.split("/")[1] for name, count in lane.counts.items() for _ in range(count))
    assert kinds["decided"] + kinds["quiet"] == len(events)
    assert kinds["decided"] == len(lane.sent.get(topics.DECISIONS.name, ()))


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_no_effect_is_without_a_decision_that_gives_its_reason(events: list[Event]) -> None:
    lane = lived(events)
    decisions = {one.decision_id: one for one in cast(list[RecordDecision], lane.read(topics.DECISIONS.name))}
    effects = defaultdict(list)
    for topic in EFFECT_TOPICS:
        for effect in cast(list[Any], lane.read(topic.name)):
            effects[effect.decision_id].append(effect)
            assert getattr(effect, "reason", "-") != ""
            if isinstance(effect, UpdateCase):
                assert len(effect.reasons) >= 1
                assert len(effect.factors) <= 5
                assert len(effect.evidence) <= 10
    assert effects.keys() <= decisions.keys()
    for decision_id, decision in decisions.items():
        assert len(decision.effects) == len(effects[decision_id])
        assert decision.effects or decision.holds_before != decision.holds_after


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_a_lead_is_never_unowned(events: list[Event]) -> None:
    lane = lived(events)
    routed = cast(list[RouteLead], lane.read(topics.ROUTED.name))
    assert routed, "the first event routes a lead"
    assert all(route.owner is not None or route.queue == "overflow" for route in routed)


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_a_state_is_packed_whole_and_its_timer_lies_ahead(events: list[Event]) -> None:
    lane = a_lane()
    lane.run(arrive(events), NOW)
    for packed in lane.states.values():
        assert pack(unpack(packed), due_at(packed)) == packed
        assert due_at(packed) == 0 or due_at(packed) > NOW


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_nothing_goes_out_during_a_hold_for_marketing(events: list[Event]) -> None:
    lane = lived(events)
    decisions = {one.decision_id: one for one in cast(list[RecordDecision], lane.read(topics.DECISIONS.name))}
    for verdict in cast(list[Any], lane.read(topics.VERDICTS.name)):
        decision = decisions[verdict.decision_id]
        asked = [one for one in events if isinstance(one, OutreachRequest) and one.event_id == verdict.request_id]
        if verdict.verdict == "allow" and all(request.purpose == "marketing" for request in asked):
            assert decision.holds_after == ()
