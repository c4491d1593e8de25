"""What is wrong with a policy document: each fault with its place, all of them in one error."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from streams.errors import LeadlaneError


class Fault(NamedTuple):
    """One thing that is wrong. `path` is where in the document, e.g. conditions[N04].when; `line` 0 when unknown."""

    path: str
    line: int
    expected: str
    got: str
    do: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.path}" if self.line else self.path
        return f"{place}: expected {self.expected}, got {self.got}. {self.do}"


class BadPolicy(LeadlaneError):
    """The document cannot be a policy: its author's to mend."""

    exit_code = 7

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.source, self.faults = source, tuple(faults)
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) != 1 else "")
        super().__init__("\n  ".join([f"{source} has {count}:", *map(str, self.faults)]))


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the most similar known name, or where to look."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else "Known facts are in docs/reference/policy-facts.md."
