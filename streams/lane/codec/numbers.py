"""The bytes of Avro's numbers and lengths, as compiled readers and writers use them."""

from __future__ import annotations

import struct
from typing import ClassVar, NoReturn

DOUBLE = struct.Struct("<d")
FLOAT = struct.Struct("<f")
KEPT = 1 << 13  # numbers and names whose bytes are kept, each ...
KEPT_LENGTH = 100  # ... and the longest name that is
LONG_BYTES = 10  # a 64-bit number takes at most so many bytes
CONTINUED = 0x810204080  # the continuation bits of the first five bytes of a number of six


class BadDatum(ValueError):
    """Bytes that are no datum of the schema, or a value that is none."""


class _Longs(dict[int, bytes]):
    """The bytes of a number: zigzag, variable length. Keeps what it made: lengths, counts, the time of a batch."""

    bits: ClassVar[int] = 64

    def __missing__(self, number: int) -> bytes:
        if number >> self.bits - 1 not in (0, -1):
            raise BadDatum(f"{number} does not fit {self.bits} bits")
        rest = (number << 1) ^ (number >> 63)
        made = bytearray()
        while rest > 127:
            made.append(rest & 127 | 128)
            rest >>= 7
        made.append(rest)
        if len(self) >= KEPT:
            self.clear()
        result = self[number] = bytes(made)
        return result


class _Ints(_Longs):
    bits: ClassVar[int] = 32


class _Names(dict[str, bytes]):
    """The bytes of a text that comes again and again, such as the name of a fact."""

    def __missing__(self, name: str) -> bytes:
        encoded = name.encode()
        result = LONGS[len(encoded)] + encoded
        if len(name) <= KEPT_LENGTH:
            if len(self) >= KEPT:
                self.clear()
            self[name] = result
        return result


LONGS = _Longs()
INTS = _Ints()
NAMES = _Names()


def long_from(data: bytes, at: int) -> tuple[int, int]:
    """The number that stands at `at`, and where the next thing stands."""
    six = data[at : at + 6]
    if len(six) == 6:
        a, b, c, d, e, f = six
        if b < 128 <= a:  # lengths have two bytes
            raw = a - 128 + (b << 7)
            return (raw >> 1) ^ -(raw & 1), at + 2
        if a & b & c & d & e & 128 and f < 128:  # times have six
            raw = a + (b << 7) + (c << 14) + (d << 21) + (e << 28) + (f << 35) - CONTINUED
            return (raw >> 1) ^ -(raw & 1), at + 6
    raw = shift = 0
    for byte in data[at : at + LONG_BYTES]:
        at += 1
        raw |= (byte & 127) << shift
        if byte < 128:
            if raw >> 64:
                break
            return (raw >> 1) ^ -(raw & 1), at
        shift += 7
    if at == len(data):
        raise IndexError("the value ends in a number")
    raise BadDatum(f"no number ends at byte {at}")


def int_from(data: bytes, at: int) -> tuple[int, int]:
    """As long_from, for a number of 32 bits."""
    number, at = long_from(data, at)
    if number >> 31 not in (0, -1):
        raise BadDatum(f"{number} before byte {at} does not fit 32 bits")
    return number, at


def size_from(data: bytes, at: int) -> tuple[int, int]:
    """The length that stands at `at`, and where the text or bytes of that length start."""
    size, at = long_from(data, at)
    if not 0 <= size <= len(data) - at:
        raise BadDatum(f"byte {at} has a length of {size}, but {len(data) - at} bytes are left")
    return size, at


def count_from(data: bytes, at: int) -> tuple[int, int]:
    """The item count of a block, and where its first item stands. A negative count is followed by the block's size."""
    count, at = long_from(data, at)
    if count < 0:
        count = -count
        _, at = size_from(data, at)
    if count > len(data) - at:
        raise BadDatum(f"byte {at} has a count of {count} items, but {len(data) - at} bytes are left")
    return count, at


def bad(what: str, at: int) -> NoReturn:
    raise BadDatum(f"{what} at byte {at - 1}")
