"""The store's timers: whatever happens to the states, what is due is what the states say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.lane.processor import NEVER, due_at
from streams.lane.store import LOOK_MS, DictStore

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
DUES = st.one_of(st.just(NEVER), st.integers(1, 4 * LOOK_MS), st.integers(1, 5), st.integers(1, 2160 * LOOK_MS))
CHANGES = st.dictionaries(KEYS, st.one_of(st.none(), DUES), max_size=4)
PASSED = st.one_of(st.integers(0, LOOK_MS), st.integers(0, 720 * LOOK_MS))
STEPS = st.lists(st.tuples(CHANGES, PASSED), max_size=30)


def packed(due: int) -> bytes:
    return due.to_bytes(8, "big") + b"the processor's own"


def due_by_definition(store: DictStore, now: int) -> list[bytes]:
    return [key for due, key in sorted((due_at(state), key) for key, state in store.view.items()) if NEVER < due <= now]


@given(STEPS, st.integers(1, 4))
def test_due_keys_are_those_whose_state_says_so_in_the_order_of_time_and_key(
    steps: list[tuple[dict[bytes, int | None], int]], limit: int
) -> None:
    store, now = DictStore(), 0
    for changes, passed in steps:
        store.apply({key: None if due is None else packed(due) for key, due in changes.items()})
        now += passed
        expected = due_by_definition(store, now)
        assert store.due(now, limit) == expected[:limit]
        assert store.due(now, 100) == expected, "asking changes nothing"


@given(STEPS)
def test_a_restored_store_has_the_same_states_and_timers(steps: list[tuple[dict[bytes, int | None], int]]) -> None:
    live, restored = DictStore(), DictStore()
    for changes, _ in steps:
        change = {key: None if due is None else packed(due) for key, due in changes.items()}
        live.apply(change)
        for key, state in change.items():
            restored.load(key, state)
    restored.loaded()
    assert restored.view == live.view
    assert restored.due(10 * LOOK_MS, 100) == live.due(10 * LOOK_MS, 100)


def test_a_cleared_store_is_empty_and_has_no_timers() -> None:
    store = DictStore()
    store.apply({b"a": packed(1)})
    store.clear()
    assert (len(store), store.due(10, 10)) == (0, [])


def test_a_timer_at_the_full_hour_is_due_then_and_not_a_millisecond_before() -> None:
    store = DictStore()
    store.apply({b"a": packed(LOOK_MS), b"b": packed(2160 * LOOK_MS)})
    asked = (1, LOOK_MS - 1, LOOK_MS, 2160 * LOOK_MS - 1, 2160 * LOOK_MS)
    assert [store.due(now, 10) for now in asked] == [[], [], [b"a"], [b"a"], [b"a", b"b"]]
