"""Whatever is written in whatever order, the store answers as a plain dict would."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streams.lane.store import DictStore

RECENT = 24
KEYS = st.integers(0, 200)
HOUR, DAY = 3_600_000, 86_400_000
DUES = st.sampled_from([0, 0, 1, 5, HOUR - 1, HOUR, 9_000_000, 2 * DAY, 90 * DAY, 90 * DAY + 1])
PASSED = st.one_of(st.integers(0, 4_000_000), st.sampled_from([HOUR, DAY, 45 * DAY]))
SEEDS = st.integers(0, 1 << 16)
KINDS = st.sampled_from(["lead", "lead", "lead", "noise", "tiny", "empty", "long"])


def key_of(number: int) -> bytes:
    return b"lead-%d" % number


def a_state(kind: str, seed: int, due: int) -> bytes:
    draw = random.Random(seed)
    rest = {
        "lead": b'{"company":"Stonelight Energy","source":"marketo","score":%d,"tier":"T3_NURTURE"}' % seed * 3,
        "noise": draw.randbytes(120),
        "tiny": b"%d" % (seed % 10),
        "empty": b"",
        "long": b'{"source":"marketo","score":%d}' % seed * 400,
    }[kind]
    return due.to_bytes(8, "big") + rest


class StoreIsADict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store, self.model = DictStore(RECENT), dict[bytes, bytes]()
        self.now = 0

    def write(self, changed: dict[bytes, bytes | None]) -> None:
        for key, packed in changed.items():
            if packed is None:
                self.model.pop(key, None)
            else:
                self.model[key] = packed

    @rule(changes=st.dictionaries(KEYS, st.one_of(st.none(), st.tuples(KINDS, SEEDS, DUES)), max_size=8))
    def apply(self, changes: dict[int, tuple[str, int, int] | None]) -> None:
        changed = {key_of(key): None if new is None else a_state(*new) for key, new in changes.items()}
        self.store.apply(changed)
        self.write(changed)

    @rule(start=KEYS, count=st.integers(20, 120), kind=KINDS, seed=SEEDS, due=DUES)
    def apply_many(self, start: int, count: int, kind: str, seed: int, due: int) -> None:
        states = (a_state(kind, seed + n, due) for n in range(count))
        changed: dict[bytes, bytes | None] = {key_of(start + n): state for n, state in enumerate(states)}
        self.store.apply(changed)
        self.write(changed)

    @rule()
    def restore(self) -> None:
        """The changelog, read into the same store."""
        self.store.clear()
        for key, packed in self.model.items():
            self.store.load(key, packed)
        self.store.load(key_of(-1), None)
        self.store.loaded()

    @rule(start=KEYS, count=st.integers(1, 120), later=st.sampled_from([1, HOUR, 90 * DAY]))
    def timers_move_on(self, start: int, count: int, later: int) -> None:
        """What a decision does to the timers of leads: the same states, due another time from now."""
        keys = [key_of(start + n) for n in range(count)]
        due = (self.now + later).to_bytes(8, "big")
        changed: dict[bytes, bytes | None] = {key: due + self.model[key][8:] for key in keys if key in self.model}
        self.store.apply(changed)
        self.write(changed)

    @rule(passed=PASSED, limit=st.integers(1, 300))
    def time_passes(self, passed: int, limit: int) -> None:
        self.now += passed
        dues = sorted((int.from_bytes(packed[:8], "big"), key) for key, packed in self.model.items())
        assert self.store.due(self.now, limit) == [key for due, key in dues if 0 < due <= self.now][:limit]

    @invariant()
    def reads_as_the_model(self) -> None:
        view = self.store.view
        assert len(self.store) == len(view) == len(self.model)
        assert dict(view.items()) == self.model
        for key in (key_of(0), key_of(100), key_of(-1)):
            assert view.get(key) == self.model.get(key)
            assert (key in view) == (key in self.model)


TestStoreIsADict = StoreIsADict.TestCase
TestStoreIsADict.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
