"""Why a decision differs: the condition, threshold, hold or score that made it so.

Law of this module: a reason names what changed in the policy where a change touches the row that answers differently,
with the facts as the decision saw them; else it names what differs in what was known. It never guesses: a difference
that follows from an earlier one of the lead says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.core.effects import Contribution, RecordDecision
from streams.policy.compile import macros_of
from streams.policy.diff import Change, diff_policies
from streams.policy.document import Document
from streams.policy.expressions import names_in

SHARED = ("values.", "sampling.", "gate.")  # parts whose numbers expressions use by name
LEAST_POINTS = 0.05  # a part of a score that moved by less is not named
MOST_PARTS = 3


class Reasons:
    """What changed between two policies, by the row that it touches."""

    def __init__(self, recorded: Document | None, tried: Document | None) -> None:
        same = recorded is None or tried is None
        self.changes: tuple[Change, ...] = () if same else diff_policies(recorded, tried)  # type: ignore[arg-type]
        self._rows: dict[str, tuple[str, ...]] = {}
        for document in (recorded, tried):
            if document is not None:
                self._touch(document)

    def of_row(self, row_id: str) -> str:
        """What changed about a tier or condition, in words; empty: nothing."""
        return "; ".join(self._rows.get(row_id, ()))

    def below(self, *parts: str) -> str:
        """What changed in some parts of the policy, in words."""
        return "; ".join(_words(change) for change in self.changes if change.path.startswith(parts))

    def _touch(self, document: Document) -> None:
        texts = {tier.id: tier.when for tier in document.tiers} | {row.id: row.when for row in document.conditions}
        macros = macros_of(document)
        for row_id, when in texts.items():
            names = _reached(when, macros)
            found = [
                _words(change)
                for change in self.changes
                if _named(change) in names or re.match(rf"(tiers|conditions)\[{re.escape(row_id)}\]", change.path)
            ]
            self._rows[row_id] = tuple(dict.fromkeys((*self._rows.get(row_id, ()), *found)))


def _reached(expression: str, macros: Mapping[str, str], seen: frozenset[str] = frozenset()) -> set[str]:
    """Every name that an expression uses, also through terms and tiers."""
    names = set(names_in(expression))
    for name in names & macros.keys() - seen:
        names = names | _reached(macros[name], macros, seen | {name})
    return names


def _named(change: Change) -> str:
    """The name by which expressions use what changed; empty: they cannot."""
    if change.path.startswith(SHARED):
        return change.path.partition(".")[2]
    return change.path.removeprefix("terms.") if change.path.startswith("terms.") else ""


def _words(change: Change) -> str:
    path = change.path.removeprefix("values.")
    return f"{path} {change.old or 'not there'} -> {change.new or 'gone'}"


class Why(NamedTuple):
    """A reason for a person, and what it comes down to: the same for all leads that differ for it. May be empty."""

    text: str = ""
    cause: str = ""


def why_tier(
    reasons: Reasons, recorded: RecordDecision | None, replayed: RecordDecision | None, tiers: Iterable[str] = ()
) -> Why:
    """Why the tier differs: what changed about the rows of both tiers (`tiers`, and those decided), and the score."""
    rows = [*tiers, *(one.tier for one in (recorded, replayed) if one is not None)]
    changed = _once(reasons.of_row(row) for row in rows)
    score, held = score_facts(reasons, recorded, replayed), held_back(recorded, replayed)
    return Why(_joined(changed, score.text, held), changed or score.cause or held)


def why_conditions(reasons: Reasons, recorded: RecordDecision | None, replayed: RecordDecision | None) -> Why:
    """Why conditions differ: each that holds on one side alone, with its detail."""
    before = {one.condition: one for one in recorded.conditions} if recorded else {}
    after = {one.condition: one for one in replayed.conditions} if replayed else {}
    told: list[str] = []
    changes: list[str] = []
    rows: list[str] = []
    for row_id in [*(row for row in after if row not in before), *(row for row in before if row not in after)]:
        reason = after.get(row_id) or before[row_id]
        changed = reasons.of_row(row_id)
        verb = "holds" if row_id in after else "holds no more"
        told.append(f"{row_id} {reason.code} {verb}: {reason.detail}" + (f" ({changed})" if changed else ""))
        (changes if changed else rows).append(changed or f"{row_id} {verb}")
    held = held_back(recorded, replayed)
    return Why(_joined(*told, held), _once(changes or rows) or held)


def score_facts(reasons: Reasons, recorded: RecordDecision | None, replayed: RecordDecision | None) -> Why:
    """The score on both sides, and the parts that moved it."""
    if recorded is None or replayed is None:
        one = recorded or replayed
        return Why() if one is None else Why(f"score {one.score:.1f}")
    if abs(recorded.score - replayed.score) < LEAST_POINTS:
        return Why(f"score {replayed.score:.1f}")
    moved = "; ".join(_moved(recorded.contributions, replayed.contributions))
    text = f"score {recorded.score:.1f} -> {replayed.score:.1f}" + (f" ({moved})" if moved else "")
    if recorded.model_version == replayed.model_version:
        changed = reasons.below("score")
        return Why(_joined(text, changed), changed or "score")
    models = f"model {recorded.model_version} -> {replayed.model_version}"
    return Why(f"{text}; {models}", models)


def held_back(recorded: RecordDecision | None, replayed: RecordDecision | None) -> str:
    """What full queues held back on one side alone."""
    before, after = (set(one.held_back) if one else set() for one in (recorded, replayed))
    return f"held back by a full queue: {', '.join(sorted(before ^ after))}" if before != after else ""


def _moved(before: Iterable[Contribution], after: Iterable[Contribution]) -> list[str]:
    old, new = ({part.feature: part.points for part in parts} for parts in (before, after))
    moved = {name: new.get(name, 0.0) - old.get(name, 0.0) for name in {**old, **new}}
    largest = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))[:MOST_PARTS]
    return [f"{name} {points:+.1f}" for name, points in largest if abs(points) >= LEAST_POINTS]


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _once(texts: Iterable[str]) -> str:
    """Every statement of these texts once, in one order: what differs for the same reasons is counted together."""
    return _joined(*sorted({part for text in texts for part in text.split("; ")}))
