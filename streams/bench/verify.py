"""Whether a run was exactly once: everything is decided again from the journal and compared with what is there.

It is what `leadlane replay` does under unchanged versions, byte by byte and lane by lane: see streams/whatif/exact.py.
"""

from __future__ import annotations

from typing import Any

from streams.whatif.exact import SHOWN, LaneCheck
from streams.whatif.history import BrokerHistory
from streams.whatif.run import MakeJob, replay_unchanged


def verify(brokers: str, make_job: MakeJob, processes: int | None = None) -> dict[str, Any]:
    """What is wrong with a finished run: exact.FIGURES, and `differences`, which is 0 when it was exactly once.

    Nothing works any more, so a lane whose position is beyond its journal has lost an entry.
    """
    replayed = replay_unchanged(BrokerHistory(brokers), make_job, processes=processes)
    for check in replayed.wrong:
        tell(check)
    differences = replayed.differences + replayed.figures["lanes_at_work"]
    return {**replayed.figures, "differences": differences, "replay_seconds": round(replayed.seconds, 1)}


def tell(check: LaneCheck) -> None:
    """Show what is wrong with a lane, as bytes."""
    if check.broken:
        print(check.broken)
    for word, found in (("missing", check.missing), ("extra", check.extra)):
        for topic, (key, value, _, at) in found[:SHOWN]:
            print(f"lane {check.lane}: {word} in {topic} at {at}: {key!r} {value!r}")
