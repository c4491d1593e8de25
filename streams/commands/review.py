"""`leadlane review`: a month on one page: what was wrong, what people say, what to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from streams import topics
from streams.commands.options import brokers_option
from streams.commands.signing import now_ms, warn
from streams.core.context import Alarm, ControlChange, ModelVersion
from streams.core.policy import GovernanceRow
from streams.errors import LeadlaneError
from streams.kafka.changes import ACTIVE
from streams.kafka.codec import wire_for
from streams.kafka.history import changes
from streams.kafka.reader import Reader, timestamp_of
from streams.lab.advice import Suggestion, advice
from streams.lab.books import line_of
from streams.lab.month import Month, take
from streams.lab.review import Review, review_of
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.policy.publish import active_policy
from streams.privacy.fields import hidden
from streams.settings import Settings, load_settings

READ = (
    topics.DECISIONS, topics.CASE_EVENTS, topics.REVIEWS, topics.LABELS, topics.EXAMPLES, topics.STATS,
)  # fmt: skip
SLACK_MS = 3_600_000  # a record is looked for from so long before the month until so long after it
LISTED = frozenset({topics.POLICIES.name, topics.SWITCHES.name})  # whose changes the review lists


class NoPolicy(LeadlaneError):
    """There is no active policy to review a month by."""

    exit_code = 6


class MonthName(click.ParamType):
    """2026-10, as (name, start, end) in ms UTC."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int, int]:
        found = re.fullmatch(r"(\d{4})-(\d{2})", str(value).strip())
        year, month = (int(found[1]), int(found[2])) if found else (0, 0)
        if not (1 <= month <= 12 and 2000 <= year <= 9998):
            self.fail(f"expected a month such as 2026-10, got {value!r}", param, ctx)
        return month_of(year, month)


@click.command()
@click.option("--month", "wanted", type=MonthName(), help="The month, in UTC. Default: the one before this.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: review-YYYY-MM.html.")
@click.option(
    "--json", "as_json", is_flag=True, help="The figures as one JSON object on stdout; a page only with --out."
)
@brokers_option
def review(wanted: tuple[str, int, int] | None, out: Path | None, as_json: bool, brokers: str | None) -> None:
    """Review a month: false positives and negatives, overrides, rules without effect, fairness, what to change."""
    settings = load_settings(brokers=brokers)
    policy = active_policy(settings)
    if policy is None:
        raise NoPolicy(
            f"{settings.brokers}: expected an active policy on control.policies, got none: its targets are what a month"
            " is reviewed by. Publish one with `leadlane policy publish`."
        )
    name, start, end = wanted or last_month(now_ms())
    month, left_out = counted(settings, policy.governance, start, end)
    if left_out:
        warn(
            [f"{left_out:,} records could not be read and are left out; `leadlane doctor` says whether schemas differ."]
        )
    found = review_of(name, month, policy)
    suggestions = advice(found, policy)
    if as_json:
        click.echo(json_of(found, suggestions))
    if out is not None or not as_json:
        from streams.commands.review_page import page  # here: --json does without templates

        path = out or Path(f"review-{name}.html")
        path.write_text(page(found, suggestions, policy))
        click.echo(said_of(found, suggestions, path), err=as_json)


def month_of(year: int, month: int) -> tuple[str, int, int]:
    after = (year + month // 12, month % 12 + 1)
    start, end = (int(datetime(*each, 1, tzinfo=UTC).timestamp() * 1000) for each in ((year, month), after))
    return f"{year}-{month:02}", start, end


def last_month(now: int) -> tuple[str, int, int]:
    """The last whole month."""
    today = datetime.fromtimestamp(now / 1000, UTC)
    return month_of(today.year - (today.month == 1), (today.month - 2) % 12 + 1)


def counted(settings: Settings, row: GovernanceRow, start: int, end: int) -> tuple[Month, int]:
    """The month's records from their topics, counted, and how many could not be read. Raises MissingTopic."""
    month, wire, left_out = Month(start, end), wire_for(settings), 0
    with Reader(settings) as reader:
        for topic in READ:
            if _is_cut(reader, topic.name, start):
                month.cut.append(topic.name)
            for value in _values(reader, topic.name, start, end):
                try:
                    take(month, wire.decode_any(topic.name, value, hidden), row)
                except UnreadableRecord:
                    left_out += 1
        listed = _listed(wire)
        for change in changes(reader, wire):
            for record in listed(change):
                take(month, record, row)
    return month, left_out


def _is_cut(reader: Reader, topic: str, start: int) -> bool:
    """Whether retention took away what a topic had at the beginning of the month, or some of it."""
    for partition in range(reader.partitions(topic)):
        low, high = reader.bounds(topic, partition)
        if low and (low == high or reader.offset_at(topic, partition, start) == low):
            return True
    return False


def _values(reader: Reader, topic: str, start: int, end: int) -> Iterator[bytes]:
    """What was written to a topic around the month; partition by partition, so that each can end by itself."""
    for partition in range(reader.partitions(topic)):
        first = reader.offset_at(topic, partition, start - SLACK_MS)
        for message in reader.read(topic, {partition: first}):
            at = timestamp_of(message)
            if at is not None and at >= end + SLACK_MS:
                break
            value = message.value()
            if value is not None:
                yield value


def _listed(wire: Wire) -> Callable[[ControlChange], Iterator[Alarm | ControlChange]]:
    """Of the audit trail: alarms, policies, switches, and roles of models where another line, or a freeze, came."""
    standing: list[tuple[object, ...]] = [()]

    def records(change: ControlChange) -> Iterator[Alarm | ControlChange]:
        if change.topic in LISTED:
            yield change
        elif change.topic in (topics.ALARMS.name, topics.MODELS.name) and change.value is not None:
            try:
                record = wire.decode_control(change.topic, change.value)
            except UnreadableRecord:
                return
            if isinstance(record, Alarm):
                yield record
            elif isinstance(record, ModelVersion) and change.key == ACTIVE:
                roles = _roles(record)
                if roles != standing[0]:
                    yield change
                standing[0] = roles

    return records


def _roles(record: ModelVersion) -> tuple[object, ...]:
    """Which lines have which roles. A line that a role follows moves every minute; that is no change."""
    names = (record.champion, record.challenger, record.shadow)
    lines = (None if name is None else line_of(name) for name in names)
    return (*lines, record.challenger_share, record.follows, record.frozen)


def json_of(found: Review, suggestions: tuple[Suggestion, ...]) -> bytes:
    """The figures, with names."""
    return msgspec.json.encode(_named({**found._asdict(), "suggestions": suggestions}))


def _named(value: Any) -> Any:
    """Named tuples as objects, so that a reader needs no order."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _named(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): _named(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_named(part) for part in value]
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value


def said_of(found: Review, suggestions: tuple[Suggestion, ...], path: Path) -> str:
    """What the command says on the terminal."""
    if found.is_empty:
        return f"{found.month}: nothing was recorded. {path} says so."
    return f"{found.month}: {found.decisions:,} decisions, {len(suggestions)} suggestions. Read {path}"
