"""What two sides wrote, laid side by side: by time, what both have and what one has alone, by decision.

Law of this module: pure, and bytes are enough: nothing is decoded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from streams.core.effects import Effect, RecordDecision
from streams.lane.privates import Record
from streams.whatif.compare import Side

TICK = b"lane.tick-"
Pair = tuple[bytes | None, bytes | None]  # key, value
NOTHING = Side(None, ())


class Slices:
    """What was written at each time, in order."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records, self._at = records, 0

    def at(self, now: int) -> Sequence[Record]:
        records, start = self._records, self._at
        while start < len(records) and records[start].timestamp < now:
            start += 1
        end = start
        while end < len(records) and records[end].timestamp == now:
            end += 1
        self._at = end
        return records[start:end]


def split(theirs: list[Pair], ours: list[Pair]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """What both sides have, in our order, and what one has alone."""
    left = Counter(theirs)
    same: list[Pair] = []
    only_ours: list[Pair] = []
    for pair in ours:
        if left[pair] > 0:
            left[pair] -= 1
            same.append(pair)
        else:
            only_ours.append(pair)
    only_theirs = []
    for pair in theirs:
        if left[pair] > 0:
            left[pair] -= 1
            only_theirs.append(pair)
    return same, only_theirs, only_ours


def by_decision(effects: Iterable[Effect]) -> dict[str, Side]:
    found: dict[str, list[Effect]] = {}
    for effect in effects:
        found.setdefault(effect.decision_id, []).append(effect)
    return {
        name: Side(next((one for one in kept if isinstance(one, RecordDecision)), None), kept)
        for name, kept in found.items()
    }


def timers_in(decisions: Iterable[Record], first: int, end: int) -> dict[bytes, int]:
    """Lead -> number of the decisions that timers made, of those with numbers in a range; from their headers alone."""
    found: dict[bytes, int] = {}
    for record in decisions:
        name = next((value for header, value in record.headers if header == "ce_id"), b"")
        if name.startswith(TICK):
            number = int(name.partition(b"/")[0].rpartition(b"-")[2])
            if first <= number < end and record.key is not None:
                found[record.key] = number
    return found
