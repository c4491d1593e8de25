"""Declared groups of leads, counted on both sides; the ratios are streams/lab/fairness.py's."""

from __future__ import annotations

from streams.core.groups import group_of
from streams.core.state import LeadState
from streams.whatif.casebook import Outcome

# group -> value -> (recorded, replayed), each [decided, selected, good, missed]
Groups = dict[str, dict[str, tuple[list[int], list[int]]]]


def count_groups(
    groups: Groups, names: tuple[str, ...], state: LeadState, selected: tuple[bool, bool], label: Outcome | None
) -> None:
    """Count a lead under each of its values; `selected` on the recorded side and on the replayed one."""
    good = label is not None and label.is_good
    worked = (label.recorded_selected, label.replayed_selected) if label is not None else (True, True)
    for name in names:
        tallies = groups.setdefault(name, {}).setdefault(group_of(state, name), ([0, 0, 0, 0], [0, 0, 0, 0]))
        for side, tally in enumerate(tallies):
            for at, counts in enumerate((True, selected[side], good, good and not worked[side])):
                tally[at] += counts
