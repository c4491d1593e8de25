"""HTTP around the receiver: POST /v1/<source>, what is refused before a body is read, health and metrics.

Law of this module: whatever comes is answered within the configured time and held in memory no longer. A request that
is refused here has been neither authenticated nor logged.

aiohttp's server without its application: routes, middlewares and sub-applications would cost more than all the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import StreamReader, web
from aiohttp.web_protocol import RequestHandler
from prometheus_client import CONTENT_TYPE_LATEST

from streams import metrics
from streams.gateway.config import GatewayConfig
from streams.gateway.platform import Answer, Incoming
from streams.gateway.receive import OK, Line, Receiver, Reply

PREFIX = "/v1/"
KEEP_ALIVE_SECONDS = 75.0
SERVER = {"Server": "leadlane"}
UNKNOWN = "-"  # label of requests to no source

log = logging.getLogger(__name__)
_silent = logging.getLogger(f"{__name__}.aiohttp")  # it would log what a hostile client sent
_silent.setLevel(logging.CRITICAL + 1)


class TooLarge(Exception):
    """A body beyond the limit."""


class TooMuch(Exception):
    """Bodies that are each within the limit, and too many at once."""


class Server(web.Server):
    """aiohttp's, with a limit on connections."""

    def __init__(self, handler: Any, most: int, **more: Any) -> None:
        super().__init__(handler, **more)
        self._most = most

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            transport.abort()


class Doors:
    """The sources' door."""

    def __init__(self, config: GatewayConfig, receiver: Receiver, now_ms: Callable[[], int]) -> None:
        self._limits, self._public_url = config.limits, config.public_url
        self._receiver, self._now_ms = receiver, now_ms
        self._held = 0  # bytes of bodies that come in pieces
        self.stopping = False

    def server(self) -> Server:
        """A protocol factory for `loop.create_server`."""
        limits = self._limits
        return Server(
            self.handle,
            limits.connections,
            logger=_silent,
            access_log=None,
            auto_decompress=False,  # signatures are of what was sent
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=1.0,
            max_line_size=limits.url_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, whatever it is."""
        line = self._line(request)
        try:
            reply = await self._reply(line, request)
        except TooLarge:
            reply = Reply(413, f"body is larger than {self._most(line):,} bytes\n".encode())
        except TooMuch:
            reply = Reply(503, b"too many bodies at once, send again later\n", self._limits.retry_after_seconds)
        except TimeoutError:
            reply = Reply(408, b"the body did not come in time\n")
        except Exception:  # the client hears nothing of it, and sends again
            log.exception("a request could not be answered")
            reply = Reply(500, b"a fault of ours, send again later\n", self._limits.retry_after_seconds)
        if line is None:
            metrics.GATEWAY_REQUESTS.labels(UNKNOWN, str(reply.status)).inc()
        else:
            line.count(reply.status)
        return self._response(line, reply)

    def _line(self, request: web.BaseRequest) -> Line | None:
        path, _, _ = request.raw_path.partition("?")
        return self._receiver.lines.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None

    async def _reply(self, line: Line | None, request: web.BaseRequest) -> Reply:
        if line is None:
            return Reply(404, b"no source of this name\n")
        if request.method not in line.source.platform.methods:
            return Reply(405, b"not this method\n")
        if self.stopping:
            return Reply(503, b"stopping, send again\n", 1)
        if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
            return Reply(415, f"Content-Encoding is {encoding[:40]}, expected none\n".encode(errors="replace"))
        return await self._receiver.take(line, self._incoming(request, await self._body(request, self._most(line))))

    def _most(self, line: Line | None) -> int:
        """The bytes of a body that a source takes."""
        own = None if line is None else line.source.config.body_bytes
        return self._limits.body_bytes if own is None else own

    async def _body(self, request: web.BaseRequest, most: int) -> bytes:
        """The whole body. Raises TooLarge, TimeoutError."""
        content = request.content
        if (stated := request.content_length) is not None and stated > most:
            raise TooLarge
        if content.is_eof():  # it came with its headers, as nearly all do
            body = content.read_nowait()
            if len(body) > most:
                raise TooLarge
            return body
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(self._limits.answer_within_seconds):
            return await self._in_pieces(content, most)

    async def _in_pieces(self, content: StreamReader, most: int) -> bytes:
        """A body as it comes; many large ones at once are more than memory should hold."""
        parts: list[bytes] = []
        size = 0
        try:
            while part := await content.readany():
                size += len(part)
                self._held += len(part)
                if size > most:
                    raise TooLarge
                if self._held > self._limits.in_flight_bytes:
                    raise TooMuch
                parts.append(part)
        finally:
            self._held -= size
        return b"".join(parts)

    def _incoming(self, request: web.BaseRequest, body: bytes) -> Incoming:
        path, _, query = request.raw_path.partition("?")
        base = self._public_url or f"{request.scheme}://{request.host}"
        stated: Mapping[str, str] = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
        return Incoming(request.method, base + request.raw_path, path, stated, request.headers, body, self._now_ms())

    def _response(self, line: Line | None, reply: Reply) -> web.Response:
        response = (
            _answer(reply.answer)
            if reply.answer is not None
            else web.Response(
                status=reply.status,
                body=reply.body or None,
                headers=SERVER,
                content_type=None if reply is OK else "text/plain",
            )
        )
        if reply.retry_after is not None:
            response.headers["Retry-After"] = str(reply.retry_after)
        if reply.status == 405 and line is not None:
            response.headers["Allow"] = ", ".join(sorted(line.source.platform.methods))
        if reply.status in (408, 413) or self.stopping:
            response.force_close()
        return response


def _answer(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body, headers=SERVER)
    response.headers["Content-Type"] = answer.content_type
    for name, value in answer.headers:
        response.headers[name] = value
    return response


def web_app(not_ready: Callable[[], str | None], is_live: Callable[[], bool]) -> web.Application:
    """/live, /ready and /metrics."""

    async def live(_: web.Request) -> web.Response:
        ok = is_live()
        return web.Response(text="live" if ok else "the gateway is stuck", status=200 if ok else 503)

    async def ready(_: web.Request) -> web.Response:
        problem = not_ready()
        return web.Response(text=problem or "ready", status=503 if problem else 200)

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/live", live), web.get("/ready", ready), web.get("/metrics", exposition)])
    return app
