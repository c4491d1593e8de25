"""What the lanes count adds up to what they wrote, over restarts in the middle of a window."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from streams import topics
from streams.bench.scenarios import publish_controls, simulated_traffic
from streams.bench.traffic import Feed
from streams.core.effects import RouteLead
from streams.core.windows import EVERYBODY, WindowStats
from streams.lane.job import LaneSettings, load_job
from streams.lane.processor import KEPT
from streams.whatif.history import Tail
from tests.kafka.conftest import FreshTopics
from tests.kafka.lanes import FAULTLESS, LANES, World, committed, until
from tests.lanes import WIRE

EVENTS, RATE, WINDOW_MS = 1_500, 500, 1_000


async def test_windows_add_up_to_what_the_lanes_did_however_often_the_worker_restarts(
    fresh_topics: FreshTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.lane.statistics.WINDOW_MS", WINDOW_MS)
    settings = fresh_topics(lanes=LANES)
    given = LaneSettings(brokers=settings.brokers, app_id=settings.app_id, lanes=LANES)
    world = World(settings.brokers, settings.app_id, load_job("streams.lane.pipeline:job", given))
    publish_controls(settings.brokers)
    feed = Feed(settings.brokers, simulated_traffic(world.job, EVENTS, seed=5), RATE)
    feed.start()
    for share in (0.3, 0.6):  # neither at the end of a window
        async with world.worker() as worker:
            await until(lambda: committed(worker) >= share * EVENTS)  # noqa: B023  # awaited at once
    async with world.worker() as worker:
        await until(lambda: feed.done)
        await until(lambda: not any(key in lane.store.view for lane in worker.lanes.values() for key in KEPT))
        await asyncio.sleep(2 * WINDOW_MS / 1000)
    with Tail(world.brokers) as tail:
        sent = [tail.read_whole([(topics.STATS.name, n), (topics.ROUTED.name, n)]) for n in range(LANES)]
    stats = [WIRE.decode_any(topics.STATS.name, record.value) for lane in sent for record in lane[topics.STATS.name]]
    routed = [WIRE.decode_any(topics.ROUTED.name, record.value) for lane in sent for record in lane[topics.ROUTED.name]]
    counts: Counter[str] = Counter()
    places: Counter[tuple[int, int]] = Counter()
    for one in stats:
        assert isinstance(one, WindowStats)
        assert one.group == EVERYBODY, "the shipped policy declares no groups"
        places[one.lane, one.window_start] += 1
        counts.update(one.counts)
    assert sum(count for name, count in counts.items() if name.startswith("events:")) == EVENTS
    assert counts["events:dead"] >= 1
    tiers = Counter(route.tier for route in routed if isinstance(route, RouteLead))
    assert (counts["routed"], {tier: counts[f"tier:{tier}"] for tier in tiers}) == (len(routed), tiers)
    assert len(places) > LANES
    assert set(places.values()) == {1}, "one record for each lane and window"
    assert world.faults() == FAULTLESS
