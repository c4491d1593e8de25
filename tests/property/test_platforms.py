"""Whatever is sent to a platform of the gateway: it is refused in the platform's two words, or read; and soon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streams.gateway.config import Source
from streams.gateway.platform import BadRequest, Incoming, Unauthorized
from tests.gateway_platforms import NOW, SAMPLES, request, shipped

FILES = ("salesforce", "segment", "mailgun", "sendgrid", "ses", "cloudevents", "unsubscribe", "marketo")
KINDS = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=xYzZY", "text/plain",
    "application/cloudevents+json", "application/cloudevents-batch+json", "multipart/form-data; boundary=", "",
    "multipart/form-data; boundary=\u00e9", 'multipart/form-data; boundary="', "multipart/form-data; boundary*0=x",
)  # fmt: skip
SECONDS = 2.0  # of CPU, for a megabyte
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("2026-03-01")
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
WORDS = st.sampled_from(
    (
        "ChangeEventHeader", "entityName", "recordIds", "changeType", "commitTimestamp", "detail", "payload", "data",
        "event", "type", "userId", "batch", "signature", "timestamp", "token", "event-data", "id", "sg_event_id",
        "Type", "Message", "SigningCertURL", "TopicArn", "SubscribeURL", "specversion", "source", "time", "data_base64",
        "notificationType", "eventType", "bounce", "bouncedRecipients", "mail", "destination", "receipt", "recipients",
        "content", "activityTypeId", "attributes", "leadId", "marketoGUID", "activityDate",
    )
)  # fmt: skip
KNOWN = st.recursive(
    SCALARS | st.sampled_from(["GAP_OVERFLOW", "UPDATE", "Lead", "1.0", "Notification", "Received", "Bounce", "track"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Source]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    return {name: source for file in FILES for name, source in shipped(f"{file}.yaml", folder).items()}


def texts() -> list[str]:
    return sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.json"))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


@st.composite
def changed_samples(draw: st.DrawFn) -> bytes:
    """A sample of the documentation with another value somewhere in it."""
    value = json.loads((SAMPLES / draw(st.sampled_from(texts()))).read_bytes())
    for _ in range(draw(st.integers(1, 3))):
        value = replaced(value, draw(st.sampled_from(list(places(value)))), draw(VALUES | KNOWN))
    return json.dumps(value).encode()


def tried(sources: Mapping[str, Source], incoming: Incoming) -> None:
    for name, source in sources.items():
        for step in (source.platform.authenticate, source.platform.read):
            began = time.process_time()
            try:
                found = step(incoming)
            except Unauthorized:
                assert step == source.platform.authenticate, name
                continue
            except BadRequest:
                assert step == source.platform.read, name
                continue
            finally:
                assert time.process_time() - began < SECONDS, name
            for item in found.items if found is not None else ():
                assert item.kind
                assert 0 < len(item.id) <= 200
                assert item.at is None or 0 <= item.at <= 253_402_300_799_000
                source.mapper.map(item, NOW)


HEADERS = (
    "authorization", "x-signature", "content-type", "ce-id", "ce-source", "ce-type", "ce-time", "ce-specversion",
    "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp", "x-signing-key",
)  # fmt: skip
ANY_BODY = (
    st.binary(max_size=300)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | KNOWN.map(lambda value: json.dumps(value).encode())
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | changed_samples()
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=ANY_BODY, kind=st.sampled_from(KINDS), method=st.sampled_from(["POST", "PUT", "GET", "OPTIONS"]))
@example(body=b'{"Type":"SubscriptionConfirmation","SubscribeURL":"https://["}', kind="text/plain", method="POST")
@example(body=b"[" * 5000, kind="application/json", method="POST")
@example(body=b'{"data":' * 900 + b"1" + b"}" * 900, kind="application/json", method="POST")
@example(body=b'[{"type":"track","timestamp":1e400}]', kind="application/json", method="POST")
@example(body=b'{"type":"track","messageId":"\\ud800"}', kind="application/json", method="POST")
def test_any_body_is_refused_or_read(sources: Mapping[str, Source], body: bytes, kind: str, method: str) -> None:
    query = {"t": body[:200].decode("latin-1")}
    tried(sources, request(body, {"Content-Type": kind}, method=method, query=query))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    headers=st.dictionaries(
        st.sampled_from(HEADERS),
        st.text(max_size=60),
    ),
    body=ANY_BODY,
)
def test_any_header_is_refused_or_read(sources: Mapping[str, Source], headers: dict[str, str], body: bytes) -> None:
    tried(sources, request(body, headers))


def form(name: str, content: bytes) -> bytes:
    return b'--xYzZY\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--xYzZY--' % (name.encode(), content)


BIG = 900_000
REPORT = b"From: a@b.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
PART = b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
LONG = {
    "parts": b"--xYzZY\r\n" * (BIG // 9) + b"--xYzZY--",
    "part head": b"--xYzZY\r\nContent-Disposition: form-data; " + b"a=1; " * (BIG // 5) + b"\r\n\r\n--xYzZY--",
    "addresses": form("headers", b"From: " + b"<" * BIG),
    "header lines": form("headers", b"a:b\n" * (BIG // 4)),
    "raw mail": form("email", REPORT + PART * (BIG // len(PART))),
    "html": form("html", b"<p <" * (BIG // 4)),
    "tokens": form("to", b"taaaa-" * (BIG // 6)),
    "json": b"[" + b'{"type":"track"},' * (BIG // 17) + b"1]",
    "digits": b'{"timestamp":' + b"9" * BIG + b"}",
    "url-encoded": b"a=%" * (BIG // 3),
}


@pytest.mark.parametrize("body", LONG.values(), ids=LONG.keys())
def test_a_megabyte_of_it_does_not_hold_the_gateway_up(sources: Mapping[str, Source], body: bytes) -> None:
    for kind in KINDS[:4]:
        tried(sources, request(body, {"Content-Type": kind}, query={"t": "taaaa-" * 1000}))
