"""What a lane does, counted by minute and declared group: from decisions to the WindowStats of a window.

Law of this module: exactly once, and the same when decided again. The counts of a window that goes on lie in the lane's
own state (processor.STATISTICS) and are committed with the batch that they count; its timer is the end of the window,
so that it goes out even when nothing comes any more. Time is the lane's clock. Nothing here may fail: what is counted
has been decided already. docs/reference/governance.md says what each count means.

Next: streams/lane/store.py
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from streams.core.context import Context
from streams.core.effects import (
    AnswerRequest,
    CommandCadence,
    Effect,
    EmitExample,
    HoldView,
    RecordDecision,
    RouteLead,
    UpdateCase,
)
from streams.core.groups import group_of
from streams.core.policy import CompiledPolicy
from streams.core.roles import RULES
from streams.core.state import LeadState
from streams.core.windows import BINS, EVERYBODY, OTHER, WindowStats, wait_bin
from streams.lane.processor import due_at

LAYOUT: Final = 1  # of the packed counts
WINDOW_MS: Final = 60_000
MOST_VALUES: Final = 20  # of one group in one window; more are OTHER
BIN_POINTS: Final = 100 / BINS
BREACHES: Final = frozenset({"breached", "escalated_150", "escalated_200"})
BY_PEOPLE: Final = frozenset({"approved", "rejected", "overridden"})
OPT_OUTS: Final = frozenset({"unsubscribe", "complaint", "objection", "erasure"})  # kinds of hold that a lead asks for
SLA_BREACHED: Final = "SLA_BREACHED"
NOBODY: Final[frozenset[str]] = frozenset()


class Tally:
    """The counts of all leads, or of those of one group."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.scores: list[int] = [0] * BINS
        self.sums: dict[str, float] = {}

    def add(self, names: Iterable[str]) -> None:
        counts = self.counts
        for name in names:
            counts[name] = counts.get(name, 0) + 1

    def sum(self, name: str, amount: float) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + amount


class Window:
    """The counts of one window of a lane."""

    def __init__(self, packed: bytes | None, now: int) -> None:
        """The window that `packed` holds; an empty one around `now` when there is none in our layout."""
        self.start = now - now % WINDOW_MS
        self.is_changed = False
        self.everybody = Tally()
        self.tallies: dict[tuple[str, str], Tally] = {(EVERYBODY, ""): self.everybody}
        self._values: dict[str, int] = {}  # how many of each group
        if packed is not None:
            self._unpack(packed)

    def packed(self) -> bytes:
        """As it is kept: due at its end. Names stand once, and a count is two small numbers."""
        names: dict[str, int] = {}
        rows = [
            [*group, _pairs(names, tally.counts), tally.scores if any(tally.scores) else [], _pairs(names, tally.sums)]
            for group, tally in self.tallies.items()
        ]
        return (self.start + WINDOW_MS).to_bytes(8, "big") + _encode([LAYOUT, self.start, list(names), rows])

    def _unpack(self, packed: bytes) -> None:
        layout, *rest = _decode(memoryview(packed)[8:])
        if layout != LAYOUT:  # of another version of Leadlane: a minute of counts is not worth a lane that stands still
            return
        self.start, names, rows = rest
        for group, value, counts, scores, sums in rows:
            tally = self._tally(group, value)
            tally.counts = {names[at]: count for at, count in zip(counts[::2], counts[1::2], strict=True)}
            tally.sums = {names[at]: amount for at, amount in zip(sums[::2], sums[1::2], strict=True)}
            if scores:
                tally.scores = scores

    def _tally(self, group: str, value: str) -> Tally:
        tally = self.tallies.get((group, value))
        if tally is None:
            known = self._values.get(group, 0)
            if known >= MOST_VALUES and value != OTHER:
                return self._tally(group, OTHER)
            self._values[group] = known + (value != OTHER)
            tally = self.tallies[group, value] = Tally()
        return tally

    def add(self, name: str, count: int) -> None:
        """So many more for everybody."""
        self.is_changed = True
        counts = self.everybody.counts
        counts[name] = counts.get(name, 0) + count

    def since(self, before: Mapping[str, int]) -> dict[str, int]:
        """What has come to everybody's counts since they were `before`."""
        return {name: more for name, n in self.everybody.counts.items() if (more := n - before.get(name, 0)) > 0}

    def count(
        self,
        state: LeadState,
        effects: Sequence[Effect],
        untaken: frozenset[str],
        context: Context,
        arrived_at: int | None = None,
    ) -> None:
        """Count what a decision did.

        `untaken`: the cases that nobody had taken before it. `arrived_at`: when its event came to Kafka; None: a timer.
        """
        names: list[str] = []
        closed: set[str] = set()
        tallies = [self.everybody, *self._groups(state, context.policy.governance.groups)]
        self.is_changed = True
        for effect in effects:
            kind = type(effect)
            if kind is RouteLead:
                _count_route(effect, names, tallies, context)  # type: ignore[arg-type]
            elif kind is UpdateCase:
                _count_case(effect, names, closed, untaken, tallies)  # type: ignore[arg-type]
            elif kind is CommandCadence:
                _count_order(effect, names, arrived_at)  # type: ignore[arg-type]
            elif kind is AnswerRequest:
                names.append("verdict:" + effect.verdict)  # type: ignore[attr-defined]
            elif kind is RecordDecision:
                _count_decision(effect, effects, names)  # type: ignore[arg-type]
            elif kind is EmitExample:
                self._count_example(effect)  # type: ignore[arg-type]
        for tally in tallies:
            tally.add(names)

    def _groups(self, state: LeadState, groups: tuple[str, ...]) -> list[Tally]:
        return [self._tally(group, group_of(state, group)) for group in groups] if groups else []

    def _count_example(self, example: EmitExample) -> None:
        """By the groups as they stood at the decision that is judged."""
        names = _example_names(example)
        self.everybody.add(names)
        for group, value in example.groups.items():
            self._tally(group, value).add(names)

    def stats(self, lane: int, context: Context) -> list[WindowStats]:
        """What goes out at the end of the window: everybody first, then the groups in the order of their names."""
        return [
            WindowStats(
                lane=lane,
                window_start=self.start,
                window_ms=WINDOW_MS,
                group=group,
                value=value,
                policy_version=context.policy.version,
                model_version=context.models.version,
                counts=dict(sorted(tally.counts.items())),
                scores=tuple(tally.scores),
                sums=dict(sorted(tally.sums.items())),
            )
            for (group, value), tally in sorted(self.tallies.items(), key=_place)
        ]


def window_of(packed: bytes | None, now: int) -> tuple[Window, Window | None]:
    """The window that `now` falls into, and the one before it if that has ended and must go out."""
    if packed is None or now < due_at(packed):
        return Window(packed, now), None
    return Window(None, now), Window(packed, now)


def untaken(state: LeadState) -> frozenset[str]:
    """The open cases that nobody has taken."""
    return frozenset(case.case_id for case in state.cases if case.claimed_by is None)


def _count_route(route: RouteLead, names: list[str], tallies: list[Tally], context: Context) -> None:
    names += _route_names(route.tier, route.human, route.explore, context.policy)
    names.append(_judge(route.model_version, context))
    at = min(BINS - 1, max(0, int(route.score / BIN_POINTS)))
    for tally in tallies:
        tally.scores[at] += 1
        tally.sum("score", route.score)


@lru_cache(maxsize=256)
def _route_names(tier: str, human: bool, explore: bool, policy: CompiledPolicy) -> tuple[str, ...]:
    flags = (("selected", tier in policy.selected), ("human", human), ("explore", explore))
    return ("routed", f"tier:{tier}", *(name for name, holds in flags if holds))


def _judge(version: str, context: Context) -> str:
    """Whose score it was."""
    if version == RULES:
        return "by:rules"
    challenger = context.models.challenger
    return "by:challenger" if challenger is not None and challenger.version == version else "by:champion"


def _count_order(order: CommandCadence, names: list[str], arrived_at: int | None) -> None:
    names.append("cadence:" + order.command)
    if arrived_at is not None and order.command == "stop" and order.reason in OPT_OUTS:
        names.append(f"opt_out:{wait_bin(order.issued_at - arrived_at)}")


def _count_case(
    case: UpdateCase, names: list[str], closed: set[str], untaken: frozenset[str], tallies: list[Tally]
) -> None:
    if case.version == 1 and case.change.startswith("opened"):
        names.append("opened:" + case.queue)
    decided = case.status == "closed" and case.end in BY_PEOPLE
    if case.case_id in untaken and (decided or case.change.startswith("claimed by ")):
        names.append("taken")
        names.append(f"wait:{wait_bin(case.changed_at - case.opened_at)}")
        for tally in tallies:
            tally.sum("to_human_ms", case.changed_at - case.opened_at)
    if _falls_due(case) and f"late/{case.case_id}" not in closed:
        closed.add(f"late/{case.case_id}")
        names.append(f"due:{case.queue}:late")
    # A refusal shows the case that the same decision has closed once more; an answer about no case has no end.
    if case.status != "closed" or case.end is None or case.case_id in closed:
        return
    closed.add(case.case_id)
    names.append("closed:" + case.end)
    if case.end == "overridden":
        names.append("overridden:" + case.tier)
    if case.sla_state == "met" or case.sla_state in BREACHES:
        names.append(f"sla:{case.sla}:{'met' if case.sla_state == 'met' else 'breached'}")
        if case.sla_state == "met":
            names.append(f"due:{case.queue}:met")


def _falls_due(case: UpdateCase) -> bool:
    """Whether this change is the one that a deadline passed with; the text first, most changes say nothing of it."""
    return "breached " in case.change and any(
        reason.code == SLA_BREACHED and reason.at == case.changed_at for reason in case.reasons
    )


def _count_decision(decision: RecordDecision, effects: Sequence[Effect], names: list[str]) -> None:
    names.append("decisions")
    if decision.tier_before is None and any(type(effect) is RouteLead for effect in effects):
        names.append("first")
    before, after = decision.holds_before, decision.holds_after
    if before or after:
        names += ["hold:set"] * _more(before, after) + ["hold:lifted"] * _more(after, before)


def _more(holds: tuple[HoldView, ...], others: tuple[HoldView, ...]) -> int:
    """How many of the others are none of these."""
    known = {hold.hold_id for hold in holds}
    return sum(hold.hold_id not in known for hold in others)


def _example_names(example: EmitExample) -> list[str]:
    flags = (
        ("example", True),
        ("example:positive" if example.label else "example:negative", True),
        ("example:provisional", example.provisional),
        ("example:correction", example.supersedes is not None),
        ("example:selected", example.selected),
        ("example:explore", example.explore),
        ("example:audit", example.audit),
        ("false_accept", example.selected and not example.label),
        ("false_accept:provisional", example.selected and not example.label and example.provisional),
        ("false_suppress", not example.selected and example.label),
        ("false_suppress:explore", not example.selected and example.label and example.explore),
        ("false_suppress:audit", not example.selected and example.label and example.audit),
    )
    return [name for name, holds in flags if holds]


def _place(item: tuple[tuple[str, str], Tally]) -> tuple[bool, str, str]:
    (group, value), _ = item
    return group != EVERYBODY or value != "", group, value


def _pairs(names: dict[str, int], amounts: Mapping[str, Any]) -> list[Any]:
    """Place of the name and amount, one after the other; `names` learns those that it does not know.

    Any, so that the compiled form does not make floats of whole numbers.
    """
    pairs: list[Any] = []
    for name, amount in amounts.items():
        pairs.append(names.setdefault(name, len(names)))
        pairs.append(amount)
    return pairs


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
