"""A model document as arithmetic: what it refuses, how its parts add up, what it says of doubt."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from streams.core.model import COVERAGE, MOST_CONTRIBUTIONS, Judgment, Model, load_model


def a_document(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": 1, "version": "online-000007", "line": "online", "trained_through": 41, "examples": 1200,
        "positives": 150, "base": [-1.0, 400.0],
        "numbers": {
            "age": {"mean": 40.0, "inverse": 0.1, "limit": 4.0, "weight": [0.5, 100.0], "edges": [30.0, 50.0],
                    "bins": [[-0.2, 50.0], [0.0, 60.0], [0.3, 50.0]]},
        },
        "categories": {"job": {"student": [0.8, 80.0], "worker": [-0.1, 90.0]}},
        "missing": {"age": [-0.3, 40.0], "job": [0.05, 30.0]},
        "average": {"age": 0.02, "job": 0.1},
        "prior_precision": 25.0,
        "calibration": {"slope": 1.1, "offset": 0.2},
        "scale": {"base": 60.0, "points": 12.0},
        "segments": {"job": {"student": [300, 40]}},
        "left_out": {"duration": 0.94}, "metrics": {"auc": 0.76, "ece": None},
    }  # fmt: skip
    return {**document, **changes}


def a_model(**changes: Any) -> Model:
    return load_model(json.dumps(a_document(**changes)))


def points_of(judgment: Judgment) -> dict[str, float]:
    return {part.feature: part.points for part in judgment.contributions}


def test_a_lead_is_judged_by_the_formula_in_the_module() -> None:
    judgment = a_model().judge({"age": 55.0, "job": "student"})
    logit = 0.2 + 1.1 * (-1.0 + 0.5 * 1.5 + 0.3 + 0.8)
    deviation = 1.1 * math.sqrt(1 / 400 + 1.5**2 / 100 + 1 / 50 + 1 / 80)
    assert judgment.logit == pytest.approx(logit, abs=1e-12)
    assert judgment.probability == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-12)
    assert judgment.score == pytest.approx(60 + 12 * logit, abs=0.05)
    assert judgment.high - judgment.low == pytest.approx(2 * COVERAGE * deviation * 12)
    assert judgment.width == pytest.approx((judgment.high - judgment.low) / 100)
    assert judgment.confidence == 1 - judgment.width


@pytest.mark.parametrize(
    ("features", "logit"),
    [
        ({}, -1.0 - 0.3 + 0.05),
        ({"age": float("nan"), "job": "worker"}, -1.0 - 0.3 - 0.1),
        ({"age": 1e9, "job": "unseen"}, -1.0 + 0.5 * 4 + 0.3),
        ({"age": float("-inf"), "job": "worker"}, -1.0 - 0.5 * 4 - 0.2 - 0.1),
        ({"age": 30.0, "job": 7.0}, -1.0 - 0.5 + 0.0),
        ({"age": "forty", "job": "student", "else": 1.0}, -1.0 + 0.8),
    ],
)
def test_what_is_missing_unseen_or_of_another_type_is_judged_too(features: dict[str, Any], logit: float) -> None:
    assert a_model().judge(features).logit == pytest.approx(0.2 + 1.1 * logit, abs=1e-12)


def test_contributions_say_how_a_lead_differs_from_the_average_one_and_sum_to_the_score() -> None:
    model = a_model()
    judgment = model.judge({"age": 55.0, "job": "student"})
    assert list(points_of(judgment)) == ["age", "job=student"]
    assert points_of(judgment)["job=student"] == pytest.approx(12 * 1.1 * (0.8 - 0.1), abs=0.01)
    assert judgment.score == model.base + sum(points_of(judgment).values())
    assert list(points_of(model.judge({"job": "student"}))) == ["job=student", "age missing"]


def test_of_many_features_the_largest_are_shown_and_the_rest_is_summed() -> None:
    names = [f"f{n}" for n in range(12)]
    model = a_model(
        numbers={}, missing={name: [0.0, 30.0] for name in names}, average={},
        categories={name: {"x": [0.01 * (n + 1), 50.0]} for n, name in enumerate(names)},
    )  # fmt: skip
    judgment = model.judge(dict.fromkeys(names, "x"))
    assert len(judgment.contributions) == MOST_CONTRIBUTIONS + 1
    assert [part.feature for part in judgment.contributions][:2] == ["f11=x", "f10=x"]
    assert (judgment.contributions[-1].feature, judgment.contributions[-1].value) == ("other", 4.0)
    assert judgment.score == model.base + sum(part.points for part in judgment.contributions)


@pytest.mark.parametrize(("base", "score"), [(300.0, 100.0), (-300.0, 0.0)])
def test_scores_and_intervals_stay_within_the_scale(base: float, score: float) -> None:
    judgment = a_model(scale={"base": base, "points": 12.0}).judge({})
    assert judgment.score == score
    assert 0 <= judgment.low <= judgment.score <= judgment.high <= 100


def test_a_model_that_knows_nothing_says_so() -> None:
    judgment = a_model(base=[0.0, 0.01]).judge({})
    assert (judgment.low, judgment.high, judgment.width, judgment.confidence) == (0.0, 100.0, 1.0, 0.0)


def test_what_was_seen_of_a_segment_is_told() -> None:
    model = a_model()
    assert model.seen("job", "student") == (300, 40)
    assert model.seen("job", "unseen") == (0, 0)
    assert model.seen("country", None) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"format 1 was expected, but: Invalid enum value 2 - at `\$.format`"),
        ({"prior_precision": 0}, "Expected `float` > 0"),
        ({"base": [1.0]}, "Expected `array` of at least length 2, got 1"),
        ({"missing": {"age": [0.0, 1.0]}}, "missing: expected a weight for every feature, got none for job"),
        ({"numbers": {"age": {"mean": 0, "inverse": 1, "limit": 4, "weight": [0, 1], "edges": [1], "bins": [[0, 1]]}}},
         "numbers.age: expected 2 bins for 1 edges, got 1"),
        ({"numbers": {"age": {"mean": 0, "inverse": 1, "limit": 4, "weight": [0, 1], "edges": [2, 1],
                              "bins": [[0, 1], [0, 1], [0, 1]]}}},
         "numbers.age: expected ascending edges"),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_used_is_refused_with_the_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_model(**changes)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":1}', "NaN"])
def test_text_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a model document of format 1 was expected"):
        load_model(text)
