"""OpenTelemetry traces, off unless LEADLANE_TRACE_ENDPOINT is set: one trace from webhook to routed lead to delivery.

Law of this module: spans are told after the fact, with the ids that stand in `traceparent` headers, so no context is
kept while something runs. Nothing here waits for the collector or raises because of it: spans that it does not take are
dropped. OpenTelemetry is imported only when traces are on (extra `otel`).
"""

from __future__ import annotations

import atexit
import random
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from streams.errors import LeadlaneError
from streams.settings import Settings, variable
from streams.traceparent import Trace, parse, span_of, trace_of

if TYPE_CHECKING:
    from streams.lane.processor import Batch

PATH = "/v1/traces"  # of OTLP over HTTP
EXPORT_SECONDS = 5.0
MOST_QUEUED = 20_000
BATCH = 512
DELAY_MS = 1_000

Kind = Literal["server", "consumer", "client"]
Attributes = Mapping[str, str | int | float | bool]


class TracesNotInstalled(LeadlaneError):
    """Traces are wanted, but the extra `otel` is not installed: the operator's."""

    exit_code = 2


class Tracer:
    """Sends finished spans of one process to the collector."""

    def __init__(self, endpoint: str, service: str, ratio: float = 1.0) -> None:
        """TracesNotInstalled without the extra."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        except ImportError as error:
            raise TracesNotInstalled(
                f"{variable('trace_endpoint')} is {endpoint}, expected the packages that send traces, got: {error}. "
                "Install them with `pip install 'leadlane[otel]'`, or unset the variable."
            ) from error
        self._ratio, self._random = ratio, random.SystemRandom()
        self._resource = Resource.create({"service.name": service, "service.version": version("leadlane")})
        self._scope = InstrumentationScope("leadlane", version("leadlane"))
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH, timeout=EXPORT_SECONDS),
            max_queue_size=MOST_QUEUED,
            max_export_batch_size=BATCH,
            schedule_delay_millis=DELAY_MS,
        )
        atexit.register(self.close)

    def begin(self, incoming: bytes | str | None = None) -> Trace:
        """A new span: below `incoming` (the value of a `traceparent`) if that is valid, else the first of a trace.

        Whether a trace is sampled is said by whoever began it; one that begins here is with the configured ratio.
        """
        parent = parse(incoming)
        span_id = self._random.getrandbits(64) or 1
        if parent is not None:
            return parent._replace(span_id=span_id)
        return Trace(self._random.getrandbits(128) or 1, span_id, self._random.random() < self._ratio)

    def finish(
        self,
        span: Trace,
        parent: Trace | None,
        name: str,
        kind: Kind,
        start_ns: int,
        attributes: Attributes,
        error: str | None = None,
        end_ns: int | None = None,
    ) -> None:
        """Tell of a span that has ended (now, unless said), if its trace is sampled."""
        if not span.sampled:
            return
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        self._processor.on_end(
            ReadableSpan(
                name,
                _context(span),
                None if parent is None else _context(parent, is_remote=True),
                self._resource,
                attributes,
                kind=SpanKind[kind.upper()],
                status=Status(StatusCode.UNSET) if error is None else Status(StatusCode.ERROR, error),
                start_time=start_ns,
                end_time=time.time_ns() if end_ns is None else end_ns,
                instrumentation_scope=self._scope,
            )
        )

    def decided(self, batch: Batch, seconds: float) -> None:
        """Spans of the traced records of a batch that a lane has committed, just now and after so many seconds."""
        end_ns = time.time_ns()
        for record in batch.records:
            if (parent := trace_of(record.headers)) is not None and parent.sampled:
                self.finish(
                    span_of(parent, record.topic, record.partition, record.offset),
                    parent,
                    f"decide {record.topic}",
                    "consumer",
                    end_ns - int(seconds * 1e9),
                    {**kafka_attributes(record.topic, record.partition, record.offset), "leadlane.lane": batch.lane},
                    end_ns=end_ns,
                )

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        atexit.unregister(self.close)
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def tracer_for(settings: Settings, process: str) -> Tracer | None:
    """The tracer of a worker, gateway or sink, None when traces are off. Raises TracesNotInstalled."""
    if settings.trace_endpoint is None:
        return None
    return Tracer(settings.trace_endpoint, f"leadlane-{process}", settings.trace_ratio)


def kafka_attributes(topic: str, partition: int, offset: int) -> dict[str, str | int]:
    """Where a record stands, in OpenTelemetry's names. No lead: traces leave the house."""
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": offset,
    }


def _context(span: Trace, *, is_remote: bool = False) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(span.trace_id, span.span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))
