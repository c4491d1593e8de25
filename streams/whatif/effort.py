"""What cases cost: minutes of a person per case, by queue, and the hours that follow.

Law of this module: minutes come from what people recorded, the dwell times of a case's reviews together; a queue with
fewer than LEAST measured cases takes the minutes of all queues together, and without those the policy's
`handling_minutes`. Which it was is said with every figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

from streams.whatif.casebook import CaseLife, Handling

LEAST = 5  # measured cases of a queue
MINUTE_MS = 60_000


class Minutes(NamedTuple):
    """Of one case of a queue."""

    typical: float  # median
    measured: tuple[float, ...]  # of each case that they come from, ascending; empty: assumed
    source: str


def minutes_by_queue(
    queues: Iterable[str], cases: Iterable[CaseLife], handling: Iterable[Handling], assumed: float
) -> dict[str, Minutes]:
    """Minutes of a person for one case of each queue."""
    spent: dict[str, int] = {}
    for each in handling:
        spent[each.case_id] = spent.get(each.case_id, 0) + each.dwell_ms
    queue_of = {case.case_id: case.queue for case in cases}
    by_queue: dict[str, list[float]] = {}
    for case_id, ms in spent.items():
        if case_id in queue_of:
            by_queue.setdefault(queue_of[case_id], []).append(ms / MINUTE_MS)
    everything = sorted(minutes for found in by_queue.values() for minutes in found)
    return {queue: _of_queue(sorted(by_queue.get(queue, ())), everything, assumed) for queue in queues}


def _of_queue(own: list[float], everything: list[float], assumed: float) -> Minutes:
    if len(own) >= LEAST:
        return Minutes(median(own), tuple(own), f"median of {len(own)} cases with recorded dwell times")
    if len(everything) >= LEAST:
        return Minutes(median(everything), tuple(everything), f"median of {len(everything)} cases of all queues")
    return Minutes(assumed, (), f"assumed: handling_minutes {assumed:g} of the policy")


def hours(cases: Iterable[CaseLife], minutes: Mapping[str, Minutes]) -> dict[str, float]:
    """Hours of people by queue, for all cases that opened."""
    total: dict[str, float] = {}
    for case in cases:
        total[case.queue] = total.get(case.queue, 0.0) + minutes[case.queue].typical / 60
    return total
