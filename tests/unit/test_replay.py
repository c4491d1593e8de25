"""A journal that cannot be is refused; one that can is decided again to the same answer."""

from __future__ import annotations

import pytest

from streams.bench.tally import PACKED, tally_job
from streams.lane.privates import Record
from streams.lane.processor import JournalEntry, OutputRecord
from streams.lane.replay import BrokenJournal, Contexts, replay

JOB = tally_job(controls=("control",))
INPUTS = {"tally.in": [Record("tally.in", 0, offset, 100 + offset, b"k", b"later:5;x", ()) for offset in range(3)]}
CONTROLS = {
    "control": [
        Record("control", 0, 0, 0, b"prefix", b"old ", ()),
        Record("control", 0, 1, 0, b"prefix", b"new ", ()),
    ]
}
FIRST = JournalEntry(0, 0, 200, {"tally.in": 0}, {"tally.in": 2}, 2, 0, {"control": 1})
SECOND = JournalEntry(0, 2, 300, {"tally.in": 2}, {"tally.in": 3}, 1, 1, {"control": 2})


def test_each_transaction_is_decided_with_its_own_records_timers_and_context() -> None:
    outputs = [
        done.outcome.outputs["tally.out"] for done in replay(JOB, [FIRST, SECOND], INPUTS, Contexts(JOB, CONTROLS))
    ]
    assert outputs == [
        [OutputRecord(b"k", b"old 1 later:5;x"), OutputRecord(b"k", b"old 2 later:5;x")],
        [OutputRecord(b"k", b"new 3 later:5;x"), OutputRecord(b"k", b"new 3 due")],
    ]


def test_the_states_after_the_last_transaction_are_there() -> None:
    *_, last = replay(JOB, [FIRST, SECOND], INPUTS, Contexts(JOB, CONTROLS))
    assert [PACKED.unpack(state)[:2] for state in last.store.view.values()] == [(0, 3)]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(SECOND._replace(first={"tally.in": 1}, records=2), id="overlap"),
        pytest.param(SECOND._replace(first={"tally.in": 3}, records=0), id="gap"),
        pytest.param(SECOND._replace(seq=5), id="numbers missing"),
        pytest.param(SECOND._replace(records=2), id="records that are not there"),
        pytest.param(SECOND._replace(due=2), id="timers that are not there"),
    ],
)
def test_a_journal_that_cannot_be_is_refused(entry: JournalEntry) -> None:
    with pytest.raises(BrokenJournal):
        list(replay(JOB, [FIRST, entry], INPUTS, Contexts(JOB, CONTROLS)))


def test_contexts_are_those_of_their_offsets_in_whatever_order_they_are_asked_for() -> None:
    contexts = Contexts(JOB, CONTROLS)
    asked = [2, 1, 2, 1, 0, 2]
    assert [contexts.at({"control": offset}) for offset in asked] == [b"new ", b"old ", b"new ", b"old ", b"", b"new "]


def test_a_deleted_control_record_is_gone_from_then_on_and_few_contexts_are_kept() -> None:
    records = [Record("control", 0, n, 0, b"prefix", b"%d" % n if n % 2 else None, ()) for n in range(200)]
    contexts = Contexts(JOB, {"control": records})
    for offset in (*range(1, 201), *range(200, 0, -1)):
        expected = b"" if (offset - 1) % 2 == 0 else b"%d" % (offset - 1)
        assert contexts.at({"control": offset}) == expected
