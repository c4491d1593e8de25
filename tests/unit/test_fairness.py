"""Fairness: a difference beyond chance raises an alarm, small groups say so, and the worst of many is allowed for."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt

import numpy as np
import pytest

from streams.core.windows import wait_bin
from streams.lab.fairness import Finding, Rules, Tally, findings, worst_ratio

MINUTE = 60_000


def tally(decided: int, selected: int, good: int = 0, missed: int = 0, waits: Sequence[float] = ()) -> Tally:
    found = Tally(decided, selected, good, missed)
    for wait in waits:
        found.waits[wait_bin(wait)] += 1
    return found


def about(found: tuple[Finding, ...], value: str, ratio: str) -> Finding:
    return next(each for each in found if (each.value, each.ratio_of) == (value, ratio))


def test_the_ratio_is_to_the_best_and_its_interval_is_katz() -> None:
    found = about(findings({"band": {"a": tally(1000, 300), "b": tally(500, 90)}}, Rules()), "b", "selection")
    error = sqrt(1 / 90 - 1 / 500 + 1 / 300 - 1 / 1000)
    assert (found.verdict, found.against) == ("alarm", "a")
    assert found.ratio == pytest.approx(0.6)
    assert found.low == pytest.approx(exp(log(0.6) - 1.959964 * error))
    assert found.high == pytest.approx(exp(log(0.6) + 1.959964 * error))
    assert found.name == "fairness:band=b:selection"


def test_each_ratio_is_worse_when_it_is_smaller() -> None:
    quick, slow = [10 * MINUTE] * 100, [40 * MINUTE] * 100
    group = {"a": tally(1000, 300, 200, 20, quick), "b": tally(1000, 150, 200, 80, slow)}
    found = {each.ratio_of: each for each in findings({"band": group}, Rules()) if each.value == "b"}
    assert found["selection"].ratio == pytest.approx(0.5)
    assert found["missed"].ratio == pytest.approx(20 / 80)
    assert found["wait"].ratio == pytest.approx(0.25, rel=0.3)  # bins are 28 % wide
    assert {each.verdict for each in found.values()} == {"alarm"}


@pytest.mark.parametrize(
    ("decided", "selected", "verdict"),
    [(29, 0, "insufficient n"), (30, 0, "alarm"), (60, 30, "best"), (300, 120, "ok"), (60, 20, "watch")],
)
def test_a_group_that_is_too_small_is_never_ok(decided: int, selected: int, verdict: str) -> None:
    group = {"many": tally(1000, 450), "this": tally(decided, selected)}
    assert about(findings({"band": group}, Rules()), "this", "selection").verdict == verdict


def test_a_share_below_the_policys_says_insufficient_n_as_well() -> None:
    group = {"many": tally(10_000, 5000), "this": tally(199, 10)}
    assert about(findings({"band": group}, Rules()), "this", "selection").verdict == "insufficient n"
    group["this"] = tally(300, 20)
    assert about(findings({"band": group}, Rules()), "this", "selection").verdict == "alarm"


def test_leads_that_declare_nothing_are_shown_and_not_compared() -> None:
    group = {"a": tally(500, 100), "unknown": tally(500, 400), "other": tally(500, 300)}
    found = findings({"band": group}, Rules())
    assert about(found, "unknown", "selection").verdict == "not declared"
    assert about(found, "other", "selection").verdict == "not declared"
    assert about(found, "a", "selection").verdict == "insufficient n"  # nobody to compare with


def test_nobody_selected_anywhere_is_no_unfairness() -> None:
    found = findings({"band": {"a": tally(500, 0), "b": tally(500, 0)}}, Rules())
    assert {each.verdict for each in found if each.ratio_of == "selection"} == {"best", "ok"}


def test_one_group_that_is_never_missed_does_not_hide_another() -> None:
    group = {"a": tally(1000, 300, 300, 0), "b": tally(1000, 300, 300, 60)}
    found = about(findings({"band": group}, Rules()), "b", "missed")
    assert found.verdict == "alarm"
    assert found.ratio is not None
    assert found.ratio < 0.05


def test_the_worst_of_many_pairs_is_allowed_for() -> None:
    chance = np.random.default_rng(1)
    alarms, single = 0, 0
    for _ in range(300):
        sizes = chance.integers(30, 800, 8)
        group = {str(at): tally(int(n), int(chance.binomial(n, 0.15))) for at, n in enumerate(sizes)}
        found = [each for each in findings({"band": group}, Rules()) if each.ratio is not None]
        alarms += any(each.verdict == "alarm" for each in found)
        single += any(each.ratio < 0.8 and (each.high or 9.0) < 1 for each in found if each.ratio is not None)
    assert alarms <= 2  # one look in a thousand
    assert single > 100  # without allowing for it, every third


def test_the_same_counts_give_the_same_findings() -> None:
    waits = np.random.default_rng(2).lognormal(13, 2, 300).tolist()
    groups = {"band": {"a": tally(900, 90, 50, 9, waits), "b": tally(800, 40, 50, 20, waits[:100])}}
    assert findings(groups, Rules()) == findings(groups, Rules())


def test_the_worst_ratio_is_that_of_the_gates() -> None:
    group = {"a": tally(500, 100), "b": tally(500, 90), "c": tally(500, 50), "d": tally(10, 0)}
    worst = worst_ratio(findings({"band": group}, Rules()))
    assert worst is not None
    assert (worst.value, worst.ratio) == ("c", 0.5)
    assert worst_ratio(()) is None
