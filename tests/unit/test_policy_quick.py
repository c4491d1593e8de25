"""Expressions run as Python where that says what zen says, and on zen where it does not."""

from __future__ import annotations

from typing import Any

import pytest
import zen

from streams.core.fact_table import DEFAULTS
from streams.core.policy import zen_answers
from streams.policy import load_policy
from streams.policy.quick import quick_answers
from tests.shipped import POLICY_FILE, shipped_policy

READS = ("score", "vip", "stage", "request_approved_for", "fit")


def quick(expression: str) -> Any:
    """The quick form of one row over READS."""
    joined = expression
    for at, name in enumerate(READS):
        joined = joined.replace(name, f"f[{at}]")
    return quick_answers(f"[{joined}]", [expression], READS)


def test_the_shipped_policy_runs_as_python_and_zen_agrees() -> None:
    policy = shipped_policy()
    facts = [DEFAULTS[name] for name in policy.reads]
    assert policy._answers.__code__.co_filename == "<policy>"
    assert policy._answers(facts) == zen_answers(policy.expression)(facts)


@pytest.mark.parametrize(
    ("expression", "facts", "answer"),
    [
        ("score >= 80 and not vip", [80.0, False, "", "", 0.0], True),
        ("stage in ['expand', 'convert']", [0.0, False, "expand", "", 0.0], True),
        ("contains(request_approved_for, 'N11')", [0.0, False, "", "N11 N14", 0.0], True),
        ("stage == 'true or false'", [0.0, False, "true or false", "", 0.0], True),
        ("true", [0.0, False, "", "", 0.0], True),
        ("score - fit > -0.5 or false", [1.0, False, "", "", 1.6], False),
    ],
)
def test_the_forms_that_are_run_as_python(expression: str, facts: list[Any], answer: bool) -> None:
    answers = quick(expression)
    assert answers is not None
    assert answers(facts) == [answer]


@pytest.mark.parametrize(
    "expression",
    [
        "len(stage) > 3",  # a function of zen
        "score in [20..80]",  # a range of zen
        "stage.__class__ == 'x'",
        "__import__('os').system('true') == 0",
        "[x for x in (1, 2)] == score",
        "(lambda: true)()",
    ],
)
def test_what_is_no_such_form_is_left_to_zen(expression: str) -> None:
    try:
        assert quick(expression) is None
    except RuntimeError:  # zen cannot read it either: such a policy was refused before
        with pytest.raises(RuntimeError):
            zen.compile_expression(expression)


def test_a_policy_that_only_zen_can_run_gives_the_same_kind_of_answer() -> None:
    text = POLICY_FILE.read_text("utf-8").replace("when: amount_hint >= high_value", "when: len(title) > 3", 1)
    policy = load_policy(text, "test")
    tier, held = policy.evaluate({**DEFAULTS, "title": "Head of Operations"})
    assert tier.id == "T3_NURTURE"
    assert [row.id for row in held] == ["N05"]


def test_a_disagreement_with_zen_leaves_the_policy_to_zen() -> None:
    assert quick_answers("[f[0] >= 80]", ["score >= 80"], ("fit",)) is not None  # the same fact throughout
    assert quick("score / 0 > 1") is None
