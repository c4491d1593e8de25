"""`leadlane dlq`: what could not be processed, why, and sending it again once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands.options import brokers_option
from streams.errors import LeadlaneError
from streams.kafka.codec import wire_for
from streams.kafka.letters import REDRIVABLE, Letter, Mark, Redriver, Repair, read_letters
from streams.kafka.reader import Reader
from streams.lane.deadletters import LetterNotWhole, original
from streams.lane.unreadable import UnreadableRecord
from streams.privacy.opening import Opening
from streams.settings import Settings, load_settings

SHOWN_BYTES = 256


class NoSuchLetter(LeadlaneError):
    """No dead letter stands there."""


class AlreadyRedriven(LeadlaneError):
    """The letter was sent again before; twice would be a duplicate."""


class CannotRedrive(LeadlaneError):
    """The letter, or what was asked for it, cannot be sent."""


@click.group()
def dlq() -> None:
    """Dead letters: list them, look at one, send them again once the cause is mended."""


_topic = click.option("--topic", help="Only letters of this input topic.")
_error_class = click.option("--error-class", help="Only letters of this error class.")


@dlq.command("list")
@_topic
@_error_class
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Newest N.")
@click.option("--all", "with_redriven", is_flag=True, help="Also those that were sent again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@brokers_option
def list_letters(
    topic: str | None, error_class: str | None, limit: int, with_redriven: bool, as_json: bool, brokers: str | None
) -> None:
    """The dead letters that wait, newest last."""
    letters = [each for each in _read(load_settings(brokers=brokers)) if with_redriven or each.mark is None]
    chosen = sorted(_chosen(letters, topic, error_class), key=lambda each: each.letter.failed_at)[-limit:]
    if as_json:
        for each in chosen:
            click.echo(json.dumps(plain(each)))
        return
    Console().print(table(chosen) if chosen else "No dead letters wait.")


@dlq.command("show")
@click.argument("place", metavar="PARTITION@OFFSET")
@click.option("--value-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the original bytes here.")
@brokers_option
def show(place: str, value_file: Path | None, brokers: str | None) -> None:
    """One dead letter, whole; as a record, too, where it can be read. Sealed texts are opened with the secret."""
    settings = load_settings(brokers=brokers)
    letter = _one(_read(settings), place)
    if value_file is not None:
        value_file.write_bytes(letter.letter.value or b"")
    click.echo(json.dumps(plain(letter) | {"record": _record(settings, letter)}, indent=2))


def _record(settings: Settings, each: Letter) -> Any:
    """What came, as a record; None if it cannot be read as one."""
    if each.letter.topic not in REDRIVABLE:
        return None
    try:
        with Opening(settings) as opening:
            event = wire_for(settings).decode(each.letter.topic, original(each.letter).value, opening)
    except (UnreadableRecord, LetterNotWhole):
        return None
    return msgspec.to_builtins(event)


@dlq.command("redrive")
@_topic
@_error_class
@click.option("--offset", "place", metavar="PARTITION@OFFSET", help="Only this letter.")
@click.option("--value-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send these bytes.")
@click.option("--key", help="Send under this key (the lead_id).")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.option("--actor", required=True, help="Who does this; kept with the letter.")
@click.option("--reason", required=True, help="Why it will work now; kept with the letter.")
@brokers_option
def redrive(
    topic: str | None,
    error_class: str | None,
    place: str | None,
    value_file: Path | None,
    key: str | None,
    dry_run: bool,
    actor: str,
    reason: str,
    brokers: str | None,
) -> None:
    """Send waiting letters again to where they came from, each once: original bytes, or repaired with --offset."""
    if place is None and (value_file or key):
        raise CannotRedrive("--value-file and --key repair one letter: expected --offset PARTITION@OFFSET with them.")
    settings = load_settings(brokers=brokers)
    redriver = None if dry_run else Redriver(settings)  # before reading: it ends whoever else is at it
    letters = _read(settings)
    wanted = [_waiting(_one(letters, place))] if place else _chosen(letters, topic, error_class)
    due = [each for each in wanted if each.mark is None and each.letter.topic in REDRIVABLE]
    repair = Repair(value_file.read_bytes() if value_file else None, key.encode() if key else None)
    if redriver is not None:
        redriver.redrive(due, Mark(actor, reason, int(time.time() * 1000)), repair)
    for each in due:
        click.echo(f"{'would send' if dry_run else 'sent'} {each.place} to {each.letter.topic}")
    click.echo(
        f"{len(due)} {'to send' if dry_run else 'sent'}, {len(wanted) - len(due)} left out (sent before, or a timer)"
    )


def plain(each: Letter) -> dict[str, Any]:
    """A letter as JSON: bytes as text where they are text, else as hex."""
    letter = each.letter
    return {
        "place": each.place,
        "came_from": _came_from(each),
        "failed_at": _time(letter.failed_at),
        "error_class": letter.error_class,
        "error": letter.error_text,
        "lead_id": letter.lead_id,
        "event_id": letter.event_id,
        "key": _readable(letter.key),
        "value_bytes": None if letter.value is None else len(letter.value),
        "value_starts": _readable((letter.value or b"")[:SHOWN_BYTES]) if letter.value is not None else None,
        "headers": {header.name: _readable(header.value) for header in letter.headers},
        "redriven": each.mark._asdict() if each.mark else None,
    }


def table(letters: Sequence[Letter]) -> Table:
    """Letters for people."""
    shown = Table(box=None, pad_edge=False)
    for column in ("place", "failed at", "came from", "key"):
        shown.add_column(column, no_wrap=True)
    shown.add_column("error")
    for each in letters:
        letter, came_from = each.letter, _came_from(each)
        # The row says where it came from, and what to do is the same for all: what went wrong is left.
        error = letter.error_text.removeprefix(f"{came_from}: ").partition(". Sent to dead.letters")[0]
        key = Text(_readable(letter.key) or "-")
        shown.add_row(each.place, _time(letter.failed_at), came_from, key, Text(error, "dim" if each.mark else ""))
    return shown


def _came_from(each: Letter) -> str:
    return f"{each.letter.topic}[{each.letter.partition}]@{each.letter.offset}"


def _read(settings: Settings) -> list[Letter]:
    with Reader(settings) as reader:
        return read_letters(reader, wire_for(settings))


def _chosen(letters: Sequence[Letter], topic: str | None, error_class: str | None) -> list[Letter]:
    return [
        each
        for each in letters
        if topic in (None, each.letter.topic) and error_class in (None, each.letter.error_class)
    ]


def _one(letters: Sequence[Letter], place: str) -> Letter:
    for each in letters:
        if each.place == place:
            return each
    raise NoSuchLetter(
        f"dead.letters has none at {place!r}, expected PARTITION@OFFSET as `leadlane dlq list` shows it."
    )


def _waiting(letter: Letter) -> Letter:
    if letter.mark is not None:
        mark = letter.mark
        raise AlreadyRedriven(
            f"{letter.place} was sent again at {_time(mark.at)} by {mark.actor} ({mark.reason}). If it failed again "
            "it is a new letter: `leadlane dlq list`."
        )
    if letter.letter.topic.startswith("gateway/"):
        raise CannotRedrive(f"{letter.place} came over HTTP and stood in no topic: `leadlane gateway redrive` maps it.")
    if letter.letter.topic not in REDRIVABLE:
        raise CannotRedrive(
            f"{letter.place} came from {letter.letter.topic}, a timer: the lane tries it again by itself."
        )
    return letter


def _readable(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"0x{raw.hex()}"
    return text if text.isprintable() else f"0x{raw.hex()}"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
