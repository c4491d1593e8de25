"""Seeded traffic: what marketing platforms, CRMs, mailboxes and broken senders write, in order of arrival.

Law of this module: pure. The same seed, counts and times give the same messages, byte for byte; nobody reads a clock.
Used by `leadlane demo`, `leadlane bench` and the chaos runs.
"""

from __future__ import annotations

import heapq
from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple

from streams import topics
from streams.core.events import Event, ScoreSignal
from streams.demo.happenings import DAY, HAPPENINGS, HOUR, MINUTE, SECOND, Happening, Pen, arrival
from streams.demo.world import Lead, people

START_AT = 1_780_909_200_000  # Monday 2026-06-08 09:00 UTC
SPAN_MS = 28 * DAY  # of simulated time, however many events fall into it
TOPIC_OF = {topic.record: topic.name for topic in topics.INPUTS if topic.record}


class Message(NamedTuple):
    """One record as it arrives. `value` is an event to encode, raw bytes to send as they are, or a tombstone."""

    topic: str
    key: bytes | None
    value: Event | bytes | None
    at: int  # arrival, simulated time, ms UTC; never falls
    kind: str  # of happening, for people: "burst", "duplicate", "poison: truncated"


class Mishap(NamedTuple):
    """What goes wrong on the way: a share of all messages arrives later (or again) by a delay in a range."""

    name: str
    share: float
    delay_ms: tuple[int, int]
    again: bool = False


MISHAPS = (
    Mishap("duplicate", 0.010, (SECOND, HOUR), again=True),
    Mishap("late", 0.010, (HOUR, 9 * HOUR)),
    Mishap("reordered", 0.020, (SECOND, 2 * MINUTE)),
)


class Poison(NamedTuple):
    """One way to break a message."""

    name: str
    share: float
    broken: Callable[[Message], Message]


def _value(value: bytes | None) -> Callable[[Message], Message]:
    return lambda message: message._replace(value=value)


def _key(key: bytes | None) -> Callable[[Message], Message]:
    return lambda message: message._replace(key=key)


def _out_of_range(message: Message) -> Message:
    lead_id = (message.key or b"").decode()
    event = ScoreSignal(  # built without validation, as a broken sender would
        event_id=f"broken-{message.at}",
        lead_id=lead_id,
        occurred_at=message.at,
        source="vendor",
        kind="fit",
        value=171.0,
    )
    return message._replace(topic=topics.SCORES.name, value=event)


POISON = (
    Poison("unknown schema id", 0.0003, _value(b"\0\x7f\xff\xff\xf0hello")),
    Poison("truncated", 0.0003, _value(b"\0\0\0\0")),
    Poison("not framed", 0.0002, _value(b'{"lead":"L000001"}')),
    Poison("out of range", 0.0003, _out_of_range),
    Poison("key not UTF-8", 0.0002, _key(b"\xff\xfe\xfd")),
    Poison("no key", 0.0002, _key(None)),
    Poison("tombstone", 0.0002, _value(None)),
)


def traffic(
    seed: int,
    events: int,
    leads: int,
    *,
    start_at: int = START_AT,
    span_ms: int = SPAN_MS,
    run: str = "",
    lead_prefix: str = "",
) -> Iterator[Message]:
    """`events` messages of `leads` leads, arriving from `start_at` over `span_ms` of simulated time.

    `run` starts every event id; runs on the same topics need different ones, or the later is all duplicates;
    with another `lead_prefix` it is about other leads, too.
    """
    random = Random(seed)
    pen = Pen(random, run or f"s{seed}", start_at + span_ms)
    crowd = people(random, leads, lead_prefix)
    waiting: list[tuple[int, int, Message]] = []  # by arrival
    choices = {kind: _choices(kind) for kind in {lead.kind.name for lead in crowd}}
    step = span_ms / max(1, events)
    at, made, given = float(start_at), 0, 0
    while given < events:
        if waiting and waiting[0][0] <= at:
            yield heapq.heappop(waiting)[2]
            given += 1
            continue
        for delay, message in _happen(pen, crowd[int(random.random() * len(crowd))], int(at), choices):
            for late, arrived in _mishaps(random, message):
                made += 1
                heapq.heappush(waiting, (int(at) + delay + late, made, arrived._replace(at=int(at) + delay + late)))
        # Stories write several messages at once: time moves on by those that came due, so that the span holds.
        at = max(at + 1, start_at + given * step)


def _choices(kind: str) -> tuple[list[float], list[Happening]]:
    rows = [row for row in HAPPENINGS if not row.kinds or kind in row.kinds]
    return list(accumulate(row.weight for row in rows)), rows


def _happen(
    pen: Pen, lead: Lead, at: int, choices: dict[str, tuple[list[float], list[Happening]]]
) -> Iterator[tuple[int, Message]]:
    pen.lead, pen.at = lead, at
    if lead.arrived:
        weights, rows = choices[lead.kind.name]
        row = rows[bisect(weights, pen.random.random() * weights[-1])]
        name, story = row.name, row.write(pen)
    else:
        lead.arrived = True
        name, story = "arrival", arrival(pen)
    for delay, event in story:
        yield delay, Message(TOPIC_OF[type(event).__name__], lead.key, event, at, name)


def _mishaps(random: Random, message: Message) -> Iterator[tuple[int, Message]]:
    """How the message arrives: in time, late, twice or broken."""
    dice = random.random()
    for poison in POISON:
        dice -= poison.share
        if dice < 0:
            yield 0, poison.broken(message)._replace(kind=f"poison: {poison.name}")
            return
    for mishap in MISHAPS:
        dice -= mishap.share
        if dice < 0:
            if mishap.again:
                yield 0, message
            yield random.randint(*mishap.delay_ms), message._replace(kind=mishap.name)
            return
    yield 0, message
