"""Calls of Marketo's REST API: the access token, errors in answers of status 200, and how long to wait after each.

Law of this module: the client's secret is in no error and no log: what went wrong is said by code and in our words.

Of "Authentication" and "Error codes" of the developer guide: a token lives an hour and is renewed before; 601 and 602
say that it is not valid any more; 606 is more than 100 calls in 20 s, 607 the day's quota (until midnight, Central),
615 ten calls at once, each counted over all who call the instance; 414 asks for the same as POST with _method=GET.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from streams.errors import LeadlaneError
from streams.gateway.payloads import at_path, json_from, text_at
from streams.gateway.platform import BadRequest
from streams.gateway.polling import NotNow

CALL_SECONDS = 60.0
RENEW_BEFORE_SECONDS = 60
TOKEN_GONE = frozenset({"601", "602"})
SOON = {"606": 20.0, "615": 5.0}  # the window of calls, calls at the same time
QUOTA = "607"
QUOTA_ZONE = ZoneInfo("America/Chicago")
MOST_QUOTA_SECONDS = 3600.0  # the quota may be raised meanwhile
PASSING = frozenset({"500", "502", "604", "608", "611", "614", "713"})
FIRST_SECONDS, MOST_SECONDS = 2.0, 300.0  # between calls that fail for a passing reason: twice as long each time
WRONG_SECONDS = 300.0  # after what somebody must mend
ANSWER_BYTES = 20_000_000
TOO_LONG = 414


class Refused(LeadlaneError):
    """Marketo does not take the call as it is, for example its paging token."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Marketo refused the call with error {code}")
        self.code = code


class MarketoRest:
    """One instance, one custom service. Made outside an event loop, used within one."""

    def __init__(self, endpoint: str, identity: str, client_id: str, client_secret: str) -> None:
        self._endpoint, self._identity = endpoint.rstrip("/"), identity.rstrip("/")
        self._client_id, self._client_secret = client_id, client_secret
        self._session: aiohttp.ClientSession | None = None
        self._token, self._token_until = "", datetime.fromtimestamp(0, UTC)
        self._failures = 0

    async def get(self, path: str, query: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
        """The answer of a call, as an object and as it came. Raises NotNow, and Refused when waiting does not help."""
        for renewed in (False, True):
            if renewed or datetime.now(UTC) >= self._token_until:
                await self._renew()
            body = await self._call(path, query)
            answer = self._object(body)
            if answer.get("success") is True:
                self._failures = 0
                return answer, body
            code = _code(answer)
            if code in TOKEN_GONE and not renewed:
                continue
            self._fail(code)
        raise AssertionError("the second round ends")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _fail(self, code: str) -> None:
        """Raises what the code asks for."""
        if code in SOON:
            raise NotNow(SOON[code], f"Marketo's limit of calls is reached (error {code})")
        if code == QUOTA:
            raise NotNow(_until_midnight(), "Marketo's daily quota of calls is used up (error 607)")
        if code in PASSING or not code:
            raise self._passing(f"Marketo answered with error {code or 'of no code'}")
        if code in TOKEN_GONE or code == "603":
            raise NotNow(WRONG_SECONDS, f"Marketo does not let the service in (error {code}): check its role and user")
        raise Refused(code)

    def _passing(self, why: str) -> NotNow:
        self._failures += 1
        return NotNow(min(MOST_SECONDS, FIRST_SECONDS * 2 ** (self._failures - 1)), why)

    async def _renew(self) -> None:
        query = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        status, body = await self._send("GET", f"{self._identity}/oauth/token", query, {})
        if status in (400, 401, 403):
            raise NotNow(WRONG_SECONDS, f"Marketo does not take the client id and secret (status {status})")
        answer = self._object(body) if status == 200 else {}
        lives = at_path(answer, "expires_in")
        token = text_at(answer, "access_token")
        if not token or not isinstance(lives, int | float):
            raise self._passing(f"Marketo's identity service gave no token (status {status})")
        self._token = token
        self._token_until = datetime.now(UTC) + timedelta(seconds=max(1.0, float(lives) - RENEW_BEFORE_SECONDS))

    async def _call(self, path: str, query: Mapping[str, str]) -> bytes:
        url, headers = f"{self._endpoint}{path}", {"Authorization": f"Bearer {self._token}"}
        status, body = await self._send("GET", url, query, headers)
        if status == TOO_LONG:
            status, body = await self._send("POST", f"{url}?_method=GET", {}, headers, query)
        if status != 200:
            raise self._passing(f"Marketo answered with status {status}")
        return body

    async def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)
        try:
            call = self._session.request(method, url, params=query, headers=headers, data=form, allow_redirects=False)
            async with call as answer:
                body = bytearray()
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > ANSWER_BYTES:
                        raise self._passing(f"Marketo's answer is longer than {ANSWER_BYTES:,} bytes")
                return answer.status, bytes(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Not the error's own words: they may hold the address, and with it the secret.
            raise self._passing(f"Marketo cannot be reached ({type(error).__name__})") from None

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json_from(body)
        except BadRequest:
            answer = None
        if not isinstance(answer, dict):
            raise self._passing("Marketo answered with something that is no JSON object")
        return answer


def _code(answer: dict[str, Any]) -> str:
    errors = answer.get("errors")
    return text_at(errors[0], "code") if isinstance(errors, list) and errors else ""


def _until_midnight() -> float:
    now = datetime.now(QUOTA_ZONE)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(MOST_QUOTA_SECONDS, max(FIRST_SECONDS, (midnight - now).total_seconds()))
