"""A summary as one HTML page that an approver can read and keep: no scripts, nothing from outside.

Law of this module: pure; it shows what the summary says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from streams.whatif.charts import Interval, Side, bars, intervals
from streams.whatif.terminal import headline, percent

SIDES = ("recorded", "replayed")
LIMIT = 0.8  # drawn as a line; what is an alarm, the policy says
WORDS = {"recorded": "as recorded", "replayed": "with the change"}


def page(summary: Mapping[str, Any]) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("streams.whatif"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["percent"] = percent
    if summary["mode"] == "unchanged":
        return environment.get_template("unchanged.html").render(s=summary)
    return environment.get_template("changed.html").render(
        s=summary, headline=headline(summary), cards=list(_cards(summary)), matrix=_matrix(summary["tiers"]),
        charts=_charts(summary), conditions=list(_conditions(summary)),
    )  # fmt: skip


def _cards(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an approver looks at first."""
    decisions, tiers = summary["decisions"], summary["tiers"]
    yield f"{summary['differences']:,}", f"of {decisions['recorded']:,} decisions differ"
    yield f"{tiers['moved']:,}", f"of {tiers['leads']:,} leads end in another tier"
    cases = [sum(queue[side] for queue in summary["cases"].values()) for side in SIDES]
    yield f"{cases[1] - cases[0]:+,}", f"cases for people ({cases[0]:,} before)"
    spent = [sum(queue[side] for queue in summary["hours"].values()) for side in SIDES]
    yield f"{spent[1] - spent[0]:+.1f} h", f"of people's time ({spent[0]:.1f} h before)"
    kept = [_attained(summary["sla"], side) for side in SIDES]
    yield " to ".join(percent(share) for share in kept), "of deadlines kept, predicted, before to after"
    labels = summary["labels"]
    wrong = [sum(labels[side][name] for name in ("false_accepts", "false_suppresses")) for side in SIDES]
    yield f"{wrong[1] - wrong[0]:+,}", f"false accepts and suppresses, of {labels['leads']:,} labelled leads"


def _attained(sla: Mapping[str, Any], side: str) -> float | None:
    met = sum(queue[side]["met"] for queue in sla.values())
    every = met + sum(queue[side]["missed"] for queue in sla.values())
    return met / every if every else None


def _matrix(tiers: Mapping[str, Any]) -> list[tuple[str, list[tuple[int, bool]]]]:
    """Leads by tier before (rows) and after (columns); whether they moved."""
    names = list(tiers["before"])
    moved = {(move["from"], move["to"]): move["leads"] for move in tiers["moves"]}
    stayed = {name: tiers["before"][name] - sum(moved.get((name, other), 0) for other in names) for name in names}
    return [
        (old, [(stayed[old] if old == new else moved.get((old, new), 0), old != new) for new in names]) for old in names
    ]


def _charts(summary: Mapping[str, Any]) -> dict[str, str]:
    queues = [name for name, cases in summary["cases"].items() if cases["recorded"] or cases["replayed"]]
    cases = [[summary["cases"][queue][side] for queue in queues] for side in SIDES]
    spent = [[summary["hours"][queue][side] for queue in queues] for side in SIDES]
    tiers = list(summary["tiers"]["before"])
    leads = [[summary["tiers"][side][tier] for tier in tiers] for side in ("before", "after")]
    kept = [[summary["sla"][queue][side]["share"] for queue in queues] for side in ("actual", *SIDES)]
    names = [WORDS[side] for side in SIDES]
    predicted = ("what became of them", "predicted as recorded", "predicted with the change")
    ratios = [
        Interval(f"{one['group']}={one['value']}, {one['ratio_of']}", now["ratio"], now["low"], now["high"],
                 now["verdict"] == "alarm")
        for one in summary["fairness"]
        if (now := one["replayed"])["ratio"] is not None
    ]  # fmt: skip
    return {
        "tiers": bars("Leads by tier", tiers, [_counts(name, row) for name, row in zip(names, leads, strict=True)]),
        "cases": bars("Cases by queue", queues, [_counts(name, row) for name, row in zip(names, cases, strict=True)]),
        "hours": bars(
            "Hours of people by queue", queues,
            [Side(name, row, [f"{hours:.1f} h" for hours in row]) for name, row in zip(names, spent, strict=True)],
        ),
        "sla": bars(
            "Deadlines kept by queue", queues,
            [Side(name, row, [percent(s) for s in row]) for name, row in zip(predicted, kept, strict=True)], most=1.0,
        ),
        "fairness": intervals("Fairness ratios with the change", ratios, LIMIT) if ratios else "",
    }  # fmt: skip


def _counts(name: str, values: list[int]) -> Side:
    return Side(name, values, [f"{value:,}" for value in values])


def _conditions(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, int, int]]:
    """(queue, condition, before, after) where the number of cases differs."""
    for queue, cases in summary["cases"].items():
        for condition, n in cases["by_condition"].items():
            if n["recorded"] != n["replayed"]:
                yield queue, condition, n["recorded"], n["replayed"]
