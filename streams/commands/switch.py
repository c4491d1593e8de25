"""`leadlane switch`: kill switches, off, on, and who turned them."""

from __future__ import annotations

import json

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.commands.options import brokers_option
from streams.commands.signing import (
    did_you_mean,
    identifier,
    json_option,
    now_ms,
    signature,
    signed,
    utc,
    warn,
)
from streams.core.cadence import AUTOMATION
from streams.core.context import Switch
from streams.errors import LeadlaneError
from streams.kafka.control import ControlWriter, Stamp, read_control
from streams.settings import load_settings
from streams.topics import SWITCHES

# name: what being off means
KNOWN = {
    AUTOMATION: "every outreach request is deferred and no cadence is resumed; holds still pause, cases still open"
}
OFF = "Workers take it over within a second or so. Verdicts that allowed before stand until the `until` they name."
ON = (
    "Workers take it over within a second or so. Cadences that waited are told within minutes when to go on; deferred"
    " requests must be asked again."
)


class UnknownSwitch(LeadlaneError):
    """No such switch is known to this version."""

    exit_code = 2


@click.group()
def switch() -> None:
    """Kill switches: `automation` off stops all that goes out and resumes, and nothing else."""


@switch.command("list")
@json_option
@brokers_option
def list_switches(as_json: bool, brokers: str | None) -> None:
    """Every switch, on or off, since when, by whom and why."""
    standing = read_control(load_settings(brokers=brokers), SWITCHES, Switch)
    warn(standing.problems)
    names = [*KNOWN, *(name for name in standing.records if name not in KNOWN)]
    if as_json:
        for name in names:
            click.echo(json.dumps(plain(name, standing.records.get(name))))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("switch", "is", "since", "by", "why"):
        table.add_column(column)
    for name in names:
        record = standing.records.get(name)
        turned = (utc(record.at), record.actor, record.reason) if record else ("", "", "never turned")
        table.add_row(name, "OFF" if record and not record.on else "on", *turned)
    Console().print(table)


@switch.command("off")
@click.argument("name", callback=identifier)
@signed
@click.option("--force", is_flag=True, help="Write the switch even if this version does not know it.")
@brokers_option
def off(name: str, actor: str, reason: str, force: bool, brokers: str | None) -> None:
    """Turn NAME off. `automation`: every outreach request is deferred and no cadence is resumed."""
    _turn(name, False, Stamp(actor, reason, now_ms()), force, brokers)


@switch.command("on")
@click.argument("name", callback=identifier)
@signed
@click.option("--force", is_flag=True, help="Write the switch even if this version does not know it.")
@brokers_option
def on(name: str, actor: str, reason: str, force: bool, brokers: str | None) -> None:
    """Turn NAME on again."""
    _turn(name, True, Stamp(actor, reason, now_ms()), force, brokers)


def plain(name: str, record: Switch | None) -> dict[str, object]:
    """A switch as JSON; one that was never turned is on."""
    return {"name": name, "on": True} if record is None else msgspec.to_builtins(record) | {"at": utc(record.at)}


def check_name(name: str, force: bool) -> None:
    """UnknownSwitch for a name that nothing reads, unless forced."""
    if name not in KNOWN and not force:
        raise UnknownSwitch(
            f"expected one of {', '.join(KNOWN)}, got {name!r}.{did_you_mean(name, KNOWN)} Nothing was written. A name"
            " that only your own code reads is written with --force."
        )


def _turn(name: str, on: bool, stamp: Stamp, force: bool, brokers: str | None) -> None:
    check_name(name, force)
    settings = load_settings(brokers=brokers)
    writer = ControlWriter(settings, SWITCHES)  # before reading: it ends whoever else is at it
    standing = read_control(settings, SWITCHES, Switch)
    warn(standing.problems)
    word, there = "on" if on else "off", standing.records.get(name)
    if there is not None and there.on == on:
        click.echo(f"{name} was {word} already, {signature(there)}; nothing written")
        return
    writer.write({name: Switch(name=name, on=on, **stamp._asdict())})
    click.echo(f"{name} is {word} now")
    if name not in KNOWN:
        click.echo("Nothing in this version reads it.")
    else:
        click.echo(ON if on else f"Off: {KNOWN[name]}.\n{OFF}")
