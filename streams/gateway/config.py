"""The gateway's YAML file: sources, limits, secrets by reference.

Law of this module: a configuration that loads can only fail on single requests. All faults are reported at once, each
with file, source and rule, what was expected and what came; what stands under `options` is never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from streams.errors import LeadlaneError
from streams.gateway.limits import MAX_DEPTH
from streams.gateway.mapping import BadRules, Mapper, RuleConfig
from streams.gateway.platform import PLATFORMS, Platform, platform_of
from streams.nearest import nearest
from streams.rule_parts import Part
from streams.secret_refs import SecretUnreadable


class BadGatewayConfig(LeadlaneError):
    """The gateway's file is wrong: its author's."""

    exit_code = 2


class Limits(Part):
    """What one request and all of them may be."""

    body_bytes: Annotated[int, Field(ge=1_000, le=2_000_000)] = 1_000_000
    json_depth: Annotated[int, Field(ge=2, le=MAX_DEPTH)] = 32
    url_bytes: Annotated[int, Field(ge=100, le=65_000)] = 8_190
    header_bytes: Annotated[int, Field(ge=100, le=65_000)] = 8_190  # of one header
    headers: Annotated[int, Field(ge=5, le=1_000)] = 100
    connections: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    answer_within_seconds: Annotated[float, Field(gt=0, le=300)] = 4.0  # HubSpot gives up after 5
    in_flight_records: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    in_flight_bytes: Annotated[int, Field(ge=100_000, le=4_000_000_000)] = 64_000_000  # and of bodies that come in
    away_after_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0  # a record unacknowledged for so long: Kafka is away
    retry_after_seconds: Annotated[int, Field(ge=1, le=3_600)] = 5


class Remember(Part):
    """How long an id counts as known: whichever ends first. About 100 bytes of memory for each."""

    hours: Annotated[float, Field(gt=0, le=2_160)] = 72.0
    ids: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000


class SourceConfig(BaseModel):
    """One source: POST /v1/<name>. `options` are the platform's own (secrets, what it verifies)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    platform: str
    description: str = ""
    options: Mapping[str, Any] = {}
    lead_id: Any = None  # field rule for every rule that states none
    unmatched: Literal["ignore", "dead"] = "ignore"  # an item that no rule takes
    rate_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    body_bytes: Annotated[int, Field(ge=1_000, le=50_000_000)] | None = None  # instead of the limits': mails are larger
    rules: tuple[RuleConfig, ...] = ()

    @model_validator(mode="after")
    def _known_platform(self) -> SourceConfig:
        if self.platform not in PLATFORMS:
            raise ValueError(f"platform is {self.platform!r}, expected one of {', '.join(PLATFORMS)}")
        return self


class Source(NamedTuple):
    """One source, ready for requests."""

    config: SourceConfig
    platform: Platform
    mapper: Mapper


class GatewayConfig(NamedTuple):
    """The whole file, includes among it."""

    sources: Mapping[str, Source]
    limits: Limits = Limits()
    remember: Remember = Remember()
    public_url: str | None = None  # scheme and host as clients see them, where a proxy stands in front


class Top(Part):
    """The file besides its sources."""

    description: str = ""
    public_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")] | None = None
    limits: Limits = Limits()
    remember: Remember = Remember()


def load_config(path: Path) -> GatewayConfig:
    """The configuration in a YAML file and in those that it includes. BadGatewayConfig lists every fault."""
    faults: list[str] = []
    document = _document(path)
    top = _top(document, path, faults)
    sources: dict[str, Source] = {}
    for file, name, section in _sections(document, path, faults):
        if name in sources:
            faults.append(f"{file}: source {name}: expected a name of its own, another file has it too")
        elif (source := _source(file, name, section, faults)) is not None:
            sources[name] = source
    if not sources and not faults:
        faults.append(f"{path}: sources: expected at least one, here or in an included file, got none")
    if faults:
        raise BadGatewayConfig("".join(f"\n  {fault}" for fault in faults) if len(faults) > 1 else faults[0])
    assert top is not None
    return GatewayConfig(sources, top.limits, top.remember, top.public_url)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise BadGatewayConfig(f"{path}: expected a gateway file, but: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadGatewayConfig(f"{path}: expected YAML, but: {error}") from error
    if not isinstance(document, dict):
        raise BadGatewayConfig(f"{path}: expected sources at the top, got {type(document).__name__}.")
    return document


def _top(document: dict[str, Any], path: Path, faults: list[str]) -> Top | None:
    try:
        return Top.model_validate({key: value for key, value in document.items() if key not in ("include", "sources")})
    except ValidationError as error:
        faults += [f"{path}: {_said(fault)}" for fault in error.errors()]
        return None


def _sections(document: dict[str, Any], path: Path, faults: list[str]) -> Iterator[tuple[Path, str, Any]]:
    """Every (file, name, section) of a source."""
    files = [(path, document)]
    for name in document.get("include") or ():
        other = path.parent / str(name)
        try:
            included = _document(other)
        except BadGatewayConfig as error:
            faults.append(str(error).removeprefix("BadGatewayConfig: "))
            continue
        faults += [
            f"{other}: {key}: an included file states sources alone, move it to {path}"
            for key in included
            if key not in ("sources", "description")
        ]
        files.append((other, included))
    for file, stated in files:
        sources = stated.get("sources") or {}
        if not isinstance(sources, dict):
            faults.append(f"{file}: sources: expected names with their sections, got {type(sources).__name__}")
            continue
        for name, section in sources.items():
            yield file, str(name), section


def _source(file: Path, name: str, section: Any, faults: list[str]) -> Source | None:
    where = f"{file}: source {name}"
    if not isinstance(section, dict):
        faults.append(f"{where}: expected platform, options and rules, got {type(section).__name__}")
        return None
    try:
        config = SourceConfig.model_validate({"name": name, **section})
    except ValidationError as error:
        faults += dict.fromkeys(f"{where}{_in_source(fault, section)}" for fault in error.errors())
        return None
    found = len(faults)
    mapper, platform = _mapper(config, where, faults), _platform(config, where, faults)
    if len(faults) > found:
        return None
    assert mapper is not None
    assert platform is not None
    return Source(config, platform, mapper)


def _mapper(config: SourceConfig, where: str, faults: list[str]) -> Mapper | None:
    try:
        return Mapper(config)
    except BadRules as error:
        faults += [f"{where}, {fault}" for fault in error.faults]
    except SecretUnreadable as error:
        faults.append(f"{where}: {error}")
    return None


def _platform(config: SourceConfig, where: str, faults: list[str]) -> Platform | None:
    try:
        return platform_of(config)
    except ValidationError as error:
        faults += dict.fromkeys(f"{where}: options.{_said(fault, show=False)}" for fault in error.errors())
    except (SecretUnreadable, ValueError) as error:
        faults.append(f"{where}: {error}")
    return None


def _in_source(fault: Any, section: dict[str, Any]) -> str:
    """`, rule score: when.kind: expected ...` or `: rate_per_second: expected ...`."""
    loc = fault["loc"]
    if len(loc) < 2 or loc[0] != "rules" or not isinstance(loc[1], int):
        return f": {_said(fault, show=not loc or loc[0] != 'options')}"
    rule = section["rules"][loc[1]]
    name = rule.get("name", loc[1]) if isinstance(rule, dict) else loc[1]
    return f", rule {name}: {_said({**fault, 'loc': loc[2:]})}"


def _said(fault: Any, *, show: bool = True) -> str:
    """Where, what was expected and what came."""
    at = ".".join(str(part) for part in fault["loc"] if not str(part).startswith(("tuple[", "function-", "Test")))
    if fault["type"] == "extra_forbidden":
        return f"{at}: expected nothing of this name{_near(fault)}"
    text = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    expected = text if text.startswith("expected") or "expected" in text else f"expected {text[:1].lower()}{text[1:]}"
    if fault["type"] == "missing":
        return f"{at} is missing" if at else expected
    got = f", got {fault['input']!r}" if show and fault["type"] != "value_error" else ""
    return f"{at}: {expected}{got}" if at else f"{expected}{got}"


def _near(fault: Any) -> str:
    known = {*SourceConfig.model_fields, *Limits.model_fields, *Remember.model_fields, *Top.model_fields}
    known |= {*RuleConfig.model_fields, "include", "sources"}
    return nearest(str(fault["loc"][-1]), known)
