"""Which score decides: the rules', the champion's or the challenger's; and how far they are from each other.

Law of this module: a model that has not seen enough, of all leads or of the lead's segment, does not decide. Every role
scores, one decides, all are recorded. A lead is in the challenger's share or not, by its id alone.

Next: streams/core/facts.py
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from streams.core.context import Context
from streams.core.exposed import attributes_of
from streams.core.facts import put_score
from streams.core.features import features_from, row_of
from streams.core.moment import FactValue, Moment, Score
from streams.core.roles import RULES, RULES_ALONE
from streams.core.sampling import sampled

if TYPE_CHECKING:
    from streams.core.features import Value
    from streams.core.model import Judgment, Model
    from streams.core.policy import CompiledPolicy, LearningRow
    from streams.core.state import LeadState

NOTHING: Mapping[str, float] = {}


class Judged(NamedTuple):
    """The score that decides, who made it, and what the others say."""

    score: Score
    version: str = RULES
    probability: float | None = None  # None: the rules decide
    predictions: Mapping[str, float] = NOTHING  # by version, of every role
    others: tuple[Score, ...] = ()  # of the other roles


def judge(state: LeadState, rule: Score, moment: Moment, context: Context) -> Judged:
    """The score that decides. `rule` is the policy's own."""
    models = context.models
    if models is RULES_ALONE:
        return Judged(rule)
    learning = context.policy.learning
    features = features_from(
        row_of(state, moment.now, context.policy.score), attributes_of(state.known.attributes), learning
    )
    found: dict[str, Judgment] = {}
    for model in (models.champion, models.challenger, models.shadow):
        if model is not None and model.version not in found:
            found[model.version] = model.judge(features)
    decider = models.champion
    challenger = models.challenger
    if challenger is not None and sampled(moment.lead_id, f"challenger\0{challenger.line}", models.challenger_share):
        decider = challenger
    predictions = {version: judgment.probability for version, judgment in found.items()}
    if decider is None or not is_warm(decider, features, learning):
        return Judged(rule, RULES, None, predictions, tuple(_score(one) for one in found.values()))
    own = found.pop(decider.version)
    others = tuple(_score(one) for one in found.values())
    return Judged(_score(own), decider.version, own.probability, predictions, others)


def is_warm(model: Model, features: Mapping[str, Value], learning: LearningRow) -> bool:
    """Whether the model has seen enough: labels and good leads, in all and in the lead's segment."""
    if model.examples < learning.least_labels or model.positives < learning.least_positives:
        return False
    if not learning.segment_by:
        return True
    labels, positives = model.seen(learning.segment_by, features.get(learning.segment_by))
    return labels >= learning.least_labels and positives >= learning.least_positives


def compare_models(facts: dict[str, FactValue], judged: Judged, rule: Score, context: Context) -> None:
    """The facts that say how far the scores lie apart: the decider's from the rules', and from the other roles'."""
    policy = context.policy
    if judged.version != RULES:
        facts["model_tiers_apart"] = _tiers_apart(facts, judged.score, rule, policy)
    apart = [_tiers_apart(facts, judged.score, other, policy) for other in judged.others]
    facts["challenger_tiers_apart"] = max(apart, default=0)


def _tiers_apart(facts: dict[str, FactValue], one: Score, other: Score, policy: CompiledPolicy) -> int:
    """How many tiers lie between two scores of the same lead."""
    places = []
    for score in (one, other):
        tried = facts.copy()
        put_score(tried, score, policy.sampling.boundaries)
        places.append(policy.tiers.index(policy.evaluate(tried)[0]))
    return abs(places[0] - places[1])


def _score(judgment: Judgment) -> Score:
    return Score(
        judgment.score, judgment.low, judgment.high, judgment.confidence, judgment.contributions, judgment.width
    )
