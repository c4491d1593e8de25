"""`leadlane sink`: outputs to webhooks, and what could not be delivered."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.options import brokers_option
from streams.errors import BadSettings, LeadlaneError

if TYPE_CHECKING:
    from streams.settings import Settings
    from streams.sink.config import SinkConfig
    from streams.sink.redrive import Parked

SECRET_BYTES = 32


class NoSuchDelivery(LeadlaneError):
    """No parked delivery stands there."""


class AlreadyRedriven(LeadlaneError):
    """The delivery was ordered again before."""


@click.group()
def sink() -> None:
    """Deliver what the lanes decide to webhooks of platforms that do not read Kafka."""


@sink.command("http")
@brokers_option
@click.option(
    "--config", "sink_config", type=click.Path(path_type=Path), help="The file, instead of LEADLANE_SINK_CONFIG."
)
@click.option("--slot", help="Name of this sink in its groups, instead of LEADLANE_SLOT; one live sink per slot.")
@click.option("--web-port", "sink_web_port", type=click.IntRange(0, 65_535), help="Health and metrics; 0: none.")
def http(brokers: str | None, sink_config: Path | None, slot: str | None, sink_web_port: int | None) -> None:
    """Deliver to the file's targets, signed and in order of each lead, until a signal ends it."""
    from streams.hosting import run_app
    from streams.settings import load_settings
    from streams.sink.app import sink_app
    from streams.sink.config import load_sink

    settings = load_settings(brokers=brokers, sink_config=sink_config, slot=slot, sink_web_port=sink_web_port)
    if settings.sink_config is None:
        raise BadSettings("LEADLANE_SINK_CONFIG is not set, expected the file of targets, or give --config FILE.")
    config = load_sink(settings.sink_config)
    _check_secrets(config)
    run_app(settings, lambda: sink_app(settings, config))


@sink.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--without-secrets", is_flag=True, help="Do not look whether the secrets are there.")
def check(file: Path, without_secrets: bool) -> None:
    """Whether FILE can be used here: everything in it, and its secrets; says what each target gets."""
    from streams.sink.config import load_sink

    config = load_sink(file)
    if not without_secrets:
        _check_secrets(config)
    for name, target in config.targets.items():
        signed = f"signed with {len(target.secrets)} secret" + "s" * (len(target.secrets) > 1)
        click.echo(f"{name}: {target.url}, {target.body}, {signed}")
        for topic in target.deliver:
            only = [f"{field} is {' or '.join(map(str, values))}" for field, values in target.wanted(topic).items()]
            click.echo(f"  {topic}{': ' if only else ''}{', '.join(only)}")


@sink.command("secret")
def secret() -> None:
    """A new secret to sign with; give it to the receiver too."""
    click.echo("whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


@sink.group("parked")
def parked() -> None:
    """What targets did not take: list it, look at one, have it delivered again once the cause is mended."""


_target = click.option("--target", help="Only deliveries to this target.")


@parked.command("list")
@_target
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Newest N.")
@click.option("--all", "with_redriven", is_flag=True, help="Also those that were ordered again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@brokers_option
def list_parked(target: str | None, limit: int, with_redriven: bool, as_json: bool, brokers: str | None) -> None:
    """The deliveries that wait, newest last."""
    from rich.console import Console

    from streams.settings import load_settings

    waiting = [
        each
        for each in _read(load_settings(brokers=brokers))
        if target in (None, each.record.target) and (with_redriven or each.mark is None)
    ]
    chosen = sorted(waiting, key=lambda each: each.record.parked_at)[-limit:]
    if as_json:
        for each in chosen:
            click.echo(json.dumps(plain(each)))
        return
    Console().print(_table(chosen) if chosen else "No deliveries are parked.")


@parked.command("show")
@click.argument("place", metavar="PARTITION@OFFSET")
@brokers_option
def show(place: str, brokers: str | None) -> None:
    """One parked delivery, with its record as the target would get it."""
    from streams.kafka.codec import wire_for
    from streams.lane.unreadable import UnreadableRecord
    from streams.settings import load_settings
    from streams.sink.body import as_json

    settings = load_settings(brokers=brokers)
    each = _one(_read(settings), place)
    try:
        record: Any = as_json(each.record.topic, wire_for(settings).decode_any(each.record.topic, each.record.value))
    except (UnreadableRecord, ValueError, OverflowError, OSError):
        record = f"0x{each.record.value.hex()}"
    click.echo(json.dumps({**plain(each), "record": record}, indent=2))


@parked.command("redrive")
@_target
@click.option("--offset", "place", metavar="PARTITION@OFFSET", help="Only this one.")
@click.option("--force", is_flag=True, help="Also what a newer record of the lead has overtaken.")
@click.option("--dry-run", is_flag=True, help="Only say what would be ordered.")
@click.option("--actor", required=True, help="Who does this; kept with the order.")
@click.option("--reason", required=True, help="Why it will work now; kept with the order.")
@brokers_option
def redrive(
    target: str | None, place: str | None, force: bool, dry_run: bool, actor: str, reason: str, brokers: str | None
) -> None:
    """Have waiting deliveries delivered again by the running sink, each once, under their old keys.

    What a newer record has overtaken is left out: an old pause must not come after a newer resume.
    """
    from streams.kafka.codec import wire_for
    from streams.kafka.letters import Mark
    from streams.kafka.reader import Reader
    from streams.settings import load_settings
    from streams.sink.redrive import Redriver, check_overtaken, read_parked

    settings = load_settings(brokers=brokers)
    wire = wire_for(settings)
    redriver = None if dry_run else Redriver(settings, wire)  # before reading: it ends whoever else is at it
    with Reader(settings) as reader:
        found = read_parked(reader, wire)
        chosen = [_waiting(_one(found, place))] if place else [each for each in found if each.mark is None]
        chosen = [each for each in chosen if target in (None, each.record.target)]
        checked = check_overtaken(reader, wire, chosen)
    due = chosen if force else checked.due
    if redriver is not None:
        redriver.order(due, Mark(actor, reason, int(time.time() * 1000)), checked.ends, forced=force)
    for each in due:
        click.echo(f"{'would order' if dry_run else 'ordered'} {each.place} for {each.record.target}")
    left_out = [] if force else [each for each in chosen if each.place in checked.overtaken]
    for each in left_out:
        newer = f"{each.record.topic}[{each.record.partition}]@{checked.overtaken[each.place]}"
        click.echo(f"left out {each.place} for {each.record.target}: overtaken by {newer}")
    click.echo(f"{len(due)} {'to order' if dry_run else 'ordered'}, {len(left_out)} left out (overtaken)")


def plain(each: Parked) -> dict[str, Any]:
    """A parked delivery as JSON, without what it carries."""
    record = each.record
    return {
        "place": each.place,
        "target": record.target,
        "came_from": f"{record.topic}[{record.partition}]@{record.offset}",
        "key": record.key.decode(errors="replace") if record.key is not None else None,
        "delivery_id": record.delivery_id,
        "tries": record.tries,
        "status": record.status,
        "error": record.error,
        "parked_at": _time(record.parked_at),
        "value_bytes": len(record.value),
        "redriven": each.mark._asdict() if each.mark else None,
    }


def _table(parked: Sequence[Parked]) -> Any:
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False)
    for column in ("place", "target", "parked at", "came from", "key", "tries"):
        shown.add_column(column, no_wrap=True)
    shown.add_column("error")
    for each in parked:
        row = plain(each)
        style = "dim" if each.mark else ""
        cells = (row["place"], row["target"], row["parked_at"], row["came_from"], row["key"] or "-", str(row["tries"]))
        shown.add_row(*(Text(cell, style) for cell in cells), Text(row["error"], style))
    return shown


def _read(settings: Settings) -> list[Parked]:
    from streams.kafka.codec import wire_for
    from streams.kafka.reader import Reader
    from streams.sink.redrive import read_parked

    with Reader(settings) as reader:
        return read_parked(reader, wire_for(settings))


def _one(found: Iterable[Parked], place: str) -> Parked:
    for each in found:
        if each.place == place:
            return each
    raise NoSuchDelivery(
        f"sink.parked has none at {place!r}, expected PARTITION@OFFSET as `leadlane sink parked list` shows it."
    )


def _waiting(each: Parked) -> Parked:
    if each.mark is not None:
        raise AlreadyRedriven(
            f"{each.place} was ordered again at {_time(each.mark.at)} by {each.mark.actor} ({each.mark.reason}). If it "
            "failed again it is parked anew: `leadlane sink parked list`."
        )
    return each


def _check_secrets(config: SinkConfig) -> None:
    from streams.sink.post import keys_of, static_headers

    for name, target in config.targets.items():
        keys_of(name, target)
        static_headers(name, target)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
