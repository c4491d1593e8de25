"""`leadlane roster`: apply a file of reps, and show who is there, for what, and who is away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands.options import brokers_option
from streams.commands.roster_file import changes, day_text, read_roster, warnings_of
from streams.commands.signing import json_option, now_ms, signed, stamp_now, utc, warn
from streams.core.calendars import DAY, local_time
from streams.core.context import RosterEntry
from streams.kafka.control import ControlWriter, read_control
from streams.policy.publish import active_policy
from streams.settings import load_settings
from streams.topics import ROSTER

SOON_DAYS = 14  # absences that begin within so many days are shown


@click.group()
def roster() -> None:
    """Reps: their queues, weights and days away, from a file."""


@roster.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@signed
@click.option("--complete", is_flag=True, help="Set reps inactive whom FILE does not name. Nobody is ever deleted.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@brokers_option
def apply(file: Path, actor: str, reason: str, complete: bool, dry_run: bool, brokers: str | None) -> None:
    """Make the roster what FILE says: only what differs is written, all of it or nothing."""
    reps = read_roster(file)  # before the broker is asked for anything
    settings = load_settings(brokers=brokers)
    writer = None if dry_run else ControlWriter(settings, ROSTER)  # before reading: it ends whoever else is at it
    standing = read_control(settings, ROSTER, RosterEntry)
    due = list(changes(reps, standing.records, stamp_now(actor, reason), complete))
    written = {change.entry.rep_id: change.entry for change in due}
    after = {**standing.records, **written}
    warn([*standing.problems, *warnings_of(reps, after.values(), active_policy(settings))])
    if writer is not None:
        writer.write(written)
    for change in due:
        click.echo(str(change))
    unchanged = len({rep.rep_id for rep in reps} - written.keys())
    click.echo(f"{len(due)} {'to write' if dry_run else 'written'}, {unchanged} as before")
    named = {rep.rep_id for rep in reps}
    others = sorted(rep_id for rep_id, entry in after.items() if rep_id not in named and entry.active)
    if others:
        click.echo(f"left as they are, not in {file}: {', '.join(others)} (--complete sets them inactive)")


@roster.command("show")
@json_option
@brokers_option
def show(as_json: bool, brokers: str | None) -> None:
    """Every rep: queues, weight, time zone, and who is away today or soon."""
    standing = read_control(load_settings(brokers=brokers), ROSTER, RosterEntry)
    warn(standing.problems)
    entries, now = list(standing.records.values()), now_ms()
    if as_json:
        for entry in entries:
            click.echo(json.dumps(plain(entry, now)))
    elif entries:
        Console().print(table(entries, now))
    else:
        click.echo("No reps: `leadlane roster apply FILE --actor WHO --reason WHY`. Until then cases have no owner.")


def plain(entry: RosterEntry, now: int) -> dict[str, Any]:
    """A rep as JSON: days and times as text."""
    away = [{"from": day_text(each.first_on), "to": day_text(each.last_on)} for each in entry.away]
    said = {"away": away, "at": utc(entry.at), "today": presence(entry, now)}
    return {**msgspec.to_builtins(entry), **said}


def table(entries: Sequence[RosterEntry], now: int) -> Table:
    """Reps for people."""
    shown = Table(box=None, pad_edge=False)
    for column in ("rep", "name", "queues", "weight", "time zone", "today"):
        shown.add_column(column, justify="right" if column == "weight" else "left")
    for entry in entries:
        row = (entry.rep_id, entry.name, ", ".join(entry.queues), f"{entry.weight:g}", entry.time_zone)
        shown.add_row(*(Text(cell) for cell in (*row, presence(entry, now))), style="" if entry.active else "dim")
    return shown


def presence(entry: RosterEntry, now: int) -> str:
    """Whether the rep is there on the day that it is there, and the next absence that is near."""
    if not entry.active:
        return "inactive"
    today = local_time(now, entry.time_zone) // DAY
    last = today - 1  # absences that follow each other are one
    for absence in sorted(entry.away, key=lambda each: each.first_on):
        if absence.first_on <= last + 1:
            last = max(last, absence.last_on)
    if last >= today:
        return f"away to {day_text(last)}"
    near = [each for each in entry.away if today < each.first_on <= today + SOON_DAYS]
    if near:
        first = min(near, key=lambda each: each.first_on)
        return f"here; away {day_text(first.first_on)} to {day_text(first.last_on)}"
    return "here" if entry.weight else "here; takes no new leads"
