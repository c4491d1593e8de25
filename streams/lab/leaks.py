"""Features that give the answer away: the alarm that says so, and how a person lets one in again.

Law of this module: pure. `leak:<feature>` on control.alarms is on while the learner leaves the feature out. A person
who allows it writes the same alarm: over, acknowledged. The lab obeys between two examples, with a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.core import context
from streams.core.context import Stamp
from streams.lab.alarms import Alarm
from streams.lab.guard import LEAK

PREFIX = "leak:"
LONGEST_NAME = 200


def name_of(feature: str) -> str:
    """The alarm of a feature."""
    return f"{PREFIX}{feature}"[:LONGEST_NAME]


def allowance(feature: str, stamp: Stamp, standing: context.Alarm | None = None) -> context.Alarm:
    """The record by which a person lets a feature in."""
    return context.Alarm(
        **stamp._asdict(),
        name=name_of(feature),
        on=False,
        value=standing.value if standing else 0.0,
        threshold=LEAK,
        detail=f"{feature} may be learned from",
        acknowledged_by=stamp.actor,
    )


def allowed(features: Iterable[str], records: Mapping[str, context.Alarm]) -> list[str]:
    """Those of these features that a person has let in, in order."""
    return sorted(feature for feature in features if is_allowance(records.get(name_of(feature))))


def is_allowance(record: context.Alarm | None) -> bool:
    return record is not None and record.name.startswith(PREFIX) and not record.on and bool(record.acknowledged_by)


def alarms_of(left_out: Mapping[str, float], now: int) -> dict[str, Alarm]:
    """The alarms of features that the learner leaves out (feature -> AUC)."""
    return {
        name_of(feature): Alarm(
            name=name_of(feature),
            on=True,
            value=auc,
            threshold=LEAK,
            detail=f"{feature} alone separates outcomes with AUC {auc:.3f}: filled in afterwards? Left out;"
            f" `leadlane model allow {feature}` lets it in",
            since=now,
            seen_at=now,
        )
        for feature, auc in left_out.items()
    }
