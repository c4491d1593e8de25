"""Another policy over recorded history: exactly the leads that a lane under that policy treats otherwise."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import islice
from typing import Any, cast

import pytest

from streams.bench.past import Control, Written, decided, policy_controls, written
from streams.core.context import ModelVersion
from streams.core.effects import RecordDecision, RouteLead, UpdateCase
from streams.core.events import Event
from streams.demo.simulator import SPAN_MS, START_AT, traffic
from streams.demo.stage import control_records
from streams.shipped import default_policy
from streams.whatif.change import Change
from streams.whatif.history import GivenHistory, NoHistory
from streams.whatif.page import page
from streams.whatif.run import pipeline_job, replay_changed
from streams.whatif.story import Plan
from streams.whatif.window import Window
from tests.factories import DAY, HOUR, a_label, a_profile, a_review, a_score, an_intent, an_ooto
from tests.lanes import WIRE
from tests.models import a_document, a_version

EVENTS, LEADS, LANES = 2_500, 400, 2
SHIPPED = default_policy().read_text()
END = START_AT + SPAN_MS + HOUR


def policy(*edits: tuple[str, str]) -> str:
    """The shipped policy with values replaced; the version stays, so that samples are drawn alike."""
    text = SHIPPED
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


WARM = policy(("warm_score: 50\n", "warm_score: 56\n"))


@cache
def history(text: str, champion: str = "") -> GivenHistory:
    """What lanes make of the same traffic under a policy and a model; at the end, outcomes of leads and a review."""
    at = START_AT - HOUR
    controls = [*policy_controls(text, at), *(Control(*each, at) for each in control_records(at))]
    if champion:
        said: Any = {"actor": "ana", "reason": "promoted", "at": at, "version": champion}
        controls.append(Control("control.models", champion, a_version(champion, at), at))
        controls.append(Control("control.models", "active", ModelVersion(**said, champion=champion), at))
    happened = [*written(islice(traffic(3, EVENTS, LEADS), EVENTS))]
    keys = sorted({each.key for each in happened if each.key and each.key.startswith(b"L") and each.at < END - 8 * DAY})
    for number, key in enumerate(keys):
        outcome = ("won", "rejected", "accepted")[number % 3]
        label = a_label(number, event_id=f"label-{number}", lead_id=key.decode(), outcome=outcome, occurred_at=END)
        happened.append(Written("labels.outcomes", key, WIRE.encode(label), (), END))
    review = a_review(1, lead_id=keys[0].decode(), case_id="case-x", dwell_ms=60_000, occurred_at=END)
    happened.append(Written("cases.reviews", keys[0], WIRE.encode(review), (), END))
    return decided(happened, controls, LANES, batch=200)


@cache
def summary(text: str, since: int | None = None, until: int | None = None) -> dict[str, Any]:
    plan = Plan(Change(text, "a policy"), Window(since, until))
    return replay_changed(history(SHIPPED), plan, processes=1).summary


def tiers(found: GivenHistory, before: int = END + HOUR) -> dict[str, str]:
    """The tier in which each lead was routed last, before a time."""
    return {
        route.lead_id: route.tier
        for past in found.pasts
        for record in past.outputs["leads.routed"]
        if isinstance(route := WIRE.decode_any("leads.routed", record.value), RouteLead) and record.timestamp < before
    }


def opened(found: GivenHistory) -> Counter[tuple[str, str, int]]:
    """Cases that opened: lead, queue, when."""
    cases = (
        cast(UpdateCase, WIRE.decode_any("cases.events", record.value))
        for past in found.pasts
        for record in past.outputs["cases.events"]
    )
    return Counter((case.lead_id, case.queue, case.opened_at) for case in cases if case.version == 1)


def test_the_same_policy_under_another_name_differs_in_nothing() -> None:
    found = summary(SHIPPED.replace('version: "', 'version: "other-'))
    assert (found["differences"], found["decisions"]["by_aspect"], found["causes"]) == (0, {}, [])
    assert found["decisions"]["recorded"] == found["decisions"]["replayed"] > 500
    assert found["tiers"]["moved"] == 0
    assert found["events"] == sum(len(records) for past in history(SHIPPED).pasts for records in past.inputs.values())


def test_a_changed_threshold_moves_exactly_the_leads_that_a_lane_under_it_routes_otherwise() -> None:
    recorded, expected = tiers(history(SHIPPED)), tiers(history(WARM))
    moved = {lead for lead in recorded.keys() | expected.keys() if recorded.get(lead) != expected.get(lead)}
    assert len(moved) > 10
    found = summary(WARM)["tiers"]
    assert set(found["moved_leads"]) == moved
    assert found["moved"] == len(found["moved_leads"]) == len(moved)
    assert (found["before"], found["after"]) == (counted(recorded, found), counted(expected, found))
    for move in found["moves"]:
        leads = [lead for lead in moved if (recorded[lead], expected[lead]) == (move["from"], move["to"])]
        assert len(leads) == move["leads"]


def counted(by_lead: dict[str, str], found: dict[str, Any]) -> dict[str, int]:
    return {tier: sum(each == tier for each in by_lead.values()) for tier in found["before"]}


def test_cases_are_those_that_a_lane_under_the_policy_opens() -> None:
    before, after = opened(history(SHIPPED)), opened(history(WARM))
    found = summary(WARM)["cases"]
    assert {queue: n["recorded"] for queue, n in found.items() if n["recorded"]} == by_queue(before)
    assert {queue: n["replayed"] for queue, n in found.items() if n["replayed"]} == by_queue(after)
    for queue, n in found.items():
        assert n["recorded"] + n["extra"] - n["fewer"] == n["replayed"]
        for side in ("recorded", "replayed"):
            assert sum(each[side] for each in n["by_condition"].values()) == n[side], queue


def by_queue(cases: Counter[tuple[str, str, int]]) -> dict[str, int]:
    return dict(Counter(queue for _, queue, _ in cases.elements()))


def test_each_reason_names_the_threshold_that_changed_and_the_score() -> None:
    kept = summary(WARM)["examples"]["tier"]
    assert len(kept) == 20
    for one in kept:
        assert (one["before"], one["after"]) == ("T2_WARM", "T3_NURTURE")
        found = re.fullmatch(r"warm_score 50 -> 56; score (\d+\.\d)", one["why"])
        assert found
        assert 50 <= float(found[1]) <= 56
    assert summary(WARM)["causes"][0]["cause"] == "warm_score 50 -> 56"
    assert summary(WARM)["changes"] == ["~ values.warm_score: 50 -> 56"]


def test_examples_are_decisions_that_can_be_explained() -> None:
    known = {
        cast(RecordDecision, WIRE.decode_any("decisions", record.value)).decision_id
        for past in history(SHIPPED).pasts
        for record in past.outputs["decisions"]
    }
    assert {one["decision_id"] for one in summary(WARM)["examples"]["tier"]} <= known


def test_labels_say_where_each_side_is_wrong() -> None:
    recorded, expected = tiers(history(SHIPPED), END), tiers(history(WARM), END)
    found = summary(WARM)["labels"]
    keys = sorted({r.key for p in history(SHIPPED).pasts for r in p.inputs["labels.outcomes"] if r.key})
    good = {key.decode(): number % 3 != 1 for number, key in enumerate(keys)}
    assert found["leads"] == len(good)
    assert found["good"] == sum(good.values())
    for side, routed in (("recorded", recorded), ("replayed", expected)):
        selected = {lead for lead in good if routed.get(lead) in ("T0_VIP", "T1_HOT", "T2_WARM")}
        suppressed = {lead for lead in good if routed.get(lead) == "T4_SUPPRESS"}
        assert found[side] == {
            "accepts": len(selected),
            "false_accepts": sum(not good[lead] for lead in selected),
            "false_suppresses": sum(good[lead] for lead in suppressed),
            "missed": sum(good[lead] and lead not in selected for lead in good),
        }
    assert found["replayed"]["accepts"] < found["recorded"]["accepts"]


def test_longer_holds_are_counted_by_kind_and_name_the_rule() -> None:
    found = summary(policy(("ooo_unknown_days: 7\n", "ooo_unknown_days: 14\n")))
    assert found["holds"]["longer"].keys() == {"ooo"}
    assert found["holds"]["lost"] == found["holds"]["shorter"] == {}
    assert found["tiers"]["moved"] == 0
    assert found["examples"]["holds"][0]["why"] == "holds.ooo_unknown_days 7 -> 14"


def test_a_model_moves_exactly_the_leads_that_a_lane_with_that_champion_routes_otherwise() -> None:
    version = "online-000001"
    plan = Plan(Change(model=a_document(version)), Window())
    found = replay_changed(history(SHIPPED), plan, processes=1).summary
    recorded, expected = tiers(history(SHIPPED)), tiers(history(SHIPPED, version))
    moved = {lead for lead in recorded if recorded[lead] != expected.get(lead)}
    assert len(moved) > 10
    assert set(found["tiers"]["moved_leads"]) == moved
    assert found["tried"] == {"policy": None, "policy_source": None, "model": version}
    assert found["causes"][0]["cause"] == f"model rules -> {version}"
    back = replay_changed(history(SHIPPED, version), Plan(Change(model="rules"), Window()), processes=1).summary
    assert set(back["tiers"]["moved_leads"]) == moved
    assert (back["tiers"]["before"], back["tiers"]["after"]) == (found["tiers"]["after"], found["tiers"]["before"])


def test_only_the_window_is_reported_and_the_change_begins_with_it() -> None:
    middle = START_AT + SPAN_MS // 2
    late, early = summary(WARM, middle), summary(WARM, None, middle)
    assert late["events"] + early["events"] == summary(WARM)["events"]
    journal = [pipeline_job(LANES).read_entry(r.value or b"") for p in history(SHIPPED).pasts for r in p.journal]
    assert late["events"] == sum(entry.records for entry in journal if entry.now >= middle)
    assert set(early["tiers"]["moved_leads"]) == moved_before(middle)
    assert min(one["at"] for kept in late["examples"].values() for one in kept) >= late["from"]


def moved_before(at: int) -> set[str]:
    recorded, expected = tiers(history(SHIPPED), at), tiers(history(WARM), at)
    return {lead for lead in recorded if recorded[lead] != expected.get(lead)}


def test_a_group_that_the_policy_declares_is_compared_on_both_sides() -> None:
    found = summary(policy(("warm_score: 50\n", "warm_score: 56\n"), ("  groups: []  ", "  groups: [country]  ")))
    ratios = {(one["value"], one["ratio_of"]): one for one in found["fairness"]}
    assert {one["group"] for one in found["fairness"]} == {"country"}
    assert {ratio_of for _, ratio_of in ratios} == {"selection", "missed"}
    assert ratios["DE", "selection"]["recorded"]["n"] == ratios["DE", "selection"]["replayed"]["n"] > 30
    assert "<title>Fairness ratios</title>" in page(found)
    assert ratios["DE", "selection"]["replayed"]["rate"] < ratios["DE", "selection"]["recorded"]["rate"]


def test_hours_come_with_the_policys_assumption_where_nothing_was_measured() -> None:
    found = summary(WARM)
    for queue, spent in found["hours"].items():
        assert spent["source"] == "assumed: handling_minutes 15 of the policy"
        assert spent["recorded"] == pytest.approx(found["cases"][queue]["recorded"] * 0.25)
        assert spent["replayed"] == pytest.approx(found["cases"][queue]["replayed"] * 0.25)


def two_timers_in_one_batch() -> GivenHistory:
    """Ada's pause ends, and Ben's record is still incomplete: both by timers of one batch, Ada's first.

    Somebody then approves the case that Ben's timer opened.
    """
    at = START_AT - HOUR
    over = START_AT + 7 * DAY
    told: list[tuple[int, str, Event]] = [
        (START_AT, "leads.profiles", a_profile(1, lead_id="ada", occurred_at=START_AT)),
        (START_AT + 1, "signals.ooto", an_ooto(1, lead_id="ada", return_on=None, occurred_at=START_AT)),
        (over - 2, "leads.profiles", a_profile(2, lead_id="ben", email_verified=None, occurred_at=over - 2)),
        (over - 1, "signals.scores", a_score(1, lead_id="ben", value=100.0, occurred_at=over - 1)),
        (over - 1, "signals.intent", an_intent(1, lead_id="ben", strength=100.0, occurred_at=over - 1)),
        (over + HOUR, "leads.profiles", a_profile(3, lead_id="eve", occurred_at=over + HOUR)),
    ]
    controls = [*policy_controls(SHIPPED, at), *(Control(*each, at) for each in control_records(at))]
    once = decided(records_of(told), controls, 1, batch=1)
    (opened_by_timer,) = (case for case in cases_of(once) if case.queue == "exceptions")
    for number, action in enumerate(("claim", "approve")):
        review = a_review(
            number, lead_id="ben", case_id=opened_by_timer.case_id, action=action, actor=opened_by_timer.owner or "",
            occurred_at=over + 2 * HOUR, dwell_ms=120_000,
        )  # fmt: skip
        told.append((over + 2 * HOUR + number, "cases.reviews", review))
    return decided(records_of(told), controls, 1, batch=1)


def records_of(told: list[tuple[int, str, Event]]) -> list[Written]:
    return [Written(topic, event.lead_id.encode(), WIRE.encode(event), (), at) for at, topic, event in told]


def cases_of(found: GivenHistory) -> list[UpdateCase]:
    """Cases as they opened."""
    records = (record for past in found.pasts for record in past.outputs["cases.events"])
    cases = (cast(UpdateCase, WIRE.decode_any("cases.events", record.value)) for record in records)
    return [case for case in cases if case.version == 1]


def test_a_case_that_a_timer_opened_keeps_its_id_so_that_peoples_reviews_find_it() -> None:
    found = two_timers_in_one_batch()
    timers = [pipeline_job(1).read_entry(record.value or b"").due for record in found.pasts[0].journal]
    assert max(timers) >= 2
    assert all(case.case_id.startswith("case-lane.tick-") for case in cases_of(found))
    longer = policy(("ooo_unknown_days: 7\n", "ooo_unknown_days: 21\n"))  # Ada's timer is not due now
    tried = replay_changed(found, Plan(Change(longer, "x"), Window()), processes=1).summary
    assert {one["lead_id"] for kept in tried["examples"].values() for one in kept} == {"ada"}
    assert tried["decisions"]["only_recorded"] == 1  # the resume
    assert "case" not in tried["decisions"]["by_aspect"]
    assert tried["cases"]["exceptions"]["replayed"] == 1
    assert all(n["extra"] == n["fewer"] == 0 for n in tried["cases"].values())


def test_a_history_that_has_lost_its_beginning_is_refused_with_what_to_do() -> None:
    found = history(SHIPPED)
    first, *rest = found.pasts
    cut = GivenHistory((first._replace(journal=first.journal[1:]), *rest), found.control_records)
    with pytest.raises(NoHistory, match=r"expected seq 0 .* or from states that were exported before"):
        replay_changed(cut, Plan(Change(model="rules"), Window()), processes=1)
    with pytest.raises(NoHistory, match="expected transactions of the lanes between --from and --to, got none"):
        replay_changed(found, Plan(Change(model="rules"), Window(END + 9 * DAY)), processes=1)
