"""The simulated traffic: seeded, complete, and as mixed as real traffic."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from streams.core.events import Event
from streams.demo.happenings import DAY, HAPPENINGS
from streams.demo.simulator import MISHAPS, POISON, SPAN_MS, START_AT, TOPIC_OF, Message, traffic
from streams.demo.world import KINDS

MANY = tuple(traffic(1, 60_000, 1_500))


def events(messages: tuple[Message, ...]) -> list[Event]:
    return [m.value for m in messages if isinstance(m.value, Event) and not m.kind.startswith("poison")]


def test_the_same_seed_gives_the_same_messages() -> None:
    assert list(traffic(7, 2_000, 100)) == list(traffic(7, 2_000, 100))


def test_another_seed_gives_other_messages() -> None:
    assert list(traffic(7, 2_000, 100)) != list(traffic(8, 2_000, 100))


def test_exactly_as_many_messages_come_as_are_asked_for() -> None:
    assert [len(list(traffic(1, count, 10))) for count in (0, 1, 999)] == [0, 1, 999]


def test_arrivals_never_go_back_in_time_and_fill_the_span() -> None:
    assert all(earlier.at <= later.at for earlier, later in pairwise(MANY))
    assert MANY[0].at == START_AT
    assert START_AT + SPAN_MS - DAY < MANY[-1].at <= START_AT + SPAN_MS


def test_every_event_that_is_not_poison_is_valid_and_on_the_topic_of_its_record() -> None:
    for message in MANY:
        if isinstance(message.value, Event) and not message.kind.startswith("poison"):
            again = msgspec.convert(msgspec.to_builtins(message.value), type(message.value))
            assert again == message.value
            assert message.topic == TOPIC_OF[type(message.value).__name__]
            assert message.key == message.value.lead_id.encode()


def test_every_happening_and_every_mishap_and_every_poison_occurs() -> None:
    wanted = (
        {row.name for row in HAPPENINGS} | {row.name for row in MISHAPS} | {f"poison: {row.name}" for row in POISON}
    )
    assert wanted | {"arrival"} == {message.kind for message in MANY}


def test_duplicates_repeat_an_event_that_was_there_before() -> None:
    seen = Counter(event.event_id for event in events(MANY))
    duplicates = {m.value.event_id for m in MANY if m.kind == "duplicate" and isinstance(m.value, Event)}
    assert {event_id for event_id, count in seen.items() if count > 1} <= duplicates
    assert len(duplicates) / len(MANY) == pytest.approx(0.01, rel=0.2)


def test_late_events_arrive_hours_after_they_occurred() -> None:
    late = [m for m in MANY if m.kind == "late" and isinstance(m.value, Event)]
    assert late
    assert sum(m.at - m.value.occurred_at >= DAY / 24 for m in late if isinstance(m.value, Event)) >= 0.95 * len(late)


def test_a_lead_arrives_with_its_profile_and_then_its_scores() -> None:
    arrivals: dict[bytes | None, list[str]] = {}
    for message in MANY:
        if message.kind == "arrival":
            arrivals.setdefault(message.key, []).append(type(message.value).__name__)
    complete = [kinds for kinds in arrivals.values() if len(kinds) == 5]  # without a mishap
    assert len(complete) > 1_000
    assert {tuple(kinds) for kinds in complete} == {("LeadProfile", *3 * ("ScoreSignal",), "IntentSignal")}


def test_the_shares_of_the_kinds_of_lead_add_up_to_all_leads() -> None:
    assert round(sum(kind.share for kind in KINDS), 9) == 1


def test_a_run_name_makes_event_ids_of_its_own() -> None:
    one = {event.event_id for event in events(tuple(traffic(1, 500, 20, run="a")))}
    other = {event.event_id for event in events(tuple(traffic(1, 500, 20, run="b")))}
    assert not one & other
