"""With traces on, a request is a span, and the gateway's records carry it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from streams.gateway.config import load_config
from streams.traceparent import Trace, parse
from streams.tracing import Tracer
from tests.gateways import SECRET, a_config, a_score, serving, signed

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Heard:
    """A tracer that keeps what it is told."""

    def __init__(self) -> None:
        self.spans: list[tuple[Trace, Trace | None, str, dict[str, Any], str | None]] = []

    def begin(self, incoming: str | None) -> Trace:
        return (parse(incoming) or Trace(7, 0, True))._replace(span_id=99)

    def finish(
        self, span: Trace, parent: Trace | None, name: str, _kind: str, _at: int, about: Any, error: Any
    ) -> None:
        self.spans.append((span, parent, name, dict(about), error))


async def test_a_request_is_a_span_below_its_callers_and_its_records_carry_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)
    heard = Heard()
    config = load_config(a_config(tmp_path, limits={"answer_within_seconds": 0.6}))
    async with serving(config) as gateway:
        gateway.receiver.tracer = cast(Tracer, heard)
        body, headers = signed([a_score(1)])
        assert (await gateway.send("POST", body, {**headers, "traceparent": CALLER}))[0] == 200
        gateway.kafka.acking = False
        assert (await gateway.post([a_score(2)]))[0] == 503
        sent = [headers["traceparent"] for headers in gateway.kafka.producers[0].headers]
    caller = parse(CALLER)
    assert caller is not None
    first, second = caller._replace(span_id=99), Trace(7, 99, True)
    assert sent == [first.header(), second.header()]
    assert heard.spans == [
        (first, caller, "receive hubspot", {"http.response.status_code": 200, "leadlane.source": "hubspot"}, None),
        (
            second,
            None,
            "receive hubspot",
            {"http.response.status_code": 503, "leadlane.source": "hubspot"},
            "Kafka has not acknowledged it in time, send again later",
        ),
    ]
