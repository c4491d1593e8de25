"""The joined expression as Python, where that says the same: a fifth of zen's time, since nothing is converted.

Law of this module: zen is the language; it reads, checks and judges every expression when a policy is loaded. Python
runs it only if each part is of the few forms below, and if both gave the same answers over samples on every side of
each number and text that the expressions compare with. Otherwise the policy runs on zen, slower and no different. No
name, attribute or call of Python can be reached: a policy comes from a topic, and is no program.

One difference is known: zen counts in decimals, so a number that differs from another by less than about 1e-28 equals
it for zen, and not for Python. No fact is measured that finely.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zen

from streams.core.fact_table import DEFAULTS
from streams.policy.expressions import reworded
from streams.policy.samples import samples_of

Answers = Callable[[Sequence[Any]], list[bool]]

SAMPLES = 40  # for each row
FORMS = (
    ast.Expression, ast.List, ast.Subscript, ast.Load, ast.Constant,
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add, ast.Sub, ast.Mult,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
)  # fmt: skip
WORDS = {"true": "True", "false": "False", "null": "None"}


def quick_answers(
    joined: str, rows: Sequence[str], reads: Sequence[str], also: Mapping[str, float] | None = None
) -> Answers | None:
    """The joined expression over `f[i]` as a Python function; None if it may not or does not say what zen says.

    `rows` are its elements over names of facts, `reads` the fact behind each index. `also`: numbers that are no facts
    and stand behind the indices after those, each with its default.
    """
    answers = _python(joined)
    if answers is None:
        return None
    judge = zen.compile_expression(joined)
    defaults = {**DEFAULTS, **(also or {})}
    for row in rows:
        for sample in samples_of(row, SAMPLES, also):
            facts = [sample.get(name, defaults[name]) for name in (*reads, *(also or ()))]
            if answers(facts) != judge.evaluate({"f": facts}):
                return None
    return answers


def _python(joined: str) -> Answers | None:
    try:
        tree = ast.parse(reworded(joined, WORDS), mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return None
    tree = ast.fix_missing_locations(_Contains().visit(tree))
    if not all(isinstance(node, FORMS) or _is_facts(node) for node in ast.walk(tree)):
        return None
    arguments = ast.arguments([], [ast.arg("f")], None, [], [], None, [])
    function = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, tree.body)))
    try:
        code = compile(function, "<policy>", "eval")
    except (ValueError, RecursionError, MemoryError):
        return None
    answers: Answers = eval(code, {"__builtins__": {}})
    return answers


def _is_facts(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "f"


class _Contains(ast.NodeTransformer):
    """contains(text, part), the one function of zen that is translated: part in text."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Name("contains"), [text, part], []):
                return ast.Compare(part, [ast.In()], [text])
        return node
