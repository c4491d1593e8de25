"""Control topics from outside the workers: read whole, written in one transaction.

Law of this module: who writes is made before reading. One transactional id per topic: a second writer fences the first,
and whoever is fenced has written nothing. What a worker could not read is never written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from confluent_kafka import KafkaException, Producer

from streams.core.context import ControlRecord
from streams.errors import LeadlaneError
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.kafka.security import confluent_config
from streams.lane.unreadable import UnreadableRecord, shown
from streams.settings import Settings
from streams.topics import APPROVALS, POLICIES, ROSTER, SWITCHES, Topic

TRANSACTION_SECONDS = 30.0
LOOK = {
    POLICIES.name: "leadlane policy show",
    ROSTER.name: "leadlane roster show",
    APPROVALS.name: "leadlane approval list",
    SWITCHES.name: "leadlane switch list",
}
RecordT = TypeVar("RecordT", bound=ControlRecord)


class NotWritten(LeadlaneError):
    """Nothing was written to a control topic."""

    exit_code = 3


class Stamp(NamedTuple):
    """Who does it, why and when."""

    actor: str
    reason: str
    at: int


class Standing(NamedTuple, Generic[RecordT]):
    """The latest record of each key, in the order of the keys, and what could not be understood."""

    records: Mapping[str, RecordT]
    problems: tuple[str, ...]


def read_control(settings: Settings, topic: Topic, record: type[RecordT]) -> Standing[RecordT]:
    """A control topic as it stands now. Raises MissingTopic or BrokerUnreachable."""
    latest: dict[bytes, bytes] = {}
    with Reader(settings) as reader:
        for message in reader.read(topic.name):
            key, value = message.key() or b"", message.value()
            if value is None:
                latest.pop(key, None)
            else:
                latest[key] = value
    wire, records, problems = wire_for(settings), dict[str, RecordT](), []
    for key, value in sorted(latest.items()):
        try:
            found = wire.decode_control(topic.name, value)
        except UnreadableRecord as error:
            problems.append(
                f"{topic.name} key {shown(key)}: {error.what}. Workers leave it out; write it again, right."
            )
            continue
        assert isinstance(found, record)
        records[key.decode(errors="replace")] = found
    return Standing(records, tuple(problems))


class ControlWriter:
    """Writes records of one control topic. Making one ends every other writer of it in the same app."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self._settings, self._topic, self._wire = settings, topic, wire_for(settings)
        with Reader(settings) as reader:  # says it clearly when the broker or the topic is not there
            reader.partitions(topic.name)
        self._producer = Producer(
            confluent_config(
                settings,
                transactional_id=f"{settings.app_id}-{topic.name.removeprefix('control.')}",
                transaction_timeout_ms=int(TRANSACTION_SECONDS * 1000),
            )
        )
        try:
            self._producer.init_transactions(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def write(self, records: Mapping[str, ControlRecord]) -> None:
        """Write all of them by their keys, or none; nothing at all when there are none. Raises NotWritten."""
        packed = {key: self._packed(key, record) for key, record in records.items()}
        if not packed:
            return
        try:
            self._producer.begin_transaction()
            for key, value in packed.items():
                self._producer.produce(self._topic.name, value, key.encode())
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            with contextlib.suppress(KafkaException):  # who is fenced has nothing left to abort
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            raise self._failed(error) from error

    def _packed(self, key: str, record: ControlRecord) -> bytes:
        packed = self._wire.encode(record)
        try:
            self._wire.decode_control(self._topic.name, packed)
        except UnreadableRecord as error:
            raise NotWritten(
                f"{self._topic.name} key {key!r}: {error.what}. Nothing was written; correct it and try again."
            ) from error
        return packed

    def _failed(self, error: KafkaException) -> NotWritten:
        return NotWritten(
            f"{self._settings.brokers}: the transaction failed: {error.args[0].str()}. Nothing was written; see"
            f" `{LOOK[self._topic.name]}`, then try again."
        )
