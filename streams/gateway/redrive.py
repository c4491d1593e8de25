"""Bodies that no rule could take, mapped again once rules or sender are mended; the letter is marked as sent again.

Law of this module: the records of a letter and its mark are written in one transaction, and what of the same body
stands on the topics already is left out. So a letter is sent again once, whole, and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from multidict import CIMultiDict

from streams.core.events import Event
from streams.errors import LeadlaneError
from streams.gateway.config import GatewayConfig, Source
from streams.gateway.platform import Incoming
from streams.gateway.tails import TailReader
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.letters import Letter, Mark, Redriver, read_letters
from streams.kafka.reader import Reader
from streams.lane.processor import OutputRecord
from streams.privacy.sealer import sealer_for
from streams.settings import Settings

CAME_FROM = "gateway/"
METHOD = "REDRIVE"  # nobody sent this request


class Redriven(NamedTuple):
    """What became of one letter."""

    place: str
    source: str
    events: tuple[tuple[str, Event], ...]  # that were not on the topics
    known: int  # that were
    fault: str | None  # why it stays where it is


class StillUnmappable(LeadlaneError):
    """The rules do not take it yet."""


def redrive(settings: Settings, config: GatewayConfig, source: str | None, mark: Mark, dry_run: bool) -> list[Redriven]:
    """Send the waiting letters of one source again, or of all. Raises RedriveFailed."""
    redriver = None if dry_run else Redriver(settings)  # before reading: it ends whoever else is at it
    wire, sealer = wire_for(settings), None if dry_run else sealer_for(settings, "gateway-redrive")
    with Reader(settings) as reader:
        letters = [each for each in read_letters(reader, wire) if _is_wanted(each, config, source)]
    known = _known(settings, config) if letters else frozenset()
    done: list[Redriven] = []
    for letter in letters:
        outcome = _mapped(letter, config.sources[_source_of(letter)], known)
        done.append(outcome)
        if redriver is None or outcome.fault is not None:
            continue
        events = [event for _, event in outcome.events]
        sealed = sealer.seal_all(events) if sealer is not None else events
        topics = [topic for topic, _ in outcome.events]
        records = [
            (topic, OutputRecord(event.lead_id.encode(), wire.encode(event), event_headers(event)))
            for topic, event in zip(topics, sealed, strict=True)
        ]
        redriver.replace(letter, records, mark)
        known = known | {event.event_id for event in events}
    if sealer is not None:
        sealer.close()
    return done


def _is_wanted(letter: Letter, config: GatewayConfig, source: str | None) -> bool:
    name = _source_of(letter)
    return letter.mark is None and name in config.sources and source in (None, name)


def _source_of(letter: Letter) -> str:
    topic = letter.letter.topic
    return topic.removeprefix(CAME_FROM) if topic.startswith(CAME_FROM) else ""


def _known(settings: Settings, config: GatewayConfig) -> frozenset[str]:
    """What stands on the topics, as far back as they reach."""
    sources = frozenset(f"/{name}".encode() for name in config.sources)
    topics = frozenset[str]().union(*(source.mapper.topics for source in config.sources.values()))
    found: set[str] = set()
    if topics:
        TailReader(settings, sources.__contains__).since(topics, 0, config.remember.ids, found.add)
    return frozenset(found)


def _mapped(letter: Letter, source: Source, known: frozenset[str]) -> Redriven:
    """The letter as if it came at the time at which it came."""
    name = source.config.name
    try:
        events = tuple(_events(letter, source))
    except LeadlaneError as error:
        return Redriven(letter.place, name, (), 0, str(error.args[0]))
    new = {event.event_id: (topic, event) for topic, event in events if event.event_id not in known}
    return Redriven(letter.place, name, tuple(new.values()), len(events) - len(new), None)


def _events(letter: Letter, source: Source) -> Iterator[tuple[str, Event]]:
    came = letter.letter
    headers = CIMultiDict((header.name, (header.value or b"").decode(errors="replace")) for header in came.headers)
    path = f"/v1/{source.config.name}"
    incoming = Incoming(METHOD, path, path, {}, headers, came.value or b"", came.timestamp)
    reading = source.platform.read(incoming)
    for part in reading.left:
        raise StillUnmappable(part.reason)
    for item in reading.items:
        mapped = source.mapper.map(item, came.timestamp)
        if mapped.faults:
            raise StillUnmappable(f"{item.kind} {item.id}: {mapped.faults[0]}")
        if not mapped.events and source.config.unmatched == "dead":
            raise StillUnmappable(f"{item.kind} {item.id}: no rule takes it")
        yield from mapped.events
