"""`leadlane feed`: anybody's CSV export becomes profiles, signals and labels."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click

from streams.errors import LeadlaneError
from streams.feed.mapping import check_columns, load_mapping
from streams.feed.plan import Fed, Plan, RowFault
from streams.feed.rows import CsvFile, NumberedRow
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.sender import Sender
from streams.privacy.sealer import sealer_for
from streams.settings import Settings, load_settings

DAY_MS = 86_400_000
FAULTS_SHOWN = 20
AT_ONCE = 1000  # records whose new keys are waited for together ...
STEP_SECONDS = 0.05  # ... or, at a rate, those of so long
LINGER_MS = 50  # throughput counts here, not latency


class RowsRejected(LeadlaneError):
    """Some rows could not be fed: the export's or the mapping's author's."""


@click.command()
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), required=True, help="CSV file, plain or gzipped.")
@click.option("--mapping", "mapping_path", type=click.Path(path_type=Path), required=True, help="Mapping file (YAML).")
@click.option("--limit", type=click.IntRange(min=0), help="Feed only the first N rows.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Records per second; default: all at once.")
@click.option("--shift-days", type=float, default=0.0, help="Move every time by so many days, for example to today.")
@click.option("--dry-run", is_flag=True, help="Make the records, count them, show one of each kind, send nothing.")
@click.option(
    "--faults", "faults_path", type=click.Path(path_type=Path), help="Write every fault here, one JSON a line."
)
@click.option("--brokers", help="host:port of Kafka; default: LEADLANE_BROKERS.")
def feed(
    csv_path: Path,
    mapping_path: Path,
    limit: int | None,
    rate: float | None,
    shift_days: float,
    dry_run: bool,
    faults_path: Path | None,
    brokers: str | None,
) -> None:
    """Feed a CSV export: rows become profiles, signals and labels as MAPPING says (docs/reference/feed.md).

    Feeding the same file again changes nothing: event ids derive from the file's content and the row.
    """
    mapping = load_mapping(mapping_path)
    file = CsvFile(csv_path, mapping.file)
    check_columns(mapping, file.header, csv_path.name)
    plan = Plan(mapping, file.header, file.digest, round(shift_days * DAY_MS))
    tally = Tally(faults_path)
    rows = tally.counted(islice(file.rows(), limit))
    started = time.monotonic()
    made = plan.records(rows)
    if dry_run:
        show(made, tally)
    else:
        send(made, tally, load_settings(brokers=brokers), rate)
    tally.report(time.monotonic() - started, "made, none sent" if dry_run else "sent")


class Tally:
    """What became of the rows."""

    def __init__(self, faults_path: Path | None) -> None:
        self.rows = 0
        self.records: Counter[str] = Counter()
        self.faults: list[RowFault] = []
        self._faults_path = faults_path

    def counted(self, rows: Iterable[NumberedRow]) -> Iterator[NumberedRow]:
        for row in rows:
            self.rows += 1
            yield row

    def add(self, fed: Fed) -> None:
        self.records[type(fed.event).__name__] += 1

    def report(self, seconds: float, what: str) -> None:
        """Print the counts; RowsRejected if anything was left out."""
        rate = self.rows / max(seconds, 1e-9)
        click.echo(
            f"{self.rows:,} rows, {self.records.total():,} records {what} in {seconds:.1f} s ({rate:,.0f} rows/s)"
        )
        for name, count in self.records.most_common():
            click.echo(f"  {count:>9,}  {name}")
        if not self.faults:
            return
        for fault in self.faults[:FAULTS_SHOWN]:
            click.echo(f"  {fault}", err=True)
        if self._faults_path is not None:
            self._faults_path.write_text("".join(json.dumps(fault._asdict()) + "\n" for fault in self.faults))
        where = f"all in {self._faults_path}" if self._faults_path else "--faults FILE writes all of them"
        raise RowsRejected(
            f"{len(self.faults):,} records of {self.rows:,} rows were left out (the first "
            f"{min(FAULTS_SHOWN, len(self.faults))} stand above; {where}). Mend rows or mapping and feed again: "
            "what was sent counts once."
        )


def show(made: Iterable[Fed | RowFault], tally: Tally) -> None:
    """One record of each kind, as it would be sent."""
    for item in made:
        if isinstance(item, RowFault):
            tally.faults.append(item)
            continue
        if not tally.records[type(item.event).__name__]:
            click.echo(f"{item.topic} <- {item.event}\n")
        tally.add(item)


def send(made: Iterator[Fed | RowFault], tally: Tally, settings: Settings, rate: float | None) -> None:
    """Send all, `rate` records a second, personal texts sealed when there is a secret. Raises NotDelivered."""
    wire = wire_for(settings)
    sender, sealer = Sender(settings, linger_ms=LINGER_MS), sealer_for(settings, "feed")
    started = time.monotonic()
    at_once = AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate * STEP_SECONDS)))
    while chunk := list(islice(made, at_once)):
        tally.faults += [item for item in chunk if isinstance(item, RowFault)]
        fed = [item for item in chunk if isinstance(item, Fed)]
        events = [item.event for item in fed]
        for item, event in zip(fed, events if sealer is None else sealer.seal_all(events), strict=True):
            if rate is not None and (early := started + sender.sent / rate - time.monotonic()) > 0:
                sender.poll()
                time.sleep(early)
            sender.send(item.topic, item.key, wire.encode(event), event_headers(event))
            tally.add(item)
    sender.flush()
    if sealer is not None:
        sealer.close()
