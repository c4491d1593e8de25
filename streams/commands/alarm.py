"""`leadlane alarm`: what governance found wrong, and who has taken note."""

from __future__ import annotations

import json

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands.options import brokers_option
from streams.commands.signing import json_option, signed, stamp_now, utc, warn
from streams.core.context import Alarm
from streams.errors import LeadlaneError
from streams.kafka.alarms import taken_note_of
from streams.kafka.table import ControlTable
from streams.settings import load_settings
from streams.topics import ALARMS


class NoSuchAlarm(LeadlaneError):
    """No alarm has this name."""

    exit_code = 7


@click.group()
def alarm() -> None:
    """Alarms of governance: drift, fairness, features that give the answer away, a model that does the wrong thing."""


@alarm.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are over too.")
@json_option
@brokers_option
def list_alarms(every: bool, as_json: bool, brokers: str | None) -> None:
    """Alarms that are on: what was measured, from where on it is an alarm, who has taken note."""
    table = ControlTable(load_settings(brokers=brokers), ALARMS, Alarm)
    shown = [each for each in sorted(table.read().values(), key=lambda each: each.at) if each.on or every]
    warn(table.problems)
    if as_json:
        for each in shown:
            click.echo(json.dumps(msgspec.to_builtins(each) | {"at": utc(each.at)}))
    elif shown:
        Console().print(_table(shown))
    else:
        click.echo("No alarm is on.")


@alarm.command("acknowledge")
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are on.")
@signed
@brokers_option
def acknowledge(names: tuple[str, ...], every: bool, actor: str, reason: str, brokers: str | None) -> None:
    """Take note of alarms. They stay on until what they measure is well again."""
    if every == bool(names):
        raise click.UsageError("expected either NAME... or --all")
    table = ControlTable(load_settings(brokers=brokers), ALARMS, Alarm)
    done = table.change(lambda alarms: taken_note_of(alarms, names, stamp_now(actor, reason)))
    warn(table.problems)
    if not isinstance(done, str):
        for name in done.records:
            click.echo(f"alarm {name} acknowledged")
    elif done.startswith("expected"):
        raise NoSuchAlarm(f"control.alarms: {done}. `leadlane alarm list --all` shows them.")
    else:
        click.echo(f"{done}; nothing written")


def _table(alarms: list[Alarm]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("alarm", "is", "value", "threshold", "since", "what", "taken note of by"):
        shown.add_column(column, overflow="fold", no_wrap=column == "since")
    for each in alarms:
        state = "over" if not each.on else "ON, N20" if each.distrust else "ON"
        cells = (
            each.name,
            state,
            f"{each.value:.4g}",
            f"{each.threshold:.4g}",
            utc(each.at),
            each.detail or each.reason,
        )
        shown.add_row(*map(Text, (*cells, each.acknowledged_by or "nobody")), style="" if each.on else "dim")
    return shown
