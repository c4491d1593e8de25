"""A backtest predicts before it learns, counts every row, and reads anybody's CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from streams.commands.backtest import backtest
from streams.feed.learning import Example, Examples, number_in
from streams.feed.mapping import BadMapping, LearningMapping, Mapping, load_learning_mapping, load_mapping
from streams.feed.plan import RowFault
from streams.feed.rows import CsvFile
from streams.lab.backtest import History, run, summary
from streams.lab.learner import Learner
from tests.leadstream import Lead, leads

ROOT = Path(__file__).parents[2]
UCI_MAPPING = ROOT / "docs/examples/uci-bank-marketing.yaml"
SLIM = {"learning": {"label": {"column": "won", "positive": ["yes"]}}}
KEYS = ["rows", "positives", "auc", "lift_at_10", "precision_at_10", "log_loss", "ece", "rows_per_second",
        "dropped_leaky_features"]  # fmt: skip


def written(folder: Path, mapping: Any, rows: list[list[str]], delimiter: str = ",") -> tuple[Path, Path]:
    csv_path, mapping_path = folder / "export.csv", folder / "mapping.yaml"
    with csv_path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    mapping_path.write_text(yaml.safe_dump(mapping))
    return csv_path, mapping_path


def exported(count: int, **columns: Any) -> list[list[str]]:
    """Leads as the rows of a file."""
    names = ["age", "amount", "origin", "company", "id"]
    rows = [[*names, *columns, "won"]]
    for features, label in leads(count):
        extra = [str(make(label)) for make in columns.values()]
        rows.append([*(str(features.get(name, "")) for name in names), *extra, "yes" if label else "no"])
    return rows


def called(csv_path: Path, mapping_path: Path, *options: str) -> Result:
    return CliRunner().invoke(backtest, ["--csv", str(csv_path), "--mapping", str(mapping_path), *options])


def ticks() -> Any:
    """A clock that a test moves by reading it."""
    now = iter(range(10_000_000))
    return lambda: float(next(now))


@pytest.mark.parametrize("delay", [0, 1, 25])
def test_each_row_is_predicted_before_its_label_is_learned_so_many_rows_later(delay: int) -> None:
    rows: list[Lead] = list(leads(300))
    history = run(rows, delay, ticks())
    for at in (0, delay, delay + 1, 150, 299):
        learner = Learner()
        for features, label in rows[: max(at - delay, 0)]:
            learner.learn(features, label)
        assert history.probabilities[at] == learner.predict(rows[at][0])


def test_a_row_without_a_label_is_predicted_and_never_learned() -> None:
    rows: list[tuple[Any, bool | None]] = [(features, label) for features, label in leads(200)]
    with_gaps = [row if at % 3 else (row[0], None) for at, row in enumerate(rows)]
    history = run(with_gaps, 0, ticks())
    assert (len(history.labels), history.unlabelled) == (200, 67)
    assert history.learner.examples == 132  # that of the last row would come before the next
    assert summary(history)["all"]["rows"] == 133


def test_halves_are_halves_of_the_rows_and_speed_is_rows_over_time() -> None:
    history = run(list(leads(1024)), 0, ticks())
    found = summary(history)
    assert list(found) == ["second_half", "all"]
    assert list(found["all"]) == KEYS
    assert (found["second_half"]["rows"], found["all"]["rows"]) == (512, 1024)
    assert history.clock.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert history.seconds == 5.0
    assert found["all"]["rows_per_second"] == round(1024 / 5, 1)
    assert found["second_half"]["rows_per_second"] == round(512 / 3, 1)


def test_no_rows_are_no_figures() -> None:
    found = summary(run([], 0, ticks()))
    assert found["all"] == {**dict.fromkeys(KEYS), "rows": 0, "positives": 0, "rows_per_second": 0.0,
                            "dropped_leaky_features": []}  # fmt: skip
    assert History().chunks() == []


def test_five_lines_of_mapping_are_enough(tmp_path: Path) -> None:
    done = called(*written(tmp_path, SLIM, exported(2000)), "--json")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)["second_half"]
    assert figures["rows"] == 1000
    assert figures["auc"] > 0.65
    assert figures["dropped_leaky_features"] == []


def test_the_same_file_gives_the_same_figures(tmp_path: Path) -> None:
    paths = written(tmp_path, SLIM, exported(500))
    one, two = (json.loads(called(*paths, "--json").stdout)["all"] for _ in range(2))
    assert {**one, "rows_per_second": 0} == {**two, "rows_per_second": 0}


def test_what_gives_the_answer_away_is_named(tmp_path: Path) -> None:
    rows = exported(1000, stage=lambda label: "closed won" if label else "open")
    paths = written(tmp_path, SLIM, rows)
    assert json.loads(called(*paths, "--json").stdout)["all"]["dropped_leaky_features"] == ["stage"]
    table = called(*paths).stdout
    assert "stage gives the answer away (alone it has AUC 1.000)" in table.replace("\n", " ")


def test_rows_that_cannot_be_read_are_counted_and_said(tmp_path: Path) -> None:
    rows = exported(100)
    rows[5], rows[9] = rows[5][:2], [*rows[9], "too", "many"]
    done = called(*written(tmp_path, SLIM, rows), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["all"]["rows"] == 98
    assert "line 6: row: 2 cells, expected 6 as in the header" in done.stderr
    assert "2 rows were left out: neither predicted nor learned." in done.stderr


def test_a_file_without_any_label_says_what_to_do(tmp_path: Path) -> None:
    rows = exported(10)
    done = called(*written(tmp_path, SLIM, [rows[0], *([*row[:-1], ""] for row in rows[1:])]))
    assert "expected rows with a label in 'won', got none in 10 rows" in str(done.exception)


def test_a_label_that_never_is_positive_is_said_with_what_the_file_holds(tmp_path: Path) -> None:
    mapping = {"learning": {"label": {"column": "won", "positive": ["Yes"]}}}
    done = called(*written(tmp_path, mapping, exported(60)), "--json")
    assert done.exit_code == 0
    assert "No row is positive: 'won' holds 'no', 'yes'. Check learning.label." in done.stderr
    assert json.loads(done.stdout)["all"]["auc"] is None


def test_a_label_of_numbers_need_not_be_quoted(tmp_path: Path) -> None:
    rows = [["a", "won"], ["1", "1"], ["1", "0"]]
    mapping = {"learning": {"label": {"column": "won", "positive": [1], "negative": [0]}}}
    assert [item.label for item in examples_of(tmp_path, mapping, rows) if isinstance(item, Example)] == [True, False]


def test_only_the_first_rows_are_read_on_request(tmp_path: Path) -> None:
    done = called(*written(tmp_path, SLIM, exported(300)), "--json", "--limit", "120")
    assert json.loads(done.stdout)["all"]["rows"] == 120


def test_the_report_is_one_file_that_loads_nothing(tmp_path: Path) -> None:
    rows = exported(900, stage=lambda label: "<won>" if label else "open")
    done = called(*written(tmp_path, SLIM, rows), "--label-delay", "50", "--html", str(tmp_path / "report.html"))
    assert done.exit_code == 0, done.output
    html = (tmp_path / "report.html").read_text()
    assert "900 rows in their order, each predicted before its label (won) was learned, 50 rows later." in html
    assert html.count("<svg") == 7
    assert "What was left out" in html
    assert ">stage<" in html
    for outside in ("http", "<script", "<link", "url(", " src="):
        assert outside not in html.replace("url(#", "")


def test_a_report_that_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    done = called(*written(tmp_path, SLIM, exported(5)), "--html", str(tmp_path / "missing" / "report.html"))
    assert done.exit_code == 2
    assert "expected a file in a folder that exists" in done.stderr


def examples_of(folder: Path, mapping: Any, rows: list[list[str]], delimiter: str = ",") -> list[Example | RowFault]:
    csv_path, mapping_path = written(folder, mapping, rows, delimiter)
    read = load_learning_mapping(mapping_path)
    file = CsvFile(csv_path, read.file)
    return list(Examples(read, file.header, file.delimiter).read(file.rows()))


def test_columns_find_their_own_type(tmp_path: Path) -> None:
    rows = [
        ["age", "zip", "share", "name", "won"],
        ["40", "01067", "12%", " Ann ", "yes"],
        ["", "80331", "$1,200.50", "n/a", "no"],
        ["4e1", "x", "-3", "1_000", ""],
    ]
    mapping = {**SLIM, "null_values": ["", "n/a"]}
    assert examples_of(tmp_path, mapping, rows) == [
        Example({"age": 40.0, "zip": "01067", "share": 12.0, "name": "Ann"}, True),
        Example({"zip": 80331.0, "share": 1200.5}, False),
        Example({"age": 40.0, "zip": "x", "share": -3.0, "name": "1_000"}, None),
    ]


def test_types_may_be_stated_and_columns_dropped(tmp_path: Path) -> None:
    rows = [["zip", "age", "secret", "won"], ["80331", "40", "1", "yes"], ["1", "old", "1", "no"]]
    learning = {**SLIM["learning"], "categorical": ["zip"], "numeric": ["age"], "drop": ["secret"]}
    assert examples_of(tmp_path, {"learning": learning}, rows) == [
        Example({"zip": "80331", "age": 40.0}, True),
        RowFault(3, "age", "", "'old' is not a number"),
    ]


def test_labels_that_are_neither_positive_nor_negative_are_faults_when_both_are_stated(tmp_path: Path) -> None:
    rows = [["a", "won"], ["1", "yes"], ["1", "no"], ["1", "maybe"]]
    mapping = {"learning": {"label": {"column": "won", "positive": ["yes"], "negative": ["no"]}}}
    found = examples_of(tmp_path, mapping, rows)
    assert [item.label for item in found if isinstance(item, Example)] == [True, False]
    assert "'maybe' is neither positive nor negative, expected one of no, yes" in str(found[2])


@pytest.mark.parametrize(
    ("text", "comma_groups", "number"),
    [
        ("12,5", True, 12.5), ("12,5", False, 12.5), ("1,234", True, 1234.0), ("1,234", False, 1.234),
        ("1,234.5", False, 1234.5), ("1,234,567", False, 1234567.0), ("-1,5", False, -1.5), ("€ 7", True, 7.0),
        ("007", True, None), ("0", True, 0.0), ("0.5", True, 0.5), ("1_0", True, None), ("2026-01-02", True, None),
        ("1,2,3", True, None), ("%", True, None), ("1e3", True, 1000.0),
    ],
)  # fmt: skip
def test_a_number_is_read_as_the_file_writes_it(text: str, comma_groups: bool, number: float | None) -> None:
    assert number_in(text, comma_groups) == number


def test_the_mapping_of_feed_says_what_to_learn_too(tmp_path: Path) -> None:
    mapping = {
        "source": "crm", "lead": {"columns": ["id"]}, "time": {"column": "at"},
        "unused_columns": {"note": "free text"},
        "records": [{"record": "OutcomeLabel", "when": [{"column": "result", "not_in": ["open"]}],
                     "fields": {"outcome": {"column": "result", "map": {"1": "won", "0": "lost"}}}}],
    }  # fmt: skip
    rows = [["id", "at", "size", "note", "result"], *([str(n), "2026-01-01", "5", "x", r] for n, r in enumerate("10x"))]
    rows.append(["9", "2026-01-01", "5", "x", "open"])
    assert examples_of(tmp_path, mapping, rows) == [
        Example({"size": 5.0}, True),
        Example({"size": 5.0}, False),
        RowFault(4, "result", "", "'x' is not in the map (0, 1)"),
        Example({"size": 5.0}, None),
    ]
    learned = {**mapping, "learning": {"drop": ["size"]}}
    assert examples_of(tmp_path, learned, rows)[0] == Example({"note": "x"}, True)


def test_the_worked_mapping_learns_from_all_but_the_answer_and_the_duration() -> None:
    mapping = load_learning_mapping(UCI_MAPPING)
    assert isinstance(mapping, Mapping)
    header = ("age", "job", "duration", "emp.var.rate", "poutcome", "y")
    assert Examples(mapping, header, ";").features == ("age", "job", "emp.var.rate", "poutcome")


def test_feed_still_demands_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(SLIM))
    assert isinstance(load_learning_mapping(path), LearningMapping)
    with pytest.raises(BadMapping, match="source: Field required"):
        load_mapping(path)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"learning": {"drop": ["a"]}}, "expected learning.label with column and positive"),
        ({"learning": {"label": {"column": "won"}}}, "learning.label.positive: Field required"),
        ({"learning": {"label": {"column": "won", "positive": []}}}, "at least 1 item"),
        ({"learning": {"label": {"column": "won", "positive": [True]}}}, "quote it"),
        ({**SLIM, "lead": {"row_number": True}}, "source: Field required"),
        ({"learning": {**SLIM["learning"], "weights": 1}}, "nobody knows 'weights' here"),
    ],
)
def test_faults_of_the_mapping_are_told(tmp_path: Path, mapping: Any, message: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(mapping))
    with pytest.raises(BadMapping, match=message):
        load_learning_mapping(path)


def test_a_column_that_does_not_exist_is_told_with_the_nearest(tmp_path: Path) -> None:
    mapping = {"learning": {**SLIM["learning"], "drop": ["orgin"]}}
    done = called(*written(tmp_path, mapping, exported(5)))
    assert "learning.drop: expected a column of export.csv, got 'orgin'; nearest: origin" in str(done.exception)
