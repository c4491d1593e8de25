"""Keys for whoever stands outside the lanes: read from privacy.keys and kept up to date.

Law of this module: committed records only, as a lane's transaction may be aborted. A key that is not here after
`catch_up` was there when asked nowhere: it has been destroyed, since a key is on Kafka before what it seals.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from aiokafka.partitioner import murmur2
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from streams.errors import BrokerFailed, MissingTopic
from streams.kafka.access import denied, is_denied
from streams.kafka.codec import wire_for
from streams.kafka.outside import consumer_outside
from streams.kafka.reach import reach
from streams.kafka.reader import ANSWER_SECONDS, SILENCE_SECONDS, bounds
from streams.privacy.keys import KeyRing, SubjectKey
from streams.privacy.seal import Secrets
from streams.settings import Settings
from streams.topics import KEYS

AT_ONCE = 1000
POLL_SECONDS = 0.05


class KeyFollower:
    """The keys of some partitions, all unless said. One thread uses it."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        """BrokerUnreachable if nobody answers, MissingTopic without the topic."""
        self.ring = KeyRing(secrets)
        self._settings, self._wire, self._brokers = settings, wire_for(settings), settings.brokers
        self._at: dict[int, int] = {}  # by partition: up to where it is read
        self._consumer = consumer_outside(settings, "keys", fetch_wait_ms=100)
        reach(self._consumer, settings)
        about = self._consumer.list_topics(KEYS.name, timeout=ANSWER_SECONDS).topics[KEYS.name]
        if about.error is not None and is_denied(about.error):
            raise denied(settings, about.error, f"see the topic {KEYS.name}")
        if about.error is not None:
            raise MissingTopic(
                f"{self._brokers}: expected the topic {KEYS.name}, got none. Create it with `leadlane topics apply`."
            )
        self.partitions = len(about.partitions)

    def close(self) -> None:
        self._consumer.close()

    def partition_of(self, lead: bytes) -> int:
        """Where the keys of a lead stand: at the lead's lane."""
        return int((murmur2(lead) & 0x7FFFFFFF) % self.partitions)

    def follow(self, partitions: Iterable[int] | None = None) -> None:
        """Read these partitions too, to their present end."""
        wanted = set(range(self.partitions)) if partitions is None else set(partitions)
        new = sorted(wanted - self._at.keys())
        if new:
            self._consumer.incremental_assign([TopicPartition(KEYS.name, number, OFFSET_BEGINNING) for number in new])
            self._at |= dict.fromkeys(new, 0)
        self.catch_up(wanted)

    def look(self) -> None:
        """Take in what has come, without waiting."""
        while self._take(0.0) == AT_ONCE:
            pass

    def catch_up(self, partitions: Iterable[int] | None = None) -> None:
        """Take in all that is there now. Raises BrokerFailed."""
        wanted = list(self._at) if partitions is None else list(partitions)
        ends = {number: bounds(self._consumer, TopicPartition(KEYS.name, number))[1] for number in wanted}
        heard = time.monotonic()
        while any(self._at[number] < end for number, end in ends.items()):
            if self._take(POLL_SECONDS):
                heard = time.monotonic()
            elif time.monotonic() > heard + SILENCE_SECONDS:
                raise BrokerFailed(f"{self._brokers}: {KEYS.name} gave nothing for {SILENCE_SECONDS:.0f} s.")

    def _take(self, seconds: float) -> int:
        messages = self._consumer.consume(AT_ONCE, seconds)
        for message in messages:
            error, partition, offset = message.error(), int(message.partition() or 0), int(message.offset() or 0)
            if error is None:
                self._load(message.key() or b"", message.value())
                self._at[partition] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at[partition] = max(self._at[partition], offset)
            elif is_denied(error):
                raise denied(self._settings, error, f"read the topic {KEYS.name}")
            elif error.fatal():
                raise BrokerFailed(f"{self._brokers}: reading {KEYS.name} failed: {error.str()}.")
        return len(messages)

    def _load(self, name: str | bytes, value: str | bytes | None) -> None:
        assert isinstance(name, bytes)
        assert not isinstance(value, str)
        record = None if value is None else self._wire.decode_any(KEYS.name, value)
        assert record is None or isinstance(record, SubjectKey)
        self.ring.load(name, record)
