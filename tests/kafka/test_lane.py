"""What one worker's lanes do on a real Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from streams.bench.tally import PACKED, Tally, tally_job
from streams.errors import NotReady
from streams.kafka.embedded import EmbeddedBroker
from streams.lane.compact import CompactStates
from streams.lane.lane import Lane, OutputTooLarge
from streams.lane.processor import Batch, Outcome, OutputRecord
from streams.lane.store import DictStore
from tests.kafka.conftest import RunningKafka
from tests.kafka.lanes import FAULTLESS, LANES, World, committed, lane_of, until

TEXT = b'{"company":"Stonelight Energy","source":"marketo","tier":"T3_NURTURE","consent":"legitimate interest"}' * 2


@pytest.fixture
def world(broker: RunningKafka) -> World:
    return World(broker.bootstrap, f"lane-{uuid4().hex[:8]}")


def events(count: int, keys: int = 50) -> list[tuple[bytes, bytes]]:
    return [(b"k%d" % (number % keys), b"e%d" % number) for number in range(count)]


async def test_a_restarted_worker_goes_on_where_the_last_one_committed(world: World) -> None:
    world.send(events(3000))
    async with world.worker() as first:
        await until(lambda: committed(first) == 3000)
    world.send(events(2000), topic=1)
    async with world.worker() as second:
        await until(lambda: committed(second) == 5000)
        states = [state for lane in second.lanes.values() for state in lane.store.view.values()]
    assert [PACKED.unpack(state)[1] for state in states] == [100] * 50
    assert world.faults() == FAULTLESS


async def test_in_a_backlog_no_topic_runs_ahead_of_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One topic needs many fetches, the other one: what happened first is decided first all the same."""
    monkeypatch.setattr("streams.lane.clients.PARTITION_FETCH_BYTES", 50_000)
    count, start = 4_000, int(time.time() * 1000) - 8_000
    world.send_at(((b"k", b"large %05d " % n + b"x" * 1_000, start + n) for n in range(count)), topic=0)
    world.send_at(((b"k", b"small %05d" % n, start + n) for n in range(count)), topic=1)
    async with world.worker() as worker:
        await until(lambda: committed(worker) == 2 * count)
    turns = [int(value.split()[2]) for record in world.outputs() if (value := record.value or b"")]
    latest, overtaken = 0, 0
    for turn in turns:
        latest = max(latest, turn)
        overtaken = max(overtaken, latest - turn)
    assert len(turns) == 2 * count
    assert overtaken == 0
    assert world.faults() == FAULTLESS


async def test_a_timer_fires_once_also_over_a_restart(world: World) -> None:
    world.send([(b"soon", b"later:1;a"), (b"afterwards", b"later:2500;b")])
    async with world.worker() as first:
        await until(lambda: committed(first) == 3)
    await asyncio.sleep(1.5)
    async with world.worker() as second:
        await until(lambda: committed(second) == 4)
        await asyncio.sleep(1.2)
    assert world.values() == [b"1 due", b"1 due", b"1 later:1;a", b"1 later:2500;b"]
    assert world.faults() == FAULTLESS


async def test_a_control_record_counts_from_one_batch_to_the_next(world: World) -> None:
    world.control(b"prefix", b"old ")
    async with world.worker() as worker:
        world.send([(b"k", b"a")])
        await until(lambda: committed(worker) == 1)
        world.control(b"prefix", b"new ")
        await until(lambda: worker.control.current.context == b"new ")
        world.send([(b"k", b"b")])
        await until(lambda: committed(worker) == 2)
    assert world.values() == [b"new 2 b", b"old 1 a"]
    assert world.faults() == FAULTLESS


async def test_a_control_record_that_nobody_understands_leaves_the_last_good_context(world: World) -> None:
    world.control(b"prefix", b"good ")
    async with world.worker() as worker:
        world.control(b"prefix", b"\xff")
        await asyncio.sleep(1.0)
        world.send([(b"k", b"a")])
        await until(lambda: committed(worker) == 1)
    assert world.values() == [b"good 1 a"]
    assert world.faults() == FAULTLESS


async def test_a_worker_without_a_context_does_not_start(world: World) -> None:
    world.control(b"prefix", b"\xff")
    with pytest.raises(NotReady, match="expected an active policy"):
        async with world.worker():
            pass


async def test_records_of_aborted_transactions_are_not_seen(world: World) -> None:
    settings = {"bootstrap.servers": world.brokers, "transactional.id": world.settings.app_id, "log_level": 0}
    producer = Producer(settings)
    producer.init_transactions()
    for value, commit in ((b"aborted", False), (b"kept", True), (b"aborted too", False)):
        producer.begin_transaction()
        producer.produce(world.job.processor.inputs[0], value, b"k", partition=lane_of(b"k"))
        producer.flush(10)
        producer.commit_transaction() if commit else producer.abort_transaction()
    world.send([(b"k", b"last")], topic=1)
    async with world.worker() as worker:
        await until(lambda: committed(worker) == 2)
    assert world.values() == [b"1 kept", b"2 last"]
    assert world.faults() == FAULTLESS


async def test_two_workers_share_the_lanes_and_a_leaver_hands_over_at_once(world: World) -> None:
    async with world.worker() as stays:
        async with world.worker(slot="slot-b", leave_on_stop=True) as leaves:
            await until(lambda: (len(stays.lanes), len(leaves.lanes)) == (LANES / 2, LANES / 2))
            world.send(events(400))
            await until(lambda: committed(stays, leaves) == 400)
        left = time.monotonic()
        await until(lambda: len(stays.lanes) == LANES and stays.is_ready())
        handed_over = time.monotonic() - left
        world.send(events(400), topic=2)
        await until(lambda: committed(stays) == 800)
    assert handed_over < world.settings.session_timeout_seconds / 2
    assert world.faults() == FAULTLESS


async def test_an_idle_lane_makes_no_transactions(world: World) -> None:
    async with world.worker():
        await asyncio.sleep(1.5)
    assert world.transactions() == 0


async def test_latency_of_a_single_event_is_far_below_the_linger(world: World) -> None:
    async with world.worker(linger_ms=2000) as worker:
        world.send([(b"warm up", b"a")])
        await until(lambda: committed(worker) == 1)
        sent = time.monotonic()
        world.send([(b"k", b"b")])
        await until(lambda: committed(worker) == 2)
        assert time.monotonic() - sent < 0.5


async def test_a_worker_whose_broker_is_away_is_not_ready_and_works_on_when_it_is_back(
    own_broker: EmbeddedBroker,
) -> None:
    world = World(own_broker.bootstrap, f"away-{uuid4().hex[:8]}")
    async with world.worker(session_timeout_seconds=6) as worker:
        world.send(events(20))
        await until(lambda: committed(worker) == 20)
        # Kafka answers a commit before its markers are written; a kill in between can leave it open for good.
        assert await asyncio.to_thread(world.faults) == FAULTLESS
        await asyncio.to_thread(own_broker.kill)
        await until(lambda: "no broker" in (worker.not_ready() or ""))
        assert worker.is_live()
        await asyncio.to_thread(own_broker.start)
        world.send(events(20))
        await until(lambda: committed(worker) == 40 and worker.is_ready())
    assert world.faults() == FAULTLESS


class Wordy(Tally):
    """A tally whose states carry a text, as a lead's do, so that they are worth compressing."""

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: bytes) -> Outcome:
        outcome = super().process(states, batch, context)
        with_text = {key: packed and packed + b'{"key":"%b"}' % key + TEXT for key, packed in outcome.changed.items()}
        return outcome._replace(changed=with_text)


async def test_leads_that_lie_compressed_are_decided_restored_and_due_like_any_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.lane.lane.DictStore", partial(DictStore, recent_leads=100))
    world.job = world.job._replace(processor=Wordy(world.job.processor.inputs, world.job.outputs[0]))
    early = [(b"k%d" % number, b"later:3000;") for number in range(20)]  # long compressed when they come due
    world.send([*early, *events(4000, keys=2000)])
    async with world.worker() as first:
        await until(lambda: committed(first) == 4020)
        assert all(compressed(lane) >= 200 for lane in first.lanes.values())
    world.send(events(4000, keys=2000), topic=1)
    async with world.worker() as second:
        assert all(compressed(lane) >= 200 for lane in second.lanes.values())
        await until(lambda: committed(second) == 8040)
        states = [state for lane in second.lanes.values() for state in lane.store.view.values()]
    assert sorted(PACKED.unpack_from(state)[1] for state in states) == [4] * 1980 + [5] * 20
    assert sum(value.endswith(b" due") for value in world.values()) == 20
    assert world.faults() == FAULTLESS


def compressed(lane: Lane) -> int:
    assert isinstance(lane.store.view, CompactStates)
    return lane.store.view.compressed


class Boaster(Tally):
    """Makes an output that no broker takes."""

    def process(self, states: Mapping[bytes, bytes], batch: Batch, context: bytes) -> Outcome:
        return Outcome({self.output: [OutputRecord(b"k", bytes(2_000_000))]}, {}, {})


async def test_an_output_that_the_broker_would_not_take_ends_the_worker_and_names_lane_and_key(
    broker: RunningKafka,
) -> None:
    name = f"lane-{uuid4().hex[:8]}"
    job = tally_job((f"{name}.in",), f"{name}.out", f"{name}.state", f"{name}.journal")
    world = World(broker.bootstrap, name, job._replace(processor=Boaster((f"{name}.in",), f"{name}.out")))
    world.send([(b"k", b"a")])
    said = r"lane \d, lane-\w+.out, key b'k': expected .* 900000 bytes, got 2000\d{3}"
    with pytest.raises(OutputTooLarge, match=said):
        async with world.worker() as worker:
            await until(lambda: not worker.is_live())
