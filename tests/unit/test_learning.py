"""Outcomes become examples with what was known at the decision; models decide where they have a role and are warm."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from streams import topics
from streams.core.context import Context
from streams.core.effects import EmitExample, PublishScore, RecordDecision
from streams.core.model import Scale
from streams.core.roles import Models
from streams.core.state import unpack
from tests.factories import DAY, HOUR, LEAD, T0, a_label, a_profile, a_score, an_intent
from tests.lanes import TestLane, arrive, lane_of
from tests.scorers import a_model
from tests.shipped import shipped_context, shipped_policy

HORIZON = 90 * DAY


def a_lane(**context: Any) -> TestLane:
    return TestLane(msgspec.structs.replace(shipped_context(), **context), lane_of(LEAD))


def examples(lane: TestLane) -> list[EmitExample]:
    return cast(list[EmitExample], lane.read(topics.EXAMPLES.name))


def decided(lane: TestLane) -> list[RecordDecision]:
    return cast(list[RecordDecision], lane.read(topics.DECISIONS.name))


def test_an_outcome_is_learned_with_what_was_known_at_the_decision() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(attributes={"plan": "pro", "seats": "40"}), a_score(value=80)]), now=T0)
    judged = decided(lane)[-1]
    lane.run(arrive([a_score(2, value=81, occurred_at=T0 + HOUR)], start=5), now=T0 + HOUR)  # too small to be published
    lane.run(arrive([a_label(outcome="won", occurred_at=T0 + DAY)], start=6), now=T0 + DAY + 5)
    (example,) = examples(lane)
    assert (example.label, example.outcome, example.provisional) == (True, "won", False)
    assert (example.judged, example.decided_at) == (judged.decision_id, T0)
    assert (example.labelled_at, example.emitted_at) == (T0 + DAY, T0 + DAY + 5)
    assert (example.tier, example.score, example.model_version) == (judged.tier, judged.score, "rules")
    assert example.propensity == judged.propensity
    assert example.features["fit"] == 80
    assert (example.features["attr.plan"], example.features["attr.seats"]) == ("pro", 40.0)
    assert example.features["stage"] == "qualify"
    assert decided(lane)[-1].effects == (f"learn yes (won) of {judged.decision_id}",)


def test_attributes_that_are_stated_later_are_not_learned_of_an_earlier_decision() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(attributes={"plan": "pro"}), a_score(value=80)]), now=T0)
    later = a_profile(2, attributes={"plan": "free", "churned": "yes"}, occurred_at=T0 + HOUR)
    lane.run(arrive([later], start=5), now=T0 + HOUR)
    lane.run(arrive([a_label(1, outcome="won", occurred_at=T0 + DAY)], start=6), now=T0 + DAY)
    lane.run(arrive([a_profile(3, attributes={"plan": ""}, occurred_at=T0 + 2 * DAY)], start=7), now=T0 + 2 * DAY)
    lane.run(arrive([a_label(2, outcome="lost", occurred_at=T0 + 3 * DAY)], start=8), now=T0 + 3 * DAY)
    won, lost = examples(lane)
    assert (won.features["attr.plan"], "attr.churned" in won.features) == ("pro", False)
    assert lost.features == won.features


def test_a_second_outcome_that_says_the_same_is_nothing_new_and_one_that_differs_corrects() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score(value=80)]))
    outcomes = ("accepted", "meeting_held", "lost")
    for n, outcome in enumerate(outcomes, 1):
        lane.run(arrive([a_label(n, outcome=outcome, occurred_at=T0 + n * HOUR)], start=10 + n), now=T0 + n * HOUR)
    first, second = examples(lane)
    assert (first.example_id, first.label, first.supersedes, first.previous) == ("label-1", True, None, None)
    assert (second.example_id, second.label, second.supersedes, second.previous) == ("label-3", False, "label-1", True)
    assert second.features == first.features
    assert lane.counts["labels.outcomes/quiet"] == 1


def test_a_late_outcome_does_not_undo_a_newer_one_unless_it_says_that_it_corrects() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score(value=80)]))
    lane.run(arrive([a_label(1, outcome="won", occurred_at=T0 + 2 * DAY)], start=10), now=T0 + 2 * DAY)
    lane.run(arrive([a_label(2, outcome="lost", occurred_at=T0 + DAY)], start=11), now=T0 + 3 * DAY)
    assert [example.label for example in examples(lane)] == [True]
    wrong = a_label(3, outcome="lost", occurred_at=T0 + DAY, supersedes="label-1")
    lane.run(arrive([wrong], start=12), now=T0 + 3 * DAY)
    assert [(one.label, one.supersedes) for one in examples(lane)] == [(True, None), (False, "label-1")]


def test_nothing_heard_within_the_horizon_is_a_no_until_somebody_wins() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score(value=80)]), now=T0)
    lane.run([], now=T0 + HORIZON - 1, tick=True)
    assert examples(lane) == []
    lane.run([], now=T0 + HORIZON, tick=True)
    (provisional,) = examples(lane)
    assert (provisional.label, provisional.outcome, provisional.provisional) == (False, "none", True)
    assert (provisional.example_id, provisional.labelled_at) == (f"{provisional.judged}/horizon", T0 + HORIZON)
    lane.run([], now=T0 + 2 * HORIZON, tick=True)
    assert len(examples(lane)) == 1
    lane.run(arrive([a_label(outcome="won", occurred_at=T0 + 100 * DAY)], start=10), now=T0 + 100 * DAY)
    corrected = examples(lane)[-1]
    assert (corrected.label, corrected.supersedes, corrected.previous) == (True, provisional.example_id, False)


def test_a_lost_that_confirms_a_provisional_no_is_nothing_new() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score(value=80)]), now=T0)
    lane.run([], now=T0 + HORIZON, tick=True)
    lane.run(arrive([a_label(outcome="lost", occurred_at=T0 + 100 * DAY)], start=10), now=T0 + 100 * DAY)
    assert [example.provisional for example in examples(lane)] == [True]


def test_a_label_names_the_decision_that_it_judges() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score(value=80)]), now=T0)
    first = decided(lane)[-1].decision_id
    lane.run(arrive([a_label(1, outcome="accepted", occurred_at=T0 + HOUR)], start=10), now=T0 + HOUR)
    lane.run(arrive([an_intent(strength=95, occurred_at=T0 + DAY)], start=11), now=T0 + DAY)  # another decision
    lane.run(
        arrive([a_label(2, outcome="lost", occurred_at=T0 + 2 * DAY, decision_id=first)], start=12), now=T0 + 2 * DAY
    )
    assert [(one.judged, one.label, one.supersedes) for one in examples(lane)] == [
        (first, True, None), (first, False, "label-1"),
    ]  # fmt: skip


def test_a_lead_of_whom_an_outcome_is_known_gets_no_provisional_no() -> None:
    lane = a_lane()
    lane.run(arrive([a_profile(), a_score(value=80)]), now=T0)
    lane.run(arrive([a_label(outcome="won", occurred_at=T0 + HOUR)], start=10), now=T0 + HOUR)
    lane.run(arrive([an_intent(strength=95, occurred_at=T0 + DAY)], start=11), now=T0 + DAY)
    lane.run([], now=T0 + 3 * HORIZON, tick=True)
    assert [example.outcome for example in examples(lane)] == ["won"]


def test_an_outcome_that_overtook_the_decision_waits_for_it() -> None:
    lane = a_lane()
    lane.run(arrive([a_label(outcome="won", occurred_at=T0 + DAY)]), now=T0 + DAY)
    assert examples(lane) == []
    lane.run(arrive([a_score(value=80)], start=5), now=T0 + DAY + 1)
    (example,) = examples(lane)
    assert (example.label, example.example_id, example.judged) == (True, "label-1", "signals.scores-1-5")
    assert example.features["fit"] == 80
    lane.run(arrive([a_score(2, value=20)], start=6), now=T0 + DAY + 2)
    assert len(examples(lane)) == 1


def test_an_outcome_is_not_learned_with_what_happened_after_it() -> None:
    lane = a_lane()
    lane.run(arrive([a_label(outcome="won")]), now=T0)
    lane.run(arrive([a_score(value=80, occurred_at=T0 + 1)], start=5), now=T0 + DAY)
    lane.run(arrive([a_score(2, value=20)], start=6), now=T0 + DAY)
    assert examples(lane) == []


def test_the_declared_groups_are_told_for_fairness_and_excluded_features_are_not() -> None:
    policy = shipped_policy()
    learning = msgspec.structs.replace(policy.learning, exclude=("attr.age_band", "fit"))
    governance = msgspec.structs.replace(policy.governance, groups=("age_band", "country", "region"))
    changed = object.__new__(type(policy))
    for name in policy.__slots__:
        setattr(changed, name, getattr(policy, name))
    changed.learning, changed.governance = learning, governance
    lane = a_lane(policy=changed)
    lane.run(arrive([a_profile(attributes={"age_band": "25-39"}), a_score(value=80)]), now=T0)
    lane.run(arrive([a_label(occurred_at=T0 + HOUR)], start=10), now=T0 + HOUR)
    (example,) = examples(lane)
    assert example.groups == {"age_band": "25-39", "country": "DE", "region": "unknown"}
    assert not {"fit", "attr.age_band"} & example.features.keys()


def test_a_state_keeps_two_decisions_at_most() -> None:
    lane, sizes = a_lane(), []
    for n in range(1, 30):
        at = T0 + n * DAY
        lane.run(arrive([a_score(n, value=(n * 37) % 100, occurred_at=at)], start=2 * n), now=at)
        lane.run(arrive([a_label(n, outcome="won", occurred_at=at + 1)], start=2 * n + 1), now=at + 1)
        state = unpack(lane.states[LEAD.encode()])
        sizes.append(len(state.exposure) + len(state.labelled))
    assert max(sizes) < 600


# --- models


def with_models(least: int = 500, positives: int = 120, segment: str = "", **roles: Any) -> dict[str, Any]:
    policy = shipped_policy()
    changed = object.__new__(type(policy))
    for name in policy.__slots__:
        setattr(changed, name, getattr(policy, name))
    changed.learning = msgspec.structs.replace(
        policy.learning, least_labels=least, least_positives=positives, segment_by=segment
    )
    return {"policy": changed, "models": Models(**roles)}


def score_of(context: dict[str, Any], fit: float = 80) -> PublishScore:
    lane = a_lane(**context)
    lane.run(arrive([a_profile(), a_score(value=fit)]), now=T0)
    return cast(PublishScore, lane.read(topics.LEAD_SCORES.name)[-1])


def test_a_champion_decides_with_signed_parts_that_sum_to_the_score() -> None:
    model = a_model()
    score = score_of(with_models(champion=model))
    assert score.model_version == model.version
    assert score.score == model.base + sum(part.points for part in score.contributions)
    assert score.probability is not None
    assert 0.8 < score.probability < 0.9  # logit 0.5 * 3 + 0.25
    assert score.low < score.score < score.high


def test_while_it_has_seen_too_little_the_rules_decide_and_its_prediction_is_recorded() -> None:
    for context in (
        with_models(least=501, champion=a_model()),
        with_models(positives=121, champion=a_model()),
        with_models(least=401, segment="stage", champion=a_model()),
        with_models(least=400, positives=101, segment="stage", champion=a_model()),
    ):
        lane = a_lane(**context)
        lane.run(arrive([a_profile(), a_score(value=80)]), now=T0)
        last = decided(lane)[-1]
        assert last.model_version == "rules"
        assert list(last.predictions) == ["online-000000500"]
    assert score_of(with_models(least=400, positives=100, segment="stage", champion=a_model())).model_version != "rules"


def test_a_challenger_decides_for_its_share_of_the_leads_and_every_role_is_recorded() -> None:
    champion, challenger, shadow = a_model("old-1"), a_model("new-2"), a_model("other-3")
    context = with_models(champion=champion, challenger=challenger, challenger_share=0.3, shadow=shadow)
    by = {"old-1": 0, "new-2": 0}
    for n in range(600):
        lead = f"lead-{n}"
        lane = TestLane(msgspec.structs.replace(shipped_context(), **context), lane_of(lead))
        lane.run(arrive([a_profile(lead_id=lead), a_score(value=70, lead_id=lead)]), now=T0)
        last = decided(lane)[-1]
        by[last.model_version] += 1
        assert sorted(last.predictions) == ["new-2", "old-1", "other-3"]
    assert by["new-2"] == pytest.approx(180, abs=40)


def test_a_shadow_never_decides() -> None:
    context = with_models(shadow=a_model())
    lane = a_lane(**context)
    lane.run(arrive([a_profile(), a_score(value=80)]), now=T0)
    plain = a_lane()
    plain.run(arrive([a_profile(), a_score(value=80)]), now=T0)
    assert decided(lane)[-1].tier == decided(plain)[-1].tier
    assert decided(lane)[-1].score == decided(plain)[-1].score
    assert lane.sent[topics.ROUTED.name] == plain.sent[topics.ROUTED.name]


def test_how_far_the_scores_are_apart_is_a_fact() -> None:
    far = a_model(scale=Scale(2.0, 1.0))  # everybody is suppressed or nurtured by it
    events = [a_profile(), a_score(value=95), an_intent(strength=90), a_score(2, kind="engagement", value=95)]
    lane = a_lane(**with_models(champion=far))
    lane.run(arrive(events), now=T0)
    assert cast(float, decided(lane)[-1].facts["model_tiers_apart"]) >= 2
    lane = a_lane(**with_models(shadow=far))
    lane.run(arrive(events), now=T0)
    facts = decided(lane)[-1].facts
    assert cast(float, facts["challenger_tiers_apart"]) >= 2
    assert "model_tiers_apart" not in facts


def test_learning_is_part_of_the_context_alone() -> None:
    """The same events under the same context give the same bytes, with models as without."""
    context: Context = msgspec.structs.replace(
        shipped_context(), **with_models(champion=a_model(), shadow=a_model("b-1"))
    )
    lanes = [TestLane(context, lane_of(LEAD)) for _ in range(2)]
    for lane in lanes:
        lane.run(arrive([a_profile(), a_score(value=80), a_label(occurred_at=T0 + 1)]), now=T0 + 1)
    assert lanes[0].states == lanes[1].states
    assert lanes[0].sent == lanes[1].sent
