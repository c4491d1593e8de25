"""Kafka for one target: a member of the target's group, on a thread of its own.

Law of this module: offsets are committed as the target's progress says, nothing else commits; a partition is given back
only after what is on its way has ended. The client is librdkafka's: it asks again while a coordinator loads, where
aiokafka takes `not yet` for `nothing committed` and would start from the beginning
(docs/decisions/0008-position-lives-with-the-state.md).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import LeadlaneError
from streams.kafka.security import confluent_config
from streams.settings import Settings, variable

log = logging.getLogger(__name__)
MOST_AT_ONCE = 500
POLL_SECONDS = 0.1
FULL_SECONDS = 0.2  # as long as this, what is full may be emptied before Kafka is told to wait
COMMIT_SECONDS = 0.5
PREFETCH_KBYTES = 8_192

Partition = tuple[str, int]


class Target(Protocol):
    """What the intake needs of a target; called on the intake's thread."""

    def room(self) -> int:
        """How many records it can take now."""

    def deliver(self, messages: Sequence[Message]) -> None:
        """Take these; returns at once."""

    def release(self) -> Mapping[Partition, int]:
        """End what is on its way and forget the rest; where the group goes on. Waits."""

    def progress(self) -> Mapping[Partition, int]:
        """Where the group goes on, by partition."""

    def measured(self, lag: Mapping[str, int]) -> None:
        """Told now and then: the records by topic that are not finished."""


class TwinSlot(LeadlaneError):
    """Two sinks run under one slot name: the operator's."""

    exit_code = 2


class Intake:
    """Reads for one target from `start` until `stop`; `failed` is called when it ends otherwise."""

    def __init__(
        self, settings: Settings, name: str, topics: Sequence[str], target: Target, failed: Callable[[Exception], None]
    ) -> None:
        self._slot, self._topics, self._target, self._failed = settings.slot, list(topics), target, failed
        self.group = f"{settings.app_id}-sink-{name}"
        config = confluent_config(
            settings,
            group_id=self.group,
            group_instance_id=settings.slot,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            # One lead's partitions of all topics go to one member: its deliveries stay in one line.
            partition_assignment_strategy="range",
            session_timeout_ms=settings.session_timeout_seconds * 1000,
            heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
            enable_partition_eof=True,
            queued_max_messages_kbytes=PREFETCH_KBYTES,
            fetch_wait_max_ms=100,
            reconnect_backoff_max_ms=1000,  # its default of 10 s is what a restart of Kafka would then cost
        )
        self._consumer = Consumer({**config, "on_commit": self._on_commit})
        self.joined = False
        self._read: list[Message] = []  # polled, not yet given to the target
        self._assigned: list[TopicPartition] = []
        self._is_paused = False
        self._committed: dict[Partition, int] = {}
        self._stopping = threading.Event()
        self.has_room = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask for an orderly end; `join` waits for it."""
        self._stopping.set()
        self.has_room.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            committed_at = time.monotonic()
            while not self._stopping.is_set():
                self._turn()
                if time.monotonic() - committed_at >= COMMIT_SECONDS:
                    committed_at = time.monotonic()
                    self._commit(self._target.progress(), wait=False)
                    self._measure()
            self._commit(self._target.release(), wait=True)
        except Exception as error:
            self._failed(error)
        finally:
            self._consumer.close()

    def _turn(self) -> None:
        """Read once, for some tenths of a second at most."""
        room = self._target.room()
        if room <= 0:
            self.has_room.clear()
            if self._target.room() <= 0 and self.has_room.wait(FULL_SECONDS):
                return
            room = self._target.room()
        self._pause(room <= 0)
        message = self._consumer.poll(POLL_SECONDS)
        while message is not None:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                self._read.append(message)
            else:
                self._complain(error)
            message = self._consumer.poll(0) if len(self._read) < min(room, MOST_AT_ONCE) else None
        self._hand_over()

    def _hand_over(self) -> None:
        """Also before partitions are given back, which happens within a poll: what came after would be nobody's."""
        if self._read:
            messages, self._read = self._read, []
            self._target.deliver(messages)

    def _complain(self, error: KafkaError) -> None:
        """Only what is fatal ends the client, the rest it mends itself."""
        if error.code() != KafkaError._FATAL:
            log.warning("group %s: %s; Kafka's client tries again", self.group, error.str())
            return
        if "fenced" in error.str():  # the client wraps the broker's code in its own
            raise TwinSlot(
                f"group {self.group}: another sink has taken the slot {self._slot!r}. Expected one live sink per slot: "
                f"give each its own {variable('slot')}."
            )
        raise KafkaException(error)

    def _pause(self, wanted: bool) -> None:
        """A member that is full goes on asking for its partitions, so that the group does not take it for dead."""
        if wanted == self._is_paused or not self._assigned:
            return
        self._is_paused = wanted
        (self._consumer.pause if wanted else self._consumer.resume)(self._assigned)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("group %s: %d partitions", self.group, len(partitions))
        self._assigned, self._is_paused, self._committed = list(partitions), False, {}
        self.joined = True

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._hand_over()
        self._commit(self._target.release(), wait=True)
        self._assigned = []

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._hand_over()
        self._target.release()  # they are others' already: no commit
        self._assigned = []

    def _commit(self, progress: Mapping[Partition, int], *, wait: bool) -> None:
        mine = {(each.topic, each.partition) for each in self._assigned}
        new = {at: n for at, n in progress.items() if at in mine and self._committed.get(at) != n}
        if not new:
            return
        offsets = [TopicPartition(topic, partition, n) for (topic, partition), n in new.items()]
        self._committed.update(new)
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._on_commit(error.args[0], offsets)

    def _on_commit(self, error: KafkaError | None, _: Sequence[TopicPartition]) -> None:
        if error is not None:  # what is not committed comes again, with the same keys
            log.warning("group %s: offsets are not committed yet: %s", self.group, error.str())
            self._committed = {}

    def _measure(self) -> None:
        lag = dict.fromkeys(self._topics, 0)
        progress = self._target.progress()
        for each in self._assigned:
            at = progress.get((each.topic, each.partition))
            _, high = self._consumer.get_watermark_offsets(each, cached=True)
            if at is not None and high >= 0:
                lag[each.topic] += max(0, high - at)
        self._target.measured(lag)
