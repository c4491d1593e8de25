"""Leads that asked to be forgotten: what the lab keeps of a lead's examples goes from its next checkpoint.

What the models have learned from them stays: weights and counts of all leads together. Topics are read side by side, so
an example may be read after the request though it is older: it teaches, and is not kept either.
"""

from __future__ import annotations

from hashlib import blake2b

from streams.core.effects import EmitExample
from streams.core.events import ErasureRequest

MOST = 5_000  # leads, the latest
TRACE_BYTES = 8


def trace_of(lead_id: str) -> bytes:
    """What stands for a lead in the lab's checkpoints."""
    return blake2b(lead_id.encode(), digest_size=TRACE_BYTES, person=b"leadlane.lab").digest()


class Forgotten:
    """Who was forgotten, and up to when."""

    def __init__(self, leads: dict[bytes, int] | None = None) -> None:
        self.leads = dict(leads or {})

    def remember(self, request: ErasureRequest) -> None:
        trace = trace_of(request.lead_id)
        self.leads[trace] = max(self.leads.pop(trace, 0), request.occurred_at)  # the latest stands last
        while len(self.leads) > MOST:
            del self.leads[next(iter(self.leads))]

    def covers(self, example: EmitExample) -> bool:
        """Whether the example judges a decision from before the lead was forgotten."""
        return example.decided_at <= self.leads.get(trace_of(example.lead_id), -1)
