"""Proves the chain through the decisions of a cluster, partition by partition: see streams/lane/chain.py."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING

from streams.kafka.reader import Reader
from streams.lane.chain import NO_HEAD, Proof, head_in
from streams.lane.processor import POSITION
from streams.topics import DECISIONS, STATE

TAIL_RECORDS = 2_000  # of the changelog, in which its newest position is looked for; more when it is not there


class Head(msgspec.Struct):
    """The part of a lane's position that the chain must agree with."""

    chain: bytes = NO_HEAD


class Verified(NamedTuple):
    """What is proved of one partition."""

    partition: int
    verified: int  # records that follow from the one before, or begin the chain
    first: int | None  # offset of the first chained record that is kept
    last: int | None
    is_whole: bool  # it begins the chain; False: what came before is gone, and the first is the anchor
    unchained: int  # records before the chain, of a release that had none
    head: str  # hex, of the last record
    broken_at: int | None  # offset; -1: records are missing at the end
    broken: str


def verify_partition(reader: Reader, partition: int, since: int | None = None) -> Verified:
    """Read a partition of `decisions`, all that is kept or from a time on (ms UTC), and prove its chain."""
    before = position_head(reader, partition)
    start = OFFSET_BEGINNING if since is None else reader.offset_at(DECISIONS.name, partition, since)
    proof = Proof(before)
    for message in reader.read(DECISIONS.name, {partition: start}):
        proof.see(int(message.offset() or 0), message.value(), head_in(message.headers()))  # type: ignore[arg-type]
    proof.end(position_head(reader, partition))
    return Verified(
        partition, proof.verified, proof.first, proof.last, proof.first is not None and proof.anchor is None,
        proof.unchained, proof.head.hex(), proof.broken.offset if proof.broken else None,
        proof.broken.what if proof.broken else "",
    )  # fmt: skip


def position_head(reader: Reader, partition: int) -> bytes:
    """The head in the newest committed position of a lane; empty when there is none."""
    low, high = reader.bounds(STATE.name, partition)
    reach, start = TAIL_RECORDS, high
    while start > low:
        start = max(low, high - reach)
        found = None
        for message in reader.read(STATE.name, {partition: start}):
            if message.key() == POSITION:
                found = message.value()
        if found is not None:
            return msgspec.msgpack.decode(found, type=Head).chain
        reach *= 10
    return NO_HEAD
