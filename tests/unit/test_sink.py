"""The parts of the HTTP sink: signatures, bodies, retries, lines of leads, the gate, how far a target is."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import random
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.effects import Effect
from streams.lane.processor import Headers
from streams.lane.registry import BuiltInCatalogue, shipped
from streams.lane.wire import Wire
from streams.sink.body import as_json, body_of
from streams.sink.config import DELIVERABLE, Retry
from streams.sink.gate import DOWN_AFTER, Gate
from streams.sink.leads import Delivery, Leads
from streams.sink.overtaking import subject_of
from streams.sink.progress import Progress
from streams.sink.retry import Answer, Means, answered, is_given_up, pause_of, seconds_after
from streams.sink.signing import BadSecret, delivery_id, key_from, signatures
from streams.topics import TOPIC
from tests.factories import (
    T0,
    a_cadence_command,
    a_case,
    a_decision_record,
    a_published_score,
    a_route,
    a_verdict,
)
from tests.webhooks import KEY, OLD_KEY, OLD_SECRET, SECRET, is_signed

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
EFFECTS: dict[str, Effect] = {
    "leads.routed": a_route(),
    "leads.scores": a_published_score(),
    "cadences.commands": a_cadence_command(),
    "cases.events": a_case(),
    "outreach.verdicts": a_verdict(until=T0),
    "decisions": a_decision_record(),
}
WIRE = Wire(BuiltInCatalogue())
ROOT = Path(__file__).parents[2]


# --- signatures ------------------------------------------------------------------------------------------------------


def test_a_signature_is_the_one_of_the_standard() -> None:
    """The example of Standard Webhooks' own libraries (github.com/standard-webhooks, webhook.test.ts)."""
    key = key_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "here")
    value = signatures([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert value == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign() -> None:
    """The second value comes from openssl: `openssl dgst -sha256 -mac HMAC -macopt hexkey:... | base64`."""
    keys = [key_from(OLD_SECRET, "here"), key_from(SECRET.removeprefix("whsec_"), "here")]
    value = signatures(keys, "msg_a1", 1700000000, b'{"n":1}')
    assert value.split(" ")[1] == "v1,t/ILqWfxRKTkiqZE8pAb3Icqju/joUrhdl2gFWJhESU="
    now = str(int(datetime.now(UTC).timestamp()))
    headers = {"webhook-id": "msg_a1", "webhook-timestamp": now}
    headers["webhook-signature"] = signatures(keys, "msg_a1", int(now), b"x")
    assert is_signed(headers, b"x", KEY)
    assert is_signed(headers, b"x", OLD_KEY)
    assert not is_signed(headers, b"y", KEY)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "tooshort", "whsec_c2hvcnQ=", "not base64 at all, not at all, no", "ü"]
)
def test_a_secret_that_cannot_sign_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(BadSecret, match=r"targets\.crm\.secrets\[0\]: expected whsec_") as fault:
        key_from(secret, "targets.crm.secrets[0]")
    assert len(secret) < 8 or secret not in str(fault.value)


def test_the_receiver_of_the_reference_verifies_and_acts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "reference" / "sink.md").read_text(), re.DOTALL)
    monkeypatch.setenv("SINK_SECRET", SECRET)
    acted: list[Any] = []
    modules = {module.__name__: module for module in (base64, hmac, json, os, time)}
    receiver: dict[str, Any] = {**modules, "act": acted.append}
    exec(code, receiver)
    now, done, body = int(time.time()), set[str](), b'{"n":1}'
    headers = {"webhook-id": "msg_a1", "webhook-timestamp": str(now)}
    headers["webhook-signature"] = signatures([OLD_KEY, KEY], "msg_a1", now, body)
    assert [receiver["take"](headers, body, done) for _ in range(2)] == [204, 204]
    assert acted == [{"n": 1}]
    assert receiver["take"](headers, b'{"n":2}', done) == 401
    late = {**headers, "webhook-timestamp": str(now - 600)}
    late["webhook-signature"] = signatures([KEY], "msg_a1", now - 600, body)
    assert receiver["take"](late, body, done) == 401


def test_the_key_of_a_delivery_is_the_records_and_the_targets_and_no_more() -> None:
    one = delivery_id("crm", "signals.replies-6-0-pause/CadenceCommand")
    assert one == delivery_id("crm", "signals.replies-6-0-pause/CadenceCommand")
    assert one != delivery_id("map", "signals.replies-6-0-pause/CadenceCommand")
    assert one != delivery_id("crm", "signals.replies-6-1-pause/CadenceCommand")
    assert "." not in one


# --- bodies ----------------------------------------------------------------------------------------------------------

HEADERS: Headers = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"signals.ooto-1-0-pause/CadenceCommand"),
    ("ce_source", b"/leadlane/lane/1"),
    ("ce_type", b"leadlane.CadenceCommand"),
    ("ce_time", b"2026-06-08T09:00:00.000Z"),
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)
COMMAND = {
    "lead_id": "lead-1",
    "decision_id": "signals.scores-0-7",
    "command_id": "command-1",
    "command": "pause",
    "holds": [
        {"hold_id": "ooo-ooto-1", "kind": "ooo", "until": "2026-06-15T09:00:00.000Z", "origin": "ooto-1"},
    ],
    "reason": "ooo",
    "until": "2026-06-15T09:00:00.000Z",
    "not_before": None,
    "issued_at": "2026-06-08T09:00:00.000Z",
}


def test_a_body_is_a_cloud_event_or_the_record_alone() -> None:
    command = a_cadence_command()
    assert json.loads(body_of("record", "cadences.commands", command, HEADERS)) == COMMAND
    assert json.loads(body_of("cloudevents", "cadences.commands", command, HEADERS)) == {
        "specversion": "1.0",
        "id": "signals.ooto-1-0-pause/CadenceCommand",
        "source": "/leadlane/lane/1",
        "type": "leadlane.CadenceCommand",
        "time": "2026-06-08T09:00:00.000Z",
        "subject": "lead-1",
        "datacontenttype": "application/json",
        "data": COMMAND,
    }


@pytest.mark.parametrize("topic", DELIVERABLE)
def test_every_time_of_every_topic_is_written_in_words(topic: str) -> None:
    def check(schema: Any, value: Any) -> int:
        if isinstance(schema, list):
            return 0 if value is None else check(next(kind for kind in schema if kind != "null"), value)
        if not isinstance(schema, dict):
            return 0
        if "logicalType" in schema:
            datetime.fromisoformat(value)
            return 1
        if schema["type"] == "record":
            return sum(check(field["type"], value[field["name"]]) for field in schema["fields"])
        return sum(check(schema["items"], each) for each in value) if schema["type"] == "array" else 0

    record = WIRE.decode_any(topic, WIRE.encode(EFFECTS[topic]))
    assert check(shipped()[str(TOPIC[topic].record)][-1].document, as_json(topic, record)) > 0


# --- retries ---------------------------------------------------------------------------------------------------------


def test_what_an_answer_means() -> None:
    means = {status: answered(status, None, NOW).means for status in (200, 204, 301, 400, 401, 404, 410, 422, 500, 503)}
    assert means == {
        200: Means.DELIVERED, 204: Means.DELIVERED, 301: Means.AGAIN, 400: Means.NEVER, 401: Means.NEVER,
        404: Means.NEVER, 410: Means.NEVER, 422: Means.NEVER, 500: Means.AGAIN, 503: Means.AGAIN,
    }  # fmt: skip
    assert {answered(status, None, NOW).means for status in (408, 409, 425, 429)} == {Means.AGAIN}
    assert Answer(None, "did not answer in time").means is Means.AGAIN
    assert answered(599, None, NOW).said == "answered 599"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None), ("0", 0), ("7", 7), (" 7 ", 7), ("99999", 3600), ("-3", None), ("soon", None), ("", None),
        ("Wed, 25 Nov 2026 03:00:30 GMT", 30), ("Wed, 25 Nov 2026 02:00:00 GMT", 0),
        ("Thu, 25 Nov 2027 03:00:00 GMT", 3600),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(said: str | None, seconds: float | None) -> None:
    assert seconds_after(said, NOW) == seconds


def test_pauses_double_up_to_the_most_and_are_spread() -> None:
    retry = Retry(first_seconds=1, most_seconds=10)
    assert [pause_of(retry, tries, 1.0) for tries in (1, 2, 3, 4, 5, 500)] == [1, 2, 4, 8, 10, 10]
    assert [pause_of(retry, tries, 0.0) for tries in (1, 2, 3)] == [0.5, 1, 2]
    assert pause_of(retry, 1, 0.5, retry_after=30) == 30


def test_a_delivery_is_given_up_after_its_tries_or_its_time() -> None:
    retry = Retry(tries=3, park_after_seconds=60)
    assert [is_given_up(retry, tries, 0) for tries in (1, 2, 3)] == [False, False, True]
    assert [is_given_up(retry, 1, seconds) for seconds in (59, 60)] == [False, True]


# --- how far ---------------------------------------------------------------------------------------------------------


@given(count=st.integers(1, 60), seed=st.integers(), gaps=st.integers(0, 3))
def test_a_group_goes_on_at_the_lowest_unfinished_record(count: int, seed: int, gaps: int) -> None:
    chance, progress = random.Random(seed), Progress()
    offsets = [10 + at * (gaps + 1) for at in range(count)]
    for offset in offsets:
        progress.begin(offset)
    end = offsets[-1] + 1 + gaps
    progress.read_to(end)
    left = chance.sample(offsets, count)
    while left:
        assert (progress.next, progress.oldest()) == (min(left), min(left))
        progress.finish(left.pop())
    assert (progress.next, progress.oldest(), progress.ahead()) == (end, None, 0)


def test_nothing_read_is_no_place_to_go_on() -> None:
    assert Progress().next is None


# --- lines of leads --------------------------------------------------------------------------------------------------


def a_delivery(lead: str | None, offset: int) -> Delivery:
    key = lead.encode() if lead else None
    return Delivery(("t", 0, offset), "t", 0, offset, T0, key, b"", (), f"msg_{offset}", a_cadence_command())


async def takes(leads: Leads) -> int | None:
    """The offset of what may be tried now; None: nothing."""
    try:
        async with asyncio.timeout(0.01):
            return (await leads.take())[1].offset
    except TimeoutError:
        return None


async def test_of_a_lead_one_delivery_is_on_its_way_and_the_next_only_when_it_is_done() -> None:
    leads = Leads()
    for offset, lead in enumerate(("a", "a", "b", "a", None, None)):
        leads.add(a_delivery(lead, offset))
    first, _ = await leads.take()
    assert [await takes(leads) for _ in range(4)] == [2, 4, 5, None]
    leads.again(first, 0.02)
    assert await takes(leads) is None
    line, again = await leads.take()
    assert again.offset == 0
    leads.done(line)
    assert [await takes(leads), await takes(leads)] == [1, None]
    assert leads.count == 5


async def test_what_was_dropped_is_not_given_out_and_disturbs_nothing_that_comes_later() -> None:
    leads = Leads()
    leads.add(a_delivery("a", 0))
    leads.add(a_delivery("b", 1))
    line, _ = await leads.take()
    leads.again(line, 0.01)
    leads.drop()
    leads.add(a_delivery("a", 0))
    await asyncio.sleep(0.02)
    assert [await takes(leads), await takes(leads)] == [0, None]
    leads.done(line)
    assert leads.count == 1


async def test_what_holds_others_up_is_tried_at_once() -> None:
    leads = Leads()
    leads.add(a_delivery("a", 0))
    line, delivery = await leads.take()
    leads.again(line, 60)
    leads.hurry(("t", 0, 0))
    assert (await takes(leads), delivery.holds_up) == (0, True)


# --- the gate --------------------------------------------------------------------------------------------------------

FAILED = Answer(503, "answered 503")
TOOK = Answer(204, "answered 204")


async def entered(gate: Gate) -> bool | None:
    try:
        async with asyncio.timeout(0.01):
            return await gate.enter()
    except TimeoutError:
        return None


async def test_a_target_that_is_down_is_asked_by_one_at_a_time_until_one_is_taken() -> None:
    now = [100.0]
    gate = Gate(lambda: now[0])
    for _ in range(DOWN_AFTER):
        assert await entered(gate) is False
        gate.leave(False, FAILED)
    assert gate.is_down
    assert await entered(gate) is None  # not yet
    now[0] += 1
    assert [await entered(gate), await entered(gate)] == [True, None]
    gate.leave(True, FAILED)
    assert await entered(gate) is None
    now[0] += 1
    assert await entered(gate) is True
    gate.leave(True, TOOK)
    assert [await entered(gate), await entered(gate)] == [False, False]


async def test_a_target_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    now = [100.0]
    gate = Gate(lambda: now[0])
    gate.leave(False, Answer(429, "answered 429", retry_after=5))
    assert await entered(gate) is None
    now[0] += 5.1
    assert [await entered(gate), await entered(gate)] == [False, False]


async def test_one_record_that_fails_among_others_does_not_take_the_target_down() -> None:
    gate = Gate()
    for _ in range(3 * DOWN_AFTER):
        gate.leave(False, FAILED)
        gate.leave(False, Answer(422, "answered 422"))
    assert not gate.is_down


# --- what overtakes what ---------------------------------------------------------------------------------------------


def subject(effect: Effect, topic: str) -> Any:
    return subject_of(WIRE, topic, effect.lead_id.encode(), WIRE.encode(effect))


def test_a_command_of_a_lead_overtakes_the_one_before_and_a_verdict_only_that_of_its_request() -> None:
    pause, resume = a_cadence_command(), a_cadence_command(command="resume", holds=(), until=None)
    assert subject(pause, "cadences.commands") == subject(resume, "cadences.commands")
    assert subject(pause, "cadences.commands") != subject(a_cadence_command(lead_id="lead-2"), "cadences.commands")
    one, two = a_verdict(request_id="request-1"), a_verdict(request_id="request-2")
    assert subject(one, "outreach.verdicts") == subject(a_verdict(request_id="request-1"), "outreach.verdicts")
    assert subject(one, "outreach.verdicts") != subject(two, "outreach.verdicts")
    assert subject(a_case(), "cases.events") == subject(a_case(version=2), "cases.events")
    assert subject(a_decision_record(), "decisions") is None
    assert subject_of(WIRE, "outreach.verdicts", b"lead-1", b"not Avro") is None
