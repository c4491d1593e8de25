"""What becomes of the simulated leads: a truth that the pipeline does not know, told by the CRM some seconds later.

Law of this module: seeded, and time comes from the caller. The truth is in what kind of lead it is, in its account's
industry and in its department; the shipped policy scores only the first, so that there is something to learn.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from random import Random

from streams.core.effects import RouteLead
from streams.core.events import OutcomeLabel
from streams.demo.world import Lead

SECOND = 1_000
TOLD_SHARE = 0.8  # of the leads: of the others nobody says anything
TOLD_AFTER = (3 * SECOND, 25 * SECOND)
# Odds of a good lead: by kind, times those of industry and department.
ODDS = {"hot": 4.0, "nearly hot": 2.5, "vip": 1.5, "high value": 1.5, "warm": 0.45, "customer": 0.5, "cold": 0.01}
OTHER_ODDS = 0.10
BY_INDUSTRY = {"Software": 4.0, "Logistics": 3.0, "Energy": 2.0, "Media": 0.4, "Foods": 0.3, "Textiles": 0.2}
BY_DEPARTMENT = {"Operations": 2.0, "IT": 1.6, "Marketing": 0.5}


class Outcomes:
    """The CRM. `see` where leads are routed, then send what is `due`."""

    def __init__(self, seed: int, leads: Iterable[Lead], run: str) -> None:
        self._seed, self._run = seed, run
        self._odds = {lead.lead_id: odds_of(lead) for lead in leads}
        self._seen: set[str] = set()
        self._plans: list[tuple[int, str]] = []

    def is_good(self, lead_id: str) -> bool:
        """The truth about a lead; always the same."""
        odds = self._odds.get(lead_id, OTHER_ODDS)
        return self._random("is good", lead_id).random() < odds / (1 + odds)

    def see(self, route: RouteLead, now: int) -> None:
        """A lead was routed. What becomes of it is told once, later, or never."""
        if route.lead_id in self._seen:
            return
        self._seen.add(route.lead_id)
        random = self._random("told", route.lead_id)
        if random.random() < TOLD_SHARE:
            heapq.heappush(self._plans, (now + random.randint(*TOLD_AFTER), route.lead_id))

    def due(self, now: int) -> list[OutcomeLabel]:
        """What the CRM tells until `now`, in order."""
        told: list[OutcomeLabel] = []
        while self._plans and self._plans[0][0] <= now:
            at, lead_id = heapq.heappop(self._plans)
            outcome = "opportunity" if self.is_good(lead_id) else "lost"
            told.append(
                OutcomeLabel(
                    event_id=f"{self._run}-crm-{lead_id}",
                    lead_id=lead_id,
                    occurred_at=at,
                    source="crm",
                    outcome=outcome,  # type: ignore[arg-type]
                )
            )
        return told

    def _random(self, what: str, lead_id: str) -> Random:
        return Random(f"{what} {self._seed} {lead_id}")


def odds_of(lead: Lead) -> float:
    """Good to bad, of such a lead."""
    odds = ODDS.get(lead.kind.name, OTHER_ODDS) * BY_INDUSTRY.get(lead.account.industry, 1.0)
    return odds * BY_DEPARTMENT.get(lead.department, 1.0)
