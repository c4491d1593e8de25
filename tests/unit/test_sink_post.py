"""One try against a real server: what is sent, what is trusted, what is told of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.sink.config import sink_from
from streams.sink.post import Poster
from streams.sink.retry import Answer, Means
from streams.traceparent import Trace
from tests.servers import serving
from tests.webhooks import KEY, SECRET, is_signed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_SECRET", SECRET)
    monkeypatch.setenv("CRM_TOKEN", "Bearer s3cret")


async def posted(url: str, *more: str, span: Trace | None = None) -> Answer:
    lines = [
        "targets:", "  crm:", f"    url: {url}", "    deliver: {leads.routed: }", "    secrets: [{env: CRM_SECRET}]",
        "    headers: {Authorization: {env: CRM_TOKEN}}", "    timeout_seconds: 0.5",
    ]  # fmt: skip
    target = sink_from("\n".join([*lines, *(f"    {line}" for line in more)]), "sink.yaml").targets["crm"]
    poster = Poster("crm", target)
    try:
        return await poster.post("msg_1", b'{"n":1}', span)
    finally:
        await poster.close()


async def test_a_delivery_is_signed_and_carries_its_key_its_headers_and_its_trace() -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        assert is_signed(request.headers, await request.read(), KEY)
        seen.append(request)
        return web.Response(status=202, text="x" * 100_000)

    async with serving(handler) as url:
        answer = await posted(f"{url}/hook?a=1", span=Trace(0xAB, 0xCD, True))
    assert (answer.means, answer.status) == (Means.DELIVERED, 202)
    (request,) = seen
    assert (request.method, request.path_qs) == ("POST", "/hook?a=1")
    assert request.headers["Idempotency-Key"] == request.headers["webhook-id"] == "msg_1"
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["traceparent"] == f"00-{0xAB:032x}-{0xCD:016x}-01"


async def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with serving(handler) as url:
        answer = await posted(f"{url}/hook")
    assert (answer.status, answer.means, seen) == (307, Means.AGAIN, ["/hook"])


async def test_what_a_target_says_is_not_told_on() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, reason="s3cret", text=request.headers["Authorization"])

    async with serving(handler) as url:
        answer = await posted(url)
    assert answer == Answer(400, "answered 400 Bad Request")


@pytest.mark.parametrize(("does", "why"), [("hang", "timeout"), ("reset", "connection"), ("refuse", "connection")])
async def test_no_answer_is_a_reason_to_try_again(does: str, why: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        if does == "reset":
            request.transport.abort()
        else:
            await asyncio.sleep(5)
        return web.Response()

    async with serving(handler) as url:
        answer = await posted("http://127.0.0.1:9/" if does == "refuse" else url)
    assert (answer.status, answer.means, answer.why) == (None, Means.AGAIN, why)
    assert "s3cret" not in answer.said


async def test_only_a_certificate_that_is_trusted_gets_a_delivery(tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    taken: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        taken.append(request.path)
        return web.Response()

    async with serving(handler, context) as url:
        answer = await posted(url)
        assert (answer.means, answer.said) == (Means.AGAIN, "shows a certificate that is not to be trusted")
        assert taken == []
        assert (await posted(url, f"ca_file: {tmp_path / 'cert.pem'}")).means is Means.DELIVERED
        other = url.replace("127.0.0.1", "localhost")  # not the name in the certificate
        assert (await posted(other, f"ca_file: {tmp_path / 'cert.pem'}")).means is Means.AGAIN
    assert len(taken) == 1


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that nobody trusts: cert.pem in the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
