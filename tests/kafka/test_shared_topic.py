"""A topic with one partition that all lanes write: each lane's records once and in order, whoever is killed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from streams.bench.slots import Slot
from streams.errors import TopicsDiffer
from streams.lane.job import LaneSettings
from streams.lane.privates import Record
from streams.whatif.history import Tail
from tests.kafka.conftest import RunningKafka
from tests.kafka.lanes import FAULTLESS, LANES, World, committed, lane_of, until
from tests.kafka.shared_topic import job

BURST = 500
WAIT_SECONDS = 40.0


@pytest.fixture
def world(broker: RunningKafka) -> World:
    app_id = f"shared-{uuid4().hex[:8]}"
    return World(broker.bootstrap, app_id, job(LaneSettings(brokers=broker.bootstrap, app_id=app_id, lanes=LANES)))


def events(burst: int) -> list[tuple[bytes, bytes]]:
    return [(b"k%d" % (number % 50), b"%d" % number) for number in range(burst * BURST, (burst + 1) * BURST)]


def number_of(record: Record) -> int:
    return int(record.value or b"")


def told(world: World) -> list[Record]:
    (topic,) = world.job.single
    with Tail(world.brokers) as tail:
        return tail.read_whole([(topic, 0)])[topic]


def has_committed(world: World, writer: str) -> bool:
    """Whether a worker process has committed something."""
    with Tail(world.brokers) as tail:
        journal = [tail.read_whole([(world.job.journal, lane)])[world.job.journal] for lane in range(LANES)]
    return any(dict(record.headers)["worker"] == writer.encode() for lane in journal for record in lane)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s"
        time.sleep(0.1)


async def test_lanes_of_two_workers_write_one_partition_exactly_once(world: World) -> None:
    async with world.worker() as first, world.worker(slot="slot-b", leave_on_stop=True) as second:
        await until(lambda: (len(first.lanes), len(second.lanes)) == (LANES / 2, LANES / 2))
        for burst in range(4):
            world.send(events(burst))
            await asyncio.sleep(0.05)
        await until(lambda: committed(first, second) == 4 * BURST)
    (topic,) = world.job.single
    about = AdminClient({"bootstrap.servers": world.brokers}).list_topics(topic, timeout=10).topics[topic]
    assert list(about.partitions) == [0]
    assert sorted(map(number_of, told(world))) == list(range(4 * BURST))
    assert world.faults() == FAULTLESS


def test_a_worker_that_is_killed_while_lanes_share_a_partition_loses_and_doubles_nothing(
    world: World, tmp_path: Path
) -> None:
    options = {
        "brokers": world.brokers, "app_id": world.settings.app_id, "lanes": LANES, "session_timeout_seconds": 3,
        "processor": "tests.kafka.shared_topic:job",
    }  # fmt: skip
    slots = [Slot(name, tmp_path, options) for name in ("slot-a", "slot-b")]
    for slot in slots:
        slot.start()
    try:
        sent = 0
        for slot in (*slots, slots[0]):
            world.send(events(sent))
            sent += 1
            while not has_committed(world, slot.writer):  # a lane that has nothing to do would commit nothing
                world.send(events(sent))
                sent += 1
                assert sent < 200, "the worker does not work"
                time.sleep(0.1)
            for _ in range(4):
                world.send(events(sent))
                sent += 1
            slot.kill()
        wait_for(lambda: len(told(world)) >= sent * BURST)
    finally:
        codes = [slot.stop() for slot in slots]
    found = told(world)
    assert sorted(map(number_of, found)) == list(range(sent * BURST))
    by_lane: dict[int, list[int]] = defaultdict(list)
    for record in found:
        by_lane[lane_of(record.key or b"")].append(number_of(record))
    assert [numbers == sorted(numbers) for numbers in by_lane.values()] == [True] * LANES
    assert world.faults() == FAULTLESS
    assert codes == [0, 0]


async def test_a_shared_topic_with_more_partitions_is_named_with_what_to_do(broker: RunningKafka) -> None:
    app_id = f"shared-{uuid4().hex[:8]}"
    right = job(LaneSettings(brokers=broker.bootstrap, app_id=app_id, lanes=LANES))
    world = World(broker.bootstrap, app_id, right._replace(single=frozenset()))
    world.job = right
    with pytest.raises(TopicsDiffer, match=rf"1 in {app_id}.control, {app_id}.told, got {{'{app_id}.told': {LANES}}}"):
        async with world.worker():
            pass
