"""Sealed texts: what opens and what does not, for any text, place and key."""

from __future__ import annotations

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.privacy.keys import KeyRing, SubjectKey
from streams.privacy.seal import (
    EDGE,
    LANE,
    MARK,
    NONCE_BYTES,
    BadSeal,
    BadSecret,
    LeadKey,
    Secret,
    decoded,
    encoded,
    key_id_of,
    minted,
    parts_of,
    place_of,
    secrets_from,
)

texts = st.text(max_size=300)
keys = st.binary(min_size=32, max_size=32)
places = st.builds(place_of, st.sampled_from(["LeadProfile", "Case"]), st.sampled_from(["email", "title"]), texts)


def a_key(key: bytes) -> LeadKey:
    return LeadKey(key_id_of(key, EDGE), key)


@given(keys, places, texts)
def test_what_is_sealed_opens_in_its_place_and_is_the_same_every_time(key: bytes, place: bytes, text: str) -> None:
    one = a_key(key)
    sealed = one.seal(place, text)
    key_id, body = parts_of(sealed)
    assert key_id == one.id
    assert a_key(key).open(place, body) == text
    assert a_key(key).seal(place, text) == sealed
    assert sealed.startswith(f"{MARK}{one.id}:")
    assert sealed.isascii()
    assert not text or len(text) < 4 or text not in sealed.removeprefix(MARK)


@given(keys, st.lists(st.tuples(places, texts), max_size=20, unique=True))
def test_no_nonce_comes_twice_for_two_texts(key: bytes, sealed: list[tuple[bytes, str]]) -> None:
    one = a_key(key)
    nonces = [decoded(parts_of(one.seal(place, text))[1])[:NONCE_BYTES] for place, text in sealed]
    assert len(set(nonces)) == len(nonces)


@given(keys, keys, places, places, texts)
def test_another_key_or_place_does_not_open_it(one: bytes, two: bytes, place: bytes, other: bytes, text: str) -> None:
    body = parts_of(a_key(one).seal(place, text))[1]
    for key, where in ((two, place), (one, other)):
        assume((key, where) != (one, place))
        with pytest.raises(BadSeal):
            a_key(key).open(where, body)


@given(keys, places, texts, st.data())
def test_a_changed_or_cut_text_does_not_open(key: bytes, place: bytes, text: str, data: st.DataObject) -> None:
    raw = bytearray(decoded(parts_of(a_key(key).seal(place, text))[1]))
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = bytes(raw[:at]) if data.draw(st.booleans()) else bytes([*raw[:at], raw[at] ^ 1, *raw[at + 1 :]])
    with pytest.raises(BadSeal):
        a_key(key).open(place, encoded(changed))


@given(st.text(max_size=100))
def test_whatever_begins_like_a_sealed_text_opens_or_is_a_bad_seal(rest: str) -> None:
    with pytest.raises(BadSeal):
        a_key(bytes(32)).open(b"place", parts_of(MARK + rest)[1])


@given(st.binary(max_size=100), st.sampled_from("*\n ä="))
def test_base64url_is_that_of_the_standard_library(raw: bytes, wrong: str) -> None:
    text = encoded(raw)
    assert text == base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert decoded(text) == raw
    with pytest.raises(BadSeal):
        decoded(wrong + text)


@given(keys, keys, keys, texts)
def test_a_wrapped_key_is_unwrapped_under_its_name_by_its_secret_alone(
    secret: bytes, other: bytes, key: bytes, lead: str
) -> None:
    assume(secret != other)
    wrapped = Secret(secret).wrap(lead.encode(), key)
    assert Secret(secret).unwrap(lead.encode(), wrapped) == key
    assert key not in wrapped
    for who, name in ((other, lead.encode()), (secret, lead.encode() + b"x")):
        with pytest.raises(BadSecret):
            Secret(who).unwrap(name, wrapped)


@given(st.permutations([(lead, minter) for lead in (b"a", b"b#c") for minter in (EDGE, EDGE, LANE)]), st.booleans())
def test_rings_that_read_the_same_topic_seal_alike_whatever_they_read_twice(
    order: list[tuple[bytes, str]], twice: bool
) -> None:
    secrets = secrets_from(base64.b64encode(bytes(32)).decode())
    topic: list[tuple[bytes, SubjectKey]] = []
    ring = KeyRing(secrets)
    for number, (lead, minter) in enumerate(order):
        made = ring.mint(lead, minted(bytes([number]) * 32, "x"), minter, "test", 0)
        topic.append((made.name, made.record))
        ring.load(made.name, made.record)
    again = KeyRing(secrets)
    for name, record in topic * 2 if twice else topic:
        again.load(name, record)
    for lead in (b"a", b"b#c"):
        firsts = [name for name, _ in topic if name.rpartition(b"#")[0] == lead]
        wanted = next((name for name in firsts if name.rpartition(b"#")[2].startswith(b"L")), firsts[0])
        for each in (ring, again):
            key = each.first(lead)
            assert key is not None
            assert lead + b"#" + key.id.encode() == wanted
            assert each.names(lead) == firsts
