"""Owners over many accounts: shares by weight, little moves, nobody left alone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.core.context import Absence, RosterEntry
from streams.core.routing import choose_owner
from streams.core.state import LeadState, Stated
from tests.casework import QUEUES, a_desk_context
from tests.factories import T0, TODAY, a_rep

ACCOUNTS = 20_000


def owners(*roster: RosterEntry) -> list[str | None]:
    """The owner of each of ACCOUNTS accounts."""
    context, state = a_desk_context(roster), LeadState()
    found = []
    for n in range(ACCOUNTS):
        state.known.account_id = f"account-{n}"
        found.append(choose_owner(state, "sales", T0, context, lead_id="").owner)
    return found


def reps(*weights: float) -> list[RosterEntry]:
    return [a_rep(f"rep-{n}", queues=("sales",), weight=weight) for n, weight in enumerate(weights)]


def test_each_rep_gets_his_share_by_weight() -> None:
    weights = (1.0, 1.0, 0.5, 2.0, 3.5)
    counts = Counter(owners(*reps(*weights)))
    for n, weight in enumerate(weights):
        share = weight / sum(weights)
        tolerance = 4 * (share * (1 - share) / ACCOUNTS) ** 0.5  # four standard deviations
        assert abs(counts[f"rep-{n}"] / ACCOUNTS - share) < tolerance


def test_a_rep_who_joins_takes_only_his_share_and_one_who_leaves_gives_only_his() -> None:
    few, more = reps(1.0, 1.0, 1.0, 1.0), reps(1.0, 1.0, 1.0, 1.0, 1.0)
    before, after = owners(*few), owners(*more)
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"rep-4"}
    assert abs(len(moved) / ACCOUNTS - 1 / 5) < 0.012
    assert len(moved) == Counter(after)["rep-4"]


def test_a_rep_with_more_capacity_only_wins() -> None:
    before, after = owners(*reps(1.0, 1.0, 1.0)), owners(*reps(1.0, 1.0, 2.0))
    assert {new for old, new in zip(before, after, strict=True) if old != new} == {"rep-2"}


NAMES = st.sampled_from(["ana", "ben", "cleo", "dan"])
QUEUE_NAMES = [queue.id for queue in QUEUES]


@st.composite
def rosters(draw: st.DrawFn) -> tuple[RosterEntry, ...]:
    def rep(name: str) -> RosterEntry:
        return a_rep(
            name,
            queues=tuple(draw(st.sets(st.sampled_from(QUEUE_NAMES)))),
            weight=draw(st.sampled_from([0.0, 0.5, 1.0, 3.0])),
            active=draw(st.booleans()),
            away=(Absence(TODAY, TODAY),) if draw(st.booleans()) else (),
        )

    return tuple(rep(name) for name in draw(st.sets(NAMES)))


@given(
    rosters(),
    st.sampled_from([*QUEUE_NAMES, "unknown"]),
    st.one_of(st.none(), NAMES),
    st.one_of(st.none(), NAMES),
    st.sets(NAMES),
    st.sets(NAMES),
    st.text(max_size=5),
)
def test_a_lead_is_never_unowned(
    roster: tuple[RosterEntry, ...],
    queue: str,
    stated: str | None,
    present: str | None,
    refused: set[str],
    declined: set[str],
    account: str,
) -> None:
    state = LeadState()
    state.known.account_id = account
    state.known.owner = Stated(stated, "crm", T0) if stated else None
    state.routing.owner, state.routing.queue, state.routing.declined = present, queue, tuple(sorted(declined))
    context = a_desk_context(roster)
    chosen = choose_owner(state, queue, T0, context, tuple(refused), lead_id="lead-1")
    if chosen.owner is None:
        overflow = context.policy.queues[queue].overflow if queue in context.policy.queues else None
        assert (chosen.queue, chosen.overflow) == (overflow or queue, True)
        takers = [rep.rep_id for rep in roster if rep.active and not rep.away and rep.weight and queue in rep.queues]
        assert set(takers) <= refused | declined
    else:
        rep = context.reps[chosen.owner]
        assert rep.active
        assert not rep.away
        assert chosen.owner not in refused | declined
        assert chosen.overflow == (chosen.queue != queue)
    again = choose_owner(state, queue, T0, a_desk_context(tuple(reversed(roster))), tuple(refused), lead_id="lead-1")
    assert again == chosen
