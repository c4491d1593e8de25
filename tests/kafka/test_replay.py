"""History on a real Kafka, with a kill in the middle, decided again from the topics and from an exported folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.bench.past import written
from streams.commands.replay import replay
from streams.demo.simulator import SPAN_MS, traffic
from streams.demo.worker import WorkerProcess
from streams.kafka.sender import Sender
from streams.lane.job import Job
from streams.lane.privates import Record
from streams.policy.publish import Publisher, Stamp
from streams.settings import Settings
from streams.shipped import default_policy
from streams.whatif.history import BrokerHistory
from streams.whatif.run import replay_unchanged
from tests.fuzz.run import prepare
from tests.kafka.conftest import FreshTopics

LANES, EVENTS, LEADS = 3, 2_000, 300
WAIT_SECONDS = 40.0


@pytest.fixture
def settings(fresh_topics: FreshTopics, tmp_path: Path) -> Settings:
    """Topics with a history: the worker was killed in the middle of it."""
    settings = fresh_topics(lanes=LANES)
    prepare(settings)
    sender = Sender(settings)
    start_at = time.time_ns() // 1_000_000 - SPAN_MS
    records = list(written(traffic(5, EVENTS, LEADS, start_at=start_at)))
    with WorkerProcess(settings.brokers, LANES, tmp_path / "killed.log", settings.app_id) as worker:
        send(sender, records[: EVENTS // 2])
        wait(worker, 100)
        send(sender, records[EVENTS // 2 : EVENTS * 3 // 4])
        worker.kill()
    with WorkerProcess(settings.brokers, LANES, tmp_path / "worker.log", settings.app_id) as worker:
        send(sender, records[EVENTS * 3 // 4 :])
        wait(worker, EVENTS // 4)
        quiet(worker)
    return settings


def test_history_is_the_same_again_after_a_kill_from_topics_and_from_a_folder(
    settings: Settings, tmp_path: Path
) -> None:
    code, found = run(settings)
    assert (code, found["differences"], found["events"], found["lanes"]) == (0, 0, EVENTS, LANES)
    exported = CliRunner().invoke(replay, ["export", "--out", str(tmp_path / "history"), "--brokers", settings.brokers])
    assert exported.exit_code == 0, exported.output
    code, again = run(settings, "--history", str(tmp_path / "history"), "--processes", "1")
    assert (code, again | {"seconds": 0}) == (0, found | {"seconds": 0})

    tried = tmp_path / "tried.yaml"
    tried.write_text(default_policy().read_text().replace("warm_score: 50\n", "warm_score: 60\n"))
    code, changed = run(settings, "--policy", str(tried))
    assert code == 0
    assert {(move["from"], move["to"]) for move in changed["tiers"]["moves"]} == {("T2_WARM", "T3_NURTURE")}
    assert changed["events"] == EVENTS
    assert changed["changes"] == ["~ values.warm_score: 50 -> 60"]


def test_what_lanes_do_while_they_are_replayed_is_no_difference(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the replay has read the control topics, another policy decides more events."""
    monkeypatch.setenv("LEADLANE_LANES", str(LANES))
    more = list(written(traffic(6, 300, 50, start_at=time.time_ns() // 1_000_000 - SPAN_MS, run="more")))
    other = (
        default_policy()
        .read_text()
        .replace('version: "', 'version: "other-', 1)
        .replace("warm_score: 50", "warm_score: 60")
    )

    class Meanwhile:
        def __init__(self, history: BrokerHistory) -> None:
            self.history, self.lanes, self.lane = history, history.lanes, history.lane

        def as_of_now(self, job: Job) -> Meanwhile:
            return Meanwhile(self.history.as_of_now(job))

        def controls(self, job: Job) -> dict[str, list[Record]]:
            read = self.history.controls(job)
            with WorkerProcess(settings.brokers, LANES, tmp_path / "meanwhile.log", settings.app_id) as worker:
                Publisher(settings).publish(other, "other.yaml", Stamp("ana", "test", time.time_ns() // 1_000_000))
                send(Sender(settings), more)
                wait(worker, 300)
            return read

    done = replay_unchanged(Meanwhile(BrokerHistory(settings.brokers)), processes=1)
    assert (done.differences, done.figures["events"], done.figures["lanes_at_work"]) == (0, EVENTS, LANES)


def run(settings: Settings, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(
        replay, ["--json", "--brokers", settings.brokers, *arguments],
        env={"LEADLANE_APP_ID": settings.app_id, "LEADLANE_LANES": str(LANES)}, catch_exceptions=False,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return done.exit_code, found


def send(sender: Sender, records: Any) -> None:
    for topic, key, value, headers, _ in records:
        sender.send(topic, key, value, headers)
    sender.flush()


def wait(worker: WorkerProcess, least: int) -> None:
    """Until the worker counts so many records."""
    deadline = time.monotonic() + WAIT_SECONDS
    while sum(worker.outcomes().values()) < least:
        worker.must_run()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def quiet(worker: WorkerProcess) -> None:
    """Until nothing more is counted for a second."""
    before, heard = worker.outcomes(), time.monotonic()
    while time.monotonic() < heard + 1.0:
        time.sleep(0.2)
        now = worker.outcomes()
        if now != before:
            before, heard = now, time.monotonic()
