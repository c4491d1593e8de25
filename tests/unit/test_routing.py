"""Whose lead it is: profile owner, present owner, weighted hash, overflow."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.context import Absence, RosterEntry
from streams.core.policy import QueueRow
from streams.core.routing import Assignment, choose_owner, decline, is_available, other_owner, roster_at, serves
from streams.core.state import LeadState, Stated
from tests.casework import CONTEXT, POLICY, a_desk_context, a_desk_policy
from tests.factories import DAY, HOUR, MINUTE, T0, TODAY, a_rep

SALES = tuple(a_rep(name, queues=("sales",)) for name in ("ana", "ben", "cleo"))
MAX = a_rep("max", queues=("overflow",))
AWAY = (Absence(TODAY, TODAY),)


def a_lead(owner: str | None = None, present: str | None = None, queue: str = "sales", **known: Any) -> LeadState:
    state = LeadState()
    state.known.account_id = "account-1"
    if owner:
        state.known.owner = Stated(owner, "crm", T0)
    state.routing.owner, state.routing.queue = present, queue if present else ""
    for name, value in known.items():
        setattr(state.known, name, value)
    return state


def choose(
    state: LeadState, *roster: RosterEntry, queue: str = "sales", now: int = T0, lead_id: str = "lead-1", **options: Any
) -> Assignment:
    return choose_owner(state, queue, now, a_desk_context(roster or (*SALES, MAX)), lead_id=lead_id, **options)


def test_the_profile_owner_comes_first() -> None:
    for name in ("ana", "ben", "cleo"):
        assert choose(a_lead(owner=name, present="ana")) == Assignment("sales", name, False)


def test_a_profile_owner_serves_the_queues_of_all_tiers_but_no_other_that_he_is_not_of() -> None:
    eve = a_rep("eve", queues=("compliance",))
    state = a_lead(owner="ana")
    assert choose(state, *SALES, eve, queue="vip") == Assignment("vip", "ana", False)
    assert choose(state, *SALES, eve, queue="compliance") == Assignment("compliance", "eve", False)


@pytest.mark.parametrize("gone", [{"active": False}, {"away": AWAY}])
def test_a_profile_owner_who_is_not_there_is_passed_over(gone: dict[str, Any]) -> None:
    ana = a_rep("ana", queues=("sales",), **gone)
    assert choose(a_lead(owner="ana"), ana, SALES[1]) == Assignment("sales", "ben", False)
    assert choose(a_lead(owner="ana"), SALES[1]) == Assignment("sales", "ben", False)  # not on the roster


def test_the_present_owner_stays_while_he_is_there() -> None:
    for name in ("ana", "ben", "cleo"):
        assert choose(a_lead(present=name)) == Assignment("sales", name, False)
    away = a_rep("ana", queues=("sales",), away=AWAY)
    assert choose(a_lead(present="ana"), away, SALES[1]) == Assignment("sales", "ben", False)


def test_the_present_owner_comes_along_to_another_queue_if_he_is_of_it() -> None:
    eve = a_rep("eve", queues=("compliance",))
    for name in ("ana", "ben", "cleo"):
        both = tuple(a_rep(rep.rep_id, queues=("sales", "vip")) for rep in SALES)
        assert choose(a_lead(present=name), *both, eve, queue="vip") == Assignment("vip", name, False)
        assert choose(a_lead(present=name), *both, eve, queue="compliance") == Assignment("compliance", "eve", False)


def test_weight_zero_takes_no_new_leads_and_keeps_what_he_has() -> None:
    full = a_rep("ana", queues=("sales",), weight=0)
    assert choose(a_lead(), full, SALES[1]) == Assignment("sales", "ben", False)
    assert choose(a_lead(), full, MAX) == Assignment("overflow", "max", True)
    assert choose(a_lead(present="ana"), full, SALES[1]) == Assignment("sales", "ana", False)
    assert choose(a_lead(owner="ana"), full, SALES[1]) == Assignment("sales", "ana", False)


def test_who_declined_or_is_refused_is_left_out_whatever_his_claim() -> None:
    for state in (a_lead(owner="ana"), a_lead(present="ana"), a_lead()):
        assert choose(state, *SALES[:2], refused=("ana",)).owner == "ben"
        decline(state, "ana")
        assert choose(state, *SALES[:2]).owner == "ben"


def test_decline_remembers_the_newest_reps_once_each() -> None:
    state = a_lead()
    for n in range(12):
        decline(state, f"rep-{n}")
    decline(state, "rep-6")
    assert state.routing.declined == ("rep-4", "rep-5", "rep-7", "rep-8", "rep-9", "rep-10", "rep-11", "rep-6")


def test_people_of_one_account_have_one_owner_and_leads_without_account_spread() -> None:
    together = {choose(a_lead(), lead_id=f"lead-{n}").owner for n in range(50)}
    apart = {choose(a_lead(account_id=""), lead_id=f"lead-{n}").owner for n in range(50)}
    assert len(together) == 1
    assert apart == {"ana", "ben", "cleo"}


def test_the_choice_is_the_same_for_any_order_of_the_roster() -> None:
    for n in range(30):
        state = a_lead(account_id=f"account-{n}")
        assert choose(state, *SALES) == choose(state, *reversed(SALES))


def test_an_empty_pool_goes_to_the_overflow_queue() -> None:
    assert choose(a_lead(), MAX) == Assignment("overflow", "max", True)
    assert choose(a_lead(), MAX, queue="vip") == Assignment("overflow", "max", True)  # over sales


def test_with_nobody_anywhere_the_lead_stands_in_the_overflow_queue() -> None:
    nobody = a_rep("ana", active=False)
    assert choose(a_lead(), nobody) == Assignment("overflow", None, True)
    assert choose(a_lead(), nobody, queue="overflow") == Assignment("overflow", None, True)
    assert choose(a_lead(), nobody, queue="unheard of") == Assignment("unheard of", None, True)


def test_overflow_that_goes_in_a_circle_ends() -> None:
    queues = {"a": QueueRow("a", "", 25, "b"), "b": QueueRow("b", "", 25, "a")}
    context = a_desk_context((), policy=a_desk_policy(queues=queues))
    assert choose_owner(a_lead(), "a", T0, context, lead_id="lead-1") == Assignment("b", None, True)


def test_once_somebody_is_there_the_lead_comes_back_from_the_overflow() -> None:
    state = a_lead(present="max", queue="overflow")
    assert choose(state, *SALES, MAX).queue == "sales"


def test_away_is_by_the_day_where_the_rep_is() -> None:
    tomorrow = (Absence(TODAY + 1, TODAY + 1),)
    tokyo = a_rep("ana", time_zone="Asia/Tokyo", away=tomorrow)
    new_york = a_rep("ben", time_zone="America/New_York", away=tomorrow)
    evening = T0 + 7 * HOUR  # 16:00 UTC: 01:00 tomorrow in Tokyo, noon in New York
    assert (is_available(tokyo, evening - HOUR - 1), is_available(tokyo, evening)) == (True, False)
    assert (is_available(new_york, evening), is_available(new_york, evening + DAY)) == (True, False)
    assert not is_available(a_rep("cleo", time_zone="No/Where", away=AWAY), T0)  # an unknown zone is UTC


def test_the_roster_is_built_once_per_quarter_of_an_hour_and_context() -> None:
    first = roster_at(CONTEXT, T0)
    assert roster_at(CONTEXT, T0 + 15 * MINUTE - 1) is first
    assert roster_at(CONTEXT, T0 + 15 * MINUTE) is not first
    assert roster_at(a_desk_context(), T0 + 15 * MINUTE) is not roster_at(CONTEXT, T0 + 15 * MINUTE)


def test_an_escalated_case_goes_up_the_overflow_then_back_down_then_to_nobody() -> None:
    def other(*roster: RosterEntry, level: int = 1, queue: str = "sales", refused: tuple[str, ...] = ("ana",)) -> Any:
        return other_owner(a_lead(), queue, level, T0, a_desk_context(roster), refused, lead_id="lead-1")

    vip = a_rep("vera", queues=("vip",))
    assert other(vip, SALES[1], MAX, queue="vip") == "ben"
    assert other(vip, SALES[1], MAX, queue="vip", level=2) == other(vip, MAX, queue="vip") == "max"
    assert other(vip, SALES[1], queue="vip", level=9) == "ben"
    assert other(vip, queue="vip") == "vera"
    assert other(*SALES, MAX) == "max"
    assert other(*SALES[:2]) == "ben"
    assert other(*SALES[:1]) is None


def test_who_serves_a_queue_is_on_its_roster_or_on_that_of_its_overflow() -> None:
    context = a_desk_context((*SALES, MAX, a_rep("zoe", queues=("sales",), active=False)))
    assert [serves(name, "sales", context) for name in ("ana", "max", "zoe", "nobody")] == [True, True, False, False]
    assert not serves("ana", "compliance", context)
    assert POLICY.queues["overflow"].overflow is None
    assert not serves("ana", "overflow", context)
