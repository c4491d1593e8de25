"""The sink's YAML file: targets, what each of them gets, secrets by reference.

Law of this module: a file that loads and whose secrets are there can only fail at the targets. All faults are reported
at once, each with line and place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from streams.errors import LeadlaneError
from streams.lane.wire import TYPES
from streams.policy.places import Loader, Places
from streams.secret_refs import SecretRef
from streams.topics import TOPIC, TOPICS, Role

DELIVERABLE = tuple(
    topic.name for topic in TOPICS if topic.role is Role.OUTPUT and topic.key == "lead_id" and not topic.single
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# What the sink itself says of a delivery, and what HTTP says of a message.
RESERVED = re.compile(r"webhook-.*|idempotency-key|content-.*|host|transfer-encoding|connection|traceparent", re.I)
SECRET_NAME = re.compile(r"authorization|cookie|.*(key|token|secret|password|auth)", re.I)
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
Scalar = str | int | float | bool


class BadSink(LeadlaneError):
    """The sink's file is wrong: its author's."""

    exit_code = 2


class Part(BaseModel):
    """A part of the file: unknown names are faults, and no fault quotes a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Retry(Part):
    """When a delivery that failed is tried again, and when it is given up and parked."""

    first_seconds: Annotated[float, Field(gt=0, le=3600)] = 0.5  # before the second try; doubles, with jitter
    most_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    tries: Annotated[int, Field(ge=1, le=1000)] = 20
    park_after_seconds: Annotated[float, Field(gt=0, le=7 * 86_400)] = 86_400.0  # since the first try


class Wanted(Part):
    """Which records of a topic a target gets: all, or those whose fields have one of these values."""

    only: Mapping[str, tuple[Scalar, ...]] = {}

    @field_validator("only", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: each if isinstance(each, list) else [each] for name, each in value.items()}


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected no login in it: use `headers` with a reference to a secret")
    if parts.fragment:
        raise ValueError("expected no #fragment")
    return value


class Target(Part):
    """One webhook."""

    url: Annotated[str, AfterValidator(_url)]
    deliver: Annotated[Mapping[str, Wanted | None], Field(min_length=1)]
    secrets: Annotated[tuple[SecretRef, ...], Field(min_length=1)]  # each signs: two while one is replaced
    body: Literal["cloudevents", "record"] = "cloudevents"
    headers: Mapping[str, SecretRef | str] = {}
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    retry: Retry = Retry()
    since: AwareDatetime | None = None  # records written before it are passed over
    ca_file: Path | None = None  # certificates to trust, PEM; None: the system's
    plain_http: bool = False  # http:// to another machine than this one: signed, but for everybody to read

    @field_validator("since", mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        # YAML makes a time of it, in UTC and without saying so.
        if isinstance(value, datetime):
            raise ValueError("expected a time in quotes, with its zone: '2026-11-25T00:00:00Z'")
        return value

    def wanted(self, topic: str) -> Mapping[str, tuple[Scalar, ...]]:
        wanted = self.deliver.get(topic)
        return wanted.only if wanted is not None else {}

    @property
    def since_ms(self) -> int:
        return 0 if self.since is None else int(self.since.timestamp() * 1000)


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]  # in names of groups and metrics


class SinkConfig(Part):
    """The whole file."""

    targets: Annotated[Mapping[Name, Target], Field(min_length=1)]


def load_sink(path: Path) -> SinkConfig:
    """The file at `path`. Raises BadSink with every fault in it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSink(f"{path}: expected a YAML file in UTF-8, got: {error}.") from error
    return sink_from(text, str(path))


def sink_from(text: str, source: str) -> SinkConfig:
    """The configuration that a YAML text says. Raises BadSink."""
    try:
        document = yaml.load(text, Loader=Loader)
        places = Places(text)
    except yaml.YAMLError as error:
        raise BadSink(f"{source}: expected YAML, got: {error}") from error
    config: SinkConfig | None = None
    faults = [(loc, "this name stands twice, expected it once") for loc, _ in places.repeated_keys()]
    try:
        config = SinkConfig.model_validate(document)
    except ValidationError as error:
        faults += [(_without_kinds(each["loc"]), _said(each["msg"])) for each in error.errors(include_input=False)]
    else:
        for name, target in config.targets.items():
            faults += [(("targets", name, *loc), said) for loc, said in _contradictions(target)]
    if faults or config is None:
        lines = [f"line {places.line(loc)}, {places.path(loc)}: {said}" for loc, said in faults]
        count = f"{len(lines)} fault" + ("s" if len(lines) != 1 else "")
        raise BadSink("\n  ".join([f"{source} has {count}:", *lines]))
    return config


def _contradictions(target: Target) -> Iterator[tuple[tuple[str, ...], str]]:
    parts = urlsplit(target.url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not target.plain_http:
        yield ("url",), "is http://, expected https://, or `plain_http: true` for a network that you trust"
    for topic in target.deliver:
        if topic not in DELIVERABLE:
            yield ("deliver", topic), f"is no topic that can be delivered, expected one of {', '.join(DELIVERABLE)}"
            continue
        known = _fields(topic)
        for field in target.wanted(topic):
            if field not in known:
                yield ("deliver", topic, "only", field), f"is no field of {TOPIC[topic].record}: {', '.join(known)}"
    for name, value in target.headers.items():
        if RESERVED.fullmatch(name):
            yield ("headers", name), "is set by the sink itself, expected another header"
        elif not HEADER_NAME.fullmatch(name):
            yield ("headers", name), "is no name of an HTTP header"
        elif isinstance(value, str) and SECRET_NAME.fullmatch(name):
            yield ("headers", name), "expected {env: NAME} or {file: /path}: a secret does not stand in a file"
        elif isinstance(value, str) and not value.isprintable():
            yield ("headers", name), "expected printable text on one line"
    if target.ca_file is not None and not target.ca_file.is_file():
        yield ("ca_file",), "expected a readable file with certificates"


def _fields(topic: str) -> tuple[str, ...]:
    record = TYPES[str(TOPIC[topic].record)]
    return tuple(getattr(record, "__struct_fields__", ()))


def _without_kinds(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """pydantic names the members of a union in its places; a file has no such steps."""
    return tuple(step for step in loc if step not in ("SecretRef", "str", "Wanted"))


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")
