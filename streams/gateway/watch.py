"""Is Kafka there? By what is on its way, and by asking when the client library complains of its connections.

Law of this module: a complaint alone turns nobody away, as brokers close idle connections. That nobody answers does, or
that a record has waited too long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from confluent_kafka import KafkaError, KafkaException

from streams import metrics

LOOK_SECONDS = 0.1
PROBE_SECONDS = 0.5
LOST = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)

log = logging.getLogger(__name__)


class Watch:
    """`ask` raises KafkaException when nobody answers."""

    def __init__(self, away_after_seconds: float, ask: Callable[[], Awaitable[None]]) -> None:
        self._away_after, self._ask = away_after_seconds, ask
        self._down = False  # nobody answers
        self._late = False  # somebody answers, but not for what is on its way
        self._look_at = 0.0
        self._closed = False
        self._probing: asyncio.Task[None] | None = None

    def problem(self) -> str | None:
        """Why nothing new should be sent; None: it should."""
        if self._down:
            return "Kafka is away"
        return f"Kafka has not acknowledged a record for {self._away_after:g} s" if self._late else None

    def is_due(self, now: float) -> bool:
        """Whether it is time for a look."""
        return now >= self._look_at

    def look(self, now: float, oldest_since: float | None) -> None:
        """Since when the oldest record is on its way, None when nothing is."""
        self._look_at = now + LOOK_SECONDS
        late = oldest_since is not None and now - oldest_since > self._away_after
        if late != self._late:
            self._late = late
            log.warning("Kafka is late with acknowledgements" if late else "Kafka acknowledges again")

    def complained(self, error: KafkaError) -> None:
        """The client library's word on connections: not an error of a record, but a reason to ask."""
        if error.code() in LOST and (self._probing is None or self._probing.done()):
            self._probing = asyncio.get_running_loop().create_task(self._probe(error.str()))

    def say_down(self, reason: str) -> None:
        metrics.GATEWAY_KAFKA_UP.set(0)
        if not self._down:
            self._down = True
            log.warning("Kafka is away: %s", reason)

    def say_up(self) -> None:
        metrics.GATEWAY_KAFKA_UP.set(1)
        if self._down:
            self._down = False
            log.info("Kafka is back")

    def close(self) -> None:
        """Ask no more."""
        self._closed = True

    async def _probe(self, reason: str) -> None:
        """Ask until somebody answers."""
        while not self._closed:
            try:
                await self._ask()
            except KafkaException as error:
                self.say_down(f"{reason}; {error.args[0].str()}")
            else:
                self.say_up()
                return
            await asyncio.sleep(PROBE_SECONDS)
