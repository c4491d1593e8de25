"""`leadlane demo`: the whole pipeline on an embedded Kafka with simulated traffic and people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streams.demo.run import Options, run_demo
from streams.demo.stage import TIME_LAPSE
from streams.demo.summary import Tally
from streams.demo.view import LiveScreen, PlainScreen, Screen
from streams.errors import LeadlaneError

EXAMPLES_SHOWN = 6


class RecordsLost(LeadlaneError):
    """Records went in and did not come out: a fault of Leadlane."""


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 3600), default=45, show_default=True, help="How long to send.")
@click.option("--rate", type=click.FloatRange(1, 20_000), default=1000, show_default=True, help="Signals per second.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed sends the same traffic.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep Kafka's data and logs here.")
@click.option("--keep", is_flag=True, help="Keep Kafka and the worker running until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Last line of stdout: the summary as one JSON object.")
def demo(seconds: float, rate: float, seed: int, data_dir: Path | None, keep: bool, as_json: bool) -> None:
    """Run signals through the whole pipeline, live: Kafka, a worker, simulated platforms and people.

    SLA clocks run 60 times faster than in the shipped policy, or nobody would see one end.
    """
    console = Console()
    screen: Screen = LiveScreen(console) if console.is_terminal and not as_json else PlainScreen(as_json)

    def tell(result: dict[str, Any], tally: Tally) -> None:
        if not as_json:
            console.print(report(result))
            show_where_to_look(console, tally, data_dir)

    result = run_demo(Options(seconds, rate, seed, data_dir, keep), screen, tell)
    if as_json:
        click.echo(json.dumps(result))
    if result["lost"]:
        raise RecordsLost(f"{result['signals_in']:,} records went in, {result['lost']:,} are not accounted for.")


def report(result: dict[str, Any]) -> Table:
    """The summary for people."""
    latency = result["latency_ms"]
    rows = (
        ("signals in", f"{result['signals_in']:,} ({result['events_per_second']:,.0f}/s)"),
        ("decisions", f"{result['decisions']:,}, of them {result['decisions_by_timer']:,} by a timer"),
        ("without consequence", f"{result['no_consequence']:,}"),
        ("duplicates dropped", f"{result['duplicates_dropped']:,}"),
        ("dead letters", f"{result['dead_letters']:,} {_words(result['dead_letters_by_error'])}"),
        ("lost", f"{result['lost']:,}"),
        ("latency", f"p50 {latency['p50']} ms, p99 {latency['p99']} ms, from produce to visible (read_committed)"),
        ("leads by tier", f"{result['leads']:,}: {_words(result['routed_by_tier'])}"),
        ("stayed automatic", f"{1 - result['human_share']:.1%} of the leads"),
        ("cases", f"{result['cases_opened']:,} opened, {result['cases_breached']:,} breached their deadline"),
        ("  by reason", _words(result["cases_by_reason"])),
        ("  closed", _words(result["cases_closed"])),
        ("holds", f"{result['holds_set']:,} set, {result['holds_lifted']:,} lifted"),
        ("  by kind", _words(result["holds_by_kind"])),
        ("outreach", _words(result["verdicts"])),
    )
    table = Table(title="Leadlane demo", box=None, show_header=False, title_justify="left", pad_edge=False)
    for name, value in rows:
        table.add_row(name, value)
    return table


def show_where_to_look(console: Console, tally: Tally, data_dir: Path | None) -> None:
    """What to try next. Decisions can be explained only where the data was kept."""
    console.print(
        f"\nSLA clocks ran {TIME_LAPSE} times faster than in deploy/policy/default.yaml; all else is as shipped."
    )
    where = f"--data-dir {data_dir}" if data_dir else "--data-dir demo-data"
    console.print(f"Look closer: `leadlane demo {where} --keep`, then in another shell, with its LEADLANE_BROKERS:")
    for why, decision_id in list(tally.examples.items())[:EXAMPLES_SHOWN]:
        console.print(f"  leadlane explain {decision_id:<28} # {why}", highlight=False)
    console.print("  leadlane dlq list", highlight=False)


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
