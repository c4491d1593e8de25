"""Marketo's activities and webhooks, from the Marketo Engage developer guide (tests/gateway_samples/README.md).

The pages come from an HTTP server here, which answers the guide's samples and errors in the order that a test states.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from streams.core.events import ActivitySignal, IntentSignal, LeadProfile, ScoreSignal
from streams.core.resync import ResyncRequest
from streams.core.sources import SourcePosition
from streams.gateway.config import Source
from streams.gateway.marketo import KEPT_MS, OVERLAP_MS, Activities, Marketo, items_of
from streams.gateway.platform import Item, Reading, Unauthorized
from streams.gateway.polling import NotNow, Page
from tests.gateway_platforms import NOW, SECRET, request, sample_json, shipped, told
from tests.servers import serving

STREAM, OTHER = "activities-1.2.6.8.9.10.11.13.22.27", "activities-46"
TOKEN = sample_json("marketo/paging_token.json")["nextPageToken"]
NEXT = sample_json("marketo/activities.json")["nextPageToken"]
ENDPOINT = "https://123-ABC-456.mktorest.com"


def error(code: str, message: str = "message") -> dict[str, Any]:
    return {"requestId": "e42b#14272d07d78", "success": False, "errors": [{"code": code, "message": message}]}


class Instance:
    """A Marketo instance: what it was asked, and what it answers next."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str | None]] = []
        self.answers: list[Any] = []  # of activities.json; a number is a status
        self.identity: Any = sample_json("marketo/identity.json")
        self.paging: Any = sample_json("marketo/paging_token.json")

    async def answer(self, request: web.Request) -> web.Response:
        query = {**request.query, **(await request.post() if request.method == "POST" else {})}
        self.asked.append(
            (
                request.method,
                request.path,
                {str(k): str(v) for k, v in query.items()},
                request.headers.get("Authorization"),
            )
        )
        name = request.path.rpartition("/")[2]
        found = {"token": self.identity, "pagingtoken.json": self.paging}.get(name) or self.answers.pop(0)
        if isinstance(found, int):
            return web.Response(status=found, text="not JSON")
        return web.json_response(found)

    def calls(self) -> list[str]:
        return [path.rpartition("/")[2] for _, path, _, _ in self.asked]


@asynccontextmanager
async def marketo(tmp_path: Path, **changes: str) -> AsyncIterator[tuple[Instance, Activities, Source]]:
    instance = Instance()
    async with serving(instance.answer) as url:
        source = shipped("marketo.yaml", tmp_path, {ENDPOINT: url, **changes})["marketo"]
        assert isinstance(source.platform, Marketo)
        polled = source.platform.polled()
        assert isinstance(polled, Activities)
        try:
            yield instance, polled, source
        finally:
            await polled.close()


def place(token: str | None, since: int | None = NOW - 60_000, **more: Any) -> SourcePosition:
    return SourcePosition(source="marketo", stream=STREAM, at=NOW - 1000, token=token, since=since, **more)


def mapped(source: Source, page: Page) -> list[tuple[str, Any]]:
    found = [source.mapper.map(item, NOW) for item in page.reading.items]
    assert not [fault for each in found for fault in each.faults]
    return [event for each in found for event in each.events]


async def test_the_first_page_starts_at_a_paging_token_of_a_time(tmp_path: Path) -> None:
    async with marketo(tmp_path) as (instance, polled, source):
        instance.answers = [sample_json("marketo/activities.json")]
        page = await polled.page(STREAM, None, NOW)
        assert mapped(source, page) == [
            (
                "signals.activity",
                ActivitySignal(
                    event_id="marketo:102988:page", lead_id="marketo-1", occurred_at=1673911939000, source="marketo",
                    kind="page_viewed", channel="web",
                ),
            )
        ]  # fmt: skip
        assert page.position == SourcePosition(source="marketo", stream=STREAM, at=NOW, token=NEXT, since=NOW, items=1)
        assert not page.more
        assert instance.asked == [
            (
                "GET", "/identity/oauth/token",
                {"grant_type": "client_credentials", "client_id": SECRET, "client_secret": SECRET}, None,
            ),
            (
                "GET", "/rest/v1/activities/pagingtoken.json", {"sinceDatetime": "2026-11-24T21:06:31Z"},
                "Bearer cdf01657-110d-4155-99a7-f986b2ff13a0:int",
            ),
            (
                "GET", "/rest/v1/activities.json",
                {"activityTypeIds": "1,2,6,8,9,10,11,13,22,27", "nextPageToken": TOKEN},
                "Bearer cdf01657-110d-4155-99a7-f986b2ff13a0:int",
            ),
        ]  # fmt: skip


async def test_more_than_ten_types_are_several_streams(tmp_path: Path) -> None:
    """ "Pass up to ten activity type IDs.\""""
    async with marketo(tmp_path) as (instance, polled, _):
        assert polled.streams == (STREAM, OTHER)
        instance.answers = [sample_json("marketo/activities.json")]
        await polled.page(OTHER, place(TOKEN), NOW)
        assert instance.asked[-1][2]["activityTypeIds"] == "46"


async def test_pages_follow_their_tokens_and_the_access_token_is_kept(tmp_path: Path) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        tokens = ["A+/=&", "B", "C"]  # to be encoded in a URL
        body = sample_json("marketo/activities.json")
        instance.answers = [body | {"nextPageToken": token, "moreResult": token != "C"} for token in tokens]
        position: SourcePosition | None = None
        mores: list[bool] = []
        for _ in tokens:
            page = await polled.page(STREAM, position, NOW)
            position, mores = page.position, [*mores, page.more]
        assert mores == [True, True, False]
        assert instance.calls() == ["token", "pagingtoken.json"] + ["activities.json"] * 3
        assert [query["nextPageToken"] for _, path, query, _ in instance.asked if path.endswith("activities.json")] == [
            TOKEN, "A+/=&", "B",
        ]  # fmt: skip


async def test_while_there_is_more_only_what_came_counts_as_read(tmp_path: Path) -> None:
    latest = 1673911939000
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [sample_json("marketo/activities.json") | {"moreResult": more} for more in (True, False)]
        page = await polled.page(STREAM, place(TOKEN, since=0), NOW)
        assert page.position.since == latest - OVERLAP_MS
        page = await polled.page(STREAM, page.position, NOW)
        assert page.position.since == NOW - OVERLAP_MS


async def test_an_empty_page_that_says_more_with_its_own_token_is_asked_again_later(tmp_path: Path) -> None:
    """Knowledge base ka-29362: no result, moreResult true, and the token that was sent."""
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [sample_json("marketo/empty_more.json")]
        page = await polled.page(STREAM, place("ABC"), NOW)
        assert (page.reading.items, page.more) == ((), False)
        instance.answers = [sample_json("marketo/empty_more.json") | {"nextPageToken": "ABD"}]
        assert (await polled.page(STREAM, place("ABC"), NOW)).more


@pytest.mark.parametrize("code", ["601", "602"])
async def test_an_access_token_that_is_gone_is_renewed_once(tmp_path: Path, code: str) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [error(code, "Access token expired"), sample_json("marketo/activities.json")]
        assert (await polled.page(STREAM, place(TOKEN), NOW)).reading.items
        assert instance.calls() == ["token", "activities.json", "token", "activities.json"]
        instance.answers = [error(code), error(code)]
        with pytest.raises(NotNow, match="does not let the service in"):
            await polled.page(STREAM, place(TOKEN), NOW)


async def test_an_access_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.identity = sample_json("marketo/identity.json") | {"expires_in": 30}
        instance.answers = [sample_json("marketo/activities.json")] * 2
        await polled.page(STREAM, place(TOKEN), NOW)
        await asyncio.sleep(1.1)
        await polled.page(STREAM, place(TOKEN), NOW)
        assert instance.calls() == ["token", "activities.json"] * 2


@pytest.mark.parametrize(
    ("code", "fits"),
    [
        ("606", lambda seconds: seconds == 20),  # more than 100 calls in 20 s
        ("607", lambda seconds: 2 <= seconds <= 3600),  # the day's quota
        ("615", lambda seconds: seconds == 5),  # ten calls at once
        ("603", lambda seconds: seconds == 300),
    ],
)
async def test_a_limit_says_how_long_to_wait(tmp_path: Path, code: str, fits: Callable[[float], bool]) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [error(code)]
        with pytest.raises(NotNow) as waits:
            await polled.page(STREAM, place(TOKEN), NOW)
        assert fits(waits.value.seconds)


async def test_what_passes_is_waited_for_twice_as_long_each_time(tmp_path: Path) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [
            502,
            503,
            error("713"),
            error("611"),
            error("604"),
            [1, 2],
            sample_json("marketo/activities.json"),
            500,
        ]
        seconds = []
        for _ in range(6):
            with pytest.raises(NotNow) as waits:
                await polled.page(STREAM, place(TOKEN), NOW)
            seconds.append(waits.value.seconds)
        assert seconds == [2, 4, 8, 16, 32, 64]
        await polled.page(STREAM, place(TOKEN), NOW)
        with pytest.raises(NotNow) as waits:
            await polled.page(STREAM, place(TOKEN), NOW)
        assert waits.value.seconds == 2


async def test_a_paging_token_that_is_refused_is_replaced_by_one_of_the_time_that_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [error("1003", "Invalid nextPageToken"), sample_json("marketo/activities.json")]
        with caplog.at_level(logging.WARNING):
            page = await polled.page(STREAM, place("EXPIRED"), NOW)
        assert page == Page(
            page.reading, SourcePosition(source="marketo", stream=STREAM, at=NOW, token=None, since=NOW - 60_000), True
        )
        assert (page.reading.items, page.reading.resync) == ((), ())
        page = await polled.page(STREAM, page.position, NOW)
        assert len(page.reading.items) == 1
        assert instance.asked[-2][2] == {"sinceDatetime": "2026-11-24T21:05:31Z"}


async def test_after_longer_than_marketo_keeps_activities_what_is_gone_is_said(tmp_path: Path) -> None:
    since = NOW - KEPT_MS - 5
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [error("1003")]
        page = await polled.page(STREAM, place("EXPIRED", since), NOW)
        assert page.reading.resync == (
            ResyncRequest(
                request_id=f"{STREAM}/{since}", source="marketo", kind="position_lost", requested_at=NOW, entity=STREAM,
                since=since, until=NOW - KEPT_MS,
                reason="the paging token is no longer taken, and Marketo may not keep activities of so long ago",
            ),
        )  # fmt: skip


async def test_a_fresh_token_that_is_refused_is_somebodys_mistake(tmp_path: Path) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [error("1003")]
        with pytest.raises(NotNow, match="check activity_types") as waits:
            await polled.page(STREAM, None, NOW)
        assert waits.value.seconds == 300


async def test_an_address_that_is_too_long_is_sent_as_post(tmp_path: Path) -> None:
    """414: "retried as a POST with the parameter _method=GET in the URL, and the rest of the query in the body"."""
    async with marketo(tmp_path) as (instance, polled, _):
        instance.answers = [414, sample_json("marketo/activities.json")]
        assert (await polled.page(STREAM, place(TOKEN), NOW)).reading.items
        method, _, query, _ = instance.asked[-1]
        assert (method, query) == (
            "POST",
            {"_method": "GET", "activityTypeIds": "1,2,6,8,9,10,11,13,22,27", "nextPageToken": TOKEN},
        )


@pytest.mark.parametrize("answer", [401, 500, {"error": "invalid_client"}])
async def test_no_secret_is_in_what_is_said_when_the_identity_fails(
    tmp_path: Path, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with marketo(tmp_path) as (instance, polled, _):
        instance.identity = answer
        with pytest.raises(NotNow) as waits:
            await polled.page(STREAM, None, NOW)
        assert SECRET not in str(waits.value)
    with pytest.raises(NotNow, match="cannot be reached") as waits:  # the server is gone, and the session with it
        await Activities("marketo", polled._rest).page(STREAM, None, NOW)
    assert SECRET not in str(waits.value) + caplog.text
    assert waits.value.__cause__ is None


async def test_activities_mean_what_the_shipped_file_says(tmp_path: Path) -> None:
    async with marketo(tmp_path) as (_, _, source):
        common: dict[str, Any] = {"lead_id": "marketo-775", "occurred_at": 1410993109000, "source": "marketo"}
        base = {"leadId": 775, "activityDate": "2014-09-17T22:31:49+0000"}  # the guide's dates end in Z or in +0000

        def said(kind: int, name: Any = None, **attributes: Any) -> list[tuple[str, Any]]:
            stated = [{"name": key, "value": value} for key, value in attributes.items()]
            activity = {
                **base,
                "id": 7,
                "marketoGUID": "g7",
                "activityTypeId": kind,
                "primaryAttributeValue": name,
                "attributes": stated,
            }
            items, left = items_of([activity])
            assert left == []
            return mapped(source, Page(reading=told_reading(items), position=place(None), more=False))

        def activity(rule: str, kind: Any, by: Any = "lead", channel: Any = "email") -> list[tuple[str, Any]]:
            event_id = f"marketo:g7:{rule}"
            return [
                ("signals.activity", ActivitySignal(event_id=event_id, kind=kind, by=by, channel=channel, **common))
            ]

        def profile(rule: str, **fields: Any) -> list[tuple[str, Any]]:
            return [("leads.profiles", LeadProfile(event_id=f"marketo:g7:{rule}", **fields, **common))]

        new = "New Value"
        assert said(1, "/pricing") == activity("page", "page_viewed", channel="web")
        assert said(2, "Contact us") == activity("form", "form_submitted", channel="web")
        assert said(6) == activity("sent", "sent", "system")
        assert said(8) == activity("bounced", "bounce_hard", "system")
        assert said(27) == activity("bounced-for-now", "bounce_soft", "system")
        assert said(9) == activity("unsubscribed", "unsubscribe")
        assert said(10) == activity("opened", "opened")
        assert said(10, **{"Is Bot Activity": True}) == []
        assert said(11) == activity("clicked", "clicked")
        assert said(13, "Unsubscribed", **{new: "true"}) == activity("opted-out", "unsubscribe")
        assert said(13, "Unsubscribed", **{new: "false"}) == []
        assert said(13, "Email Address", **{new: "Ada@Example.com"}) == profile("address", email="ada@example.com")
        assert said(13, "Company Name", **{new: "Acme"}) == profile("company", company="Acme")
        assert said(13, "Job Title", **{new: "CFO"}) == profile("title", title="CFO")
        assert said(22, "Lead Score", **{new: "171"}) == [
            ("signals.scores", ScoreSignal(event_id="marketo:g7:score", kind="engagement", value=100, **common))
        ]
        assert said(46, "Visited pricing") == [
            (
                "signals.intent",
                IntentSignal(event_id="marketo:g7:moment", strength=60, topic="Visited pricing", **common),
            )
        ]


def told_reading(items: list[Item]) -> Reading:
    return Reading(tuple(items))


def test_what_is_no_activity_is_left_over_and_the_guid_goes_before_the_id() -> None:
    """ "The string attribute marketoGUID replaces the integer attribute id as the unique identifier.\""""
    items, left = items_of(
        [{"id": 1, "marketoGUID": "g1", "activityTypeId": 1}, {"id": 2, "activityTypeId": 1}, {"id": 3}, "x"]
    )
    assert [item.id for item in items] == ["g1", "2"]
    assert [each.body for each in left] == [b'{"id":3}', b'"x"']


def test_a_webhook_is_what_its_template_says(tmp_path: Path) -> None:
    source = shipped("marketo.yaml", tmp_path)["marketo"]
    body = {"event": "demo_requested", "leadId": 775, "at": "2026-11-24T21:06:31Z"}
    found = told(source, request(body, {"X-Leadlane-Key": SECRET}))
    ((topic, intent),) = found.events
    assert topic == "signals.intent"
    assert intent == IntentSignal(
        event_id=intent.event_id, lead_id="marketo-775", occurred_at=1795554391000, source="marketo", strength=90,
        topic="demo_requested",
    )  # fmt: skip
    again = told(source, request(body, {"X-Leadlane-Key": SECRET})).items[0].id
    later = told(source, request(body | {"at": "2026-11-24T21:06:32Z"}, {"X-Leadlane-Key": SECRET})).items[0].id
    assert again == found.items[0].id
    assert later != again
    for header in ({}, {"X-Leadlane-Key": "wrong"}):
        with pytest.raises(Unauthorized):
            told(source, request(body, header))


def test_a_page_that_lies_in_dead_letters_is_read_as_it_was_when_it_was_polled(tmp_path: Path) -> None:
    source, page = shipped("marketo.yaml", tmp_path)["marketo"], sample_json("marketo/activities.json")
    items, _ = items_of(page["result"])
    for body in (page, page["result"][0]):
        assert source.platform.read(request(body)).items == tuple(items)


def test_a_source_that_is_only_polled_takes_no_webhooks(tmp_path: Path) -> None:
    text = "      auth:\n        header: {name: x-leadlane-key, secrets: [{env: MARKETO_WEBHOOK_KEY}]}\n"
    source = shipped("marketo.yaml", tmp_path, {text: ""})["marketo"]
    with pytest.raises(Unauthorized, match="takes no webhooks"):
        told(source, request({"event": "x"}))
