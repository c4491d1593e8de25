"""Which schema a schema id means, and which id the schemas that we write have.

Without a Schema Registry the ids are those of schemas/subjects.toml, stable across releases. With one
(LEADLANE_SCHEMA_REGISTRY_URL) they are the registry's, and unknown ids are fetched once. streams/kafka/registry.py
speaks to it.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

from schemas.compat import conflicts, endless
from streams.errors import LeadlaneError

SUBJECTS = "subjects.toml"
COMPATIBILITY = "FULL_TRANSITIVE"
UNKNOWN_SECONDS = 60.0  # an id that the registry does not know is asked for again after this long ...
MOST_ID = (1 << 31) - 1  # a registry's ids are positive and have 31 bits
UNKNOWN_LIMIT = 10_000  # ... and no more than this many are remembered


class RegistryUnreachable(LeadlaneError):
    """The Schema Registry does not answer: the operator's. No record is to blame, so the lane waits."""

    exit_code = 7


class RegistryRefused(RegistryUnreachable):
    """The Schema Registry answers, and takes our login or our schema for wrong: the operator's. The lane waits too."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one record's schema."""

    id: int
    record: str
    version: int | None  # None: not one of ours
    document: dict[str, Any]

    def __str__(self) -> str:
        version = f" v{self.version}" if self.version else ""
        return f"{self.id} ({self.record or '?'}{version})"


class Catalogue(Protocol):
    """Ids to schemas and back."""

    def find(self, schema_id: int) -> Schema | None:
        """The schema that this id means; None: nobody knows it."""

    def written(self, record: str) -> Schema:
        """The schema that we write `record` with, which is also the one that readers resolve to."""


def shipped() -> dict[str, tuple[Schema, ...]]:
    """Every released schema by record, oldest first, as schemas/subjects.toml lists them."""
    folder = files("schemas")
    subjects = tomllib.loads(folder.joinpath(SUBJECTS).read_text("utf-8"))
    return {
        record: tuple(
            Schema(
                released["id"],
                record,
                released["version"],
                json.loads(folder.joinpath(record, f"v{released['version']}.avsc").read_text("utf-8")),
            )
            for released in subject["versions"]
        )
        for record, subject in subjects.items()
    }


class BuiltInCatalogue:
    """The ids of schemas/subjects.toml."""

    def __init__(self) -> None:
        self._by_record = shipped()
        self._by_id = {schema.id: schema for versions in self._by_record.values() for schema in versions}

    def find(self, schema_id: int) -> Schema | None:
        return self._by_id.get(schema_id)

    def written(self, record: str) -> Schema:
        return self._by_record[record][-1]


class Registry(Protocol):
    """What is asked of a Schema Registry; each call may raise RegistryUnreachable."""

    def schema(self, schema_id: int) -> Any | None:
        """The Avro document of an id; None: nobody knows it."""

    def id_of(self, subject: str, document: Any) -> int | None:
        """The id of this very schema under a subject; None: it is not registered there."""

    def register(self, subject: str, document: Any) -> int:
        """Register a schema; its id."""


class RegistryCatalogue:
    """The ids of a Schema Registry. What it does not have of ours is registered when it is first written."""

    def __init__(self, registry: Registry, topics: Mapping[str, tuple[str, ...]]) -> None:
        self._registry = registry
        self._topics = topics  # record -> the topics that carry it: one subject each
        self._ours = shipped()
        self._known: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}
        self._written: dict[str, Schema] = {}

    def find(self, schema_id: int) -> Schema | None:
        if (known := self._known.get(schema_id)) is not None:
            return known
        if not 0 < schema_id <= MOST_ID or time.monotonic() < self._unknown.get(schema_id, 0.0):
            return None
        document = self._registry.schema(schema_id)
        if document is None:
            if len(self._unknown) >= UNKNOWN_LIMIT:
                self._unknown.clear()
            self._unknown[schema_id] = time.monotonic() + UNKNOWN_SECONDS
            return None
        schema = self._known[schema_id] = self._schema(schema_id, document)
        return schema

    def written(self, record: str) -> Schema:
        """The newest version of `record`, with the id that it has under each of its topics."""
        if record not in self._written:
            newest = self._ours[record][-1]
            ids = {topic: self._id(subject_of(topic), newest.document) for topic in self._topics[record]}
            if len(set(ids.values())) > 1:  # one value goes to all of them
                raise RegistryRefused(
                    f"{record} has the ids {ids}: expected one id for the same schema under every subject. Delete what"
                    " was registered by another way, then run `leadlane schemas register`."
                )
            self._written[record] = Schema(min(ids.values()), record, newest.version, newest.document)
        return self._written[record]

    def _id(self, subject: str, document: dict[str, Any]) -> int:
        found = self._registry.id_of(subject, document)
        return self._registry.register(subject, document) if found is None else found

    def _schema(self, schema_id: int, document: Any) -> Schema:
        name = document.get("name", "") if isinstance(document, dict) else ""
        record = str(name).rpartition(".")[2]
        ours = next((s for s in self._ours.get(record, ()) if s.document == document), None)
        return Schema(schema_id, record, ours.version if ours else None, document if isinstance(document, dict) else {})


def subject_of(topic: str) -> str:
    """The registry's name for the values of a topic (TopicNameStrategy)."""
    return f"{topic}-value"


def resolution_faults(writer: Schema, reader: Schema) -> list[str]:
    """Why what `writer` wrote cannot be read as `reader`; empty: it can."""
    return endless(writer.document) or conflicts(writer.document, reader.document)
