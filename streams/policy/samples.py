"""Facts to try an expression with: on each side of every number and text that it compares with."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from streams.core.fact_table import DEFAULTS, FACT
from streams.policy.expressions import literals_in, names_in

NUDGE = 0.01  # a fact is tried at a number and so far below and above it
SEED = 7  # fixed: the same document, the same answer


def samples_of(expression: str, count: int) -> Iterator[dict[str, Any]]:
    """`count` choices of the facts that an expanded expression reads, after the defaults."""
    numbers, texts = literals_in([expression])
    signed = {0.0, *numbers, *(-number for number in numbers)}
    near = sorted(number + shift for number in signed for shift in (-NUDGE, 0.0, NUDGE))
    by_type: dict[str, list[Any]] = {"number": near, "text": ["", *sorted(texts)], "flag": [False, True]}
    read = names_in(expression)
    pools = [(name, [DEFAULTS[name], *by_type[FACT[name].type]]) for name in read]
    yield {name: DEFAULTS[name] for name in read}
    random = Random(SEED)
    for _ in range(count):
        yield {name: random.choice(pool) for name, pool in pools}
