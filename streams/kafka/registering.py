"""Our schemas in a Schema Registry: what is missing, what stands in the way, and how to put them there.

Law of this module: nothing is written before everything was compared, and nothing is ever deleted. A subject is
`<topic>-value` (TopicNameStrategy); its level is FULL_TRANSITIVE, so that every version reads every other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from schemas.check import BadSchemas
from schemas.compat import conflicts
from streams.lane.registry import COMPATIBILITY, RegistryRefused, Schema, shipped, subject_of
from streams.topics import TOPICS, Topic


class Standing(Protocol):
    """One version of a subject, as the registry has it."""

    @property
    def version(self) -> int: ...
    @property
    def id(self) -> int: ...
    @property
    def document(self) -> Any: ...


class Registry(Protocol):
    """What is asked of a registry here; streams/kafka/registry.py is one."""

    @property
    def url(self) -> str: ...
    def versions(self, subject: str) -> Iterable[Standing]: ...
    def level(self, subject: str) -> str: ...
    def set_level(self, subject: str) -> None: ...
    def id_of(self, subject: str, document: Any) -> int | None: ...
    def register(self, subject: str, document: Any) -> int: ...


class Subject(NamedTuple):
    """One subject: what we need there, and what is there."""

    name: str
    ours: tuple[Schema, ...]
    missing: tuple[Schema, ...]
    others: tuple[Standing, ...]  # versions that are not ours
    level: str
    conflicts: tuple[str, ...]  # each says version, field, what to do

    @property
    def faults(self) -> list[str]:
        """Why it is not as it should be; empty when it is."""
        lacking = [f"v{schema.version} of {schema.record} is missing" for schema in self.missing]
        low = [] if self.level == COMPATIBILITY else [f"its level is {self.level}, expected {COMPATIBILITY}"]
        mend = "Run `leadlane schemas register`."
        return [f"{self.name}: {fault}. {mend}" for fault in (*lacking, *low)] + list(self.conflicts)


def compare(registry: Registry, topics: Iterable[Topic] = TOPICS) -> list[Subject]:
    """Every subject that our topics need, compared with the registry; nothing is written."""
    ours = shipped()
    return [_subject(registry, subject_of(topic.name), ours[topic.record]) for topic in topics if topic.record]


def register(registry: Registry, say: Callable[[str], object], topics: Iterable[Topic] = TOPICS) -> int:
    """Put every missing version and level there; how many versions. BadSchemas, and nothing written, if one conflicts.

    The second call writes nothing.
    """
    subjects = compare(registry, topics)
    if conflicting := [fault for subject in subjects for fault in subject.conflicts]:
        raise BadSchemas("".join(f"\n  {fault}" for fault in conflicting) + "\n  Nothing was registered.")
    return sum(_register(registry, subject, say) for subject in subjects)


def _register(registry: Registry, subject: Subject, say: Callable[[str], object]) -> int:
    if subject.level != COMPATIBILITY:
        registry.set_level(subject.name)
        say(f"{subject.name}: level {COMPATIBILITY}, was {subject.level}")
    for schema in subject.missing:
        try:
            given = registry.register(subject.name, schema.document)
        except RegistryRefused as error:
            raise BadSchemas(f"{subject.name}: v{schema.version} of {schema.record}: {error.args[0]}") from error
        say(f"{subject.name}: v{schema.version} of {schema.record} registered, id {given}")
    return len(subject.missing)


def _subject(registry: Registry, name: str, ours: tuple[Schema, ...]) -> Subject:
    there = tuple(registry.versions(name))
    # The registry says whether it is the same: it may write a schema in other words.
    found = {schema.id: registry.id_of(name, schema.document) for schema in ours} if there else {}
    missing = tuple(schema for schema in ours if found.get(schema.id) is None)
    others = tuple(each for each in there if each.id not in found.values())
    faults = tuple(fault for other in others for schema in ours for fault in _conflicts(name, schema, other))
    return Subject(name, ours, missing, others, registry.level(name), faults)


def _conflicts(subject: str, ours: Schema, other: Standing) -> Iterator[str]:
    """Full compatibility: each must read what the other wrote."""
    if not isinstance(other.document, dict):
        yield f"{subject}: version {other.version} (id {other.id}) is no Avro record, expected {ours.record}. {OTHERS}"
        return
    name = f"our v{ours.version} of {ours.record}"
    for fault in _named(conflicts(other.document, ours.document)):
        yield f"{subject}: {name} does not read version {other.version} (id {other.id}): {fault}. {OTHERS}"
    for fault in _named(conflicts(ours.document, other.document)):
        yield f"{subject}: version {other.version} (id {other.id}) does not read {name}: {fault}. {OTHERS}"


OTHERS = (
    "Whoever registered that version: keep every field, give each new one a default, and register that; delete the"
    " version, if nothing was written with it."
)


def _named(faults: Iterable[str]) -> Iterator[str]:
    return (f"field {fault}" for fault in faults)


def told(subjects: Iterable[Subject]) -> list[str]:
    """What somebody else has registered, and what is read all the same."""
    return [
        f"{subject.name}: version {other.version} (id {other.id}) is not ours; it is compatible and read"
        for subject in subjects
        if not subject.conflicts
        for other in subject.others
    ]
