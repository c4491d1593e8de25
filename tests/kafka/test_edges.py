"""From a platform's webhook to a platform's webhook: gateway, worker and sink as processes, each killed on the way.

What HubSpot, Salesforce and Marketo say is what their documentation shows, for more leads than it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from streams.demo.worker import GatewayProcess, Process, SinkProcess, WorkerProcess, free_port, running
from streams.gateway.config import load_config
from streams.kafka import admin
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.settings import Settings, load_settings
from streams.topics import INPUTS
from tests.fuzz.run import prepare
from tests.gateway_platforms import SECRET as OTHER_SECRET
from tests.gateway_platforms import sample_json, shipped, told
from tests.gateways import SECRET as HUBSPOT_SECRET
from tests.gateways import URL, incoming, signed
from tests.kafka.lanes import until
from tests.kafka.test_sink import unfinished
from tests.servers import serving
from tests.unit.test_gateway_hubspot import BATCH
from tests.webhooks import SECRET as SINK_SECRET
from tests.webhooks import a_webhook

pytestmark = pytest.mark.long

LANES = 3
EACH = 30  # leads of each platform
PAGE = 5  # activities of a page of Marketo
PACE_SECONDS = 0.15  # between two requests of a platform, so that the kills come in between
OUT = ("leads.routed", "cadences.commands")
SINK = """\
targets:
  platform:
    url: URL
    deliver: {leads.routed: , cadences.commands: }
    secrets: [{env: HOOK_SECRET}]
    retry: {first_seconds: 0.05, most_seconds: 0.5}
"""


def hubspot_says() -> list[list[dict[str, Any]]]:
    """By lead: HubSpot's sample batch, and later that the contact has opted out."""
    said = []
    for number in range(EACH):
        batch = copy.deepcopy(BATCH)
        for place, notification in enumerate(batch):
            notification |= {"objectId": number, "eventId": 3816279340 + 10 * number + place}
        opted_out = {"propertyName": "hs_email_optout", "propertyValue": "true", "eventId": 3816279349 + 10 * number}
        said += [batch, [{**batch[0], **opted_out}]]
    return said


def salesforce_says() -> list[dict[str, Any]]:
    """By lead: the last event of Salesforce's sample of a conversion, which names the new contact and opportunity."""
    said = []
    for number in range(EACH):
        event = sample_json("salesforce/conversion_4_lead.json")
        header = event["ChangeEventHeader"]
        header["recordIds"] = [f"00Q5f0000{number:06}EAY"]
        header["transactionKey"] = f"00006948-0ac9-7da3-edb3-{number:012}"
        event["ConvertedContactId"] = f"0035f0000{number:06}DAR"
        said.append(event)
    return said


def salesforce_request(event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Body and headers as the relay sends them."""
    return json.dumps(event).encode(), {
        "Authorization": f"Bearer {OTHER_SECRET}",
        "Content-Type": "application/json",
    }


class MarketoInstance:
    """Answers like Marketo: of each lead a page visit and an opt-out; a paging token is the next number."""

    def __init__(self) -> None:
        activity = sample_json("marketo/activities.json")["result"][0]
        self.activities = [
            {**activity, "id": number, "marketoGUID": f"g{number}", "leadId": number // 2, "activityTypeId": kind}
            for number, kind in enumerate([1, 9] * EACH)
        ]
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if name == "token":
            return web.json_response(sample_json("marketo/identity.json"))
        if name == "pagingtoken.json":
            return web.json_response(sample_json("marketo/paging_token.json") | {"nextPageToken": "0"})
        start = int(request.query["nextPageToken"])
        wanted = request.query["activityTypeIds"].split(",")
        page = self.activities[start : start + PAGE]
        return web.json_response(
            {
                "success": True,
                "result": [each for each in page if str(each["activityTypeId"]) in wanted],
                "nextPageToken": str(start + len(page)),
                "moreResult": start + len(page) < len(self.activities),
            }
        )


@contextlib.asynccontextmanager
async def marketo() -> AsyncIterator[MarketoInstance]:
    instance = MarketoInstance()
    async with serving(instance.answer) as instance.url:
        yield instance


class Platforms:
    """HubSpot and Salesforce: each request again until it is answered 2xx."""

    def __init__(self, port: int) -> None:
        self.port, self.heard, self.taken = port, Counter[int](), 0

    async def __aenter__(self) -> Platforms:
        self._session = ClientSession(timeout=ClientTimeout(total=5))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def hubspot(self) -> None:
        for notifications in hubspot_says():
            await self._until_taken("hubspot", lambda said=notifications: signed(said))

    async def salesforce(self) -> None:
        for event in salesforce_says():
            await self._until_taken("salesforce", lambda said=event: salesforce_request(said))

    async def _until_taken(self, source: str, request: Any) -> None:
        while True:
            body, headers = request()
            url = f"http://127.0.0.1:{self.port}/v1/{source}"
            try:
                async with self._session.post(url, data=body, headers=headers) as answer:
                    status = answer.status
            except (ClientError, TimeoutError, OSError):
                status = 0
            self.heard[status] += 1
            if status == 200:
                self.taken += 1
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(PACE_SECONDS)


async def again(process: Process) -> None:
    """kill -9, and the same process anew."""
    await asyncio.to_thread(process.kill)
    process.begin()
    await asyncio.to_thread(process.wait_until_ready)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_CLIENT_SECRET", HUBSPOT_SECRET)
    monkeypatch.setenv("HOOK_SECRET", SINK_SECRET)


def gateway_file(folder: Path, marketo_url: str) -> Path:
    """The shipped files of the three platforms; Marketo is elsewhere and asked more often."""
    there = {"https://123-ABC-456.mktorest.com": marketo_url, "poll_seconds: 30": "poll_seconds: 0.5"}
    for name in ("hubspot", "salesforce", "marketo"):
        shipped(f"{name}.yaml", folder, there if name == "marketo" else None)
    path = folder / "gateway.yaml"
    path.write_text(f"public_url: {URL}\ninclude: [hubspot.yaml, salesforce.yaml, marketo.yaml]\n", "utf-8")
    return path


def wanted_events(file: Path) -> Counter[str]:
    """Event ids of all that the platforms say, as the shipped rules map it."""
    sources = load_config(file).sources
    said = [("hubspot", *signed(each)) for each in hubspot_says()]
    said += [("salesforce", *salesforce_request(each)) for each in salesforce_says()]
    names = Counter(
        event.event_id
        for source, body, headers in said
        for _, event in told(sources[source], incoming(body, headers)).events
    )
    return names + Counter(f"marketo:g{number}:{rule}" for number, rule in enumerate(["page", "unsubscribed"] * EACH))


def wanted_commands() -> dict[str, str]:
    """By lead: the last command, for a lead that opted out or whose contact has an open opportunity."""
    return (
        {f"hubspot-{number}": "stop" for number in range(EACH)}
        | {event["ChangeEventHeader"]["recordIds"][0]: "pause" for event in salesforce_says()}
        | {f"marketo-{number}": "stop" for number in range(EACH)}
    )


def arrived(settings: Settings) -> Counter[str]:
    """How often each event stands on the input topics."""
    return Counter(name for topic in INPUTS for name, _ in standing(settings, topic.name))


def decided(settings: Settings) -> set[str]:
    """Leads that were routed and have a command."""
    routed, commanded = ({lead for _, lead in standing(settings, topic)} for topic in OUT)
    return routed & commanded


def standing(settings: Settings, topic: str) -> list[tuple[str, str]]:
    """ce_id and lead of every committed record."""
    with Reader(settings) as reader:
        return [
            (dict(message.headers() or ())["ce_id"].decode(), (message.key() or b"").decode())  # type: ignore[union-attr]
            for message in reader.read(topic)
        ]


async def test_nothing_is_lost_or_takes_effect_twice_when_everything_between_is_killed(
    own_broker: EmbeddedBroker, tmp_path: Path, secrets: None
) -> None:
    settings, port = load_settings(brokers=own_broker.bootstrap, lanes=LANES), free_port()
    admin.apply(settings)
    prepare(settings)
    async with marketo() as instance, Platforms(port) as platforms:
        with a_webhook() as webhook:
            (sink_file := tmp_path / "sink.yaml").write_text(SINK.replace("URL", webhook.url))
            file = gateway_file(tmp_path, instance.url)
            gateway = GatewayProcess(
                settings.brokers, LANES, tmp_path / "gateway.log",
                LEADLANE_GATEWAY_CONFIG=str(file), LEADLANE_GATEWAY_PORT=str(port),
            )  # fmt: skip
            worker = WorkerProcess(
                settings.brokers, LANES, tmp_path / "worker.log", LEADLANE_SESSION_TIMEOUT_SECONDS="6"
            )
            sink = SinkProcess(
                settings.brokers, LANES, tmp_path / "sink.log",
                LEADLANE_SINK_CONFIG=str(sink_file), LEADLANE_SESSION_TIMEOUT_SECONDS="6",
            )  # fmt: skip
            with running(gateway, worker, sink):
                sending = asyncio.gather(platforms.hubspot(), platforms.salesforce())
                for share, process in ((8, gateway), (4, worker), (2, sink), (1.5, gateway)):
                    await until(lambda share=share: platforms.taken > EACH * 3 / share)  # type: ignore[misc]
                    await again(process)
                await sending
                wanted = wanted_events(file)
                await until(lambda: arrived(settings) >= wanted)
                await until(lambda: decided(settings) >= wanted_commands().keys())
                await asyncio.gather(again(worker), again(sink))
                await until(lambda: all(unfinished(settings, "platform", topic) == 0 for topic in OUT))

    assert arrived(settings) == wanted
    delivered = [(json.loads(got.body)["id"], got.lead) for got in webhook.effects]
    assert Counter(delivered) == Counter(each for topic in OUT for each in standing(settings, topic))
    assert (webhook.badly_signed, webhook.overlapping) == (0, set())
    last = {got.lead: got.data["command"] for got in webhook.effects if "command" in got.data}
    assert {lead: last.get(lead) for lead in wanted_commands()} == wanted_commands()
    assert platforms.heard[0] > 0  # while a gateway was dead, nobody was told that anything was taken
