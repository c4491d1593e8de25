"""The least that a lane can do: one packed state and one output for each event. Measures the runtime alone.

A state is due header, count and a checksum that depends on the order of the lead's events. An event that starts with
`later:<ms>` sets the lead's timer that far after its own timestamp; a due lead says so once.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

from streams.lane.job import ControlView, Job, LaneSettings
from streams.lane.processor import NEVER, Batch, JournalEntry, Outcome, OutputRecord

PACKED = struct.Struct(">QQQ")  # due, count, checksum
EMPTY = PACKED.pack(NEVER, 0, 0)
LATER = b"later:"
MASK = 0xFFFFFFFFFFFFFFFF


class Tally:
    """Counts the events of each key. The context is a prefix for the outputs."""

    def __init__(self, inputs: tuple[str, ...] = ("tally.in",), output: str = "tally.out") -> None:
        self.inputs, self.output = inputs, output

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: bytes) -> Outcome:
        changed: dict[bytes, bytes | None] = {}
        outputs: list[OutputRecord] = []
        unpack, pack = PACKED.unpack_from, PACKED.pack
        crc = zlib.crc32
        for record in batch.records:
            key, value = record.key or b"", record.value or b""
            due, count, checksum = unpack(changed.get(key) or states.get(key) or EMPTY)
            if value.startswith(LATER):
                due = record.timestamp + int(value[len(LATER) :].split(b";")[0])
            changed[key] = pack(due, count + 1, (checksum * 31 + crc(value)) & MASK)
            outputs.append(OutputRecord(key, context + b"%d " % (count + 1) + value))
        fired = 0
        for key in batch.due:
            due, count, checksum = unpack(changed.get(key) or states[key])
            if NEVER < due <= batch.now:
                fired += 1
                changed[key] = pack(NEVER, count, checksum)
                outputs.append(OutputRecord(key, context + b"%d due" % count))
        return Outcome({self.output: outputs}, changed, {"lane.tick/fired": fired} if fired else {})


def write_entry(entry: JournalEntry) -> bytes:
    return json.dumps(entry).encode()


def read_entry(packed: bytes) -> JournalEntry:
    return JournalEntry(*json.loads(packed))


def context_from(view: ControlView) -> tuple[bytes | None, list[str]]:
    """The record `prefix` of every control topic, joined; a record that is not ASCII is a problem."""
    prefixes = [records.get(b"prefix", b"") for records in view.records.values()]
    if not all(map(bytes.isascii, prefixes)):
        return None, [f"prefix is {prefixes!r}, expected ASCII"]
    return b"".join(prefixes), []


def tally_job(
    inputs: tuple[str, ...] = ("tally.in",),
    output: str = "tally.out",
    state: str = "tally.state",
    journal: str = "tally.journal",
    controls: tuple[str, ...] = (),
) -> Job:
    return Job(
        processor=Tally(inputs, output),
        build=context_from,
        write_entry=write_entry,
        read_entry=read_entry,
        controls=controls,
        outputs=(output,),
        state=state,
        journal=journal,
        chained=output,
    )


def job(settings: LaneSettings) -> Job:
    """The tally over three inputs and one control topic, all named after the app."""
    app = settings.app_id
    return tally_job(
        inputs=tuple(f"{app}.in.{n}" for n in range(3)),
        output=f"{app}.out",
        state=f"{app}.state",
        journal=f"{app}.journal",
        controls=(f"{app}.control",),
    )
