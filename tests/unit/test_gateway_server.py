"""What a client hears: every status, on a real server; nothing is answered 2xx that Kafka has not acknowledged."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.gateway.config import GatewayConfig, load_config
from streams.kafka.codec import wire_for
from streams.lane.deadletters import DeadLetter
from streams.settings import load_settings
from tests.gateways import SECRET, FakeKafka, a_config, a_score, serving, signed

QUICK = {"answer_within_seconds": 0.6, "away_after_seconds": 0.2, "retry_after_seconds": 7}
OTHER = {"subscriptionType": "deal.creation"}  # that no rule takes


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GatewayConfig:
    return configured(tmp_path, monkeypatch)


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, **given: Any) -> GatewayConfig:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)
    return load_config(a_config(folder, **{"limits": QUICK, **given}))


def letters(kafka: FakeKafka) -> list[DeadLetter]:
    wire = wire_for(load_settings())
    found = [wire.decode_any("dead.letters", value) for _, _, value in kafka.log.get("dead.letters", ())]
    assert all(isinstance(letter, DeadLetter) for letter in found)
    return found  # type: ignore[return-value]


async def test_200_when_kafka_has_it(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        status, headers = await gateway.post([a_score(1), a_score(2)])
        assert status == 200
        assert headers["Server"] == "leadlane"
        assert gateway.kafka.log["signals.scores"][0][:2] == (
            "hubspot:33-25-1-1-1764000000000:score",
            b"hubspot-1",
        )
        assert len(gateway.kafka.names()) == 2


async def test_no_answer_before_the_acknowledgement_and_503_when_it_is_late(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        gateway.kafka.acking = False
        status, headers = await gateway.post([a_score(1)])
        assert (status, headers["Retry-After"]) == (503, "7")
        assert gateway.kafka.names() == []
        gateway.kafka.acking = True
        await until_idle(gateway)
        assert (await gateway.post([a_score(1)]))[0] == 200
        assert len(gateway.kafka.names()) == 1


async def test_a_retry_waits_for_the_same_acknowledgement(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        gateway.kafka.acking = False
        both = [asyncio.create_task(gateway.post([a_score(1)])) for _ in range(2)]
        await asyncio.sleep(0.05)
        gateway.kafka.acking = True
        assert [status for status, _ in await asyncio.gather(*both)] == [200, 200]
        assert len(gateway.kafka.names()) == 1
        assert len(gateway.kafka.producers[0].handed_over) == 1


async def test_the_same_notification_twice_in_one_request_is_sent_once(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        assert (await gateway.post([a_score(1), a_score(1, attemptNumber=1)]))[0] == 200
        assert len(gateway.kafka.names()) == 1


async def test_what_comes_together_goes_in_the_order_of_its_time(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        await gateway.post([a_score(2, occurredAt=1_764_000_000_002), a_score(1, occurredAt=1_764_000_000_001)])
        assert [name.split("-")[2] for name in gateway.kafka.names()] == ["1", "2"]


async def test_401_for_a_bad_signature_and_nothing_of_it_is_logged(
    config: GatewayConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(config) as gateway:
        body, headers = signed([a_score(1, propertyValue="hush-hush")], secret="a-wrong-one")
        assert (await gateway.send("POST", body, headers))[0] == 401
        assert gateway.kafka.log == {}
    for told in ("hush-hush", "a-wrong-one", SECRET, headers["X-HubSpot-Signature-v3"]):
        assert told not in caplog.text
    assert "hubspot: a request was refused" in caplog.text


async def test_404_for_an_unknown_source_and_405_for_another_method(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        body, headers = signed([a_score(1)])
        for path in ("/v1/salesforce", "/v1/", "/", "/v1/hubspot/x", "/metrics"):
            assert (await gateway.send("POST", body, headers, path))[0] == 404
        status, answered = await gateway.send("PUT", body, headers)
        assert (status, answered["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", [b"", b"{", b'"text"', b"[" * 40 + b"]" * 40])
async def test_400_for_a_body_that_is_not_readable_or_too_deep(config: GatewayConfig, body: bytes) -> None:
    async with serving(config) as gateway:
        assert (await gateway.post(body))[0] == 400
        assert gateway.kafka.log == {}


async def test_brackets_within_a_text_are_not_depth(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        assert (await gateway.post([a_score(1, note='"[' * 50)]))[0] == 200


async def test_413_for_a_large_body_stated_or_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path, monkeypatch, limits={**QUICK, "body_bytes": 1_000})
    async with serving(config) as gateway:

        async def pieces() -> Any:
            for _ in range(10):
                yield b"x" * 200

        assert (await gateway.send("POST", b"x" * 1_001, {}))[0] == 413
        assert (await gateway.send("POST", pieces(), {}))[0] == 413


async def test_a_client_that_asks_whether_to_send_its_body_is_told_to(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        body, headers = signed([a_score(1)])
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        lines += f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"POST /v1/hubspot HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_503_for_bodies_that_are_together_more_than_memory_should_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, monkeypatch, limits={**QUICK, "answer_within_seconds": 2, "in_flight_bytes": 100_000})
    async with serving(config) as gateway:

        async def pieces(count: int) -> Any:
            for _ in range(count):
                yield b"x" * 10_000
                await asyncio.sleep(0.02)

        answers = await asyncio.gather(*(gateway.send("POST", pieces(8), {}) for _ in range(3)))
        assert sorted(status for status, _ in answers)[-1] == 503
        assert (await gateway.send("POST", pieces(8), {}))[0] == 401


async def test_415_for_a_compressed_body(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        assert (await gateway.send("POST", b"x", {"Content-Encoding": "gzip"}))[0] == 415


async def test_408_for_a_body_that_does_not_come(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        writer.write(b"POST /v1/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/hubspot?" + b"q" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/hubspot HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9_000 + b"\r\n\r\n",
        b"POST /v1/hubspot HTTP/1.1\r\nHost: x\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
        b"POST /v1/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01 not http\r\n\r\n",
    ],
)
async def test_400_for_a_head_that_is_too_large_or_none(
    config: GatewayConfig, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(config) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        writer.write(head)
        assert b" 400 " in await asyncio.wait_for(reader.readline(), 2)
        writer.close()
        assert caplog.text == ""
        assert (await gateway.post([a_score(1)]))[0] == 200


async def test_429_with_the_time_to_wait_and_only_genuine_requests_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, monkeypatch, source={"rate_per_second": 0.1})
    async with serving(config) as gateway:
        for _ in range(3):
            assert (await gateway.post([a_score(1)], secret="another"))[0] == 401
        assert (await gateway.post([a_score(1)]))[0] == 200
        status, headers = await gateway.post([a_score(2)])
        assert (status, headers["Retry-After"]) == (429, "10")
        assert len(gateway.kafka.names()) == 1


async def test_503_before_what_is_known_was_read_back(config: GatewayConfig) -> None:
    async with serving(config, started=False) as gateway:
        assert (await gateway.post([a_score(1)]))[0] == 503


async def test_503_at_once_while_kafka_is_late_and_known_ones_are_still_answered(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        assert (await gateway.post([a_score(1)]))[0] == 200
        gateway.kafka.acking = False
        assert (await gateway.post([a_score(2)]))[0] == 503
        started = asyncio.get_running_loop().time()
        assert (await gateway.post([a_score(3)]))[0] == 503
        assert asyncio.get_running_loop().time() - started < 0.5
        assert (await gateway.post([a_score(1)]))[0] == 200
        assert gateway.kafka.producers[0].handed_over[1:] == ["hubspot:33-25-2-2-1764000000000:score"]


async def test_503_when_too_much_is_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path, monkeypatch, limits={**QUICK, "in_flight_records": 3, "away_after_seconds": 5})
    async with serving(config) as gateway:
        gateway.kafka.acking = False
        assert (await gateway.post([a_score(number) for number in range(3)]))[0] == 503
        assert (await gateway.post([a_score(9)]))[0] == 503
        assert len(gateway.kafka.producers[0].handed_over) == 3
        gateway.kafka.acking = True
        await until_idle(gateway)
        assert (await gateway.post([a_score(9)]))[0] == 200


async def test_503_when_kafka_refuses_a_record_and_the_others_are_known_at_the_retry(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        gateway.kafka.refusing = KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert (await gateway.post([a_score(1)]))[0] == 503
        gateway.kafka.refusing = None
        assert (await gateway.post([a_score(1), a_score(2)]))[0] == 200
        assert len(gateway.kafka.names()) == 2


async def test_503_while_stopping(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        gateway.doors.stopping = True
        status, headers = await gateway.post([a_score(1)])
        assert (status, headers["Connection"]) == (503, "close")


async def test_what_a_rule_cannot_map_is_a_dead_letter_with_the_whole_body_and_the_rest_is_sent(
    config: GatewayConfig,
) -> None:
    async with serving(config) as gateway:
        notifications = [a_score(1), a_score(2, propertyValue="much")]
        body, headers = signed(notifications)
        for _ in range(2):
            assert (await gateway.send("POST", body, {**headers, "Authorization": "x", "User-Agent": "hs"}))[0] == 200
        assert len(gateway.kafka.names()) == 1
        (letter,) = letters(gateway.kafka)
        assert (letter.topic, letter.partition, letter.offset, letter.lane) == ("gateway/hubspot", -1, -1, -1)
        assert letter.value == body
        assert letter.event_id == "hubspot:33-25-2-2-1764000000000"
        assert "rule score: value is 'much', expected a number" in letter.error_text
        kept = {header.name for header in letter.headers}
        assert {"User-Agent", "X-HubSpot-Request-Timestamp"} <= kept
        assert not {"Authorization", "X-HubSpot-Signature-v3"} & kept


async def test_what_is_no_notification_is_a_dead_letter_of_its_own(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        assert (await gateway.post([a_score(1), {"a": 1}]))[0] == 200
        (letter,) = letters(gateway.kafka)
        assert letter.value == b'{"a":1}'


@pytest.mark.parametrize(("unmatched", "count"), [("ignore", 0), ("dead", 1)])
async def test_what_no_rule_takes_is_ignored_or_kept_as_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unmatched: str, count: int
) -> None:
    config = configured(tmp_path, monkeypatch, source={"unmatched": unmatched})
    async with serving(config) as gateway:
        assert (await gateway.post([a_score(1, **OTHER)]))[0] == 200
        assert len(letters(gateway.kafka)) == count


async def test_a_valid_traceparent_goes_with_the_records_and_another_does_not(config: GatewayConfig) -> None:
    async with serving(config) as gateway:
        valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        for number, header in enumerate((valid, "nonsense")):
            body, headers = signed([a_score(number)])
            await gateway.send("POST", body, {**headers, "traceparent": header})
        sent = gateway.kafka.producers[0].headers
        assert [headers.get("traceparent") for headers in sent] == [valid.encode(), None]
        assert sent[0]["ce_type"] == b"leadlane.ScoreSignal"
        assert sent[0]["ce_source"] == b"/hubspot"


async def test_connections_beyond_the_limit_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path, monkeypatch, limits={**QUICK, "connections": 2})
    async with serving(config) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        held = [await asyncio.open_connection(host, port) for _ in range(2)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asyncio.wait_for(_heard(reader), 2) == b""
        for _, other in held:
            other.close()
        writer.close()


async def _heard(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def until_idle(gateway: Any) -> None:
    """Until what is on its way is acknowledged and the acceptor has seen that Kafka is not late any more."""
    for _ in range(500):
        if not gateway.acceptor.in_flight and gateway.acceptor.busy() is None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(gateway.acceptor.busy())
