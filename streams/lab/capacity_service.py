"""The capacity guard as the lab runs it: cases in, records of control.guards out, and what the dashboards show."""

from __future__ import annotations

from collections.abc import Mapping

from streams import metrics
from streams.core.context import Context, Guard
from streams.lab.capacity import Occupancy, guards_due, loads


class CapacityGuard:
    """Folds cases, and says what to write. The caller reads and writes: cases.events or cases.open, control.guards."""

    def __init__(self, occupancy: Occupancy | None = None) -> None:
        self.occupancy = occupancy or Occupancy()
        self._sent: dict[str, Guard] = {}  # not yet read back

    def due(self, context: Context, now: int, standing: Mapping[str, Guard]) -> tuple[Guard, ...]:
        """The records to write now, in one transaction. To be called every few seconds, once all cases are read.

        `standing`: control.guards by key, as last read. Metrics are set whether there is something to write or not.
        """
        # What was sent a moment ago is on its way; what has not come back by the time of the next is sent anew.
        since = now - context.policy.guard.raise_every_ms
        known = dict(standing)
        for queue, guard in self._sent.items():
            if guard.at > since and (queue not in standing or standing[queue].at < guard.at):
                known[queue] = guard
        changes = guards_due(self.occupancy, context, now, known)
        sent = {guard.queue: guard for guard in changes}
        self._sent |= sent
        show(self.occupancy, context, now, known | sent)
        return changes


def show(occupancy: Occupancy, context: Context, now: int, guards: Mapping[str, Guard]) -> None:
    """Set the metrics of every queue; a queue that the policy no longer has is shown no more."""
    for gauge in (metrics.QUEUE_OPEN, metrics.QUEUE_CAPACITY, metrics.QUEUE_OLDEST_SECONDS, metrics.GUARD_POINTS):
        gauge.clear()
    oldest = now - context.policy.guard.lasts_ms
    opened = occupancy.oldest()
    for load in loads(occupancy, context, now):
        metrics.QUEUE_OPEN.labels(load.queue).set(load.open_cases)
        metrics.QUEUE_OLDEST_SECONDS.labels(load.queue).set(max(0, now - opened.get(load.queue, now)) / 1000)
        if load.capacity is not None:
            metrics.QUEUE_CAPACITY.labels(load.queue).set(load.capacity)
        guard = guards.get(load.queue)
        points = guard.points if guard is not None and guard.at >= oldest else 0.0
        metrics.GUARD_POINTS.labels(load.queue).set(points)
