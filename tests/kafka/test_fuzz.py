"""A worker process under broken messages, a part of `make fuzz`; and what no client library would send."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from click.testing import CliRunner

from streams.commands.dlq import AlreadyRedriven, dlq
from streams.demo.worker import WorkerProcess
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.lane.deadletters import DeadLetter, Header
from streams.settings import Settings
from tests.factories import MINUTE, a_score
from tests.fuzz.run import Metrics, fuzz, prepare
from tests.kafka.conftest import FreshTopics
from tests.lanes import partition_of

LANES = 3
PER_TOPIC = 300
LARGE = ("signals.replies", "cases.reviews")
WAIT_SECONDS = 20.0
UNCOMPRESSED, GZIP = 0, 1
NO_TIME = -1
WHY = ("--actor", "ana", "--reason", "sender mended")


def test_every_broken_message_is_dead_with_its_bytes_or_decided_and_no_lane_is_rebuilt(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    settings = fresh_topics(lanes=LANES)
    report = fuzz(
        settings, PER_TOPIC, seed=7, log_file=tmp_path / "worker.log", samples=10, parts=2, say=lambda _: None
    )
    assert (report["faults"], report["told"]) == ({}, [])
    assert report["messages"] > PER_TOPIC * 11
    assert report["outcomes"]["dead"] > report["messages"] / 2
    assert report["outcomes"]["decided"] > 0
    assert report["control_problems"] > 5


@pytest.fixture
def worker(fresh_topics: FreshTopics, tmp_path: Path) -> Iterator[tuple[Settings, WorkerProcess]]:
    settings = fresh_topics(lanes=LANES)
    prepare(settings)
    with WorkerProcess(settings.brokers, LANES, tmp_path / "worker.log", settings.app_id) as running:
        yield settings, running


def test_a_repaired_letter_is_decided_once_and_refused_the_second_time(
    worker: tuple[Settings, WorkerProcess], tmp_path: Path
) -> None:
    settings, running = worker
    wire, now = wire_for(settings), int(time.time() * 1000)
    good = wire.encode(a_score(value=71.0, occurred_at=now))
    sender = Sender(settings)
    sender.send("signals.scores", b"lead-1", good[:-3], (("ce_id", b"score-1"),))
    sender.flush()
    wait(running, dead=1)
    (listed,) = run_dlq(settings, "list", "--json").splitlines()
    place = json.loads(listed)["place"]
    (tmp_path / "value").write_bytes(good)
    repair = ("redrive", "--offset", place, "--value-file", str(tmp_path / "value"), *WHY)

    assert run_dlq(settings, *repair).startswith(f"sent {place} to signals.scores\n1 sent")
    wait(running, dead=1, decided=1)
    with pytest.raises(AlreadyRedriven, match=r"by ana \(sender mended\)"):
        run_dlq(settings, *repair)
    assert run_dlq(settings, "list") == "No dead letters wait.\n"
    with Reader(settings) as reader:
        assert [message.value() for message in reader.read("signals.scores")] == [good[:-3], good]
        assert len(list(reader.read("decisions"))) == 1
    assert running.outcomes() == {"dead": 1, "decided": 1}


class NotText(str):
    """A header's name as a sender in Go or C may write it."""

    def encode(self, *_: str) -> bytes:
        return b"caf\xe9"


async def test_headers_that_are_no_text_and_records_without_a_time_stop_nothing(
    worker: tuple[Settings, WorkerProcess],
) -> None:
    settings, running = worker
    wire, now = wire_for(settings), int(time.time() * 1000) - MINUTE
    place = TopicPartition("signals.scores", partition_of(b"lead-1", LANES))
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    try:
        for number, compression in enumerate((UNCOMPRESSED, GZIP)):
            batch = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 100_000)
            headers = [(NotText("x"), b"\xff"), ("n", None)]
            good = wire.encode(a_score(number, occurred_at=now, value=50.0 * number))
            batch.append(0, NO_TIME, b"lead-1", good, headers)
            batch.append(1, NO_TIME, b"lead-1", b"broken", headers)
            await send_raw(producer, place, bytes(batch.build()))
    finally:
        await producer.stop()
    wait(running, dead=2, decided=2)
    with Reader(settings) as reader:
        letters = [wire.decode_any("dead.letters", message.value()) for message in reader.read("dead.letters")]
    for letter in letters:
        assert isinstance(letter, DeadLetter)
        assert (letter.key, letter.value, letter.timestamp) == (b"lead-1", b"broken", NO_TIME)
        assert letter.headers == (Header("caf\\xe9", b"\xff"), Header("n", None))
    assert Metrics(running.exposition()).total("leadlane_lane_rebuilds_total") == 0


def run_dlq(settings: Settings, *arguments: str) -> str:
    environment = {"LEADLANE_APP_ID": settings.app_id, "LEADLANE_LANES": str(LANES)}
    result = CliRunner().invoke(
        dlq, [*arguments, "--brokers", settings.brokers], catch_exceptions=False, env=environment
    )
    return result.output


def wait(worker: WorkerProcess, **outcomes: int) -> None:
    """Until the worker counts so much."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := worker.outcomes()) != outcomes:
        worker.must_run()
        assert time.monotonic() < deadline, f"{dict(found)}, expected {outcomes}"
        time.sleep(0.05)


async def send_raw(producer: AIOKafkaProducer, place: TopicPartition, batch: bytes) -> None:
    """Produce the bytes of a batch as they are."""
    await producer.partitions_for(place.topic)
    request = ProduceRequest(
        transactional_id=None, required_acks=-1, timeout=10_000, topics=[(place.topic, [(place.partition, batch)])]
    )
    response = await producer.client.send(producer.client.cluster.leader_for_partition(place), request)
    ((_, ((_, error, *_),)),) = response.topics
    assert error == 0
