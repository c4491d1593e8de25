"""Drift: what moved is seen, what did not move is not, and a killed detector goes on where it stood."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from river.drift import ADWIN

from streams.lab.drift import (
    MOST_LOSS,
    Limits,
    LossDrift,
    index_of,
    log_loss,
    null_quantile,
    quantile_groups,
    shift_of_histograms,
    shift_of_values,
)


def test_the_index_of_equal_shares_is_zero_and_of_moved_ones_as_by_hand() -> None:
    assert index_of([10, 30], [20, 60]) == pytest.approx(0, abs=1e-3)
    p, q = 60.5 / 101, 20.5 / 101
    assert index_of([20, 80], [60, 40]) == pytest.approx((p - q) * log(p / q) + (q - p) * log((1 - p) / (1 - q)))


def test_the_null_law_is_that_of_the_domain() -> None:
    assert null_quantile(200, 200, 10, 0.999) == pytest.approx(27.877 * 2 / 200, rel=1e-4)


@pytest.mark.parametrize("n", [200, 1000])
def test_unchanged_data_stays_below_the_null_law_but_for_one_in_a_thousand(n: int) -> None:
    chance = np.random.default_rng(n)
    above, fixed = 0, 0
    for _ in range(1000):
        shift = shift_of_values(chance.beta(2, 5, n), chance.beta(2, 5, n))
        above += shift.psi > null_quantile(n, n, 10, 0.999)
        fixed += shift.drifts
    assert above <= 6
    assert fixed <= 6


def test_a_fixed_limit_alone_would_fire_on_small_unchanged_samples() -> None:
    chance = np.random.default_rng(1)
    psis = [shift_of_values(chance.beta(2, 5, 100), chance.beta(2, 5, 100)).psi for _ in range(500)]
    assert 0.25 < np.mean(np.array(psis) > 0.2) < 0.45


@pytest.mark.parametrize(("n", "drifts"), [(199, False), (200, True)])
def test_fewer_than_the_policy_wants_never_drift(n: int, drifts: bool) -> None:
    chance = np.random.default_rng(2)
    assert shift_of_values(chance.normal(0, 1, 500), chance.normal(2, 1, n)).drifts is drifts


@pytest.mark.parametrize("moved_to", [0, 9, 11, 19])
def test_scores_that_were_constant_and_are_elsewhere_drift(moved_to: int) -> None:
    reference, sample = [0] * 20, [0] * 20
    reference[10], sample[moved_to] = 500, 500
    assert shift_of_histograms(reference, sample).drifts
    assert not shift_of_histograms(reference, reference).drifts
    values = np.full(500, 10.0)
    assert shift_of_values(values, np.full(500, float(moved_to))).drifts
    assert not shift_of_values(values, values).drifts


def test_a_histogram_and_its_values_say_the_same() -> None:
    chance = np.random.default_rng(3)
    then, now = (chance.integers(low, 100, 4000).astype(float) + 0.5 for low in (0, 20))
    fine = [np.bincount((values / 5).astype(int), minlength=20).tolist() for values in (then, now)]
    assert shift_of_histograms(*fine).psi == pytest.approx(shift_of_values(then, now).psi, rel=0.1)


def test_quantile_groups_cover_every_fine_bin_once() -> None:
    assert quantile_groups([1] * 20, 10) == tuple(range(0, 20, 2))
    assert quantile_groups([0, 0, 50, 0, 0], 10) == (0, 2, 3)
    assert quantile_groups([0] * 5, 10) == (0,)


def test_nothing_is_no_drift() -> None:
    nothing = np.array([])
    assert shift_of_values(nothing, nothing) == (0.0, 0.2, 0, 0, False)
    assert not shift_of_histograms([0] * 20, [5] * 20).drifts


def losses(chance: np.random.Generator, rate: float, count: int) -> list[float]:
    return [log_loss(0.1, bool(label)) for label in chance.random(count) < rate]


def test_a_rise_of_log_loss_is_an_alarm_for_as_many_labels_as_the_policy_says() -> None:
    chance = np.random.default_rng(4)
    drift = LossDrift(0.002, hold=500)
    assert sum(drift.add(loss) for loss in losses(chance, 0.1, 3000)) == 0
    late = next(at for at, loss in enumerate(losses(chance, 0.4, 1000)) if drift.add(loss))
    assert late < 200
    assert drift.alarmed_at == 3001 + late
    assert drift.before == pytest.approx(0.33, abs=0.05)
    assert drift.after > 0.4
    steady = [log_loss(0.1, False)] * 499
    assert [drift.add(loss) for loss in steady] == [False] * 499
    assert drift.is_on
    drift.add(steady[0])
    assert not drift.is_on


def test_a_fall_of_log_loss_is_learning_and_no_alarm() -> None:
    chance = np.random.default_rng(5)
    drift = LossDrift(0.002, hold=500)
    assert sum(drift.add(loss) for loss in losses(chance, 0.4, 2000) + losses(chance, 0.1, 2000)) == 0


def test_it_detects_where_rivers_own_adwin_does() -> None:
    chance = np.random.default_rng(6)
    drift, river = LossDrift(0.002, hold=1), ADWIN(delta=0.002)  # type: ignore[no-untyped-call]
    for loss in losses(chance, 0.1, 1500) + losses(chance, 0.5, 500) + losses(chance, 0.9, 500):
        river.update(min(loss, MOST_LOSS) / MOST_LOSS)  # type: ignore[no-untyped-call]
        assert drift.add(loss) == river.drift_detected


def test_a_detector_that_was_dumped_goes_on_bit_by_bit() -> None:
    chance = np.random.default_rng(7)
    series = losses(chance, 0.1, 1500) + losses(chance, 0.5, 700)
    whole, cut = LossDrift(0.002, 500), LossDrift(0.002, 500)
    for at, loss in enumerate(series):
        if at % 333 == 0:
            cut = LossDrift.load(cut.dump(), 0.002, 500)
        assert whole.add(loss) == cut.add(loss)
    assert whole.dump() == cut.dump()


def test_a_dump_of_something_else_is_refused() -> None:
    dumped = LossDrift(0.002, 500).dump()
    for wrong in (b"", dumped[:-1], dumped[:20] + b"\xff" + dumped[21:]):
        with pytest.raises(ValueError, match="expected one that river"):
            LossDrift.load(wrong, 0.002, 500)


def test_limits_are_those_of_the_domain() -> None:
    assert Limits() == (10, 0.2, 0.999, 200)
