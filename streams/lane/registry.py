"""Which schema a schema id means, and which id the schemas that we write have.

Without a Schema Registry the ids are those of schemas/subjects.toml, stable across releases. With one
(LEADLANE_SCHEMA_REGISTRY_URL) they are the registry's: our schemas are registered when they are first written, and
unknown ids are fetched once.
"""

from __future__ import annotations

import json
import time
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

import requests

from schemas.compat import conflicts, endless
from streams.errors import LeadlaneError

SUBJECTS = "subjects.toml"
ANSWER_SECONDS = 5.0  # a lane waits for the registry; longer would cost it its session
UNKNOWN_SECONDS = 60.0  # an id that the registry does not know is asked for again after this long ...
MOST_ID = (1 << 31) - 1  # a registry's ids are positive and have 31 bits
UNKNOWN_LIMIT = 10_000  # ... and no more than this many are remembered


class RegistryUnreachable(LeadlaneError):
    """The Schema Registry does not answer: the operator's. No record is to blame, so the lane waits."""

    exit_code = 7


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


class RegistryCatalogue:
    """The ids of a Confluent Schema Registry; user and password may stand in the URL."""

    def __init__(self, url: str, topics: dict[str, tuple[str, ...]], session: requests.Session | None = None) -> None:
        self._url = url.rstrip("/")
        self._topics = topics  # record -> the topics that carry it: one subject each
        self._http = session or requests.Session()
        self._ours = shipped()
        self._known: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}
        self._written: dict[str, Schema] = {}

    def find(self, schema_id: int) -> Schema | None:
        if (known := self._known.get(schema_id)) is not None:
            return known
        if not 0 < schema_id <= MOST_ID or time.monotonic() < self._unknown.get(schema_id, 0.0):
            return None
        answer = self._ask("GET", f"/schemas/ids/{schema_id}")
        if answer is None:
            if len(self._unknown) >= UNKNOWN_LIMIT:
                self._unknown.clear()
            self._unknown[schema_id] = time.monotonic() + UNKNOWN_SECONDS
            return None
        schema = self._known[schema_id] = self._schema(schema_id, json.loads(answer["schema"]))
        return schema

    def written(self, record: str) -> Schema:
        """Registers the newest version of `record` under each of its topics, once."""
        if record not in self._written:
            newest = self._ours[record][-1]
            body = {"schema": json.dumps(newest.document)}
            for topic in self._topics[record]:
                answer = self._ask("POST", f"/subjects/{topic}-value/versions", body)
                if answer is None:
                    raise RegistryUnreachable(f"{self._url} does not take schemas for subject {topic}-value")
                schema_id = answer["id"]  # the same document has the same id under every subject
            self._written[record] = Schema(schema_id, record, newest.version, newest.document)
        return self._written[record]

    def _schema(self, schema_id: int, document: Any) -> Schema:
        name = document.get("name", "") if isinstance(document, dict) else ""
        record = str(name).rpartition(".")[2]
        ours = next((s for s in self._ours.get(record, ()) if s.document == document), None)
        return Schema(schema_id, record, ours.version if ours else None, document if isinstance(document, dict) else {})

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any] | None:
        try:
            answer = self._http.request(method, self._url + path, json=body, timeout=ANSWER_SECONDS)
            if answer.status_code == 404:
                return None
            if answer.status_code == 409:
                raise RegistryUnreachable(
                    f"{method} {path}: the registry finds our schema incompatible with what is registered:"
                    f" {answer.text[:300]}. Compare with `leadlane schemas check`, then mend the subject."
                )
            answer.raise_for_status()
            result: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise RegistryUnreachable(
                f"{method} {self._url}{path} gave {error}, expected an answer within {ANSWER_SECONDS:g} s."
                " Check LEADLANE_SCHEMA_REGISTRY_URL and that the registry runs."
            ) from error
        return result


def resolution_faults(writer: Schema, reader: Schema) -> list[str]:
    """Why what `writer` wrote cannot be read as `reader`; empty: it can."""
    return endless(writer.document) or conflicts(writer.document, reader.document)
