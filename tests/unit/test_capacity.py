"""How full a queue is, and when the lab writes that its thresholds move."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import REGISTRY

from streams.core.context import Absence, Context, Guard, RosterEntry
from streams.core.guard import GuardRow
from streams.lab.capacity import Load, Occupancy, Occupied, capacity_of, guards_due, loads, next_points, points_asked
from streams.lab.capacity_service import CapacityGuard
from tests.factories import HOUR, MINUTE, SECOND, T0, TODAY, a_case, a_guard, a_rep
from tests.judging import a_context, shipped_policy

ROW = shipped_policy().guard
ANA, BEN = a_rep("ana"), a_rep("ben")
CONTEXT = a_context(roster=(ANA, BEN))  # room for 50 in sales


def with_open(count: int, queue: str = "sales") -> Occupancy:
    return Occupancy({f"case-{at}": Occupied(queue, 1) for at in range(count)})


@pytest.mark.parametrize(
    ("roster", "queue", "capacity"),
    [
        ((ANA, BEN), "sales", 50),
        ((ANA, a_rep("ben", weight=0.0)), "sales", 25),  # takes no new leads
        ((ANA, a_rep("ben", weight=5.0)), "sales", 50),  # a weight shares leads out; it makes nobody faster
        ((ANA, a_rep("ben", active=False)), "sales", 25),
        ((ANA, a_rep("ben", away=(Absence(TODAY, TODAY + 6),))), "sales", 25),
        ((ANA, a_rep("ben", away=(Absence(TODAY + 1, TODAY + 6),))), "sales", 50),
        ((ANA, BEN), "exceptions", 50),  # nobody of its own: it overflows into sales
        ((a_rep("ana", away=(Absence(TODAY, TODAY),)),), "sales", 0),  # nobody is there, and nobody takes over
        ((a_rep("ana", away=(Absence(TODAY, TODAY),)), a_rep("cem", queues=("overflow",))), "sales", 25),
        ((a_rep("ana", queues=("compliance",)),), "sales", None),  # nobody is known of it
        ((), "sales", None),
    ],
)
def test_the_capacity_of_a_queue(roster: tuple[RosterEntry, ...], queue: str, capacity: int | None) -> None:
    assert capacity_of(queue, a_context(roster=roster), T0) == capacity


def test_every_queue_of_the_policy_has_a_load() -> None:
    assert loads(with_open(3, "vip"), CONTEXT, T0) == (
        Load("vip", 3, 50), Load("sales", 0, 50), Load("exceptions", 0, 50), Load("success", 0, 50),
        Load("compliance", 0, None), Load("overflow", 0, None),
    )  # fmt: skip


def test_a_load_is_a_share_of_the_capacity() -> None:
    assert Load("sales", 75, 50).share == 1.5
    assert Load("sales", 0, 0).share == 0.0
    assert Load("sales", 1, 0).share == float("inf")
    assert Load("sales", 1_000, None).share == 0.0


@pytest.mark.parametrize(
    ("share", "points"), [(0, 0), (1, 0), (1.25, 5), (1.5, 10), (2, 20), (7, 20), (float("inf"), 20)]
)
def test_points_rise_evenly_with_the_load(share: float, points: float) -> None:
    assert points_asked(share, ROW) == points


def test_points_rise_at_once_and_come_down_a_step_at_a_time_after_the_slack() -> None:
    row = GuardRow(raises={"hot_score": 1.0}, most_points=20, step=2, slack=0.1)
    assert next_points(0, 1.49, row) == 8  # whole steps only
    assert next_points(8, 1.41, row) == 8  # within the slack
    assert next_points(8, 1.2, row) == 6  # 1.2 asks for 4
    assert next_points(6, 0.95, row) == 4
    assert next_points(2, 0.95, row) == 2  # still within the slack above an empty queue's end
    assert next_points(2, 0.9, row) == 0


def test_a_queue_with_room_has_no_record() -> None:
    assert guards_due(with_open(50), CONTEXT, T0, {}) == ()


def test_a_full_queue_has_a_record_that_says_why() -> None:
    assert guards_due(with_open(60), CONTEXT, T0, {}) == (
        Guard(
            actor="lab", reason="60 open, room for 50: points raised to 4", at=T0, queue="sales", open_cases=60,
            capacity=50, points=4.0,
        ),
    )  # fmt: skip


def test_a_queue_that_never_sheds_has_no_record() -> None:
    for queue in ("vip", "compliance"):
        assert guards_due(with_open(500, queue), CONTEXT, T0, {}) == ()


@pytest.mark.parametrize(
    ("cases", "points", "age", "expected"),
    [
        (80, 4.0, 9 * SECOND, None),  # not yet again
        (80, 4.0, 10 * SECOND, (12.0, "80 open, room for 50: points raised to 12")),
        (60, 12.0, 119 * SECOND, None),
        (60, 12.0, 2 * MINUTE, (11.0, "60 open, room for 50: points lowered to 11")),
        (60, 4.0, 14 * MINUTE, None),
        (60, 4.0, 15 * MINUTE, (4.0, "60 open, room for 50: points stay at 4")),  # renewed, or it would go out
        (60, 20.0, HOUR + 1, (4.0, "60 open, room for 50: points raised to 4")),  # it had gone out
        (0, 20.0, HOUR + 1, (0.0, "0 open, room for 50: points lowered to 0")),
        (0, 0.0, 2 * HOUR, None),
    ],
)
def test_when_a_record_follows_another(cases: int, points: float, age: int, expected: tuple[float, str] | None) -> None:
    standing = {"sales": a_guard(queue="sales", points=points, at=T0 - age)}
    due = guards_due(with_open(cases), CONTEXT, T0, standing)
    assert [(guard.points, guard.reason) for guard in due] == ([expected] if expected else [])


def test_a_guard_of_a_queue_that_is_guarded_no_more_ends() -> None:
    standing = {"gone": a_guard(queue="gone", points=3.0), "sales": a_guard(queue="sales", points=0.0)}
    assert [(guard.queue, guard.points) for guard in guards_due(with_open(0), CONTEXT, T0, standing)] == [("gone", 0.0)]


def test_an_older_look_at_a_case_is_no_news() -> None:
    occupancy = Occupancy()
    for version, queue in ((3, "sales"), (2, "vip")):
        occupancy.fold(a_case(version=version, queue=queue))
    assert (occupancy.open_in("sales"), occupancy.open_in("vip")) == (1, 0)
    occupancy.remove("case-1")
    occupancy.remove("case-1")
    assert occupancy.open_in("sales") == 0


def test_the_metrics_say_what_is_open_what_there_is_room_for_and_what_it_raises() -> None:
    guard = CapacityGuard(with_open(60))
    assert [due.points for due in guard.due(CONTEXT, T0, {})] == [4.0]
    assert {queue: shown(queue) for queue in ("sales", "vip", "overflow")} == {
        "sales": (60, 50, 4), "vip": (0, 50, 0), "overflow": (0, None, 0),
    }  # fmt: skip
    guard.due(a_context(), T0 + 2 * HOUR, {"sales": a_guard(queue="sales", points=4.0, at=T0)})
    assert shown("sales") == (60, None, 0)


def test_what_was_sent_is_not_sent_again_before_it_is_read_back_unless_it_does_not_come() -> None:
    guard = CapacityGuard(with_open(60))
    [sent] = guard.due(CONTEXT, T0, {})
    assert guard.due(CONTEXT, T0 + SECOND, {}) == ()
    assert guard.due(CONTEXT, T0 + 2 * SECOND, {"sales": sent}) == ()
    assert [due.points for due in guard.due(CONTEXT, T0 + 10 * SECOND, {})] == [4.0]


def test_the_metrics_say_how_long_the_oldest_open_case_of_a_queue_waits() -> None:
    guard = CapacityGuard()
    for number, opened_at in enumerate((T0 + SECOND, T0, T0 + 2 * SECOND)):
        guard.occupancy.fold(a_case(case_id=f"case-{number}", opened_at=opened_at))
    again = CapacityGuard(Occupancy.load(guard.occupancy.dump()))
    again.due(CONTEXT, T0 + MINUTE, {})
    assert oldest("sales") == 60
    again.occupancy.remove("case-1")
    again.due(CONTEXT, T0 + MINUTE, {})
    assert (oldest("sales"), oldest("vip")) == (59, 0)


def test_what_a_lab_kept_before_it_knew_the_age_of_cases_is_still_read() -> None:
    occupancy = Occupancy.load(msgspec.msgpack.encode({"case-1": ("sales", 3)}))
    assert (occupancy.open_in("sales"), occupancy.oldest()) == (1, {})


def oldest(queue: str) -> float | None:
    return REGISTRY.get_sample_value("leadlane_queue_oldest_seconds", {"queue": queue})


def shown(queue: str) -> tuple[float | None, ...]:
    names = ("leadlane_queue_open", "leadlane_queue_capacity", "leadlane_guard_points")
    return tuple(REGISTRY.get_sample_value(name, {"queue": queue}) for name in names)


def test_the_same_cases_roster_and_policy_give_the_same_records() -> None:
    def due(context: Context) -> tuple[Guard, ...]:
        return guards_due(with_open(99), context, T0, {})

    assert due(CONTEXT) == due(a_context(roster=(BEN, ANA)))
