"""History in a folder: what `leadlane replay export` writes and `leadlane replay --history` reads without a broker.

    DIR/history.json             the manifest: format, lanes, and of each file records, next offset, bytes, sha256
    DIR/TOPIC/PARTITION.zst      zstd frames one after the other; each holds one msgpack array of records
    record                       [offset, timestamp, key or nil, value or nil, [[name, value], ...]]

The keys of sealed texts are not exported: see `kept_keys`.

Law of this module: what is read is what was written, or NoHistory says which file is not and how. A file is read frame
by frame; the manifest is written last, so that a folder without one was not finished.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import zstandard

from streams.errors import LeadlaneError
from streams.lane.job import Job
from streams.lane.lane import Position
from streams.lane.privates import Record
from streams.lane.processor import POSITION
from streams.lane.replay import BEGINNING, Start
from streams.settings import load_settings
from streams.whatif.exact import last_by_key
from streams.whatif.history import History, LaneHistory, NoHistory, Tail, key_topics, lane_history, partition_of

FORMAT = 1
MANIFEST = "history.json"
FRAME_RECORDS = 5_000
LEVEL = 3
READ_BYTES = 1 << 20

Row = tuple[int, int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Row]).decode


class FileFacts(msgspec.Struct, frozen=True):
    """What the manifest says of one file."""

    records: int
    next_offset: int  # one after the last record's
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    format: int
    leadlane: str  # version that wrote it
    processor: str  # the job whose topics these are
    lanes: int
    files: dict[str, FileFacts]  # by path below the folder


class FolderHistory(NamedTuple):
    """An exported history."""

    folder: str

    def as_of_now(self, job: Job) -> FolderHistory:
        return self

    def lanes(self, job: Job) -> int:
        return manifest_of(Path(self.folder)).lanes

    def lane(self, job: Job, number: int) -> LaneHistory:
        manifest = manifest_of(Path(self.folder))
        return lane_history(
            job,
            number,
            manifest.lanes,
            lambda topic: self._read(manifest, topic, partition_of(job, topic, number)),
            kept_keys(job, number),
        )

    def start(self, job: Job, number: int) -> Start:
        """Where a replay goes on from the exported states: the changelog is one whole transaction after the other."""
        states = last_by_key((r.key, r.value) for r in self._read(manifest_of(Path(self.folder)), job.state, number))
        packed = states.pop(POSITION, None)
        if packed is None:
            return BEGINNING
        position = msgspec.msgpack.decode(packed, type=Position)
        return Start(position.seq, position.now, position.next, states)

    def controls(self, job: Job) -> dict[str, list[Record]]:
        manifest = manifest_of(Path(self.folder))
        return {topic: self._read(manifest, topic, 0) for topic in job.controls}

    def _read(self, manifest: Manifest, topic: str, partition: int) -> list[Record]:
        name = file_name(topic, partition)
        facts = manifest.files.get(name)
        if facts is None:
            raise NoHistory(f"{self.folder}: expected {name} in {MANIFEST}, got none. Export the history again.")
        path = Path(self.folder, name)
        try:
            return checked(path, facts, topic, partition)
        except (OSError, zstandard.ZstdError, msgspec.DecodeError) as error:
            raise NoHistory(f"{path}: expected an exported topic, got {error}. Export the history again.") from error


class Continued(NamedTuple):
    """A history from the states on that were exported before: what is older need not be there any more."""

    history: History
    base: FolderHistory

    def as_of_now(self, job: Job) -> Continued:
        return self._replace(history=self.history.as_of_now(job))

    def lanes(self, job: Job) -> int:
        lanes, before = self.history.lanes(job), self.base.lanes(job)
        if lanes != before:
            raise NoHistory(f"{self.base.folder}: expected the states of {lanes} lanes, got those of {before}.")
        return lanes

    def lane(self, job: Job, number: int) -> LaneHistory:
        return self.history.lane(job, number)._replace(start=self.base.start(job, number))

    def controls(self, job: Job) -> dict[str, list[Record]]:
        return self.history.controls(job)


def kept_keys(job: Job, number: int) -> list[Record]:
    """The keys of a lane's leads, from the broker that the environment names: they are in no export.

    So what is erased there can be read in no export either. NoHistory when they cannot be had.
    """
    topics = key_topics(job)
    if not topics:
        return []
    brokers = load_settings().brokers
    try:
        with Tail(brokers) as tail:
            return [record for topic in topics for record in tail.read_whole([(topic, number)])[topic]]
    except LeadlaneError as error:
        raise NoHistory(
            f"{brokers}: expected {topics[0]}, got {error}. Personal texts are sealed, and an export has no keys: set"
            " LEADLANE_BROKERS to where they are, or unset LEADLANE_SEAL_SECRET for a history that was never sealed."
        ) from error


def export(history: History, job: Job, processor: str, folder: Path, *, only_states: bool = False) -> Manifest:
    """Write a history, or only what a later one may begin from, to a folder that holds none yet."""
    if folder.exists() and any(folder.iterdir()):
        raise NoHistory(f"{folder}: expected an empty or a new folder, got one with files. Choose another.")
    lanes = history.lanes(job)
    files: dict[str, FileFacts] = {}

    def keep(topic: str, partition: int, records: Sequence[Record]) -> None:
        files[file_name(topic, partition)] = write_file(folder / file_name(topic, partition), records)

    shared: dict[str, list[Record]] = {topic: [] for topic in job.single if not only_states}
    for number in range(lanes):
        past = history.lane(job, number)
        parts = {**past.inputs, **past.outputs, job.state: past.state, job.journal: past.journal}
        if only_states:
            parts = {job.state: past.state}
        for topic, records in parts.items():
            if topic in shared:
                shared[topic] += records
            else:
                keep(topic, number, records)
    for topic, records in shared.items():
        keep(topic, 0, sorted(records, key=lambda record: record.offset))
    for topic, records in ({} if only_states else history.controls(job)).items():
        keep(topic, 0, records)
    manifest = Manifest(FORMAT, version("leadlane"), processor, lanes, dict(sorted(files.items())))
    (folder / MANIFEST).write_text(json.dumps(msgspec.to_builtins(manifest), indent=1) + "\n")
    return manifest


def file_name(topic: str, partition: int) -> str:
    return f"{topic}/{partition}.zst"


def manifest_of(folder: Path) -> Manifest:
    """The manifest of an exported history. Raises NoHistory."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise NoHistory(
            f"{path}: expected the manifest of an exported history, got {error}. `leadlane replay export` writes one."
        ) from error
    if manifest.format != FORMAT:
        raise NoHistory(f"{path}: format is {manifest.format}, expected {FORMAT}. Export with this version.")
    return manifest


def write_file(path: Path, records: Sequence[Record]) -> FileFacts:
    path.parent.mkdir(parents=True, exist_ok=True)
    compress, digest, size = zstandard.ZstdCompressor(level=LEVEL).compress, sha256(), 0
    with path.open("wb") as file:
        for start in range(0, len(records), FRAME_RECORDS):
            frame = compress(_encode([row_of(record) for record in records[start : start + FRAME_RECORDS]]))
            digest.update(frame)
            size += file.write(frame)
    following = records[-1].offset + 1 if records else 0
    return FileFacts(len(records), following, size, digest.hexdigest())


def row_of(record: Record) -> Row:
    return record.offset, record.timestamp, record.key, record.value, tuple(record.headers)


def checked(path: Path, facts: FileFacts, topic: str, partition: int) -> list[Record]:
    """The records of a file, which must be what the manifest says."""
    packed = path.read_bytes()
    found = FileFacts(facts.records, facts.next_offset, len(packed), sha256(packed).hexdigest())
    if found != facts:
        raise NoHistory(
            f"{path}: expected {facts.bytes} bytes with sha256 {facts.sha256[:12]}, got {found.bytes} with"
            f" {found.sha256[:12]}: it was changed or is not whole. Export the history again."
        )
    return [
        Record(topic, partition, offset, timestamp, key, value, headers)  # type: ignore[arg-type]
        for rows in frames(packed)
        for offset, timestamp, key, value, headers in rows
    ]


def frames(packed: bytes) -> Iterator[list[Row]]:
    """The rows of each frame."""
    rest: Any = packed
    while rest:
        one = zstandard.ZstdDecompressor().decompressobj()
        yield _decode(one.decompress(rest))
        rest = one.unused_data
