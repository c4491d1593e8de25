"""Sources that are asked instead of asking: pages of a platform's API, onto Kafka, then the position.

Law of this module: a position is written after everything before it is acknowledged. So a kill reads a page again and
loses nothing; the ids of what is read twice are the same, so nothing counts twice. Of several gateways one polls: the
one that the consumer group gives the only partition of `sources.positions`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from multidict import CIMultiDict

from streams import metrics
from streams.core.sources import SourcePosition
from streams.errors import LeadlaneError
from streams.gateway.accept import Acceptor
from streams.gateway.letters import headers_of
from streams.gateway.platform import Incoming, Reading
from streams.gateway.receipts import Busy, Record
from streams.gateway.receive import Line, Receiver
from streams.kafka.security import confluent_config
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.topics import POSITIONS

BEAT_SECONDS = 0.5
AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 30.0
SESSION_MS = 10_000
GROUP = "gateway-polling"
METHOD = "POLL"  # of the requests that nobody sent: what a dead letter shows

log = logging.getLogger(__name__)


class NotNow(LeadlaneError):
    """The platform gives no page now: ask again after `seconds`."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds


class Page(NamedTuple):
    """What one call gave."""

    reading: Reading
    position: SourcePosition  # where the next call starts
    more: bool  # ask at once
    body: bytes = b""  # as it came: for dead letters


class Polled(Protocol):
    """A platform's side that is asked."""

    streams: tuple[str, ...]
    poll_seconds: float

    async def page(self, stream: str, position: SourcePosition | None, now: int) -> Page:
        """The page after a position; the first one without. Raises NotNow."""

    async def close(self) -> None:
        """No more pages."""


@runtime_checkable
class Polls(Protocol):
    """A platform that has something to ask."""

    def polled(self) -> Polled | None:
        """What is asked; None when the source is not configured for it."""


class Pollers:
    """The polled sources of a gateway."""

    def __init__(
        self, settings: Settings, receiver: Receiver, acceptor: Acceptor, wire: Wire, clock_ms: Callable[[], int]
    ) -> None:
        self._settings, self._receiver, self._acceptor = settings, receiver, acceptor
        self._wire, self._clock_ms = wire, clock_ms
        self._positions: dict[str, SourcePosition] = {}
        self._polled = {
            name: polled
            for name, line in receiver.lines.items()
            if isinstance(line.source.platform, Polls) and (polled := line.source.platform.polled()) is not None
        }
        self._asking: list[asyncio.Task[None]] = []
        self._member: asyncio.Task[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._polled)

    def start(self) -> None:
        """Join the group; whoever is given the partition asks."""
        if self._polled:
            self._member = asyncio.create_task(self._membership())

    async def stop(self) -> None:
        """Ask no more. What was read and not acknowledged is read again by the next."""
        if self._member is not None:
            self._member.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._member
        await self._rest()
        for polled in self._polled.values():
            await polled.close()

    # --- who asks -----------------------------------------------------------------------------------------------------

    async def _membership(self) -> None:
        while True:
            try:
                await self._as_member()
            except (KafkaException, LeadlaneError) as error:
                log.warning("polling waits for Kafka: %s", error)
                await self._rest()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _as_member(self) -> None:
        member = Member(self._settings)
        try:
            while True:
                for message in await asyncio.to_thread(member.beat, BEAT_SECONDS):
                    self._learn(message)
                if member.leads and not self._asking:
                    log.info("this gateway polls %s", ", ".join(self._polled))
                    self._asking = [asyncio.create_task(self._ask(name)) for name in self._polled]
                elif not member.leads and self._asking:
                    log.info("another gateway polls")
                    await self._rest()
        finally:
            await asyncio.shield(asyncio.to_thread(member.close))

    async def _rest(self) -> None:
        asking, self._asking = self._asking, []
        metrics.GATEWAY_POLLED.clear()  # what another gateway reads is not ours to say
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _learn(self, message: Message) -> None:
        key, value = message.key(), message.value()
        if not isinstance(key, bytes):
            return
        try:
            position = self._wire.decode_any(POSITIONS.name, value if isinstance(value, bytes) else None)
        except UnreadableRecord as error:
            log.warning("%s@%s: %s; the source starts as configured", POSITIONS.name, message.offset(), error)
            return
        assert isinstance(position, SourcePosition)
        self._positions[key.decode(errors="replace")] = position

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _ask(self, name: str) -> None:
        """One source, its streams one after the other: platforms count calls at the same time."""
        line, polled = self._receiver.lines[name], self._polled[name]
        while True:
            pause, whole = polled.poll_seconds, True
            for stream in polled.streams:
                try:
                    while await self._step(line, polled, stream):
                        pass
                    continue
                except NotNow as error:
                    log.warning("%s: %s; asked again in %.0f s", name, error.args[0], error.seconds)
                    pause = max(pause, error.seconds)
                except Exception:  # whatever a page holds: the others go on, and this one is asked again
                    log.exception("%s: a page of %s could not be taken", name, stream)
                    pause = max(pause, ANSWER_SECONDS)
                whole = False
            if whole:
                metrics.GATEWAY_POLLED.labels(name).set(self._clock_ms() / 1000)
            await asyncio.sleep(pause)

    async def _step(self, line: Line, polled: Polled, stream: str) -> bool:
        """One page and its position onto Kafka. True: there is more."""
        key = f"{line.name}/{stream}"
        before, now = self._positions.get(key), self._clock_ms()
        page = await polled.page(stream, before, now)
        address = f"poll:{key}"
        incoming = Incoming(METHOD, address, address, {}, CIMultiDict(), page.body, now)
        reply = await self._receiver.deliver(line, page.reading, incoming)
        while reply.status >= 300:  # Kafka is away, or too much is on its way
            await asyncio.sleep(AGAIN_SECONDS)
            reply = await self._receiver.deliver(line, page.reading, incoming)
        if before is None or page.position.token != before.token or page.reading.items:
            await self._keep(line.name, key, page.position)
        self._positions[key] = page.position
        return page.more

    async def _keep(self, source: str, key: str, position: SourcePosition) -> None:
        name = f"{key}-{position.at}/SourcePosition"
        headers = headers_of(name, source, "SourcePosition", position.at)
        record = Record(name, POSITIONS.name, key.encode(), self._wire.encode(position), headers)
        while True:
            try:
                receipt = self._acceptor.accept([record])
                await receipt.within(ANSWER_SECONDS)
                if not receipt.left and receipt.refused is None:
                    return
            except Busy:
                pass
            await asyncio.sleep(AGAIN_SECONDS)


class Member:
    """This process in the group of those that poll. Blocks: call it in a thread."""

    def __init__(self, settings: Settings) -> None:
        self.leads = False
        self._using = threading.Lock()
        self._until: int | None = None  # read so far, all that stood there is known
        self._at = 0
        config: dict[str, Any] = {
            "group.id": f"{settings.app_id}-{GROUP}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": SESSION_MS,
            "isolation.level": "read_committed",
            "enable.partition.eof": False,
        }
        self._consumer = Consumer({**confluent_config(settings), **config})
        self._consumer.subscribe([POSITIONS.name], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)

    def beat(self, seconds: float) -> list[Message]:
        """What was read; `leads` says whether this process is to poll, and knows all positions."""
        with self._using:
            messages = [message for message in self._consumer.consume(500, seconds) if message.error() is None]
        if messages:
            self._at = int(messages[-1].offset() or 0) + 1
        if self._until is not None and self._at >= self._until:
            self.leads = True
        return messages

    def close(self) -> None:
        """Leave the group, after a beat that is under way in another thread."""
        with self._using:
            self._consumer.close()

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            low, high = consumer.get_watermark_offsets(partition, timeout=10.0)
            # Compacted: what is read may end before `high`, but not by a record that stands there.
            self._at, self._until = (low, high) if high > low else (0, 0)
            partition.offset = OFFSET_BEGINNING
        consumer.assign(partitions)

    def _taken(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self.leads, self._until = False, None
