"""Platforms of the gateway under test: their shipped files, samples of their documentation, requests, and what becomes
of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from multidict import CIMultiDict

from streams.core.events import Event
from streams.gateway.config import Source, load_config
from streams.gateway.platform import Incoming, Item, Reading

ROOT = Path(__file__).parents[1]
FILES = ROOT / "deploy" / "gateway"
SAMPLES = Path(__file__).parent / "gateway_samples"
NOW = 1_795_554_391_405  # 2026-11-24
SECRET = "0f2d6a1c3b5e7f90a1b2c3d4e5f60718"
VARIABLES = (
    "SALESFORCE_RELAY_TOKEN", "SEGMENT_SHARED_SECRET", "RUDDERSTACK_KEY", "MAILGUN_SIGNING_KEY", "LEAD_TOKEN_SECRET",
    "LEAD_ADDRESS_KEY", "SENDGRID_INBOUND_USER", "SENDGRID_INBOUND_PASSWORD", "CLOUDEVENTS_TOKEN", "MARKETO_CLIENT_ID",
    "MARKETO_CLIENT_SECRET", "MARKETO_WEBHOOK_KEY",
)  # fmt: skip


def sample(name: str) -> bytes:
    """A file of the documentation's samples."""
    return (SAMPLES / name).read_bytes()


def sample_json(name: str) -> Any:
    return json.loads(sample(name))


def shipped(name: str, folder: Path, changes: Mapping[str, str] | None = None) -> Mapping[str, Source]:
    """The sources of a shipped file, with every secret set to SECRET, and texts of the file changed."""
    for variable in VARIABLES:
        os.environ[variable] = SECRET
    text = (FILES / name).read_text("utf-8")
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text, "utf-8")
    return load_config(path).sources


def request(
    body: bytes | Any = b"",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    url: str = "https://hooks.example.com/v1/source",
    query: Mapping[str, str] | None = None,
    received_at: int = NOW,
) -> Incoming:
    """A request as the server hands it over; a body that is no bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming(method, url, urlsplit(url).path, query or {}, CIMultiDict(headers or {}), content, received_at)


class Told(NamedTuple):
    """What a request became."""

    reading: Reading
    events: list[tuple[str, Event]]
    faults: list[str]

    @property
    def items(self) -> tuple[Item, ...]:
        return self.reading.items


def told(source: Source, incoming: Incoming) -> Told:
    """Authenticated, read and mapped, as the gateway does."""
    source.platform.authenticate(incoming)
    reading = source.platform.read(incoming)
    mapped = [source.mapper.map(item, incoming.received_at) for item in reading.items]
    return Told(
        reading,
        [event for each in mapped for event in each.events],
        [fault for each in mapped for fault in each.faults],
    )


def signature(algorithm: str, content: bytes, key: str = SECRET) -> str:
    """The HMAC in hex."""
    return hmac.new(key.encode(), content, getattr(hashlib, algorithm)).hexdigest()


def address_lead(address: str) -> str:
    """The lead id that the shipped files make of an address."""
    return hmac.new(SECRET.encode(), address.encode(), hashlib.sha256).hexdigest()[:32]
