"""One trace from the webhook to the delivery, in a collector that takes OTLP, over a real Kafka and a real worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, web

from streams.demo.worker import WorkerProcess
from streams.gateway.app import Gateway
from streams.gateway.config import load_config
from streams.kafka import admin
from streams.kafka.embedded import EmbeddedBroker
from streams.settings import load_settings
from streams.sink.config import sink_from
from streams.traceparent import parse
from tests.fuzz.run import prepare
from tests.gateways import SECRET as HUBSPOT_SECRET
from tests.gateways import a_config, a_score, signed
from tests.kafka.lanes import until
from tests.kafka.test_sink import running
from tests.servers import serving
from tests.webhooks import SECRET, a_webhook

pytest.importorskip("opentelemetry.sdk", reason="traces are not tested: the extra `otel` is not installed")
LANES = 2


class Span(NamedTuple):
    """What a collector is told, as far as it matters here."""

    service: str
    name: str
    kind: int  # 2 server, 3 client, 5 consumer
    trace: bytes
    id: bytes
    parent: bytes
    seconds: float
    attributes: dict[str, str]


class Collector:
    """OTLP over HTTP, protobuf."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("POST", "/v1/traces")
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp

        told = otlp.ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Span(
                            about["service.name"],
                            span.name,
                            span.kind,
                            span.trace_id,
                            span.span_id,
                            span.parent_span_id,
                            (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                            {each.key: each.value.string_value for each in span.attributes},
                        )
                    )
        return web.Response(body=otlp.ExportTraceServiceResponse().SerializeToString())


@asynccontextmanager
async def a_collector() -> AsyncIterator[Collector]:
    collector = Collector()
    async with serving(collector.take) as collector.url:
        yield collector


async def test_a_webhook_a_decision_and_a_delivery_are_one_trace(
    own_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("GATEWAY_TEST_SECRET", HUBSPOT_SECRET)
    async with a_collector() as collector:
        settings = load_settings(
            brokers=own_broker.bootstrap, lanes=LANES, linger_ms=5, gateway_port=0, gateway_web_port=0, slot="sink",
            trace_endpoint=collector.url, trace_ratio=1.0,
        )  # fmt: skip
        admin.apply(settings)
        prepare(settings)
        traced = {"LEADLANE_TRACE_ENDPOINT": collector.url, "LEADLANE_LINGER_MS": "5"}
        worker = WorkerProcess(settings.brokers, LANES, tmp_path / "worker.log", **traced)
        gateway = Gateway(settings, load_config(a_config(tmp_path)))
        with a_webhook() as webhook:
            config = sink_from(
                "targets: {crm: {url: 'URL', deliver: {leads.routed: }, secrets: [{env: HOOK_SECRET}]}}".replace(
                    "URL", webhook.url
                ),
                "sink.yaml",
            )
            with worker:
                async with running(settings, config):
                    await gateway.start()
                    try:
                        assert await status_of(gateway, a_score(1), {}) == 200
                        # Whoever brings a trace decides whether it is told of.
                        unsampled = f"00-{1:032x}-{2:016x}-00"
                        assert await status_of(gateway, a_score(2), {"traceparent": unsampled}) == 200
                        await until(lambda: len(webhook.effects) == 2)
                    finally:
                        await gateway.stop()
        await until(lambda: len(collector.spans) >= 3)

    receive, decide, deliver = (
        next(span for span in collector.spans if span.name.startswith(word))
        for word in ("receive", "decide", "deliver")
    )
    assert len(collector.spans) == 3
    assert [(span.service, span.name, span.kind) for span in (receive, decide, deliver)] == [
        ("leadlane-gateway", "receive hubspot", 2),
        ("leadlane-worker", "decide signals.scores", 5),
        ("leadlane-sink", "deliver leads.routed", 3),
    ]
    assert {span.trace for span in collector.spans} == {receive.trace}
    assert (receive.parent, decide.parent, deliver.parent) == (b"", receive.id, decide.id)
    assert all(0 < span.seconds < 20 for span in collector.spans)
    assert deliver.attributes["leadlane.target"] == "crm"
    assert all("hubspot-1" not in value for span in collector.spans for value in span.attributes.values())

    sent = {got.lead: parse(got.headers["traceparent"]) for got in webhook.effects}
    first, second = sent["hubspot-1"], sent["hubspot-2"]
    assert first is not None
    assert second is not None
    assert first.span_id.to_bytes(8, "big") == deliver.id
    assert (second.trace_id, second.sampled) == (1, False)


async def status_of(gateway: Gateway, notification: object, headers: dict[str, str]) -> int:
    body, signature = signed([notification])
    async with (
        ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{gateway.port}/v1/hubspot", data=body, headers={**signature, **headers}
        ) as response,
    ):
        return response.status
