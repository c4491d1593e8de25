"""Every setting: name, type, unit in the name, default, what it is for. Read once, all faults reported at once.

The environment variable of a setting is its name in capitals after LEADLANE_. docs/reference/settings.md is
generated from here; `leadlane settings` prints it with the values in force.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.errors import BadSettings

PREFIX = "LEADLANE_"
SECRET_BYTES = 32
TEST_PREFIX = "LEADLANE_TEST_"  # of the project's own tests, never of a worker


def _matches(pattern: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return AfterValidator(check)


LOGIN = re.compile(r"//\S*@")  # in a URL: settings are printed, so it must stand elsewhere


def _is_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError
    return path


def _are_secrets(value: SecretStr | None) -> SecretStr | None:
    for part in value.get_secret_value().split(",") if value else ():
        if len(b64decode(part.strip(), validate=True)) != SECRET_BYTES:
            raise ValueError
    return value


Brokers = Annotated[str, _matches(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*")]
Name = Annotated[str, _matches(r"[A-Za-z0-9._-]{1,200}")]
Url = Annotated[str, _matches(r"https?://[^\s@]+")]
ReadableFile = Annotated[Path, AfterValidator(_is_file)]


def _setting(default: Any, expected: str, description: str, example: Any = None, **more: Any) -> Any:
    """`expected` and `example` are what a fault says; the example is the default unless given."""
    extra: dict[str, Any] = {"expected": expected, "example": str(default if example is None else example)}
    if callable(default):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **more)
    return Field(default, description=description, json_schema_extra=extra, **more)


class Settings(BaseSettings):
    """How Leadlane runs. Frozen; made by `load_settings`."""

    # An empty variable is an unset one: compose files and shells write them so.
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    brokers: Brokers = _setting("localhost:9092", "host:port, several with commas", "Kafka to work with")
    app_id: Name = _setting(
        "leadlane", "letters, digits, dot, dash, underscore", "consumer group and prefix of the transactional ids"
    )
    slot: Name = _setting(
        socket.gethostname,
        "letters, digits, dot, dash, underscore",
        "name of this worker in the group; one live worker per slot, the same slot after a restart",
        "worker-0",
    )
    lanes: int = _setting(
        12, "a whole number", "partitions of every lead-keyed topic; fixed once they exist", ge=1, le=1024
    )
    replication: int | None = _setting(
        None,
        "a whole number",
        "copies of each new topic; unset: 3, or as many as there are brokers",
        3,
        ge=1,
        le=10,
    )

    batch_records: int = _setting(1000, "a whole number", "most records of one transaction", ge=1, le=100_000)
    linger_ms: int = _setting(
        50, "whole milliseconds", "longest wait of a lane for more records: latency against cost", ge=0, le=5000
    )
    max_record_bytes: int = _setting(
        900_000,
        "whole bytes",
        "largest record that a lane writes; larger ones become dead letters",
        ge=10_000,
        le=1_000_000,
    )
    session_timeout_seconds: int = _setting(
        10, "whole seconds", "a worker silent for so long loses its lanes", ge=1, le=300
    )
    heartbeat_seconds: float = _setting(1, "seconds", "time between two heartbeats", ge=0.1, le=100)
    transaction_timeout_seconds: int = _setting(
        10, "whole seconds", "a transaction open for so long is aborted by the broker", ge=1, le=900
    )
    leave_on_stop: bool = _setting(
        False, "true or false", "hand lanes over at once on a stop; else they wait one session for this slot"
    )
    warm_leads: int = _setting(500_000, "a whole number", "leads kept in memory of lanes that moved away", ge=0)
    warm_seconds: int = _setting(
        3600, "whole seconds", "age at which a copy of a lane that moved away is dropped", ge=0, le=43_200
    )
    stuck_seconds: int = _setting(
        120, "whole seconds", "a lane without a sign of life for so long makes /live fail", ge=5, le=3600
    )

    web_host: str = _setting("127.0.0.1", "an address of this machine", "where health and metrics are served")
    web_port: int = _setting(6066, "a port", "where health and metrics are served; 0: nowhere", ge=0, le=65_535)
    lab_line: Name = _setting(
        "online", "letters, digits, dot, dash, underscore", "name of what the lab learns; one live lab per line"
    )
    lab_model_interval_seconds: float = _setting(
        60, "seconds", "least time between two model versions that the lab publishes by itself", ge=0.2, le=86_400
    )
    lab_checkpoint_seconds: float = _setting(
        10, "seconds", "time between two checkpoints of the lab: what is learned anew after a kill", ge=0.1, le=3600
    )
    lab_web_port: int = _setting(
        6067, "a port", "where the lab serves health, metrics and /snapshot; 0: nowhere", ge=0, le=65_535
    )
    gateway_config: ReadableFile | None = _setting(
        None, "a readable file", "what the gateway takes and how it maps it, YAML", "/etc/leadlane/gateway.yaml"
    )
    gateway_host: str = _setting("127.0.0.1", "an address of this machine", "where the gateway takes webhooks")
    gateway_port: int = _setting(8080, "a port", "where the gateway takes webhooks; 0: a free one", ge=0, le=65_535)
    gateway_web_port: int = _setting(
        6068, "a port", "where the gateway serves health and metrics; 0: nowhere", ge=0, le=65_535
    )
    sink_config: ReadableFile | None = _setting(
        None, "a readable file", "where the HTTP sink delivers what, YAML", "/etc/leadlane/sink.yaml"
    )
    sink_web_port: int = _setting(
        6069, "a port", "where the HTTP sink serves health and metrics; 0: nowhere", ge=0, le=65_535
    )
    seal_secret: Annotated[SecretStr | None, AfterValidator(_are_secrets)] = _setting(
        None,
        "32 bytes in base64, several with commas",
        "wraps the keys that seal personal texts, one per lead; the first for new keys; unset: nothing is sealed",
        "bGVhZGxhbmUgZXhhbXBsZSwgZG9uJ3QgdXNlIGl0ISE=",
    )
    trace_endpoint: Url | None = _setting(
        None,
        "http(s)://host:port",
        "OpenTelemetry collector (OTLP over HTTP); unset: no traces",
        "http://localhost:4318",
    )
    trace_ratio: float = _setting(
        0.1, "a share", "how many of the requests that bring no trace the gateway begins a sampled one for", ge=0, le=1
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "debug, info, warning or error", "least level that is logged"
    )
    schema_registry_url: Url | None = _setting(
        None,
        "http(s)://host:port without a login",
        "Confluent Schema Registry; unset: the built-in catalogue",
        "http://localhost:8081",
    )
    schema_registry_username: str | None = _setting(None, "a name", "who this client is to the registry", "leadlane")
    schema_registry_password: SecretStr | None = _setting(None, "a password", "never printed or logged", "(hidden)")
    schema_registry_cafile: ReadableFile | None = _setting(
        None,
        "a readable file",
        "certificates to trust for the registry, PEM; unset: the system's",
        "/etc/leadlane/ca.pem",
    )
    cache_dir: Path | None = _setting(
        None,
        "a folder",
        "where the embedded Kafka is kept; unset: `leadlane` in the user's cache folder",
        "~/.cache/leadlane",
    )

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = _setting(
        "PLAINTEXT", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", "how brokers are spoken to"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = _setting(
        None, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", "how this client logs in", "SCRAM-SHA-512"
    )
    sasl_username: str | None = _setting(None, "a name", "who this client is", "leadlane")
    sasl_password: SecretStr | None = _setting(None, "a password", "never printed or logged", "(hidden)")
    ssl_cafile: ReadableFile | None = _setting(
        None, "a readable file", "certificates to trust, PEM; unset: the system's", "/etc/leadlane/ca.pem"
    )
    ssl_certfile: ReadableFile | None = _setting(
        None, "a readable file", "own certificate, PEM", "/etc/leadlane/client.pem"
    )
    ssl_keyfile: ReadableFile | None = _setting(
        None, "a readable file", "key of the own certificate, PEM", "/etc/leadlane/client.key"
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load_settings(**given: Any) -> Settings:
    """The settings of the environment; `given` ones (command line options) win, None among them means not given.

    Raises BadSettings with every fault in it.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [_fault(*each) for each in _got_by_setting(error).items()]
    else:
        faults = _contradictions(settings)
    if faults := faults + _unknown():
        raise BadSettings(faults[0] if len(faults) == 1 else "".join(f"\n  {fault}" for fault in faults))
    return settings


def expectation(field: FieldInfo) -> str:
    """What a setting takes, in words with bounds: "whole seconds from 1 to 300"."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    bounds = {
        kind: bound
        for item in field.metadata
        for kind in ("ge", "le")
        if (bound := getattr(item, kind, None)) is not None
    }
    low = f" from {bounds['ge']}" if "ge" in bounds else ""
    high = f" to {bounds['le']}" if "le" in bounds else ""
    return f"{extra['expected']}{low}{high}"


def example(field: FieldInfo) -> str:
    """A value that a setting takes."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["example"])


def _got_by_setting(error: ValidationError) -> dict[str, Any]:
    # A union reports one fault per member: the last one stands for all.
    return {str(each["loc"][0]): each["input"] for each in error.errors(include_context=False, include_url=False)}


def _fault(name: str, got: Any) -> str:
    field = Settings.model_fields[name]
    shown = "hidden" if field.annotation == SecretStr | None else f'"{LOGIN.sub("//(hidden)@", str(got))}"'
    return f"{variable(name)} is {shown}, expected {expectation(field)}, for example {example(field)}."


def _unknown() -> list[str]:
    names = [variable(name) for name in Settings.model_fields]
    faults = []
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in names or name.startswith(TEST_PREFIX):
            continue
        nearest = difflib.get_close_matches(name, names, 1, 0.8)
        hint = f"did you mean {nearest[0]}?" if nearest else "`leadlane settings` lists all that exist."
        faults.append(f"{name} is no setting; {hint}")
    return faults


def _contradictions(settings: Settings) -> list[str]:
    """Settings that are each right and wrong together."""
    faults = []
    if settings.heartbeat_seconds * 3 > settings.session_timeout_seconds:
        faults.append(
            f"{variable('heartbeat_seconds')} is {settings.heartbeat_seconds:g}, expected at most a third of "
            f"{variable('session_timeout_seconds')} ({settings.session_timeout_seconds}): "
            "two lost heartbeats must not cost the lanes."
        )
    if settings.security_protocol.startswith("SASL"):
        faults += [
            f"{variable(name)} is not set, expected a value when {variable('security_protocol')} is "
            f"{settings.security_protocol}."
            for name in ("sasl_mechanism", "sasl_username", "sasl_password")
            if getattr(settings, name) is None
        ]
    if (settings.schema_registry_username is None) != (settings.schema_registry_password is None):
        unset = "password" if settings.schema_registry_password is None else "username"
        faults.append(f"{variable(f'schema_registry_{unset}')} is not set, expected the other half of the login.")
    if (settings.ssl_certfile is None) != (settings.ssl_keyfile is None):
        unset = "ssl_keyfile" if settings.ssl_keyfile is None else "ssl_certfile"
        faults.append(f"{variable(unset)} is not set, expected the other half of certificate and key.")
    return faults
