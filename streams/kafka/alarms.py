"""Alarms as people answer them. Pure: what shall be written is a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from streams.core.context import Alarm, Stamp
from streams.kafka.changes import Edit


def taken_note_of(alarms: Mapping[str, Alarm], names: Collection[str], stamp: Stamp) -> Edit[Alarm] | str:
    """These alarms (all that are on unless named) with who has taken note; or why nothing is to be written.

    An alarm stays on until what it measures is well again; only whoever measures it says so.
    """
    unknown = [name for name in names if name not in alarms]
    if unknown:
        return f"expected an alarm ({', '.join(sorted(alarms)) or 'there is none'}), got {', '.join(unknown)}"
    wanted = {name: alarms[name] for name in (names or alarms)}
    open_ones = {name: alarm for name, alarm in wanted.items() if alarm.on and alarm.acknowledged_by is None}
    if not open_ones:
        return "no alarm waits for anybody"
    said = stamp._asdict()
    return Edit({name: replace(alarm, acknowledged_by=stamp.actor, **said) for name, alarm in open_ones.items()})
