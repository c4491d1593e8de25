"""Whatever the guards say: what does not shed is decided the same, thresholds only rise, and points do not flap."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.core.context import Context, Guard
from streams.core.effects import RecordDecision, UpdateCase
from streams.core.events import CaseReview, Event, OutreachRequest
from streams.core.fact_table import FACTS
from streams.core.guard import GuardRow
from streams.core.policy import CompiledPolicy, zen_answers
from streams.lab.capacity import Occupancy, Occupied, guards_due, next_points, points_asked
from streams.policy import load_policy
from streams.policy.compile import read_document
from tests.factories import DAY, HOUR, LEAD, MINUTE, SECOND, T0, a_case, a_guard, a_rep
from tests.judging import a_context, shipped_policy
from tests.lanes import TestLane, arrive, lane_of
from tests.property.test_policy import ANY, as_zen_counts
from tests.shipped import POLICY_FILE
from tests.strategies import histories

POLICY = shipped_policy()
ANY_FACTS = st.fixed_dictionaries({fact.name: ANY[fact.type].map(as_zen_counts) for fact in FACTS})
POINTS = st.floats(0, 100).map(lambda points: round(points, 3))
QUEUES = st.dictionaries(st.sampled_from(tuple(POLICY.queues)), POINTS)
NOW = T0 + 31 * DAY


@cache
def policies() -> tuple[CompiledPolicy, ...]:
    """The shipped policy; one where every value rises, those that VIPs and complaints are known by too; and the same
    with nothing but `never` to keep queues from shedding.
    """
    text, raises = POLICY_FILE.read_text("utf-8"), "raises: {hot_score: 1, candidate_intent: 2, warm_score: 1}"
    names = read_document(text, "shipped")[0].values.model_dump()
    assert text.count(raises) == 1
    text = text.replace(raises, f"raises: {{{', '.join(f'{name}: 1' for name in names)}}}")
    return POLICY, load_policy(text, "test"), load_policy(text.replace("sheds: false", "sheds: true"), "test")


def at(points: dict[str, float], policy: CompiledPolicy = POLICY) -> tuple[float, ...]:
    return tuple(threshold.at(points.get(threshold.queue, 0.0)) for threshold in policy.thresholds)


@settings(deadline=None)
@given(ANY_FACTS, QUEUES)
def test_what_does_not_shed_is_decided_the_same_under_any_guard(
    facts: dict[str, Any], points: dict[str, float]
) -> None:
    for policy in policies():
        tier, held = policy.evaluate(facts)
        raised_tier, raised_held = policy.evaluate_raised(facts, at(points, policy))
        assert (tier.id == "T0_VIP") == (raised_tier.id == "T0_VIP")
        for row in policy.conditions:
            if not row.sheds or row.effect != "human" or row.queue in policy.guard.never:
                assert (row in held) == (row in raised_held), row.id


@settings(deadline=None)
@given(ANY_FACTS, QUEUES)
def test_a_guard_never_raises_a_tier(facts: dict[str, Any], points: dict[str, float]) -> None:
    tier, raised_tier = POLICY.evaluate(facts)[0], POLICY.evaluate_raised(facts, at(points))[0]
    assert POLICY.tiers.index(raised_tier) >= POLICY.tiers.index(tier)


@settings(deadline=None)
@given(ANY_FACTS)
def test_without_points_the_raised_form_says_what_the_policy_says(facts: dict[str, Any]) -> None:
    for policy in policies():
        assert policy.evaluate_raised(facts, at({}, policy)) == policy.evaluate(facts)


@settings(deadline=None)
@given(ANY_FACTS, QUEUES)
def test_the_raised_form_that_runs_says_what_zen_says(facts: dict[str, Any], points: dict[str, float]) -> None:
    for policy in policies():
        read = [*(facts[name] for name in policy.reads), *at(points, policy)]
        assert policy._raised_answers.__code__.co_filename == "<policy>"
        assert policy._raised_answers(read) == zen_answers(policy.raised)(read)


# --- whole lives of a lead

LIVES = histories(max_size=12).map(lambda pairs: [event for _, event in pairs])
ROSTER = (a_rep("ana", queues=tuple(POLICY.queues)), a_rep("ben", queues=tuple(POLICY.queues)))


def full(points: float) -> Context:
    """Every queue that can be is over capacity, for ever."""
    guards = {queue: a_guard(queue=queue, points=points, at=NOW + 400 * DAY) for queue in POLICY.queues}
    return a_context(roster=ROSTER, guards=guards)


def lived(events: list[Event], context: Context) -> TestLane:
    lane = TestLane(context, lane_of(LEAD))
    for offset, record in enumerate(arrive(events)):
        lane.run([record], NOW + offset * HOUR)
    for step in range(0, 240, 6):
        lane.run([], NOW + len(events) * HOUR + step * HOUR, tick=True)
    return lane


def cases_of(lane: TestLane, *queues: str) -> list[tuple[Any, ...]]:
    found = cast(list[UpdateCase], lane.read(topics.CASE_EVENTS.name))
    return [
        (case.queue, case.status, case.end, case.owner, case.severity, case.sla, case.sla_state, case.due_at,
         [reason.condition for reason in case.reasons], case.change, case.changed_at)
        for case in found if case.queue in queues
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(LIVES, st.integers(1, 100))
def test_cases_of_vips_and_of_compliance_are_the_same_under_any_guard(events: list[Event], points: int) -> None:
    # Reviews name cases of any queue, and a request may go out where no case of another queue stands in its way.
    events = [event for event in events if not isinstance(event, CaseReview | OutreachRequest)]
    guarded, free = lived(events, full(points)), lived(events, a_context(roster=ROSTER))
    assert cases_of(guarded, "vip", "compliance") == cases_of(free, "vip", "compliance")


@settings(max_examples=60, deadline=None)
@given(LIVES, st.integers(1, 40))
def test_deciding_twice_under_a_guard_gives_the_same_bytes(events: list[Event], points: int) -> None:
    one, other = lived(events, full(points)), lived(events, full(points))
    assert (one.states, one.sent, one.counts) == (other.states, other.sent, other.counts)


@settings(max_examples=60, deadline=None)
@given(LIVES, st.integers(1, 40))
def test_what_is_held_back_stands_in_a_decision_that_names_the_guard(events: list[Event], points: int) -> None:
    lane = lived(events, full(points))
    for decision in cast(list[RecordDecision], lane.read(topics.DECISIONS.name)):
        assert not decision.held_back or decision.guards
        assert set(decision.guards) <= POLICY.guarded_queues


# --- how points move

ROWS = st.builds(
    lambda starts_at, wide, most, step, slack: GuardRow(
        raises={"hot_score": 1.0}, starts_at=starts_at, full_at=starts_at + wide, most_points=most,
        step=min(step, most), slack=slack,
    ),
    st.floats(0.1, 3), st.floats(0.1, 3), st.integers(1, 100), st.integers(1, 10), st.floats(0, 1),
)  # fmt: skip
SHARES = st.lists(st.floats(0, 10), min_size=1, max_size=40)


@given(ROWS, SHARES)
def test_points_stay_within_what_the_policy_says_and_are_whole_steps_of_it(row: GuardRow, shares: list[float]) -> None:
    points = 0.0
    for share in shares:
        after = next_points(points, share, row)
        assert 0 <= after <= row.most_points
        assert after >= points - row.step
        assert after <= max(points, points_asked(share, row))
        points = after


@given(ROWS, st.floats(0, 5), st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_a_load_that_moves_within_the_slack_never_lowers_what_it_raised(
    row: GuardRow, low: float, moves: list[float]
) -> None:
    points = 0.0
    for move in moves:
        after = next_points(points, low + move * row.slack * 0.999, row)
        assert after >= points
        points = after


@given(ROWS, st.floats(0, 10))
def test_an_emptied_queue_comes_back_to_its_own_thresholds_a_step_at_a_time(row: GuardRow, share: float) -> None:
    points, steps = next_points(0.0, share, row), 0
    most = points
    while points > 0:
        points, steps = next_points(points, 0.0, row), steps + 1
        if row.slack > row.starts_at:  # a slack as wide as that keeps some for ever
            break
    assert steps <= -(-most // row.step)


CONTEXT = a_context(roster=ROSTER)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 120 * SECOND)), min_size=1, max_size=40))
def test_a_queue_has_one_record_at_most_in_so_many_seconds_and_a_standing_one_is_renewed(
    looks: list[tuple[int, int]],
) -> None:
    row, now, standing = CONTEXT.policy.guard, T0, dict[str, Guard]()
    for cases, later in looks:
        now += later
        occupancy = Occupancy({f"case-{at}": Occupied("sales", 1) for at in range(cases)})
        due = guards_due(occupancy, CONTEXT, now, standing)
        assert {guard.queue for guard in due} <= {"sales"}
        for guard in due:
            last = standing.get(guard.queue)
            assert last is None or now - last.at >= row.raise_every_ms
            assert last is None or guard.points >= last.points or now - last.at >= row.lower_every_ms
            standing[guard.queue] = guard
        assert guards_due(occupancy, CONTEXT, now, standing) == ()
        kept = standing.get("sales")
        assert kept is None or kept.points == 0 or now - kept.at < max(row.lasts_ms, 2 * MINUTE)


CASES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(("sales", "vip")), st.sampled_from(("open", "claimed", "closed"))),
    max_size=30,
)


@given(CASES, st.integers(0, 30), st.booleans())
def test_open_cases_are_counted_once_however_often_they_are_read(
    told: list[tuple[int, str, str]], again: int, dumped: bool
) -> None:
    records, versions, ended = [], dict[int, int](), set[int]()
    for case, queue, status in told:
        if case in ended:  # a case that is closed never comes back
            continue
        versions[case] = versions.get(case, 0) + 1
        records.append(a_case(case_id=f"case-{case}", queue=queue, status=status, version=versions[case]))
        if status == "closed":
            ended.add(case)
    occupancy = Occupancy()
    for record in records:
        occupancy.fold(record)
        occupancy.fold(record)
    if dumped:
        occupancy = Occupancy.load(occupancy.dump())
    for record in records[again:]:
        occupancy.fold(record)
    last = {record.case_id: record for record in records}
    for queue in ("sales", "vip"):
        expected = sum(record.queue == queue and record.status != "closed" for record in last.values())
        assert occupancy.open_in(queue) == expected
