"""Gateways for tests: HubSpot's requests, a Kafka in memory that acknowledges when told to, a server around both."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientSession
from confluent_kafka import KafkaError, KafkaException
from multidict import CIMultiDict

from streams.gateway.accept import Acceptor
from streams.gateway.config import GatewayConfig, Limits, load_config
from streams.gateway.platform import Incoming
from streams.gateway.receive import Receiver
from streams.gateway.seen import Seen
from streams.gateway.server import Doors
from streams.gateway.tails import Place, Tails
from streams.kafka.codec import wire_for
from streams.secret_refs import without_secrets
from streams.settings import load_settings

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://hooks.example.com"
DAY_MS = 86_400_000

RULES: list[dict[str, Any]] = [
    {
        "name": "score",
        "when": {"kind": "contact.propertyChange", "data.propertyName": "hubspotscore"},
        "topic": "signals.scores",
        "fields": {"kind": {"const": "vendor"}, "value": "data.propertyValue"},
    },
    {
        "name": "created",
        "when": {"kind": "contact.creation"},
        "topic": "leads.profiles",
        "fields": {"stage": {"const": "acquire"}},
    },
]


def a_config(folder: Path, *, rules: Sequence[Mapping[str, Any]] = (), **top: Any) -> Path:
    """A file with the source `hubspot`, whose secret is in the variable GATEWAY_TEST_SECRET."""
    source = {
        "platform": "hubspot",
        "options": {"secrets": [{"env": "GATEWAY_TEST_SECRET"}]},
        "lead_id": {"path": "data.objectId", "prefix": "hubspot-"},
        "rules": list(rules or RULES),
        **top.pop("source", {}),
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump({"public_url": URL, "sources": {"hubspot": source}, **top}))
    return path


def loaded(path: Path) -> GatewayConfig:
    """The configuration, for tests that need no secret."""
    with without_secrets():
        return load_config(path)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def a_score(number: int, **given: Any) -> dict[str, Any]:
    """A notification of a score, one of a kind by its number."""
    return {
        "objectId": number, "propertyName": "hubspotscore", "propertyValue": "55", "changeSource": "CRM",
        "eventId": number, "subscriptionId": 25, "portalId": 33, "appId": 1160452, "occurredAt": 1_764_000_000_000,
        "subscriptionType": "contact.propertyChange", "attemptNumber": 0, **given,
    }  # fmt: skip


def signed(
    notifications: Any, *, secret: str = SECRET, at: int | None = None, url: str = f"{URL}/v1/hubspot"
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers that HubSpot would send."""
    body = notifications if isinstance(notifications, bytes) else json.dumps(notifications).encode()
    stamp = str(now_ms() if at is None else at)
    digest = hmac.digest(secret.encode(), b"POST" + url.encode() + body + stamp.encode(), "sha256")
    return body, {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }


def incoming(body: bytes, headers: Mapping[str, str], *, at: int | None = None, url: str = "") -> Incoming:
    received = now_ms() if at is None else at
    return Incoming("POST", url or f"{URL}/v1/hubspot", "/v1/hubspot", {}, CIMultiDict(headers), body, received)


class Delivered:
    """What a producer's callback is told of a record that was written."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


class FakeKafka:
    """One partition per topic. `acking`: queued records are written when the producer is polled."""

    def __init__(self) -> None:
        self.log: dict[str, list[tuple[str, bytes | None, bytes]]] = {}
        self.acking, self.up = True, True
        self.producers: list[FakeProducer] = []
        self.refusing: int | None = None  # the error that every record gets

    def producer(self, config: dict[str, Any]) -> FakeProducer:
        self.producers.append(FakeProducer(self, config))
        return self.producers[-1]

    def names(self, topic: str = "signals.scores") -> list[str]:
        return [name for name, _, _ in self.log.get(topic, ())]

    def write(self, topic: str, name: str, key: bytes | None, value: bytes) -> int:
        written = self.log.setdefault(topic, [])
        written.append((name, key, value))
        return len(written) - 1

    # --- the tails ---

    def since(self, topics: frozenset[str], at_ms: int, most: int, found: Callable[[str], object]) -> Tails:
        return self.from_offsets({(topic, 0): 0 for topic in topics}, found)

    def from_offsets(self, starts: Mapping[Place, int], found: Callable[[str], object]) -> Tails:
        for (topic, _), start in starts.items():
            for name in self.names(topic)[start:]:
                found(name)
        ends = {place: len(self.names(place[0])) for place in starts}
        return Tails(ends, sum(ends.values()))


class FakeProducer:
    """What of confluent-kafka's Producer the gateway uses."""

    def __init__(self, kafka: FakeKafka, config: dict[str, Any]) -> None:
        self.kafka, self.config = kafka, config
        self.queue: list[tuple[str, str, bytes | None, bytes, Callable[..., None]]] = []
        self.handed_over: list[str] = []
        self.headers: list[dict[str, bytes]] = []
        self.fatal: KafkaError | None = None

    def produce(self, topic: str, value: bytes, key: bytes | None, on_delivery: Any, headers: Any) -> None:
        self.headers.append(dict(headers))
        name = self.headers[-1]["ce_id"].decode()
        if self.fatal is not None:
            raise KafkaException(self.fatal)
        self.handed_over.append(name)
        self.queue.append((topic, name, key, value, on_delivery))

    def poll(self, _seconds: float) -> None:
        if self.kafka.refusing is not None:
            self._fail(KafkaError(self.kafka.refusing, "refused"))
        elif self.kafka.acking:
            queue, self.queue = self.queue, []
            for topic, name, key, value, on_delivery in queue:
                on_delivery(None, Delivered(self.kafka.write(topic, name, key, value)))

    def write_silently(self, count: int) -> None:
        """Records that Kafka has, whose acknowledgement was lost."""
        for topic, name, key, value, _ in self.queue[:count]:
            self.kafka.write(topic, name, key, value)

    def die(self) -> None:
        """A fatal error of an idempotent producer: everything that it has is reported as failed."""
        self.fatal = KafkaError(KafkaError._FATAL, "out of order sequence", fatal=True)
        self._fail(self.fatal)

    def purge(self, **_: bool) -> None:
        self._fail(KafkaError(KafkaError._PURGE_QUEUE, "purged"))

    def close(self) -> None:
        pass

    def list_topics(self, timeout: float) -> None:
        if not self.kafka.up:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "nobody answers"))

    def _fail(self, error: KafkaError) -> None:
        queue, self.queue = self.queue, []
        for *_, on_delivery in queue:
            on_delivery(error, Delivered(0))


class Serving:
    """A gateway on a port, over a Kafka in memory."""

    def __init__(
        self,
        kafka: FakeKafka,
        acceptor: Acceptor,
        receiver: Receiver,
        doors: Doors,
        client: ClientSession,
        url: str,
    ) -> None:
        self.kafka, self.acceptor, self.receiver, self.doors = kafka, acceptor, receiver, doors
        self.client, self.url = client, url

    async def post(self, notifications: Any, path: str = "/v1/hubspot", **how: Any) -> tuple[int, Mapping[str, str]]:
        """Status and headers of the answer to a signed request."""
        body, headers = signed(notifications, **how)
        return await self.send("POST", body, headers, path)

    async def send(
        self, method: str, body: Any, headers: Mapping[str, str], path: str = "/v1/hubspot"
    ) -> tuple[int, Mapping[str, str]]:
        async with self.client.request(method, self.url + path, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status, answer.headers


def an_acceptor(kafka: FakeKafka, limits: Limits | None = None, seen: Seen | None = None) -> Acceptor:
    tails: Any = kafka
    known = seen or Seen(100_000, 3_600, time.monotonic)
    return Acceptor(load_settings(), limits or Limits(), known, tails, kafka.producer)


@contextlib.asynccontextmanager
async def serving(
    config: GatewayConfig,
    kafka: FakeKafka | None = None,
    clock_ms: Callable[[], int] = now_ms,
    *,
    started: bool = True,
) -> AsyncIterator[Serving]:
    """A real server around the receiver. `started` False: it has not read back what is known."""
    kafka = kafka or FakeKafka()
    acceptor = an_acceptor(kafka, config.limits)
    receiver = Receiver(config, acceptor, wire_for(load_settings()))
    doors = Doors(config, receiver, clock_ms)
    server = doors.server()
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    if started:
        await acceptor.start(frozenset({"signals.scores", "leads.profiles", "dead.letters"}), 0, 1_000)
    async with ClientSession() as client:
        try:
            yield Serving(kafka, acceptor, receiver, doors, client, f"http://{host}:{port}")
        finally:
            listening.close()
            await acceptor.close(0)
            await server.shutdown(0.2)
