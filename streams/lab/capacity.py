"""How full the queues of people are, and by how many points their thresholds should be raised for it.

Law of this module: pure, and slow to change its mind. Points rise as the load asks for them and come down a step at a
time, and only once the load has fallen by the policy's `slack` more: a load that moves within that moves no threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil, floor, inf
from typing import NamedTuple

import msgspec

from streams.core.context import Context, Guard
from streams.core.effects import UpdateCase
from streams.core.guard import GuardRow
from streams.core.routing import overflow_of, roster_at

ACTOR = "lab"
RENEWALS = 4  # within the time that a guard lasts: three may fail
DECIMALS = 9  # of a share: more are noise of floats


class Occupied(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An open case. Fields only ever come at the end."""

    queue: str
    version: int
    opened_at: int = 0  # 0: dumped by a version that did not keep it


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Occupied]).decode


class Occupancy:
    """Open cases by queue, folded from cases.open or cases.events.

    Records of one case come in order. The same one again, or all again from any earlier place on, changes nothing.
    """

    __slots__ = ("_cases", "_count")

    def __init__(self, cases: Mapping[str, Occupied] | None = None) -> None:
        self._cases = dict(cases or {})
        self._count = Counter(case.queue for case in self._cases.values())

    def fold(self, case: UpdateCase) -> None:
        """Take a case as it is now."""
        known = self._cases.get(case.case_id)
        if known is not None and case.version < known.version:
            return
        self.remove(case.case_id)
        if case.status != "closed":
            self._cases[case.case_id] = Occupied(case.queue, case.version, case.opened_at)
            self._count[case.queue] += 1

    def remove(self, case_id: str) -> None:
        """The case is closed: a tombstone on cases.open."""
        if (gone := self._cases.pop(case_id, None)) is not None:
            self._count[gone.queue] -= 1

    def open_in(self, queue: str) -> int:
        """How many are open in a queue."""
        return self._count[queue]

    def oldest(self) -> dict[str, int]:
        """Since when the oldest open case of each queue is open, ms UTC."""
        found: dict[str, int] = {}
        for case in self._cases.values():
            if case.opened_at:
                found[case.queue] = min(found.get(case.queue, case.opened_at), case.opened_at)
        return found

    def dump(self) -> bytes:
        """Everything, for `load`."""
        return _encode(self._cases)

    @classmethod
    def load(cls, dumped: bytes) -> Occupancy:
        """What `dump` gave. Raises msgspec.DecodeError when the bytes are no such thing."""
        return cls(_decode(dumped))


class Load(NamedTuple):
    """How full one queue is. capacity None: the roster knows nobody of it, so nothing can be said."""

    queue: str
    open_cases: int
    capacity: int | None

    @property
    def share(self) -> float:
        """Open cases as a share of capacity; without anybody there, one case is infinitely many."""
        if self.capacity is None or self.open_cases == 0:
            return 0.0
        return self.open_cases / self.capacity if self.capacity else inf


def loads(occupancy: Occupancy, context: Context, now: int) -> tuple[Load, ...]:
    """Every queue of the policy."""
    return tuple(
        Load(queue, occupancy.open_in(queue), capacity_of(queue, context, now)) for queue in context.policy.queues
    )


def capacity_of(queue: str, context: Context, now: int) -> int | None:
    """How many cases the people of a queue can have open: `open_per_rep` for each who is there and takes new leads.

    Nobody there: those who take its leads then, up the overflow queues. None: nobody of any of them is on the roster.
    """
    roster, known = roster_at(context, now), False
    name: str | None = queue
    asked: list[str] = []
    while name is not None and name not in asked:
        if here := len(roster.pool(name)):
            return here * context.policy.queues[queue].open_per_rep
        known = known or any(rep.active and rep.weight > 0 and name in rep.queues for rep in context.roster)
        asked.append(name)
        name = overflow_of(name, context)
    return 0 if known else None


def points_asked(share: float, guard: GuardRow) -> float:
    """What a load asks for, not rounded: 0 at `starts_at`, `most_points` at `full_at` and above."""
    way = (share - guard.starts_at) / (guard.full_at - guard.starts_at)
    return round(guard.most_points * min(max(way, 0.0), 1.0), DECIMALS)


def next_points(points: float, share: float, guard: GuardRow) -> float:
    """Where points go from `points`: up as far as the load asks in whole steps, down by one step, or nowhere."""
    up = floor(points_asked(share, guard) / guard.step) * guard.step
    if up > points:
        return float(up)
    down = min(ceil(points_asked(share + guard.slack, guard) / guard.step) * guard.step, guard.most_points)
    return float(max(down, points - guard.step)) if down < points else points


def guards_due(
    occupancy: Occupancy, context: Context, now: int, standing: Mapping[str, Guard], actor: str = ACTOR
) -> tuple[Guard, ...]:
    """The records to write to control.guards now; `standing`: those that were written last, by queue.

    A queue has one at most every `raise_every` (`lower_every` for lowering), and while it raises something one within
    `lasts`, so that it stays in force.
    """
    guarded = context.policy.guarded_queues
    found = [_due(load, context.policy.guard, now, standing.get(load.queue), actor)
             for load in loads(occupancy, context, now) if load.queue in guarded]  # fmt: skip
    found += [
        Guard(actor=actor, reason="the policy does not guard it", at=now, queue=queue)
        for queue, guard in sorted(standing.items())
        if guard.points > 0 and queue not in guarded
    ]
    return tuple(guard for guard in found if guard is not None)


def _due(load: Load, row: GuardRow, now: int, last: Guard | None, actor: str) -> Guard | None:
    written, since = (last.points, now - last.at) if last else (0.0, row.lasts_ms + 1)
    in_force = written if since <= row.lasts_ms else 0.0
    points = next_points(in_force, load.share, row)
    if points > in_force:
        is_due = since >= row.raise_every_ms
    elif points < in_force:
        is_due = since >= row.lower_every_ms
    else:
        is_due = points != written or (points > 0 and since >= row.lasts_ms // RENEWALS)
    if not is_due:
        return None
    capacity = load.capacity or 0
    way = "raised to" if points > in_force else "lowered to" if points < written else "stay at"
    reason = f"{load.open_cases} open, room for {capacity}: points {way} {points:g}"
    return Guard(
        actor=actor, reason=reason, at=now, queue=load.queue, open_cases=load.open_cases, capacity=capacity,
        points=points,
    )  # fmt: skip
