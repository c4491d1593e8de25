"""Ids that are on Kafka: bounded by count and by age, so that a retry is known and memory does not grow.

Law of this module: an id counts as known until either bound ends it, the oldest first, an eighth of all at a time. Ids
are kept as 64-bit hashes that are keyed anew in every process: two of a million coincide once in 30 million processes,
and no sender can aim at it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SLICES = 8  # what is forgotten at once is one of these


class Seen:
    """A set of ids that forgets. `clock` gives seconds."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._per_slice, self._slice_seconds = max(1, most // SLICES), seconds / SLICES
        self._seconds, self._clock = seconds, clock
        self._slices: deque[tuple[float, set[int]]] = deque([(clock(), set())])

    def __contains__(self, name: str) -> bool:
        mark = hash(name)
        return any(mark in marks for _, marks in self._slices)

    def __len__(self) -> int:
        return sum(len(marks) for _, marks in self._slices)

    def add(self, name: str) -> None:
        started, newest = self._slices[-1]
        if len(newest) >= self._per_slice or self._clock() - started >= self._slice_seconds:
            newest = self._new_slice()
        newest.add(hash(name))

    def _new_slice(self) -> set[int]:
        now, marks = self._clock(), set[int]()
        self._slices.append((now, marks))
        # A slice ends where the next begins: it goes when even its youngest id is too old, or there are too many.
        while len(self._slices) > SLICES + 1 or (len(self._slices) > 1 and self._slices[1][0] <= now - self._seconds):
            self._slices.popleft()
        return marks
