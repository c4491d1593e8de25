"""The documentation's samples of every platform, POSTed to a running gateway, are records on a real Kafka; what is
polled is there too, and once, whatever is killed.

What stands on the topics is read with a plain Avro reader and the released schemas, not with Leadlane's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import pytest
from aiohttp import ClientSession, web
from confluent_kafka import Consumer, TopicPartition
from fastavro import schemaless_reader
from fastavro.schema import load_schema

from schemas.check import HERE as SCHEMAS
from streams import metrics
from streams.core.events import RECORD, Event
from streams.gateway.app import Gateway
from streams.gateway.config import GatewayConfig, Source, load_config
from streams.gateway.platform import Incoming
from streams.gateway.tokens import token_of
from streams.lane.deadletters import DeadLetter
from streams.settings import Settings
from streams.topics import TOPIC
from tests.gateway_platforms import FILES, NOW, SECRET, request, sample, sample_json, shipped, signature, told
from tests.kafka.conftest import FreshTopics
from tests.servers import serving
from tests.unit import test_platform_mailgun as mailgun
from tests.unit import test_platform_sendgrid as sendgrid
from tests.unit import test_platform_ses as ses

LANES = 3
PATIENCE_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}


# --- a plain reader ---------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """A record as it stands on a topic."""

    topic: str
    key: bytes | None
    name: str  # ce_id
    value: dict[str, Any]


@cache
def schema_of(number: int) -> Any:
    subjects = tomllib.loads((SCHEMAS / "subjects.toml").read_text("utf-8"))
    (found,) = (
        (record, each["version"])
        for record, subject in subjects.items()
        for each in subject["versions"]
        if each["id"] == number
    )
    return load_schema(str(SCHEMAS / found[0] / f"v{found[1]}.avsc"), _write_hint=False)


def stated(value: Any) -> Any:
    """Avro's times as ms, as the records of the code have them."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {name: stated(part) for name, part in value.items()}
    return [stated(part) for part in value] if isinstance(value, list) else value


def standing(brokers: str, topic: str) -> list[Found]:
    """Everything on a topic, read by a consumer that knows Avro and the schemas' files alone."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "plain", "enable.auto.commit": False})
    found: list[Found] = []
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        for number in partitions:
            place = TopicPartition(topic, number, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([place])
            at = 0
            while at < end:
                for message in consumer.consume(500, 0.2):
                    assert message.error() is None
                    at = int(message.offset() or 0) + 1
                    found.append(_found(topic, message))
    finally:
        consumer.close()
    return found


def _found(topic: str, message: Any) -> Found:
    value = message.value()
    assert value[0] == 0
    datum = schemaless_reader(BytesIO(value[5:]), schema_of(int.from_bytes(value[1:5], "big")), None)
    return Found(topic, message.key(), dict(message.headers())["ce_id"].decode(), stated(datum))


def event_of(found: Found) -> Event:
    return msgspec.convert(found.value, RECORD[str(TOPIC[found.topic].record)])


# --- every platform's samples -----------------------------------------------------------------------------------------


class Sent(NamedTuple):
    """One request to a source, and what is answered."""

    source: str
    incoming: Incoming
    status: int = 200


def requests() -> Iterator[Sent]:
    bearer = {"Authorization": f"Bearer {SECRET}", **JSON}
    for name in ("1_account", "2_contact", "3_opportunity", "4_lead"):
        yield Sent("salesforce", request(sample(f"salesforce/conversion_{name}.json"), bearer))
    for name in ("merged", "gap", "overflow", "gap_cometd", "platform_event", "enriched_update"):
        yield Sent("salesforce", request(sample(f"salesforce/{name}.json"), bearer))
    yield Sent("salesforce", request({"hello": "world"}, bearer))
    yield Sent("salesforce", request(sample("salesforce/merged.json"), JSON), 401)
    for name in ("identify", "track", "webhook_page", "webhook_group", "webhook_delete", "webhook_identify"):
        body = sample(f"segment/{name}.json")
        yield Sent("segment", request(body, {"X-Signature": signature("sha1", body), **JSON}))
    yield Sent("segment", request(body, {"X-Signature": signature("sha1", body, "wrong"), **JSON}), 401)
    yield Sent("rudderstack", request(sample("segment/rudderstack_identify.json"), {"X-Signing-Key": SECRET, **JSON}))
    for number, name in enumerate(("delivered", "opened", "clicked", "complained", "unsubscribed", "failed_permanent")):
        yield Sent("mailgun", mailgun.webhook(sample_json(f"mailgun/event_{name}.json"), token=f"{number:050}"))
    yield Sent("mailgun", mailgun.multipart(mailgun.a_mail(), token="m" * 50))
    brackets = mailgun.a_mail(**{"body-plain": "see attachment\n" + "[{" * 500})
    yield Sent("mailgun", mailgun.multipart(brackets, token="n" * 50))
    yield Sent("mailgun", mailgun.webhook(sample_json("mailgun/event_opened.json"), key="wrong"), 401)
    yield Sent("sendgrid", sendgrid.signed(sample("sendgrid/events.json")))
    yield Sent("sendgrid-inbound", sendgrid.inbound("sendgrid/inbound_default.multipart"))
    yield Sent("sendgrid-inbound", sendgrid.inbound("sendgrid/inbound_raw.multipart"))
    for name in ("bounce_without_dsn", "complaint_with_feedback", "delivery", "received", "event_click", "received_s3"):
        yield Sent("ses", ses.signed(ses.notification(sample_json(f"ses/{name}.json"), MessageId=name)))
    yield Sent("ses", ses.signed(sample_json("ses/sns_subscriptionconfirmation.json")))
    structured = {"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {SECRET}"}
    said = {"specversion": "1.0", "type": "leadlane.ScoreSignal", "source": "/crm", "id": "7", "subject": "lead-7"}
    yield Sent("events", request({**said, "data": {"kind": "fit", "value": 71}}, structured))
    yield Sent("events", request(sample("cloudevents/structured.json"), structured))
    yield Sent("events", request(b"", {"WebHook-Request-Origin": "elsewhere.example"}, method="OPTIONS"), 403)
    form, query = (
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"t": token_of("lead-7", SECRET, "unsubscribe")},
    )
    yield Sent("unsubscribe", request(b"List-Unsubscribe=One-Click", form, query=query))
    yield Sent("unsubscribe", request(b"", {}, method="GET", query=query))
    yield Sent("unsubscribe", request(b"List-Unsubscribe=One-Click", form, query={"t": "lead-7"}), 401)
    asked = {"event": "demo_requested", "leadId": 775, "at": "2026-11-24T21:06:31Z"}
    yield Sent("marketo", request(asked, {"X-Leadlane-Key": SECRET, **JSON}))


def every_source(folder: Path) -> dict[str, Source]:
    certificates = folder / "sns"
    certificates.mkdir()
    (certificates / ses.NAME).write_bytes(ses.certificate())
    text = (FILES / "marketo.yaml").read_text("utf-8")
    polled = text[text.index("      rest:\n") : text.index("      auth:\n")]
    changes: Mapping[str, Mapping[str, str]] = {
        "sendgrid": {sendgrid.THEIRS["public_key"]: sendgrid.PUBLIC},
        "ses": {"/etc/leadlane/sns": str(certificates)},
        "marketo": {polled: ""},  # webhooks alone
    }
    names = ("salesforce", "segment", "mailgun", "sendgrid", "ses", "cloudevents", "unsubscribe", "marketo")
    return {
        source: made
        for name in names
        for source, made in shipped(f"{name}.yaml", folder, changes.get(name)).items()
    }  # fmt: skip


@contextlib.asynccontextmanager
async def running(settings: Settings, sources: Mapping[str, Source], **how: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings, GatewayConfig(sources), **how)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def test_the_documentations_samples_are_records_each_once(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
    sources, sent = every_source(tmp_path), list(requests())
    taken = [each for each in sent if each.status == 200 and each.incoming.method == "POST"]
    events = [pair for each in taken for pair in told(sources[each.source], each.incoming).events]
    wanted = {event.event_id: (topic, event) for topic, event in events}
    assert len(wanted) == len(events)
    async with running(settings, sources, clock_ms=lambda: NOW) as gateway, ClientSession() as session:
        for _ in range(2):  # platforms repeat what they said
            for each in sent:
                url = f"http://127.0.0.1:{gateway.port}/v1/{each.source}?{urlencode(each.incoming.query)}"
                headers, body = dict(each.incoming.headers), each.incoming.body
                async with session.request(each.incoming.method, url, data=body, headers=headers) as answer:
                    assert answer.status == each.status, (each, await answer.text())
    topics = sorted({topic for topic, _ in events})
    found = [record for topic in topics for record in standing(settings.brokers, topic)]
    assert len(found) == len(wanted)
    assert {record.name: (record.topic, event_of(record)) for record in found} == wanted
    assert all(record.key == record.value["lead_id"].encode() for record in found)
    assert topics == [
        "labels.outcomes", "leads.profiles", "signals.activity", "signals.intent", "signals.replies", "signals.scores",
    ]  # fmt: skip
    assert {record.value["source"] for record in found} == set(sources)


async def test_what_is_lost_there_and_what_cannot_be_read_is_kept_too(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)
    sources = every_source(tmp_path)
    async with running(settings, sources, clock_ms=lambda: NOW) as gateway, ClientSession() as session:
        for each in (*requests(), *requests()):
            if each.source in ("salesforce", "ses") and each.status == 200:
                url = f"http://127.0.0.1:{gateway.port}/v1/{each.source}"
                async with session.post(url, data=each.incoming.body, headers=dict(each.incoming.headers)) as answer:
                    assert answer.status == 200
    lost = standing(settings.brokers, "sources.resync")
    assert sorted((each.value["kind"], each.value["entity"], tuple(each.value["record_ids"])) for each in lost) == [
        ("gap", "Account", ("001ZM000001n4n5YAA",)),
        ("gap", "Event", ("00Uxx000000fvRQEAY",)),
        ("overflow", "Account", ()),
    ]
    letters = [msgspec.convert(each.value, DeadLetter) for each in standing(settings.brokers, "dead.letters")]
    assert sorted((letter.topic, (letter.value or b"")[:17]) for letter in letters) == [
        ("gateway/salesforce", b'{"hello": "world"'),
        ("gateway/ses", b'{"Type": "Notific'),
    ]


# --- polling ----------------------------------------------------------------------------------------------------------


class Log:
    """An instance of Marketo with a long activity log: pages of `size`, the token is the next activity's number."""

    def __init__(self, amount: int, size: int) -> None:
        self.amount, self.size, self.pages = amount, size, 0
        self.allowed = asyncio.Event()
        self.allowed.set()

    async def answer(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if name == "token":
            return web.json_response(sample_json("marketo/identity.json"))
        if name == "pagingtoken.json":
            return web.json_response(sample_json("marketo/paging_token.json") | {"nextPageToken": "T0"})
        if request.query["activityTypeIds"] == "46":
            return web.json_response({"success": True, "nextPageToken": "none", "moreResult": False})
        await self.allowed.wait()
        self.pages += 1
        begin = int(request.query["nextPageToken"][1:])
        numbers = range(begin, min(self.amount, begin + self.size))
        activity = sample_json("marketo/activities.json")["result"][0]
        result = [{**activity, "id": number, "marketoGUID": f"g{number}", "leadId": number % 97} for number in numbers]
        end = begin + len(numbers)
        answer = {"success": True, "result": result, "nextPageToken": f"T{end}", "moreResult": end < self.amount}
        return web.json_response(answer)


@contextlib.asynccontextmanager
async def a_log(amount: int, size: int) -> AsyncIterator[tuple[Log, str]]:
    log = Log(amount, size)
    async with serving(log.answer) as url:
        yield log, url


def polled_file(folder: Path, url: str) -> Path:
    changes = {"https://123-ABC-456.mktorest.com": url, "poll_seconds: 30": "poll_seconds: 0.5"}
    shipped("marketo.yaml", folder, changes)
    return folder / "marketo.yaml"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def process(settings: Settings, path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = os.environ | {"LEADLANE_APP_ID": settings.app_id, "LEADLANE_LANES": str(LANES)}
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", "gateway", "run", str(path), "--brokers", settings.brokers,
        "--host", "127.0.0.1", "--port", "0", "--web-port", "0", env=environment,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def positions(settings: Settings) -> dict[str, dict[str, Any]]:
    return {str(each.key): each.value for each in standing(settings.brokers, "sources.positions")}


def read_of(settings: Settings) -> Counter[str]:
    return Counter(record.name for record in standing(settings.brokers, "signals.activity"))


@pytest.mark.long
async def test_a_gateway_that_is_killed_while_it_polls_goes_on_and_reads_nothing_twice(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    settings = fresh_topics(lanes=LANES)
    async with a_log(amount=3000, size=100) as (log, url):
        path = polled_file(tmp_path, url)
        async with process(settings, path) as gateway:
            await until(lambda: log.pages >= 12)
            gateway.send_signal(signal.SIGKILL)
            await gateway.wait()
        async with process(settings, path):
            await until(lambda: len(read_of(settings)) == 3000)
            key = str(b"marketo/activities-1.2.6.8.9.10.11.13.22.27")
            await until(lambda: positions(settings)[key]["token"] == "T3000")
    assert read_of(settings) == Counter({f"marketo:g{number}:page": 1 for number in range(3000)})


async def test_it_says_when_it_last_read_all(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(lanes=LANES, gateway_port=0, gateway_web_port=0)

    def said() -> str:
        return metrics.exposition().decode()

    async with a_log(amount=250, size=100) as (_, url):
        sources = load_config(polled_file(tmp_path, url)).sources
        async with running(settings, sources, clock_ms=lambda: NOW):
            await until(
                lambda: 'leadlane_gateway_polled_timestamp_seconds{source="marketo"} 1.795554391405e+09' in said()
            )
            assert len(read_of(settings)) == 250
    assert 'leadlane_gateway_polled_timestamp_seconds{source="marketo"}' not in said()


@pytest.mark.long
async def test_of_two_gateways_one_polls_and_the_other_takes_over(fresh_topics: FreshTopics, tmp_path: Path) -> None:
    settings = fresh_topics(lanes=LANES)
    async with a_log(amount=2000, size=100) as (log, url):
        path = polled_file(tmp_path, url)
        async with process(settings, path) as first:
            await until(lambda: log.pages >= 3)
            log.allowed.clear()
            async with process(settings, path):
                await asyncio.sleep(4.0)  # it joins, and is given nothing
                asked = log.pages
                log.allowed.set()
                await until(lambda: log.pages >= asked + 4)
                first.send_signal(signal.SIGKILL)
                await first.wait()
                await until(lambda: len(read_of(settings)) == 2000)
    again = {name: count for name, count in read_of(settings).items() if count > 1}
    # What the first one sent in its last moment is not known to the second: one page, and the lane knows the ids.
    assert len(again) <= 100
    assert set(again.values()) <= {2}
