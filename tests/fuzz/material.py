"""The messages: valid records of every input topic and what senders and networks make of them, seeded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, cast

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings

from streams.core.context import Policy
from streams.core.events import RECORD, Event
from streams.kafka.codec import event_headers
from streams.lane.registry import BuiltInCatalogue
from streams.lane.wire import Wire
from streams.topics import INPUTS
from tests import factories
from tests.factories import DAY, HOUR, MINUTE
from tests.lanes import partition_of
from tests.mutate import mutated, mutated_key, spoiled
from tests.strategies import records

LEADS = 3_000
# Names that a lead may well have, or that somebody may use against us. Those that start with NUL must be refused.
ODD_LEADS = (
    "active", "position", "null", "{}", "../../etc/passwd", " ", "\n", "lead\0", "\u202elead", "\ufeff",
    "\U0001f600" * 200, "\u00e9" * 200, "x" * 200, "%s", "'; drop table leads; --", "\0position", "\0", "\0\0position",
)  # fmt: skip
MANY = 1_000_000  # bytes
TEXT = "I am out of the office until the 14th. Not interested, but please speak to Anna about pricing! "


BOMBS = (
    "", "null", "[" * 20_000, "{" * 20_000, "a: &a [1]\nb: [*a, *a]", "&a [*a]", "version: 1", "\0", "- " * 50_000,
    "? " * 5_000, "version: x\ntiers: {}\n", "!!python/object:os.system {}", "2026-13-45", "x: 0x" + "f" * 10_000,
    "x: " + "9" * 9_000, "a: .nan\n.nan: 1\n? [1]\n: 2",
)  # fmt: skip


class Message(NamedTuple):
    """One message to send."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = 0  # 0: now


class Material:
    """Messages without end, the same for the same seed, clock and lanes."""

    def __init__(self, seed: int, now: int, lanes: int, samples: int = 150) -> None:
        self.wire = Wire(BuiltInCatalogue())
        self._random, self._now, self._lanes, self._serial = Random(seed), now, lanes, 0
        names = [*(f"lead-{number}" for number in range(LEADS)), *ODD_LEADS * 5]
        self._leads = [(name, name.encode(), partition_of(name.encode(), lanes)) for name in names]
        usual: dict[type[Event], Event] = {type(event): event for event in (make() for make in factories.EVENTS)}
        self._samples = {
            topic.name: [*drawn(RECORD[cast(str, topic.record)], samples, seed), usual[RECORD[cast(str, topic.record)]]]
            for topic in INPUTS
        }
        self._last: dict[str, Message] = {}

    def messages(self, per_topic: int) -> Iterator[Message]:
        """`per_topic` messages of every input topic, taking turns."""
        for _ in range(per_topic):
            for topic in self._samples:
                yield self._message(topic)

    def large(self, topic: str) -> Iterator[Message]:
        """Messages near and beyond every limit: those beyond one only pass in a compressed batch."""
        good = self._valid(topic)
        yield good._replace(value=good.value + bytes(MANY - 100_000) if good.value else None)
        yield good._replace(headers=(("big", bytes(MANY - 100_000)), ("none", None), ("", b"")))
        yield good._replace(headers=tuple((f"h{number}", b"") for number in range(20_000)))
        yield good._replace(key=b"k" * (MANY - 100_000))
        yield good._replace(key=b"k" * (MANY - 100_000), value=self._spoiled(topic, "lead_id", "y" * (MANY - 100_000)))
        yield good._replace(value=b"z" * 10 * MANY)
        yield good._replace(key=b"k" * 3 * MANY)
        yield good._replace(headers=(("big", bytes(3 * MANY)),))
        if topic == "signals.replies":
            event = factories.a_reply(text=TEXT * (MANY // len(TEXT) - 10), lead_id="lead-1", occurred_at=self._now)
            yield good._replace(
                key=b"lead-1", partition=partition_of(b"lead-1", self._lanes), value=self.wire.encode(event)
            )

    def any_value(self, topic: str) -> bytes:
        """The bytes of a valid record."""
        return cast(bytes, self._valid(topic).value)

    def control_bomb(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        """A policy that nobody checked before it was published, and the pointer to it."""
        version = f"bomb-{number}"
        said: dict[str, Any] = {"version": version, "actor": "fuzz", "reason": "fuzz", "at": self._now, "sha256": ""}
        yield version.encode(), self.wire.encode(Policy(document=BOMBS[number], **said))
        yield b"active", self.wire.encode(Policy(**said))

    def _message(self, topic: str) -> Message:
        make = self._random.choices(MAKERS, WEIGHTS)[0]
        message = make(self, topic)
        self._last[topic] = message
        return message

    def _event(self, topic: str) -> tuple[Event, bytes, int]:
        """Anything that the topic's type allows, of one of our leads, in the last month: valid, unless the lead's name
        is not."""
        random = self._random
        name, key, partition = random.choice(self._leads)
        self._serial += 1
        event = msgspec.structs.replace(
            random.choice(self._samples[topic]),
            event_id=f"{topic}-{self._serial}",
            lead_id=name,
            occurred_at=self._now - random.randrange(30 * DAY),
        )
        return event, key, partition

    def _valid(self, topic: str) -> Message:
        event, key, partition = self._event(topic)
        return Message(
            topic, partition, key, self.wire.encode(event), cast(tuple[tuple[str, bytes]], event_headers(event))
        )

    def _again(self, topic: str) -> Message:
        return self._last.get(topic) or self._valid(topic)

    def _mutated(self, topic: str) -> Message:
        message = self._valid(topic)
        return message._replace(value=mutated(cast(bytes, message.value), self._random))

    def _wrong_key(self, topic: str) -> Message:
        message = self._valid(topic)
        return message._replace(key=mutated_key(cast(bytes, message.key), self._random))

    def _out_of_range(self, topic: str) -> Message:
        event, key, partition = self._event(topic)
        return Message(topic, partition, key, self.wire.encode(spoiled(event, self._random)))

    def _out_of_time(self, topic: str) -> Message:
        event, key, partition = self._event(topic)
        at = self._random.choice((0, 1, self._now - 100 * 365 * DAY // 4, self._now + 3 * DAY, 253_402_300_799_000))
        return Message(topic, partition, key, self.wire.encode(msgspec.structs.replace(event, occurred_at=at)))

    def _tombstone(self, topic: str) -> Message:
        return self._valid(topic)._replace(value=None)

    def _other_record(self, topic: str) -> Message:
        return self._valid(self._random.choice(list(self._samples)))._replace(topic=topic)

    def _other_partition(self, topic: str) -> Message:
        return self._valid(topic)._replace(partition=self._random.randrange(self._lanes))

    def _odd_headers(self, topic: str) -> Message:
        names = ("", "ce_id", "ce_id", "leadlane_redriven_from", "\u20ac", "x" * 300)
        values = (None, b"", b"\xff\xfe", b"0@0", bytes(2_000))
        some = [(self._random.choice(names), self._random.choice(values)) for _ in range(self._random.randrange(1, 6))]
        make = self._random.choice((self._valid, self._mutated))
        return make(topic)._replace(headers=tuple(some))

    def _odd_timestamp(self, topic: str) -> Message:
        at = self._random.choice((1, self._now - 40 * 365 * DAY, self._now - HOUR, self._now + 50 * MINUTE))
        return self._random.choice((self._valid, self._mutated))(topic)._replace(timestamp=at)

    def _spoiled(self, topic: str, field: str, text: str) -> bytes:
        return self.wire.encode(msgspec.structs.replace(self._event(topic)[0], **{field: text}))


MAKERS = (
    Material._valid, Material._again, Material._mutated, Material._wrong_key, Material._out_of_range,
    Material._out_of_time, Material._tombstone, Material._other_record, Material._other_partition,
    Material._odd_headers, Material._odd_timestamp,
)  # fmt: skip
WEIGHTS = (10, 2, 60, 8, 2, 3, 3, 4, 2, 4, 2)  # in a hundred


def drawn(record: type[Event], count: int, number: int) -> Sequence[Event]:
    """Records of a type, as various as the property tests see them."""
    found: list[Event] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(records(record))
    def collect(event: Event) -> None:
        found.append(event)

    collect()
    return found
