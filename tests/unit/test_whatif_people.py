"""Hours, deadlines that a roster would keep, and times as they are typed."""

from __future__ import annotations

from typing import Any

import pytest

from streams.calendars import calendars_for
from streams.core.context import Absence, RosterEntry
from streams.core.policy import SlaRow
from streams.whatif.attainment import Attainment, Staff, actual, simulated
from streams.whatif.casebook import CaseLife, Handling
from streams.whatif.effort import Minutes, hours, minutes_by_queue
from streams.whatif.window import BadTime, Window, time_from, window
from tests.builders import CALENDAR
from tests.factories import DAY, HOUR, MINUTE, a_rep

MONDAY_9 = 1_780_909_200_000  # 2026-06-08 09:00 UTC
TODAY = MONDAY_9 // DAY
SLAS = {
    "hot": SlaRow("hot", HOUR, True, (), ()),
    "compliance": SlaRow("compliance", HOUR, True, (), (), on_timeout="deny"),
}


def a_case(number: int = 1, **fields: Any) -> CaseLife:
    known = {
        "case_id": f"case-{number}", "lead_id": f"lead-{number}", "decision_id": f"d-{number}", "queue": "sales",
        "condition": "N08", "code": "LOW_CONFIDENCE", "severity": 3, "sla": "hot", "opened_at": MONDAY_9,
        "due_at": MONDAY_9 + HOUR,
    }  # fmt: skip
    return CaseLife(**{**known, **fields})


def rep(name: str = "ana", **fields: Any) -> RosterEntry:
    return a_rep(name, **{"time_zone": "UTC", "country": None, **fields})


def kept(cases: list[CaseLife], *reps: RosterEntry, minutes: float = 40, overflow: str | None = None) -> Attainment:
    """What the reps keep of the deadlines in `sales`."""
    staff = Staff(reps or (rep(),), calendars_for(CALENDAR), {"sales": overflow})
    taken = {case.queue: Minutes(minutes, (), "assumed") for case in cases}
    return simulated(cases, staff, taken, SLAS)["sales"]


def test_a_rep_takes_one_case_after_the_other_and_two_reps_share() -> None:
    cases = [a_case(number) for number in range(4)]  # taken at 9:00, 9:40, 10:20, 11:00; due at 10:00
    assert kept(cases) == Attainment(2, 2)
    assert kept(cases, rep("ana"), rep("ben")) == Attainment(4, 0)


def test_the_case_that_is_due_first_is_taken_first() -> None:
    patient = [a_case(number, due_at=MONDAY_9 + 8 * HOUR) for number in range(3)]
    urgent = a_case(9, opened_at=MONDAY_9 + MINUTE, due_at=MONDAY_9 + HOUR)
    assert kept([*patient, urgent]) == Attainment(4, 0)


def test_nobody_works_at_night_on_weekends_or_while_away() -> None:
    evening = a_case(opened_at=MONDAY_9 - 12 * HOUR, due_at=MONDAY_9 + MINUTE)
    assert kept([evening]) == Attainment(1, 0)
    assert kept([a_case(opened_at=MONDAY_9 - 12 * HOUR, due_at=MONDAY_9 - MINUTE)]) == Attainment(0, 1)
    assert kept([a_case(opened_at=MONDAY_9 - 2 * DAY, due_at=MONDAY_9)]) == Attainment(1, 0)
    assert kept([a_case()], rep(away=(Absence(TODAY, TODAY),))) == Attainment(0, 1)
    next_day = a_case(due_at=MONDAY_9 + DAY)
    assert kept([next_day], rep(away=(Absence(TODAY, TODAY),))) == Attainment(1, 0)


def test_where_a_missed_deadline_denies_the_case_must_be_decided_in_time() -> None:
    assert kept([a_case(sla="compliance")]) == Attainment(1, 0)
    assert kept([a_case(sla="compliance")], minutes=90) == Attainment(0, 1)
    assert kept([a_case(sla="hot")], minutes=90) == Attainment(1, 0)


def test_without_reps_everything_is_missed_and_the_overflow_queue_takes_what_nobody_serves() -> None:
    assert kept([a_case()], rep(active=False)) == Attainment(0, 1)
    others = rep(queues=("overflow",))
    assert kept([a_case()], others) == Attainment(0, 1)
    assert kept([a_case()], others, overflow="overflow") == Attainment(1, 0)


def test_a_case_that_was_withdrawn_before_anybody_was_free_needs_nobody() -> None:
    withdrawn = a_case(2, due_at=MONDAY_9 + 2 * HOUR, end="withdrawn", ended_at=MONDAY_9 + MINUTE)
    assert kept([a_case(1), withdrawn, a_case(3, due_at=MONDAY_9 + 3 * HOUR)]) == Attainment(2, 0)


def test_what_really_became_of_cases_comes_from_their_states() -> None:
    states = ("met", "breached", "escalated_200", "running", "warned_80")
    cases = [a_case(number, sla_state=state) for number, state in enumerate(states)]
    cases.append(a_case(9, sla_state="breached", end="superseded"))
    assert actual(cases) == {"sales": Attainment(1, 2)}
    assert Attainment(1, 2).share == pytest.approx(1 / 3)
    assert Attainment().share is None


def test_minutes_are_measured_per_case_and_assumed_where_nothing_was_measured() -> None:
    cases = [a_case(number) for number in range(5)] + [a_case(8, queue="vip"), a_case(9, queue="legal")]
    dwells = [Handling(f"case-{number}", (number + 1) * MINUTE) for number in range(5)]
    dwells += [Handling("case-0", 2 * MINUTE), Handling("case-8", 9 * MINUTE), Handling("unknown", DAY)]
    found = minutes_by_queue(["sales", "vip"], cases, dwells, 15.0)
    assert (found["sales"].typical, found["sales"].measured) == (3.0, (2.0, 3.0, 3.0, 4.0, 5.0))
    assert found["vip"].typical == 3.5
    assert found["vip"].source == "median of 6 cases of all queues"
    assumed = minutes_by_queue(["sales"], cases, (), 15.0)["sales"]
    assert assumed == Minutes(15.0, (), "assumed: handling_minutes 15 of the policy")
    assert hours([a_case(1), a_case(2)], {"sales": assumed}) == {"sales": 0.5}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-08", MONDAY_9 - 9 * HOUR),
        ("2026-06-08T09:00", MONDAY_9),
        ("2026-06-08T09:00Z", MONDAY_9),
        ("2026-06-08T11:00+02:00", MONDAY_9),
        ("-7d", MONDAY_9 - 7 * DAY),
        ("-90min", MONDAY_9 - 90 * MINUTE),
    ],
)
def test_times_are_read_as_people_type_them(text: str, expected: int) -> None:
    assert time_from(text, MONDAY_9) == expected


def test_a_time_that_is_none_and_a_window_that_is_empty_are_refused() -> None:
    with pytest.raises(BadTime, match="'yesterday' is no time, expected a date or time such as 2026-11-01"):
        time_from("yesterday", MONDAY_9)
    with pytest.raises(BadTime, match="expected the first to lie before the second"):
        window("-1d", "-2d", MONDAY_9)
    assert window(None, "-1d", MONDAY_9) == Window(None, MONDAY_9 - DAY)
