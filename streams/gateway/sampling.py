"""What a sample would become: items of the platform, records of the rules, and what would be a dead letter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
from multidict import CIMultiDict

from streams.errors import LeadlaneError
from streams.gateway.config import GatewayConfig, Source
from streams.gateway.platform import Incoming, Item
from streams.nearest import nearest


class BadSample(LeadlaneError):
    """The sample cannot be used: whoever named it."""

    exit_code = 2


def shown_sources(config: GatewayConfig) -> str:
    """One line for each source."""
    lines = [f"{len(config.sources)} sources: all rules hold."]
    for name, source in config.sources.items():
        rules = source.config.rules
        topics = ", ".join(sorted(source.mapper.topics)) or "no topic"
        lines.append(f"  POST /v1/{name}  {source.config.platform}, {len(rules)} rules -> {topics}")
    return "\n".join(lines)


def shown_sample(config: GatewayConfig, path: Path, name: str | None, headers: Sequence[str], query: str) -> str:
    """Every item of the sample with its records. Raises BadSample, BadRequest."""
    source = _chosen(config, name)
    incoming = _incoming(source, path.read_bytes(), headers, query)
    reading = source.platform.read(incoming)
    lines = [f"{source.config.name}: {len(reading.items)} items"]
    for item in reading.items:
        lines += _item(source, item, incoming.received_at)
    lines += [f"  dead letter: {part.reason}" for part in reading.left]
    lines += [f"  sources.resync <- {_plain(request)}" for request in reading.resync]
    if reading.answer is not None:
        lines.append(f"  answered {reading.answer.status} with {len(reading.answer.body)} bytes")
    return "\n".join(lines)


def _item(source: Source, item: Item, received_at: int) -> Iterator[str]:
    yield f"  {item.kind} {item.id}"
    mapped = source.mapper.map(item, received_at)
    yield from (f"    {topic} <- {_plain(event)}" for topic, event in mapped.events)
    yield from (f"    dead letter: {fault}" for fault in mapped.faults)
    if not mapped.events and not mapped.faults:
        yield "    no rule takes it: " + ("dead letter" if source.config.unmatched == "dead" else "counted and ignored")


def _plain(record: msgspec.Struct) -> str:
    """The record without what is not stated."""
    stated = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None}
    return msgspec.json.encode(stated).decode()


def _chosen(config: GatewayConfig, name: str | None) -> Source:
    if name is None and len(config.sources) == 1:
        return next(iter(config.sources.values()))
    if name is None or name not in config.sources:
        got = "none" if name is None else repr(name) + nearest(name, config.sources)
        raise BadSample(f"--source is {got}, expected one of {', '.join(config.sources)}.")
    return config.sources[name]


def _incoming(source: Source, body: bytes, headers: Sequence[str], query: str) -> Incoming:
    stated: CIMultiDict[str] = CIMultiDict()
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            raise BadSample(f"--header is {header!r}, expected 'Name: value'.")
        stated[name.strip()] = value.strip()
    path = f"/v1/{source.config.name}"
    url = f"https://localhost{path}" + (f"?{query}" if query else "")
    return Incoming("POST", url, path, dict(parse_qsl(query)), stated, body, time.time_ns() // 1_000_000)
