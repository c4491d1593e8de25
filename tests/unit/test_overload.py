"""A campaign brings more good leads than people have time for. With the guard their queue stops growing.

Leads are decided as lanes decide them, cases are closed at the pace at which two people can, and the guard moves with
the open cases, minute by minute.
"""

from __future__ import annotations

import itertools
from functools import cache
from random import Random
from typing import NamedTuple, cast

import msgspec

from streams import topics
from streams.core.context import Guard
from streams.core.effects import UpdateCase
from streams.core.events import Event
from streams.lab.capacity import Occupancy, guards_due
from tests.factories import MINUTE, T0, a_profile, a_rep, a_review, a_score, an_intent
from tests.judging import a_context
from tests.lanes import WIRE, TestLane, arrive

ROSTER = tuple(a_rep(rep, queues=("sales", "exceptions", "success", "vip")) for rep in ("ana", "ben"))
ROOM = 25 * len(ROSTER)
MINUTES = 540
CAMPAIGN = 30  # the minute at which it begins
LEADS_A_MINUTE = 2
MINUTES_A_CASE = 10  # of one person: together they can take a tenth of the leads
LATER = MINUTES * 2 // 3  # the last third shows where it leads to
SEED = 4


class Course(NamedTuple):
    """What became of it."""

    open_by_minute: list[int]  # cases open in sales
    human_share: float  # cases of people, by leads that came: of the last third
    vips: list[str]  # VIPs who came
    vips_with_people: list[str]
    points: list[float]


def a_lead(random: Random, number: int, minute: int) -> list[Event]:
    """Most leads are middling; those of the campaign are better."""
    lead_id, best = f"lead-{number}", 66 if minute < CAMPAIGN else 92
    common = {"lead_id": lead_id, "occurred_at": T0 + minute * MINUTE}
    events: list[Event] = [a_profile(number, vip=number % 100 == 7, account_id=lead_id, **common)]
    events.append(an_intent(number, strength=random.triangular(10, 100, best), confidence=1.0, **common))
    for n, kind in enumerate(("engagement", "fit", "vendor")):
        value = random.triangular(10, 100, best)
        events.append(a_score(10 * number + n, kind=kind, value=value, confidence=1.0, **common))
    return events


@cache
def course(guarded: bool) -> Course:
    """The whole time, with or without the guard."""
    random, lane, occupancy = Random(SEED), TestLane(a_context(roster=ROSTER)), Occupancy()
    standing: dict[str, Guard] = {}
    found = Course([], 0.0, [], [], [])
    waiting: dict[str, UpdateCase] = {}
    offset = leads = opened = 0
    for minute in range(MINUTES):
        now, events = T0 + minute * MINUTE, list[Event]()
        for _ in range(LEADS_A_MINUTE):
            events += a_lead(random, leads, minute)
            found.vips.extend([f"lead-{leads}"] if leads % 100 == 7 else [])
            leads += 1
        done = len(ROSTER) * (minute + 1) // MINUTES_A_CASE - len(ROSTER) * minute // MINUTES_A_CASE
        for case in list(waiting.values())[:done]:
            events.append(
                a_review(
                    offset, lead_id=case.lead_id, occurred_at=now, action="approve", actor=case.owner,
                    case_id=case.case_id,
                )
            )  # fmt: skip
        before = len(lane.sent.get(topics.CASE_EVENTS.name, ()))
        lane.run(arrive(events, offset), now, tick=True)
        offset += len(events)
        for output in lane.sent.get(topics.CASE_EVENTS.name, [])[before:]:
            case = cast(UpdateCase, WIRE.decode_any(topics.CASE_EVENTS.name, cast(bytes, output.value)))
            occupancy.fold(case)
            if case.change.startswith("opened"):
                opened += minute >= LATER
                found.vips_with_people.extend([case.lead_id] if case.queue == "vip" else [])
            if case.queue == "sales":
                waiting.pop(case.case_id, None) if case.status == "closed" else waiting.update({case.case_id: case})
        if guarded:
            standing |= {guard.queue: guard for guard in guards_due(occupancy, lane.context, now, standing)}
            in_force = {queue: guard for queue, guard in standing.items() if guard.points > 0}
            lane.context = msgspec.structs.replace(lane.context, guards=in_force)
        found.open_by_minute.append(occupancy.open_in("sales"))
        found.points.append(standing["sales"].points if "sales" in standing else 0.0)
    return found._replace(human_share=opened / (LEADS_A_MINUTE * (MINUTES - LATER)))


def test_without_the_guard_the_queue_grows_and_grows() -> None:
    free = course(guarded=False)
    assert free.open_by_minute[-1] > 4 * ROOM
    assert free.open_by_minute[-1] - free.open_by_minute[LATER] > ROOM
    assert free.human_share > 0.3


def test_with_the_guard_it_stops_growing_and_people_get_what_they_can_take() -> None:
    held = course(guarded=True)
    assert max(held.open_by_minute) < 2 * ROOM
    assert abs(held.open_by_minute[-1] - held.open_by_minute[LATER]) < ROOM / 5
    assert 0.08 < held.human_share < 0.18


def test_vips_come_to_people_all_the_same() -> None:
    for guarded in (True, False):
        assert course(guarded).vips_with_people == course(guarded).vips != []


def test_thresholds_rise_and_then_hardly_move() -> None:
    points = course(guarded=True).points
    turns = sum((now - before) < 0 for before, now in itertools.pairwise(points))
    assert max(points) <= 20
    assert turns <= 3
