"""One member of the group: it opens the lanes that it is given, and says how it is.

Law of this module: the group only says whose lane it is. No long work in the listener (no heartbeat until it
returns); what a listener raises is merely logged by aiokafka, so it is kept and ends the worker.

Next: streams/lane/lane.py
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections import deque
from collections.abc import Awaitable, Collection, Iterable, Mapping
from threading import Thread

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from streams import metrics
from streams.compiled import core_in_words
from streams.errors import MissingTopic, TopicsDiffer
from streams.lane.assignment import LaneAssignor
from streams.lane.clients import Clients, unreachable
from streams.lane.control import Control
from streams.lane.denials import DENIALS, denied
from streams.lane.job import Job, LaneSettings
from streams.lane.lane import Lane
from streams.lane.privates import leave

log = logging.getLogger(__name__)
JOIN_SECONDS = 180.0  # a limit shorter than a rebalance would end the worker and leave a ghost member
POLL_MS = 500
HOUSEKEEPING_SECONDS = 1.0
TWIN_COUNT, TWIN_SECONDS = 5, 20.0
GC_THRESHOLDS = (500_000, 20, 50)  # batches make and drop many small objects that need no cycle collection


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """The lanes of one process. `await run()` works until `stop()`; it raises what ended it."""

    def __init__(self, settings: LaneSettings, job: Job) -> None:
        self.settings, self.job = settings, job
        self.clients = Clients(settings)
        self.control = Control(self.clients, job)
        self.settled, self.turn = asyncio.Event(), asyncio.Lock()
        self.lanes: dict[int, Lane] = {}  # ours now
        self._known: dict[int, Lane] = {}  # ours now or before: the warm copies
        self._left_at: dict[int, float] = {}
        self._assigned_at: deque[float] = deque(maxlen=TWIN_COUNT)
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._group: AIOKafkaConsumer | None = None
        self._joined = False
        self._heard_at = time.monotonic()  # when a broker last took our offsets

    # --- for the outside ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Check, read the control topics, join, work; raises the reason if it ends for another than `stop()`."""
        tasks: list[asyncio.Task[None]] = []
        metrics.expect(self.job.processor.inputs)
        log.info("worker %s of %s starts, core: %s", self.settings.slot or "-", self.settings.app_id, core_in_words())
        if self.job.warm_up is not None:
            Thread(target=self.job.warm_up, name="warm-up", daemon=True).start()
        try:
            await self._prepare()
            tasks = [asyncio.create_task(self.control.follow()), asyncio.create_task(self._keep_house())]
            await self._join()
            await self._stay(tasks)
        except DENIALS as error:
            raise denied(self.settings, error) from error
        finally:
            await self._end(tasks)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ask for an orderly end: running transactions finish."""
        self._stopping.set()

    def fail(self, error: BaseException) -> None:
        """End the worker with this error."""
        self._failure = self._failure or error
        self._stopping.set()

    def is_live(self) -> bool:
        """False if a lane has given no sign of life for too long: a restart is the cure."""
        limit = time.monotonic() - self.settings.stuck_seconds
        return self._failure is None and all(lane.sign_of_life > limit for lane in self.lanes.values())

    def is_ready(self) -> bool:
        """Whether control is read, the group joined, a broker answers, and every lane of ours runs."""
        return self.not_ready() is None

    def not_ready(self) -> str | None:
        """What is missing, for a person; None if nothing is."""
        if not self.control.ready:
            return "the control topics are not read"
        if not self._joined or not self.settled.is_set():
            return "the group is rebalancing"
        silence = time.monotonic() - self._heard_at
        if self.lanes and silence > self.settings.session_timeout_seconds:
            return f"no broker has taken our offsets for {silence:.0f} s"
        closed = sorted(number for number, lane in self.lanes.items() if not lane.is_open)
        return f"lanes {closed} are not open" if closed else None

    async def _prepare(self) -> None:
        """All that must be there before the group is joined; a clear error if it is not."""
        await self.clients.start()
        try:
            await check_topics(self.clients, self.job, self.settings)
            await self.control.start()
        except (KafkaError, TimeoutError) as error:
            raise unreachable(self.settings, error) from error

    # --- the group ----------------------------------------------------------------------------------------------------

    async def _join(self) -> None:
        self._group = self.clients.consumer(
            group_id=self.settings.app_id,
            group_instance_id=self.settings.slot or None,
            isolation_level="read_committed",
            session_timeout_ms=int(self.settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(self.settings.heartbeat_seconds * 1000),
            partition_assignment_strategy=(LaneAssignor(lambda: self._known),),
        )
        self._group.subscribe(list(self.job.processor.inputs), listener=self)
        joining = asyncio.create_task(self._group.start())  # ends with the first assignment
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([joining, stopping], timeout=JOIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not joining.done():
            joining.cancel()
            if not self._stopping.is_set():
                raise TimeoutError(f"group {self.settings.app_id}: no assignment within {JOIN_SECONDS:.0f} s")
            return
        joining.result()
        self._joined = True

    async def _stay(self, tasks: list[asyncio.Task[None]]) -> None:
        """Poll the group: proof of life, and where its errors show. Ends with `stop` or `fail`."""
        assert self._group is not None
        while not self._stopping.is_set():
            for task in tasks:
                if task.done():
                    task.result()
            poll = asyncio.create_task(self._group.getmany(timeout_ms=POLL_MS))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([poll, stopping], timeout=2 * POLL_MS / 1000, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if poll.done():
                poll.result()
            poll.cancel()  # in a rebalance getmany waits without limit

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.settled.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        assert self._group is not None
        self._group.pause(*assigned)  # before any await
        self._heard_at = time.monotonic()
        await self._guard(self._take({tp.partition for tp in assigned}))
        self.settled.set()

    async def _guard(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # aiokafka would only log it
            self.fail(error)

    async def _take(self, ours: set[int]) -> None:
        if self._stopping.is_set():
            return  # nobody would close what is opened now
        log.info("lanes assigned: %s", sorted(ours))
        self._warn_of_a_twin()
        await self._drop(set(self.lanes) - ours)
        for number in sorted(ours - set(self.lanes)):
            lane = self._known.setdefault(number, Lane(self, number))
            self.lanes[number] = lane
            self._left_at.pop(number, None)
            lane.start()

    def _warn_of_a_twin(self) -> None:
        """Two workers with one slot name throw each other out with every heartbeat: safe, but nothing gets done."""
        self._assigned_at.append(time.monotonic())
        if len(self._assigned_at) == TWIN_COUNT and self._assigned_at[-1] - self._assigned_at[0] < TWIN_SECONDS:
            log.error(
                "slot %r joined the group %d times within %.0f s: expected one live worker per slot, is there a twin? "
                "Give each its own LEADLANE_SLOT.", self.settings.slot, TWIN_COUNT, TWIN_SECONDS
            )  # fmt: skip

    async def _drop(self, numbers: Iterable[int]) -> None:
        await asyncio.gather(*(self._close(self.lanes.pop(number)) for number in list(numbers)))

    async def _close(self, lane: Lane) -> None:
        self._left_at[lane.number] = time.monotonic()
        if not await lane.close():
            self._known.pop(lane.number, None)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        await self._drop(set(self.lanes))
        if self._group is not None:
            await self._commit_offsets()
            if self.settings.leave_on_stop:
                await leave(self._group)
            await self.clients.reap(self._group.stop())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.control.stop()
        await self.clients.stop()

    # --- once a second ------------------------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        gc.set_threshold(*GC_THRESHOLDS)
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            self._forget_warm()
            self._measure()
            await self._commit_offsets()

    async def _commit_offsets(self) -> None:
        """For lag tools only, never read back: aiokafka takes `coordinator is loading` for `nothing committed`."""
        if self._group is None or not self._joined:
            return
        offsets = {
            TopicPartition(topic, lane.number): offset
            for lane in self.lanes.values()
            if lane.is_open
            for topic, offset in lane.position.next.items()
        }
        with contextlib.suppress(KafkaError, IllegalStateError, TimeoutError):  # the next second brings a newer one
            if offsets:
                await asyncio.wait_for(self._group.commit(offsets), HOUSEKEEPING_SECONDS)
                self._heard_at = time.monotonic()

    def _forget_warm(self) -> None:
        """Drop warm copies that are too old, and the oldest while they are too many."""
        oldest_first = sorted(self._left_at, key=self._left_at.__getitem__)
        leads = sum(len(self._known[number].store) for number in oldest_first if number in self._known)
        for number in oldest_first:
            lane = self._known.get(number)
            too_old = self._left_at[number] < time.monotonic() - self.settings.warm_seconds
            if lane is None or too_old or leads > self.settings.warm_leads:
                leads -= len(lane.store) if lane else 0
                self._known.pop(number, None)
                del self._left_at[number]

    def _measure(self) -> None:
        lanes = list(self.lanes.values())
        metrics.LANES.set(self.settings.lanes)
        metrics.BROKER_SILENCE_SECONDS.set(time.monotonic() - self._heard_at)
        metrics.LANES_ASSIGNED.set(len(lanes))
        metrics.LANES_OPEN.set(sum(lane.is_open for lane in lanes))
        metrics.LEADS.labels("running").set(sum(len(lane.store) for lane in lanes))
        warm = [lane for number, lane in self._known.items() if number not in self.lanes]
        metrics.LEADS.labels("warm").set(sum(len(lane.store) for lane in warm))
        metrics.KEYED_LEADS.set(sum(len(lane.keys.ring) for lane in lanes if lane.keys is not None))
        total = dict.fromkeys(self.job.processor.inputs, 0)
        for lane in lanes:
            for topic, lag in lane.lag().items():
                total[topic] += lag
        for topic, lag in total.items():
            metrics.LAG_RECORDS.labels(topic).set(lag)


async def check_topics(clients: Clients, job: Job, settings: LaneSettings) -> None:
    """MissingTopic or TopicsDiffer unless every topic of the job is there with the partitions that it needs."""
    await check_partitions(clients, job.partitions(settings.lanes), {*job.controls, *job.single})


async def check_partitions(clients: Clients, wanted: Mapping[str, int], single: Collection[str]) -> None:
    """MissingTopic or TopicsDiffer unless these topics have so many partitions; `single` always have one."""
    settings, found = clients.settings, await clients.partitions(wanted)
    missing = sorted(topic for topic in wanted if not found.get(topic))
    if missing:
        raise MissingTopic(
            f"{settings.brokers}: expected {len(wanted)} topics, got none named {', '.join(missing)}. "
            "Create them with `leadlane topics apply`."
        )
    differ = {topic: found[topic] for topic, count in wanted.items() if found[topic] != count}
    if differ:
        raise TopicsDiffer(
            f"{settings.brokers}: expected {settings.lanes} partitions (LEADLANE_LANES) in lane topics and 1 in "
            f"{', '.join(sorted(single))}, got {differ}. Set LEADLANE_LANES to what exists, or create new topics."
        )
