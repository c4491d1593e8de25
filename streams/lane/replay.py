"""History decided again: each transaction of a lane from its journal entry and its inputs, in the very same batches.

Law of this module: it decides with the same code as the lane and compares nothing; that is for whoever calls it.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from streams.lane.job import ControlView, Job
from streams.lane.merge import in_order
from streams.lane.privates import Record
from streams.lane.processor import Batch, JournalEntry, Outcome
from streams.lane.store import DictStore


class Entries(Protocol):
    """Committed records of one lane: by topic, in offset order."""

    def __getitem__(self, topic: str) -> Sequence[Record]: ...


class Replayed(NamedTuple):
    """One transaction, decided again. `store` holds the states after it, and is the same object every time."""

    entry: JournalEntry
    batch: Batch
    outcome: Outcome
    store: DictStore


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
) -> Iterator[Replayed]:
    """Decide one lane's history again, transaction by transaction.

    `journal` and `inputs` (by topic) are what read_committed consumers see, in offset order, of this lane from the
    beginning. BrokenJournal when an entry does not follow the one before it.
    """
    store = DictStore(recent_leads=sys.maxsize)  # a replay holds one lane at a time and need not compress its leads
    for entry, records in transactions(journal, inputs):
        due = store.due(entry.now, entry.due)
        if len(due) != entry.due:
            raise BrokenJournal(
                f"lane {entry.lane} seq {entry.seq}: expected {entry.due} due leads, got {len(due)}: this version of"
                " Leadlane, or what it was told, does not set the timers that were recorded"
            )
        batch = Batch(records, due, entry.now, entry.lane, entry.seq)
        outcome = job.processor.process(store.view, batch, contexts.at(entry.control))
        store.apply(outcome.changed)
        yield Replayed(entry, batch, outcome, store)


def transactions(
    journal: Iterable[JournalEntry], inputs: Mapping[str, Sequence[Record]]
) -> Iterator[Transaction]:
    """What each transaction of a lane took in. BrokenJournal where the journal and the inputs do not fit together."""
    seq = 0
    position: dict[str, int] = {}
    offsets = {topic: [record.offset for record in records] for topic, records in inputs.items()}
    for entry in journal:
        check_follows(entry, seq, position)
        taken = {
            topic: inputs[topic][bisect_left(offsets[topic], first) : bisect_left(offsets[topic], entry.next[topic])]
            for topic, first in entry.first.items()
        }
        records = in_order({topic: list(found) for topic, found in taken.items()}) if taken else []
        if len(records) != entry.records:
            raise BrokenJournal(
                f"lane {entry.lane} seq {entry.seq}: expected {entry.records} records, got {len(records)}; were inputs"
                " deleted by retention?"
            )
        position |= entry.next
        seq += entry.records + entry.due
        yield Transaction(entry, records)


def check_follows(entry: JournalEntry, seq: int, position: Mapping[str, int]) -> None:
    """BrokenJournal unless the entry begins where the ones before it ended."""
    begins = {topic: position.get(topic, first) for topic, first in entry.first.items()}
    if entry.seq != seq or entry.first != begins:
        raise BrokenJournal(
            f"lane {entry.lane}: expected seq {seq} at {begins}, got seq {entry.seq} at {dict(entry.first)}: "
            "a transaction is missing or was committed twice"
        )


class Contexts:
    """The context as it stood when the control topics stood at given offsets."""

    def __init__(self, job: Job, controls: Mapping[str, Sequence[Record]]) -> None:
        self._job, self._controls = job, controls
        self._built: dict[tuple[tuple[str, int], ...], object] = {}

    def at(self, offsets: Mapping[str, int]) -> object:
        key = tuple(sorted(offsets.items()))
        if key not in self._built:
            context, problems = self._job.build(view_at(self._controls, offsets))
            if context is None:
                raise BrokenJournal(f"no context at {dict(offsets)}: {problems}; were control records compacted away?")
            self._built[key] = context
        return self._built[key]


def view_at(controls: Mapping[str, Sequence[Record]], offsets: Mapping[str, int]) -> ControlView:
    """The control topics as far as these offsets."""
    records: dict[str, dict[bytes, bytes]] = {}
    for topic, end in offsets.items():
        kept = records.setdefault(topic, {})
        for record in controls.get(topic, ()):
            if record.offset >= end:
                break
            if record.value is None:
                kept.pop(record.key or b"", None)
            else:
                kept[record.key or b""] = record.value
    return ControlView(records, dict(offsets))
