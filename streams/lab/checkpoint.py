"""What the lab knows, as records of lab.state: one for a small checkpoint, a header and its parts for a large one.

Law of this module: pure. A checkpoint holds the next offset of every input together with all that was learned before
it, so whoever goes on from one has neither missed nor doubled an example. A checkpoint that is not whole is not one:
the newest whole one counts.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec
import zstandard

from streams.errors import LeadlaneError
from streams.lane.processor import OutputRecord

FORMAT = 1
PART_BYTES = 700_000  # of one record: well below what a broker takes by default
MOST_PARTS = 10_000
LEVEL = 3
Places = dict[str, dict[int, int]]  # topic -> partition -> next offset


class BadCheckpoint(LeadlaneError):
    """lab.state holds checkpoints, but none that this version can read."""

    exit_code = 6


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the lab needs to go on."""

    line: str
    seq: int  # of the checkpoint, in its line
    next: Places
    learned: bytes  # streams/lab/learning.py
    governed: bytes  # streams/lab/governance.py
    occupied: bytes  # streams/lab/capacity.py
    format: int = FORMAT
    forgotten: dict[bytes, int] = {}  # streams/lab/forgetting.py


class Header(msgspec.Struct, frozen=True):
    """The record under the line's own key."""

    seq: int
    parts: int  # records that follow under keys of their own; 0: `body` is all
    sha256: str  # of the whole body
    body: bytes = b""


class Written(NamedTuple):
    """Records of one checkpoint, to be committed together, and how many of them are parts."""

    records: list[OutputRecord]
    parts: int


def records_of(checkpoint: Checkpoint, parts_before: int = 0) -> Written:
    """The checkpoint's records; parts that its predecessor had and it has not are deleted."""
    body = zstandard.ZstdCompressor(LEVEL).compress(msgspec.msgpack.encode(checkpoint))
    sha256 = hashlib.sha256(body).hexdigest()
    line = checkpoint.line
    if len(body) <= PART_BYTES:
        parts: list[bytes] = []
        header = Header(checkpoint.seq, 0, sha256, body)
    else:
        parts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
        header = Header(checkpoint.seq, len(parts), sha256)
    records = [OutputRecord(_key(line, number), part) for number, part in enumerate(parts)]
    records += [OutputRecord(_key(line, number), None) for number in range(len(parts), parts_before)]
    records.append(OutputRecord(line.encode(), msgspec.msgpack.encode(header)))
    return Written(records, len(parts))


class Search:
    """Finds the newest whole checkpoint of a line: `see` every record of lab.state, in their order."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.parts: dict[bytes, bytes | None] = {}  # that may stand on the topic
        self._headers = 0
        self._whole: tuple[int, bytes] | None = None  # sequence number and body of the newest
        self._fault = "none"

    def see(self, key: bytes | None, value: bytes | None) -> None:
        if key == self.line.encode():
            if value is not None:
                self._header(value)
        elif key is not None and key.startswith(self.line.encode() + b"/"):
            self.parts[key] = value

    def found(self) -> Checkpoint | None:
        """The newest; None when the line has none. Raises BadCheckpoint when none of them can be read."""
        if not self._headers:
            return None
        try:
            if self._whole is not None:
                return _read(*self._whole)
        except (msgspec.DecodeError, zstandard.ZstdError, BadCheckpoint) as error:
            self._fault = str(error)
        raise BadCheckpoint(
            f"lab.state holds {self._headers} checkpoints of line {self.line!r}, expected a whole one of format"
            f" {FORMAT}, got: {self._fault}. Start the version that wrote them, or learn anew as another line:"
            " LEADLANE_LAB_LINE."
        )

    def _header(self, value: bytes) -> None:
        self._headers += 1
        try:
            header = msgspec.msgpack.decode(value, type=Header)
        except msgspec.DecodeError as error:
            self._fault = str(error)
            return
        keys = [_key(self.line, number) for number in range(min(header.parts, MOST_PARTS))]
        body = header.body or b"".join(self.parts.get(key) or b"" for key in keys)
        if hashlib.sha256(body).hexdigest() == header.sha256:
            self._whole = header.seq, body
        else:
            self._fault = f"checkpoint {header.seq} has not the content that its header names"


def _read(seq: int, body: bytes) -> Checkpoint:
    decompressed = zstandard.ZstdDecompressor().decompress(body)
    checkpoint = msgspec.msgpack.decode(decompressed, type=Checkpoint)
    if checkpoint.format != FORMAT:
        raise BadCheckpoint(f"checkpoint {seq} has format {checkpoint.format}")
    return checkpoint


def _key(line: str, number: int) -> bytes:
    return f"{line}/{number:04d}".encode()
