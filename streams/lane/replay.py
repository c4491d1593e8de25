"""History decided again: each transaction of a lane from its journal entry and its inputs, in the very same batches.

Law of this module: it decides with the same code as the lane and compares nothing; that is for whoever calls it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from streams.lane.job import ControlView, Job
from streams.lane.merge import in_order
from streams.lane.privates import Record
from streams.lane.processor import DUE_BYTES, ERASED, NEVER, Batch, JournalEntry, Outcome
from streams.privacy.keys import BatchKeys, KeyRing


class Entries(Protocol):
    """Committed records of one lane: by topic, in offset order."""

    def __getitem__(self, topic: str) -> Sequence[Record]: ...


Timers = Callable[[list[bytes], JournalEntry], list[bytes]]
KEPT_CONTEXTS = 64
NO_ENTROPY = bytes(32)  # what is minted in a replay goes nowhere
NO_TIMER = NEVER.to_bytes(DUE_BYTES, "big")


class PlainStore:
    """The states of one lane, quick and large: history passes in fast motion, and one lane at a time is held."""

    def __init__(self) -> None:
        self.view: dict[bytes, bytes] = {}
        self._timers: list[tuple[bytes, bytes]] = []  # (due, key); one that no state has any more is skipped

    def apply(self, changed: Mapping[bytes, bytes | None]) -> None:
        view, timers = self.view, self._timers
        for key, packed in changed.items():
            if packed is None:
                view.pop(key, None)
                continue
            due, before = packed[:DUE_BYTES], view.get(key, NO_TIMER)[:DUE_BYTES]
            view[key] = packed
            if due not in (before, NO_TIMER):
                heappush(timers, (due, key))

    def due(self, now: int, limit: int) -> list[bytes]:
        """As the lane's store answers: the first `limit` due keys in the order (due, key); nothing changes."""
        end, timers, found = now.to_bytes(DUE_BYTES, "big"), self._timers, list[tuple[bytes, bytes]]()
        while timers and timers[0][0] <= end and len(found) < limit:
            timer = heappop(timers)
            if self.view.get(timer[1], NO_TIMER)[:DUE_BYTES] == timer[0] and (not found or found[-1] != timer):
                found.append(timer)
        for timer in found:
            heappush(timers, timer)
        return [key for _, key in found]


class Start(NamedTuple):
    """Where a replay begins: what a lane's changelog said at one time."""

    seq: int = 0  # of the first transaction that is decided again
    now: int = 0  # ms UTC: the clock of the one before it
    next: Mapping[str, int] = {}  # by input topic: where it goes on
    states: Mapping[bytes, bytes] = {}


BEGINNING = Start()


class Replayed(NamedTuple):
    """One transaction, decided again. `store` holds the states after it, and is the same object every time."""

    entry: JournalEntry
    batch: Batch
    outcome: Outcome
    store: PlainStore


class BrokenJournal(Exception):
    """A journal that cannot be: a gap, an overlap, or records that are not there."""


class Transaction(NamedTuple):
    """A journal entry, and the records that it names in the order in which they were decided."""

    entry: JournalEntry
    records: list[Record]


def replay(
    job: Job,
    journal: Iterable[JournalEntry],
    inputs: Mapping[str, Sequence[Record]],
    contexts: Contexts,
    start: Start = BEGINNING,
    keys: BatchKeys | None = None,
    timers: Timers | None = None,
) -> Iterator[Replayed]:
    """Decide one lane's history again, transaction by transaction.

    `journal` and `inputs` (by topic) are what read_committed consumers see, in offset order, of this lane from `start`
    on; what is older is left out. `keys` are those of the lane's leads that are there now. `timers` says which leads
    are due, of those that the states know, when some are gone from history. BrokenJournal when an entry does not
    follow the one before it.
    """
    store = PlainStore()
    store.apply(start.states)
    for entry, records in transactions(journal, inputs, start):
        due = store.due(entry.now, entry.due)
        if timers is not None:
            due = timers(due, entry)
        elif len(due) != entry.due:
            raise BrokenJournal(
                f"lane {entry.lane} seq {entry.seq}: expected {entry.due} due leads, got {len(due)}: this version of"
                " Leadlane, or what it was told, does not set the timers that were recorded"
            )
        batch = Batch(records, due, entry.now, entry.lane, entry.seq, keys)
        outcome = job.processor.process(store.view, batch, contexts.at(entry.control))
        store.apply(outcome.changed)
        yield Replayed(entry, batch, outcome, store)


def keys_for(job: Job, records: Iterable[Record]) -> BatchKeys | None:
    """All keys of a lane's leads, as the records of their topic say; None when nothing is sealed.

    A lane seals under a lead's own key from the first time on, so the keys of the end are those of every batch.
    """
    if job.sealed is None:
        return None
    ring = KeyRing(job.sealed.secrets)
    job.sealed.load(ring, ((record.key, record.value) for record in records))
    return BatchKeys(ring, NO_ENTROPY, is_complete=True)


def transactions(
    journal: Iterable[JournalEntry], inputs: Mapping[str, Sequence[Record]], start: Start = BEGINNING
) -> Iterator[Transaction]:
    """What each transaction of a lane took in. BrokenJournal where the journal and the inputs do not fit together."""
    seq, position = start.seq, dict(start.next)
    offsets = {topic: [record.offset for record in records] for topic, records in inputs.items()}
    for entry in journal:
        if entry.seq < start.seq:
            continue
        check_follows(entry, seq, position)
        records = records_of(entry, inputs, offsets)
        if len(records) != entry.records:
            raise BrokenJournal(
                f"lane {entry.lane} seq {entry.seq}: expected {entry.records} records, got {len(records)}; were inputs"
                " deleted by retention?"
            )
        position |= entry.next
        seq += entry.records + entry.due
        yield Transaction(entry, records)


def records_of(
    entry: JournalEntry, inputs: Mapping[str, Sequence[Record]], offsets: Mapping[str, Sequence[int]]
) -> list[Record]:
    """The records of a transaction, in the order in which they were decided. `offsets` of the inputs, by topic."""
    taken = {
        topic: inputs[topic][bisect_left(offsets[topic], first) : bisect_left(offsets[topic], entry.next[topic])]
        for topic, first in entry.first.items()
    }
    return in_order({topic: list(found) for topic, found in taken.items()}) if taken else []


def placed(due: list[bytes], entry: JournalEntry, numbers: Mapping[int, bytes]) -> list[bytes]:
    """The due leads of a transaction where they stood, with blanks for those of whom the states know nothing.

    `numbers` of the decisions that timers made say where. A timer without a decision may stand anywhere: nothing that
    was written names its number.
    """
    first = entry.seq + entry.records
    known = [numbers.get(first + place) for place in range(entry.due)]
    waiting, stood = set(due), {key for key in known if key is not None}
    others = iter([key for key in due if key not in stood])
    return [(key if key in waiting else ERASED) if key is not None else next(others, ERASED) for key in known]


def check_follows(entry: JournalEntry, seq: int, position: Mapping[str, int]) -> None:
    """BrokenJournal unless the entry begins where the ones before it ended."""
    begins = {topic: position.get(topic, first) for topic, first in entry.first.items()}
    if entry.seq != seq or entry.first != begins:
        raise BrokenJournal(
            f"lane {entry.lane}: expected seq {seq} at {begins}, got seq {entry.seq} at {dict(entry.first)}: "
            "a transaction is missing or was committed twice"
        )


class Contexts:
    """The context as it stood when the control topics stood at given offsets; history mostly asks forwards."""

    def __init__(self, job: Job, controls: Mapping[str, Sequence[Record]]) -> None:
        self._job, self.controls = job, controls
        self._built: OrderedDict[tuple[tuple[str, int], ...], object] = OrderedDict()
        self._view = View(controls)

    def at(self, offsets: Mapping[str, int]) -> object:
        key = tuple(sorted(offsets.items()))
        context = self._built.get(key)
        if context is None:
            context, problems = self._job.build(self._view.at(offsets))
            if context is None:
                raise BrokenJournal(f"no context at {dict(offsets)}: {problems}; were control records compacted away?")
            self._built[key] = context
            if len(self._built) > KEPT_CONTEXTS:  # a model that learns gives a new one every minute
                self._built.popitem(last=False)
        return context


class View:
    """The control topics as far as some offsets; what was read last is not read again."""

    def __init__(self, controls: Mapping[str, Sequence[Record]]) -> None:
        self._controls = controls
        self._records: dict[str, dict[bytes, bytes]] = {}
        self._taken: dict[str, int] = {}  # by topic: how many records
        self._offsets: dict[str, int] = {}

    def at(self, offsets: Mapping[str, int]) -> ControlView:
        """Good until the next call."""
        if any(end < self._offsets.get(topic, 0) for topic, end in offsets.items()) or self._offsets.keys() - offsets:
            self._records, self._taken = {}, {}
        self._offsets = dict(offsets)
        for topic, end in offsets.items():
            kept, recorded = self._records.setdefault(topic, {}), self._controls.get(topic, ())
            place = self._taken.get(topic, 0)
            while place < len(recorded) and recorded[place].offset < end:
                key, value = recorded[place].key or b"", recorded[place].value
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value
                place += 1
            self._taken[topic] = place
        return ControlView(self._records, self._offsets)
