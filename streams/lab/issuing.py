"""When a line's next version is published: something is new and it is time, or somebody asks.

Law of this module: versions of a line only go up. What is made known was kept before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from streams import metrics
from streams.core.context import Stamp
from streams.lab.announcing import Announcer
from streams.lab.gates import LAB, ImpactRatio
from streams.lab.gauges import show_model
from streams.lab.learning import Learning
from streams.lab.standing import Standing

log = logging.getLogger(__name__)


class Issuer:
    """Publishes the versions of one line, at most one in `interval_ms` by itself."""

    def __init__(self, line: str, interval_ms: int, announcer: Announcer, clock: Callable[[], int]) -> None:
        self._line, self._interval_ms, self._announcer, self._clock = line, interval_ms, announcer, clock
        self._asked: list[asyncio.Future[str]] = []
        self._published, self._published_at = "", 0

    def see(self, standing: Standing, learning: Learning) -> None:
        """Which version of the line was published last, and when."""
        self._published, self._published_at = "", (now := self._clock()) - self._interval_ms
        ours = {key: version for key, version in standing.models.items() if version.line == self._line}
        if ours:
            self._published = max(ours)
            self._published_at = min(ours[self._published].at, now)
        if learning.version < self._published:
            log.warning("%s was published, and the lab stands at %s: was lab.state lost? The lab publishes when it is"
                        " beyond.", self._published, learning.version)  # fmt: skip
        metrics.LAB_MODEL_AT.set(self._published_at / 1000)

    async def ask(self) -> str:
        """A version as soon as may be; what became of it, in words."""
        asked = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        answer: str = await asked
        return answer

    def close(self) -> None:
        """Nobody is answered any more."""
        for asked in self._asked:
            asked.cancel()

    async def issue(
        self,
        learning: Learning,
        standing: Standing,
        impact: ImpactRatio | None,
        keep: Callable[[], Awaitable[None]],
        is_drained: bool,
    ) -> None:
        """A version, if there is news and it is time, or somebody asked. Who catches up waits a bit longer."""
        asked, now = list(self._asked), self._clock()
        is_new = learning.taken > 0 and learning.version > self._published  # the number has all its digits
        is_due = now - self._published_at >= self._interval_ms * (1 if is_drained else 2)
        answer = f"{self._published or 'nothing'} is published, nothing was learned since"
        if standing.context.models.frozen:
            answer = "learning is frozen: `leadlane model acknowledge`"
        elif is_new and (is_due or asked):
            await keep()
            answer = await self._announce(learning, standing, impact, now)
        for each in asked:
            self._asked.remove(each)
            if not each.done():
                each.set_result(answer)

    async def _announce(self, learning: Learning, standing: Standing, impact: ImpactRatio | None, now: int) -> str:
        row, learner = standing.context.policy.learning, learning.learner
        is_warm = learner.examples >= row.least_labels and learner.positives >= row.least_positives
        groups = len(standing.context.policy.governance.groups)
        stamp = Stamp(LAB, f"learned {learning.taken:,} examples", now)
        version = learning.snapshot(stamp, impact if groups else None, groups)
        done = await self._announcer.model(version, is_warm)
        self._published, self._published_at = version.version, now
        metrics.LAB_MODEL_AT.set(now / 1000)
        show_model(learning.matured.quality())
        return f"{version.version} published" if done else f"{version.version} refused, see the log"
