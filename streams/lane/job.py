"""What a worker is told: its settings, and the job that its lanes do.

A job is all that differs between the decision pipeline, the bench's tally and a test.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from streams import topics
from streams.errors import BadSettings
from streams.lane.processor import Batch, JournalEntry, Processor
from streams.privacy.keys import KeyRing
from streams.privacy.seal import Secrets


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How a worker runs its lanes; what it computes is the Job's."""

    brokers: str
    app_id: str = "leadlane"  # group, and prefix of the transactional ids
    slot: str = field(default_factory=socket.gethostname)  # group_instance_id: one live worker per slot name
    lanes: int = 12
    batch_records: int = 1000
    linger_ms: int = 50  # the longest that a lane waits for more records
    session_timeout_seconds: float = 10
    heartbeat_seconds: float = 1
    transaction_timeout_seconds: float = 10
    max_record_bytes: int = 900_000  # key, value and headers of one output; the broker's default limit is 1,048,588
    leave_on_stop: bool = False  # hand lanes over at once on a stop; else they wait for this slot for one session
    warm_leads: int = 500_000  # leads kept in memory of lanes that moved away
    warm_seconds: int = 3600  # must stay below the changelog's delete.retention.ms
    stuck_seconds: float = 120  # a lane without any sign of life for so long makes /live fail
    security: Mapping[str, Any] = field(default_factory=dict)  # given to every client as it is


class ControlView(NamedTuple):
    """The control topics as far as they are read: the last value by topic and key, and the next offset by topic."""

    records: Mapping[str, Mapping[bytes, bytes]]
    next: Mapping[str, int]


Build = Callable[[ControlView], tuple[Any, list[str]]]  # -> context or None (keep the last one), problems


class Sealed(NamedTuple):
    """How the lanes of a job open and seal personal texts."""

    topic: str  # of the keys
    secrets: Secrets
    load: Callable[[KeyRing, Iterable[tuple[bytes | None, bytes | None]]], int]  # records by key and value into a ring;
    # how many of them nobody can read


def no_versions(_: Any) -> Mapping[str, str]:
    """For contexts that have none."""
    return {}


class Job(NamedTuple):
    """What the lanes of a worker do."""

    processor: Processor[Any]
    build: Build  # the context from the control topics; must answer the same for the same view
    write_entry: Callable[[JournalEntry], bytes]
    read_entry: Callable[[bytes], JournalEntry]
    controls: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()  # checked at the start, besides inputs, state, journal and controls
    single: frozenset[str] = frozenset()  # outputs with one partition, which all lanes write: read in one order
    limits: Mapping[str, int] = {}  # bytes of one record by output topic, where it is not max_record_bytes
    warm_up: Callable[[], object] | None = None  # what a worker runs in a thread while it waits for Kafka to answer
    versions: Callable[[Any], Mapping[str, str]] = no_versions  # of a context, for metrics
    on_commit: Callable[[Batch, float], object] | None = None  # told each committed batch, and the seconds it took
    state: str = topics.STATE.name
    journal: str = topics.JOURNAL.name
    sealed: Sealed | None = None  # how personal texts are opened and sealed; None: nothing is
    chained: str = ""  # the output through which a chain of hashes goes, see streams/lane/chain.py; "": none

    @property
    def lane_topics(self) -> tuple[str, ...]:
        """Every topic that has one partition per lane."""
        own = (topic for topic in self.outputs if topic not in self.single)
        keys = () if self.sealed is None else (self.sealed.topic,)
        return (*self.processor.inputs, *own, *keys, self.state, self.journal)

    def partitions(self, lanes: int) -> dict[str, int]:
        """How many partitions each topic of the job has."""
        alone = (topic for topic in self.outputs if topic in self.single)
        return dict.fromkeys(self.lane_topics, lanes) | dict.fromkeys((*alone, *self.controls), 1)


MakeJob = Callable[[LaneSettings], Job]


def load_job(path: str, settings: LaneSettings) -> Job:
    """The job that `module:name` makes for these settings."""
    module, _, name = path.partition(":")
    try:
        make = cast(MakeJob, getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise BadSettings(
            f"processor is {path!r} ({error}), expected module:name, for example streams.bench.tally:job."
        ) from error
    return make(settings)
