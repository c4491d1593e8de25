"""From a record of Kafka to the delivery that it means for a target, if it means one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Message

from streams.kafka.reader import timestamp_of
from streams.lane.processor import Headers
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Record, Wire
from streams.sink.config import Scalar, Target
from streams.sink.leads import Delivery
from streams.sink.redrive import order_from
from streams.sink.signing import delivery_id
from streams.topics import PARKED

log = logging.getLogger(__name__)
OWN_ID = "ce_id"


class Taking:
    """What one target wants, and under which key it gets it."""

    def __init__(self, name: str, target: Target, wire: Wire) -> None:
        self._name, self._wire, self._since_ms = name, wire, target.since_ms
        self._only = {topic: _allowed(target.wanted(topic)) for topic in target.deliver}

    def wanted(self, message: Message) -> Delivery | None:
        """The delivery that a record means; None: the target does not want it."""
        topic, value, at = str(message.topic()), message.value(), timestamp_of(message) or 0
        if value is None or at < self._since_ms:
            return None
        record, error = self._read(topic, value)
        if record is not None and any(getattr(record, name) not in allowed for name, allowed in self._only[topic]):
            return None
        headers: Headers = tuple(message.headers() or ())  # type: ignore[arg-type]  # their values are bytes here
        partition, offset = _place(message)
        own_id = (
            next((value.decode(errors="replace") for name, value in headers if name == OWN_ID and value), "")
            or f"{topic}-{partition}-{offset}"
        )
        key: Any = message.key()
        return Delivery(
            (topic, partition, offset), topic, partition, offset, at, key, value, headers,
            delivery_id(self._name, own_id), record, error,
        )  # fmt: skip

    def ordered(self, message: Message) -> Delivery | None:
        """The delivery that somebody ordered again; None: it is for another target, or no order."""
        try:
            order = order_from(self._wire, message)
        except (UnreadableRecord, ValueError) as fault:  # not of ours: `leadlane sink parked` cannot have written it
            log.error("%s[%d]@%d is no order: %s", PARKED.name, *_place(message), fault)
            return None
        if order is None or order.parked.target != self._name:
            return None
        parked = order.parked
        record, error = self._read(parked.topic, parked.value)
        headers = tuple((header.name, header.value or b"") for header in parked.headers)
        return Delivery(
            (PARKED.name, *_place(message)), parked.topic, parked.partition, parked.offset, parked.timestamp,
            parked.key, parked.value, headers, parked.delivery_id, record, error, order,
        )  # fmt: skip

    def _read(self, topic: str, value: bytes) -> tuple[Record | None, str]:
        """The record, or why it cannot be read. RegistryUnreachable passes: no record is to blame for that."""
        try:
            return self._wire.decode_any(topic, value), ""
        except UnreadableRecord as error:
            return None, str(error)


def _allowed(only: Mapping[str, tuple[Scalar, ...]]) -> tuple[tuple[str, frozenset[Scalar]], ...]:
    return tuple((name, frozenset(values)) for name, values in only.items())


def _place(message: Message) -> tuple[int, int]:
    return int(message.partition() or 0), int(message.offset() or 0)
