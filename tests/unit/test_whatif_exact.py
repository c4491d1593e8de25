"""Under unchanged versions nothing differs; whatever is tampered with is found, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.bench.past import PROCESSOR, simulated_history
from streams.commands.replay import replay
from streams.lane.privates import Record
from streams.lane.processor import POSITION
from streams.policy.faults import BadPolicy
from streams.whatif.change import Change
from streams.whatif.exact import EVERYTHING, FAULTS
from streams.whatif.folder import MANIFEST, Continued, FolderHistory, export, manifest_of
from streams.whatif.history import GivenHistory, LaneHistory, NoHistory
from streams.whatif.page import page
from streams.whatif.run import pipeline_job, replay_changed, replay_unchanged
from streams.whatif.story import Plan
from streams.whatif.terminal import at_work_text
from streams.whatif.window import Window

EVENTS, LANES = 1_500, 2
UNCHAINED = {"chains_broken": 1}  # the chain through the decisions says so too
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "replay.md"
SHIPPED = Path(__file__).parents[2] / "deploy" / "policy" / "default.yaml"


@cache
def history() -> GivenHistory:
    return simulated_history(EVENTS, 200, LANES)


def faults(found: GivenHistory, window: Window = EVERYTHING) -> dict[str, int]:
    done = replay_unchanged(found, window=window, processes=1)
    return {name: n for name, n in done.figures.items() if name in FAULTS and n}


def tampered(change: Callable[[LaneHistory], LaneHistory]) -> GivenHistory:
    """The history with its first lane changed."""
    first, *rest = history().pasts
    return GivenHistory((change(first), *rest), history().control_records)


def with_outputs(topic: str, change: Callable[[list[Record]], list[Record]]) -> GivenHistory:
    return tampered(lambda past: past._replace(outputs={**past.outputs, topic: change(list(past.outputs[topic]))}))


def altered(record: Record, **fields: Any) -> Record:
    kept = {name: getattr(record, name) for name in record.__struct_fields__}
    return Record(**{**kept, **fields})


def test_a_history_decides_itself_again_without_a_difference() -> None:
    done = replay_unchanged(history(), processes=1)
    assert (done.differences, done.wrong, done.lanes) == (0, (), LANES)
    assert done.figures["events"] == EVENTS
    assert done.figures["decisions"] == sum(len(past.outputs["decisions"]) for past in history().pasts)
    assert done.figures["transactions"] == sum(len(past.journal) for past in history().pasts)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda rows: rows[:-1], {"outputs_missing": 1, **UNCHAINED}, id="one is lost"),
        pytest.param(lambda rows: [*rows, rows[-1]], {"outputs_extra": 1, **UNCHAINED}, id="one is there twice"),
        pytest.param(
            lambda rows: [rows[1], rows[0], *rows[2:]], {"outputs_misplaced": 1, **UNCHAINED}, id="two are swapped"
        ),
        pytest.param(
            lambda rows: [altered(rows[0], value=rows[1].value), *rows[1:]],
            {"outputs_missing": 1, "outputs_extra": 1, **UNCHAINED},
            id="another value",
        ),
        pytest.param(
            lambda rows: [altered(rows[0], timestamp=rows[0].timestamp - 1), *rows[1:]],
            {"outputs_missing": 1, "outputs_extra": 1},
            id="another time",
        ),
    ],
)
def test_an_output_that_is_not_as_it_was_is_found(
    change: Callable[[list[Record]], list[Record]], expected: dict[str, int]
) -> None:
    assert faults(with_outputs("decisions", change)) == expected


def test_the_last_value_of_each_open_case_counts() -> None:
    def without_last(rows: list[Record]) -> list[Record]:
        key = next(row.key for row in reversed(rows) if row.value is not None)
        return [row for row in rows if row.key != key]

    assert faults(with_outputs("cases.open", lambda rows: rows[-1:] + rows)) == {}
    assert faults(with_outputs("cases.open", without_last)) == {"outputs_misplaced": 1}


def test_a_state_that_is_not_as_it_was_is_found() -> None:
    def swapped(past: LaneHistory) -> LaneHistory:
        at = next(n for n, row in reversed(list(enumerate(past.state))) if row.key != POSITION)
        state = [*past.state]
        state[at] = altered(state[at], value=(state[at].value or b"") + b"!")
        return past._replace(state=state)

    assert faults(tampered(swapped)) == {"states_wrong": 1}


def test_an_input_that_no_transaction_took_is_found() -> None:
    def one_more(past: LaneHistory) -> LaneHistory:
        rows = past.inputs["signals.scores"]
        more = altered(rows[-1], offset=rows[-1].offset + 1)
        return past._replace(inputs={**past.inputs, "signals.scores": [*rows, more]})

    assert faults(tampered(one_more)) == {"not_decided": 1}


def test_a_lost_journal_entry_and_lost_inputs_break_the_journal() -> None:
    assert faults(tampered(lambda past: past._replace(journal=past.journal[1:]))) == {"broken_journals": 1}
    no_scores = {"signals.scores": ()}
    lost = replay_unchanged(tampered(lambda past: past._replace(inputs={**past.inputs, **no_scores})), processes=1)
    assert lost.differences == 1
    assert "were inputs deleted by retention?" in lost.wrong[0].broken


def test_a_lane_that_goes_on_while_it_is_read_is_compared_up_to_where_its_journal_was_read() -> None:
    going_on = tampered(lambda past: past._replace(journal=past.journal[:-1]))
    assert faults(going_on) == {}
    done = replay_unchanged(going_on, processes=1)
    assert (done.figures["lanes_at_work"], done.wrong) == (1, ())
    assert at_work_text(done.figures).startswith("1 lane went on meanwhile")
    assert at_work_text(replay_unchanged(history(), processes=1).figures) == ""

    def without_the_first(past: LaneHistory) -> LaneHistory:
        return past._replace(journal=past.journal[:-1], outputs={**past.outputs, "leads.routed": routed[1:]})

    routed = history().pasts[0].outputs["leads.routed"]
    assert faults(tampered(without_the_first)) == {"outputs_missing": 1}


def test_a_window_looks_at_its_own_outputs_alone() -> None:
    past = history().pasts[0]
    middle = past.journal[len(past.journal) // 2].timestamp
    damaged = with_outputs("decisions", lambda rows: rows[1:])
    assert faults(damaged, Window(since=middle)) == {}
    assert faults(damaged, Window(until=middle)) == {"outputs_missing": 1}
    whole, early, late = (
        replay_unchanged(history(), window=each, processes=1).figures["events"]
        for each in (Window(), Window(until=middle), Window(since=middle))
    )
    assert whole == early + late
    assert early > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("history")
    export(history(), pipeline_job(LANES), PROCESSOR, made)
    return made


def test_an_exported_history_is_read_as_it_was(folder: Path) -> None:
    job, read = pipeline_job(LANES), FolderHistory(str(folder))
    assert read.lanes(job) == LANES
    assert read.controls(job) == history().control_records
    for number in range(LANES):
        found, past = read.lane(job, number), history().pasts[number]
        assert (found.journal, found.inputs, found.state) == (past.journal, past.inputs, past.state)
        for topic, records in found.outputs.items():
            assert [(r.key, r.value, r.timestamp) for r in records] == [
                (r.key, r.value, r.timestamp) for r in past.outputs.get(topic, ())
            ]


def test_a_folder_that_is_not_a_whole_history_is_refused(folder: Path, tmp_path: Path) -> None:
    job = pipeline_job(LANES)
    with pytest.raises(NoHistory, match="expected an empty or a new folder"):
        export(history(), job, PROCESSOR, folder)
    with pytest.raises(NoHistory, match=r"history\.json: expected the manifest of an exported history"):
        FolderHistory(str(tmp_path)).lanes(job)
    copy = tmp_path / "copy"
    export(history(), job, PROCESSOR, copy)
    file = copy / "decisions" / "0.zst"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(NoHistory, match=r"decisions/0\.zst: expected \d+ bytes .* was changed or is not whole"):
        FolderHistory(str(copy)).lane(job, 0)
    (copy / MANIFEST).write_text((copy / MANIFEST).read_text().replace('"format": 1', '"format": 7'))
    with pytest.raises(NoHistory, match="format is 7, expected 1"):
        manifest_of(copy)


def cut_in_the_middle(past: LaneHistory) -> tuple[LaneHistory, LaneHistory]:
    """The states as they stood in the middle of a lane, and the lane without what is older."""
    middle = len(past.journal) // 2
    at = [number for number, row in enumerate(past.state) if row.key == POSITION][middle - 1] + 1
    (entry,) = (pipeline_job(LANES).read_entry(past.journal[middle].value or b""),)
    first = {topic: entry.next[topic] for topic in entry.next} | entry.first
    inputs = {topic: [r for r in rows if r.offset >= first.get(topic, 0)] for topic, rows in past.inputs.items()}
    return past._replace(state=past.state[:at]), past._replace(journal=past.journal[middle:], inputs=inputs)


def test_a_replay_begins_from_states_that_were_exported_before(tmp_path: Path) -> None:
    job = pipeline_job(LANES)
    before, later = zip(*(cut_in_the_middle(past) for past in history().pasts), strict=True)
    controls = history().control_records
    export(GivenHistory(before, controls), job, PROCESSOR, tmp_path / "base", only_states=True)
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == [MANIFEST, "lane.state"]
    rest = Continued(GivenHistory(later, controls), FolderHistory(str(tmp_path / "base")))
    done = replay_unchanged(rest, processes=1)
    assert (done.differences, done.wrong) == (0, ())
    entries = [job.read_entry(row.value or b"") for past in later for row in past.journal]
    assert done.figures["events"] == sum(entry.records for entry in entries)
    assert replay_unchanged(GivenHistory(later, controls), processes=1).figures["broken_journals"] == LANES

    plan = Plan(Change(SHIPPED.read_text().replace("warm_score: 50\n", "warm_score: 56\n"), "x"), Window())
    tried = replay_changed(rest, plan, processes=1).summary
    assert tried["events"] == done.figures["events"]
    assert tried["tiers"]["moved"] > 0
    damaged = [past._replace(outputs={**past.outputs, "decisions": past.outputs["decisions"][:-1]}) for past in later]
    short = Continued(GivenHistory(tuple(damaged), controls), rest.base)
    assert replay_unchanged(short, processes=1).figures["outputs_missing"] == LANES


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        replay, ["--history", str(folder), "--processes", "1", *arguments], catch_exceptions=False
    )
    return done.exit_code, done.stdout


def test_the_command_counts_and_exits_with_0_when_nothing_differs(folder: Path) -> None:
    code, text = run(folder)
    assert code == 0
    assert text.startswith("1,500 events, ")
    assert "differences: 0" in text


def test_the_command_says_what_differs_field_by_field_and_exits_with_1(tmp_path: Path) -> None:
    damaged = with_outputs("leads.routed", lambda rows: [altered(rows[0], value=rows[1].value), *rows[1:]])
    export(damaged, pipeline_job(LANES), PROCESSOR, tmp_path / "h")
    code, text = run(tmp_path / "h", "--json")
    assert code == 1
    found = json.loads(text)
    assert found["differences"] == 2
    (lane,) = found["wrong"]
    (example,) = lane["examples"]
    assert (lane["lane"], example["topic"]) == (0, "leads.routed")
    assert example["fields"]["lead_id"]["now"] != example["fields"]["lead_id"]["recorded"]


def test_every_key_of_the_json_output_is_documented_and_the_page_needs_nothing_from_outside(
    folder: Path, tmp_path: Path
) -> None:
    text = DOCS.read_text()
    tried = tmp_path / "tried.yaml"
    tried.write_text(SHIPPED.read_text().replace("hot_score: 80\n", "hot_score: 70\n"))
    for arguments in ((), ("--policy", str(tried)), ("--model", "rules")):
        code, output = run(folder, "--json", "--html", str(tmp_path / "page.html"), *arguments)
        assert code == 0
        found = json.loads(output)
        assert [key for key in found if f"`{key}`" not in text] == []
        html = (tmp_path / "page.html").read_text()
        assert html == page(found)
        assert "http" not in html
        assert "<script" not in html
        assert " src=" not in html
        for one in (one for kept in found.get("examples", {}).values() for one in kept):
            assert one["decision_id"] in html


def test_a_page_that_cannot_be_written_is_said_before_the_work(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, ["--history", str(folder), "--html", str(tmp_path / "missing" / "page.html")])
    assert done.exit_code == 2
    assert "expected a file in a folder that exists" in done.stderr


def test_what_comes_from_history_is_text_on_the_page() -> None:
    wrong = {"lane": 0, "broken": "<b>broken</b>", "figures": {}, "examples": []}
    summary = {
        "mode": "unchanged", "differences": 1, "events": 1, "decisions": 1, "transactions": 1, "lanes": 1,
        "from": None, "to": None, "wrong": [wrong],
    }  # fmt: skip
    assert "&lt;b&gt;broken&lt;/b&gt;" in page(summary)


def test_a_policy_with_faults_and_an_unknown_model_are_refused_before_anything_is_decided(
    folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SHIPPED.read_text().replace("hot_score: 80", "hot_score: high"))
    with pytest.raises(BadPolicy, match=r"values\.hot_score"):
        run(folder, "--policy", str(bad))
    with pytest.raises(NoHistory, match=r"--model online-7: expected a version on control\.models"):
        run(folder, "--model", "online-7")
