"""Declared groups of leads, counted on both sides; the ratios are streams/lab/fairness.py's."""

from __future__ import annotations

from collections.abc import Iterator

from streams.core.exposed import attributes_of
from streams.core.state import LeadState

# group -> value -> (recorded, replayed), each [decided, selected, good, missed]
Groups = dict[str, dict[str, tuple[list[int], list[int]]]]
UNDECLARED = "unknown"  # as in streams/lab/fairness.py
OF_PROFILE = ("language", "department", "stage")


def group_values(state: LeadState, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The lead's value of each declared group: an attribute of its profile, or a field that it states."""
    known = state.known
    attributes = attributes_of(known.attributes)
    for name in names:
        value = attributes.get(name)
        if value is None and name == "country" and known.country is not None:
            value = known.country.value
        if value is None and name in OF_PROFILE:
            value = getattr(known, name)
        yield name, value or UNDECLARED
