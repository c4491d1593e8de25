"""What a lane counts by minute and group: every decision once, whatever happens to the lane."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import msgspec
import pytest

from streams import topics
from streams.core.context import Context
from streams.core.effects import Effect
from streams.core.events import Event
from streams.core.exposed import pack_attributes as declared
from streams.core.features import LONGEST_VALUE, row_of
from streams.core.groups import group_of, groups_at
from streams.core.policy import GovernanceRow
from streams.core.state import Known, LeadState, Recorded, Stated
from streams.core.windows import OTHER, UNKNOWN, WindowStats, wait_bin
from streams.lane.processor import KEPT, STATISTICS, Outcome, due_at
from streams.lane.statistics import (
    MOST_VALUES,
    NOBODY,
    WINDOW_MS,
    Window,
    window_of,
)
from streams.lane.store import DictStore
from tests import factories
from tests.factories import LEAD, SECOND, T0, a_case, a_profile, a_route, a_score, an_activity, an_example, an_intent
from tests.lanes import WIRE, TestLane, arrive, lane_of
from tests.shipped import shipped_context, shipped_policy

FIRST_MINUTE = T0 - T0 % WINDOW_MS
SECOND_MINUTE = FIRST_MINUTE + WINDOW_MS


class Policy:
    """The shipped policy with declared groups."""

    def __init__(self, *groups: str) -> None:
        self.governance = GovernanceRow(groups=groups)

    def __getattr__(self, name: str) -> Any:
        return getattr(shipped_context().policy, name)


def a_context(*groups: str) -> Context:
    return msgspec.structs.replace(shipped_context(), policy=cast(Any, Policy(*groups)))


def a_lane(*groups: str) -> TestLane:
    return TestLane(a_context(*groups), lane_of(LEAD))


def stats_of(lane: TestLane) -> list[WindowStats]:
    sent = [WIRE.decode_any(topics.STATS.name, output.value) for output in lane.statistics]
    return [one for one in sent if isinstance(one, WindowStats)]


def events_of(stats: WindowStats) -> int:
    return sum(count for name, count in stats.counts.items() if name.startswith("events:"))


def counted(*effects: Effect, untaken: frozenset[str] = NOBODY, state: LeadState | None = None) -> dict[str, int]:
    window = Window(None, T0)
    window.count(state or LeadState(), effects, untaken, shipped_context())
    return window.everybody.counts


# --- windows ----------------------------------------------------------------------------------------------------------


def test_a_minute_goes_out_exactly_by_its_timer_also_when_nothing_comes_any_more() -> None:
    lane = a_lane("country", "age_band")
    lane.run(arrive([a_profile(), a_score(), a_score()]), T0)
    lane.run(arrive([an_activity()], start=9), T0 + 10 * SECOND)
    assert (due_at(lane.kept[STATISTICS]), lane.statistics) == (SECOND_MINUTE, [])
    lane.run([], SECOND_MINUTE - 1, tick=True)
    assert lane.statistics == []
    lane.run([], SECOND_MINUTE, tick=True)
    everybody, age, country = stats_of(lane)
    routed = {"decisions": 1, "routed": 1, "first": 1, "tier:T3_NURTURE": 1, "by:rules": 1}
    events = {"events:decided": 1, "events:quiet": 2, "events:duplicate": 1}
    assert everybody.counts == routed | events
    assert (age.group, age.value, country.group, country.value) == ("age_band", UNKNOWN, "country", "DE")
    assert age.counts == country.counts == {n: c for n, c in everybody.counts.items() if not n.startswith("events")}
    for stats in (everybody, age, country):
        assert (stats.lane, stats.window_start, stats.window_ms) == (lane.lane, FIRST_MINUTE, WINDOW_MS)
        assert (stats.policy_version, stats.model_version) == (shipped_context().policy.version, "rules")
        assert (sum(stats.scores), stats.sums) == (1, {"score": everybody.sums["score"]})
    assert lane.kept == {}, "an idle lane keeps nothing and has no timer"
    assert lane.counts["lane.tick/window"] == 1


def test_the_records_say_lane_window_and_group_in_key_and_headers() -> None:
    lane = a_lane("country")
    lane.run(arrive([a_profile()]), T0)
    lane.run([], T0 + WINDOW_MS, tick=True)
    assert [(output.key, dict(output.headers)["ce_id"]) for output in lane.statistics] == [
        (b"1/%d/all=" % FIRST_MINUTE, b"1-%d-all=/WindowStats" % FIRST_MINUTE),
        (b"1/%d/country=DE" % FIRST_MINUTE, b"1-%d-country=DE/WindowStats" % FIRST_MINUTE),
    ]


def test_what_comes_in_the_next_minute_counts_there_even_in_the_transaction_that_sends_the_last_one() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile()]), T0)
    lane.run(arrive([a_score()], start=5), SECOND_MINUTE + 1, tick=True)
    lane.run([], SECOND_MINUTE + WINDOW_MS, tick=True)
    assert [(one.window_start, events_of(one)) for one in stats_of(lane)] == [(FIRST_MINUTE, 1), (SECOND_MINUTE, 1)]


def test_a_timer_that_a_full_batch_left_for_later_sends_nothing_twice() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile()]), T0)
    lane.run(arrive([an_activity()], start=5), SECOND_MINUTE)  # due, but not taken
    assert len(lane.statistics) == 1
    lane.run([], SECOND_MINUTE + 1, tick=True)
    assert len(lane.statistics) == 1


def test_a_lane_that_restarts_in_the_middle_of_a_minute_goes_on_with_the_same_bytes() -> None:
    records = arrive([a_profile(), a_score(), an_intent(strength=90.0), an_activity(), a_score(2, value=95.0)])

    def run(restart_after: int) -> list[Outcome]:
        lane, outcomes = a_lane("country"), []
        for at, record in enumerate(records):
            outcomes.append(lane.run([record], T0 + at * 15 * SECOND, tick=True))
            if at == restart_after:  # all that a new owner has is the changelog
                restored = a_lane("country")
                restored.states, restored.kept, restored.seq = deepcopy(lane.states), deepcopy(lane.kept), lane.seq
                lane = restored
        return [*outcomes, lane.run([], T0 + 10 * WINDOW_MS, tick=True)]

    undisturbed = run(-1)
    assert any(topics.STATS.name in outcome.outputs for outcome in undisturbed)
    assert all(run(at) == undisturbed for at in range(len(records)))


def test_deciding_a_batch_again_gives_the_same_bytes() -> None:
    """After an aborted transaction the same batch comes again, and nothing of the first time is left."""
    lane = a_lane("country")
    batches: list[list[Event]] = [[a_profile(), a_score()], [an_intent(strength=90.0)], [an_activity()]]
    for at, batch in enumerate(batches):
        aborted = a_lane("country")
        aborted.states, aborted.kept, aborted.seq = dict(lane.states), dict(lane.kept), lane.seq
        records, now = arrive(batch, start=at * 10), T0 + at * 40 * SECOND
        assert aborted.run(records, now, tick=True) == lane.run(records, now, tick=True)
    assert len(lane.statistics) == 2


def test_what_is_kept_reads_back_as_it_was() -> None:
    window = Window(None, T0)
    state = LeadState(known=Known(country=Stated("DE", "crm", T0)))
    window.count(state, [a_route(score=100.0), a_case()], NOBODY, a_context("country", "age_band"))
    window.count(LeadState(), [a_route(score=2.5)], NOBODY, a_context("country"))
    window.add("events:decided", 300)
    back, ended = window_of(window.packed(), T0 + 1)
    assert ended is None
    assert (back.packed(), back.stats(3, a_context())) == (window.packed(), window.stats(3, a_context()))


def test_counts_of_another_version_of_leadlane_are_dropped_and_the_lane_goes_on() -> None:
    lane = a_lane()
    lane.kept[STATISTICS] = SECOND_MINUTE.to_bytes(8, "big") + msgspec.msgpack.encode([99, "?"])
    lane.run(arrive([a_profile()]), T0)
    lane.run([], SECOND_MINUTE, tick=True)
    assert [one.counts["routed"] for one in stats_of(lane)] == [1]


# --- groups -----------------------------------------------------------------------------------------------------------


def test_the_value_of_a_group_is_an_attribute_or_what_is_known_of_every_lead() -> None:
    known = Known(
        country=Stated("DE", "crm", T0), stage="retain", language="de", attributes=declared({"age_band": "25-39"})
    )
    state = LeadState(known=known)
    values = [group_of(state, group) for group in ("age_band", "country", "stage", "language", "department", "basis")]
    assert values == ["25-39", "DE", "retain", "de", UNKNOWN, UNKNOWN]


def test_a_value_is_the_same_now_and_as_it_is_kept_of_a_decision() -> None:
    state = LeadState(known=Known(country=Stated("DE", "crm", T0), department="Sales" * 30, stage="engage"))
    state.signals.reply_class = "pricing"
    state.known.consent = Recorded("contract")
    names = ("plan", "stage", "country", "language", "department", "reply", "basis", "fit", "no such")
    row = row_of(state, T0, shipped_policy().score)
    attributes = {"plan": "x" * 200, "stage": ""}
    state.known.attributes = declared(attributes)
    kept = groups_at(row, attributes, names)
    assert kept == {name: group_of(state, name) for name in names}
    assert (kept["stage"], kept["reply"], kept["basis"], kept["fit"]) == ("engage", "pricing", "contract", "unknown")


def test_an_attribute_of_the_same_name_goes_before_what_is_known() -> None:
    assert (
        group_of(LeadState(known=Known(stage="retain", attributes=declared({"stage": "silver"}))), "stage") == "silver"
    )


def test_more_values_than_a_window_takes_are_other() -> None:
    window = Window(None, T0)
    for number in range(MOST_VALUES + 5):
        state = LeadState(known=Known(attributes=declared({"plan": f"p{number:02}"})))
        window.count(state, [a_route()], NOBODY, a_context("plan"))
    window = Window(window.packed(), T0)  # also after a restart
    window.count(LeadState(known=Known(attributes=declared({"plan": "p99"}))), [a_route()], NOBODY, a_context("plan"))
    window.count(LeadState(known=Known(attributes=declared({"plan": "p03"}))), [a_route()], NOBODY, a_context("plan"))
    found = {one.value: one.counts["routed"] for one in window.stats(0, a_context()) if one.group == "plan"}
    assert found == {f"p{number:02}": 1 + (number == 3) for number in range(MOST_VALUES)} | {OTHER: 6}


def test_a_long_value_is_cut() -> None:
    state = LeadState(known=Known(attributes=declared({"plan": "x" * 500})))
    assert group_of(state, "plan") == "x" * LONGEST_VALUE


def test_an_example_counts_in_the_groups_that_the_lead_had_when_it_was_decided() -> None:
    window = Window(None, T0)
    state = LeadState(known=Known(attributes=declared({"age_band": "40-64"})))
    window.count(state, [an_example(groups={"age_band": "25-39"})], NOBODY, a_context("age_band"))
    found = {one.value: one.counts for one in window.stats(0, a_context()) if one.group == "age_band"}
    assert found == {"25-39": {"example": 1, "example:positive": 1, "example:selected": 1}, "40-64": {}}


# --- what is counted --------------------------------------------------------------------------------------------------


def test_a_route_counts_by_tier_and_by_who_works_it() -> None:
    hot = counted(a_route(tier="T1_HOT", human=True, model_version="online-000007"))
    assert hot == {"routed": 1, "tier:T1_HOT": 1, "selected": 1, "human": 1, "by:champion": 1}
    assert counted(a_route(tier="T2_WARM"))["selected"] == 1, "automation accepts it"
    nurture = counted(a_route(tier="T3_NURTURE", explore=True))
    assert nurture == {"routed": 1, "tier:T3_NURTURE": 1, "explore": 1, "by:rules": 1}


def test_scores_fall_into_bins_of_five_points() -> None:
    window = Window(None, T0)
    for score in (0.0, 4.99, 5.0, 99.9, 100.0):
        window.count(LeadState(), [a_route(score=score)], NOBODY, shipped_context())
    assert window.everybody.scores == [2, 1, *[0] * 17, 2]
    assert window.everybody.sums == {"score": 209.89}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (a_case(), {"opened:sales": 1}),
        (a_case(change="claim refused: held by ana"), {}),  # shows the case unchanged, in its first version
        (a_case(version=2, change="extended by VIP_ACCOUNT"), {}),
        (a_case(version=2, status="claimed", claimed_by="ana", change="claimed by ana"), {"taken": 1, "wait:0": 1}),
        (
            a_case(version=4, status="closed", end="overridden", sla_state="met", change="overridden by ana: X"),
            {
                "taken": 1,
                "wait:0": 1,
                "closed:overridden": 1,
                "overridden:T0_VIP": 1,
                "sla:vip:met": 1,
                "due:sales:met": 1,
            },
        ),
        (
            a_case(version=4, status="closed", end="expired", sla_state="escalated_150", change="expired: late"),
            {"closed:expired": 1, "sla:vip:breached": 1},
        ),
        (
            a_case(version=3, status="closed", end="withdrawn", sla_state="warned_50", change="withdrawn: over"),
            {"closed:withdrawn": 1},
        ),
        (a_case(version=0, status="closed", change="claim refused: no such open case"), {}),
    ],
    ids=lambda value: value.change if not isinstance(value, dict) else "",
)
def test_a_case_counts_when_it_opens_is_taken_and_ends(case: Effect, expected: dict[str, int]) -> None:
    assert counted(case, untaken=frozenset({"case-1"})) == expected


def test_a_case_that_somebody_had_is_not_taken_again_by_its_decision() -> None:
    closed = a_case(version=4, status="closed", end="approved", sla_state="met", change="approved by ana")
    assert counted(closed) == {"closed:approved": 1, "sla:vip:met": 1, "due:sales:met": 1}


def test_a_deadline_counts_as_late_when_it_passes_and_not_only_when_somebody_closes_the_case() -> None:
    late = factories.a_reason(condition="N19", code="SLA_BREACHED", at=T0 + SECOND)
    passed = a_case(version=2, sla_state="breached", change="breached vip", changed_at=T0 + SECOND, reasons=(late,))
    refused = msgspec.structs.replace(passed, change="breached vip; claim refused: held by ana")
    later = msgspec.structs.replace(passed, version=3, change="escalated at 150 % of vip", changed_at=T0 + 2 * SECOND)
    noted = msgspec.structs.replace(later, version=4, change="rejected by ana: OTHER (they breached our terms)")
    assert counted(passed, refused)["due:sales:late"] == 1
    assert "due:sales:late" not in counted(later) | counted(noted)


def test_a_case_that_ends_and_is_shown_again_by_a_refusal_ends_once() -> None:
    late = a_case(version=4, status="closed", end="expired", sla_state="breached", change="expired: late")
    refused = msgspec.structs.replace(late, change="approve refused: the case was expired before")
    assert counted(late, refused)["closed:expired"] == 1


def test_time_to_human_is_from_the_opening_to_the_claim() -> None:
    window = Window(None, T0)
    claimed = a_case(version=2, status="claimed", change="claimed by ana", opened_at=T0, changed_at=T0 + 7 * SECOND)
    window.count(LeadState(), [claimed], frozenset({"case-1"}), shipped_context())
    assert window.everybody.sums == {"to_human_ms": 7000.0}


def test_a_decision_counts_its_first_route_and_the_holds_that_came_and_went() -> None:
    record = factories.a_decision_record(
        holds_before=(factories.a_hold_view(hold_id="a"), factories.a_hold_view(hold_id="b")),
        holds_after=(factories.a_hold_view(hold_id="b"), factories.a_hold_view(hold_id="c")),
    )
    assert counted(a_route(), record)["first"] == 1
    assert counted(record) == {"decisions": 1, "hold:set": 1, "hold:lifted": 1}
    known_before = msgspec.structs.replace(record, tier_before="T2_WARM", holds_before=(), holds_after=())
    assert "first" not in counted(a_route(), known_before)


def test_the_time_from_an_opt_out_to_its_stop_is_counted_and_no_other_stop() -> None:
    stop = factories.a_cadence_command(command="stop", reason="unsubscribe", issued_at=T0 + 300 * SECOND)
    bounce = msgspec.structs.replace(stop, reason="hard_bounce")
    window = Window(None, T0)
    for order, arrived_at in ((stop, T0), (bounce, T0), (stop, None)):
        window.count(LeadState(), [order], NOBODY, shipped_context(), arrived_at)
    assert window.everybody.counts == {"cadence:stop": 3, f"opt_out:{wait_bin(300 * SECOND)}": 1}


def test_what_a_batch_did_is_told_apart_from_the_minute_it_falls_into() -> None:
    lane = a_lane()
    first = lane.run(arrive([a_profile()]), T0)
    assert first.happened["routed"] == first.happened["first"] == 1
    again = lane.run(arrive([an_activity(kind="unsubscribe", occurred_at=T0)], start=1), T0 + SECOND)
    assert "first" not in again.happened
    assert again.happened["cadence:stop"] == again.happened[f"opt_out:{wait_bin(SECOND)}"] == 1
    assert lane.run(arrive([a_profile()]), T0 + SECOND).happened == {}, "a duplicate"


def test_commands_and_verdicts_count_by_kind() -> None:
    effects = [factories.a_cadence_command(), factories.a_cadence_command(command="resume")]
    assert counted(*effects, factories.a_verdict(verdict="defer")) == {
        "cadence:pause": 1, "cadence:resume": 1, "verdict:defer": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (an_example(), {"example:positive", "example:selected"}),
        (an_example(label=False), {"example:negative", "example:selected", "false_accept"}),
        (
            an_example(label=False, provisional=True),
            {"example:negative", "example:provisional", "example:selected", "false_accept", "false_accept:provisional"},
        ),
        (
            an_example(selected=False, explore=True),
            {"example:positive", "example:explore", "false_suppress", "false_suppress:explore"},
        ),
        (
            an_example(selected=False, audit=True, supersedes="label-0"),
            {"example:positive", "example:correction", "example:audit", "false_suppress", "false_suppress:audit"},
        ),
    ],
)
def test_an_example_counts_by_what_came_of_the_decision(example: Effect, expected: set[str]) -> None:
    assert counted(example) == dict.fromkeys({"example", *expected}, 1)


# --- what is no lead --------------------------------------------------------------------------------------------------


def test_no_event_gets_at_what_the_lane_has_counted() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile()]), T0)
    hostile = arrive([a_score(lead_id=STATISTICS.decode())])
    lane.run(hostile, T0 + 1)
    lane.run([], SECOND_MINUTE, tick=True)
    (stats,) = stats_of(lane)
    assert (stats.counts["routed"], stats.counts["events:dead"]) == (1, 1)


def test_a_store_counts_leads_alone_and_finds_the_timer_of_the_statistics() -> None:
    store, packed = DictStore(), Window(None, T0).packed()
    store.load(STATISTICS, packed)
    store.load(b"a", bytes(8) + b"state")
    store.loaded()
    assert (len(store), store.view[STATISTICS]) == (1, packed)
    assert store.due(SECOND_MINUTE - 1, 10) == []
    assert store.due(SECOND_MINUTE, 10) == [STATISTICS]
    store.apply({STATISTICS: None})
    assert (len(store), store.due(SECOND_MINUTE, 10), set(store.view) & set(KEPT)) == (1, [], set())
