"""One target at work: what came from Kafka, through the leads' lines and the gate, to the webhook.

Law of this module: a record is finished when the target took it, when Kafka has it on sink.parked, or when the target
does not want it; nothing else moves the group on. Parking one record lets the later ones of its lead go on
(docs/reference/sink.md says what then becomes of the parked one).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from confluent_kafka import Message

from streams import metrics
from streams.errors import LeadlaneError
from streams.kafka.reader import Reader
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.sink.body import body_of
from streams.sink.config import Target
from streams.sink.gate import Gate
from streams.sink.intake import Intake, Partition
from streams.sink.leads import Delivery, Leads, Line, Order
from streams.sink.overtaking import overtaken
from streams.sink.parking import Parking
from streams.sink.post import Poster
from streams.sink.progress import Progress
from streams.sink.retry import TOO_MANY, Answer, Means, is_given_up, pause_of
from streams.sink.taking import Taking
from streams.topics import PARKED
from streams.traceparent import Trace, trace_of
from streams.tracing import Tracer, kafka_attributes

log = logging.getLogger(__name__)
MOST_WAITING = 2_000  # deliveries in memory ...
MOST_BYTES = 64 << 20  # ... and the bytes of their records
MOST_AHEAD = 100_000  # finished records of a partition that wait for one that is not: it is parked then
DRAIN_SECONDS = 5.0
AGAIN_SECONDS = 1.0
SAY_SECONDS = 10.0
UNREADABLE, OVERTAKEN = "unreadable", "overtaken"  # why a delivery is parked without a try


class TargetRun:
    """One target of one process. Made when the event loop runs."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        target: Target,
        wire: Wire,
        parking: Parking,
        tracer: Tracer | None,
        failed: Callable[[Exception], None],
    ) -> None:
        self.name = name
        self._settings, self._target, self._wire, self._parking, self._tracer = settings, target, wire, parking, tracer
        self._loop = asyncio.get_running_loop()
        self._poster = Poster(name, target)
        self._gate, self._leads = Gate(), Leads()
        self._progress: dict[Partition, Progress] = {}
        self._handed = 0  # given to the loop, not yet in a line
        self._bytes = 0
        self._posting = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurried: object = None
        self._unsaid, self._said_at = 0, -SAY_SECONDS
        self._workers: list[asyncio.Task[None]] = []
        self._failed = failed
        self._intake = Intake(settings, name, (*target.deliver, PARKED.name), self, self._fail_from_thread)
        self._taking = Taking(name, target, wire)
        self._delivered, self._parked, self._filtered = (
            metrics.SINK_RECORDS.labels(name, outcome) for outcome in ("delivered", "parked", "filtered")
        )
        self._seconds, self._waiting = metrics.SINK_SECONDS.labels(name), metrics.SINK_WAITING.labels(name)
        self._up = metrics.SINK_UP.labels(name)
        self._up.set(1)

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._start_workers()
        self._intake.start()

    async def stop(self) -> None:
        """End what is on its way, commit, leave."""
        self._intake.stop()
        await asyncio.to_thread(self._intake.join, DRAIN_SECONDS + 2)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._poster.close()

    def is_live(self) -> bool:
        return self._intake.is_alive() and not any(worker.done() for worker in self._workers)

    @property
    def is_joined(self) -> bool:
        return self._intake.joined

    def _start_workers(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._target.concurrency)]

    def _fail_from_thread(self, error: Exception) -> None:
        self._loop.call_soon_threadsafe(self._failed, error)

    # --- for the intake, on its thread --------------------------------------------------------------------------------

    def room(self) -> int:
        return MOST_WAITING - self._leads.count - self._handed if self._bytes < MOST_BYTES else 0

    def deliver(self, messages: Sequence[Message]) -> None:
        self._handed += len(messages)
        self._loop.call_soon_threadsafe(self._take, messages)

    def release(self) -> Mapping[Partition, int]:
        return asyncio.run_coroutine_threadsafe(self._release(), self._loop).result()

    def progress(self) -> Mapping[Partition, int]:
        return {at: each.next for at, each in list(self._progress.items()) if each.next is not None}

    def measured(self, lag: Mapping[str, int]) -> None:
        for topic, records in lag.items():
            metrics.SINK_LAG_RECORDS.labels(self.name, topic).set(records)
        self._waiting.set(self._leads.count)
        self._up.set(not self._gate.is_down)

    # --- taking in ----------------------------------------------------------------------------------------------------

    def _take(self, messages: Sequence[Message]) -> None:
        try:
            for message in messages:
                self._take_one(message)
        except Exception as error:  # whatever it is, going on would skip a record
            self._failed(error)
        finally:
            self._handed -= len(messages)

    def _take_one(self, message: Message) -> None:
        topic, partition, offset = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
        progress = self._progress.get((topic, partition))
        if progress is None:
            progress = self._progress[topic, partition] = Progress()
        if message.error() is not None:  # the end for now
            progress.read_to(offset)
            return
        progress.begin(offset)
        delivery = self._taking.ordered(message) if topic == PARKED.name else self._taking.wanted(message)
        if delivery is None:
            if topic != PARKED.name:
                self._filtered.inc()
            progress.finish(offset)
            return
        self._bytes += len(delivery.value)
        self._leads.add(delivery)

    # --- delivering ---------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            line, delivery = await self._leads.take()
            try:
                await self._one(line, delivery)
            except Exception as error:
                self._failed(error)
                raise

    async def _one(self, line: Line, delivery: Delivery) -> None:
        """Try it once and conclude."""
        ready = await self._prepared(delivery)
        if isinstance(ready, Answer):
            with self._counted():
                if not line.dropped:
                    await self._conclude(line, delivery, ready)
            return
        alone = await self._gate.enter()
        with self._counted():  # only now is it worth waiting for
            answer = None
            try:
                if not line.dropped:
                    answer = await self._poster.post(delivery.id, ready, self._begun(delivery))
            finally:
                self._gate.leave(alone, answer)
            if answer is not None:
                await self._conclude(line, delivery, answer)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._posting += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._posting -= 1
            if not self._posting:
                self._idle.set()

    async def _prepared(self, delivery: Delivery) -> bytes | Answer:
        """The body to send, or why it is not even tried."""
        if delivery.record is None:
            return Answer(None, delivery.error, why=UNREADABLE)
        order = delivery.order
        if order is not None and not order.forced and not delivery.first_at:
            newer = await self._newer(order)
            if newer is not None:
                return Answer(None, f"overtaken by {delivery.topic}[{delivery.partition}]@{newer}", why=OVERTAKEN)
        try:
            return body_of(self._target.body, delivery.topic, delivery.record, delivery.headers)
        except (ValueError, OverflowError, OSError) as error:
            return Answer(None, f"cannot be written as JSON: {error}", why=UNREADABLE)

    async def _newer(self, order: Order) -> int | None:
        """The newest record that has overtaken what is ordered; asks until Kafka answers."""
        parked = order.parked

        def look() -> int | None:
            with Reader(self._settings) as reader:
                found = overtaken(reader, self._wire, (parked,), {parked.partition: order.checked})
            return found.get((parked.topic, parked.partition, parked.offset))

        while True:
            try:
                return await asyncio.to_thread(look)
            except LeadlaneError as error:
                log.warning("%s: a redrive waits: %s", self.name, error)
                await asyncio.sleep(AGAIN_SECONDS)

    def _begun(self, delivery: Delivery) -> Trace | None:
        """The span of a delivery, from its first try on."""
        if not delivery.first_at:
            delivery.first_at, delivery.began_ns = time.monotonic(), time.time_ns()
            parent = trace_of(delivery.headers)
            if parent is not None:
                delivery.span = self._tracer.begin(parent.header()) if self._tracer is not None else parent
        return delivery.span

    async def _conclude(self, line: Line, delivery: Delivery, answer: Answer) -> None:
        if answer.means is Means.DELIVERED:
            self._delivered.inc()
            self._seconds.observe(max(0.0, time.time() - delivery.timestamp / 1000))
            self._finish(line, delivery, answer)
            return
        delivery.tries += answer.status != TOO_MANY and answer.why not in (UNREADABLE, OVERTAKEN)
        if self._is_over(delivery, answer):
            held = "holds up too many others; " if delivery.holds_up else ""
            await self._parking.park(self.name, delivery, answer.status, held + answer.said)
            self._parked.inc()
            self._say_parked(delivery, answer)
            self._finish(line, delivery, answer)
            return
        metrics.SINK_RETRIES.labels(self.name, answer.why).inc()
        pause = pause_of(self._target.retry, max(1, delivery.tries), random.random(), answer.retry_after)
        self._leads.again(line, pause)

    def _say_parked(self, delivery: Delivery, answer: Answer) -> None:
        """Not for each: a target with a wrong secret refuses everything."""
        self._unsaid += 1
        if time.monotonic() - self._said_at < SAY_SECONDS:
            return
        place = f"{delivery.topic}[{delivery.partition}]@{delivery.offset}"
        log.warning("%s: %d parked, the last %s: %s", self.name, self._unsaid, place, answer.said)
        self._unsaid, self._said_at = 0, time.monotonic()

    def _is_over(self, delivery: Delivery, answer: Answer) -> bool:
        if answer.means is Means.NEVER or answer.why in (UNREADABLE, OVERTAKEN) or delivery.holds_up:
            return True
        return is_given_up(self._target.retry, delivery.tries, time.monotonic() - delivery.first_at)

    def _finish(self, line: Line, delivery: Delivery, answer: Answer) -> None:
        topic, partition, offset = delivery.place
        if self._tracer is not None and delivery.span is not None:
            self._trace(self._tracer, delivery, answer)
        if not line.dropped:
            self._bytes -= len(delivery.value)
        self._leads.done(line)
        progress = self._progress.get((topic, partition))
        if progress is not None:
            progress.finish(offset)
            if progress.ahead() > MOST_AHEAD and (oldest := progress.oldest()) is not None:
                self._hurry((topic, partition, oldest))
        if self.room() > 0:
            self._intake.has_room.set()

    def _hurry(self, place: tuple[str, int, int]) -> None:
        if place != self._hurried:
            self._hurried = place
            self._leads.hurry(place)

    def _trace(self, tracer: Tracer, delivery: Delivery, answer: Answer) -> None:
        assert delivery.span is not None
        status = {} if answer.status is None else {"http.response.status_code": answer.status}
        tracer.finish(
            delivery.span,
            trace_of(delivery.headers),
            f"deliver {delivery.topic}",
            "client",
            delivery.began_ns,
            {
                **kafka_attributes(delivery.topic, delivery.partition, delivery.offset),
                **status,
                "leadlane.target": self.name,
                "leadlane.failed_tries": delivery.tries,
            },
            None if answer.means is Means.DELIVERED else answer.said,
        )

    async def _release(self) -> Mapping[Partition, int]:
        """Let what is being posted end, forget the rest."""
        self._leads.drop()
        try:
            await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("%s: %d deliveries are cut off; they come again", self.name, self._posting)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        progress = self.progress()
        self._progress, self._bytes, self._leads, self._posting = {}, 0, Leads(), 0
        self._idle.set()
        self._start_workers()
        return progress
