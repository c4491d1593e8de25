"""Control topics from outside the workers: read whole, written in one transaction.

Law of this module: who writes is made before reading. One transactional id per topic: a second writer fences the first,
and whoever is fenced has written nothing. What a worker could not read is never written. Each record has its entry in
control.history, in the same transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.core.context import ControlRecord, Stamp
from streams.errors import LeadlaneError
from streams.kafka.access import QUIET, denied, is_denied
from streams.kafka.changes import change_of, deletion_of
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.kafka.security import confluent_config
from streams.lane.unreadable import UnreadableRecord, shown
from streams.settings import Settings
from streams.topics import ALARMS, APPROVALS, GUARDS, HISTORY, MODELS, POLICIES, ROSTER, SWITCHES, Topic

__all__ = ["ControlWriter", "Fenced", "NotWritten", "Stamp", "Standing", "read_control"]
TRANSACTION_SECONDS = 30.0
OPEN_SECONDS = 10.0  # a writer that is killed hides for so long what others write to its topic
FENCED = {
    KafkaError._FENCED, KafkaError._FATAL, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.INVALID_PRODUCER_ID_MAPPING,
}  # fmt: skip
LOOK = {
    POLICIES.name: "leadlane policy show",
    ROSTER.name: "leadlane roster show",
    APPROVALS.name: "leadlane approval list",
    SWITCHES.name: "leadlane switch list",
    MODELS.name: "leadlane model list",
    ALARMS.name: "leadlane alarm list",
    GUARDS.name: "leadlane history --topic control.guards",
}
RecordT = TypeVar("RecordT", bound=ControlRecord)
Delivery = Callable[[KafkaError | None, Message], None]


class NotWritten(LeadlaneError):
    """Nothing was written to a control topic."""

    exit_code = 3


class Fenced(NotWritten):
    """Nothing was written, because somebody else began to write the same control topic after this writer."""


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
        with Reader(settings) as reader:  # says it clearly when the broker or a topic is not there
            reader.partitions(topic.name)
            reader.partitions(HISTORY.name)
        self._producer = Producer(
            confluent_config(
                settings,
                transactional_id=f"{settings.app_id}-{topic.name.removeprefix('control.')}",
                transaction_timeout_ms=int(OPEN_SECONDS * 1000),
                compression_type="gzip",  # model documents stand in the history for ever; every client can read this
                linger_ms=0,
            ),
            logger=QUIET,  # to be fenced is an answer here
        )
        try:
            self._producer.init_transactions(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def write(self, records: Mapping[str, ControlRecord], deleted: Mapping[str, Stamp] | None = None) -> None:
        """Write and delete all of them by their keys, or none; nothing at all when there are none. Raises NotWritten.

        Each has its entry in control.history.
        """
        packed: dict[str, bytes | None] = {key: self._packed(key, record) for key, record in records.items()}
        packed |= dict.fromkeys(deleted or ())
        if not packed:
            return
        try:
            self._producer.begin_transaction()
            offsets = self._offsets(packed)
            for key, record in records.items():
                change = change_of(self._topic.name, key, offsets[key], record, packed[key] or b"", records)
                self._producer.produce(HISTORY.name, self._wire.encode(change), self._topic.name.encode())
            for key, stamp in (deleted or {}).items():
                change = deletion_of(self._topic.name, key, offsets[key], stamp)
                self._producer.produce(HISTORY.name, self._wire.encode(change), self._topic.name.encode())
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            with contextlib.suppress(KafkaException):  # who is fenced has nothing left to abort
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            raise self._failed(error) from error

    def _offsets(self, packed: Mapping[str, bytes | None]) -> dict[str, int]:
        """Produce the records; the offsets that the broker gave them."""
        offsets: dict[str, int] = {}
        failures: list[KafkaError] = []

        def delivered(key: str) -> Delivery:
            def take(error: KafkaError | None, message: Message) -> None:
                if error is not None:
                    failures.append(error)
                else:
                    offsets[key] = int(message.offset() or 0)

            return take

        for key, value in packed.items():
            self._producer.produce(self._topic.name, value, key.encode(), on_delivery=delivered(key))
        self._flush()
        if failures or len(offsets) < len(packed):
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._MSG_TIMED_OUT))
        return offsets

    def _flush(self) -> None:
        try:
            self._producer.flush(TRANSACTION_SECONDS)
        except SystemError as error:  # a fatal error, such as being fenced, was raised while `take` was called
            fatal = error.__cause__ or error.__context__
            if isinstance(fatal, KafkaException):
                raise fatal from None
            raise

    def _packed(self, key: str, record: ControlRecord) -> bytes:
        packed = self._wire.encode(record)
        try:
            self._wire.decode_control(self._topic.name, packed)
        except UnreadableRecord as error:
            raise NotWritten(
                f"{self._topic.name} key {key!r}: {error.what}. Nothing was written; correct it and try again."
            ) from error
        return packed

    def _failed(self, error: KafkaException) -> LeadlaneError:
        cause = error.args[0]
        if is_denied(cause):
            return denied(self._settings, cause, f"write to {self._topic.name} and {HISTORY.name}, in transactions")
        kind = Fenced if cause.code() in FENCED else NotWritten
        return kind(
            f"{self._settings.brokers}: the transaction failed: {cause.str()}. Nothing was written; see"
            f" `{LOOK[self._topic.name]}`, then try again."
        )
