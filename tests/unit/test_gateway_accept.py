"""Each record once, whatever the producer does: what was written in doubt is found, the rest is sent again in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.errors import BrokerUnreachable
from streams.gateway.accept import Acceptor
from streams.gateway.config import Limits
from streams.gateway.receipts import Busy, Receipt, Record
from streams.gateway.seen import Seen
from streams.gateway.tails import Tails, newest
from tests.gateways import FakeKafka, an_acceptor

TOPIC = "signals.scores"
TOPICS = frozenset({TOPIC})


def a_record(number: int, **given: Any) -> Record:
    name = f"id-{number}"
    return Record(**{
        "name": name, "topic": TOPIC, "key": b"lead", "value": b"v", "headers": [("ce_id", name.encode())], **given
    })  # fmt: skip


def records(*numbers: int) -> list[Record]:
    return [a_record(number) for number in numbers]


@contextlib.asynccontextmanager
async def accepting(kafka: FakeKafka, limits: Limits | None = None) -> AsyncIterator[Acceptor]:
    acceptor = an_acceptor(kafka, limits)
    await acceptor.start(TOPICS, 0, 1_000)
    try:
        yield acceptor
    finally:
        await acceptor.close(0)


async def answered(receipt: Receipt) -> None:
    await receipt.within(2)
    assert receipt.left == 0


async def ready(acceptor: Acceptor) -> None:
    until = time.monotonic() + 3
    while acceptor.busy() is not None:
        assert time.monotonic() < until, acceptor.busy()
        await asyncio.sleep(0.005)


async def test_what_stands_on_the_topics_is_known_from_the_start() -> None:
    kafka = FakeKafka()
    kafka.write(TOPIC, "id-1", b"lead", b"v")
    async with accepting(kafka) as acceptor:
        receipt = acceptor.accept(records(1, 2))
        assert (receipt.sent, receipt.left) == (1, 1)
        await answered(receipt)
    assert kafka.names() == ["id-1", "id-2"]


def test_when_more_stands_there_than_is_remembered_the_newest_of_every_partition_are_read() -> None:
    spans = {("a", 0): (100, 1_100), ("a", 1): (0, 3_000), ("b", 0): (5, 5)}
    assert newest(spans, 4_000) == {("a", 0): 100, ("a", 1): 0, ("b", 0): 5}
    assert newest(spans, 400) == {("a", 0): 1_000, ("a", 1): 2_700, ("b", 0): 5}


async def test_a_producer_that_dies_in_doubt_is_replaced_without_a_double_and_in_order() -> None:
    kafka = FakeKafka()
    async with accepting(kafka) as acceptor:
        kafka.acking = False
        first, second = acceptor.accept(records(1, 2, 3)), acceptor.accept(records(3, 4))
        (producer,) = kafka.producers
        producer.write_silently(2)
        producer.die()
        with pytest.raises(Busy, match="being renewed"):
            acceptor.accept(records(5))
        kafka.acking = True
        await answered(first)
        await answered(second)
        assert (first.refused, second.refused) == (None, None)
        assert kafka.names() == ["id-1", "id-2", "id-3", "id-4"]
        assert [each.handed_over for each in kafka.producers] == [["id-1", "id-2", "id-3", "id-4"], ["id-3", "id-4"]]
        await answered(acceptor.accept(records(5)))


async def test_two_deaths_in_a_row_leave_each_record_once() -> None:
    kafka = FakeKafka()
    async with accepting(kafka) as acceptor:
        kafka.acking = False
        receipt = acceptor.accept(records(*range(6)))
        for written in (2, 3):
            kafka.producers[-1].write_silently(written)
            kafka.producers[-1].die()
            await ready(acceptor)
        kafka.acking = True
        await answered(receipt)
    assert kafka.names() == [f"id-{number}" for number in range(6)]
    assert len(kafka.producers) == 3


async def test_while_the_topics_cannot_be_read_nothing_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = FakeKafka()
    async with accepting(kafka) as acceptor:
        kafka.acking = False
        receipt = acceptor.accept(records(1))
        readable, asked = kafka.from_offsets, []

        def unreadable(*_: Any) -> Tails:
            asked.append(1)
            if len(asked) > 1:
                return readable(*_)
            raise BrokerUnreachable("nobody answers")

        monkeypatch.setattr(kafka, "from_offsets", unreadable)
        kafka.producers[0].die()
        await asyncio.sleep(0.1)
        assert len(kafka.producers) == 1
        kafka.acking = True
        await answered(receipt)
        assert asked == [1, 1]
    assert kafka.names() == ["id-1"]


async def test_a_record_that_kafka_does_not_take_fails_its_request_alone_and_is_free_again() -> None:
    kafka = FakeKafka()
    async with accepting(kafka) as acceptor:
        kafka.refusing = KafkaError.TOPIC_AUTHORIZATION_FAILED
        refused = acceptor.accept(records(1))
        await answered(refused)
        assert refused.refused == "signals.scores: refused"
        assert not acceptor.knows("id-1")
        kafka.refusing = None
        await answered(acceptor.accept(records(1)))
    assert kafka.names() == ["id-1"]
    assert len(kafka.producers) == 1


async def test_a_retry_of_what_was_refused_meanwhile_is_sent_away() -> None:
    """Its record was not made again, as it was on its way; now it is not."""
    async with accepting(FakeKafka()) as acceptor:
        with pytest.raises(Busy, match="was refused"):
            acceptor.accept([], ["id-1"])


async def test_a_broken_connection_is_asked_about_and_nothing_new_is_taken_until_somebody_answers() -> None:
    kafka = FakeKafka()
    async with accepting(kafka) as acceptor:
        complain = kafka.producers[0].config["error_cb"]
        complain(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
        await asyncio.sleep(0.05)
        assert acceptor.busy() is None  # somebody answers: one connection was closed, no more
        kafka.up = False
        complain(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match="Kafka is away"):
            acceptor.accept(records(1))
        kafka.up = True
        await ready(acceptor)
        await answered(acceptor.accept(records(1)))


async def test_an_end_waits_for_what_is_on_its_way() -> None:
    kafka = FakeKafka()
    acceptor = an_acceptor(kafka)
    await acceptor.start(TOPICS, 0, 1_000)
    kafka.acking = False
    receipt = acceptor.accept(records(1))
    closing = asyncio.create_task(acceptor.close(2))
    await asyncio.sleep(0.02)
    with pytest.raises(Busy, match="stopping"):
        acceptor.accept(records(2))
    kafka.acking = True
    await closing
    assert receipt.left == 0
    assert kafka.names() == ["id-1"]


async def test_the_limit_of_bytes_holds() -> None:
    kafka = FakeKafka()
    async with accepting(kafka, Limits(in_flight_bytes=100_000, away_after_seconds=5)) as acceptor:
        kafka.acking = False
        acceptor.accept([a_record(1, value=b"x" * 100_000)])
        with pytest.raises(Busy, match="on their way"):
            acceptor.accept(records(2))


async def test_the_producer_never_gives_up_by_itself_and_writes_where_the_lane_looks() -> None:
    kafka = FakeKafka()
    async with accepting(kafka):
        config = kafka.producers[0].config
    wanted = {"enable.idempotence": True, "acks": "all", "message.timeout.ms": 0, "partitioner": "murmur2_random"}
    assert {name: config[name] for name in wanted} == wanted


async def test_an_hour_of_retries_duplicates_other_orders_and_deaths_leaves_each_record_once() -> None:
    """In fast motion: the clock of the memory is turned, deaths of the producer among it."""
    draw, now = random.Random(5), 0.0
    kafka = FakeKafka()
    acceptor = an_acceptor(kafka, Limits(in_flight_records=100_000), Seen(100_000, 2 * 3_600, lambda: now))
    await acceptor.start(TOPICS, 0, 1_000)
    batches = [[draw.randrange(3_000) for _ in range(draw.randint(1, 100))] for _ in range(400)]
    for turn, batch in enumerate(batches + draw.sample(batches, 200)):
        now += 6.0
        kafka.acking = draw.random() < 0.8
        with contextlib.suppress(Busy):
            acceptor.accept(records(*batch))
        if turn % 50 == 49:
            kafka.producers[-1].write_silently(draw.randrange(50))
            kafka.producers[-1].die()
            await ready(acceptor)
        if turn % 10 == 0:
            await asyncio.sleep(0.003)
    kafka.acking = True
    await answered(acceptor.accept(records(*range(3_000))))
    await acceptor.close(1)
    assert len(kafka.producers) > 5
    assert sorted(kafka.names()) == sorted(f"id-{number}" for number in range(3_000))
