"""What to change: what a month's figures suggest, each with the figures and the value of the policy to look at.

Law of this module: rules are rows. A rule speaks only where its figures are beyond chance or beyond a limit of the
policy; a person decides, and `leadlane replay --policy` shows beforehand what a change would have done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from streams.core.policy import CompiledPolicy
from streams.lab.month import NO_REASON
from streams.lab.review import ConditionFigures, Review

MOST_FLOWS = 5
MOST_WRONG = 3
HOUR_MS = 3_600_000


class Suggestion(NamedTuple):
    """What to do, what the figures are, and where in the policy (or with which command)."""

    what: str
    figures: str
    where: str


def advice(review: Review, policy: CompiledPolicy) -> tuple[Suggestion, ...]:
    """All that the month suggests, in the order of RULES."""
    return tuple(suggestion for rule in RULES for suggestion in rule(review, policy))


def _wrong_sends(review: Review, _: CompiledPolicy) -> Iterator[Suggestion]:
    sends = review.wrong_sends
    if sends["unauthorised"]:
        what = "Find the sender that goes out without a valid allow, and stop it until it asks."
        yield Suggestion(
            what, f"{sends['unauthorised']:,} sends without an authorising decision that holds", "the sender"
        )
    if sends["on_hold"]:
        what = "Let that sender obey cadences.commands: it sends to people who are on hold."
        yield Suggestion(what, f"{sends['on_hold']:,} sends during a hold; the target is 0", "the sender")


def _without_effect(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    rows = {row.id: row for row in policy.conditions}
    for one in sorted(review.conditions, key=lambda each: -each.cases):
        if not one.without_effect:
            continue
        figures = f"{one.condition} {one.code}: approved as it was {one.agree.text}"
        if one.condition not in rows:
            yield Suggestion(
                "Let automation go on with some of these leads: people change nothing.",
                figures,
                f"tiers[{one.condition}]",
            )
        elif rows[one.condition].sheds:
            what = "Narrow this condition, or draw a sample for audit instead: people change nothing."
            yield Suggestion(what, figures, f"conditions[{one.condition}].when")
        else:
            what = "Keep it for what it protects, but see whether it can be narrowed: people change nothing."
            yield Suggestion(what, figures, f"conditions[{one.condition}].when")


def _never(review: Review, _: CompiledPolicy) -> Iterator[Suggestion]:
    never = [one for one in review.conditions if one.never]
    if never and review.decisions:
        names = ", ".join(f"{one.condition} {one.code}" for one in never)
        what = "See whether the facts of these conditions still come in; a condition that cannot fire protects nobody."
        yield Suggestion(what, f"not once in {review.decisions:,} decisions: {names}", "conditions")


def _overrides(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    settings, moved = policy.governance, Counter[tuple[str, str]]()
    for flow, count in review.flows:
        moved[flow.before, flow.after] += count
    for (before, after), count in moved.most_common(MOST_FLOWS):
        if count < settings.least:
            return
        codes = Counter[str]()
        for flow, part in review.flows:
            if (flow.before, flow.after) == (before, after):
                codes[flow.code] += part
        code, most = codes.most_common(1)[0]
        figures = f"{count:,} cases from {before} to {after}, most often for {code} ({most:,})"
        yield Suggestion(
            f"Move the boundary that separates {before} from {after}.", figures, _tier_place(before, policy)
        )


def _tier_place(tier: str, policy: CompiledPolicy) -> str:
    return f"tiers[{tier}].when and its `values`" if any(row.id == tier for row in policy.tiers) else "tiers"


def _false_suppress(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    settings, found = policy.governance, next(kpi.found for kpi in review.kpis if "suppressions" in kpi.name)
    if found.n < settings.least and review.decisions:
        figures = f"{found.n} labels of suppressed leads that were drawn by chance, {settings.least} are the least"
        what = "Draw more suppressed leads, or wait: false suppression cannot be told."
        yield Suggestion(what, figures, "sampling.explore_share, sampling.audit_share")
    elif found.value is not None and found.low > settings.false_suppress_rate:
        figures = f"good leads among those suppressed: {found.text}, limit {settings.false_suppress_rate * 100:g} %"
        yield Suggestion("Suppress less.", figures, "values.nurture_score, values.nurture_fit")


def _false_accepts(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    for wrong in review.false_positives[:MOST_WRONG]:
        if wrong.leads >= policy.governance.least:
            figures = f"{wrong.leads:,} of {wrong.of:,} labelled leads of {wrong.tier} were no good: {wrong.why}"
            if wrong.why.endswith(NO_REASON):
                what = "Ask for a reason where a lead is given up: without one nobody can say what to change."
                yield Suggestion(what, figures, "reason_code of labels.outcomes")
            else:
                what = "Let the score, or a condition, see what these leads have in common."
                yield Suggestion(what, figures, "score.terms, conditions")


def _automation(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    settings = policy.governance
    found = next(kpi.found for kpi in review.kpis if kpi.name == "Automation share")
    if found.value is None or found.high >= settings.automation_share:
        return
    busiest = max(review.conditions, key=lambda one: one.cases, default=None)
    most = f"; most cases come from {busiest.condition} {busiest.code} ({busiest.cases:,})" if busiest else ""
    figures = f"automatic {found.text}, target {settings.automation_share * 100:g} %{most}"
    yield Suggestion("Send fewer leads to people.", figures, _place(busiest, policy))


def _place(one: ConditionFigures | None, policy: CompiledPolicy) -> str:
    if one is None:
        return "conditions"
    is_condition = any(row.id == one.condition for row in policy.conditions)
    return f"conditions[{one.condition}].when" if is_condition else f"tiers[{one.condition}].when"


def _attainment(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    whole = next(kpi.found for kpi in review.kpis if kpi.name == "SLA attainment")
    for one in review.queues:
        if one.attainment.n < policy.governance.least or whole.value is None:
            continue
        if one.attainment.high < whole.value:
            slowest = f"; nine of ten were taken within {one.slowest_ms / HOUR_MS:.1f} h" if one.slowest_ms else ""
            figures = f"{one.queue}: met {one.attainment.text}, all queues {whole.value * 100:.1f} %{slowest}"
            what = "Give this queue more people, or a deadline that it can keep."
            yield Suggestion(what, figures, f"the roster; queues.{one.queue}.open_per_rep; slas")


def _fairness(review: Review, _: CompiledPolicy) -> Iterator[Suggestion]:
    words = {"selection": "selected", "missed": "spared a miss", "wait": "answered"}
    for found in review.fairness:
        if found.verdict == "alarm" and found.ratio is not None:
            figures = (
                f"{found.group} {found.value} is {words[found.ratio_of]} at {found.ratio:.2f} of {found.against}"
                f" ({found.low:.2f} to {found.high:.2f}, n {found.n:,})"
            )
            what = "Find the feature or condition that stands for the group, and see what replay says without it."
            yield Suggestion(what, figures, "learning.exclude, conditions")
    if not review.groups and not review.is_empty:
        what = "Declare the attributes by which fairness is to be measured; without them nobody looks."
        yield Suggestion(what, "no group is declared", "governance.groups")


def _drift(review: Review, _: CompiledPolicy) -> Iterator[Suggestion]:
    shift = review.drift
    if shift.drifts:
        figures = f"PSI {shift.psi:.2f} of the first against the last week, limit {shift.threshold:.2f}"
        what = "See which source changed; a learning model follows by itself, the rules do not."
        yield Suggestion(what, figures, "score.terms; `leadlane model list`")


def _stamps(review: Review, policy: CompiledPolicy) -> Iterator[Suggestion]:
    settings = policy.governance
    for one in review.reviewers:
        if one.unread.n >= settings.least and one.unread.low > settings.stamp_share:
            figures = f"{one.actor} approved unread {one.unread.text}"
            yield Suggestion("Talk with this person: cases are approved unread.", figures, "the roster")


RULES: tuple[Callable[[Review, CompiledPolicy], Iterator[Suggestion]], ...] = (
    _wrong_sends, _fairness, _false_suppress, _false_accepts, _overrides, _without_effect, _never, _automation,
    _attainment, _drift, _stamps,
)  # fmt: skip
