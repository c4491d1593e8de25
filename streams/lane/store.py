"""A lane's state in memory: packed bytes by key, and which keys are due.

Law of this module: a packed state is opaque but for its first 8 bytes (processor.due_at). The same bytes are the
changelog's value, so that another store, for example RocksDB, can stand behind the same interface. How they lie in
memory is streams/lane/compact.py's.

Next: streams/core/state.py
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Protocol

from streams.lane.compact import NO_TIMER, RECENT_LEADS, CompactStates
from streams.lane.processor import DUE_BYTES, NEVER, due_at

BUCKET_MS = 3_600_000  # timers further away than the current bucket cost a dict slot, nearer ones a heap entry


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
                moved(key, states.drop(key), NO_TIMER)
                continue
            old, new = states.put(key, packed), packed[:DUE_BYTES]
            if old != new:
                moved(key, old, new)
        states.settle(len(changed))

    def due(self, now: int, limit: int) -> list[bytes]:
        """The first `limit` keys, in the order (due, key), whose timer stands at or before `now`. Changes nothing."""
        return self._timers.due(now, limit)

    def clear(self) -> None:
        self._states.clear()
        self._timers.rebuild()

    def __len__(self) -> int:
        return len(self._states)


class Timers:
    """An index of the states by due time; the truth stays in the states' first bytes.

    Far timers lie together by the hour. When its hour comes, they move to a heap. A heap entry may be too early
    (the timer moved on since): it is looked up when it comes to the top and put back where it belongs.
    """

    def __init__(self, states: CompactStates) -> None:
        self._states = states
        self._far: dict[int, dict[bytes, None]] = {}  # a small dict takes half as much memory as a small set
        self._near: list[tuple[int, bytes]] = []
        self._entry: dict[bytes, int] = {}  # time of a key's one valid heap entry
        self._horizon = 0  # timers before it are in the heap

    def rebuild(self) -> None:
        self._far, self._near, self._entry, self._horizon = {}, [], {}, 0
        far = self._far
        for key, due in self._states.headers():
            if due != NO_TIMER:
                far.setdefault(int.from_bytes(due, "big") // BUCKET_MS, {})[key] = None

    def moved(self, key: bytes, old: bytes, new: bytes) -> None:
        """A key's timer header changed from `old` to `new`."""
        self._forget(key, int.from_bytes(old, "big"))
        due = int.from_bytes(new, "big")
        if due != NEVER:
            self._put(key, due)

    def due(self, now: int, limit: int) -> list[bytes]:
        self._bring_near(now)
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
        if due >= self._horizon:
            self._far.setdefault(due // BUCKET_MS, {})[key] = None
        elif due < self._entry.get(key, due + 1):
            self._entry[key] = due
            heappush(self._near, (due, key))

    def _forget(self, key: bytes, due: int) -> None:
        keys = self._far.get(due // BUCKET_MS)
        if keys is not None:
            keys.pop(key, None)
            if not keys:
                del self._far[due // BUCKET_MS]

    def _bring_near(self, now: int) -> None:
        if now < self._horizon:
            return
        self._horizon = (now // BUCKET_MS + 1) * BUCKET_MS
        for bucket in [bucket for bucket in self._far if bucket * BUCKET_MS < self._horizon]:
            for key in self._far.pop(bucket):
                self._put(key, due_at(self._states.header(key)))
