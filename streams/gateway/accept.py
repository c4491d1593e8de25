"""Records onto Kafka, each once: a request is answered 2xx when every record of it is acknowledged by every replica.

Law of this module, by record id (`ce_id`):
1. An id is sent by one `produce` call at a time. While its acknowledgement is out, a retry waits for the same one.
2. A record that was handed to the client library stays there until Kafka has answered: there is no time after which it
   fails by itself (`message.timeout.ms` 0), so no doubt whether it was written. The request's time may end before: 503,
   and the retry finds the record on its way or written.
3. Any error that leaves a doubt (a fatal one of the idempotent producer) ends the producer. What it had on its way is
   looked for at the ends of the topics, and what is not there is sent by a new one, in the old order.
4. An id that is written is known for the hours that the configuration says; at a start it is read back from the topics.
   So a gateway that was killed forgets nothing that it had sent. Between two gateways at the same time, and after those
   hours, the lane's own memory of event ids is the guarantee (streams/core/state.py: SEEN_EVENTS for each lead).

One thread: callbacks come in while the event loop polls the client, many at once, without a thread for them.

Next: streams/gateway/server.py
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams import metrics
from streams.errors import BrokerUnreachable, LeadlaneError, LoginRefused
from streams.gateway.config import Limits
from streams.gateway.receipts import Busy, Flight, Receipt, Record, receipt_of
from streams.gateway.seen import Seen
from streams.gateway.tails import Place, TailReader, Tails
from streams.gateway.watch import Watch
from streams.kafka.access import QUIET, login_explained
from streams.kafka.security import confluent_config
from streams.settings import Settings
from streams.topics import MAX_DEAD_LETTER_BYTES

BUSY_POLL_SECONDS = 0.002
IDLE_POLL_SECONDS = 0.1
ANSWER_SECONDS = 1.0
AGAIN_SECONDS = 1.0
LINGER_MS = 5

# Kafka says with these that the record is not there and will not be: the request fails, the id is free for a retry.
NOT_TAKEN = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION, KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION,
    }
)  # fmt: skip

log = logging.getLogger(__name__)


class Acceptor:
    """The one way onto Kafka of a gateway process."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        seen: Seen,
        tails: TailReader,
        make_producer: Callable[[dict[str, Any]], Any] = Producer,
    ) -> None:
        self._settings, self._limits, self._seen, self._tails = settings, limits, seen, tails
        self._make_producer = make_producer
        self._producer: Any = None
        self._flights: dict[str, Flight] = {}
        self._bytes = 0
        self._next_offset: dict[Place, int] = {}
        self._problem: str | None = "not started"
        self._watch = Watch(limits.away_after_seconds, self._ask)
        self._pumping: asyncio.TimerHandle | None = None
        self._idle = True
        self._asking = asyncio.Lock()  # a producer is not ended while a thread asks it something
        self._deaf = False  # what an ending producer says comes from another thread, and is found on the topics
        self._closing = False
        self._renewing: asyncio.Task[None] | None = None

    # --- for requests -------------------------------------------------------------------------------------------------

    def knows(self, name: str) -> bool:
        """Whether the record is written or on its way."""
        return bool(self._next_offset) and (name in self._flights or name in self._seen)

    def accept(self, records: Sequence[Record], known: Sequence[str] = ()) -> Receipt:
        """Hand these records over, those that are known left out. Busy: none of them was taken.

        `known`: names of records that are known and were not made again; the receipt is for them too.
        """
        if not self._next_offset:  # a thread is still filling in what is known
            raise Busy(str(self._problem))
        new: dict[str, Record] = {}
        waiting: list[Flight] = []
        for record in records:
            if (flight := self._flights.get(record.name)) is not None:
                waiting.append(flight)
            elif record.name not in self._seen:
                new.setdefault(record.name, record)
        for name in known:
            if (flight := self._flights.get(name)) is not None:
                waiting.append(flight)
            elif name not in self._seen:
                raise Busy("a record that was on its way was refused")
        if (new or waiting) and (busy := self.busy()) is not None:
            raise Busy(busy)
        flights = [self._flight(record) for record in new.values()]
        receipt = receipt_of(waiting + flights)
        receipt.sent = len(flights)
        for flight in flights:
            self._produce(flight)
        if self._idle and flights:
            self._pump_in(BUSY_POLL_SECONDS)
        return receipt

    def busy(self) -> str | None:
        """Why nothing new is taken now; None: it is."""
        if self._problem is not None:
            return self._problem
        if (away := self._watch.problem()) is not None:
            return away
        if len(self._flights) >= self._limits.in_flight_records or self._bytes >= self._limits.in_flight_bytes:
            return f"{len(self._flights):,} records are on their way, expected fewer"
        return None

    def not_ready(self) -> str | None:
        """Why no requests should come here; None: they should. While Kafka is away they should: 503 is an answer."""
        return None if self._next_offset and not self._closing else self._problem

    @property
    def in_flight(self) -> int:
        return len(self._flights)

    # --- its life -----------------------------------------------------------------------------------------------------

    async def start(self, topics: frozenset[str], since_ms: int, most: int) -> None:
        """Read back what is known, then take records. Waits for Kafka, not for topics or rights: those it raises."""
        self._problem = "reading back what stands on the topics"
        started = time.monotonic()
        while True:
            try:
                read = await asyncio.to_thread(self._read_back, topics, since_ms, most)
                break
            except LoginRefused:
                raise
            except BrokerUnreachable as error:
                self._watch.say_down(str(error))
                await asyncio.sleep(AGAIN_SECONDS)
        self._next_offset = dict(read.next_offset)
        log.info(
            "read back %d records in %.1f s: %d ids are known",
            read.records,
            time.monotonic() - started,
            len(self._seen),
        )
        self._take_up()

    def _read_back(self, topics: frozenset[str], since_ms: int, most: int) -> Tails:
        with login_explained(self._settings):
            return self._tails.since(topics, since_ms, most, self._seen.add)

    async def close(self, seconds: float) -> None:
        """Wait for what is on its way, at most so long, then end the producer."""
        self._problem, self._closing = "stopping", True
        self._watch.close()
        if self._flights:
            await receipt_of(list(self._flights.values())).within(seconds)
        if self._pumping is not None:
            self._pumping.cancel()
        if self._flights:
            log.warning("%d records were not acknowledged: their requests were not answered 2xx", len(self._flights))
        if self._renewing is not None:
            self._renewing.cancel()
        await self._end_producer()

    # --- the producer -------------------------------------------------------------------------------------------------

    def _take_up(self) -> None:
        self._producer = self._make_producer(self._config())
        self._problem, self._deaf = None, False
        self._watch.say_up()
        self._pump()

    def _config(self) -> dict[str, Any]:
        return confluent_config(
            self._settings,
            client_id=f"{self._settings.app_id}-gateway",
            enable_idempotence=True,
            acks="all",
            partitioner="murmur2_random",  # the lane refuses a lead on another's partition
            linger_ms=LINGER_MS,
            message_timeout_ms=0,
            message_max_bytes=MAX_DEAD_LETTER_BYTES,
            # Never the limit that is met: the gateway's own are.
            queue_buffering_max_messages=2 * self._limits.in_flight_records + 1_000_000,
            queue_buffering_max_kbytes=2_000_000,
            reconnect_backoff_ms=50,
            reconnect_backoff_max_ms=1_000,
        ) | {"error_cb": self._complained, "logger": QUIET}

    def _flight(self, record: Record) -> Flight:
        flight = self._flights[record.name] = Flight(record, time.monotonic(), self._landed)
        self._bytes += len(record.value)
        return flight

    def _produce(self, flight: Flight) -> None:
        _, topic, key, value, headers = flight.record
        try:
            self._producer.produce(topic, value, key, on_delivery=flight.delivered, headers=headers)
        except KafkaException as error:
            self._failed(flight, error.args[0])
        except BufferError:
            self.renew("its queue is full")

    def _landed(self, flight: Flight, error: KafkaError | None, message: Message) -> None:
        if self._deaf or self._flights.get(flight.record.name) is not flight:
            return
        if error is not None:
            self._failed(flight, error)
            return
        place = (flight.record.topic, int(message.partition() or 0))
        offset = int(message.offset() or 0)
        if offset >= self._next_offset.get(place, 0):
            self._next_offset[place] = offset + 1
        self._written(flight)

    def _written(self, flight: Flight) -> None:
        self._seen.add(flight.record.name)
        self._gone(flight)

    def _failed(self, flight: Flight, error: KafkaError) -> None:
        if error.code() in NOT_TAKEN:
            self._gone(flight, f"{flight.record.topic}: {error.str()}")
        else:
            self.renew(error.str())

    def _gone(self, flight: Flight, refused: str | None = None) -> None:
        del self._flights[flight.record.name]
        self._bytes -= len(flight.record.value)
        for receipt in flight.receipts:
            receipt.settle(refused)

    # --- polling ------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Take acknowledgements in, and look now and then at what is overdue."""
        if self._producer is not None:
            self._producer.poll(0)
        if self._watch.is_due(now := time.monotonic()):
            oldest = next(iter(self._flights.values()), None)
            self._watch.look(now, None if oldest is None else oldest.since)
            metrics.GATEWAY_IN_FLIGHT.set(len(self._flights))
            metrics.GATEWAY_KAFKA_UP.set(self._problem is None and self._watch.problem() is None)
        self._idle = not self._flights
        self._pump_in(IDLE_POLL_SECONDS if self._idle else BUSY_POLL_SECONDS)

    def _pump_in(self, seconds: float) -> None:
        if self._pumping is not None:
            self._pumping.cancel()
        self._idle = seconds == IDLE_POLL_SECONDS
        self._pumping = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _complained(self, error: KafkaError) -> None:
        if not self._deaf:
            self._watch.complained(error)

    async def _ask(self) -> None:
        """Raises KafkaException when nobody answers."""
        async with self._asking:
            if self._producer is not None:
                await asyncio.to_thread(self._producer.list_topics, timeout=ANSWER_SECONDS)

    # --- a new producer -----------------------------------------------------------------------------------------------

    def renew(self, reason: str) -> None:
        """Replace the producer, which is in doubt about what it has written. Nothing new is taken meanwhile."""
        if self._problem is None:
            self._problem = "the producer is being renewed"
            log.error("the producer ended (%s): looking for what it had on its way", reason)
            metrics.GATEWAY_RENEWALS.inc()
            self._renewing = asyncio.get_running_loop().create_task(self._renewed())

    async def _renewed(self) -> None:
        """End the producer, find out what it has written, send the rest with a new one."""
        await self._end_producer()
        topics = {flight.record.topic for flight in self._flights.values()}
        starts = {place: offset for place, offset in self._next_offset.items() if place[0] in topics}
        found: set[str] = set()
        while True:
            try:
                read = await asyncio.to_thread(self._tails.from_offsets, starts, found.add)
                break
            except LeadlaneError as error:
                self._watch.say_down(str(error))
                await asyncio.sleep(AGAIN_SECONDS)
        self._next_offset |= read.next_offset
        for flight in [flight for name, flight in self._flights.items() if name in found]:
            self._written(flight)
        self._take_up()
        log.info("a new producer: %d records were written, %d are sent again", len(found), len(self._flights))
        for flight in list(self._flights.values()):
            flight.since = time.monotonic()
            self._produce(flight)

    async def _end_producer(self) -> None:
        """Its last acknowledgements are taken in; what it still holds is dropped."""
        async with self._asking:
            ended, self._producer = self._producer, None
            if ended is None:
                return
            ended.purge(in_queue=True, in_flight=True, blocking=False)
            ended.poll(0)
            self._deaf = True
            await asyncio.to_thread(ended.close)
