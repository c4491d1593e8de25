"""The line between a lane and what it runs: a lane moves bytes, a processor decides what they mean.

Law of this module: a processor is synchronous and touches nothing. It may be called twice with the same arguments
(after an aborted transaction) and must answer the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from streams.privacy.keys import BatchKeys

Headers = Sequence[tuple[str, bytes]]
# Keys of the changelog that start with it are no leads: no event may have one. The lane keeps its position under
# POSITION, which no processor sees or writes; the processor may keep a state of its own under each of KEPT, which lies
# among the leads' states and has a timer like them.
RESERVED = b"\0"
POSITION = RESERVED + b"position"
STATISTICS = RESERVED + b"statistics"
ERASURES = RESERVED + b"erasures"
KEPT = (STATISTICS, ERASURES)
# What stands in the place of a lead that was erased, when history is decided again: key of records whose value is null,
# and of timers. A lane never sees it.
ERASED = RESERVED + b"erased"


class InputRecord(Protocol):
    """The part of a consumed record that a processor may read."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class OutputRecord(NamedTuple):
    """One record to send. A value of None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Outcome(NamedTuple):
    """What one batch means: all of it is committed in one transaction, or none of it."""

    outputs: dict[str, list[OutputRecord]]  # by topic; to the lane's own partition, but for Job.single
    changed: dict[bytes, bytes | None]  # packed state by key, of RESERVED only KEPT; None forgets the key
    counts: dict[str, int]  # for metrics, see streams/metrics.py
    happened: Mapping[str, int] = {}  # the same: what the decisions did, by the names of governance.stats


class Batch(NamedTuple):
    """One transaction's input, in the order in which it is decided."""

    records: Sequence[InputRecord]  # merged over the topics by (timestamp, topic, offset)
    due: Collection[bytes]  # keys whose timer is due at `now`: decided after the records, in this order
    now: int  # ms UTC: the lane's clock, recorded in lane.journal
    lane: int
    first_seq: int  # lane_seq of the first record of the batch
    keys: BatchKeys | None = None  # of the personal texts of its leads; None: nothing is sealed


class JournalEntry(NamedTuple):
    """One transaction of a lane: enough to decide it again in exactly the same batch (streams/lane/replay.py)."""

    lane: int
    seq: int  # lane_seq of the first decided item; the next entry starts at seq + records + due
    now: int  # ms UTC: the batch's clock
    first: dict[str, int]  # by input topic of this batch: the offset that it starts at ...
    next: dict[str, int]  # ... and the one that the next batch starts at
    records: int
    due: int
    control: dict[str, int]  # next offset by control topic: the context is built from what stands before it


ContextT = TypeVar("ContextT", contravariant=True)


class Processor(Protocol[ContextT]):
    """What a lane runs on each batch."""

    inputs: tuple[str, ...]

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: ContextT) -> Outcome: ...


# A packed state starts with the time at which its lead must be looked at without an event: 8 bytes, big-endian,
# ms UTC, 0 for never. The store reads only this; the rest belongs to the processor.
DUE_BYTES = 8
NEVER = 0


def due_at(packed: bytes) -> int:
    """When the lead is due, ms UTC; NEVER if it has no timer."""
    return int.from_bytes(packed[:DUE_BYTES], "big")
