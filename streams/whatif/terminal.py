"""A summary in the terminal. Law of this module: pure; it shows what the summary says and computes only shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

SHOWN = 3  # examples of each kind
MOST_CHANGES = 20


def shown(summary: Mapping[str, Any]) -> RenderableType:
    return Group(*(_unchanged(summary) if summary["mode"] == "unchanged" else _changed(summary)))


def _unchanged(summary: Mapping[str, Any]) -> Iterable[RenderableType]:
    differ = summary["differences"]
    yield Text(
        f"{summary['events']:,} events, {summary['decisions']:,} decisions, {summary['transactions']:,} transactions of"
        f" {summary['lanes']} lanes decided again in {summary['seconds']:.1f} s ({_rate(summary)} events/s)"
    )
    for said in (erased_text(summary), at_work_text(summary)):
        if said:
            yield Text(said)
    yield Text(f"differences: {differ:,}", style="bold red" if differ else "bold green")
    for lane in summary["wrong"]:
        figures = ", ".join(f"{name} {n:,}" for name, n in lane["figures"].items() if n)
        yield Text(f"lane {lane['lane']}: {lane['broken'] or figures}", style="red")
        for one in lane["examples"][:SHOWN]:
            yield Text(f"  {one['topic']} {one['id']} of {one['lead_id']}, {one['at']}")
            for name, sides in one["fields"].items():
                yield Text(f"    {name}: recorded {sides['recorded']}, now {sides['now']}")


def _changed(summary: Mapping[str, Any]) -> Iterable[RenderableType]:
    yield Text(headline(summary), style="bold")
    yield Text(
        f"{summary['events']:,} events of {summary['lanes']} lanes in {summary['seconds']:.1f} s"
        f" ({_rate(summary)} events/s); from {summary['from'] or 'the beginning'} to {summary['to'] or 'the end'}"
    )
    if said := erased_text(summary):
        yield Text(said)
    yield from _section("What changes", _lines(summary["changes"][:MOST_CHANGES]))
    yield from _section("Decisions that differ", _decisions(summary))
    yield from _section("Why", _causes(summary["causes"]))
    yield from _section("Leads that move between tiers", _tiers(summary["tiers"]))
    yield from _section("Cases, hours and deadlines by queue", _queues(summary))
    yield from _section("Holds", _holds(summary["holds"]))
    yield from _section("Labels of the window", _labels(summary["labels"]))
    yield from _section("Fairness", _fairness(summary["fairness"]))
    yield from _section("Examples", _examples(summary["examples"]))
    yield from _section("To be known", _lines(f"- {text}" for text in summary["assumptions"]))


def headline(summary: Mapping[str, Any]) -> str:
    """What is compared, in one line."""
    tried, recorded = summary["tried"], summary["recorded"]
    parts = [f"{what} {tried[what]} instead of {recorded[what]}" for what in ("policy", "model") if tried[what]]
    return f"{', '.join(parts)}: {summary['differences']:,} of {summary['decisions']['recorded']:,} decisions differ"


def erased_text(summary: Mapping[str, Any]) -> str:
    """What is said of erased leads; nothing when there are none."""
    if not summary.get("erased"):
        return ""
    left_out = summary.get("windows_left_out")
    windows = f"; {left_out:,} minutes of statistics are not comparable for it" if left_out else ""
    return f"{summary['erased']:,} events and timers of erased leads were not decided again{windows}."


def at_work_text(summary: Mapping[str, Any]) -> str:
    """What is said of lanes that went on meanwhile; nothing when none did."""
    lanes = summary.get("lanes_at_work")
    which = "1 lane" if lanes == 1 else f"{lanes} lanes"
    return f"{which} went on meanwhile: compared up to when this began, states not at all." if lanes else ""


def _rate(summary: Mapping[str, Any]) -> str:
    return f"{summary['events'] / summary['seconds']:,.0f}" if summary["seconds"] else "-"


def _section(title: str, body: RenderableType | None) -> Iterable[RenderableType]:
    if body is not None:
        yield from (Text(), Rule(Text(title, style="bold"), align="left", style="dim"), body)


def _lines(lines: Iterable[str]) -> RenderableType | None:
    found = list(lines)
    return Text("\n".join(found)) if found else None


def _decisions(summary: Mapping[str, Any]) -> RenderableType:
    decisions = summary["decisions"]
    rows = [(aspect, f"{n:,}") for aspect, n in decisions["by_aspect"].items()]
    rows += [("nothing but the score", f"{decisions['score_only']:,}")]
    rows += [("made then, not now", f"{decisions['only_recorded']:,}")]
    rows += [("made now, not then", f"{decisions['only_replayed']:,}")]
    return _table(("differs in", "decisions"), rows)


def _causes(causes: Sequence[Mapping[str, Any]]) -> RenderableType | None:
    rows = [(one["aspect"], f"{one['decisions']:,}", one["cause"]) for one in causes[:10]]
    return _table(("aspect", "decisions", "because of"), rows) if rows else None


def _tiers(tiers: Mapping[str, Any]) -> RenderableType:
    rows = [
        (name, f"{tiers['before'][name]:,}", f"{tiers['after'][name]:,}", _moves(name, tiers["moves"]))
        for name in tiers["before"]
    ]
    return _table(("tier", "before", "after", "leads that move on to"), rows)


def _moves(tier: str, moves: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{move['to']} {move['leads']:,}" for move in moves if move["from"] == tier)


def _queues(summary: Mapping[str, Any]) -> RenderableType:
    rows = []
    for queue, cases in summary["cases"].items():
        hours, sla = summary["hours"][queue], summary["sla"][queue]
        rows.append(
            (
                queue, f"{cases['recorded']:,}", f"{cases['replayed']:,}", f"+{cases['extra']:,} -{cases['fewer']:,}",
                f"{hours['recorded']:.1f}", f"{hours['replayed']:.1f}",
                *(percent(sla[side]["share"]) for side in ("actual", "recorded", "replayed")),
            )
        )  # fmt: skip
    head = ("queue", "cases then", "now", "extra, fewer", "hours then", "now", "SLA really", "simulated then", "now")
    return _table(head, rows)


def _holds(holds: Mapping[str, Mapping[str, int]]) -> RenderableType:
    told = (
        f"{change}: {', '.join(f'{kind} {n:,}' for kind, n in kinds.items()) or 'none'}"
        for change, kinds in holds.items()
    )
    return Text("\n".join(told))


def _labels(labels: Mapping[str, Any]) -> RenderableType:
    then, now = labels["recorded"], labels["replayed"]
    rows = [(name.replace("_", " "), f"{then[name]:,}", f"{now[name]:,}") for name in then]
    return Group(Text(f"{labels['leads']:,} leads, {labels['good']:,} good"), _table(("", "then", "now"), rows))


def _fairness(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not found:
        return Text("No groups are declared: governance.groups of the policy.", style="dim")
    rows = [
        (f"{one['group']}={one['value']}", one["ratio_of"], *(_ratio(one[side]) for side in ("recorded", "replayed")))
        for one in found
    ]
    return _table(("group", "ratio", "then", "now"), rows)


def _ratio(side: Mapping[str, Any]) -> str:
    if side["ratio"] is None:
        return f"{side['verdict']} (n {side['n']:,})"
    interval = f" ({side['low']:.2f} to {side['high']:.2f})" if side["low"] is not None else ""
    return f"{side['ratio']:.2f}{interval} {side['verdict']}"


def _examples(examples: Mapping[str, Sequence[Mapping[str, Any]]]) -> RenderableType | None:
    """A few of each kind, each decision once."""
    rows: dict[str, Sequence[str]] = {}
    for aspect, kept in examples.items():
        fresh = [one for one in kept if one["decision_id"] not in rows]
        for one in fresh[:SHOWN]:
            change = f"{aspect}: {one['before']} -> {one['after']}"
            rows[one["decision_id"]] = one["decision_id"], one["lead_id"], change, one["why"]
    return _table(("decision (leadlane explain)", "lead", "before -> after", "why"), rows.values()) if rows else None


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
