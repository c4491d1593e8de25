"""One lane decided again under unchanged versions, compared byte for byte with what it wrote.

Compared are every output record of the window with its key, value, headers and timestamp, in its order; of a compacted
topic, and of the states, the last value of each key, where the window reaches the end of history. The journal must
cover every input once: no gap, no overlap, nothing left over.

The chain through the decisions (streams/lane/chain.py) is no part of what is decided: it is proved by itself.

A lane that goes on meanwhile is compared up to the last journal entry of when the replay began; its states, and
compacted topics, show what came after and are left out.

Law of this module: it knows bytes, not what they mean; streams/whatif/wrong.py decodes what it finds. With unchanged
versions all of FAULTS are 0, after whatever was done to the lanes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams import topics
from streams.lane.chain import NO_HEAD, Proof, head_in, without_heads
from streams.lane.job import Job
from streams.lane.privates import Record
from streams.lane.processor import ERASED, POSITION, JournalEntry, OutputRecord
from streams.lane.replay import BrokenJournal, Contexts, keys_for, replay
from streams.whatif.erased import Erased, without_erased
from streams.whatif.history import LaneHistory, key_topics
from streams.whatif.window import Window

Sent = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]  # key, value, headers, timestamp
EVERYTHING = Window()
FAULTS = (
    "broken_journals", "not_decided", "outputs_missing", "outputs_extra", "outputs_misplaced", "states_wrong",
    "chains_broken",
)  # fmt: skip
FIGURES = ("events", "transactions", "decisions", "erased", "windows_left_out", "lanes_at_work", *FAULTS)
SHOWN = 20  # output records of each kind that are kept to be shown, per lane
DECIDED = "/decided"  # end of the counts of what had an effect
LEFT_OUT = "/erased"  # ... and of what was not decided, as its lead was erased


class Head(msgspec.Struct):
    """The part of a lane's position that the ends of its journal and of its chain must agree with."""

    seq: int = 0
    chain: bytes = NO_HEAD


class LaneCheck(NamedTuple):
    """What became of a lane: the figures, and examples of what is wrong, as (topic, record)."""

    lane: int
    figures: dict[str, int]
    missing: list[tuple[str, Sent]]  # decided again, but not recorded
    extra: list[tuple[str, Sent]]  # recorded, but not decided again
    broken: str = ""  # why the journal cannot be decided again, or the chain does not hold


def check_lane(job: Job, past: LaneHistory, contexts: Contexts, window: Window = EVERYTHING) -> LaneCheck:
    """The figures of one lane; nothing after the window is decided."""
    journal = [job.read_entry(record.value or b"") for record in past.journal]
    whole = not journal or not window.over(journal[-1].now)
    window = window.after(past.start.now)
    figures: Counter[str] = Counter()
    kept = last_by_key((record.key, record.value) for record in past.state)
    packed = kept.pop(POSITION, None)
    position = msgspec.msgpack.decode(packed, type=Head) if packed else Head()
    if whole and journal and position.seq > _end(journal[-1]):
        # The lane has gone on since the replay began: what it wrote then is for the next one.
        whole, window = False, window._replace(until=journal[-1].now + 1)
        figures["lanes_at_work"] = 1
    unlinked, chain_fault = _unchained(job, past, position.chain if whole else NO_HEAD)
    figures["chains_broken"] = bool(chain_fault)
    past, erased = without_erased(job, past._replace(outputs={**past.outputs, **unlinked}))
    start = past.start
    tapes = {
        topic: tape_of(topic, window.part_of(records) if not _is_compacted(topic) else records, erased)
        for topic, records in past.outputs.items()
    }
    states: Mapping[bytes, bytes] = start.states
    keys = key_topics(job)
    after, after_at = dict(start.next), start.now
    try:
        opened, timers = keys_for(job, past.keys), erased.due if erased else None
        for done in replay(job, journal, past.inputs, contexts, start, opened, timers):
            entry, outcome = done.entry, done.outcome
            if window.over(entry.now):
                break
            after, after_at = after | entry.next, entry.now
            states = done.store.view
            begun = window.begun(entry.now)
            if erased:
                erased.see(done.batch)
            if begun:
                figures["transactions"] += 1
                figures["events"] += entry.records
                figures["decisions"] += sum(n for name, n in outcome.counts.items() if name.endswith(DECIDED))
                figures["erased"] += sum(n for name, n in outcome.counts.items() if name.endswith(LEFT_OUT))
            for topic, records in outcome.outputs.items():
                if topic in keys:  # what is there now is what is left of them
                    continue
                tape = tapes.get(topic)
                if tape is None:
                    tape = tapes[topic] = tape_of(topic, (), erased)
                if begun or _is_compacted(topic):
                    tape.compare(erased.outputs(topic, records, entry.now) if erased else records, entry.now)
    except BrokenJournal as error:
        return LaneCheck(past.lane, {**figures, "broken_journals": 1}, [], [], str(error))
    missing: list[tuple[str, Sent]] = []
    extra: list[tuple[str, Sent]] = []
    for topic, tape in tapes.items():
        if _is_compacted(topic) and not whole:
            continue
        tape.end(whole=start.seq == 0)
        figures.update(tape.figures)
        missing += [(topic, sent) for sent in tape.missing[:SHOWN]]
        extra += [(topic, sent) for sent in tape.extra[:SHOWN]]
    figures["windows_left_out"] = len(erased.windows)
    if whole:
        figures["not_decided"] = sum(
            record.offset >= after.get(topic, 0) for topic, records in past.inputs.items() for record in records
        )
        held = (states.keys() | kept.keys()) - erased.not_comparable(after_at)
        figures["states_wrong"] = sum(states.get(key) != kept.get(key) for key in held)
    return LaneCheck(past.lane, dict(figures), missing, extra, chain_fault)


def _end(entry: JournalEntry) -> int:
    """The running number after the last item of a transaction."""
    return entry.seq + entry.records + entry.due


def _unchained(job: Job, past: LaneHistory, head: bytes) -> tuple[dict[str, list[Record]], str]:
    """The chained output as it was decided, and what is wrong with its chain.

    `head`: what its end must agree with; NO_HEAD where history does not reach its end.
    """
    records = past.outputs.get(job.chained, ())
    proof = Proof(head)
    for record in records:
        proof.see(record.offset, record.value, head_in(record.headers), blanked=record.key == ERASED)
    proof.end()
    fault = f"{job.chained}[{past.lane}]@{proof.broken.offset} {proof.broken.what}" if proof.broken else ""
    return ({job.chained: without_heads(records)} if records else {}), fault


def differences(figures: Mapping[str, int]) -> int:
    """How many records and states are not as they were; 0 is what determinism means."""
    return sum(figures.get(fault, 0) for fault in FAULTS)


def _is_compacted(topic: str) -> bool:
    return topic in topics.TOPIC and topics.TOPIC[topic].compacted


def tape_of(topic: str, recorded: Sequence[Record], erased: Erased) -> Tape:
    """The way in which a topic is compared."""
    if _is_compacted(topic):
        return Last(topic, recorded)
    return Windows(topic, recorded, erased) if erased and topic == topics.STATS.name else Tape(topic, recorded)


class Tape:
    """What is recorded of one topic, held against what is decided again, record by record."""

    def __init__(self, topic: str, recorded: Sequence[Record]) -> None:
        self.topic, self._recorded, self._at = topic, recorded, 0
        self._wanted: list[Sent] = []  # from the first difference on: what follows is compared as a whole at the end
        self.figures: Counter[str] = Counter()
        self.missing: list[Sent] = []
        self.extra: list[Sent] = []

    def compare(self, records: Sequence[OutputRecord], now: int) -> None:
        """The next records that the lane must have written, at this time."""
        if self._wanted:
            self._wanted += [sent_from(record, now) for record in records]
            return
        recorded, at = self._recorded, self._at
        for number, (key, value, headers) in enumerate(records):
            found = recorded[at] if at < len(recorded) else None
            if (
                found is None or found.value != value or found.key != key or found.timestamp != now
                or found.headers != tuple(headers)
            ):  # fmt: skip
                self._at = at
                self._wanted += [sent_from(record, now) for record in records[number:]]
                return
            at += 1
        self._at = at

    def end(self, *, whole: bool) -> None:
        """Everything was decided: what is left over on either side. `whole`: from the beginning of history."""
        rest = [(r.key, r.value, tuple(r.headers), r.timestamp) for r in self._recorded[self._at :]]
        if rest == self._wanted:
            return
        want, have = Counter(self._wanted), Counter(rest)
        missing, extra = want - have, have - want
        self.missing, self.extra = list(missing), list(extra)
        self.figures["outputs_missing"], self.figures["outputs_extra"] = missing.total(), extra.total()
        if not missing and not extra:
            self.figures["outputs_misplaced"] = 1


class Windows(Tape):
    """Statistics: each record has a key of its own, and windows in which an erased lead was counted are left out."""

    def __init__(self, topic: str, recorded: Sequence[Record], erased: Erased) -> None:
        super().__init__(topic, recorded)
        self._erased = erased

    def compare(self, records: Sequence[OutputRecord], now: int) -> None:
        self._wanted += [sent_from(record, now) for record in records]

    def end(self, *, whole: bool) -> None:
        comparable = self._erased.is_comparable
        self._wanted = [sent for sent in self._wanted if comparable(sent[0])]
        self._recorded = [record for record in self._recorded if comparable(record.key)]
        super().end(whole=whole)


class Last(Tape):
    """A compacted topic: only the last record of each key counts."""

    def __init__(self, topic: str, recorded: Sequence[Record]) -> None:
        super().__init__(topic, recorded)
        self._latest: dict[bytes | None, tuple[bytes | None, int]] = {}

    def compare(self, records: Sequence[OutputRecord], now: int) -> None:
        for key, value, _ in records:
            self._latest[key] = value, now

    def end(self, *, whole: bool) -> None:
        want = {key or b"": value for key, (value, _) in self._latest.items() if value is not None}
        have = last_by_key((record.key, record.value) for record in self._recorded)
        known = want.keys() | have.keys() if whole else {key or b"" for key in self._latest}
        wrong = [key for key in known if want.get(key) != have.get(key)]
        self.figures["outputs_misplaced"] = len(wrong)
        self.missing = [(key, want[key], (), self._latest[key][1]) for key in wrong if key in want]
        self.extra = [(key, have[key], (), 0) for key in wrong if key in have]


def sent_from(record: OutputRecord, now: int) -> Sent:
    return record.key, record.value, tuple(record.headers), now


def last_by_key(pairs: Iterable[tuple[bytes | None, bytes | None]]) -> dict[bytes, bytes]:
    """What a compacted topic means."""
    kept: dict[bytes, bytes] = {}
    for key, value in pairs:
        if value is None:
            kept.pop(key or b"", None)
        else:
            kept[key or b""] = value
    return kept
