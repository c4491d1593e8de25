"""One request of a known source: is it genuine, what does it say, onto Kafka with it, then the answer.

Law of this module: 2xx is answered only when every record of the request is acknowledged, those that are known from
before among them. Whatever of an authentic request cannot be mapped is kept as a dead letter, and that is an answer of
2xx too: the platform would send the same again. Everything else of the request is refused as a whole, and a retry of it
finds what was written before.

Next: streams/gateway/accept.py
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from prometheus_client import Counter

from streams import metrics
from streams.core.events import Event
from streams.core.resync import ResyncRequest
from streams.errors import LeadlaneError
from streams.gateway.accept import Acceptor
from streams.gateway.config import GatewayConfig, Source
from streams.gateway.letters import headers_of, letter_of
from streams.gateway.limits import Rate, check_depth
from streams.gateway.platform import Answer, BadRequest, Incoming, Item, Reading, Unauthorized, Unmappable
from streams.gateway.receipts import Busy, Record
from streams.kafka.codec import event_headers
from streams.lane.wire import MAX_VALUE_BYTES, Wire
from streams.privacy.sealer import Sealer
from streams.topics import RESYNC
from streams.traceparent import HEADER as TRACEPARENT
from streams.traceparent import Trace, parse
from streams.tracing import Tracer

SAID_AGAIN_SECONDS = 60.0
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")  # mails: the brackets in them nest nothing
log = logging.getLogger(__name__)


class Reply(NamedTuple):
    """What is answered."""

    status: int
    body: bytes = b""
    retry_after: int | None = None
    answer: Answer | None = None  # the platform's own, instead of body


OK = Reply(200)
TOO_MANY = Reply(429, b"more requests than the source may send, send again later\n")


class _Said(NamedTuple):
    """What the items of a request became."""

    events: list[tuple[str, Event]]
    letters: list[Record]
    resync: tuple[ResyncRequest, ...]
    ignored: int
    dead: int


class Line:
    """One source at work."""

    def __init__(self, source: Source, clock: Callable[[], float]) -> None:
        self.name, self.source = source.config.name, source
        rate = source.config.rate_per_second
        limited = rate is not None and not getattr(source.platform, "never_limited", False)
        self.rate = Rate(rate, clock) if limited and rate is not None else None
        self.seconds = metrics.GATEWAY_SECONDS.labels(self.name)
        self.items = {
            outcome: metrics.GATEWAY_ITEMS.labels(self.name, outcome)
            for outcome in ("sent", "duplicate", "ignored", "dead")
        }
        self.statuses: dict[int, Counter] = {}
        self.refusal_said_at = float("-inf")

    def count(self, status: int) -> None:
        counter = self.statuses.get(status)
        if counter is None:
            counter = self.statuses[status] = metrics.GATEWAY_REQUESTS.labels(self.name, str(status))
        counter.inc()


class Receiver:
    """All sources of a gateway."""

    def __init__(
        self,
        config: GatewayConfig,
        acceptor: Acceptor,
        wire: Wire,
        *,
        sealer: Sealer | None = None,
        tracer: Tracer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lines = {name: Line(source, clock) for name, source in config.sources.items()}
        self.sealer, self.tracer = sealer, tracer
        self._limits, self._acceptor, self._wire, self._clock = config.limits, acceptor, wire, clock

    async def take(self, line: Line, incoming: Incoming) -> Reply:
        """The answer to one request, whose source and method are known to be right."""
        started = time.perf_counter()
        try:
            line.source.platform.authenticate(incoming)
            if line.rate is not None and (wait := line.rate.wait()):
                return TOO_MANY._replace(retry_after=math.ceil(wait))
            if not incoming.headers.get("Content-Type", "").lower().startswith(FORMS):
                check_depth(incoming.body, self._limits.json_depth)
            reading = self._read(line, incoming)
            reply = await self.deliver(line, reading, incoming)
        except Unauthorized as error:
            self._say_refused(line, error)
            later = self._limits.retry_after_seconds if error.status == 503 else None
            return Reply(error.status, b"unauthorized\n" if later is None else b"send again later\n", later)
        except BadRequest as error:
            return Reply(400, f"{error.args[0]}\n".encode(errors="replace"))
        line.seconds.observe(time.perf_counter() - started)
        return reply

    async def deliver(self, line: Line, reading: Reading, incoming: Incoming) -> Reply:
        """Put on Kafka what was read, and answer when it is there."""
        said = self._mapped(line, reading, incoming)
        traceparent = incoming.headers.get(TRACEPARENT)
        parent = parse(traceparent)
        if self.tracer is None:
            return await self._written(line, said, reading, incoming, parent)
        span, began = self.tracer.begin(traceparent), time.time_ns()
        reply = await self._written(line, said, reading, incoming, span)
        about: dict[str, str | int | float | bool] = {
            "http.response.status_code": reply.status,
            "leadlane.source": line.name,
        }
        error = None if reply.status < 500 else reply.body.decode(errors="replace").strip()
        self.tracer.finish(span, parent, f"receive {line.name}", "server", began, about, error)
        return reply

    # --- what it says -------------------------------------------------------------------------------------------------

    def _read(self, line: Line, incoming: Incoming) -> Reading:
        try:
            return line.source.platform.read(incoming)
        except BadRequest:
            raise
        except Exception as error:  # of an authentic body: whatever it trips over, it is kept
            log.exception("%s: a body could not be read, it is kept in dead.letters", line.name)
            reason = f"{type(error).__name__} while reading it: a fault of Leadlane, report it with this letter"
            return Reading((), (Unmappable(incoming.body, reason),))

    def _mapped(self, line: Line, reading: Reading, incoming: Incoming) -> _Said:
        events: list[tuple[str, Event]] = []
        faults: list[tuple[Item, str]] = []
        ignored, at = 0, incoming.received_at
        items = reading.items
        if len(items) > 1:  # platforms send batches in any order: of what comes together, the oldest goes first
            items = tuple(sorted(items, key=lambda item: at if item.at is None else item.at))
        for item in items:
            mapped = line.source.mapper.map(item, at)
            if mapped.faults:
                faults += [(item, fault) for fault in mapped.faults]
            elif mapped.events:
                events += mapped.events
            elif line.source.config.unmatched == "dead":
                faults.append((item, "no rule takes it"))
            else:
                ignored += 1
        letters = [self._letter(line, part.body, incoming, [part.reason]) for part in reading.left]
        if faults:
            words = [f"{item.kind} {item.id}: {fault}" for item, fault in faults]
            only = faults[0][0] if len({item.id for item, _ in faults}) == 1 else None
            letters.append(self._letter(line, incoming.body, incoming, words, only))
        dead = len(reading.left) + len({item.id for item, _ in faults})
        return _Said(events, letters, reading.resync, ignored, dead)

    def _letter(
        self, line: Line, body: bytes, incoming: Incoming, faults: Sequence[str], item: Item | None = None
    ) -> Record:
        return letter_of(self._wire, line.name, body, incoming.headers, faults, incoming.received_at, item)

    # --- onto Kafka ---------------------------------------------------------------------------------------------------

    async def _written(
        self, line: Line, said: _Said, reading: Reading, incoming: Incoming, trace: Trace | None
    ) -> Reply:
        until = self._clock() + self._limits.answer_within_seconds
        new = [(topic, event) for topic, event in said.events if not self._acceptor.knows(event.event_id)]
        known = [event.event_id for _, event in said.events if self._acceptor.knows(event.event_id)]
        try:
            if self.sealer is not None and new:
                async with asyncio.timeout(until - self._clock()):
                    sealed = await self.sealer.sealed([event for _, event in new])
                new = [(topic, event) for (topic, _), event in zip(new, sealed, strict=True)]
            records = self._records(line, new, said, incoming, [] if trace is None else [(TRACEPARENT, trace.header())])
            receipt = self._acceptor.accept(records, known)
        except Busy as error:
            return self._busy(str(error.args[0]))
        except (LeadlaneError, TimeoutError) as error:
            log.warning("%s: %s", line.name, error)
            return self._busy("what is needed to write it is not there")
        self._count(line, said, len({event.event_id for _, event in new}))
        await receipt.within(until - self._clock())
        if receipt.left:
            return self._busy("Kafka has not acknowledged it in time")
        if receipt.refused is not None:
            log.error("%s: Kafka refused a record: %s", line.name, receipt.refused)
            return self._busy("Kafka refused a record")
        return OK if reading.answer is None else Reply(reading.answer.status, answer=reading.answer)

    def _records(
        self,
        line: Line,
        new: Sequence[tuple[str, Event]],
        said: _Said,
        incoming: Incoming,
        trace: list[tuple[str, bytes]],
    ) -> list[Record]:
        encode, records = self._wire.encode, []
        for topic, event in new:
            value = encode(event)
            if len(value) > MAX_VALUE_BYTES:
                fault = f"{topic} record is {len(value):,} bytes long, expected at most {MAX_VALUE_BYTES:,}"
                said.letters.append(self._letter(line, incoming.body, incoming, [f"{event.event_id}: {fault}"]))
                continue
            headers = [*event_headers(event), *trace]
            records.append(Record(event.event_id, topic, event.lead_id.encode(), value, headers))
        return records + said.letters + [self._resync(line, request) for request in said.resync]

    def _resync(self, line: Line, request: ResyncRequest) -> Record:
        name = f"{line.name}:{request.request_id}/ResyncRequest"
        headers = headers_of(name, line.name, "ResyncRequest", request.requested_at)
        return Record(name, RESYNC.name, line.name.encode(), self._wire.encode(request), headers)

    def _busy(self, reason: str) -> Reply:
        return Reply(503, f"{reason}, send again later\n".encode(), self._limits.retry_after_seconds)

    @staticmethod
    def _count(line: Line, said: _Said, sent: int) -> None:
        for outcome, amount in (
            ("sent", sent), ("duplicate", len(said.events) - sent), ("ignored", said.ignored), ("dead", said.dead)
        ):  # fmt: skip
            if amount > 0:
                line.items[outcome].inc(amount)

    def _say_refused(self, line: Line, error: Unauthorized) -> None:
        """What was expected, in our own words and now and then: nothing of the request."""
        now = self._clock()
        if now - line.refusal_said_at >= SAID_AGAIN_SECONDS:
            line.refusal_said_at = now
            log.warning("%s: a request was refused, others may be: %s", line.name, error.args[0])
