"""Watches over what models, lanes and people do: governance and the capacity guard, and what follows from them.

Law of this module: what it remembers changes only by records; what it says is about now. It looks once a second, not
while it catches up with what is long over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from streams.core.effects import EmitExample, UpdateCase
from streams.core.events import CaseReview
from streams.core.model import Model
from streams.core.windows import WindowStats
from streams.lab.alarms import Alarm
from streams.lab.announcing import Announcer
from streams.lab.capacity import Occupancy
from streams.lab.capacity_service import CapacityGuard
from streams.lab.fairness import worst_ratio
from streams.lab.gates import ImpactRatio
from streams.lab.gauges import show, show_targets
from streams.lab.governance import Governance
from streams.lab.kpis import Kpis
from streams.lab.leaks import alarms_of
from streams.lab.oversight import undo_due
from streams.lab.standing import Standing

LOOK_SECONDS = 1.0
STALE_MS = 300_000  # it does not speak about what is older, as long as there is more to read


class Overseer:
    """One lab's. `take` every record, `look` after each turn."""

    def __init__(self, standing: Standing, announcer: Announcer, clock: Callable[[], int]) -> None:
        self._announcer, self._clock = announcer, clock
        self._policy = standing.context.policy.sha256
        self._governance = Governance(standing.context.policy.governance)
        self._capacity = CapacityGuard()
        self._alarms: Mapping[str, Alarm] = {}
        self._kpis: Kpis | None = None
        self._looked_at, self._newest_at, self._news = 0.0, 0, False

    def load(self, governed: bytes, occupied: bytes, standing: Standing) -> None:
        """Go on from what `dump` gave. ValueError when it cannot be read."""
        self._governance = Governance.load(governed, standing.context.policy.governance)
        try:
            self._capacity = CapacityGuard(Occupancy.load(occupied))
        except msgspec.DecodeError as error:
            raise ValueError(f"open cases: {error}.") from error
        self._news = True

    def dump(self) -> tuple[bytes, bytes]:
        """(governed, occupied)."""
        return self._governance.dump(), self._capacity.occupancy.dump()

    def take(self, record: object, written_at: int) -> None:
        """Fold a record in; `written_at` is when it came to its topic."""
        if isinstance(record, EmitExample | WindowStats | UpdateCase | CaseReview):
            self._governance.take(record)
            self._newest_at = max(self._newest_at, written_at)
            self._news = True
        if isinstance(record, UpdateCase):
            self._capacity.occupancy.fold(record)

    def forget(self, lead_id: str) -> None:
        """Keep nothing of a lead that asked for it; its cases are closed by its lane."""
        self._governance.forget(lead_id)

    def impact(self) -> ImpactRatio | None:
        """The lowest selection ratio of a declared group that is large enough; None before the first look."""
        if self._kpis is None:
            return None
        worst = worst_ratio(self._kpis.fairness)
        return ImpactRatio() if worst is None else ImpactRatio(worst.ratio, f"{worst.group}={worst.value}", worst.n)

    async def look(self, standing: Standing, left_out: Mapping[str, float], is_drained: bool) -> bool:
        """Guard the queues, write alarms that went on or off, undo what must be undone; at most once a second.

        True when something was undone: everything is frozen then.
        """
        now = self._clock()
        is_fresh = is_drained or now - self._newest_at < STALE_MS
        if not is_fresh or time.monotonic() - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = time.monotonic()
        if guards := self._capacity.due(standing.context, now, standing.guards):
            await self._announcer.guards({guard.queue: guard for guard in guards})
        policy = standing.context.policy
        if policy.sha256 != self._policy:
            self._governance.use(policy.governance)
            self._policy, self._news = policy.sha256, True
        if self._news:
            self._news = False
            look = self._governance.look(_predict(standing.context.models.champion))
            self._alarms = {**look.alarms, **alarms_of(left_out, now)}
            self._kpis = look.kpis
            show(look.kpis, self._alarms)
            show_targets(policy.governance)
            await self._announcer.alarms(self._alarms, policy.governance)
        undo = undo_due(self._alarms, standing)  # also without news: what stands may have come later
        return undo is not None and await self._announcer.undo(undo, now)


def _predict(champion: Model | None) -> Callable[[Mapping[str, float | str]], float] | None:
    """The probability that the champion gives to features; None while the rules decide."""
    return None if champion is None else lambda features: champion.judge(features).probability
