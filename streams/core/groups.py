"""A lead's value of a declared group: an attribute that its profile declares, else a category known of every lead.

Law of this module: one rule for everybody who measures fairness: the lanes' statistics, examples, a what-if. Nothing is
inferred; what nobody has stated is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.core.exposed import Cell, attributes_of
from streams.core.features import FEATURES, LONGEST_VALUE, NAMES
from streams.core.state import LeadState
from streams.core.windows import UNKNOWN

PLACE = {feature.name: NAMES.index(feature.name) for feature in FEATURES if feature.kind == "category"}


def group_of(state: LeadState, group: str) -> str:
    """The lead's value now."""
    declared = attributes_of(state.known.attributes).get(group)
    return (declared or _category(state, group) or UNKNOWN)[:LONGEST_VALUE]


def groups_at(row: Sequence[Cell], attributes: Mapping[str, str], groups: tuple[str, ...]) -> dict[str, str]:
    """The values by group as they stood at a decision: `row` is what streams.core.features.row_of gave."""
    return {group: (attributes.get(group) or _cell(row, group) or UNKNOWN)[:LONGEST_VALUE] for group in groups}


def _cell(row: Sequence[Cell], group: str) -> str:
    place = PLACE.get(group, len(row))
    return str(row[place] or "") if place < len(row) else ""


def _category(state: LeadState, group: str) -> str:
    known = state.known
    match group:
        case "stage":
            return known.stage
        case "country":
            return known.country.value if known.country is not None else ""
        case "language":
            return known.language
        case "department":
            return known.department
        case "reply":
            return state.signals.reply_class
        case "basis":
            return known.consent.basis if known.consent is not None else ""
    return ""
