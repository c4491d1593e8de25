"""What a platform said and no rule could take, kept on dead.letters as it came: the whole body, and why.

Law of this module: of the request's headers those are left out that prove who sent it. A retry of the same body is the
same letter. A letter fits the topic, whatever came.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from streams.gateway.platform import Item
from streams.gateway.receipts import Record
from streams.lane.deadletters import ID_LIMIT, TEXT_LIMIT, DeadLetter, Header
from streams.lane.wire import Wire, time_text
from streams.topics import DEAD_LETTERS, MAX_DEAD_LETTER_BYTES

NOWHERE = -1  # partition, offset and lane of what was in no topic
SECRETS = re.compile(r"authorization|cookie|signature|token|secret|password|api-?key|csrf", re.IGNORECASE)
FAULTS_SHOWN = 10
BODY_BYTES = MAX_DEAD_LETTER_BYTES - 100_000  # beside the headers of the request and the text
REMEDY = (
    "Kept in dead.letters; mend the rules (`leadlane gateway check`) or the sender, then `leadlane gateway redrive`."
)


def letter_of(
    wire: Wire,
    source: str,
    body: bytes,
    headers: Mapping[str, str],
    faults: Sequence[str],
    at: int,
    item: Item | None = None,
) -> Record:
    """The record for dead.letters. `item` is stated when it is the only one that failed."""
    topic = f"gateway/{source}"
    shown = "; ".join(faults[:FAULTS_SHOWN]) + ("" if len(faults) <= FAULTS_SHOWN else f"; and {len(faults)} in all")
    if len(body) > BODY_BYTES:  # a mail with attachments: Kafka would refuse it for ever
        shown = f"only {BODY_BYTES:,} of {len(body):,} bytes are kept here; {shown}"
    letter = DeadLetter(
        topic=topic,
        partition=NOWHERE,
        offset=NOWHERE,
        timestamp=at,
        key=None,
        value=body[:BODY_BYTES],
        headers=kept(headers),
        error_class="UnmappableItem",
        error_text=f"{topic}: {shown}. {REMEDY}"[:TEXT_LIMIT].encode(errors="backslashreplace").decode(),
        failed_at=at,
        lane=NOWHERE,
        event_id=None if item is None else f"{source}:{item.id}"[:ID_LIMIT],
    )
    name = f"{source}:{hashlib.sha256(body).hexdigest()[:32]}/DeadLetter"
    return Record(name, DEAD_LETTERS.name, None, wire.encode(letter), headers_of(name, source, "DeadLetter", at))


def kept(headers: Mapping[str, str]) -> tuple[Header, ...]:
    """The request's headers without those that prove who sent it."""
    return tuple(
        Header(name, value.encode(errors="surrogateescape"))
        for name, value in headers.items()
        if not SECRETS.search(name)
    )


def headers_of(name: str, source: str, record: str, at: int) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a record that the gateway writes for itself."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", name.encode()),
        ("ce_source", b"/" + source.encode()),
        ("ce_type", b"leadlane." + record.encode()),
        ("ce_time", time_text(at).encode()),
    ]
