"""Mappings say all that is wrong with them; rows become records, faults and nothing else."""

from __future__ import annotations

import copy
import gzip
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from streams.commands.feed import feed
from streams.core.events import Consent, IntentSignal, LeadProfile, OutcomeLabel, ScoreSignal
from streams.feed.mapping import BadMapping, check_columns, load_mapping, mapping_from
from streams.feed.plan import Fed, Plan, RowFault
from streams.feed.rows import BadFile, CsvFile

ROOT = Path(__file__).parents[2]
UCI_MAPPING = ROOT / "docs/examples/uci-bank-marketing.yaml"
UCI_FILE = ROOT.parent / "shared/data/bank-additional-full.csv.gz"
HOUR_MS = 3_600_000
NOON = 1_780_920_000_000  # 2026-06-08 12:00 UTC

MAPPING: dict[str, Any] = {
    "source": "crm-export",
    "lead": {"columns": ["id"]},
    "time": {"column": "at", "format": "%Y-%m-%d %H:%M", "zone": "Europe/Berlin"},
    "null_values": ["", "n/a"],
    "records": [
        {
            "record": "LeadProfile",
            "fields": {
                "company": "firm",
                "title": {"columns": ["role", "level"], "join": ", "},
                "country": {"column": "land", "map": {"Germany": "DE"}, "map_other": None},
                "renewal_on": {"column": "renewal", "date": "%d.%m.%Y"},
                "vip": {"column": "vip", "map": {"yes": True, "no": False}, "default": False},
                "attributes": {
                    "size": {"column": "staff", "bands": [{"name": "small", "below": 50}, {"name": "large"}]}
                },
                "consent": {"basis": {"value": "consent"}, "scope": {"value": ["email"]}},
            },
        },
        {
            "record": "ScoreSignal",
            "when": [{"column": "stars", "not_in": ["", "n/a"]}],
            "fields": {"kind": {"value": "fit"}, "value": {"column": "stars", "scale": {"from": [0, 5]}}},
        },
        {
            "record": "OutcomeLabel",
            "after_seconds": 7200,
            "fields": {"outcome": {"column": "result", "map": {"1": "won", "0": "lost"}}},
        },
    ],
}
HEADER = ("id", "at", "firm", "role", "level", "land", "renewal", "vip", "staff", "stars", "result")
ROW = "7;2026-06-08 14:00;Acme;Buyer;senior;Germany;24.12.2026;yes;12;4;1"


def a_mapping(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(MAPPING), **changes}


def made(tmp_path: Path, *rows: str, **changes: Any) -> list[Fed | RowFault]:
    path = tmp_path / "export.csv"
    path.write_text("\n".join((";".join(HEADER), *rows)))
    mapping = mapping_from(a_mapping(**changes))
    file = CsvFile(path, mapping.file)
    check_columns(mapping, file.header, path.name)
    return list(Plan(mapping, file.header, "f00d").records(file.rows()))


def faults_of(document: Any) -> list[str]:
    with pytest.raises(BadMapping) as caught:
        mapping_from(document)
    return [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]


# --- rows to records


def test_a_row_becomes_its_records_with_every_transform(tmp_path: Path) -> None:
    common: Any = {"lead_id": "7", "source": "crm-export"}
    profile = LeadProfile(
        event_id="f00d-1-0", occurred_at=NOON, company="Acme", title="Buyer, senior", country="DE", renewal_on=20_811,
        vip=True, attributes={"size": "small"}, consent=Consent(basis="consent", scope=("email",)), **common,
    )  # fmt: skip
    score = ScoreSignal(event_id="f00d-1-1", occurred_at=NOON, kind="fit", value=80.0, **common)
    label = OutcomeLabel(event_id="f00d-1-2", occurred_at=NOON + 2 * HOUR_MS, outcome="won", **common)
    assert made(tmp_path, ROW) == [
        Fed("leads.profiles", b"7", profile),
        Fed("signals.scores", b"7", score),
        Fed("labels.outcomes", b"7", label),
    ]


def test_null_values_are_not_stated_and_defaults_fill_in(tmp_path: Path) -> None:
    profile, _label = made(tmp_path, "7;2026-06-08 14:00;n/a;;;Atlantis;;;;n/a;0")
    assert isinstance(profile, Fed)
    assert isinstance(profile.event, LeadProfile)
    stated = {
        name: getattr(profile.event, name) for name in ("company", "title", "country", "renewal_on", "attributes")
    }
    assert stated == dict.fromkeys(stated)
    assert profile.event.vip is False


def test_a_label_comes_after_rows_that_happened_before_it_was_known(tmp_path: Path) -> None:
    later = ROW.replace("7;", "8;", 1).replace("14:00", "15:00")
    much_later = ROW.replace("7;", "9;", 1).replace("14:00", "16:00")
    order = [fed.event.event_id for fed in made(tmp_path, ROW, later, much_later) if isinstance(fed, Fed)]
    assert order == [
        "f00d-1-0", "f00d-1-1", "f00d-2-0", "f00d-2-1", "f00d-1-2", "f00d-3-0", "f00d-3-1", "f00d-2-2", "f00d-3-2",
    ]  # fmt: skip


def test_rows_are_sorted_by_time_when_the_mapping_says_so(tmp_path: Path) -> None:
    late, early = ROW.replace("14:00", "19:00"), ROW.replace("14:00", "09:00")
    time = {**MAPPING["time"], "sort": True}
    times = [fed.event.occurred_at for fed in made(tmp_path, late, early, time=time) if isinstance(fed, Fed)]
    assert times == sorted(times)
    assert len(times) == 6


def test_faults_name_line_and_column_and_the_rest_of_the_row_is_kept(tmp_path: Path) -> None:
    rows = (
        ROW.replace(";4;", ";many;"),
        ROW.replace("24.12.2026", "2026-12-24"),
        ROW.replace(";1", ";2").replace("2;4", "12;4"),
        "7;2026-06-08 14:00;Acme",
        ROW.replace("2026-06-08 14:00", "yesterday"),
        ROW.replace("7;", " ;", 1),
    )
    results = made(tmp_path, *rows)
    assert [str(result) for result in results if isinstance(result, RowFault)] == [
        "line 2, column stars: ScoreSignal: 'many' is not a number",
        "line 3, column renewal: LeadProfile: '2026-12-24' is not a date in the format %d.%m.%Y",
        "line 4, column result: OutcomeLabel: '2' is not in the map (1, 0)",
        "line 5: row: 3 columns, expected 11",
        "line 6, column at: row: 'yesterday' is not a time in the format %Y-%m-%d %H:%M",
        "line 7, column id: row: empty, expected the lead's key",
    ]
    assert sum(isinstance(result, Fed) for result in results) == 6


def test_a_value_out_of_range_names_the_columns_behind_the_field(tmp_path: Path) -> None:
    changed = copy.deepcopy(MAPPING["records"])
    changed[1]["fields"]["value"] = "staff"
    results = made(tmp_path, ROW.replace(";12;", ";171;"), records=changed)
    assert [str(result) for result in results if isinstance(result, RowFault)] == [
        "line 2, column staff: ScoreSignal: Expected `float` <= 100.0 - at `$.value`"
    ]


def test_the_same_file_gives_the_same_event_ids_and_another_file_others(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text(";".join(HEADER) + "\n" + ROW)
    two.write_text(";".join(HEADER) + "\n" + ROW + "\n")
    form = mapping_from(a_mapping()).file
    assert CsvFile(one, form).digest == CsvFile(one, form).digest != CsvFile(two, form).digest


# --- files


def test_delimiter_and_gzip_are_found_out(tmp_path: Path) -> None:
    path = tmp_path / "export.csv.gz"
    path.write_bytes(gzip.compress(b'a\tb\n1\t"x\ty"\n'))
    file = CsvFile(path, mapping_from(a_mapping()).file)
    assert file.header == ("a", "b")
    assert [(row.number, row.line, list(row.cells)) for row in file.rows()] == [(1, 2, ["1", "x\ty"])]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "expected a header"),
        (b"a;a\n", "expected columns with different names, got a more than once"),
        (b"a;\xff\n", "State file.encoding"),
    ],
)
def test_a_file_that_is_no_csv_is_a_clear_error(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=says):
        CsvFile(path, mapping_from(a_mapping()).file)


# --- mappings


def test_all_faults_of_a_mapping_are_reported_at_once() -> None:
    document = a_mapping(lead={}, tmie={})
    document["records"][0]["fields"] |= {"compnay": "firm", "event_id": "id"}
    document["records"][1]["fields"]["value"] = {"column": "stars", "scael": {}}
    assert faults_of(document) == [
        "records[1].fields.value.scael: nobody knows 'scael' here",
        "lead: expected either columns or row_number: true",
        "tmie: nobody knows 'tmie' here",
    ]


def test_fields_are_checked_against_the_record() -> None:
    document = a_mapping()
    document["records"][0]["fields"] |= {"compnay": "firm", "event_id": "id"}
    del document["records"][1]["fields"]["kind"]
    assert faults_of(document) == [
        "records[0] (LeadProfile).fields.event_id: set by the feed itself, leave it out",
        "records[0] (LeadProfile).fields.compnay: expected a field of LeadProfile; nearest: company",
        "records[1] (ScoreSignal).fields: kind is missing, ScoreSignal needs it",
    ]


def test_a_truth_value_of_yaml_is_told_from_a_text() -> None:
    document = a_mapping()
    document["records"][1]["when"] = [{"column": "vip", "in": [True]}]
    assert faults_of(document) == [
        "records[1].when[0].in[0]: expected a text; "
        "YAML takes an unquoted yes, no, on or off for a truth value: quote it"
    ]


def test_a_column_that_the_file_lacks_is_named_with_the_nearest() -> None:
    header = [name for name in HEADER if name != "stars"] + ["star"]
    with pytest.raises(BadMapping) as caught:
        check_columns(mapping_from(a_mapping()), header, "export.csv")
    assert str(caught.value).splitlines()[1:3] == [
        "  - records[1] (ScoreSignal).when: expected a column of export.csv, got 'stars'; nearest: star",
        "  - records[1] (ScoreSignal).fields.value: expected a column of export.csv, got 'stars'; nearest: star",
    ]


# --- the command and the worked mapping


def test_the_command_counts_what_it_left_out_and_fails(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(MAPPING))
    (tmp_path / "e.csv").write_text("\n".join((";".join(HEADER), ROW, ROW.replace(";4;", ";many;"))))
    arguments = ["--csv", str(tmp_path / "e.csv"), "--mapping", str(tmp_path / "m.yaml"), "--dry-run"]
    result = CliRunner().invoke(feed, [*arguments, "--faults", str(tmp_path / "faults.jsonl")])
    assert "2 rows, 5 records made, none sent" in result.output
    assert "line 3, column stars: ScoreSignal: 'many' is not a number" in result.output
    assert result.exit_code != 0
    assert "1 records of 2 rows were left out" in str(result.exception)
    assert (tmp_path / "faults.jsonl").read_text() == (
        '{"line": 3, "column": "stars", "record": "ScoreSignal", "text": "\'many\' is not a number"}\n'
    )


@pytest.mark.skipif(not UCI_FILE.exists(), reason="../shared/data is not beside this checkout")
def test_the_worked_mapping_reads_the_uci_file_without_a_fault() -> None:
    mapping = load_mapping(UCI_MAPPING)
    file = CsvFile(UCI_FILE, mapping.file)
    check_columns(mapping, file.header, UCI_FILE.name)
    rows = [row for row in file.rows() if row.number % 40 == 0]
    results = list(Plan(mapping, file.header, file.digest).records(rows))
    assert [result for result in results if isinstance(result, RowFault)] == []
    events = [result.event for result in results if isinstance(result, Fed)]
    count = {
        kind: sum(isinstance(event, kind) for event in events) for kind in (LeadProfile, ScoreSignal, OutcomeLabel)
    }
    assert count == {LeadProfile: len(rows), ScoreSignal: 2 * len(rows), OutcomeLabel: len(rows)}
    assert any(isinstance(event, IntentSignal) for event in events)
    assert set(file.header) - {column for column, _ in mapping.columns()} == set()
