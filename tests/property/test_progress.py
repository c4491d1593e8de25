"""Figures against their plain definitions, whatever the predictions and labels are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.lab.progress import LEAST, NAMES, Window, figures_of

PROBABILITIES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.9, 1.0]))
ROWS = st.lists(st.tuples(PROBABILITIES, st.booleans()), min_size=1, max_size=60)
Rows = list[tuple[float, bool]]


def plain_auc(rows: Rows) -> float | None:
    good, bad = [p for p, y in rows if y], [p for p, y in rows if not y]
    if not good or not bad:
        return None
    return sum((a > b) + (a == b) / 2 for a in good for b in bad) / (len(good) * len(bad))


def plain_share_at_top(rows: Rows, top: int) -> float:
    """The mean over equal predictions at the border, each as likely to be in."""
    border = sorted((p for p, _ in rows), reverse=True)[top - 1]
    above = [y for p, y in rows if p > border]
    at = [y for p, y in rows if p == border]
    return (sum(above) + sum(at) / len(at) * (top - len(above))) / top


def plain_log_loss(rows: Rows) -> float:
    kept = [(min(max(p, LEAST), 1 - LEAST), y) for p, y in rows]
    return -sum(math.log(p) if y else math.log(1 - p) for p, y in kept) / len(rows)


def plain_ece(rows: Rows) -> float:
    bins: dict[int, Rows] = {}
    for p, y in rows:
        bins.setdefault(min(int(p * 10), 9), []).append((p, y))
    gaps = [
        len(bin_) * abs(sum(p for p, _ in bin_) / len(bin_) - sum(y for _, y in bin_) / len(bin_))
        for bin_ in bins.values()
    ]
    return sum(gaps) / len(rows)


@given(ROWS, st.integers(1, 70))
def test_figures_are_what_their_definitions_say(rows: Rows, top: int) -> None:
    figures = figures_of([p for p, _ in rows], [y for _, y in rows], top=top, resamples=0)
    positives = sum(y for _, y in rows)
    tenth = plain_share_at_top(rows, max(len(rows) // 10, 1))
    assert (figures.rows, figures.positives) == (len(rows), positives)
    assert figures.auc.value == (None if plain_auc(rows) is None else pytest.approx(plain_auc(rows)))
    assert figures.precision_at_10.value == pytest.approx(tenth)
    assert figures.lift_at_10.value == (pytest.approx(tenth * len(rows) / positives) if positives else None)
    assert figures.precision_at_n.value == pytest.approx(plain_share_at_top(rows, min(top, len(rows))))
    assert figures.log_loss.value == pytest.approx(plain_log_loss(rows))
    assert figures.ece.value == pytest.approx(plain_ece(rows), abs=1e-12)


@settings(max_examples=30)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: Rows, random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = (figures_of([p for p, _ in r], [y for _, y in r], resamples=0).values() for r in (rows, shuffled))
    assert one == {name: value if value is None else pytest.approx(value) for name, value in two.items()}


@settings(max_examples=20)
@given(ROWS, st.integers(1, 40))
def test_a_window_tells_of_its_newest_rows_and_survives_a_dump(rows: Rows, size: int) -> None:
    window = Window(size)
    for probability, label in rows:
        window.add(probability, label)
    newest = rows[-size:]
    expected = figures_of([p for p, _ in newest], [y for _, y in newest], resamples=20)
    assert len(window) == len(newest)
    assert window.figures(resamples=20) == expected
    assert Window.load(window.dump()).figures(resamples=20) == expected


def test_intervals_are_repeatable_hold_the_value_and_narrow_with_the_rows() -> None:
    def rows(count: int) -> tuple[list[float], list[bool]]:
        probabilities = [(n * 37 % 101) / 101 for n in range(count)]
        return probabilities, [(n * 53 % 97) / 97 < p for n, p in enumerate(probabilities)]

    few, many = figures_of(*rows(200)), figures_of(*rows(5000))
    assert few == figures_of(*rows(200))
    for name in NAMES:
        for figures in (few, many):
            value, low, high = getattr(figures, name)
            assert low <= value <= high
    assert few.auc.high is not None
    assert few.auc.low is not None
    assert many.auc.high is not None
    assert many.auc.low is not None
    assert many.auc.high - many.auc.low < (few.auc.high - few.auc.low) / 3


def test_no_rows_have_no_figures() -> None:
    assert figures_of([], []).values() == dict.fromkeys(NAMES)
