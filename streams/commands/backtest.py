"""`leadlane backtest`: how well would the learner have done on anybody's CSV export?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streams.errors import LeadlaneError
from streams.feed.learning import Examples
from streams.feed.mapping import check_columns, load_learning_mapping
from streams.feed.plan import RowFault
from streams.feed.rows import CsvFile
from streams.lab import backtest as lab
from streams.lab.progress import Figure

FAULTS_SHOWN = 20
ANSWERS_SHOWN = 5
FIGURES = (
    ("auc", "ROC-AUC"),
    ("lift_at_10", "Lift, best tenth"),
    ("precision_at_10", "Positives, best tenth"),
    ("log_loss", "Log-loss"),
    ("ece", "Calibration error"),
)


class NothingToJudge(LeadlaneError):
    """The file has no row whose label is known: the export's or the mapping's author's."""

    exit_code = 2


@click.command()
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), required=True, help="CSV file, plain or gzipped.")
@click.option("--mapping", "mapping_path", type=click.Path(path_type=Path), required=True, help="Mapping file (YAML).")
@click.option("--label-delay", type=click.IntRange(min=0), default=0, help="A label is learned so many rows later.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N rows.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write a report with plots, one file.")
def backtest(
    csv_path: Path, mapping_path: Path, label_delay: int, limit: int | None, as_json: bool, html_path: Path | None
) -> None:
    """Score a CSV export row by row, labels later, as the learner would have (docs/reference/backtest.md)."""
    if html_path is not None and not html_path.parent.is_dir():
        raise click.BadParameter(f"{html_path}: expected a file in a folder that exists", param_hint="--html")
    mapping = load_learning_mapping(mapping_path)
    file = CsvFile(csv_path, mapping.file)
    check_columns(mapping, file.header, csv_path.name)
    examples = Examples(mapping, file.header, file.delimiter)
    history = lab.run(texts_for_faults(examples.read(islice(file.rows(), limit))), label_delay, time.monotonic)
    report_faults(history)
    if len(history.labels) == history.unlabelled:
        raise NothingToJudge(
            f"{csv_path.name}: expected rows with a label in {examples.label_column!r}, got none in "
            f"{len(history.labels):,} rows. Check learning.label and null_values of the mapping."
        )
    if one := one_sided(history):
        common = ", ".join(repr(text) for text, _ in examples.answers.most_common(ANSWERS_SHOWN))
        click.echo(f"No row is {one}: {examples.label_column!r} holds {common}. Check learning.label.", err=True)
    if as_json:
        click.echo(json.dumps(lab.summary(history), indent=2))
    else:
        show(history, csv_path.name, label_delay)
    if html_path is not None:
        from streams.lab.backtest_report import report  # matplotlib takes half a second to load

        html_path.write_text(report(history, csv_path.name, label_delay, examples.label_column), "utf-8")
        click.echo(f"wrote {html_path}", err=True)


def texts_for_faults(read: Iterable[lab.Example | RowFault]) -> Iterator[lab.Example | str]:
    """The examples, with faults as texts."""
    for item in read:
        yield str(item) if isinstance(item, RowFault) else item


def one_sided(history: lab.History) -> str | None:
    """Which kind of label never came, if one did not."""
    if not history.labels.count(1):
        return "positive"
    return None if history.labels.count(0) else "negative"


def report_faults(history: lab.History) -> None:
    """Say on stderr which rows could not be used."""
    for fault in history.faults[:FAULTS_SHOWN]:
        click.echo(f"  {fault}", err=True)
    if history.faults:
        click.echo(f"{len(history.faults):,} rows were left out: neither predicted nor learned.", err=True)


def show(history: lab.History, name: str, delay: int) -> None:
    """The figures as a table, with 95 % intervals."""
    halves = [history.figures(first, resamples=200) for first in (history.half(), 0)]
    table = Table(title=f"{name}: predicted row by row, labels {delay:,} rows later")
    for heading in ("", "second half", "all rows"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("Rows judged", *(f"{figures.rows:,}" for figures in halves))
    table.add_row("Positives", *(f"{figures.positives:,}" for figures in halves))
    for field, title in FIGURES:
        table.add_row(title, *(shown(getattr(figures, field)) for figures in halves))
    table.add_row("Rows per second", *(f"{history.rows_per_second(first):,.0f}" for first in (history.half(), 0)))
    console = Console()
    console.print(table)
    if history.unlabelled:
        console.print(f"{history.unlabelled:,} rows have no label: predicted, not learned, not judged.")
    for feature, auc in sorted(history.learner.left_out.items()):
        at = history.left_out_at[feature]
        console.print(f"Left out from row {at:,} on: {feature} gives the answer away (alone it has AUC {auc:.3f}).")


def shown(figure: Figure) -> str:
    """A figure with its interval."""
    if figure.value is None:
        return "-"
    interval = "" if figure.low is None else f"  ({figure.low:.3f} .. {figure.high:.3f})"
    return f"{figure.value:.4f}{interval}"
