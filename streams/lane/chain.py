"""The chain through what a lane decides: each record of `decisions` carries the hash of all before it and itself.

    ll_chain = sha256(ll_chain of the record before, in the same partition + the record's value)

Law of this module: pure. The value's bytes stay as they are, so that nobody who reads them needs to know of the chain.
The head lies in the lane's position, which is committed with the records: what was cut off at the end is missed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from streams.lane.privates import Record
from streams.lane.processor import Headers, OutputRecord

HEADER = "ll_chain"
NO_HEAD = b""  # before the first record


def link(head: bytes, value: bytes | None) -> bytes:
    """The head after a record with this value."""
    return sha256(head + (value or b"")).digest()


def chained(records: Sequence[OutputRecord], head: bytes) -> tuple[list[OutputRecord], bytes]:
    """The records with their headers, and the head after them."""
    linked = []
    for key, value, headers in records:
        head = sha256(head + (value or b"")).digest()
        linked.append(OutputRecord(key, value, (*headers, (HEADER, head))))
    return linked, head


def head_in(headers: Headers | None) -> bytes | None:
    """The chain's header of a record; None: it has none."""
    return next((value for name, value in headers or () if name == HEADER), None)


def without_heads(records: Iterable[Record]) -> list[Record]:
    """The records as they were before they were chained."""
    return [
        Record(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value, plain_headers(one.headers))
        for one in records
    ]


def plain_headers(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0] != HEADER)


class Break(NamedTuple):
    """Where a chain does not hold."""

    offset: int  # of the record; -1: it is missing
    what: str


class Proof:
    """Reads the records of one partition in their order, and says whether each follows from the one before.

    The first record that is kept is the anchor: what was before it is gone. Records of a release without a chain may
    stand before the first chained one, never after it. What was blanked in an exported history keeps its header, which
    is then taken as it is.
    """

    def __init__(self, position: bytes = NO_HEAD) -> None:
        """`position`: the head in the lane's position, as read before the records; none: the end is not looked at."""
        self._position, self._met = position, False
        self.verified = 0  # records whose header follows from the one before, or that begin the chain
        self.unchained = 0  # before the chain begins
        self.blanked = 0
        self.anchor: int | None = None  # offset of the first chained record, where it does not begin the chain
        self.first: int | None = None  # offset of the first chained record
        self.last: int | None = None
        self.head = NO_HEAD
        self.broken: Break | None = None

    def see(self, offset: int, value: bytes | None, head: bytes | None, *, blanked: bool = False) -> None:
        """The next record; after a break nothing is looked at."""
        if self.broken is not None:
            return
        if head is None:
            if self.first is None:
                self.unchained += 1
            else:
                self.broken = Break(offset, f"has no {HEADER}, expected {link(self.head, value).hex()[:16]}")
            return
        self._follow(offset, value, head, blanked)
        self.last, self.head = offset, head
        self._met = self._met or head == self._position

    def end(self, later: bytes | None = None) -> None:
        """Everything was seen. `later`: the head in the lane's position after that.

        Only when it is the same as before, no transaction came between, and the last record must have that very head.
        """
        position = self._position
        if self.broken is not None or not position:
            return
        if self.first is None and not self.unchained:
            return  # retention removed everything: there is nothing that could be held against the head
        if not self._met:
            what = f"ends at {self.head.hex()[:16] or 'nothing'}, expected the lane's head {position.hex()[:16]}"
            self.broken = Break(-1, f"{what}: records at the end are missing")
        elif later == position != self.head:
            what = f"is at {self.head.hex()[:16]}, the lane's head at {position.hex()[:16]}"
            self.broken = Break(self.last or 0, f"{what}: records after it are not the lane's")

    def _follow(self, offset: int, value: bytes | None, head: bytes, blanked: bool) -> None:
        if self.first is None:
            self.first = offset
            if blanked:
                self.anchor, self.blanked = offset, 1
            elif head == link(NO_HEAD, value):
                self.verified = 1
            elif self.unchained or offset == 0:
                self.broken = Break(offset, "is the first of the chain, but its header does not begin one")
            else:
                self.anchor = offset
        elif blanked:
            self.blanked += 1
        elif head == link(self.head, value):
            self.verified += 1
        else:
            what = f"{HEADER} is {head.hex()[:16]}, expected {link(self.head, value).hex()[:16]}"
            self.broken = Break(offset, f"{what}: it, or the one before it, was changed, taken away or put in")
