"""`leadlane history`: the audit trail of all control topics: who did what, when, why, and with whom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands.options import brokers_option
from streams.commands.signing import json_option, now_ms, utc
from streams.core.context import ControlChange
from streams.kafka.codec import wire_for
from streams.kafka.history import changes
from streams.kafka.reader import Reader
from streams.settings import Settings, load_settings
from streams.topics import CONTROLS

UNIT_MS = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}
SHORT = {topic.name.removeprefix("control."): topic.name for topic in CONTROLS}


class Since(click.ParamType):
    """A day, a time, or so long ago, as ms UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,6})\s?(min|h|d)", str(value).strip())
        if found is not None:
            return now_ms() - int(found[1]) * UNIT_MS[found[2]]
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"expected 2026-12-31, 2026-12-31T09:00 (UTC), 90 min, 12 h or 7 d, got {value!r}", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@click.command()
@click.option(
    "--topic",
    type=click.Choice([*SHORT, *SHORT.values()]),
    metavar="TOPIC",
    help=f"Only this one: {', '.join(SHORT)}.",
)
@click.option("--key", help="Only records of this key: a version, a rep, an approval, `active`, `automation` ...")
@click.option("--since", type=Since(), help="Only from then on: 2026-12-31, 2026-12-31T09:00 (UTC), 12h or 7d ago.")
@json_option
@brokers_option
def history(topic: str | None, key: str | None, since: int | None, as_json: bool, brokers: str | None) -> None:
    """Everything that was written to the control topics, oldest first: when, who, what, why."""
    wanted = None if topic is None else SHORT.get(topic, topic)
    found = [
        each
        for each in entries(load_settings(brokers=brokers), since)
        if wanted in (None, each.topic) and key in (None, each.key)
    ]
    if as_json:
        for each in found:
            click.echo(json.dumps(plain(each)))
    elif found:
        Console().print(table(found))
    else:
        click.echo("Nothing of that was written.")


def entries(settings: Settings, since: int | None = None) -> Iterator[ControlChange]:
    """The audit trail from a time on, in the order of writing. Raises MissingTopic."""
    with Reader(settings) as reader:
        for each in changes(reader, wire_for(settings)):
            if since is None or each.at >= since:
                yield each


def plain(change: ControlChange) -> dict[str, Any]:
    """An entry as JSON; the bytes of the record stay in the topic, their hash says which they are."""
    shown: dict[str, Any] = msgspec.to_builtins(change)
    del shown["value"]
    return shown | {"at": utc(change.at)}


def table(found: list[ControlChange]) -> Table:
    """The audit trail for people."""
    shown = Table(box=None, pad_edge=False)
    for column in ("at", "topic", "what", "by", "why"):
        shown.add_column(column, overflow="fold", no_wrap=column == "at")
    for each in found:
        by = f"{each.actor}, {each.second_actor}" if each.second_actor else each.actor
        cells = (utc(each.at), each.topic.removeprefix("control."), each.summary or each.key, by, each.reason)
        shown.add_row(*map(Text, cells))
    return shown
