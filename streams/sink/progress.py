"""How far a target is in one partition: the lowest offset that is not finished.

Law of this module: `next` never passes a record that is neither delivered, nor parked, nor unwanted. After a kill
everything from `next` on comes again.
"""

from __future__ import annotations

from collections import deque


class Progress:
    """Offsets of one partition, in the order in which they were read."""

    def __init__(self) -> None:
        self.next: int | None = None  # where the group goes on; None: nothing was read
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._read = 0

    def begin(self, offset: int) -> None:
        """A record was read: it must be finished."""
        if not self._open:
            self.next = offset
        self._open.append(offset)

    def finish(self, offset: int) -> None:
        """The record at `offset` is delivered, parked or unwanted."""
        self._done.add(offset)
        while self._open and self._open[0] in self._done:
            last = self._open.popleft()
            self._done.discard(last)
            self.next = self._open[0] if self._open else last + 1
        self.read_to(self._read)

    def read_to(self, offset: int) -> None:
        """All before `offset` was read: marks of transactions are passed once nothing before them is unfinished."""
        self._read = max(self._read, offset)
        if not self._open:
            self.next = max(self.next or 0, self._read)

    def ahead(self) -> int:
        """How many finished ones wait for the oldest that is not."""
        return len(self._done)

    def oldest(self) -> int | None:
        """The offset that holds the others up; None if nothing does."""
        return self._open[0] if self._open else None
