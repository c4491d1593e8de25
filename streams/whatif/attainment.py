"""How many deadlines the roster would keep: a simulation of people and cases, the same each time.

Cases arrive when they opened. The reps of the roster who serve a queue take its cases within their working hours (the
policy's hours and weekend, the holidays of their country, their zone, without days away), the one that is due first
before the others, as soon as they are free. Handling takes working time: drawn from what was measured for the queue, by
hash of the case id, so that the same case takes as long on both sides. A deadline is kept when a rep has taken the case
by then; where a missed deadline denies, when the case is decided by then.

Law of this module: pure and deterministic. Its assumptions stand in ASSUMPTIONS, and every report shows them next to
what the same simulation says of the cases that were recorded, and what really became of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple
from zlib import crc32

from streams.core.calendars import DAY, Calendars, local_time
from streams.core.context import RosterEntry
from streams.core.policy import SlaRow
from streams.whatif.casebook import GONE, CaseLife
from streams.whatif.effort import MINUTE_MS, Minutes

ASSUMPTIONS = (
    "Reps do nothing but cases, and take the one that is due first of all their queues.",
    "The roster is that at the end of the window; cases from before the window are not in anybody's way.",
    "Who a case was assigned to does not count: any rep of its queue, or of the queue it overflows into when nobody"
    " serves it, takes it.",
    "A case that was withdrawn before anybody took it needs nobody.",
)
LAST_TRY_DAYS = 400  # a rep who is away for longer takes no case


class Attainment(NamedTuple):
    """Of one queue: deadlines kept and missed; the rest had none, or went away before."""

    met: int = 0
    missed: int = 0

    @property
    def share(self) -> float | None:
        return self.met / (self.met + self.missed) if self.met + self.missed else None


class Staff(NamedTuple):
    """Who works when."""

    roster: Sequence[RosterEntry]
    calendars: Calendars
    overflow: Mapping[str, str | None]  # queue -> the one that takes what nobody there can


def simulated(
    cases: Iterable[CaseLife], staff: Staff, minutes: Mapping[str, Minutes], slas: Mapping[str, SlaRow]
) -> dict[str, Attainment]:
    """Deadlines kept by queue, if the roster worked on these cases."""
    arrivals = sorted(
        (case for case in cases if case.due_at is not None), key=lambda case: (case.opened_at, case.case_id)
    )
    queues = sorted({case.queue for case in arrivals})
    crew = Crew(staff, queues)
    waiting: dict[str, list[tuple[int, int, CaseLife]]] = {queue: [] for queue in queues}
    kept: dict[str, list[int]] = {queue: [0, 0] for queue in queues}
    order, at = count(), 0
    while at < len(arrivals) or any(waiting.values()):
        now = crew.next_wake()
        if at < len(arrivals) and (now is None or arrivals[at].opened_at <= now):
            arrived, at = arrivals[at], at + 1
            heappush(waiting[arrived.queue], (arrived.due_at or 0, next(order), arrived))
            crew.call(arrived.queue, arrived.opened_at)
            continue
        if now is None:  # nobody will ever take what waits
            for queue, left in waiting.items():
                kept[queue][1] += sum(not _went_away(one, one.due_at or 0) for _, _, one in left)
            break
        rep = crew.wake()
        case = _due_first(waiting, crew.serves(rep), now)
        if case is None:
            crew.rest(rep, now)
            continue
        done = crew.work(rep, now, _handling_ms(case, minutes[case.queue]))
        row = slas.get(case.sla)
        in_time = (done if row is not None and row.on_timeout == "deny" else now) <= (case.due_at or 0)
        kept[case.queue][0 if in_time else 1] += 1
    return {queue: Attainment(*found) for queue, found in kept.items()}


def actual(cases: Iterable[CaseLife]) -> dict[str, Attainment]:
    """Deadlines kept by queue, as the cases say themselves: met or breached; those still open count when breached."""
    found: dict[str, list[int]] = {}
    for case in cases:
        tally = found.setdefault(case.queue, [0, 0])
        if case.end in GONE:
            continue
        if case.sla_state == "met":
            tally[0] += 1
        elif case.sla_state in ("breached", "escalated_150", "escalated_200"):
            tally[1] += 1
    return {queue: Attainment(*tally) for queue, tally in found.items()}


class Crew:
    """The reps: who is free, and when each looks at the queues next."""

    def __init__(self, staff: Staff, queues: Iterable[str]) -> None:
        self._calendars = staff.calendars
        reps = {rep.rep_id: rep for rep in staff.roster if rep.active}
        self._reps = reps
        self._serving = {queue: _who(queue, reps.values(), staff.overflow) for queue in queues}
        self._queues = {rep: [queue for queue, who in self._serving.items() if rep in who] for rep in reps}
        self._free = dict.fromkeys(reps, 0)  # idle reps: since when
        self._wakes: list[tuple[int, str]] = []
        heapify(self._wakes)

    def serves(self, rep: str) -> Sequence[str]:
        return self._queues[rep]

    def next_wake(self) -> int | None:
        return self._wakes[0][0] if self._wakes else None

    def wake(self) -> str:
        return heappop(self._wakes)[1]

    def call(self, queue: str, now: int) -> None:
        """A case came: everybody idle who serves the queue looks when he next works."""
        for rep in [rep for rep in self._serving[queue] if rep in self._free]:
            at = self._next_working(self._reps[rep], max(now, self._free.pop(rep)))
            if at is not None:
                heappush(self._wakes, (at, rep))

    def rest(self, rep: str, now: int) -> None:
        """There is nothing to do for a rep."""
        self._free[rep] = now

    def work(self, rep: str, now: int, ms: int) -> int:
        """A rep works on a case; when it is done. He looks again then."""
        entry = self._reps[rep]
        done = self._calendars.add_working(now, ms, _zone(self._calendars, entry), entry.country or "")
        at = self._next_working(entry, done)
        if at is not None:
            heappush(self._wakes, (at, rep))
        return done

    def _next_working(self, rep: RosterEntry, at: int) -> int | None:
        """The first moment from `at` on at which a rep works; None: not within LAST_TRY_DAYS."""
        zone, country = _zone(self._calendars, rep), rep.country or ""
        start = at
        while start < at + LAST_TRY_DAYS * DAY:
            start = self._calendars.add_working(start, 1, zone, country) - 1
            day = local_time(start, zone) // DAY
            if not any(away.first_on <= day <= away.last_on for away in rep.away):
                return start
            start = self._calendars.at_hour(day + 1, 0, zone)
        return None


def _who(queue: str, reps: Iterable[RosterEntry], overflow: Mapping[str, str | None]) -> frozenset[str]:
    """The reps of a queue; of the next queue up while there are none."""
    asked: set[str] = set()
    name: str | None = queue
    everybody = tuple(reps)
    while name is not None and name not in asked:
        found = frozenset(rep.rep_id for rep in everybody if name in rep.queues)
        if found:
            return found
        asked.add(name)
        name = overflow.get(name)
    return frozenset()


def _due_first(
    waiting: Mapping[str, list[tuple[int, int, CaseLife]]], queues: Sequence[str], now: int
) -> CaseLife | None:
    while True:
        heads = [(waiting[queue][0], queue) for queue in queues if waiting[queue]]
        if not heads:
            return None
        queue = min(heads, key=lambda head: head[0][:2])[1]
        case = heappop(waiting[queue])[2]
        if not _went_away(case, now):
            return case


def _went_away(case: CaseLife, now: int) -> bool:
    return case.end in GONE and case.ended_at is not None and case.ended_at <= now


def _handling_ms(case: CaseLife, minutes: Minutes) -> int:
    """How long this case takes: one of the measured times, by hash of its id."""
    chosen = minutes.measured[crc32(case.case_id.encode()) % len(minutes.measured)] if minutes.measured else None
    return max(1, round((minutes.typical if chosen is None else chosen) * MINUTE_MS))


def _zone(calendars: Calendars, rep: RosterEntry) -> str:
    return calendars.zone_for(rep.time_zone)
