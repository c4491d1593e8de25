"""Expressions: names replaced by what they stand for, until only facts are left.

An expression may use facts, numbers (`values`, `sampling`, `gate`), terms, and is_<TIER>. All but facts are macros:
replaced by text, in brackets. What is left is zen over facts, and becomes an element of the one joined expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

_TOKEN = re.compile(
    r"(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_$][\w$]*)(?P<call>\s*\()?"
    r"|(?P<other>.)",
    re.DOTALL,
)
KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false", "null"})


class UnknownName(Exception):
    """The expression uses a name that nothing stands behind."""

    def __init__(self, name: str, via: str) -> None:
        super().__init__(name)
        self.name, self.via = name, via


class Circle(Exception):
    """Terms that stand for each other."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(names))
        self.names = names


def literal(number: float) -> str:
    """The number as zen reads it."""
    return str(int(number)) if number == int(number) else repr(number)


def expand(expression: str, macros: Mapping[str, str], facts: Iterable[str], via: tuple[str, ...] = ()) -> str:
    """The expression with every macro replaced. Raises UnknownName or Circle."""
    known = facts if isinstance(facts, frozenset) else frozenset(facts)

    def replaced(name: str) -> str:
        if name in known:
            return name
        if name in via:
            raise Circle((*via[via.index(name) :], name))
        if name not in macros:
            raise UnknownName(name, via[-1] if via else "")
        return f"({expand(macros[name], macros, known, (*via, name))})"

    return map_names(expression, replaced)


def names_in(expression: str) -> tuple[str, ...]:
    """The names that the expression uses, in order of first use; keywords and functions left out."""
    found: dict[str, None] = {}
    map_names(expression, lambda name: found.setdefault(name) or name)
    return tuple(found)


def indexed(expression: str, index: Mapping[str, int]) -> str:
    """The expression over `f[i]` instead of names of facts."""
    return map_names(expression, lambda name: f"f[{index[name]}]")


def reworded(expression: str, words: Mapping[str, str]) -> str:
    """The expression with these words replaced, outside of texts."""
    return "".join(words.get(token[0], token[0]) for token in _TOKEN.finditer(expression))


def tier_macros(tiers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """is_<id> for (id, when) of each tier: it matches and none above. And is_promoted: higher than at the last look."""
    rows = list(tiers)
    macros = {}
    for at, (tier, when) in enumerate(rows):
        macros[f"is_{tier}"] = " and ".join([f"not ({above})" for _, above in rows[:at]] + [f"({when})"])
    lower = ((tier, [f"'{below}'" for below, _ in rows[at + 1 :]]) for at, (tier, _) in enumerate(rows[:-1]))
    promoted = [f"(previous_tier in [{', '.join(names)}] and is_{tier})" for tier, names in lower]
    macros["is_promoted"] = " or ".join(promoted) or "false"
    return macros


def any_tier(tiers: Iterable[str]) -> str:
    """One of these tiers is the answer."""
    return " or ".join(f"is_{tier}" for tier in tiers) or "false"


def map_names(expression: str, replaced: Callable[[str], str]) -> str:
    """The expression with each name replaced; keywords, functions and texts stay."""
    parts = []
    for token in _TOKEN.finditer(expression):
        name = token["name"]
        is_name = name is not None and name not in KEYWORDS and token["call"] is None
        parts.append(replaced(name) if is_name else token[0])
    return "".join(parts)


def literals_in(expressions: Iterable[str]) -> tuple[set[float], set[str]]:
    """The numbers and texts that stand in the expressions."""
    numbers: set[float] = set()
    texts: set[str] = set()
    for expression in expressions:
        for token in _TOKEN.finditer(expression):
            if token["number"] is not None:
                numbers.add(float(token["number"]))
            elif token["string"] is not None:
                texts.add(token["string"][1:-1])
    return numbers, texts
