"""Governance: what lanes, labels and people did becomes KPIs and alarms, in any order and across a kill."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from streams.core import context
from streams.core.effects import EmitExample, UpdateCase
from streams.core.events import CaseReview
from streams.core.policy import GovernanceRow
from streams.core.windows import BINS, EVERYBODY, WindowStats
from streams.lab.alarms import Alarm, Cause, rollback_reasons, settle, to_publish
from streams.lab.books import SAMPLE, line_of
from streams.lab.governance import Governance, Look
from streams.lab.rates import rate
from tests.factories import DAY, HOUR, MINUTE, T0, a_case, a_reason, a_review, an_example

ROW = GovernanceRow(groups=("age_band",))
SCORES = (0,) * 8 + (10, 20, 30, 20, 10) + (0,) * 7


def a_window(at: int = T0, **fields: Any) -> WindowStats:
    """A minute of one lane: ninety of a hundred leads went on without a person."""
    known: dict[str, Any] = {
        "lane": 0, "window_start": at, "window_ms": MINUTE, "group": EVERYBODY, "value": "", "policy_version": "p.1",
        "model_version": "rules", "counts": {"routed": 100, "human": 10, "selected": 40}, "scores": SCORES,
    }  # fmt: skip
    return WindowStats(**{**known, **fields})


def a_closed_case(n: int, end: str, at: int = T0, **fields: Any) -> UpdateCase:
    met = fields.pop("met", True)
    state = "met" if met else "breached"
    known = {"case_id": f"case-{n}", "version": 2, "status": "closed", "end": end, "claimed_by": "ana"}
    return a_case(**{**known, "sla_state": state, "closed_at": at, "changed_at": at, "change": "done", **fields})


def look_after(*records: Any, row: GovernanceRow = ROW) -> Look:
    governance = Governance(row)
    for record in records:
        governance.take(record)
    return governance.look()


def on(look: Look) -> set[str]:
    return {name for name, alarm in look.alarms.items() if alarm.on}


def test_nothing_gives_no_figures_and_no_alarms() -> None:
    look = look_after()
    assert on(look) == set()
    assert look.kpis.automation == rate(0, 0)
    assert look.kpis.log_loss is None


def test_automation_share_and_its_alarm() -> None:
    look = look_after(a_window())
    assert look.kpis.automation == rate(90, 100)
    assert on(look) == set()
    busy = {"routed": 1000, "human": 300}
    assert on(look_after(a_window(counts=busy))) == {"automation_share"}


def test_overrides_are_of_what_people_decided() -> None:
    ends = ["approved"] * 60 + ["rejected"] * 10 + ["overridden"] * 30 + ["expired"] * 50 + ["withdrawn"] * 50
    look = look_after(*(a_closed_case(n, end) for n, end in enumerate(ends)))
    assert look.kpis.overrides == rate(30, 100)
    assert look.kpis.acceptance == rate(60, 120)
    assert look.kpis.acceptance_by_tier == {"T0_VIP": rate(60, 120)}
    assert "override_rate" in on(look)


@pytest.mark.parametrize(("overridden", "alarm"), [(20, False), (22, False), (32, True)])
def test_an_override_rate_is_an_alarm_when_its_interval_lies_above_the_limit(overridden: int, alarm: bool) -> None:
    ends = ["approved"] * (100 - overridden) + ["overridden"] * overridden
    look = look_after(*(a_closed_case(n, end) for n, end in enumerate(ends)))
    assert ("override_rate" in on(look)) is alarm


def test_refusals_and_unknown_cases_count_for_nothing() -> None:
    look = look_after(
        a_closed_case(1, "approved", change="claim refused: the case was approved before"),
        a_closed_case(2, "approved", version=0),
        a_case(change="opened"),
        a_closed_case(3, "approved", change="approved by ana (the first offer was refused: too dear)"),
    )
    assert look.kpis.acceptance == rate(1, 1)


def test_a_case_is_answered_when_somebody_takes_it_and_counts_once() -> None:
    claimed = a_case(
        version=2, status="claimed", claimed_by="ana", changed_at=T0 + 10 * MINUTE, change="claimed by ana"
    )
    look = look_after(claimed, a_closed_case(1, "approved", T0 + HOUR))
    assert look.kpis.response_ms == {"sales": pytest.approx(10 * MINUTE, rel=0.3)}


def test_attainment_that_dropped_from_one_day_to_the_next_is_an_alarm() -> None:
    before = [a_closed_case(n, "approved", T0 - DAY, met=n % 20 > 0) for n in range(200)]
    after = [a_closed_case(n, "approved", T0 + HOUR, met=n % 5 > 0) for n in range(200, 400)]
    look = look_after(*before, *after)
    assert (look.kpis.attainment_before, look.kpis.attainment) == (rate(190, 200), rate(160, 200))
    assert on(look) == {"sla_attainment"}
    few = [a_closed_case(n, "approved", T0 + HOUR, met=n % 10 > 0) for n in range(200, 225)]
    assert on(look_after(*before, *few)) == set()  # a drop that may be chance


def test_a_send_that_nothing_allowed_is_an_alarm() -> None:
    look = look_after(a_window(counts={"send:unauthorised": 1}))
    assert look.kpis.violations == 1
    assert on(look) == {"policy_violation"}


def test_false_suppressions_are_those_of_the_random_samples() -> None:
    def suppressed(n: int, label: bool, **fields: Any) -> EmitExample:
        return an_example(example_id=f"l-{n}", label=label, selected=False, tier="T4_SUPPRESS", **fields)

    sampled = [suppressed(n, n < 30, explore=n % 2 == 0, audit=n % 2 == 1) for n in range(200)]
    others = [suppressed(n, True) for n in range(500, 600)]
    look = look_after(*sampled, *others)
    assert look.kpis.false_suppress == rate(30, 200)
    assert "false_suppress" in on(look)


def test_a_correction_takes_back_what_the_first_label_said() -> None:
    first = an_example(example_id="d/horizon", label=False, provisional=True, predictions={"online-000001": 0.9})
    won = an_example(example_id="l-2", label=True, supersedes="d/horizon", previous=False)
    assert look_after(first).kpis.false_accept == rate(1, 1)
    assert look_after(first, won).kpis.false_accept == rate(0, 1)
    assert look_after(first, msgspec.structs.replace(won, label=False)).kpis.false_accept == rate(1, 1)


def test_groups_that_differ_are_an_alarm_only_where_the_policy_names_the_group() -> None:
    windows = [
        a_window(group=group, value=value, counts={"routed": 500, "selected": selected})
        for group in ("age_band", "size")
        for value, selected in (("under 25", 50), ("25 and over", 250))
    ]
    assert on(look_after(*windows)) == {"fairness:age_band=under 25:selection"}


def test_waits_by_group_come_from_the_lanes() -> None:
    windows = [
        a_window(group="age_band", value=value, counts={"routed": 500, "selected": 250, f"wait:{at}": 300})
        for value, at in (("under 25", 30), ("25 and over", 20))
    ]
    assert on(look_after(*windows)) == {"fairness:age_band=under 25:wait"}


def test_scores_that_move_under_the_same_rules_drift() -> None:
    moved = (0,) * 14 + (10, 20, 30, 20, 10, 0)
    weeks = [a_window(T0 + hour * HOUR) for hour in range(7 * 24)]
    later = [a_window(T0 + 10 * DAY + hour * HOUR, scores=moved) for hour in range(24)]
    assert on(look_after(*weeks)) == set()
    look = look_after(*weeks, *later)
    assert on(look) == {"drift:score"}
    assert look.alarms["drift:score"].value > look.alarms["drift:score"].threshold == 0.2


def test_a_mean_that_jumps_with_a_new_policy_is_its_fault() -> None:
    higher = (0,) * 11 + (10, 20, 30, 20, 10) + (0,) * 4
    before = [a_window(T0 + hour * HOUR) for hour in range(24)]
    after = [a_window(T0 + DAY + hour * HOUR, scores=higher, policy_version="p.2") for hour in range(5)]
    assert on(look_after(*before, *after)) == {"score_mean_shift"}
    same = [msgspec.structs.replace(window, scores=SCORES) for window in after]
    assert on(look_after(*before, *same)) == set()


def test_a_lane_that_is_behind_with_a_policy_starts_no_regime_of_its_own() -> None:
    before = [a_window(T0 + hour * HOUR) for hour in range(24)]
    new = a_window(T0 + DAY, policy_version="p.2")
    late = a_window(T0 + DAY, lane=1)
    moved = look_after(*before, new, late, a_window(T0 + DAY + MINUTE, policy_version="p.2", lane=1))
    assert moved.kpis.scores.n == 180
    assert moved.kpis.scores.former == look_after(*before).kpis.scores.mean


def test_scores_that_are_all_the_same_are_an_alarm() -> None:
    constant = (0,) * 10 + (300,) + (0,) * 9
    assert "score_constant" in on(look_after(a_window(scores=constant)))


def predictions(count: int, loss_of: float, at: int = T0) -> list[EmitExample]:
    """Labels of which a share is wrong: mean log-loss of about 0.1 + 2.2 * share."""
    chance = random.Random(count)
    return [
        an_example(
            example_id=f"{at}-{n}",
            label=chance.random() < loss_of,
            emitted_at=at + n,
            decided_at=at - DAY,
            predictions={"online-000007": 0.1},
            model_version="online-000007",
        )
        for n in range(count)
    ]


def test_log_loss_that_rises_beyond_chance_is_an_alarm_by_both_measures() -> None:
    steady = look_after(*predictions(2000, 0.1))
    assert on(steady) == set()
    look = look_after(*predictions(2000, 0.1), *predictions(499, 0.4, T0 + HOUR))
    assert on(look) == {"log_loss", "drift:outcomes"}
    assert look.alarms["log_loss"].value > 0.1


def test_a_model_is_judged_by_scoring_then_and_now_with_itself() -> None:
    start = a_window(model_version="online-000001")
    then = [an_example(example_id=f"a{n}", decided_at=T0 + n, features={"fit": float(n % 50)}) for n in range(500)]
    later = {"decided_at": T0 + 20 * DAY, "emitted_at": T0 + 21 * DAY}
    now = [an_example(example_id=f"b{n}", features={"fit": 50.0 + n % 50}, **later) for n in range(500)]
    governance = Governance(ROW)
    governance.take(start)
    for record in then:
        governance.take(record)

    def predict(features: Any) -> float:
        return float(features["fit"]) / 100

    assert on(governance.look(predict)) == set()
    for record in now:
        governance.take(record)
    look = governance.look(predict)
    assert (look.kpis.drift.n, look.kpis.drift.reference) == (SAMPLE, SAMPLE)
    assert on(look) == {"drift:score"}


def test_who_approves_unread_is_named() -> None:
    def decided(n: int, actor: str, **fields: Any) -> CaseReview:
        return a_review(n, action="approve", actor=actor, **fields)

    stamps = [decided(n, "zoe", dwell_ms=900) for n in range(40)]
    careful = [decided(100 + n, "ana", dwell_ms=90_000, evidence_opened=("e-1",)) for n in range(40)]
    quick_but_read = [decided(200 + n, "ben", dwell_ms=900, evidence_opened=("e-1",)) for n in range(40)]
    unmeasured = [decided(300 + n, "cem") for n in range(40)]
    look = look_after(a_window(), *stamps, *careful, *quick_but_read, *unmeasured)
    assert on(look) == {"rubber_stamp:zoe"}
    assert [one.actor for one in look.kpis.reviewers] == ["zoe", "ana", "ben", "cem"]
    assert look.kpis.reviewers[0].unread == rate(40, 40)


def test_audits_say_how_often_a_person_agrees_blindly() -> None:
    audit = (a_reason(condition="N25", code="AUDIT_SAMPLE"),)
    cases = [a_closed_case(n, "approved" if n < 15 else "overridden", reasons=audit) for n in range(20)]
    look = look_after(*cases, a_review(action="approve"))
    assert look.kpis.reviewers[0].audits == rate(15, 20)


# --- alarms ---------------------------------------------------------------------------------------------------------


def causes(*names: str) -> Any:
    return iter([Cause(name, True, 1.0, 0.5, "high") for name in names])


def test_an_alarm_goes_on_at_once_and_off_only_after_a_while_without_cause() -> None:
    standing: dict[str, Alarm] = {}
    seen = []
    quiet = Cause("override_rate", False, 0.1, 0.5, "low")
    for minute, cause in enumerate([True, False, True, *[False] * 61]):
        found = causes("override_rate") if cause else iter([quiet])
        standing = settle(standing, found, T0 + minute * MINUTE, HOUR)
        seen.append(standing["override_rate"].on)
    assert seen == [True] * 62 + [False] * 2
    assert standing["override_rate"].since == T0 + 62 * MINUTE


def test_what_is_not_measured_any_more_goes_off_in_time() -> None:
    standing = settle({}, causes("fairness:a=b:selection"), T0, HOUR)
    assert settle(standing, causes(), T0 + MINUTE, HOUR)["fairness:a=b:selection"].on
    after = settle(standing, causes(), T0 + HOUR, HOUR)
    assert not after["fairness:a=b:selection"].on
    assert settle(after, causes(), T0 + 2 * HOUR, HOUR) == {}


def test_only_what_went_wrong_afterwards_is_a_reason_to_go_back() -> None:
    alarms = settle({}, causes("log_loss", "automation_share", "drift:score"), T0, HOUR)
    assert rollback_reasons(alarms, ROW.model_rollback, T0) == ("log_loss: high",)
    assert rollback_reasons(alarms, ROW.model_rollback, T0 + 1) == ()
    assert rollback_reasons(alarms, ROW.policy_rollback, T0) == ()


def test_records_are_written_when_an_alarm_goes_on_and_when_it_is_over() -> None:
    alarms = settle({}, causes("drift:score", "automation_share"), T0, HOUR)
    due = to_publish(alarms, {}, ROW)
    assert due == {
        name: context.Alarm(actor="lab", reason="high", at=T0, name=name, on=True, value=1.0, threshold=0.5,
                            detail="high", distrust=name == "drift:score")
        for name in ("drift:score", "automation_share")
    }  # fmt: skip
    assert to_publish(alarms, due, ROW) == {}
    over = to_publish(settle(alarms, causes(), T0 + HOUR, HOUR), due, ROW)
    assert {(record.name, record.on) for record in over.values()} == {
        ("drift:score", False),
        ("automation_share", False),
    }
    assert to_publish({}, over, ROW) == {}


# --- order and kills ------------------------------------------------------------------------------------------------


def a_day_of_everything() -> list[list[Any]]:
    """What several topics carry in two days, each in its order."""
    hours = range(48)
    windows: list[Any] = []
    for hour in hours:
        at, model = T0 + hour * HOUR, "rules" if hour < 24 else f"online-{hour:06}"
        windows.append(a_window(at, model_version=model))
        for value, selected in (("under 25", 20), ("25 and over", 90)):
            counts = {"routed": 200, "selected": selected, "wait:12": 5}
            windows.append(a_window(at, group="age_band", value=value, counts=counts, model_version=model))
    examples = [*predictions(900, 0.1, T0 + HOUR), *predictions(400, 0.5, T0 + 30 * HOUR)]
    cases = [a_closed_case(n, "overridden" if n % 3 else "approved", T0 + n * 8 * MINUTE) for n in range(300)]
    reviews = [a_review(n, action="approve", occurred_at=T0 + n * HOUR, dwell_ms=500) for n in range(48)]
    return [windows, examples, cases, reviews]


def test_a_governance_that_is_killed_and_loaded_ends_as_one_that_lived_on() -> None:
    whole, cut = Governance(ROW), Governance(ROW)
    for at, record in enumerate(record for topic in a_day_of_everything() for record in topic):
        whole.take(record)
        cut.take(record)
        if at % 100 == 0:
            assert whole.look() == cut.look()
            cut = Governance.load(cut.dump(), ROW)
    assert whole.look() == cut.look()
    assert whole.dump() == cut.dump()


def test_the_order_between_topics_does_not_matter_to_what_is_counted() -> None:
    windows, examples, cases, reviews = a_day_of_everything()
    one = look_after(*windows, *examples, *cases, *reviews)
    other = look_after(*windows, *reviews, *cases, *examples)
    assert on(one) == on(other) != set()
    assert one.kpis == other.kpis


def test_the_state_stays_small_however_much_comes() -> None:
    governance, sizes = Governance(ROW), []
    for day in range(40):
        for hour in range(0, 24, 12):
            at = T0 + day * DAY + hour * HOUR
            governance.take(a_window(at))
            for value in range(220):
                counts = {"routed": 3, "selected": 1}
                governance.take(a_window(at, group="age_band", value=f"v{value}", counts=counts))
        for n in range(20):
            governance.take(a_closed_case(day * 100 + n, "approved", T0 + day * DAY))
        sizes.append(len(governance.dump()))
    assert sizes[-1] < 1.1 * sizes[33] < 200_000


def test_a_state_of_another_format_is_refused() -> None:
    for wrong in (b"", b"nonsense", Governance(ROW).dump()[:-3]):
        with pytest.raises(ValueError, match="expected format 1"):
            Governance.load(wrong, ROW)


def test_the_line_of_a_version() -> None:
    assert [line_of(name) for name in ("rules", "online-000123", "by-hand", "x-1-2")] == [
        "rules",
        "online",
        "by-hand",
        "x-1",
    ]


def test_histograms_have_the_lanes_bins() -> None:
    assert len(SCORES) == BINS
