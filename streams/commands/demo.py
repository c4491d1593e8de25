"""`leadlane demo`: the whole pipeline on an embedded Kafka with simulated traffic and people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands.explanation import one_line
from streams.core.effects import RecordDecision
from streams.demo.run import Options, run_demo
from streams.demo.stage import TIME_LAPSE
from streams.demo.summary import Tally
from streams.demo.view import LiveScreen, PlainScreen, Screen
from streams.errors import LeadlaneError

EXAMPLES_SHOWN = 6
COMMANDS_SHOWN = 3
DEFAULT_BROKER = "127.0.0.1:9092"  # of `leadlane broker`


class RecordsLost(LeadlaneError):
    """Records went in and did not come out: a fault of Leadlane."""


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 3600), default=45, show_default=True, help="How long to send.")
@click.option("--rate", type=click.FloatRange(1, 20_000), default=1000, show_default=True, help="Signals per second.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed sends the same traffic.")
@click.option("--lanes", type=click.IntRange(1, 64), default=4, show_default=True, help="Partitions of each topic.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep Kafka's data and logs here.")
@click.option("--keep", is_flag=True, help="Keep Kafka and the worker running until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Last line of stdout: the summary as one JSON object.")
def demo(seconds: float, rate: float, seed: int, lanes: int, data_dir: Path | None, keep: bool, as_json: bool) -> None:
    """Run signals through the whole pipeline, live: Kafka, a worker, simulated platforms and people.

    SLA clocks run 60 times faster than in the shipped policy, or nobody would see one end.
    """
    console = Console()
    screen: Screen = LiveScreen(console) if console.is_terminal and not as_json else PlainScreen(as_json)

    def tell(result: dict[str, Any], tally: Tally, running_at: str, secret: Path) -> None:
        if as_json:
            click.echo(json.dumps(result))
            return
        console.print(report(result))
        for text in where_to_look(tally, running_at if keep else None, data_dir, secret):
            console.print(text)

    result = run_demo(Options(seconds, rate, seed, data_dir, keep, lanes), screen, tell)
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
        (
            "latency",
            f"p50 {latency['p50']} ms, p99 {latency['p99']} ms, from produce to visible (read_committed), after the"
            f" first {latency['after_seconds']:g} s; from the start p99 {result['latency_ms_with_start']['p99']} ms",
        ),
        ("leads by tier", f"{result['leads']:,}: {_words(result['routed_by_tier'])}"),
        ("stayed automatic", f"{1 - result['human_share']:.1%} of the leads"),
        ("cases", f"{result['cases_opened']:,} opened, {result['cases_breached']:,} breached their deadline"),
        ("  by reason", _words(result["cases_by_reason"])),
        ("  closed", _words(result["cases_closed"])),
        ("holds", f"{result['holds_set']:,} set, {result['holds_lifted']:,} lifted"),
        ("  by kind", _words(result["holds_by_kind"])),
        ("outreach", _words(result["verdicts"])),
        ("outcomes", f"{result['outcomes']:,}, of them learned {result['examples_learned']:,}"),
        ("models", _models(result)),
    )
    table = Table(title="Leadlane demo", box=None, show_header=False, title_justify="left", pad_edge=False)
    for name, value in rows:
        table.add_row(name, value)
    return table


def where_to_look(tally: Tally, running_at: str | None, data_dir: Path | None, secret: Path) -> list[Text]:
    """What the run is an example of, and how to look closer while its Kafka, or its data, is there."""
    lines = [
        "",
        f"SLA clocks and the settling time of new leads ran {TIME_LAPSE} times faster than in the",
        "shipped policy, and a model may look on after fewer outcomes; all else is as",
        "shipped. Some of what was decided:",
        "",
        *(f"  {one_line(decision)}" for decision in _examples(tally)[:EXAMPLES_SHOWN]),
        "",
    ]
    if running_at is not None:
        lines += [
            "Kafka and the worker keep running until Ctrl-C. In another shell:",
            *_commands(tally, running_at, secret),
        ]
    elif data_dir is not None:
        lines += [
            f"The data is kept. `leadlane broker --data-dir {data_dir / 'kafka'}` serves it; then, in another shell:"
        ]
        lines += _commands(tally, DEFAULT_BROKER, secret)
    else:
        lines += ["Nothing is kept of this run. `leadlane demo --keep` stays, so that every decision can be explained."]
    return [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]


def _examples(tally: Tally) -> list[RecordDecision]:
    """Decisions under different conditions, each once."""
    return list({decision.decision_id: decision for decision in tally.examples.values()}.values())


def _commands(tally: Tally, brokers: str, secret: Path) -> list[str]:
    explained = [f"  leadlane explain {decision.decision_id}" for decision in _examples(tally)[:COMMANDS_SHOWN]]
    # Personal texts are sealed: without the secret, explain shows (sealed) in their place.
    opens = [f"  export LEADLANE_SEAL_SECRET=$(cat {secret})"] if secret.exists() else []
    return [f"  export LEADLANE_BROKERS={brokers}", *opens, *explained, "  leadlane dlq list"]


def _models(result: dict[str, Any]) -> str:
    newest, role = result["model"], result["model_role"]
    if newest is None:
        return "none yet"
    looks_on = "it scores every lead and decides none" if role == "shadow" else role or "no role yet: too few outcomes"
    return f"{result['models_published']:,} published, newest {newest}: {looks_on}"


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
