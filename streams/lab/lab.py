"""The lab: reads examples and what governance looks at, learns, keeps, makes known, and goes back when it must.

Law of this module: one thing after the other, in one loop, so that a checkpoint holds all inputs at one moment, and
what is made known was kept before. On an error of Kafka all is thrown away and opened again from the newest checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from aiokafka.errors import KafkaError

from streams import metrics, topics
from streams.core.effects import EmitExample
from streams.core.events import ErasureRequest
from streams.errors import BrokerFailed, BrokerUnreachable
from streams.kafka.codec import wire_for
from streams.kafka.control import NotWritten
from streams.lab.announcing import Announcer
from streams.lab.checkpoint import BadCheckpoint, Checkpoint
from streams.lab.forgetting import Forgotten
from streams.lab.intake import Intake
from streams.lab.issuing import Issuer
from streams.lab.keeper import Keeper
from streams.lab.leaks import allowed
from streams.lab.learning import Learning
from streams.lab.overseer import Overseer
from streams.lab.standing import CONTROLS, Standing, following
from streams.lane.clients import CALL_SECONDS, Clients, unreachable
from streams.lane.control import Control
from streams.lane.denials import DENIALS, denied
from streams.lane.job import LaneSettings
from streams.lane.lane import wall_ms
from streams.lane.registry import RegistryUnreachable
from streams.lane.unreadable import UnreadableRecord
from streams.lane.worker import check_partitions
from streams.privacy.fields import hidden
from streams.settings import Settings

log = logging.getLogger(__name__)
WAIT_SECONDS = 0.2
TURN_RECORDS = 200  # between two looks at the clock: about 60 ms of learning
RETRY_SECONDS = 1.0
SEE_SECONDS = 0.02
MEASURE_SECONDS = 1.0
EXAMPLES = topics.EXAMPLES.name
SINGLE = (EXAMPLES, topics.LAB_STATE.name, *CONTROLS)
BY_LANE = (topics.STATS.name, topics.CASE_EVENTS.name, topics.REVIEWS.name, topics.ERASURES.name)


class Lab:
    """One line's learner and its governance. `await run()` works until `stop()`; it raises what ended it."""

    def __init__(self, settings: Settings, lanes: LaneSettings, clock: Callable[[], int] = wall_ms) -> None:
        self._settings, self._clock = settings, clock
        self._clients, self._wire = Clients(lanes), wire_for(settings)
        self._control = Control(self._clients, following(self._wire))
        self._intake = Intake(self._clients, {EXAMPLES: 1, **dict.fromkeys(BY_LANE, settings.lanes)})
        self._keeper = Keeper(self._clients, settings.lab_line)
        self._announcer = Announcer(settings)
        interval_ms = int(settings.lab_model_interval_seconds * 1000)
        self._issuer = Issuer(settings.lab_line, interval_ms, self._announcer, clock)
        self._learning = Learning(settings.lab_line)
        self._forgotten = Forgotten()
        self._overseer: Overseer
        self._stopping, self._is_open = asyncio.Event(), False
        self._seq, self._kept_at, self._is_dirty = 0, 0.0, False
        self._lives_at, self._measured_at = time.monotonic(), 0.0

    # --- for the outside ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Check, read the control topics, go on from the newest checkpoint, learn."""
        log.info("lab of %s starts, line %s", self._settings.app_id, self._settings.lab_line)
        await self._prepare()
        following_control = asyncio.create_task(self._control.follow())
        try:
            while not self._stopping.is_set():
                await self._live(following_control)
        finally:
            following_control.cancel()
            await asyncio.gather(following_control, return_exceptions=True)
            await self._release()
            await self._control.stop()
            await self._clients.stop()
            self._issuer.close()

    def stop(self) -> None:
        self._stopping.set()

    def is_live(self) -> bool:
        return time.monotonic() - self._lives_at < self._settings.stuck_seconds

    def not_ready(self) -> str | None:
        if not self._control.ready:
            return "the control topics are not read"
        return None if self._is_open else "the checkpoint is not read"

    async def snapshot(self) -> str:
        """Publish what is learned as soon as may be; what became of it, in words."""
        return await self._issuer.ask()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        await self._clients.start()
        try:
            wanted = dict.fromkeys(SINGLE, 1) | dict.fromkeys(BY_LANE, self._settings.lanes)
            await check_partitions(self._clients, wanted, SINGLE)
            await self._announcer.claim()
            await self._control.start()
        except (KafkaError, TimeoutError) as error:
            raise unreachable(self._clients.settings, error) from error

    async def _live(self, following_control: asyncio.Task[None]) -> None:
        """Open and work until asked to stop, or until Kafka fails."""
        try:
            await self._open()
            while not self._stopping.is_set():
                if following_control.done():
                    following_control.result()
                await self._turn()
            await self._keep()
        except DENIALS as error:
            raise denied(self._clients.settings, error) from error
        except (KafkaError, TimeoutError, NotWritten, BrokerUnreachable, BrokerFailed, RegistryUnreachable) as error:
            log.warning("lab opens again after %r", error, exc_info=log.isEnabledFor(logging.DEBUG))
            metrics.LAB_REBUILDS.labels(type(error).__name__).inc()
            await self._release()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)

    async def _open(self) -> None:
        """Become the lab of the line and go on where it stood."""
        self._lives_at = time.monotonic()
        began, standing = time.monotonic(), self._standing
        checkpoint = await self._keeper.open()
        line = self._settings.lab_line
        self._learning, self._seq = Learning(line), 0
        self._forgotten = Forgotten(checkpoint.forgotten if checkpoint else None)
        self._overseer = Overseer(standing, self._announcer, self._clock)
        if checkpoint is not None:
            try:
                self._learning = Learning.load(line, checkpoint.learned)
                self._overseer.load(checkpoint.governed, checkpoint.occupied, standing)
            except ValueError as error:
                raise BadCheckpoint(
                    f"lab.state, line {line!r}, checkpoint {checkpoint.seq}: {error} Start the version that wrote it,"
                    " or learn anew as another line: LEADLANE_LAB_LINE."
                ) from error
            self._seq = checkpoint.seq
        await self._intake.open(checkpoint.next if checkpoint else {})
        self._issuer.see(standing, self._learning)
        self._is_dirty, self._kept_at, self._is_open = False, time.monotonic(), True
        log.info("lab open: %d examples learned, checkpoint %d, %.3f s", self._learning.taken, self._seq,
                 time.monotonic() - began)  # fmt: skip

    async def _release(self) -> None:
        self._is_open = False
        await self._intake.close()
        await self._keeper.close()

    # --- one turn -----------------------------------------------------------------------------------------------------

    @property
    def _standing(self) -> Standing:
        standing: Standing = self._control.current.context
        return standing

    async def _turn(self) -> None:
        self._lives_at = time.monotonic()
        standing = self._standing
        await self._obey(standing)
        self._intake.hold(EXAMPLES, standing.context.models.frozen)
        records = await self._intake.take(WAIT_SECONDS, TURN_RECORDS)
        standing, count = self._standing, 0  # it may have changed while we waited
        self._intake.hold(EXAMPLES, standing.context.models.frozen)
        for record in records:
            self._take(record)
            count += 1
        metrics.LAB_EXAMPLES.set(self._learning.taken)
        is_drained = count < TURN_RECORDS
        if await self._overseer.look(standing, self._learning.learner.left_out, is_drained):
            await self._see_frozen()
        else:
            impact = self._overseer.impact()
            await self._issuer.issue(self._learning, standing, impact, self._keep_news, is_drained)
        if self._is_dirty and time.monotonic() - self._kept_at >= self._settings.lab_checkpoint_seconds:
            await self._keep()
        if time.monotonic() - self._measured_at >= MEASURE_SECONDS:
            await self._measure()

    async def _see_frozen(self) -> None:
        """After a rollback nothing more is learned: wait until our own view says so."""
        for _ in range(int(CALL_SECONDS / SEE_SECONDS)):
            if self._standing.context.models.frozen:
                return
            await asyncio.sleep(SEE_SECONDS)

    async def _obey(self, standing: Standing) -> None:
        """What people say about features takes effect together with a checkpoint: a kill does not move it."""
        if features := allowed(self._learning.learner.left_out, standing.alarms):
            for feature in features:
                self._learning.allow(feature)
                log.info("%s is learned from, from example %d on", feature, self._learning.taken)
            await self._keep()

    def _take(self, record: Any) -> None:
        """Fold one record in; one that cannot be read or learned is counted and left out."""
        try:
            found = self._wire.decode_any(record.topic, record.value, hidden)
            if isinstance(found, EmitExample):
                self._learning.take(record.offset, found)
            self._overseer.take(found, record.timestamp)
            if isinstance(found, ErasureRequest):
                self._forgotten.remember(found)
            if isinstance(found, ErasureRequest) or (isinstance(found, EmitExample) and self._forgotten.covers(found)):
                self._learning.forget(found.lead_id)
                self._overseer.forget(found.lead_id)
            metrics.LAB_RECORDS.labels(record.topic, "taken").inc()
        except RegistryUnreachable:  # not the record's fault: it comes again
            raise
        except Exception as error:  # here is no dead letter: lanes wrote it, or it stands in dead.letters already
            where = f"{record.topic}[{record.partition}]@{record.offset}"
            if isinstance(error, UnreadableRecord):
                log.warning("%s: %s. Left out.", where, error.what)
            else:
                log.exception("%s: left out. A fault of Leadlane: report it with this record.", where)
            metrics.LAB_RECORDS.labels(record.topic, "left_out").inc()
        self._intake.mark(record)
        self._is_dirty = True

    async def _keep_news(self) -> None:
        if self._is_dirty:
            await self._keep()

    async def _keep(self) -> None:
        began = time.monotonic()
        self._seq += 1
        governed, occupied = self._overseer.dump()
        await self._keeper.keep(
            Checkpoint(
                line=self._settings.lab_line,
                seq=self._seq,
                next={topic: dict(places) for topic, places in self._intake.next.items()},
                learned=self._learning.dump(),
                governed=governed,
                occupied=occupied,
                forgotten=self._forgotten.leads,
            )
        )
        self._is_dirty, self._kept_at = False, time.monotonic()
        metrics.LAB_CHECKPOINT_SECONDS.observe(self._kept_at - began)

    async def _measure(self) -> None:
        self._measured_at = time.monotonic()
        for topic, lag in (await self._intake.lag()).items():
            metrics.LAB_LAG.labels(topic).set(lag)
        metrics.LAB_HEARD_AT.set(self._learning.heard_at / 1000)
