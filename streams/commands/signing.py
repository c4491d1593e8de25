"""What commands share that write control records: who does it and why, and how such records are shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from streams.core.context import ControlRecord
    from streams.kafka.control import Stamp

LONGEST_ID = 200  # characters, as in streams.core.events.Id
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def identifier(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """An id or a name as records take it: without blanks around it, neither empty nor endless."""
    if value is None:
        return None
    if not 1 <= len(value.strip()) <= LONGEST_ID:
        raise click.BadParameter(f"expected 1 to {LONGEST_ID} characters, got {len(value.strip())}", param=option)
    return value.strip()


def said(_: click.Context, option: click.Parameter, value: str) -> str:
    """An audit trail with blanks in it is none."""
    if not value.strip():
        raise click.BadParameter("expected a text, got none", param=option)
    return value.strip()


actor_option = click.option("--actor", required=True, callback=identifier, help="Who does this.")
reason_option = click.option("--reason", required=True, callback=said, help="Why: it stands in the record for ever.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def signed(command: CommandT) -> CommandT:
    """The command with --actor and --reason."""
    return actor_option(reason_option(command))


def stamp_now(actor: str, reason: str) -> Stamp:
    """The signature of what is done at this moment."""
    from streams.kafka.control import Stamp  # here, so that a command that needs no broker does not load its client

    return Stamp(actor, reason, now_ms())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def utc(at: int) -> str:
    """A time for people, to the minute."""
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(at / 1000))


def signature(record: ControlRecord) -> str:
    """by ana at 2026-06-08T09:00Z: first day."""
    return f"by {record.actor} at {utc(record.at)}: {record.reason}"


def warn(warnings: Iterable[str]) -> None:
    """To stderr, so that --json stays JSON."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the most similar known name, with a blank before it, or nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""
