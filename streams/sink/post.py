"""One try: a signed POST, its answer.

Law of this module: certificates are verified, redirects are not followed, cookies are not kept, proxies of the
environment are not used, and nothing that a target answers is kept but its status and Retry-After. Secrets are in the
headers of the request and nowhere else.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime
from importlib.metadata import version

import aiohttp
from yarl import URL

from streams.secret_refs import SecretRef
from streams.sink.body import CONTENT_TYPE
from streams.sink.config import Target
from streams.sink.retry import Answer, answered
from streams.sink.signing import BadSecret, key_from, signatures
from streams.traceparent import HEADER, Trace

MOST_READ = 16_384  # of an answer's body; one that is longer costs its connection
KEEP_ALIVE_SECONDS = 15.0


class Poster:
    """Posts to one target. Made when the event loop runs."""

    def __init__(self, name: str, target: Target) -> None:
        """Reads the secrets. Raises SecretUnreadable, BadSecret."""
        self._url = URL(target.url)
        self._keys = keys_of(name, target)
        self._headers = {
            **static_headers(name, target),
            "Content-Type": CONTENT_TYPE[target.body],
            "User-Agent": f"leadlane/{version('leadlane')}",
        }
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=target.concurrency,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                ssl=ssl.create_default_context(cafile=target.ca_file) if self._url.scheme == "https" else True,
            ),
            timeout=aiohttp.ClientTimeout(total=target.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
            auto_decompress=False,
        )

    async def post(self, delivery_id: str, body: bytes, span: Trace | None) -> Answer:
        """Send it once; never raises for what the network or the target does."""
        timestamp = int(time.time())
        headers = {
            **self._headers,
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(self._keys, delivery_id, timestamp, body),
            "Idempotency-Key": delivery_id,
        }
        if span is not None:
            headers[HEADER] = span.header().decode()
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                answer = answered(response.status, response.headers.get("Retry-After"), datetime.now(UTC))
                if not response.content.at_eof():
                    await response.content.read(MOST_READ)  # so that the connection can be used again
                return answer
        except TimeoutError:
            return Answer(None, "did not answer in time", why="timeout")
        except aiohttp.ClientConnectorCertificateError:
            return Answer(None, "shows a certificate that is not to be trusted", why="connection")
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            # Only the class: an error's text may quote what was sent.
            return Answer(None, f"gave no answer ({type(error).__name__})", why="connection")

    async def close(self) -> None:
        await self._session.close()


def keys_of(name: str, target: Target) -> tuple[bytes, ...]:
    """The keys that sign. Raises SecretUnreadable, BadSecret."""
    return tuple(key_from(ref.read(), f"targets.{name}.secrets[{at}]") for at, ref in enumerate(target.secrets))


def static_headers(name: str, target: Target) -> dict[str, str]:
    """The target's own headers, secrets read. Raises SecretUnreadable, BadSecret."""
    headers = {}
    for header, value in target.headers.items():
        headers[header] = value.read() if isinstance(value, SecretRef) else value
        if not headers[header].isprintable() or not headers[header].isascii():
            raise BadSecret(f"targets.{name}.headers.{header}: expected printable ASCII on one line (not shown).")
    return headers
