"""The monthly review: what is counted, what it suggests, and a page that a person can read."""

from __future__ import annotations

import json
import random
from functools import cache
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from streams.commands.review import json_of, last_month, month_of, review
from streams.commands.review_page import page, wait_text
from streams.core.context import Alarm
from streams.core.effects import UpdateCase
from streams.core.policy import CompiledPolicy
from streams.core.windows import EVERYBODY, WindowStats
from streams.lab.advice import Suggestion, advice
from streams.lab.month import Flow, Month, take
from streams.lab.rates import rate
from streams.lab.review import Review, review_of
from streams.policy import load_policy
from streams.shipped import default_policy
from tests.factories import DAY, HOUR, MINUTE, a_case, a_decision_record, a_label, a_reason, a_review, an_example

NAME, START, END = month_of(2026, 6)
AT = START + 9 * DAY


@cache
def policy() -> CompiledPolicy:
    """The shipped one, with a declared group."""
    text = default_policy().read_text().replace("groups: [] ", "groups: [age_band] ")
    return load_policy(text, "default.yaml")


def reviewed(*records: Any) -> Review:
    month = Month(START, END)
    for record in records:
        take(month, record, policy().governance)
    return review_of(NAME, month, policy())


def closed(n: int, end: str, condition: str = "N04", code: str = "VIP_ACCOUNT", **fields: Any) -> UpdateCase:
    known = {
        "case_id": f"case-{n}", "version": 2, "status": "closed", "end": end, "claimed_by": "ana", "sla_state": "met",
        "opened_at": AT - HOUR, "changed_at": AT, "change": f"{end} by ana",
        "reasons": (a_reason(condition=condition, code=code),),
    }  # fmt: skip
    return a_case(**{**known, **fields})


def overridden(n: int, before: str = "T2_WARM", after: str = "T1_HOT", code: str = "TIMING") -> UpdateCase:
    change = f"overridden by ana lee: {code}, {before} to {after} (they call back)"
    return closed(n, "overridden", "N01", "AMBIGUOUS_ICP", change=change)


def a_day(day: int, **fields: Any) -> WindowStats:
    known: dict[str, Any] = {
        "lane": 0, "window_start": START + day * DAY, "window_ms": MINUTE, "group": EVERYBODY, "value": "",
        "policy_version": "p", "model_version": "rules", "counts": {"routed": 100, "human": 8},
        "scores": (0,) * 8 + (40, 40, 20) + (0,) * 9,
    }  # fmt: skip
    return WindowStats(**{**known, **fields})


def suggested(found: Review) -> dict[str, Suggestion]:
    """By where to look."""
    return {each.where: each for each in advice(found, policy())}


def test_a_month_without_records_says_so_plainly() -> None:
    found = reviewed()
    assert found.is_empty
    assert advice(found, policy()) == ()
    text = page(found, (), policy())
    assert "Nothing was recorded in June 2026" in text
    assert "<h2>KPIs" not in text


def test_what_lies_outside_the_month_counts_for_nothing() -> None:
    outside = (START - 1, END)
    records = [
        record
        for at in outside
        for record in (
            a_decision_record(now=at), closed(1, "approved", changed_at=at), a_label(occurred_at=at),
            an_example(emitted_at=at), a_review(action="approve", occurred_at=at), a_day(0, window_start=at),
        )
    ]  # fmt: skip
    assert reviewed(*records).is_empty


def test_decisions_tell_tiers_versions_and_conditions() -> None:
    first = a_decision_record(now=AT, tier="T2_WARM", model_version="rules", policy_version="p1", explore=True)
    second = a_decision_record(now=AT + HOUR, tier="T2_WARM", model_version="online-000007", policy_version="p2")
    third = a_decision_record(now=AT + 2 * HOUR, tier="T0_VIP", model_version="online-000009", policy_version="p2")
    found = reviewed(first, second, third)
    assert (found.decisions, found.explored) == (3, 1)
    assert {tier: count for tier, count in found.tiers.items() if count} == {"T2_WARM": 2, "T0_VIP": 1}
    online = found.models["online"]
    assert (online.first, online.last, online.decisions) == ("online-000007", "online-000009", 2)
    assert list(found.policies) == ["p1", "p2"]
    reason = a_reason()
    assert next(one.decisions for one in found.conditions if one.condition == reason.condition) == 3


def test_false_positives_and_negatives_by_tier_and_reason() -> None:
    wrong = [an_example(emitted_at=AT, label=False, outcome="rejected", reason_code="NOT_ICP") for _ in range(30)]
    late = [an_example(emitted_at=AT, label=False, outcome="none", provisional=True) for _ in range(5)]
    right = [an_example(emitted_at=AT) for _ in range(65)]
    lost = [an_example(emitted_at=AT, tier="T4_SUPPRESS", selected=False, outcome="won", explore=True)]
    found = reviewed(*wrong, *late, *right, *lost)
    assert found.false_positives == (
        ("T2_WARM", "NOT_ICP", 30, 100),
        ("T2_WARM", "nothing within the horizon", 5, 100),
    )
    assert found.false_negatives == (("T4_SUPPRESS", "won", 1, 1),)
    assert {kpi.name: kpi.found for kpi in found.kpis}["False accepts"] == rate(35, 100)
    assert (
        "30 of 100 labelled leads of T2_WARM were no good: NOT_ICP"
        in suggested(found)["score.terms, conditions"].figures
    )


def test_leads_that_are_given_up_without_a_reason_are_a_question_to_the_crm() -> None:
    found = reviewed(*(an_example(emitted_at=AT, label=False, outcome="lost") for _ in range(30)))
    figures = "30 of 30 labelled leads of T2_WARM were no good: lost, no reason stated"
    assert suggested(found)["reason_code of labels.outcomes"].figures == figures


def test_a_lead_that_was_explored_tells_of_suppression_whatever_its_tier() -> None:
    explored = [an_example(emitted_at=AT, label=n < 6, explore=True, selected=n % 2 == 0) for n in range(40)]
    kpis = {kpi.name: kpi.found for kpi in reviewed(*explored).kpis}
    assert kpis["False suppressions, in the random samples"] == rate(6, 40)
    assert kpis["False accepts"].n == 0


def test_a_later_win_takes_back_the_provisional_no() -> None:
    no = an_example(emitted_at=AT, label=False, outcome="none", provisional=True, example_id="d/horizon")
    won = an_example(emitted_at=AT + DAY, outcome="won", supersedes="d/horizon", previous=False)
    found = reviewed(no, won)
    assert found.false_positives == ()
    assert {kpi.name: kpi.found for kpi in found.kpis}["False accepts"] == rate(0, 1)


def test_overrides_say_from_where_to_where_and_why() -> None:
    found = reviewed(*(overridden(n) for n in range(25)), overridden(30, "T3_NURTURE", "T2_WARM", "OTHER"))
    assert found.flows == (
        (Flow("N01", "TIMING", "T2_WARM", "T1_HOT"), 25),
        (Flow("N01", "OTHER", "T3_NURTURE", "T2_WARM"), 1),
    )
    suggestion = suggested(found)["tiers[T2_WARM].when and its `values`"]
    assert suggestion.figures == "25 cases from T2_WARM to T1_HOT, most often for TIMING (25)"
    assert "tiers[T3_NURTURE].when and its `values`" not in suggested(found)  # too few to say anything


def test_a_condition_whose_cases_are_approved_as_they_were_changes_nothing() -> None:
    idle = [closed(n, "approved", "N08", "LOW_CONFIDENCE") for n in range(40)]
    useful = [
        closed(100 + n, "approved" if n % 2 else "rejected", change="rejected by ana: NOT_ICP") for n in range(40)
    ]
    found = reviewed(a_decision_record(now=AT), *idle, *useful)
    by_name = {one.condition: one for one in found.conditions}
    assert by_name["N08"].without_effect
    assert by_name["N08"].agree == rate(40, 40)
    assert not by_name["N04"].without_effect
    assert by_name["N16"].never
    where = suggested(found)
    assert where["conditions[N08].when"].figures.startswith("N08 LOW_CONFIDENCE: approved as it was 100.0 % of 40")
    assert "N16 SCORE_JUMP" in where["conditions"].figures
    assert "conditions[N04].when" not in where


@pytest.mark.parametrize(("cases", "without_effect"), [(19, False), (20, True)])
def test_few_cases_say_nothing_about_a_condition(cases: int, without_effect: bool) -> None:
    found = reviewed(*(closed(n, "approved") for n in range(cases)))
    assert next(one.without_effect for one in found.conditions if one.condition == "N04") is without_effect


def test_queues_that_keep_fewer_deadlines_than_the_others_are_named() -> None:
    good = [closed(n, "approved") for n in range(200)]
    late = [closed(500 + n, "approved", queue="vip", sla_state="breached" if n % 2 else "met") for n in range(60)]
    found = reviewed(*good, *late)
    assert {one.queue: one.attainment for one in found.queues} == {"sales": rate(200, 200), "vip": rate(30, 60)}
    assert "vip: met 50.0 %" in suggested(found)["the roster; queues.vip.open_per_rep; slas"].figures


def test_fairness_shows_small_groups_as_such() -> None:
    def group(value: str, routed: int, selected: int) -> WindowStats:
        return a_day(3, group="age_band", value=value, counts={"routed": routed, "selected": selected})

    found = reviewed(group("under 25", 400, 40), group("25 and over", 600, 300), group("over 90", 12, 0))
    verdicts = {one.value: one.verdict for one in found.fairness if one.ratio_of == "selection"}
    assert verdicts == {"25 and over": "best", "over 90": "insufficient n", "under 25": "alarm"}
    assert "age_band under 25 is selected at 0.20" in suggested(found)["learning.exclude, conditions"].figures
    text = page(found, advice(found, policy()), policy())
    assert "insufficient n" in text
    assert "<td>alarm</td>" in text


def test_scores_of_the_last_week_against_the_first() -> None:
    moved = (0,) * 14 + (40, 40, 20) + (0,) * 3
    days = [a_day(day, scores=moved if day > 20 else a_day(0).scores) for day in range(30)]
    assert reviewed(*days).drift.drifts
    assert not reviewed(*days[:20]).drift.drifts
    assert reviewed(*days[:10]).drift.n == 0  # less than two weeks


def test_who_approves_unread_is_named_with_the_figures() -> None:
    stamps = [a_review(n, action="approve", actor="zoe", occurred_at=AT, dwell_ms=800) for n in range(30)]
    found = reviewed(*stamps)
    assert suggested(found)["the roster"].figures == "zoe approved unread 100.0 % of 30 (88.6 to 100.0)"


def test_alarms_are_listed_in_the_order_in_which_they_came() -> None:
    def alarm(at: int, on: bool) -> Alarm:
        return Alarm(actor="lab", reason="r", at=at, name="drift:score", on=on, detail="PSI 0.4")

    found = reviewed(alarm(AT + HOUR, False), alarm(AT, True), alarm(START - 1, True))
    assert [(entry.at, entry.on) for entry in found.alarms] == [(AT, True), (AT + HOUR, False)]


def some_month() -> list[Any]:
    chance, reasons = random.Random(1), (a_reason(condition="N25", code="AUDIT_SAMPLE"),)
    days = [a_day(day) for day in range(30)]
    labels = [
        an_example(example_id=f"l{n}", emitted_at=START + n * HOUR, label=chance.random() < 0.6,
                   predictions={"online-000001": 0.6}, model_version="online-000001", groups={"age_band": "25-39"})
        for n in range(300)
    ]  # fmt: skip
    audits = [closed(n, "approved", reasons=reasons) for n in range(30)]
    outcomes = [a_label(n, occurred_at=AT) for n in range(10)]
    decisions = [a_decision_record(now=AT + n) for n in range(10)]
    return [*days, *labels, *audits, *outcomes, *decisions, *(overridden(900 + n) for n in range(30))]


def test_the_order_of_the_records_does_not_matter() -> None:
    records = some_month()
    whole = reviewed(*records)
    random.Random(2).shuffle(records)
    shuffled = reviewed(*records)
    assert advice(shuffled, policy()) == advice(whole, policy())
    for field in ("kpis", "flows", "conditions", "queues", "fairness", "drift", "reviewers", "false_positives"):
        assert getattr(shuffled, field) == getattr(whole, field), field


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_has_every_part_and_needs_nothing_from_outside() -> None:
    found = reviewed(*some_month())
    tags = Tags()
    tags.feed(page(found, advice(found, policy()), policy()))
    assert tags.names.count("h2") == 11
    assert tags.names.count("svg") == 3  # deadlines, score, log-loss
    assert "script" not in tags.names
    assert [link for link in tags.links if not link.startswith("#")] == []
    assert {"What to change", "Conditions, and which of them change nothing", "Versions in force"} <= set(tags.texts)


def test_the_page_shows_what_people_wrote_as_text() -> None:
    hostile = "<script>alert(1)</script>"
    stamps = [a_review(n, action="approve", actor=hostile, occurred_at=AT, dwell_ms=800) for n in range(30)]
    text = page(found := reviewed(*stamps), advice(found, policy()), policy())
    assert hostile not in text
    assert "&lt;script&gt;" in text


def test_the_json_names_everything() -> None:
    found = reviewed(*some_month())
    shown = json.loads(json_of(found, advice(found, policy())))
    assert shown["month"] == "2026-06"
    assert shown["kpis"][0]["found"].keys() == {"hits", "n", "value", "low", "high"}
    assert shown["flows"][0] == [
        {"condition": "N01", "code": "TIMING", "before": "T2_WARM", "after": "T1_HOT"}, 30,
    ]  # fmt: skip
    assert {"what", "figures", "where"} == shown["suggestions"][0].keys()
    assert set(Review._fields) <= shown.keys()


def test_a_month_of_which_a_part_is_gone_says_so() -> None:
    month = Month(START, END, cut=["cases.reviews"])
    take(month, a_decision_record(now=AT), policy().governance)
    text = page(found := review_of(NAME, month, policy()), advice(found, policy()), policy())
    assert "Only a part of the month is still kept on cases.reviews" in text


def test_months_are_in_utc_and_meet() -> None:
    assert month_of(2026, 12)[2] == month_of(2027, 1)[1]
    assert last_month(START) == month_of(2026, 5)
    assert last_month(month_of(2027, 1)[1] + HOUR) == month_of(2026, 12)


@pytest.mark.parametrize("wrong", ["2026", "2026-13", "2026-00", "october", "2026-10-01"])
def test_a_month_that_is_none_is_said_to_be_none(wrong: str) -> None:
    result = CliRunner().invoke(review, ["--month", wrong])
    assert result.exit_code == 2
    assert "expected a month such as 2026-10" in result.output


def test_waits_read_well() -> None:
    shown = [wait_text(ms) for ms in (None, 40_000, 12 * MINUTE, 3.5 * HOUR, 50.4 * HOUR)]
    assert shown == ["", "40 s", "12 min", "3.5 h", "2.1 d"]


def test_a_month_is_bounded() -> None:
    month = Month(START, END)
    for n in range(3000):
        case = overridden(n, after=f"T{n}")
        take(month, msgspec.structs.replace(case, claimed_by=f"rep{n}"), policy().governance)
        take(month, a_review(n, action="approve", actor=f"rep{n}", occurred_at=AT), policy().governance)
    assert len(month.people) == 1000
    assert len(month.claimed) == 0
    assert len(month.flows) <= 5000
