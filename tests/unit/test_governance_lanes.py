"""From what real lanes decide to an alarm, and from the alarm to what they decide next."""

from __future__ import annotations

from functools import cache
from typing import Any

from streams import topics
from streams.calendars import calendars_for
from streams.core.context import Context
from streams.core.effects import RecordDecision, UpdateCase
from streams.core.events import Event
from streams.core.policy import CompiledPolicy
from streams.core.windows import WindowStats
from streams.lab.alarms import to_publish
from streams.lab.governance import Governance, Look
from streams.policy import load_policy
from streams.shipped import default_policy
from tests.factories import HOUR, MINUTE, T0, a_profile, a_score, an_activity, an_intent
from tests.lanes import WIRE, Arrived, TestLane, lane_of
from tests.shipped import a_rep
from tests.strategies import TOPIC_OF

YOUNG, OLD = "under 25", "25 and over"


@cache
def policy() -> CompiledPolicy:
    return load_policy(default_policy().read_text().replace("groups: [] ", "groups: [age_band] "), "p")


def context(**fields: Any) -> Context:
    return Context(policy=policy(), calendars=calendars_for(policy().calendar), roster=(a_rep("ana"),), **fields)


LEADS = [name for name in (f"lead-{n}" for n in range(5_000)) if lane_of(name) == 0]


class Lead:
    """One lead of many in the same lane."""

    def __init__(self, n: int, band: str) -> None:
        self.lead_id, self.band = LEADS[n], band

    def scored(self, fit: float, intent: float = 55.0) -> list[Event]:
        """Everything that is known of it, an hour after it came."""
        about: dict[str, Any] = {"lead_id": self.lead_id, "occurred_at": T0}
        profile = a_profile(**about, attributes={"age_band": self.band})
        scores = [a_score(n, kind=kind, value=fit, **about) for n, kind in enumerate(("fit", "engagement", "vendor"))]
        return [profile, *scores, an_intent(strength=intent, **about)]

    def sent(self, **fields: Any) -> list[Event]:
        return [an_activity(lead_id=self.lead_id, kind="sent", by="system", occurred_at=T0 + HOUR, **fields)]


def run(lane: TestLane, events: list[Event], now: int) -> None:
    """As one batch of the lane."""
    first = lane.seq
    records = [
        Arrived(
            TOPIC_OF[type(event).__name__], 0, first + at, event.occurred_at, event.lead_id.encode(), WIRE.encode(event)
        )
        for at, event in enumerate(events)
    ]
    lane.run(list(records), now)


def look_at(lane: TestLane) -> Look:
    """What the lab sees of the lane."""
    governance = Governance(policy().governance)
    for output in lane.statistics:
        record = WIRE.decode_any(topics.STATS.name, output.value)
        assert isinstance(record, WindowStats)
        governance.take(record)
    for case in lane.read(topics.CASE_EVENTS.name):
        assert isinstance(case, UpdateCase)
        governance.take(case)
    return governance.look()


def alarms_of(look: Look) -> set[str]:
    return {name for name, alarm in look.alarms.items() if alarm.on}


def test_leads_of_a_group_that_score_lower_raise_an_alarm_and_their_like_goes_to_a_person() -> None:
    lane = TestLane(context())
    for n in range(200):
        run(lane, Lead(n, YOUNG if n % 2 else OLD).scored(40.0 if n % 2 else 75.0), T0 + n * 100)
    lane.run([], T0 + 2 * MINUTE, tick=True)
    look = look_at(lane)
    assert "fairness:age_band=under 25:selection" in alarms_of(look)

    records = to_publish(look.alarms, {}, policy().governance)
    distrusted = tuple(record for record in records.values() if record.distrust and record.on)
    decided = {}
    for alarms in ((), distrusted):
        after = TestLane(context(alarms=alarms))
        run(after, (last := Lead(200, OLD)).scored(75.0), T0)
        run(after, [an_intent(2, lead_id=last.lead_id, strength=56.0, occurred_at=T0 + HOUR)], T0 + HOUR)
        decided[bool(alarms)] = {
            reason.condition
            for decision in after.read(topics.DECISIONS.name)
            if isinstance(decision, RecordDecision)
            for reason in decision.conditions
        }
    assert "N20" not in decided[False]
    assert "N20" in decided[True]


def test_leads_of_both_groups_alike_raise_none() -> None:
    lane = TestLane(context())
    for n in range(200):
        run(lane, Lead(n, YOUNG if n % 2 else OLD).scored(40.0 if n % 4 < 2 else 75.0), T0 + n * 100)
    lane.run([], T0 + 2 * MINUTE, tick=True)
    look = look_at(lane)
    assert {each.verdict for each in look.kpis.fairness if each.ratio_of == "selection"} == {"best", "ok"}
    assert alarms_of(look) == set()


def test_a_send_that_nothing_allowed_is_seen_once() -> None:
    lane = TestLane(context())
    lead = Lead(1, OLD)
    run(lane, lead.scored(75.0), T0)
    run(lane, lead.sent(request_id="never-asked"), T0 + HOUR)
    run(lane, lead.sent(request_id="never-asked"), T0 + HOUR)  # the same event again
    lane.run([], T0 + 2 * HOUR, tick=True)
    look = look_at(lane)
    assert look.kpis.violations == 1
    assert alarms_of(look) == {"policy_violation"}
