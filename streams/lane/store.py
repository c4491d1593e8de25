"""A lane's state in memory: packed bytes by key, and which keys are due.

Law of this module: a packed state is opaque but for its first 8 bytes (processor.due_at). The same bytes are the
changelog's value, so that another store, for example RocksDB, can stand behind the same interface. How they lie in
memory is streams/lane/compact.py's. What the processor keeps for itself (processor.KEPT) lies among the states and
has a timer like them; it is no lead and not counted as one.

Next: streams/core/state.py
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Protocol

from streams.lane.compact import RECENT_LEADS, CompactStates
from streams.lane.processor import DUE_BYTES, KEPT, NEVER, due_at

LOOK_MS = 3_600_000  # timers beyond the next full hour cost nothing, nearer ones a heap entry


class Store(Protocol):
    """What a lane needs of a store. `apply` after the commit, `load` while the lane restores."""

    @property
    def view(self) -> Mapping[bytes, bytes]: ...
    def load(self, key: bytes, packed: bytes | None) -> None: ...
    def loaded(self) -> None: ...
    def apply(self, changed: Mapping[bytes, bytes | None]) -> None: ...
    def due(self, now: int, limit: int) -> list[bytes]: ...
    def clear(self) -> None: ...
    def __len__(self) -> int: ...


class DictStore:
    """The store in memory; leads beyond the `recent_leads` that were written last are compressed."""

    def __init__(self, recent_leads: int = RECENT_LEADS) -> None:
        self._states = CompactStates(recent_leads)
        self._timers = Timers(self._states)

    @property
    def view(self) -> Mapping[bytes, bytes]:
        return self._states.quickest

    def load(self, key: bytes, packed: bytes | None) -> None:
        """Take one changelog record; timers wait for `loaded`."""
        if packed is None:
            self._states.drop(key)
        else:
            self._states.put(key, packed)
            self._states.settle()

    def loaded(self) -> None:
        """The changelog is read: find the timers."""
        self._timers.rebuild()

    def apply(self, changed: Mapping[bytes, bytes | None]) -> None:
        """Take what a committed transaction changed."""
        states, moved = self._states, self._timers.moved
        for key, packed in changed.items():
            if packed is None:
                states.drop(key)
                continue
            old, new = states.put(key, packed), packed[:DUE_BYTES]
            if old != new:
                moved(key, new)
        states.settle(len(changed))

    def due(self, now: int, limit: int) -> list[bytes]:
        """The first `limit` keys, in the order (due, key), whose timer stands at or before `now`. Changes nothing."""
        return self._timers.due(now, limit)

    def clear(self) -> None:
        self._states.clear()
        self._timers.rebuild()

    def __len__(self) -> int:
        """How many leads."""
        return len(self._states) - sum(key in self._states for key in KEPT)


class Timers:
    """Which keys are due; the truth stays in the states' first bytes.

    Once an hour all states are looked at for those that fall due within it (10 ms for 80,000 leads), and these go to a
    heap: a lead whose timer stands further away costs nothing. A heap entry may be too early (the timer moved on
    since): it is looked up when it comes to the top, and put back if it still falls within the hour.
    """

    def __init__(self, states: CompactStates) -> None:
        self._states = states
        self.rebuild()

    def rebuild(self) -> None:
        """Forget everything: the next `due` looks."""
        self._near: list[tuple[int, bytes]] = []
        self._entry: dict[bytes, int] = {}  # time of a key's one valid heap entry
        self._horizon = 0  # timers before it are in the heap

    def moved(self, key: bytes, new: bytes) -> None:
        """A key has a new timer header."""
        due = int.from_bytes(new, "big")
        if due != NEVER:
            self._put(key, due)

    def due(self, now: int, limit: int) -> list[bytes]:
        if now >= self._horizon:
            self._look(now)
        near, found = self._near, list[tuple[int, bytes]]()
        while near and near[0][0] <= now and len(found) < limit:
            entry, key = heappop(near)
            if self._entry.get(key) != entry or (found and found[-1] == (entry, key)):
                continue  # the timer moved before this entry, or the entry is there twice
            due = due_at(self._states.header(key))
            if due == entry:
                found.append((entry, key))
                continue
            del self._entry[key]
            if due != NEVER:
                self._put(key, due)
        for pair in found:  # they stay until a commit moves them
            heappush(near, pair)
        return [key for _, key in found]

    def _put(self, key: bytes, due: int) -> None:
        if due < self._horizon and due < self._entry.get(key, due + 1):
            self._entry[key] = due
            heappush(self._near, (due, key))

    def _look(self, now: int) -> None:
        """Find what falls due before the next full hour."""
        self._horizon = (now // LOOK_MS + 1) * LOOK_MS
        end = self._horizon.to_bytes(DUE_BYTES, "big")
        for key, due in self._states.due_before(end):
            self._put(key, int.from_bytes(due, "big"))
