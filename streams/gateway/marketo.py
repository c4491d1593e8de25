"""Marketo Engage: activities by polling its REST API, and webhooks of smart campaigns.

Law of this module: a position moves only past what its page gave; a token that is refused is replaced by one of the
time up to which all is read, so that nothing is left out.

What surprises (Marketo Engage developer guide, REST): marketoGUID is the unique id, `id` no longer; a page may be empty
and yet say moreResult, with the very token that was sent (knowledge base ka-29362); dates end in Z or +0000; a call
takes ten activity types at most, so more of them are several streams; many activities are gone after 90 days.

Kinds: `activity.<type id>` with `attributes` as an object (deploy/gateway/marketo.yaml names the types), and of a
webhook what its payload template calls `event`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

import msgspec
from pydantic import AwareDatetime, Field, model_validator

from streams.core.resync import ResyncRequest
from streams.core.sources import SourcePosition
from streams.gateway.config import SourceConfig
from streams.gateway.marketo_rest import WRONG_SECONDS, MarketoRest, Refused
from streams.gateway.payloads import digest_of, id_from, millis_from, objects_from, text_at
from streams.gateway.platform import Incoming, Item, Options, Reading, Unauthorized, Unmappable, options_of
from streams.gateway.polling import NotNow, Page, Polled
from streams.gateway.signing import Auth, check_of
from streams.secret_refs import SecretRef

TYPES_A_CALL = 10
OVERLAP_MS = 600_000  # read again before a time: activities are logged some time after they happened
KEPT_MS = 90 * 86_400_000  # the least time for which Marketo keeps activities
ACTIVITIES, PAGING = "/rest/v1/activities.json", "/rest/v1/activities/pagingtoken.json"

log = logging.getLogger(__name__)


class Rest(Options):
    """What is polled, and with which custom service (Admin, LaunchPoint)."""

    endpoint: Annotated[str, Field(pattern=r"^(https://|http://127\.0\.0\.1:)[^\s?#]+$")]  # without /rest
    identity: Annotated[str, Field(pattern=r"^(https://|http://127\.0\.0\.1:)[^\s?#]+$")] | None = None
    client_id: SecretRef
    client_secret: SecretRef
    activity_types: Annotated[tuple[int, ...], Field(min_length=1, max_length=100)]
    since: AwareDatetime | None = None  # where the first start begins; None: when it starts
    poll_seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 30.0


class MarketoOptions(Options):
    """`rest` polls, `auth` takes webhooks; either or both."""

    rest: Rest | None = None
    auth: Auth | None = None

    @model_validator(mode="after")
    def _some(self) -> MarketoOptions:
        if self.rest is None and self.auth is None:
            raise ValueError("expected rest (to poll), auth (for webhooks) or both")
        return self


class Marketo:
    """Webhooks come in here; what is polled is given by `polled`."""

    methods = frozenset({"POST"})

    def __init__(self, source: str, options: MarketoOptions) -> None:
        self._source, self._options = source, options
        self._check = check_of(options.auth) if options.auth is not None else None

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        return cls(source.name, options_of(source, MarketoOptions))

    def authenticate(self, incoming: Incoming) -> None:
        if self._check is None:
            raise Unauthorized("this source takes no webhooks, expected `auth` in its options")
        self._check(incoming)

    def read(self, incoming: Incoming) -> Reading:
        """The JSON of the payload template: `event` is the kind, `id` and `at` are used where they are stated.

        A page of activities, and one of them, is read as such: dead letters of what was polled are read again here.
        """
        items: list[Item] = []
        left: list[Unmappable] = []
        for said in objects_from(incoming.body):
            page = said.get("result")
            if isinstance(page, list) or "activityTypeId" in said:
                activities, others = items_of(page if isinstance(page, list) else [said])
                items, left = items + activities, left + others
                continue
            identity = text_at(said, "id") or digest_of(msgspec.json.encode(said))
            items.append(
                Item(text_at(said, "event") or "webhook", id_from(identity), millis_from(said.get("at")), said)
            )
        return Reading(tuple(items), tuple(left))

    def polled(self) -> Polled | None:
        rest = self._options.rest
        return None if rest is None else Activities(self._source, rest)


class Activities:
    """The activity log, in streams of ten types."""

    def __init__(self, source: str, rest: Rest) -> None:
        self._source, self._rest = source, rest
        types = sorted(set(rest.activity_types))
        groups = [types[at : at + TYPES_A_CALL] for at in range(0, len(types), TYPES_A_CALL)]
        # Named by what they hold: other types make another stream, which starts anew.
        self._types = {f"activities-{'.'.join(map(str, group))}": group for group in groups}
        self.streams, self.poll_seconds = tuple(self._types), rest.poll_seconds
        identity = rest.identity or f"{rest.endpoint.rstrip('/')}/identity"
        self._calls = MarketoRest(rest.endpoint, identity, rest.client_id.read(), rest.client_secret.read())

    async def page(self, stream: str, position: SourcePosition | None, now: int) -> Page:
        since = self._start(now) if position is None or position.since is None else position.since
        token = None if position is None else position.token
        fresh = token is None
        if token is None:
            token = await self._token(since)
        query = {"activityTypeIds": ",".join(map(str, self._types[stream])), "nextPageToken": token}
        try:
            answer, body = await self._calls.get(ACTIVITIES, query)
        except Refused as error:
            return self._again(stream, since, now, error, fresh)
        result = answer.get("result")
        items, left = items_of(result if isinstance(result, list) else [])
        following = text_at(answer, "nextPageToken") or token
        more = answer.get("moreResult") is True and following != token
        # All before is read when there is no more; else up to the latest that came.
        until = max((item.at or 0 for item in items), default=0) if answer.get("moreResult") is True else now
        place = SourcePosition(
            source=self._source, stream=stream, at=now, token=following, since=max(since, until - OVERLAP_MS),
            items=len(items),
        )  # fmt: skip
        return Page(Reading(tuple(items), tuple(left)), place, more, body)

    async def close(self) -> None:
        await self._calls.close()

    def _start(self, now: int) -> int:
        return now if self._rest.since is None else round(self._rest.since.timestamp() * 1000)

    async def _token(self, since: int) -> str:
        """A paging token of a time."""
        stated = f"{datetime.fromtimestamp(since // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
        try:
            answer, _ = await self._calls.get(PAGING, {"sinceDatetime": stated})
        except Refused as error:
            raise NotNow(WRONG_SECONDS, f"no paging token since {stated}: {error.args[0]}") from None
        return text_at(answer, "nextPageToken")

    def _again(self, stream: str, since: int, now: int, error: Refused, fresh: bool) -> Page:
        """A position that Marketo no longer takes: the next call starts at the time up to which all is read."""
        if fresh:
            raise NotNow(WRONG_SECONDS, f"{error.args[0]}: check activity_types") from None
        log.warning("%s: %s refuses its own paging token (%s): read again since then", self._source, stream, error.code)
        place = SourcePosition(source=self._source, stream=stream, at=now, token=None, since=since)
        gone = now - KEPT_MS
        if since >= gone:
            return Page(Reading(()), place, more=True)
        lost = ResyncRequest(
            request_id=id_from(stream, str(since)), source=self._source, kind="position_lost", requested_at=now,
            entity=stream, since=since, until=gone,
            reason="the paging token is no longer taken, and Marketo may not keep activities of so long ago",
        )  # fmt: skip
        return Page(Reading((), resync=(lost,)), place, more=True)


def items_of(result: list[Any]) -> tuple[list[Item], list[Unmappable]]:
    """The activities of a page, and what is none."""
    items: list[Item] = []
    left: list[Unmappable] = []
    for activity in result:
        kind = text_at(activity, "activityTypeId")
        identity = text_at(activity, "marketoGUID") or text_at(activity, "id")
        if not isinstance(activity, dict) or not kind or not identity:
            reason = "there is no marketoGUID or activityTypeId, expected an activity of Marketo"
            left.append(Unmappable(msgspec.json.encode(activity), reason))
            continue
        data = {**activity, "attributes": _attributes(activity)}
        items.append(Item(f"activity.{kind[:20]}", id_from(identity), millis_from(activity.get("activityDate")), data))
    return items, left


def _attributes(activity: Mapping[str, Any]) -> dict[str, Any]:
    """[{name, value}] as {name: value}."""
    stated = activity.get("attributes")
    pairs = stated if isinstance(stated, list) else []
    return {
        text_at(pair, "name"): pair.get("value") for pair in pairs if isinstance(pair, dict) and text_at(pair, "name")
    }
