"""What broken senders and broken networks make of a valid record: seeded mutations, bytes to bytes.

The same seed gives the same mutations, so that a finding can be run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import msgspec

from streams.core.events import Event

Mutation = Callable[[bytes, Random], bytes]

# What breaks careless readers: the lengths and counts that Avro writes at the edges of its numbers.
EDGES = (
    b"\x01",  # -1
    b"\x7f",  # -64
    b"\x80\x00",  # 0, too long
    b"\xfe\xff\xff\xff\x0f",  # 2^31 - 1
    b"\xff\xff\xff\xff\x0f",  # -2^31
    b"\x80\x80\x80\x80\x80\x40",  # 2^40
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^63 - 1
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # -2^63
    b"\xff" * 11,  # no number
    b"\x80" * 40 + b"\x00",  # no number
)
IDS = (0, 1, 101, 201, 1101, 999_999, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
TEXTS = (b"", b"\0", b"null", b"{}", b'{"event_id": "1"}', b"<xml/>", b"\0\0\0\0\xc9", b"\xef\xbb\xbf", b"Obj\x01")


def _flip_bit(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << random.randrange(8)]) + value[at + 1 :]


def _set_byte(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value))
    return value[:at] + bytes([random.choice((0, 1, 2, 127, 128, 254, 255))]) + value[at + 1 :]


def _insert(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + random.randbytes(random.randint(1, 8)) + value[at:]


def _insert_edge(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + random.choice(EDGES) + value[at + random.randint(0, 1) :]


def _delete(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value))
    return value[:at] + value[at + random.randint(1, 8) :]


def _truncate(value: bytes, random: Random) -> bytes:
    return value[: random.randrange(len(value))]


def _append(value: bytes, random: Random) -> bytes:
    return value + random.randbytes(random.randint(1, 16))


def _double(value: bytes, random: Random) -> bytes:
    return value + value[random.choice((0, 5)) :]


def _swap(value: bytes, random: Random) -> bytes:
    first, second = sorted(random.sample(range(len(value) + 1), 2))
    return value[second:] + value[first:second] + value[:first]


def _other_id(value: bytes, random: Random) -> bytes:
    return value[:1] + random.choice(IDS).to_bytes(4, "big") + value[5:]


def _other_magic(value: bytes, random: Random) -> bytes:
    return bytes([random.randint(1, 255)]) + value[1:]


def _not_utf8(value: bytes, random: Random) -> bytes:
    at = random.randrange(min(5, len(value)), len(value) + 1)
    return value[:at] + random.choice((b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80")) + value[at + 2 :]


def _noise(value: bytes, random: Random) -> bytes:
    return value[:5] + random.randbytes(random.randint(0, 64))


def _text(value: bytes, random: Random) -> bytes:
    return random.choice(TEXTS)


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bit, _set_byte, _insert, _insert_edge, _delete, _truncate, _append, _double, _swap, _other_id, _other_magic,
    _not_utf8, _noise, _text,
)  # fmt: skip


def mutated(value: bytes, random: Random) -> bytes:
    """`value` with one to three mutations. It may happen to be valid still."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = random.choice(MUTATIONS)(value, random) if len(value) > 1 else _text(value, random)
    return value


def mutated_key(key: bytes, random: Random) -> bytes | None:
    """A key that is never the right one."""
    return random.choice((None, b"", b"\xff\xfe", key + b"x", key[:-1] if len(key) > 1 else b"", b"\0" + key))


# Values that Avro can carry and no record allows, by the type of the field that they replace.
WRONG_NUMBERS = (math.nan, math.inf, -math.inf, -1e300, 1e300, -1.5)
WRONG_WHOLE = (-(1 << 63), -1, (1 << 63) - 1)
WRONG_TEXTS = ("x" * 100_000, "\0" * 5_000)


def spoiled(event: Event, random: Random) -> Event:
    """The event with one field out of its range: encodable, but refused when it is read."""
    choices: list[tuple[str, object]] = [("lead_id", ""), ("event_id", ""), ("source", random.choice(WRONG_TEXTS))]
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, float):
            choices.append((name, random.choice(WRONG_NUMBERS)))
        elif name == "occurred_at":
            choices.append((name, random.choice(WRONG_WHOLE)))
        elif name in ("kind", "channel", "level", "action", "outcome", "purpose", "by"):
            choices.append((name, random.choice(("", "unknown", "OPENED", "ooo "))))
    field, wrong = random.choice(choices)
    return msgspec.structs.replace(event, **{field: wrong})
