"""Streams of leads with outcomes, made by seed: what a learner is tried on."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

Lead = tuple[dict[str, float | str], bool]


def leads(
    count: int, seed: int = 1, *, rate: float = -1.5, companies: int = 40, missing: float = 0.15
) -> Iterator[Lead]:
    """Leads whose outcome depends on a bent number, a heavy-tailed one, a category and a company."""
    draw = random.Random(seed)
    effects = {f"company {n}": draw.gauss(0, 0.8) for n in range(companies)}
    for n in range(count):
        age, amount = float(draw.randrange(18, 90)), draw.lognormvariate(8, 2)
        origin, company = draw.choice(["web", "ad", "referral"]), draw.choice(list(effects))
        logit = rate + (1.5 if 30 <= age < 45 else -0.3) + 0.4 * (math.log(amount) - 8)
        logit += (0.9 if origin == "referral" else 0.0) + effects[company]
        lead: dict[str, float | str] = {
            "age": age, "amount": amount, "origin": origin, "company": company, "noise": draw.random(),
            "id": f"lead-{n}",
        }  # fmt: skip
        known = {name: value for name, value in lead.items() if name == "id" or draw.random() >= missing}
        yield known, draw.random() < 1 / (1 + math.exp(-logit))
