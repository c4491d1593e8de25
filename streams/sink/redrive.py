"""Parked deliveries, read and ordered again once.

Law of this module: an order is a copy of the parked record on sink.parked, in its partition, with a mark in its
headers: the order, and the note that it was given, in one. The target's own group reads it and delivers it in the
lead's line, so that nothing else of the lead is on its way. One transactional id: a second redrive fences the first,
and whoever is fenced has ordered nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException, Message, Producer

from streams.kafka.letters import Mark, RedriveFailed
from streams.kafka.reader import Reader
from streams.kafka.security import confluent_config
from streams.lane.parked import ParkedDelivery
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.sink.leads import Order
from streams.sink.overtaking import overtaken
from streams.topics import PARKED

MARK = "leadlane_redriven"  # header of an order: the place of what was parked, partition@offset
PER_TRANSACTION = 500
TRANSACTION_SECONDS = 30.0


class Parked(NamedTuple):
    """A parked delivery, where it stands, and whether it was ordered again."""

    partition: int
    offset: int
    record: ParkedDelivery
    mark: Mark | None = None

    @property
    def place(self) -> str:
        return f"{self.partition}@{self.offset}"

    @property
    def original(self) -> tuple[str, int, int]:
        return self.record.topic, self.record.partition, self.record.offset


class Checked(NamedTuple):
    """Parked deliveries, what overtook those that it did, and up to where that was looked for."""

    due: tuple[Parked, ...]
    overtaken: dict[str, int]  # by place: the offset of the newer record
    ends: dict[tuple[str, int], int]


def read_parked(reader: Reader, wire: Wire) -> list[Parked]:
    """Every parked delivery that is kept, oldest first by partition; of one that was parked twice the last."""
    return matched(reader.read(PARKED.name), wire)


def matched(messages: Iterable[Message], wire: Wire) -> list[Parked]:
    found: dict[tuple[str, tuple[str, int, int]], Parked] = {}
    for message in messages:
        try:
            decoded = wire.decode_any(PARKED.name, message.value())
        except UnreadableRecord:  # nobody can do anything with it; the running sink says so too
            continue
        assert isinstance(decoded, ParkedDelivery)
        headers = _headers(message)
        each = Parked(int(message.partition() or 0), int(message.offset() or 0), decoded)
        identity = decoded.target, each.original
        if MARK in headers:
            mark = Mark(headers.get("actor", ""), headers.get("reason", ""), int(headers.get("at", 0)))
            each = found.get(identity, each)._replace(mark=mark)
        found[identity] = each
    return sorted(found.values(), key=lambda each: (each.partition, each.offset))


def check_overtaken(reader: Reader, wire: Wire, waiting: Sequence[Parked]) -> Checked:
    """Which of these may be delivered, and which a newer record makes wrong."""
    partitions = {(each.record.topic, each.record.partition) for each in waiting}
    ends = {at: reader.bounds(*at)[1] for at in partitions}  # before reading: what comes later is the sink's to see
    newer = overtaken(reader, wire, [each.record for each in waiting])
    found = {each.place: newer[each.original] for each in waiting if each.original in newer}
    return Checked(tuple(each for each in waiting if each.place not in found), found, ends)


class Redriver:
    """Orders deliveries again. Making one ends every other redrive of the same app."""

    def __init__(self, settings: Settings, wire: Wire) -> None:
        self._brokers, self._wire = settings.brokers, wire
        self._producer = Producer(
            confluent_config(
                settings,
                transactional_id=f"{settings.app_id}-sink-redrive",
                transaction_timeout_ms=int(TRANSACTION_SECONDS * 1000),
            )
        )
        try:
            self._producer.init_transactions(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def order(self, parked: Sequence[Parked], mark: Mark, ends: dict[tuple[str, int], int], *, forced: bool) -> None:
        """Order these. They must have been read after this object was made."""
        for start in range(0, len(parked), PER_TRANSACTION):
            try:
                self._producer.begin_transaction()
                for each in parked[start : start + PER_TRANSACTION]:
                    checked = ends.get((each.record.topic, each.record.partition), 0)
                    self._producer.produce(
                        PARKED.name,
                        self._wire.encode(each.record),
                        each.record.key,
                        each.partition,
                        headers=[
                            (MARK, each.place.encode()),
                            ("actor", mark.actor.encode()),
                            ("reason", mark.reason.encode()),
                            ("at", b"%d" % mark.at),
                            ("forced", b"%d" % forced),
                            ("checked", b"%d" % checked),
                        ],
                    )
                self._producer.commit_transaction(TRANSACTION_SECONDS)
            except KafkaException as error:
                raise self._failed(error) from error

    def _failed(self, error: KafkaException) -> RedriveFailed:
        return RedriveFailed(
            f"{self._brokers}: the transaction failed: {error.args[0].str()}. Nothing of it was ordered; look with "
            "`leadlane sink parked list` at what still waits, then redrive again."
        )


def order_from(wire: Wire, message: Message) -> Order | None:
    """The order that a record of sink.parked is; None: it is what was parked. Raises UnreadableRecord."""
    headers = _headers(message)
    if MARK not in headers:
        return None
    parked = wire.decode_any(PARKED.name, message.value())
    assert isinstance(parked, ParkedDelivery)
    return Order(parked, headers.get("forced") == "1", int(headers.get("checked", 0)))


def _headers(message: Message) -> dict[str, str]:
    headers = dict(message.headers() or ())
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value or ""
        for name, value in headers.items()
    }
