"""The order of a decision, and which events need no look at the lead."""

from __future__ import annotations

from typing import cast

import msgspec

from streams import topics
from streams.core.effects import CommandCadence, RecordDecision, UpdateCase
from streams.core.state import unpack
from streams.policy import load_policy
from tests.factories import DAY, HOUR, LEAD, T0, a_profile, a_reply, a_request, a_score, an_activity
from tests.lanes import TestLane, arrive, lane_of
from tests.shipped import POLICY_FILE, shipped_context


def a_lane() -> TestLane:
    return TestLane(shipped_context(), lane_of(LEAD))


def test_one_reply_pauses_first_then_opens_a_case_then_routes() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score()]))
    lane.run(arrive([a_reply(text="What does it cost? Please send a quote.")], start=10))
    decision = cast(list[RecordDecision], lane.read(topics.DECISIONS.name))[-1]
    assert [effect.split(" ")[0] for effect in decision.effects] == ["pause", "case", "route", "score"]
    assert [hold.kind for hold in decision.holds_after] == ["human_reply"]
    assert "N07" in [reason.condition for reason in decision.conditions]
    assert decision.human


def test_a_request_is_answered_after_everything_else() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score()]))
    lane.run(arrive([a_request()], start=10))
    decision = cast(list[RecordDecision], lane.read(topics.DECISIONS.name))[-1]
    assert [effect.split(" ")[0] for effect in decision.effects] == ["case", "review"]


# --- background events: folded, but no reason to look at the lead


def test_a_send_an_open_and_a_click_are_folded_without_a_look() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score()]))
    before = unpack(lane.states[LEAD.encode()])
    told = [
        an_activity(n, kind=kind, occurred_at=T0 + n * HOUR) for n, kind in enumerate(("opened", "clicked", "sent"), 1)
    ]
    lane.run(arrive(told, start=10), now=T0 + 4 * HOUR)
    after = unpack(lane.states[LEAD.encode()])
    assert lane.counts["signals.activity/quiet"] == 3
    assert (after.signals.events, after.signals.reaction_at) == (before.signals.events + 3, T0 + 2 * HOUR)
    assert [touch.at for touch in after.touches] == [T0 + 3 * HOUR]
    assert after.routing == before.routing


def test_a_flood_of_clicks_is_looked_at() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score()]))
    lane.run(arrive([an_activity(n, kind="clicked", occurred_at=T0 + n) for n in range(1, 25)], start=10), now=T0 + 1)
    opened = [case for case in cast(list[UpdateCase], lane.read(topics.CASE_EVENTS.name)) if case.change == "opened"]
    assert [reason.condition for case in opened for reason in case.reasons] == ["N16"]


def test_the_send_that_tires_the_lead_pauses_its_cadences() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score()]))
    sends = [an_activity(n, kind="sent", by="system", occurred_at=T0 + n * DAY) for n in range(1, 6)]
    for offset, send in enumerate(sends):
        lane.run(arrive([send], start=10 + offset), now=send.occurred_at)
    orders = cast(list[CommandCadence], lane.read(topics.CADENCES.name))
    assert [(order.command, order.reason) for order in orders] == [("pause", "fatigue")]


def test_a_policy_that_reads_reactions_is_asked_at_each_of_them() -> None:
    text = POLICY_FILE.read_text().replace("when: amount_hint >= high_value", "when: days_since_reaction < 1", 1)
    policy = load_policy(text, "test")
    lane = TestLane(msgspec.structs.replace(shipped_context(), policy=policy), lane_of(LEAD))
    lane.run(arrive([a_profile(), a_score()]))
    lane.run(arrive([an_activity(kind="opened")], start=10))
    assert lane.counts["signals.activity/decided"] == 1
