"""The store of a replay finds the same due leads as the lane's, in the same order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.lane.replay import PlainStore
from streams.lane.store import DictStore

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
DUES = st.integers(0, 6)
STEP = st.tuples(st.dictionaries(KEYS, DUES | st.none(), max_size=4), st.integers(0, 6), st.integers(0, 4))


@given(st.lists(STEP, max_size=12))
def test_both_stores_say_the_same_is_due(steps: list[tuple[dict[bytes, int | None], int, int]]) -> None:
    plain, kept = PlainStore(), DictStore()
    for changes, now, limit in steps:
        changed = {key: None if due is None else due.to_bytes(8, "big") + b"x" for key, due in changes.items()}
        plain.apply(changed)
        kept.apply(changed)
        assert plain.due(now, limit) == kept.due(now, limit)
        assert plain.due(now, limit) == kept.due(now, limit)
        assert dict(plain.view) == dict(kept.view)
