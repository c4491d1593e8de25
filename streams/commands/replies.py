"""`leadlane replies`: what the reply reader makes of raw mails, with its evidence."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.core.reading import ParsedMail, Reading, UnreadableMail, parse_mail, read_reply

MAIL_SUFFIXES = (".eml", ".mbox")
BODY_SUFFIXES = (".txt",)
_FILE_BYTES = 200_000_000
_EPOCH = date(1970, 1, 1).toordinal()


class Read(NamedTuple):
    """One mail of a file, read."""

    name: str
    mail: ParsedMail
    reading: Reading


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per mail instead of the table.")
@click.option("--bodies", is_flag=True, help="Also read .txt files, as the bare text of a reply.")
@click.option("--language", help="What is known of the writers, for example en-GB; decides 03/04 and ties.")
@click.option("--country", help="Country of the writers (ISO code); decides 03/04.")
@click.option("--time-zone", default="UTC", show_default=True, help="Where their tomorrow begins.")
def replies(
    paths: tuple[Path, ...], as_json: bool, bodies: bool, language: str | None, country: str | None, time_zone: str
) -> None:
    """Read the mails in PATHS (.eml, .mbox, or folders of them): class, confidence, return date, evidence.

    A mail without a readable date is read as of now. A file that is no mail costs one line on stderr and exit code 1.
    """
    console = Console(highlight=False, soft_wrap=True)
    counts: Counter[str] = Counter()
    faults = 0
    for path in _files(paths, bodies):
        try:
            for name, mail in _mails(path, bodies):
                at = mail.received_at if mail.received_at is not None else int(time.time() * 1000)
                reading = read_reply(mail.headers, mail.subject, mail.text, at, language, time_zone, country)
                counts[reading.reply_class.value] += 1
                _show(console, Read(name, mail, reading), as_json)
        except (UnreadableMail, OSError) as error:
            faults += 1
            print(
                f"{type(error).__name__}: {path}: {error}. Give a mail as its program saved it (.eml).", file=sys.stderr
            )
    if not as_json and sum(counts.values()) > 1:
        console.print(_summary(counts))
    if faults:
        print(f"{faults} of {faults + sum(counts.values())} files could not be read.", file=sys.stderr)
    if faults or not counts:
        if not counts and not faults:
            print(
                f"No mail found: expected {', '.join(MAIL_SUFFIXES)} files in {', '.join(map(str, paths))}.",
                file=sys.stderr,
            )
        sys.exit(1)


def _files(paths: tuple[Path, ...], bodies: bool) -> Iterator[Path]:
    """The files named, and the mails in the folders named, in order of their names."""
    suffixes = (*MAIL_SUFFIXES, *BODY_SUFFIXES) if bodies else MAIL_SUFFIXES
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
        else:
            yield path


def _mails(path: Path, bodies: bool) -> Iterator[tuple[str, ParsedMail]]:
    with path.open("rb") as file:
        raw = file.read(_FILE_BYTES)
    if bodies and path.suffix.lower() in BODY_SUFFIXES:
        yield path.name, ParsedMail({}, "", raw.decode("utf-8", "replace"), None)
    elif path.suffix.lower() == ".mbox":
        for number, one in enumerate(_split_mbox(raw), start=1):
            yield f"{path.name}[{number}]", parse_mail(one)
    else:
        yield path.name, parse_mail(raw)


def _split_mbox(raw: bytes) -> Iterator[bytes]:
    """The mails of an mbox: each begins with a `From ` line at the beginning or behind an empty line."""
    parts = raw.replace(b"\r\n", b"\n").split(b"\n\nFrom ")
    yield from (part if number == 0 else b"From " + part for number, part in enumerate(parts))


def _show(console: Console, read: Read, as_json: bool) -> None:
    reading = read.reading
    if as_json:
        row: dict[str, Any] = {"file": read.name, **msgspec.to_builtins(reading), "until": _iso(reading.until)}
        print(msgspec.json.encode(row).decode())
        return
    line = Text()
    line.append(f"{reading.reply_class.value:<15}", style="bold")
    line.append(f"{reading.confidence:4.2f}  ")
    line.append("machine " if reading.is_automatic else "person  ", style="dim")
    line.append(f"{read.name}  ")
    line.append(f"\u201c{read.mail.subject[:60]}\u201d", style="dim")
    console.print(line)
    facts = _facts(reading)
    if facts:
        console.print(Text("    " + "  ".join(facts)))
    for evidence in reading.evidence:
        console.print(Text(f"    {evidence.source}: {evidence.what}: {evidence.quote}", style="dim"))


def _facts(reading: Reading) -> list[str]:
    facts = [f"until {_iso(reading.until)}"] if reading.until is not None else []
    if reading.also_classes:
        facts.append("also " + ", ".join(also.value for also in reading.also_classes))
    if reading.bounce_kind is not None:
        facts.append(f"{reading.bounce_kind} bounce")
    if reading.referral_to is not None:
        facts.append(f"refers to {reading.referral_to}")
    if reading.legal_threat:
        facts.append("legal threat")
    if reading.objection:
        facts.append("objects to machines")
    if reading.sentiment:
        facts.append(f"sentiment {reading.sentiment:+.2f}")
    return facts


def _iso(day: int | None) -> str | None:
    return None if day is None else date.fromordinal(day + _EPOCH).isoformat()


def _summary(counts: Counter[str]) -> Table:
    table = Table("class", "mails", title=f"{sum(counts.values())} mails")
    for name, count in counts.most_common():
        table.add_row(name, str(count))
    return table
