"""A summary as one HTML page that an approver can read and keep.

Law of this module: pure; it shows what the summary says and computes nothing but sums and shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from streams.report import Plot, Section, Table
from streams.report import page as html_page
from streams.report.plots import bars
from streams.whatif.charts import Interval, intervals
from streams.whatif.terminal import at_work_text, erased_text, headline, percent

SIDES = ("recorded", "replayed")
WORDS = ("as recorded", "with the change")
LIMIT = 0.8  # drawn as a line; what is an alarm, the policy says
EXAMPLE = ("decision", "lead", "when (UTC)", "before", "after", "why")


def page(summary: Mapping[str, Any]) -> str:
    """The page."""
    span = f"from {summary['from'] or 'the beginning'} to {summary['to'] or 'the end'}"
    if summary["mode"] == "unchanged":
        title = f"History decided again under unchanged versions: {summary['differences']:,} differences"
        return html_page(title, list(_unchanged(summary)), f"{summary['events']:,} events, {span}")
    done = (
        f"{summary['events']:,} events of {summary['lanes']} lanes, {span}, decided again. Nothing was sent to anybody."
        f" {erased_text(summary)}".rstrip()
    )
    return html_page(headline(summary), list(_changed(summary)), done)


def _unchanged(summary: Mapping[str, Any]) -> Iterator[Section]:
    compared = (
        f"{summary['decisions']:,} decisions and {summary['transactions']:,} transactions of {summary['lanes']} lanes:"
        " every output record and every state was compared byte for byte."
    )
    said = (compared, erased_text(summary), at_work_text(summary))
    yield Section("What was compared", [text for text in said if text])
    for lane in summary["wrong"]:
        figures = ", ".join(f"{name} {n:,}" for name, n in lane["figures"].items() if n)
        rows = [
            (one["topic"], one["id"], one["lead_id"], name, sides["recorded"], sides["now"])
            for one in lane["examples"]
            for name, sides in one["fields"].items()
        ]
        table = Table(("topic", "record", "lead", "field", "recorded", "now"), rows)
        yield Section(f"Lane {lane['lane']}", [lane["broken"] or figures], [table])


def _changed(summary: Mapping[str, Any]) -> Iterator[Section]:
    yield Section("In short", tables=[Table(("", ""), list(_short(summary)))])
    yield Section("What changes", *_changes(summary))
    yield Section("Why decisions differ", *_causes(summary))
    yield _tiers(summary["tiers"])
    yield from _people(summary)
    yield _gate(summary)
    yield _labels(summary["labels"])
    yield _fairness(summary["fairness"])
    yield Section(
        "Examples",
        ["leadlane explain DECISION says what was known when it was made."],
        [_examples(kept, aspect) for aspect, kept in summary["examples"].items()],
    )
    yield Section("To be known", summary["assumptions"])


def _short(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an approver looks at first."""
    decisions, tiers, labels = summary["decisions"], summary["tiers"], summary["labels"]
    yield f"{summary['differences']:,}", f"of {decisions['recorded']:,} decisions differ"
    yield f"{tiers['moved']:,}", f"of {tiers['leads']:,} leads end in another tier"
    cases, spent = (
        [sum(queue[side] for queue in summary[what].values()) for side in SIDES] for what in ("cases", "hours")
    )
    yield f"{cases[1] - cases[0]:+,}", f"cases for people ({cases[0]:,} before)"
    yield f"{spent[1] - spent[0]:+.1f} h", f"of people's time ({spent[0]:.1f} h before)"
    kept = [percent(_attained(summary["sla"], side)) for side in SIDES]
    yield f"{kept[0]} to {kept[1]}", "of deadlines kept, predicted before and after"
    wrong = [labels[side]["false_accepts"] + labels[side]["false_suppresses"] for side in SIDES]
    yield f"{wrong[1] - wrong[0]:+,}", f"false accepts and suppresses, of {labels['leads']:,} labelled leads"


def _attained(sla: Mapping[str, Any], side: str) -> float | None:
    met = sum(queue[side]["met"] for queue in sla.values())
    every = met + sum(queue[side]["missed"] for queue in sla.values())
    return met / every if every else None


def _changes(summary: Mapping[str, Any]) -> tuple[list[str], list[Table]]:
    model = summary["tried"]["model"]
    said = [f"Model {model} decides instead of {summary['recorded']['model']}."] if model else []
    if not summary["changes"]:
        return [*said, "The policy stays as it is."], []
    return said, [Table(("of the policy",), [(change,) for change in summary["changes"]])]


def _causes(summary: Mapping[str, Any]) -> tuple[list[str], list[Table]]:
    rows = [(one["aspect"], one["decisions"], one["cause"]) for one in summary["causes"]]
    if not rows:
        return ["No decision differs."], []
    said = "Decisions at which a difference began. Later ones that only follow from it are not counted here."
    return [said], [Table(("what differs", "decisions", "because of"), rows)]


def _tiers(tiers: Mapping[str, Any]) -> Section:
    """Leads by tier, and from which to which they move."""
    names = list(tiers["before"])
    moved = {(move["from"], move["to"]): move["leads"] for move in tiers["moves"]}
    stayed = {name: tiers["before"][name] - sum(moved.get((name, other), 0) for other in names) for name in names}
    rows = [(old, *(stayed[old] if old == new else moved.get((old, new), 0) for new in names)) for old in names]
    leads = {word: list(tiers[side].values()) for word, side in zip(WORDS, ("before", "after"), strict=True)}
    return Section(
        "Leads that move between tiers",
        tables=[Table(("before in rows, after in columns", *names), rows), _examples(tiers["examples"], "")],
        plots=[Plot("Leads by tier at the end", bars(names, leads, "leads"))],
    )


def _people(summary: Mapping[str, Any]) -> Iterator[Section]:
    """Cases, hours, deadlines."""
    queues = [name for name, cases in summary["cases"].items() if cases["recorded"] or cases["replayed"]]
    cases, spent, sla = (summary[what] for what in ("cases", "hours", "sla"))
    conditions = [
        (queue, condition, n["recorded"], n["replayed"])
        for queue in queues
        for condition, n in cases[queue]["by_condition"].items()
        if n["recorded"] != n["replayed"]
    ]
    rows = [(queue, *(cases[queue][name] for name in (*SIDES, "extra", "fewer"))) for queue in queues]
    yield Section(
        "Cases for people",
        tables=[
            Table(("queue", "before", "after", "extra", "fewer"), rows),
            Table(("queue", "opened by", "before", "after"), conditions, "where the number differs"),
        ],
        plots=[Plot("Cases by queue", bars(queues, _sides(cases, queues), "cases"))] if queues else [],
    )
    minutes = [(queue, *(spent[queue][name] for name in (*SIDES, "minutes_per_case", "source"))) for queue in queues]
    yield Section(
        "Hours of people",
        tables=[Table(("queue", "before", "after", "minutes per case", "where they come from"), minutes)],
        plots=[Plot("Hours by queue", bars(queues, _sides(spent, queues), "hours"))] if queues else [],
    )
    said = (
        "Predicted with the roster, by the same simulation before and after. Compare the two predictions with each"
        " other; the first next to what became of the cases says how far they can be trusted."
    )
    shares = [(queue, *(percent(sla[queue][side]["share"]) for side in ("actual", *SIDES))) for queue in queues]
    drawn = {
        word: [100 * (sla[queue][side]["share"] or 0.0) for queue in queues]
        for word, side in zip(("what became of them", *WORDS), ("actual", *SIDES), strict=True)
    }
    yield Section(
        "Deadlines that would be kept",
        [said],
        [Table(("queue", "what became of them", "predicted before", "predicted after"), shares)],
        [Plot("Deadlines kept by queue", bars(queues, drawn, "%"))] if queues else [],
    )


def _sides(part: Mapping[str, Any], queues: Sequence[str]) -> dict[str, list[float]]:
    return {word: [part[queue][side] for queue in queues] for word, side in zip(WORDS, SIDES, strict=True)}


def _gate(summary: Mapping[str, Any]) -> Section:
    holds = [
        (change, ", ".join(f"{kind} {n:,}" for kind, n in kinds.items()) or "none")
        for change, kinds in summary["holds"].items()
    ]
    answers = [(one["from"], one["to"], one["requests"]) for one in summary["verdicts"]]
    return Section(
        "Holds and answers to outreach",
        tables=[Table(("holds", "by kind"), holds), Table(("answer before", "after", "requests"), answers)],
    )


def _labels(labels: Mapping[str, Any]) -> Section:
    rows = [(name.replace("_", " "), n, labels["replayed"][name]) for name, n in labels["recorded"].items()]
    said = f"{labels['leads']:,} leads got a label in the window, {labels['good']:,} of them are good."
    return Section("On labels of the window", [said], [Table(("", "before", "after"), rows)])


def _fairness(found: Sequence[Mapping[str, Any]]) -> Section:
    if not found:
        return Section("Fairness", ["The policy declares no groups (governance.groups), so nothing is measured."])
    rows = [
        (
            f"{one['group']} = {one['value']}", one["ratio_of"], one["replayed"]["n"],
            *(_ratio(one[side]) for side in SIDES),
        )
        for one in found
    ]  # fmt: skip
    drawn = [
        Interval(f"{one['group']}={one['value']}, {one['ratio_of']}", now["ratio"], now["low"], now["high"],
                 now["verdict"] == "alarm")
        for one in found
        if (now := one["replayed"])["ratio"] is not None
    ]  # fmt: skip
    plots = [Plot("Ratios with the change; 1 is equal", intervals("Fairness ratios", drawn, LIMIT))] if drawn else []
    return Section("Fairness", tables=[Table(("group", "ratio", "n", "before", "after"), rows)], plots=plots)


def _ratio(side: Mapping[str, Any]) -> str:
    if side["ratio"] is None:
        return str(side["verdict"])
    interval = "" if side["low"] is None else f" ({side['low']:.2f} to {side['high']:.2f})"
    return f"{side['ratio']:.2f}{interval}, {side['verdict']}"


def _examples(kept: Iterable[Mapping[str, Any]], caption: str) -> Table:
    rows = [tuple(one[name] for name in ("decision_id", "lead_id", "at", "before", "after", "why")) for one in kept]
    return Table(EXAMPLE, rows, caption)
