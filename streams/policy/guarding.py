"""The rows that the capacity guard may hold back, with thresholds that move in place of the values as written.

Law of this module: only rows that send to people are guarded: human tiers, and conditions whose effect is `human`.
Never those that say `sheds: false`, nor those of the queues in `guard.never`: in them every value stays as written,
also where they name a tier. Elsewhere is_<TIER> stands for the tier as its own queue moves it.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.fact_table import FACT
from streams.core.guard import Threshold
from streams.policy.document import Condition, Document, Tier
from streams.policy.expressions import map_names


def is_guarded(row: Tier | Condition, document: Document) -> bool:
    """Whether the row sends to people of a queue that may shed it."""
    sends = row.human if isinstance(row, Tier) else row.effect == "human"
    return sends and row.sheds and row.queue not in document.guard.never


class Raising:
    """The document's rows over facts and thresholds. `thresholds` are those that the rows asked for so far needed."""

    def __init__(self, document: Document, macros: Mapping[str, str]) -> None:
        self._document, self._macros = document, macros
        self._tiers = {f"is_{tier.id}": at for at, tier in enumerate(document.tiers)}
        self._values = document.values.model_dump()
        self.thresholds: dict[str, Threshold] = {}

    def row(self, row: Tier | Condition) -> str:
        """The expression of a row; a threshold is a name like hot_score$sales, which no fact or value can have."""
        return f"({self._of(row.when, row)})" if is_guarded(row, self._document) else ""

    def _of(self, when: str, row: Tier | Condition) -> str:
        return map_names(when, lambda name: self._replaced(name, row))

    def _replaced(self, name: str, row: Tier | Condition) -> str:
        if name in FACT:
            return name
        if name in self._tiers:
            return f"({self._tier(self._tiers[name])})"
        per_point = self._document.guard.raises.get(name)
        if per_point is not None and is_guarded(row, self._document):
            threshold = f"{name}${row.queue}"
            self.thresholds[threshold] = Threshold(name, row.queue, self._values[name], per_point)
            return threshold
        return f"({self._of(self._macros[name], row)})"

    def _tier(self, at: int) -> str:
        """This tier and none above, each as its own queue moves it."""
        *above, own = (f"({self._of(tier.when, tier)})" for tier in self._document.tiers[: at + 1])
        return " and ".join([f"not {other}" for other in above] + [own])
