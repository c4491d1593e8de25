"""Facts to try an expression with: on each side of every number and text that it compares with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from streams.core.fact_table import DEFAULTS, FACT
from streams.policy.expressions import literals_in, names_in

NUDGE = 0.01  # a fact is tried at a number and so far below and above it
SEED = 7  # fixed: the same document, the same answer


def samples_of(expression: str, count: int, also: Mapping[str, float] | None = None) -> Iterator[dict[str, Any]]:
    """`count` choices of the facts that an expanded expression reads, after the defaults.

    `also`: further names that it may read, all numbers, each with its default.
    """
    also = also or {}
    numbers, texts = literals_in([expression])
    numbers.update(also.values())
    signed = {0.0, *numbers, *(-number for number in numbers)}
    near = sorted(number + shift for number in signed for shift in (-NUDGE, 0.0, NUDGE))
    by_type: dict[str, list[Any]] = {"number": near, "text": ["", *sorted(texts)], "flag": [False, True]}
    read = names_in(expression)
    defaults = {name: also[name] if name in also else DEFAULTS[name] for name in read}
    pools = [(name, [defaults[name], *by_type["number" if name in also else FACT[name].type]]) for name in read]
    yield defaults
    random = Random(SEED)
    for _ in range(count):
        yield {name: random.choice(pool) for name, pool in pools}
