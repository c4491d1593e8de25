"""Traces: the header, what a lane makes of it, and what happens without the packages."""

from __future__ import annotations

import sys

import pytest

from streams.lane.processor import Headers
from streams.settings import load_settings
from streams.traceparent import HEADER, Trace, handed_on, parse, span_of, trace_of
from streams.tracing import TracesNotInstalled, tracer_for
from tests.factories import LEAD, a_score
from tests.lanes import Arrived, TestLane, arrive, lane_of
from tests.shipped import shipped_context

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
PARENT = Trace(TRACE, 0xB7AD6B7169203331, True)
VALUE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_header_is_read_and_written_as_the_standard_says() -> None:
    """The examples of W3C Trace Context, section 3.2.3 and 3.2.4."""
    assert parse(VALUE) == parse(VALUE.decode()) == PARENT
    assert PARENT.header() == VALUE
    unsampled = parse(VALUE[:-2] + b"00")
    assert unsampled == PARENT._replace(sampled=False)
    assert unsampled.header() == VALUE[:-2] + b"00"
    assert parse(b"cc" + VALUE[2:] + b"-what-the-future-holds") == PARENT


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"x", VALUE[:-1], VALUE.upper(), b"ff" + VALUE[2:], VALUE + b"-more", b" " + VALUE,
        b"00-" + b"0" * 32 + VALUE[35:], VALUE[:36] + b"0" * 16 + b"-01", VALUE * 100, "00-\ud800",
    ],
)  # fmt: skip
def test_what_is_not_valid_is_no_trace(value: bytes | str | None) -> None:
    assert parse(value) is None
    if not isinstance(value, str):
        headers: Headers = ((HEADER, value),)  # type: ignore[assignment]
        assert (trace_of(headers), handed_on(headers, "signals.scores", 0, 7)) == (None, ())


def test_the_span_of_a_decision_depends_on_the_record_and_nothing_else() -> None:
    span = span_of(PARENT, "signals.scores", 3, 7)
    assert span == span_of(PARENT, "signals.scores", 3, 7)
    assert (span.trace_id, span.sampled) == (PARENT.trace_id, True)
    others = [span_of(PARENT, "signals.scores", 3, 8), span_of(PARENT, "signals.intent", 3, 7), PARENT]
    assert len({span.span_id, *(each.span_id for each in others)}) == 4


def test_the_outputs_of_a_traced_record_carry_its_trace_and_those_of_others_nothing() -> None:
    traced, plain = (TestLane(shipped_context(), lane_of(LEAD)) for _ in range(2))
    (record,) = arrive([a_score(value=95.0)], 7)
    assert isinstance(record, Arrived)
    traced.run([record._replace(headers=((HEADER, VALUE),))])
    plain.run([record])
    wanted = span_of(PARENT, record.topic, record.partition, record.offset).header()
    assert traced.sent.keys() == plain.sent.keys()
    assert "leads.routed" in traced.sent
    for topic, outputs in traced.sent.items():
        assert [(output.key, output.value) for output in outputs] == [(o.key, o.value) for o in plain.sent[topic]]
        assert all(output.headers[-1] == (HEADER, wanted) for output in outputs)
        assert all(HEADER not in dict(output.headers) for output in plain.sent[topic])
    assert traced.states == plain.states
    assert LEAD.encode() in traced.states


def test_traces_are_off_unless_an_endpoint_is_set() -> None:
    assert tracer_for(load_settings(), "worker") is None


def test_an_endpoint_without_the_packages_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TracesNotInstalled, match=r"pip install 'leadlane\[otel\]'"):
        tracer_for(load_settings(trace_endpoint="http://localhost:4318"), "worker")
