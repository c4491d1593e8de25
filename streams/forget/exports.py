"""A lead taken out of an exported history; what is left still checks and is still decided again without a difference.

What came in of the lead becomes blanks in its place, as the batches must stay what they were; what went out loses key,
value and headers but for the chain's; states and open cases go. See streams/whatif/erased.py.

Law of this module: a file is replaced whole, then the manifest. After a crash in between one file does not check, and
says so: run it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from streams import topics
from streams.lane.chain import HEADER
from streams.lane.privates import Record
from streams.lane.processor import ERASED
from streams.lane.wire import Wire
from streams.privacy.fields import untouched
from streams.topics import TOPIC, Role
from streams.whatif.folder import MANIFEST, Manifest, checked, manifest_of, write_file

UNKEYED = (Role.CONTROL, Role.AUDIT, Role.KEYS)  # say nothing of a lead, or are in no export
OTHERS = frozenset({topics.JOURNAL.name, topics.STATS.name, topics.RECEIPTS.name})


def blank_export(folder: Path, lead_id: str, wire: Wire) -> int:
    """Take the lead out; how many records that were. Raises NoHistory when the folder is not whole."""
    manifest, lead, count = manifest_of(folder), lead_id.encode(), 0
    for name, facts in manifest.files.items():
        topic, _, number = name.removesuffix(".zst").rpartition("/")
        change = change_for(topic, lead, wire)
        if change is None:
            continue
        records = checked(folder / name, facts, topic, int(number))
        kept, changed = change(records)
        if not changed:
            continue
        count += changed
        new = write_file(folder / f"{name}.new", kept)
        # A replay goes on after the last offset that was read, also when that record is gone.
        manifest.files[name] = msgspec.structs.replace(new, next_offset=max(new.next_offset, facts.next_offset))
        os.replace(folder / f"{name}.new", folder / name)
        _write(folder, manifest)
    return count


def records_in(folder: Path, lead_id: str, wire: Wire) -> int:
    """How many records of the lead the folder holds."""
    manifest, lead, count = manifest_of(folder), lead_id.encode(), 0
    for name, facts in manifest.files.items():
        topic, _, number = name.removesuffix(".zst").rpartition("/")
        if (change := change_for(topic, lead, wire)) is not None:
            count += change(checked(folder / name, facts, topic, int(number)))[1]
    return count


Changed = tuple[list[Record], int]


def change_for(topic: str, lead: bytes, wire: Wire) -> Callable[[Sequence[Record]], Changed] | None:
    """What is done to the records of a topic; None: nothing."""
    about = TOPIC.get(topic)
    if about is None or about.role in UNKEYED or topic in OTHERS:
        return None
    if about.role is Role.STATE:
        return lambda records: _without(records, {lead})
    if about.compacted:
        return lambda records: _without(records, _keys_of(records, topic, lead, wire))
    return lambda records: _blanked(records, lead)


def _without(records: Sequence[Record], keys: set[bytes]) -> Changed:
    kept = [record for record in records if record.key not in keys]
    return kept, len(records) - len(kept)


def _blanked(records: Sequence[Record], lead: bytes) -> Changed:
    found = [_blank(record) if record.key == lead else record for record in records]
    return found, sum(record.key == lead for record in records)


def _blank(record: Record) -> Record:
    chain = tuple(header for header in record.headers if header[0] == HEADER)
    return Record(record.topic, record.partition, record.offset, record.timestamp, ERASED, None, chain)


def _keys_of(records: Sequence[Record], topic: str, lead: bytes, wire: Wire) -> set[bytes]:
    """The keys under which records of the lead stand, as their values say."""
    return {
        record.key
        for record in records
        if record.key is not None and record.value is not None and lead in record.value
        if getattr(wire.decode_any(topic, record.value, untouched), "lead_id", None) == lead.decode()
    }


def _write(folder: Path, manifest: Manifest) -> None:
    new = folder / f"{MANIFEST}.new"
    new.write_text(json.dumps(msgspec.to_builtins(manifest), indent=1) + "\n")
    os.replace(new, folder / MANIFEST)
