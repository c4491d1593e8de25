"""Leads that were erased: what they sent before is not decided again, and what was decided of it is not compared.

Their keys are gone, so that nobody could decide it. Of each such lead, up to the transaction that erased it: its input
records become blanks (processor.ERASED), which the processor counts in their places; its timers become blanks, too; its
outputs are left out on both sides. A window of statistics in which it was counted is not comparable. What a lead of the
same id did after its erasure is decided and compared like all else, and so is everybody else's part.

In an exported history whose records of a lead were blanked (`leadlane forget --exports`), all of them are blanks.

Law of this module: whom the lanes erased is what `decisions` say, not what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from streams import topics
from streams.lane.job import Job
from streams.lane.privates import Record
from streams.lane.processor import ERASED, ERASURES, STATISTICS, Batch, JournalEntry, OutputRecord
from streams.lane.replay import placed, records_of
from streams.lane.statistics import WINDOW_MS
from streams.whatif.history import LaneHistory

REQUESTS = topics.ERASURES.name
MARK = f"{REQUESTS}-".encode()  # begins the ids of decisions that erased
TICK = b"lane.tick-"
NOT_COMPARED = frozenset({topics.RECEIPTS.name, topics.KEYS.name})  # a receipt counts what was there; keys have chance


class Cut(NamedTuple):
    """Where the part of a lead ends that is not decided again."""

    at: int  # clock of the transaction that erased it
    next: Mapping[str, int]  # by input topic: records before this offset are blanked


class Erased:
    """The erased leads of one lane's past."""

    def __init__(self, leads: Mapping[bytes, Cut], numbers: Mapping[int, bytes], records: int) -> None:
        self.leads = leads
        self.records = records  # inputs that became blanks
        self.windows: set[int] = set()  # starts of the windows of statistics that are not comparable
        self.is_blanked = records > 0 and not leads  # an exported history, without the requests
        self._numbers = numbers
        self._last = max((cut.at for cut in leads.values()), default=-1)

    def __bool__(self) -> bool:
        return bool(self.leads or self.records)

    def due(self, due: list[bytes], entry: JournalEntry) -> list[bytes]:
        """The timers of a transaction in their places, blanks where those of erased leads stood."""
        return placed(due, entry, self._numbers)

    def see(self, batch: Batch) -> None:
        """Note whether an erased lead was counted in this batch's window."""
        if batch.now <= self._last or self.records:
            touched = any(record.key == ERASED or record.topic == REQUESTS for record in batch.records)
            if touched or ERASED in batch.due:
                self.windows.add(batch.now - batch.now % WINDOW_MS)

    def outputs(self, topic: str, records: Sequence[OutputRecord], now: int) -> Sequence[OutputRecord]:
        """What was decided now, without what is not compared."""
        if topic in NOT_COMPARED:
            return ()
        if now > self._last:
            return records
        return [record for record in records if not self._is_left_out(record.key, now)]

    def recorded(self, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        """What was recorded, without what is not compared."""
        if topic in NOT_COMPARED:
            return ()
        return [record for record in records if not self._is_left_out(record.key, record.timestamp)]

    def is_comparable(self, key: bytes | None) -> bool:
        """Whether a window of statistics, named LANE/START/GROUP=VALUE, is one without erased leads."""
        start = (key or b"").split(b"/", 2)[1:2]
        return not (start and start[0].isdigit() and int(start[0]) in self.windows)

    def not_comparable(self, now: int) -> frozenset[bytes]:
        """The states that the lane keeps for itself and that differ without the erased leads, at the end of history."""
        kept = {STATISTICS} if now - now % WINDOW_MS in self.windows else set()
        return frozenset(kept | ({ERASURES} if self.is_blanked else set()))

    def _is_left_out(self, key: bytes | None, at: int) -> bool:
        if key == ERASED:
            return True
        cut = self.leads.get(key or b"")
        return cut is not None and at <= cut.at


NOBODY = Erased({}, {}, 0)


def without_erased(job: Job, past: LaneHistory) -> tuple[LaneHistory, Erased]:
    """The past with blanks for erased leads, and who they are. The same past when there is nobody."""
    if REQUESTS not in past.inputs:
        return past, NOBODY
    leads = _cuts(job, past) if past.inputs[REQUESTS] else {}
    if not leads and not any(record.key == ERASED for records in past.inputs.values() for record in records):
        return past, NOBODY
    inputs = {topic: _blanked(topic, records, leads) for topic, records in past.inputs.items()}
    count = sum(record.key == ERASED for records in inputs.values() for record in records)
    erased = Erased(leads, _named(past.outputs.get(topics.DECISIONS.name, ()), TICK), count)
    outputs = {topic: erased.recorded(topic, records) for topic, records in past.outputs.items()}
    states = {key: packed for key, packed in past.start.states.items() if key not in leads}
    return past._replace(inputs=inputs, outputs=outputs, start=past.start._replace(states=states)), erased


def _named(decisions: Iterable[Record], mark: bytes) -> dict[int, bytes]:
    """The number in its id -> lead, of all decisions whose id begins with `mark`: an offset, or a timer's number."""
    found: dict[int, bytes] = {}
    for record in decisions:
        name = next((value for header, value in record.headers if header == "ce_id"), b"")
        if name.startswith(mark) and record.key:
            found[int(name.partition(b"/")[0].rpartition(b"-")[2])] = record.key
    return found


def _cuts(job: Job, past: LaneHistory) -> dict[bytes, Cut]:
    """Where each lead was erased last, of those that were after the start."""
    done = _named(past.outputs.get(topics.DECISIONS.name, ()), MARK)
    offsets = {topic: [record.offset for record in records] for topic, records in past.inputs.items()}
    position, cuts = dict(past.start.next), dict[bytes, Cut]()
    for record in past.journal if done else ():
        entry = job.read_entry(record.value or b"")
        if entry.seq < past.start.seq:
            continue
        if REQUESTS in entry.first:
            before = position | entry.first
            for taken in records_of(entry, past.inputs, offsets):
                before[taken.topic] = taken.offset + 1
                if taken.topic == REQUESTS and (lead := done.get(taken.offset)) is not None:
                    cuts[lead] = Cut(entry.now, dict(before))
        position |= entry.next
    return cuts


def _blanked(topic: str, records: Sequence[Record], leads: Mapping[bytes, Cut]) -> Sequence[Record]:
    """Requests to erase stay: whom the lane remembers follows from them."""
    if topic == REQUESTS:
        return records
    return [
        blank(record) if (cut := leads.get(record.key or b"")) and record.offset < cut.next.get(topic, 0) else record
        for record in records
    ]


def blank(record: Record) -> Record:
    """What stands in the place of a record of an erased lead."""
    return Record(record.topic, record.partition, record.offset, record.timestamp, ERASED, None, ())
