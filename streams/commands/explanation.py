"""A decision as a person reads it: what came in, what was known, what held and why, what was done.

Law of this module: pure. Records in, rich renderables out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from streams.core.effects import Contribution, HoldView, Reason, RecordDecision
from streams.core.erasure import TIER as ERASED
from streams.core.events import Event

BAR_CELLS = 24  # of the longest bar
LONGEST_TEXT = 300  # characters of one value of the event
COMMON = ("event_id", "lead_id", "occurred_at", "source")
TICK = "lane.tick"
EPOCH = date(1970, 1, 1)


def render(
    decision: RecordDecision, trigger: Event | None, why_no_trigger: str = "", erased: RecordDecision | None = None
) -> RenderableType:
    """The whole explanation. `trigger` is what came in; without it `why_no_trigger` says why it is not shown.

    `erased` is the decision that erased the lead afterwards; that one itself has no score and no route.
    """
    if decision.tier == ERASED:
        return Group(
            _erasure(decision, "The lead was erased"),
            *_section("What came in", _trigger(decision, trigger, why_no_trigger)),
            *_section("What was done", _effects(decision.effects)),
        )
    parts: list[RenderableType] = [
        *([_erasure(erased, f"Lead {decision.lead_id} has been erased")] if erased else []),
        _headline(decision),
        *_section("What came in", _trigger(decision, trigger, why_no_trigger)),
        *_section("Conditions that held", _conditions(decision.conditions)),
        *(_section("Capacity guard", _guards(decision)) if decision.guards or decision.held_back else ()),
        *_section("Score", _score(decision)),
        *_section("Holds", _holds(decision.holds_before, decision.holds_after)),
        *_section("Route", _route(decision)),
        *_section("What was done", _effects(decision.effects)),
        *_section("What was known", _facts(decision)),
        *_section("Versions", _versions(decision)),
    ]
    return Group(*parts)


def one_line(decision: RecordDecision) -> str:
    """The decision in one line, for lists and the demo."""
    why = ", ".join(map(named, decision.conditions)) or "no condition"
    done = "; ".join(decision.effects) or "only recorded"
    return f"{decision.decision_id}  {decision.lead_id}  {decision.tier}  [{why}]  {done}"


def named(reason: Reason) -> str:
    """A condition by id and code; a tier that sends to people has the same for both."""
    return reason.code if reason.code == reason.condition else f"{reason.condition} {reason.code}"


def time_text(at: int) -> str:
    """A time for people: UTC, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _section(title: str, body: RenderableType) -> Iterable[RenderableType]:
    return (Text(), Rule(Text(title, style="bold"), align="left", style="dim"), body)


def _headline(decision: RecordDecision) -> Text:
    who = "a person comes first" if decision.human else "stays automatic"
    text = Text.assemble(("Decision ", "bold"), (decision.decision_id, "bold cyan"), f" for lead {decision.lead_id}, ")
    return text.append(f"{time_text(decision.now)}: {decision.tier}, {who}")


def _erasure(erased: RecordDecision, what: str) -> Text:
    """By whom, when and why."""
    by = erased.conditions[0].detail if erased.conditions else ""
    return Text(f"{what} {time_text(erased.now)} {by} (decision {erased.decision_id})", style="bold yellow")


def _trigger(decision: RecordDecision, trigger: Event | None, why_not: str) -> RenderableType:
    if decision.topic == TICK:
        return Text("Nothing: a timer of the lead was due.")
    where = f"{decision.topic}[{decision.partition}]@{decision.offset}"
    if trigger is None:
        return Text(f"event {decision.event_id} at {where}. {why_not}".strip())
    rows = [
        (type(trigger).__name__, f"{trigger.event_id} from {trigger.source}, at {where}"),
        ("occurred_at", time_text(trigger.occurred_at)),
    ]
    stated = ((name, value) for name, value in msgspec.to_builtins(trigger).items() if name not in COMMON)
    rows += [(name, _stated(name, value)) for name, value in stated if value not in (None, "", [], {})]
    return _pairs(rows)


def _conditions(reasons: Sequence[Reason]) -> RenderableType:
    if not reasons:
        return Text("None.")
    table = _table()
    for reason in reasons:
        table.add_row(Text(reason.condition, style="bold"), reason.code, Text(f"because {reason.detail}"))
    return table


def _guards(decision: RecordDecision) -> RenderableType:
    lines = [
        f"{queue} has more open cases than its people can hold: its thresholds stood {points:g} points higher."
        for queue, points in sorted(decision.guards.items())
    ]
    if decision.held_back:
        lines.append(f"Held back for that, until there is room: {', '.join(decision.held_back)}.")
    else:
        lines.append("That changed nothing for this lead.")
    return Text("\n".join(lines))


def _score(decision: RecordDecision) -> RenderableType:
    total = Text(f"{decision.score:.1f} of 100, confidence {decision.confidence:.2f}")
    if 0 < decision.score < 100:  # at the ends the sum may have gone beyond
        total.append(f", from a base of {decision.score - sum(part.points for part in decision.contributions):.1f}")
    if not decision.contributions:
        return total
    most = max(abs(part.points) for part in decision.contributions) or 1.0
    table = _table()
    for part in decision.contributions:
        table.add_row(
            Text(part.feature), f"{part.value:g}", Text(f"{part.points:+.1f}", justify="right"), _bar(part, most)
        )
    return Group(total, table)


def _bar(part: Contribution, most: float) -> Text:
    cells = round(abs(part.points) / most * BAR_CELLS)
    if part.points < 0:
        return Text(" " * (BAR_CELLS - cells) + "█" * cells + "│", style="red")
    return Text(" " * BAR_CELLS + "│" + "█" * cells, style="green")


def _holds(before: Sequence[HoldView], after: Sequence[HoldView]) -> RenderableType:
    if not before and not after:
        return Text("None before, none after.")
    table = _table()
    ids_before, ids_after = {hold.hold_id for hold in before}, {hold.hold_id for hold in after}
    for hold in (*after, *(gone for gone in before if gone.hold_id not in ids_after)):
        change = "lifted" if hold.hold_id not in ids_after else "stays" if hold.hold_id in ids_before else "set"
        style = {"set": "yellow", "lifted": "green"}.get(change, "")
        origin = Text(f"by event {hold.origin}")
        table.add_row(Text(change, style=style), hold.kind, _until(hold), origin)
    return table


def _until(hold: HoldView) -> str:
    return "until lifted" if hold.until is None else f"until {time_text(hold.until)}"


def _route(decision: RecordDecision) -> RenderableType:
    tier = (
        decision.tier if decision.tier_before in (None, decision.tier) else f"{decision.tier_before} -> {decision.tier}"
    )
    rows = [
        ("tier", tier + ("" if decision.tier_before else " (new)")),
        ("queue", decision.queue),
        ("owner", decision.owner or "nobody: overflow queue"),
        ("human", "yes" if decision.human else "no"),
    ]
    if decision.explore:
        rows.append(("explored", f"yes, with probability {decision.propensity:g}"))
    return _pairs(rows)


def _effects(effects: Sequence[str]) -> RenderableType:
    return Text("\n".join(f"- {effect}" for effect in effects) or "Nothing but this record.")


def _facts(decision: RecordDecision) -> RenderableType:
    """What the policy read; the record leaves out what stood at its default."""
    told = _pairs((name, _shown(value)) for name, value in sorted(decision.facts.items()))
    return Group(told, Text("All other facts had nothing to say: see docs/reference/policy-facts.md.", style="dim"))


def _versions(decision: RecordDecision) -> RenderableType:
    return _pairs(
        [
            ("policy", f"{decision.policy_version} ({decision.policy_hash[:12]})"),
            ("model", decision.model_version),
            *_predictions(decision),
            ("lane", f"{decision.partition}, decision {decision.lane_seq}"),
        ]
    )


def _predictions(decision: RecordDecision) -> Iterable[tuple[str, str]]:
    """What each model with a role says; the one that decided is named above."""
    for version, probability in sorted(decision.predictions.items()):
        yield f"{version} says", f"{probability:.1%} likely to be a good lead"


def _pairs(rows: Iterable[tuple[str, str]]) -> Table:
    table = _table()
    for name, value in rows:
        table.add_row(Text(name, style="dim"), Text(value, overflow="fold"))
    return table


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))


def _stated(name: str, value: Any) -> str:
    """A field of the event: times and dates as people write them."""
    if isinstance(value, int) and name.endswith("_at"):
        return time_text(value)
    if isinstance(value, int) and name.endswith("_on"):
        return f"{EPOCH + timedelta(days=value):%Y-%m-%d}"
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "-" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}... ({len(text):,} characters)"
