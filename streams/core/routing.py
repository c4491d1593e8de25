"""Whose lead it is: profile owner, present owner, else a weighted rendezvous hash of who is there.

Law of this module: a lead is never unowned. It has an owner, or it stands in the overflow queue. Nothing is looked up
outside the roster, so every worker finds the same owner, and a rep who joins or leaves moves only his own share.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from math import log
from typing import TYPE_CHECKING, NamedTuple

from streams.core.calendars import DAY, local_time
from streams.core.context import Context, RosterEntry

if TYPE_CHECKING:
    from streams.core.state import LeadState

MOST_DECLINED = 8  # reps who are remembered to have declined a lead, the newest
QUARTER_MS = 900_000  # local days begin on a quarter of an hour in every time zone
WORD = 2**64 - 1

Candidate = tuple[str, int, float]  # rep_id, its hash, weight


class Assignment(NamedTuple):
    """Where a lead goes. Without an owner it is in an overflow queue: anybody there should take it."""

    queue: str
    owner: str | None
    overflow: bool


class Roster:
    """The roster at one quarter of an hour: who is there, and who takes new leads of a queue."""

    __slots__ = ("context", "days", "here", "pools", "quarter", "tier_queues")

    def __init__(self, context: Context, quarter: int) -> None:
        self.context, self.quarter = context, quarter
        self.tier_queues = frozenset(tier.queue for tier in context.policy.tiers)
        now = quarter * QUARTER_MS
        self.here = {rep.rep_id: rep for rep in context.roster if is_available(rep, now)}
        self.pools: dict[str, tuple[Candidate, ...]] = {}

    def pool(self, queue: str) -> tuple[Candidate, ...]:
        """Those who take new leads of `queue`."""
        pool = self.pools.get(queue)
        if pool is None:
            takers = (rep for rep in self.here.values() if queue in rep.queues and rep.weight > 0)
            pool = self.pools[queue] = tuple((rep.rep_id, _hash(rep.rep_id), rep.weight) for rep in takers)
        return pool

    def may_own(self, rep_id: str, queue: str, any_queue: bool) -> bool:
        """Whether a rep who has the lead may keep it in `queue`. Weight 0 takes no new leads, but keeps what he has."""
        rep = self.here.get(rep_id)
        return rep is not None and (any_queue or queue in rep.queues)


_latest: Roster | None = None  # of the context last asked with: lanes of one worker share their context


def roster_at(context: Context, now: int) -> Roster:
    """The roster of `context` at `now`, kept until either changes."""
    global _latest
    latest, quarter = _latest, now // QUARTER_MS
    if latest is None or latest.context is not context or latest.quarter != quarter:
        latest = _latest = Roster(context, quarter)
    return latest


def choose_owner(
    state: LeadState, queue: str, now: int, context: Context, refused: Collection[str] = (), *, lead_id: str
) -> Assignment:
    """The owner of a lead in `queue`: profile owner, else the present one, else the highest weight of the hash.

    Left out: reps who are inactive or away, whom `refused` names, and who declined the lead. A profile owner serves the
    queues of all tiers; other queues (exceptions, compliance) only when he is of them, like the present owner. Nobody
    left: the overflow queue.
    """
    roster = roster_at(context, now)
    routing, stated = state.routing, state.known.owner
    out: Collection[str] = (*refused, *routing.declined) if refused or routing.declined else ()
    if (
        stated is not None
        and stated.value not in out
        and roster.may_own(stated.value, queue, queue in roster.tier_queues)
    ):
        return Assignment(queue, stated.value, False)
    present = routing.owner
    if present is not None and present not in out and roster.may_own(present, queue, False):
        return Assignment(queue, present, False)
    return _assign(roster, state.known.account_id or lead_id, queue, out)


def overflow_of(queue: str, context: Context) -> str | None:
    """The queue that takes what nobody in `queue` can."""
    row = context.policy.queues.get(queue)
    return row.overflow if row else None


def decline(state: LeadState, rep_id: str) -> None:
    """The lead does not go to this rep again."""
    others = (declined for declined in state.routing.declined if declined != rep_id)
    state.routing.declined = (*others, rep_id)[-MOST_DECLINED:]


def serves(rep_id: str, queue: str, context: Context) -> bool:
    """Whether an active rep is of `queue` or of the queue that it overflows into."""
    rep = context.reps.get(rep_id)
    return rep is not None and rep.active and (queue in rep.queues or overflow_of(queue, context) in rep.queues)


def is_available(rep: RosterEntry, now: int) -> bool:
    """Active, and not away on the day that it is where he is."""
    if not rep.active:
        return False
    if not rep.away:
        return True
    day = local_time(now, rep.time_zone) // DAY
    return not any(absence.first_on <= day <= absence.last_on for absence in rep.away)


def other_owner(
    state: LeadState, queue: str, level: int, now: int, context: Context, refused: Collection[str], *, lead_id: str
) -> str | None:
    """Who takes a case that is escalated for the `level`th time: somebody `level` queues up the overflow.

    Nobody there: further up, then back down to others of `queue` itself; None when there is nobody else at all.
    """
    roster, key = roster_at(context, now), state.known.account_id or lead_id
    out = (*refused, *state.routing.declined)
    up = [queue]
    while (above := overflow_of(up[-1], context)) is not None and above not in up:
        up.append(above)
    start = min(level, len(up) - 1)
    for name in (*up[start:], *reversed(up[:start])):
        owner = rendezvous(roster.pool(name), key, out)
        if owner is not None:
            return owner
    return None


def rendezvous(pool: Collection[Candidate], key: str, out: Collection[str] = ()) -> str | None:
    """The rep with the highest weight for `key`; each rep wins in proportion to his weight.

    Weighted rendezvous hashing (Schindelhauer and Schomaker 2005): weight / -ln(u), u uniform in (0, 1) by key and rep.
    """
    best, best_at, name = None, 0.0, _hash(key)
    for rep_id, salt, weight in pool:
        if rep_id in out:
            continue
        at = weight / -log((_mix(name ^ salt) + 1) / (WORD + 2))
        if best is None or (at, rep_id) > (best_at, best):
            best, best_at = rep_id, at
    return best


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mix(x: int) -> int:
    """Spread a difference in any bit over all 64: the finalizer of splitmix64 (Steele, Lea and Flood 2014)."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


def _assign(roster: Roster, key: str, queue: str, out: Collection[str]) -> Assignment:
    owner = rendezvous(roster.pool(queue), key, out)
    if owner is not None:
        return Assignment(queue, owner, False)
    first = overflow = overflow_of(queue, roster.context) or queue
    asked = {queue}
    while overflow not in asked:  # an overflow queue may overflow itself
        owner = rendezvous(roster.pool(overflow), key, out)
        if owner is not None:
            return Assignment(overflow, owner, True)
        asked.add(overflow)
        overflow = overflow_of(overflow, roster.context) or overflow
    return Assignment(first, None, True)
