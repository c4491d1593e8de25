"""Deliveries in their leads' lines: one of a lead at a time, in order; leads in the order in which they became ready.

Law of this module: between `take` and `done` or `again` of a delivery, no other of its lead is given out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import msgspec

from streams.lane.parked import ParkedDelivery
from streams.lane.processor import Headers
from streams.lane.wire import Record
from streams.traceparent import Trace

Place = tuple[str, int, int]  # topic, partition, offset


class Order(msgspec.Struct):
    """That a parked delivery is to be delivered again."""

    parked: ParkedDelivery
    forced: bool
    checked: int  # offset of the original's topic up to which no newer record of the lead was found


class Delivery(msgspec.Struct, eq=False):
    """One record on its way to one target. `place` is where the group goes on when it is finished."""

    place: Place
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: Headers
    id: str
    record: Record | None  # None: it cannot be read, `error` says why
    error: str = ""
    order: Order | None = None
    tries: int = 0
    first_at: float = 0.0  # monotonic, of the first try
    holds_up: bool = False  # too many others wait for it
    span: Trace | None = None
    began_ns: int = 0


class Line(msgspec.Struct, eq=False):
    """What waits of one lead; its head is given out, or waits for its next try, or is ready."""

    key: Any
    waiting: deque[Delivery]
    timer: asyncio.TimerHandle | None = None
    dropped: bool = False


class Leads:
    """The lines of one target."""

    def __init__(self) -> None:
        self.count = 0  # deliveries in all lines
        self._lines: dict[Any, Line] = {}
        self._ready: asyncio.Queue[Line] = asyncio.Queue()

    def add(self, delivery: Delivery) -> None:
        """Put a delivery at the end of its lead's line."""
        key = delivery.key if delivery.key is not None else delivery.place  # without a key: a lead of its own
        line = self._lines.get(key)
        self.count += 1
        if line is not None:
            line.waiting.append(delivery)
            return
        line = self._lines[key] = Line(key, deque((delivery,)))
        self._ready.put_nowait(line)

    async def take(self) -> tuple[Line, Delivery]:
        """The next delivery that may be tried; waits for one."""
        while True:
            line = await self._ready.get()
            if not line.dropped:
                return line, line.waiting[0]

    def done(self, line: Line) -> None:
        """The head of the line is finished: the next is ready."""
        if line.dropped:
            return
        self.count -= 1
        line.waiting.popleft()
        if line.waiting:
            self._ready.put_nowait(line)
        else:
            del self._lines[line.key]

    def again(self, line: Line, seconds: float) -> None:
        """The head of the line is ready again after so long."""
        if not line.dropped:
            line.timer = asyncio.get_running_loop().call_later(seconds, self._wake, line)

    def hurry(self, place: Place) -> None:
        """If this delivery waits for its next try, it holds others up: make it ready at once, marked so."""
        for line in self._lines.values():
            if line.waiting[0].place == place:
                line.waiting[0].holds_up = True
                if line.timer is not None:
                    line.timer.cancel()
                    self._wake(line)
                return

    def drop(self) -> None:
        """Forget everything: another process goes on with it, or this one anew."""
        for line in self._lines.values():
            line.dropped = True
            if line.timer is not None:
                line.timer.cancel()
        self._lines.clear()
        self.count = 0

    def _wake(self, line: Line) -> None:
        line.timer = None
        if not line.dropped:
            self._ready.put_nowait(line)
