"""Seals what comes in: for the gateway, the feed, and whatever else writes inputs.

Law of this module: a key is on Kafka before anything that it seals, so nothing is handed back until every key that it
needs is acknowledged. Two processes may mint a key for one lead at the same time: both keys open what they sealed. A
key that was destroyed is not used any more once its end was read, `LOOK_SECONDS` later at the most.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import TypeVar

from confluent_kafka import KafkaError, Message, Producer

from streams.core.events import Event
from streams.kafka.codec import wire_for
from streams.kafka.security import confluent_config
from streams.kafka.sender import FULL_QUEUE_POLL_SECONDS, NotDelivered
from streams.privacy.fields import Change, personal_fields, sealed
from streams.privacy.follower import KeyFollower
from streams.privacy.seal import EDGE, LeadKey, Secrets, minted, place_of, secrets_of
from streams.settings import Settings
from streams.topics import KEYS

LOOK_SECONDS = 0.2
SETTLE_SECONDS = 10.0  # a key that is not acknowledged after so long has not been taken
POLL_SECONDS = 0.001
SPAN_OF_ENTROPY = 10_000  # leads whose keys are made of the same random bytes

EventT = TypeVar("EventT", bound=Event)


class Pending:
    """A key on its way to Kafka."""

    __slots__ = ("error", "key", "settled")

    def __init__(self, key: LeadKey) -> None:
        self.key, self.settled = key, False
        self.error: str | None = None


def sealer_for(settings: Settings, by: str) -> Sealer | None:
    """The sealer of a process, which `by` names in its keys; None when no secret is set.

    BrokerUnreachable if nobody answers, MissingTopic without privacy.keys, WrongSecret if it opens no key there.
    """
    secrets = secrets_of(settings)
    return None if secrets is None else Sealer(settings, secrets, by)


class Sealer:
    """Knows every lead's keys. Of one thread: an event loop's, or whose it is."""

    def __init__(self, settings: Settings, secrets: Secrets, by: str) -> None:
        self._by, self._wire, self._brokers = by, wire_for(settings), settings.brokers
        self._follower = KeyFollower(settings, secrets)
        self._follower.follow()
        self._follower.ring.must_open()
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._pending: dict[bytes, Pending] = {}
        self._entropy, self._minted = os.urandom(32), 0
        self._producer = Producer(confluent_config(settings, enable_idempotence=True, linger_ms=1))

    @property
    def leads(self) -> int:
        """How many leads have a key."""
        return len(self._follower.ring)

    def seal(self, event: EventT) -> EventT:
        """A copy of the event with its personal texts sealed. Raises NotDelivered."""
        return self.seal_all([event])[0]

    def seal_all(self, events: Sequence[EventT]) -> list[EventT]:
        """The same for many, with one wait for all new keys."""
        done, waiting = self._seal(events)
        limit = time.monotonic() + SETTLE_SECONDS
        while not _is_settled(waiting):
            self._producer.poll(POLL_SECONDS)
            self._check(limit)
        return done

    async def sealed(self, events: Sequence[EventT]) -> list[EventT]:
        """The same in an event loop, which goes on meanwhile."""
        done, waiting = self._seal(events)
        limit = time.monotonic() + SETTLE_SECONDS
        while not _is_settled(waiting):
            self._producer.poll(0)
            await asyncio.sleep(POLL_SECONDS)
            self._check(limit)
        return done

    def close(self) -> None:
        self._producer.flush(SETTLE_SECONDS)
        self._follower.close()

    def _seal(self, events: Sequence[EventT]) -> tuple[list[EventT], list[Pending]]:
        """The sealed events, and the keys that must be acknowledged before any of them may be sent."""
        if time.monotonic() >= self._look_at:
            self._look()
        done, waiting = [], list[Pending]()
        for event in events:
            record = type(event).__name__
            fields = personal_fields().get(record)
            done.append(sealed(event, fields, self._change(record, event.lead_id, waiting)) if fields else event)
        return done, waiting

    def _look(self) -> None:
        self._follower.look()
        self._look_at = time.monotonic() + LOOK_SECONDS

    def _change(self, record: str, lead_id: str, waiting: list[Pending]) -> Change:
        known: LeadKey | None = None

        def seal(field: str, text: str) -> str:
            nonlocal known
            if known is None:
                known = self._key(lead_id, waiting)
            return known.seal(place_of(record, field, lead_id), text)

        return seal

    def _key(self, lead_id: str, waiting: list[Pending]) -> LeadKey:
        lead = lead_id.encode()
        pending = self._pending.get(lead)
        if pending is None:
            key = self._follower.ring.first(lead)
            if key is None:
                self._look()
                key = self._follower.ring.first(lead)
            if key is not None:
                return key
            pending = self._mint(lead)
        waiting.append(pending)
        return pending.key

    def _mint(self, lead: bytes) -> Pending:
        if self._minted % SPAN_OF_ENTROPY == 0:
            self._entropy = os.urandom(32)
        self._minted += 1
        made = self._follower.ring.mint(
            lead, minted(self._entropy, f"{self._minted}/{lead.decode()}"), EDGE, self._by, time.time_ns() // 1_000_000
        )
        pending = self._pending[lead] = Pending(made.key)

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            del self._pending[lead]
            pending.settled = True
            if error is None:
                self._follower.ring.load(made.name, made.record)
            else:
                pending.error = error.str()

        value, partition = self._wire.encode(made.record), self._follower.partition_of(lead)
        while True:
            try:
                self._producer.produce(KEYS.name, value, made.name, partition=partition, on_delivery=acknowledged)
            except BufferError:  # as many as the client holds are on their way
                self._producer.poll(FULL_QUEUE_POLL_SECONDS)
            else:
                return pending

    def _check(self, limit: float) -> None:
        if time.monotonic() > limit:
            raise NotDelivered(
                f"{self._brokers}: a lead's new key is not acknowledged after {SETTLE_SECONDS:.0f} s, so what it seals"
                " was not sent. Check the broker, then send again."
            )


def _is_settled(waiting: Sequence[Pending]) -> bool:
    """Whether every key is on Kafka. Raises NotDelivered if one was refused."""
    for pending in waiting:
        if pending.error is not None:
            raise NotDelivered(f"{KEYS.name} refused a lead's new key: {pending.error}. Mend that and send again.")
        if not pending.settled:
            return False
    return True
