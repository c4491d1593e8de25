"""A history with erased leads in its middle: they are left out, everybody else is decided again as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

from streams.bench.past import Control, Written, decided, policy_controls, written
from streams.core.events import ErasureRequest
from streams.demo.simulator import START_AT, traffic
from streams.demo.stage import control_records
from streams.kafka.codec import event_headers, wire_for
from streams.lane.chain import HEADER
from streams.lane.privates import Record
from streams.lane.processor import ERASED, POSITION
from streams.settings import load_settings
from streams.shipped import default_policy
from streams.whatif.change import Change
from streams.whatif.exact import FAULTS
from streams.whatif.folder import Continued, FolderHistory, export
from streams.whatif.history import GivenHistory, History, LaneHistory
from streams.whatif.run import PIPELINE, Unchanged, pipeline_job, replay_changed, replay_unchanged
from streams.whatif.story import Plan
from streams.whatif.window import Window

EVENTS, LEADS, LANES = 2_000, 60, 2
MIDDLE = EVENTS // 2
DAY = 86_400_000
UNREADABLE = b"\0\0\0\0\0sealed under a key that is gone"


@cache
def traffic_written() -> tuple[Written, ...]:
    return tuple(written(traffic(1, EVENTS, LEADS)))


@cache
def gone() -> tuple[bytes, ...]:
    """Leads of whom much came before the middle, and something afterwards."""
    before = Counter(one.key for one in traffic_written()[:MIDDLE] if one.key)
    after = Counter(one.key for one in traffic_written()[MIDDLE:] if one.key)
    return tuple(lead for lead, _ in before.most_common() if after[lead] > 2)[:5]


@cache
def history(batch: int = 40) -> GivenHistory:
    """Two requests for the first lead, and one for each other."""
    wire = wire_for(load_settings())
    rows = list(traffic_written())
    for place, lead in ((MIDDLE // 2, gone()[0]), *((MIDDLE, lead) for lead in gone())):
        at = rows[place].at
        request = ErasureRequest(
            event_id=f"forget-{place}-{lead.decode()}", lead_id=lead.decode(), occurred_at=at, source="leadlane",
            actor="ana", reason="asked by letter",
        )  # fmt: skip
        rows.insert(place, Written("privacy.requests", lead, wire.encode(request), event_headers(request), at))
    return decided(rows, the_controls(), LANES, batch)


def the_controls() -> list[Control]:
    at = START_AT - 1_000
    controls = [*policy_controls(default_policy().read_text(), at)]
    return controls + [Control(topic, key, record, at) for topic, key, record in control_records(at)]


def changed(change: Callable[[LaneHistory], LaneHistory], found: GivenHistory) -> GivenHistory:
    return GivenHistory(tuple(change(past) for past in found.pasts), found.control_records)


def without_what_they_sent(past: LaneHistory) -> LaneHistory:
    """What nobody can read any more: all that the leads sent before their erasure."""
    middle = next((one.timestamp for one in reversed(past.inputs["privacy.requests"])), 0)

    def unreadable(record: Record) -> Record:
        is_gone = record.topic != "privacy.requests" and record.key in gone() and record.timestamp <= middle
        return altered(record, value=UNREADABLE) if is_gone else record

    return past._replace(inputs={topic: [unreadable(one) for one in rows] for topic, rows in past.inputs.items()})


def altered(record: Record, **fields: object) -> Record:
    kept = {name: getattr(record, name) for name in record.__struct_fields__}
    return Record(**{**kept, **fields})


def as_after_ten_transactions(past: LaneHistory) -> LaneHistory:
    ends = [number for number, record in enumerate(past.state, 1) if record.key == POSITION]
    return past._replace(state=past.state[: ends[9]])


def replayed(found: History) -> Unchanged:
    return replay_unchanged(found, processes=1)


def faults(done: Unchanged) -> dict[str, int]:
    return {name: done.figures[name] for name in FAULTS if done.figures[name]}


def test_nobody_else_differs_though_nothing_of_the_erased_can_be_decided() -> None:
    done = replayed(changed(without_what_they_sent, history()))
    assert faults(done) == {}
    sent = sum(one.key in gone() for one in traffic_written()[:MIDDLE])
    assert done.figures["erased"] >= sent
    assert 0 < done.figures["windows_left_out"] < 400


def test_what_a_lead_of_the_same_id_did_afterwards_is_compared() -> None:
    def without_the_last(past: LaneHistory) -> LaneHistory:
        rows = list(past.outputs["leads.scores"])
        last = next((one for one in reversed(rows) if one.key in gone()), None)
        return past._replace(outputs={**past.outputs, "leads.scores": [one for one in rows if one is not last]})

    done = replayed(changed(without_the_last, changed(without_what_they_sent, history())))
    assert set(faults(done)) == {"outputs_missing"}


def test_what_differs_of_somebody_else_is_found_all_the_same() -> None:
    def without_one(past: LaneHistory) -> LaneHistory:
        rows = list(past.outputs["leads.routed"])
        one = next(one for one in rows if one.key not in gone())
        return past._replace(outputs={**past.outputs, "leads.routed": [other for other in rows if other is not one]})

    done = replayed(changed(without_one, history()))
    assert faults(done) == {"outputs_missing": LANES}


def test_records_that_an_export_has_blanked_are_blanks_to_the_end() -> None:
    def blanked(past: LaneHistory) -> LaneHistory:
        def empty(record: Record) -> Record:
            if record.key not in gone():
                return record
            return altered(record, key=ERASED, value=None, headers=tuple(h for h in record.headers if h[0] == HEADER))

        open_cases = {case for rows in [past.outputs["cases.open"]] for case in (one.key for one in rows)}
        theirs = {
            key for key in open_cases if any(lead in (one.value or b"") for one in past.outputs["cases.open"]
            if one.key == key for lead in gone())
        }  # fmt: skip
        outputs = {topic: [empty(one) for one in rows] for topic, rows in past.outputs.items()}
        outputs["cases.open"] = [one for one in past.outputs["cases.open"] if one.key not in theirs]
        outputs["privacy.receipts"] = []
        inputs = {topic: [empty(one) for one in rows] for topic, rows in past.inputs.items()}
        state = [one for one in past.state if one.key not in gone()]
        return past._replace(inputs=inputs, outputs=outputs, state=state)

    done = replayed(changed(blanked, history()))
    assert faults(done) == {}
    assert done.figures["erased"] >= sum(one.key in gone() for one in traffic_written())


def test_a_window_before_the_erasure_or_after_it_differs_in_nothing_either() -> None:
    found = changed(without_what_they_sent, history())
    middle = traffic_written()[MIDDLE].at
    for window in (Window(until=middle - 1), Window(since=middle - 1), Window(middle - DAY, middle + DAY)):
        done = replay_unchanged(found, window=window, processes=1)
        assert faults(done) == {}, window
        assert done.figures["events"] > 0


def test_a_history_that_goes_on_from_exported_states_leaves_them_out_too(tmp_path: Path) -> None:
    """The states still hold the leads: they were exported before the erasure."""
    export(
        changed(as_after_ten_transactions, history()),
        pipeline_job(LANES),
        PIPELINE,
        tmp_path / "states",
        only_states=True,
    )
    whole = changed(without_what_they_sent, history())
    base = FolderHistory(str(tmp_path / "states"))
    assert any(lead in base.start(pipeline_job(LANES), lane).states for lane in range(LANES) for lead in gone())
    assert faults(replayed(Continued(whole, base))) == {}


def test_a_what_if_leaves_them_out_too() -> None:
    tried = replay_changed(changed(without_what_they_sent, history()), Plan(Change(), Window()), processes=1)
    assert tried.differences == 0
    assert tried.summary["erased"] > 0


def test_a_replay_of_small_batches_puts_timers_where_they_stood() -> None:
    assert faults(replayed(changed(without_what_they_sent, history(batch=7)))) == {}
