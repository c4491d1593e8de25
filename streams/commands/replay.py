"""`leadlane replay`: history decided again, as it was or under another policy or model."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from streams.commands.options import brokers_option

EXAMPLES = 20
DIFFERS = 1  # exit code, under unchanged versions alone: of a what-if, differences are the answer
_folder = click.Path(path_type=Path, file_okay=False)


@click.group(invoke_without_command=True)
@click.option("--from", "since", metavar="T", help="From this time on: 2026-11-01, 2026-11-01T09:00Z, -7d, -12h.")
@click.option("--to", "until", metavar="T", help="Up to this time, which is left out.")
@click.option("--policy", type=click.Path(path_type=Path), help="Try this policy document instead.")
@click.option("--model", metavar="V", help="Try this model alone: a version, rules, or the path of a document.")
@click.option("--history", "folder", type=_folder, help="An exported history, instead of a broker.")
@click.option("--base", type=_folder, help="Exported states to begin from: what is older need not be there.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page for approvers, too.")
@click.option("--examples", default=EXAMPLES, show_default=True, help="Of each kind of difference.")
@click.option("--processes", type=click.IntRange(1), help="Lanes at the same time, instead of one per core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@brokers_option
@click.pass_context
def replay(ctx: click.Context, /, **options: Any) -> None:
    """Decide history again with the code of the lanes.

    Without --policy and --model everything must come out as it was recorded, byte for byte: exit code 1 if not.
    With one of them, say what would have been decided otherwise, and why; exit code 0.
    """
    if ctx.invoked_subcommand is None:
        _replay(**options)


@replay.command("export")
@click.option("--out", "folder", type=_folder, required=True, help="A new or an empty folder.")
@click.option("--only-states", is_flag=True, help="Only what a later replay may begin from: `--base`.")
@brokers_option
def export_history(folder: Path, only_states: bool, brokers: str | None) -> None:
    """Write everything that a replay needs to a folder: it runs there without a broker."""
    from streams.settings import load_settings
    from streams.whatif.folder import export
    from streams.whatif.history import BrokerHistory
    from streams.whatif.run import PIPELINE, pipeline_job

    settings = load_settings(brokers=brokers)
    folder.mkdir(parents=True, exist_ok=True)
    history = BrokerHistory(settings.brokers)
    manifest = export(history, pipeline_job(settings.lanes), PIPELINE, folder, only_states=only_states)
    records = sum(facts.records for facts in manifest.files.values())
    size = sum(facts.bytes for facts in manifest.files.values())
    click.echo(f"{folder}: {records:,} records of {manifest.lanes} lanes in {size / 1e6:,.1f} MB")


def _replay(
    since: str | None, until: str | None, policy: Path | None, model: str | None, folder: Path | None,
    base: Path | None, html: Path | None, examples: int, processes: int | None, as_json: bool, brokers: str | None,
) -> None:  # fmt: skip
    from streams.settings import load_settings
    from streams.whatif.folder import Continued, FolderHistory
    from streams.whatif.history import BrokerHistory, History
    from streams.whatif.window import window

    if html is not None and not html.parent.is_dir():
        raise click.BadParameter(f"{html}: expected a file in a folder that exists", param_hint="--html")
    wanted = window(since, until, time.time_ns() // 1_000_000)
    history: History = FolderHistory(str(folder)) if folder else BrokerHistory(load_settings(brokers=brokers).brokers)
    if base is not None:
        history = Continued(history, FolderHistory(str(base)))
    if policy is None and model is None:
        found = _unchanged(history, wanted, examples, processes)
    else:
        found = _changed(history, wanted, policy, model, examples, processes)
    if html is not None:
        from streams.whatif.page import page

        html.write_text(page(found), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(found))
    else:
        from rich.console import Console

        from streams.whatif.terminal import shown

        Console().print(shown(found))
        if html is not None:
            click.echo(f"\n{html}: the same, with plots")
    if found["mode"] == "unchanged" and found["differences"]:
        raise SystemExit(DIFFERS)


def _unchanged(history: Any, wanted: Any, examples: int, processes: int | None) -> dict[str, Any]:
    from streams.kafka.codec import wire_for
    from streams.settings import load_settings
    from streams.whatif.run import replay_unchanged
    from streams.whatif.window import time_text
    from streams.whatif.wrong import told

    done = replay_unchanged(history, window=wanted, processes=processes)
    wire = wire_for(load_settings())
    return {
        "format": 1,
        "mode": "unchanged",
        "from": time_text(wanted.since),
        "to": time_text(wanted.until),
        "lanes": done.lanes,
        **done.figures,
        "differences": done.differences,
        "seconds": round(done.seconds, 2),
        "wrong": [told(check, wire, examples) for check in done.wrong],
    }


def _changed(
    history: Any, wanted: Any, policy: Path | None, model: str | None, examples: int, processes: int | None
) -> dict[str, Any]:
    from streams.kafka.codec import wire_for
    from streams.settings import load_settings
    from streams.whatif.change import change_from
    from streams.whatif.run import pipeline_job, replay_changed
    from streams.whatif.story import Plan

    controls = history.controls(pipeline_job(1))
    change = change_from(policy, model, controls, wire_for(load_settings()))
    return replay_changed(history, Plan(change, wanted, examples), processes=processes).summary
