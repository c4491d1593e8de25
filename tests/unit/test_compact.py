"""Compressed or not: what is read is what was written, and what repeats itself takes little memory."""

from __future__ import annotations

import random
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from streams.lane.compact import MOST_DICTIONARIES, PIECE, RETRAIN_GROWTH, CompactStates
from streams.lane.processor import DUE_BYTES, due_at
from streams.lane.store import LOOK_MS, DictStore

COMPANIES = ("Stonelight Energy", "Harbormark Motors", "Atlasline Logistics", "Summitgate Foods")


def a_state(number: int, due: int = 0, fields: int = 4) -> bytes:
    """Like a packed lead: mostly the same words, some that are its own."""
    draw = random.Random(number)
    own = str(uuid.UUID(int=draw.getrandbits(128)))
    words = "".join(
        f'"field_{name}":{{"value":{draw.random():.3f},"source":"marketo","model":"m-{draw.randrange(9)}"}},'
        for name in range(fields)
    )
    text = f'{{"company":"{draw.choice(COMPANIES)}","event_id":"{own}",{words}"consent":"legitimate interest"}}'
    return due.to_bytes(DUE_BYTES, "big") + text.encode()


def key_of(number: int) -> bytes:
    return b"lead-%06d" % number


def filled(recent_leads: int, states: Iterator[bytes] | list[bytes]) -> tuple[CompactStates, dict[bytes, bytes]]:
    """The states as a restore would put them there, and the same as a dict."""
    compact, expected = CompactStates(recent_leads), {key_of(n): packed for n, packed in enumerate(states)}
    for key, packed in expected.items():
        compact.put(key, packed)
        compact.settle()
    return compact, expected


def test_every_state_reads_as_it_was_written_whether_compressed_or_not() -> None:
    compact, expected = filled(200, [a_state(n, due=n) for n in range(2000)])
    assert compact.compressed >= 1700
    assert len(compact) == 2000
    assert dict(compact) == expected
    assert compact == expected
    assert [compact.get(key) for key in expected] == list(expected.values())
    assert all(key in compact and compact.header(key) == packed[:DUE_BYTES] for key, packed in expected.items())


def test_an_unknown_lead_is_unknown_in_every_way() -> None:
    compact, _ = filled(200, [a_state(n) for n in range(1000)])
    assert (b"nobody" in compact, compact.get(b"nobody"), compact.get(b"nobody", b"d")) == (False, None, b"d")
    assert (compact.header(b"nobody"), compact.drop(b"nobody")) == (bytes(8), bytes(8))
    with pytest.raises(KeyError):
        compact[b"nobody"]


def test_a_store_within_its_bound_is_a_plain_dict() -> None:
    compact, expected = filled(1000, [a_state(n) for n in range(1000)])
    assert (type(compact.quickest), compact.compressed) == (dict, 0)
    assert compact.quickest == expected


def test_what_was_written_last_stays_as_it_came() -> None:
    compact, _ = filled(200, [a_state(n) for n in range(1000)])
    compact.put(key_of(0), a_state(7))
    for number in range(2000, 2080):
        compact.put(key_of(number), a_state(number))
        compact.settle()
    as_it_came = {key for key in compact if compact[key] is compact[key]}  # what is decompressed is a new object
    assert {key_of(0), *map(key_of, range(2000, 2080))} <= as_it_came
    assert 100 <= len(as_it_came) <= 200


def test_a_compressed_state_is_overwritten_and_deleted_like_any_other() -> None:
    compact, expected = filled(200, [a_state(n, due=n) for n in range(1000)])
    old, gone = key_of(3), key_of(4)
    assert compact.put(old, a_state(5000, due=9)) == (3).to_bytes(8, "big")
    assert compact.drop(gone) == (4).to_bytes(8, "big")
    del expected[gone]
    assert dict(compact) == expected | {old: a_state(5000, due=9)}
    assert len(compact) == 999


def test_leads_that_look_different_later_get_a_dictionary_of_their_own_up_to_a_number() -> None:
    compact, expected = filled(50, [a_state(n, fields=2 + n // 1000) for n in range(50 * RETRAIN_GROWTH**4)])
    assert dict(compact) == expected
    numbers = {compact._small[key][DUE_BYTES] for key in compact._small}
    assert numbers == set(range(MOST_DICTIONARIES))


def test_no_pause_is_longer_than_a_piece_and_what_was_written() -> None:
    compact = CompactStates(4096)
    compressed = [0]
    for start in range(0, 20_000, 1000):
        for number in range(start, start + 1000):
            compact.put(key_of(number), a_state(number % 500))
        compact.settle(1000)
        compressed.append(compact.compressed)
    assert max(after - before for before, after in pairwise(compressed)) <= PIECE
    assert len(compact) - compact.compressed <= 4096 + PIECE


def noise(number: int) -> bytes:
    return random.Random(number).randbytes(300)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(noise, id="random bytes"),
        pytest.param(lambda n: bytes(8) + b"%d" % n, id="tiny"),
        pytest.param(lambda _: bytes(8), id="nothing but a header"),
        # zstd's trainer ends the process on these.
        pytest.param(
            lambda n: bytes(8) + (b"1" if n % 24 == 2 else bytes(600 * (n % 2))), id="nine bytes to learn from"
        ),
    ],
)
def test_states_that_would_gain_nothing_stay_as_they_came(state: Callable[[int], bytes]) -> None:
    compact, expected = filled(200, [state(n) for n in range(1500)])
    assert compact.compressed == 0
    assert compact.quickest == expected


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(lambda _: bytes(8) + b"the very same text for each and every lead, word by word " * 4, id="equal"),
        pytest.param(lambda n: a_state(n) if n < 700 else noise(n), id="random after a while"),
        pytest.param(lambda n: a_state(n) if n % 3 else bytes(8), id="some are nothing but a header"),
        pytest.param(lambda n: a_state(n, fields=400 * (n % 500 == 0)), id="a few are very long"),
    ],
)
def test_odd_states_read_as_they_were_written(state: Callable[[int], bytes]) -> None:
    compact, expected = filled(200, [state(n) for n in range(1500)])
    assert dict(compact) == expected


def test_states_that_gain_nothing_at_first_are_compressed_once_others_have_come() -> None:
    compact, expected = filled(100, [noise(n) if n < 150 else a_state(n) for n in range(3000)])
    assert compact.compressed > 2500
    assert dict(compact) == expected


def test_a_cleared_mapping_is_as_new() -> None:
    compact, _ = filled(200, [a_state(n) for n in range(1000)])
    compact.clear()
    assert (len(compact), dict(compact), compact.compressed) == (0, {}, 0)
    compact.put(b"k", b"12345678")
    assert dict(compact) == {b"k": b"12345678"}


def test_memory_shrinks_to_less_than_two_thirds() -> None:
    def bytes_of(recent_leads: int) -> int:
        tracemalloc.start()
        store = DictStore(recent_leads)
        for number in range(8000):
            store.load(key_of(number), a_state(number, fields=8))
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(store) == 8000
        return used

    assert bytes_of(500) < 2 / 3 * bytes_of(8000)


def test_those_due_before_a_time_are_found_whether_compressed_or_not() -> None:
    dues = [0, 1, 255, 256, 257, LOOK_MS - 1, LOOK_MS, LOOK_MS + 1, 90 * 24 * LOOK_MS]
    compact, _ = filled(50, [a_state(n, dues[n % len(dues)]) for n in range(900)])
    assert compact.compressed > 500
    for end in (0, 1, 2, 256, LOOK_MS, 100 * 24 * LOOK_MS):
        found = compact.due_before(end.to_bytes(DUE_BYTES, "big"))
        wanted = [key_of(n) for n in range(900) if 0 < dues[n % len(dues)] < end]
        assert sorted(found) == sorted((key, compact[key][:DUE_BYTES]) for key in wanted)


def test_a_timer_that_stands_far_away_costs_no_memory() -> None:
    def bytes_of(due: int) -> int:
        tracemalloc.start()
        store = DictStore(500)
        for number in range(4000):
            store.load(key_of(number), a_state(number, due))
        store.loaded()
        store.due(1, 10)
        for number in range(0, 4000, 2):
            store.apply({key_of(number): a_state(number, due and due + number)})
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return used

    assert bytes_of(90 * 24 * LOOK_MS) < bytes_of(0) + 4000  # less than a byte each


def test_timers_of_compressed_leads_come_due_in_the_order_of_time_and_key() -> None:
    store = DictStore(recent_leads=100)
    dues = {key_of(n): 1 + n * 7919 % (3 * LOOK_MS) for n in range(1500)}
    for start in range(0, 1500, 100):
        keys = [key_of(n) for n in range(start, start + 100)]
        store.apply({key: a_state(start, dues[key]) for key in keys})
    store.apply({key_of(1): a_state(1), key_of(2): None, key_of(3): a_state(3, 5)})
    dues = {**dues, key_of(1): 0, key_of(2): 0, key_of(3): 5}
    assert sum(due_at(packed) > 0 for packed in store.view.values()) == 1498
    for now in (4, 5, LOOK_MS // 2, LOOK_MS, 2 * LOOK_MS + 1, 4 * LOOK_MS):
        expected = sorted((due, key) for key, due in dues.items() if 0 < due <= now)
        assert store.due(now, 2000) == [key for _, key in expected]
