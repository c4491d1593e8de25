"""A webhook to deliver to: a real HTTP server in a thread of its own, which does what its script says."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import web

KEY = b"a key of thirty-two bytes, or so"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD_KEY = b"the key before, of thirty-two by"
HANG_SECONDS = 30.0
BUSY_SECONDS = 0.001
OLD_SECRET = "whsec_" + base64.b64encode(OLD_KEY).decode()


class Got(NamedTuple):
    """One request."""

    id: str
    lead: str
    data: Mapping[str, Any]  # the record
    headers: Mapping[str, str]
    body: bytes
    number: int  # of the tries of this delivery, from 1
    at: float


# What to do with a request: a status, a status with Retry-After, or "hang" or "reset" in place of an answer.
Does = int | tuple[int, str] | str
Script = Callable[[Got], Does]


def takes_all(_: Got) -> Does:
    return 204


class Webhook:
    """Verifies signatures, honours the idempotency key, keeps what came."""

    def __init__(self, script: Script = takes_all) -> None:
        self.script = script
        self.got: list[Got] = []
        self.effects: list[Got] = []  # each delivery once, when it was first taken
        self.badly_signed = 0
        self.overlapping: set[str] = set()  # leads of which two deliveries were here at once
        self.port = 0
        self._tries: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._here: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def of(self, lead: str) -> list[Any]:
        """What took effect for a lead, in order: the decision ids."""
        return [got.data["decision_id"] for got in self.effects if got.lead == lead]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = dict(request.headers)
        if not is_signed(headers, body, KEY):
            self.badly_signed += 1
            return web.Response(status=401)
        event = json.loads(body)
        data = event.get("data", event)
        identity, lead = headers["Idempotency-Key"], data["lead_id"]
        self._tries[identity] += 1
        got = Got(identity, lead, data, headers, body, self._tries[identity], time.time())
        self.got.append(got)
        does = self.script(got)
        if does == "hang":  # whoever asked goes away first
            await asyncio.sleep(HANG_SECONDS)
            return web.Response()
        here = self._here[lead]
        if here - {identity}:
            self.overlapping.add(lead)
        here.add(identity)
        try:
            await asyncio.sleep(BUSY_SECONDS)
            return self._answer(request, got, does)
        finally:
            here.discard(identity)

    def _answer(self, request: web.Request, got: Got, does: Does) -> web.StreamResponse:
        if does == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, headers = (does[0], {"Retry-After": does[1]}) if isinstance(does, tuple) else (does, {})
        assert isinstance(status, int)
        if status < 300 and got.id not in self._taken:
            self._taken.add(got.id)
            self.effects.append(got)
        return web.Response(status=status, headers=headers)


def is_signed(headers: Mapping[str, str], body: bytes, key: bytes) -> bool:
    """What a receiver does with a signature, written out once more from the specification."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, content, "sha256").digest()).decode()
    recent = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return recent and any(hmac.compare_digest(wanted, each) for each in headers["webhook-signature"].split(" "))


@contextmanager
def a_webhook(script: Script = takes_all) -> Iterator[Webhook]:
    """A webhook that listens on a free port."""
    webhook = Webhook(script)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/hook", webhook.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        webhook.port = runner.addresses[0][1]
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield webhook
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
