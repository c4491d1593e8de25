"""`leadlane chaos`: whether it is exactly once when everything fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.option("--events", default=300_000, show_default=True)
@click.option("--seconds", default=150.0, show_default=True, help="Time over which they are fed.")
@click.option("--workers", default=2, show_default=True)
@click.option("--kills", default=20, show_default=True, help="kill -9 of a worker, restarted at once.")
@click.option("--freezes", default=5, show_default=True, help="SIGSTOP beyond the session, then SIGCONT.")
@click.option("--joins", default=4, show_default=True, help="Starts and stops of one more worker.")
@click.option("--bounces", default=2, show_default=True, help="Clean stops and starts of the broker.")
@click.option("--crashes", default=0, show_default=True, help="kill -9 of the broker.")
@click.option("--session-seconds", default=6.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--scenario", type=click.Choice(["tally", "full"]), default="full", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Keep logs and data here.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def chaos(folder: Path | None, as_json: bool, **plan: object) -> None:
    """Feed workers on an embedded Kafka, hurt everything, then decide it all again and compare byte by byte."""
    from streams.bench.chaos import Plan, is_exactly_once, run_chaos

    report = run_chaos(Plan(**plan), folder, say=lambda line: click.echo(line, err=True))  # type: ignore[arg-type]
    click.echo(json.dumps(report, indent=None if as_json else 1))
    if not is_exactly_once(report):
        sys.exit(1)
