"""The lanes together: everything that `leadlane replay` says about a change, as plain values.

The keys are those of `--json`, documented in docs/reference/replay.md. Law of this module: pure; stories in, summary
out, the same in whatever order the lanes were decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from streams.core.context import Context
from streams.lab.fairness import Finding, Rules, Tally, findings
from streams.whatif.attainment import ASSUMPTIONS, Attainment, Staff, actual, simulated
from streams.whatif.casebook import CaseLife, Outcome
from streams.whatif.compare import Difference
from streams.whatif.effort import hours, minutes_by_queue
from streams.whatif.story import LaneStory, Plan
from streams.whatif.window import time_text

FORMAT = 1
ASPECTS = ("tier", "human", "queue", "owner", "conditions", "holds", "cadence", "verdict", "case", "score", "decision")
MOST_CAUSES = 30
CAVEATS = (
    "The change is in force from the beginning of the window; a lead to whom nothing happens keeps its tier.",
    "What people and platforms did is taken as it was recorded, though under the change they might act otherwise.",
    "Approvals, switches, alarms and the capacity guard stand as they were recorded.",
    "Leads in the samples of audit and exploration are those that were drawn.",
    "Labels follow from how leads were treated: of those that nobody worked, few are known to be good.",
)  # fmt: skip


class Contexts(NamedTuple):
    """What was in force at the end of the window, and what would have been."""

    recorded: Context
    replayed: Context


def summarize(
    stories: Sequence[LaneStory], plan: Plan, contexts: Contexts, changes: Sequence[str], seconds: float
) -> dict[str, Any]:
    """The whole summary."""
    recorded_cases = [case for story in stories for case in story.recorded_cases]
    replayed_cases = [case for story in stories for case in story.replayed_cases]
    events, decided = sum(story.events for story in stories), sum(story.transactions for story in stories)
    return {
        "format": FORMAT,
        "mode": "what-if",
        "from": time_text(plan.window.since),
        "to": time_text(plan.window.until),
        "ended_at": time_text(max((story.ended_at for story in stories), default=None)),
        "recorded": {"policy": contexts.recorded.policy.version, "model": contexts.recorded.models.version},
        "tried": {
            "policy": plan.change.policy_version,
            "policy_source": plan.change.policy_source or None,
            "model": plan.change.model_version,
        },
        "changes": list(changes),
        "lanes": len(stories),
        "events": events,
        "erased": sum(story.erased for story in stories),
        "transactions": decided,
        "seconds": round(seconds, 2),
        "decisions": _decisions(stories),
        "differences": sum(story.differ for story in stories),
        "causes": _causes(stories),
        "examples": _examples(stories, plan.examples),
        "tiers": _tiers(stories, plan.examples),
        "verdicts": _pairs(story.verdicts for story in stories),
        "holds": _holds(stories),
        **_people(stories, contexts, recorded_cases, replayed_cases),
        "fairness": _fairness(stories, contexts.replayed),
        "labels": _labels([outcome for story in stories for outcome in story.outcomes], plan.examples),
        "assumptions": [*CAVEATS, *ASSUMPTIONS],
    }


def _decisions(stories: Sequence[LaneStory]) -> dict[str, Any]:
    total = Counter[str]()
    aspects = Counter[str]()
    for story in stories:
        for name in ("recorded", "replayed", "differ", "score_only", "only_recorded", "only_replayed"):
            total[name] += getattr(story, name)
        aspects.update(story.aspects)
    return {**total, "by_aspect": {aspect: aspects[aspect] for aspect in ASPECTS if aspects[aspect]}}


def _causes(stories: Sequence[LaneStory]) -> list[dict[str, Any]]:
    """What differences come down to, most frequent first."""
    total = Counter[tuple[str, str]]()
    for story in stories:
        total.update(story.whys)
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return [{"aspect": aspect, "cause": cause, "decisions": n} for (aspect, cause), n in ranked[:MOST_CAUSES]]


def _examples(stories: Sequence[LaneStory], most: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[Difference]] = {}
    for story in stories:
        for aspect, kept in story.examples.items():
            found.setdefault(aspect, []).extend(kept)
    return {
        aspect: [plain(one) for one in sorted(found[aspect], key=_when)[:most]] for aspect in ASPECTS if aspect in found
    }


def plain(difference: Difference) -> dict[str, Any]:
    """A difference for JSON."""
    return {
        "decision_id": difference.decision_id,
        "lead_id": difference.lead_id,
        "at": time_text(difference.at),
        "before": difference.before,
        "after": difference.after,
        "why": difference.why,
    }


def _when(difference: Difference) -> tuple[int, str]:
    return difference.at, difference.decision_id


def _tiers(stories: Sequence[LaneStory], most: int) -> dict[str, Any]:
    """How many leads stand in which tier at the end, before and after, and which moved."""
    total = Counter[tuple[str, str]]()
    for story in stories:
        total.update(story.tiers)
    moved = sorted((one for story in stories for one in story.moved), key=_when)
    names = sorted({name for pair in total for name in pair})
    return {
        "leads": total.total(),
        "before": {name: sum(n for (old, _), n in total.items() if old == name) for name in names},
        "after": {name: sum(n for (_, new), n in total.items() if new == name) for name in names},
        "moved": sum(n for (old, new), n in total.items() if old != new),
        "moves": [{"from": old, "to": new, "leads": n} for (old, new), n in sorted(total.items()) if old != new],
        "moved_leads": [one.lead_id for one in moved],
        "examples": [plain(one) for one in moved[:most]],
    }


def _pairs(counters: Iterable[Counter[tuple[str, str]]]) -> list[dict[str, Any]]:
    total = Counter[tuple[str, str]]()
    for counter in counters:
        total.update(counter)
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return [{"from": old, "to": new, "requests": n} for (old, new), n in ranked]


def _holds(stories: Sequence[LaneStory]) -> dict[str, dict[str, int]]:
    total = Counter[tuple[str, str]]()
    for story in stories:
        total.update(story.holds)
    return {
        change: {kind: n for (name, kind), n in sorted(total.items()) if name == change}
        for change in ("gained", "lost", "longer", "shorter")
    }


def _people(
    stories: Sequence[LaneStory], contexts: Contexts, before: list[CaseLife], after: list[CaseLife]
) -> dict[str, Any]:
    """Cases, hours and deadlines, by queue."""
    recorded, replayed = contexts
    queues = sorted({case.queue for case in (*before, *after)} | set(recorded.policy.queues))
    assumed = float(replayed.policy.values["handling_minutes"])
    handling = [each for story in stories for each in story.handling]
    minutes = minutes_by_queue(queues, before, handling, assumed)
    spent = hours(before, minutes), hours(after, minutes)
    overflow = {name: row.overflow for name, row in replayed.policy.queues.items()}
    staff = Staff(recorded.roster, recorded.calendars, overflow), Staff(replayed.roster, replayed.calendars, overflow)
    kept = (
        simulated(before, staff[0], minutes, recorded.policy.slas),
        simulated(after, staff[1], minutes, replayed.policy.slas),
    )
    real = actual(before)
    known = {case.case_id for case in before}, {case.case_id for case in after}
    cases = {
        queue: {
            "recorded": sum(case.queue == queue for case in before),
            "replayed": sum(case.queue == queue for case in after),
            "extra": sum(case.queue == queue and case.case_id not in known[0] for case in after),
            "fewer": sum(case.queue == queue and case.case_id not in known[1] for case in before),
            "by_condition": _by_condition(queue, before, after),
        }
        for queue in queues
    }
    return {
        "cases": cases,
        "hours": {
            queue: {
                "recorded": round(spent[0].get(queue, 0.0), 2),
                "replayed": round(spent[1].get(queue, 0.0), 2),
                "minutes_per_case": round(minutes[queue].typical, 2),
                "source": minutes[queue].source,
            }
            for queue in queues
        },
        "sla": {
            queue: {
                "actual": _share(real.get(queue)),
                "recorded": _share(kept[0].get(queue)),
                "replayed": _share(kept[1].get(queue)),
            }
            for queue in queues
        },
    }


def _by_condition(queue: str, before: Iterable[CaseLife], after: Iterable[CaseLife]) -> dict[str, dict[str, int]]:
    counts = [Counter(case.condition for case in cases if case.queue == queue) for cases in (before, after)]
    return {name: {"recorded": counts[0][name], "replayed": counts[1][name]} for name in sorted(counts[0] | counts[1])}


def _share(attainment: Attainment | None) -> dict[str, Any]:
    found = attainment or Attainment()
    share = found.share
    return {"met": found.met, "missed": found.missed, "share": None if share is None else round(share, 4)}


def _fairness(stories: Sequence[LaneStory], context: Context) -> list[dict[str, Any]]:
    """Every ratio that compares groups, on both sides."""
    row = context.policy.governance
    rules = Rules(
        row.fairness_least_ratio, row.fairness_least, row.fairness_least_share, row.confidence, row.fairness_error
    )
    sides: list[dict[str, dict[str, Tally]]] = [{}, {}]
    for story in stories:
        for group, values in story.groups.items():
            for value, tallies in values.items():
                for side, tally in zip(sides, tallies, strict=True):
                    side.setdefault(group, {}).setdefault(value, Tally()).add(
                        Tally(tally[0], tally[1], tally[2], tally[3])
                    )
    before, after = (findings(side, rules) for side in sides)
    return [
        {
            "group": one.group, "value": one.value, "ratio_of": one.ratio_of, "recorded": _ratio(old),
            "replayed": _ratio(one),
        }
        for old, one in zip(before, after, strict=True)
        if one.ratio_of != "wait"  # how long people take is not decided again
    ]  # fmt: skip


def _ratio(finding: Finding) -> dict[str, Any]:
    return {
        "n": finding.n, "rate": _rounded(finding.rate), "ratio": _rounded(finding.ratio), "low": _rounded(finding.low),
        "high": _rounded(finding.high), "verdict": finding.verdict,
    }  # fmt: skip


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _labels(outcomes: Sequence[Outcome], most: int) -> dict[str, Any]:
    """Leads with a label in the window, by what each side made of them when the first label came."""
    changed = [one for one in outcomes if one.recorded_selected != one.replayed_selected]
    return {
        "leads": len(outcomes),
        "good": sum(one.is_good for one in outcomes),
        "recorded": _judged((one.is_good, one.recorded_selected, one.recorded_suppressed) for one in outcomes),
        "replayed": _judged((one.is_good, one.replayed_selected, one.replayed_suppressed) for one in outcomes),
        "examples": [
            {
                "lead_id": one.lead_id, "event_id": one.event_id, "at": time_text(one.at), "good": one.is_good,
                "before": one.recorded_tier, "after": one.replayed_tier,
            }
            for one in sorted(changed, key=lambda one: (one.at, one.lead_id))[:most]
        ],
    }  # fmt: skip


def _judged(leads: Iterable[tuple[bool, bool, bool]]) -> dict[str, int]:
    """Of (good, selected, suppressed): what was made of them, and where that was wrong."""
    found = Counter[str](accepts=0, false_accepts=0, false_suppresses=0, missed=0)
    for is_good, selected, suppressed in leads:
        found["accepts"] += selected
        found["false_accepts"] += selected and not is_good
        found["false_suppresses"] += suppressed and is_good
        found["missed"] += is_good and not selected
    return dict(found)
