"""The Schema Registry, spoken to with Confluent's client: short waits, and errors that name the operator's move.

Law of this module: lanes wait while this module does, so it never waits long. It asks once; what was waited for in vain
is not asked again for a while. What the registry does not know is None, no error.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from streams.errors import BadSettings
from streams.lane.registry import COMPATIBILITY, RegistryRefused, RegistryUnreachable
from streams.settings import Settings, variable

ANSWER_SECONDS = 3.0
LONG_SECONDS = 0.5  # who failed to answer for so long is left alone ...
AWAY_SECONDS = 5.0  # ... for so long: the lanes of a worker share one event loop, and so do their heartbeats
UNKNOWN = frozenset({40401, 40402, 40403, 40408})  # no such subject, version, schema, level; another 404 is no registry
AVRO = "AVRO"
AnswerT = TypeVar("AnswerT")


class Registered(NamedTuple):
    """One version of a subject."""

    version: int
    id: int
    document: Any  # None: not Avro


class SchemaRegistry:
    """A Confluent Schema Registry, or one that speaks its API (Apicurio: ccompat v7)."""

    def __init__(self, settings: Settings) -> None:
        """BadSettings unless a registry is set."""
        if settings.schema_registry_url is None:
            raise BadSettings(
                f"{variable('schema_registry_url')} is not set, expected the address of a Schema Registry, for example "
                "http://localhost:8081. Without one, ids come from the built-in catalogue."
            )
        self.url = settings.schema_registry_url.rstrip("/")
        self._client = SchemaRegistryClient(_configuration(settings))
        self._away: tuple[float, RegistryUnreachable] | None = None  # until when, and why

    def schema(self, schema_id: int) -> Any | None:
        """The Avro document of an id: {} when it is of another kind; None when nobody knows it."""
        found = self._ask(f"schema {schema_id}", lambda: self._client.get_schema(schema_id))
        return None if found is None else _document(found) or {}

    def id_of(self, subject: str, document: Any) -> int | None:
        """The id of this very schema under a subject; None when it is not registered there."""
        schema = Schema(json.dumps(document), AVRO)
        found = self._ask(f"the schema of {subject}", lambda: self._client.lookup_schema(subject, schema))
        return None if found is None or found.schema_id is None else int(found.schema_id)

    def register(self, subject: str, document: Any) -> int:
        """Register a schema; its id. RegistryRefused when the registry does not take it."""
        schema = Schema(json.dumps(document), AVRO)
        given = self._ask(f"to register for {subject}", lambda: self._client.register_schema(subject, schema))
        if given is None:
            raise RegistryRefused(f"{self.url} does not take schemas for {subject}: expected an id, got not found.")
        return int(given)

    def versions(self, subject: str) -> list[Registered]:
        """Every version of a subject, oldest first; empty when it does not exist."""
        numbers = self._ask(f"the versions of {subject}", lambda: self._client.get_versions(subject)) or []
        return [found for number in sorted(numbers) if (found := self._version(subject, number)) is not None]

    def level(self, subject: str) -> str:
        """The compatibility level in force for a subject."""
        own = self._ask(f"the level of {subject}", lambda: self._client.get_compatibility(subject))
        return own or self._ask("the level of all subjects", self._client.get_compatibility) or "not set"

    def set_level(self, subject: str, level: str = COMPATIBILITY) -> None:
        """Set a subject's compatibility level."""
        self._ask(f"to set the level of {subject}", lambda: self._client.set_compatibility(subject, level))

    def _version(self, subject: str, number: int) -> Registered | None:
        found = self._ask(f"version {number} of {subject}", lambda: self._client.get_version(subject, number))
        if found is None or found.schema_id is None:
            return None
        return Registered(number, int(found.schema_id), _document(found.schema))

    def _ask(self, what: str, ask: Callable[[], AnswerT]) -> AnswerT | None:
        if self._away is not None and time.monotonic() < self._away[0]:
            raise self._away[1]
        began = time.monotonic()
        try:
            return ask()
        except SchemaRegistryError as error:
            if error.http_status_code == 404 and error.error_code in UNKNOWN:
                return None
            raise self._error(what, error) from error
        except (httpx2.HTTPError, ValueError, OSError) as error:  # no connection, no time, no JSON
            away = self._unreachable(what, f"{type(error).__name__}: {error}")
            if time.monotonic() - began > LONG_SECONDS:
                self._away = (time.monotonic() + AWAY_SECONDS, away)
            raise away from error

    def _error(self, what: str, error: SchemaRegistryError) -> RegistryUnreachable:
        words = " ".join(str(error.error_message).split())[:300]
        match error.http_status_code:
            case 401:
                return RegistryRefused(
                    f"{self.url} refused our login when asked for {what}: 401 {words}. Correct "
                    f"{variable('schema_registry_username')} and {variable('schema_registry_password')}."
                )
            case 403:
                return RegistryRefused(
                    f"{self.url} does not allow us to ask for {what}: 403 {words}. Give the login of "
                    f"{variable('schema_registry_username')} that right; who may only read needs every schema"
                    " registered before, by `leadlane schemas register`."
                )
            case 409:
                return RegistryRefused(
                    f"{self.url}, asked {what}: the registry finds our schema incompatible with what stands there:"
                    f" {words}. `leadlane schemas check --registry` says with which version and field."
                )
            case status if status < 500:
                return RegistryRefused(
                    f"{self.url}, asked for {what}: got {status} {words}, expected an answer of the Schema Registry's"
                    f" API. Does {variable('schema_registry_url')} name its root, for Apicurio /apis/ccompat/v7?"
                )
        return self._unreachable(what, f"{error.http_status_code} {words}")

    def _unreachable(self, what: str, got: str) -> RegistryUnreachable:
        return RegistryUnreachable(
            f"{self.url}, asked for {what}: got {got}, expected an answer within {ANSWER_SECONDS:g} s."
            f" Check that the registry runs, {variable('schema_registry_url')} and what belongs to it."
        )


def _configuration(settings: Settings) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "url": settings.schema_registry_url,
        "timeout": ANSWER_SECONDS,
        "max.retries": 0,  # the lane comes again by itself, and nothing stands still in between
    }
    if settings.schema_registry_username is not None and settings.schema_registry_password is not None:
        password = settings.schema_registry_password.get_secret_value()
        configuration["basic.auth.user.info"] = f"{settings.schema_registry_username}:{password}"
    system = ssl.get_default_verify_paths()  # the client's own default is a list of its own
    if trusted := settings.schema_registry_cafile or system.cafile or system.capath:
        configuration["ssl.ca.location"] = str(trusted)
    return configuration


def _document(schema: Schema) -> Any:
    if (schema.schema_type or AVRO) != AVRO or schema.schema_str is None:
        return None
    return json.loads(schema.schema_str)
