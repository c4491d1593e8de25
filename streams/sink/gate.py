"""Whether a target may be asked now: it said when to come again, or it is down and is asked by one at a time.

Law of this module: a target that is down is asked all the same, by one delivery after another with a pause in between,
until one of them is taken. So an outage costs each record few of its tries, and one record that a target chokes on
keeps the others waiting for one pause.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from streams.sink.retry import PAUSING, Answer

DOWN_AFTER = 5  # failures in a row, with no success among them
FIRST_PAUSE, MOST_PAUSE = 0.25, 5.0


class Gate:
    """The way to one target."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._not_before = 0.0
        self._one = asyncio.Lock()

    @property
    def is_down(self) -> bool:
        return self._failures >= DOWN_AFTER

    async def enter(self) -> bool:
        """Wait until the target may be asked; whether this is one at a time, to be given to `leave`."""
        if not self.is_down and self._not_before <= self._clock():
            return False
        await self._one.acquire()
        try:
            while (pause := self._not_before - self._clock()) > 0:  # noqa: ASYNC110 - it may grow meanwhile
                await asyncio.sleep(pause)
        except BaseException:
            self._one.release()
            raise
        if self.is_down:
            return True
        self._one.release()
        return False

    def leave(self, alone: bool, answer: Answer | None) -> None:
        """What came of asking; None: nobody was asked."""
        if answer is not None:
            self._learn(answer)
        if alone:
            self._one.release()

    def _learn(self, answer: Answer) -> None:
        if answer.is_healthy:
            self._failures, self._not_before = 0, 0.0
            return
        self._failures += 1
        pause = 0.0
        if self.is_down:
            pause = min(MOST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - DOWN_AFTER, 10))
        if answer.status in PAUSING and answer.retry_after is not None:
            pause = max(pause, answer.retry_after)
        self._not_before = max(self._not_before, self._clock() + pause)
