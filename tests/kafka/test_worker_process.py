"""Real worker processes: killed, frozen, started wrongly, stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest

from streams.bench.chaos import Plan, is_exactly_once, run_chaos
from streams.bench.tally import job
from streams.bench.topics import create_topics
from streams.lane.job import LaneSettings
from tests.kafka.conftest import RunningKafka
from tests.kafka.lanes import LANES

RUN = """
import sys
from streams.app import run_worker
from streams.errors import LeadlaneError
from streams.settings import load_settings
brokers, app_id, lanes, port = sys.argv[1:]
settings = load_settings(brokers=brokers, app_id=app_id, lanes=int(lanes), web_port=int(port))
try:
    run_worker(settings, "streams.bench.tally:job")
except LeadlaneError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def test_kills_a_zombie_a_rebalance_and_a_broker_restart_lose_and_double_nothing(tmp_path: Path) -> None:
    plan = Plan(
        events=20_000,
        seconds=14,
        kills=4,
        freezes=1,
        joins=2,
        bounces=1,
        lanes=LANES,
        session_seconds=3,
    )
    report = run_chaos(plan, tmp_path, say=lambda _: None)
    assert report["events"] == 20_000
    assert is_exactly_once(report), json.dumps(report, indent=1)
    assert report["ended_by_themselves"] == 0
    assert set(report["exit_codes"]) == {0}


@pytest.fixture
def app_id(broker: RunningKafka) -> str:
    return f"process-{uuid4().hex[:8]}"


def run_app(brokers: str, app_id: str, lanes: int = LANES, port: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, brokers, app_id, str(lanes), str(port)], stderr=subprocess.PIPE, text=True
    )


def test_the_worker_says_how_it_is_and_stops_in_order_within_ten_seconds(
    broker: RunningKafka, app_id: str, unused_tcp_port: int
) -> None:
    settings = LaneSettings(brokers=broker.bootstrap, app_id=app_id)
    create_topics(broker.bootstrap, job(settings), LANES)
    process = run_app(broker.bootstrap, app_id, port=unused_tcp_port)
    try:
        deadline = time.monotonic() + 20
        while page(unused_tcp_port, "ready")[0] != 200:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        assert page(unused_tcp_port, "live") == (200, "live")
        time.sleep(1.2)  # gauges are set once a second
        status, text = page(unused_tcp_port, "metrics")
        assert (status, f"leadlane_lanes_open {LANES}.0" in text) == (200, True)
    finally:
        process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    assert process.wait(15) == 0
    assert time.monotonic() - asked < 10


def test_missing_topics_are_named_with_what_to_do(broker: RunningKafka, app_id: str) -> None:
    code, message = ending(run_app(broker.bootstrap, app_id))
    assert code == 4
    assert message.startswith(f"MissingTopic: {broker.bootstrap}: expected 7 topics, got none named {app_id}.control, ")
    assert message.endswith("Create them with `leadlane topics apply`.")


def test_a_wrong_partition_count_is_named_with_what_to_do(broker: RunningKafka, app_id: str) -> None:
    create_topics(broker.bootstrap, job(LaneSettings(brokers=broker.bootstrap, app_id=app_id)), LANES)
    code, message = ending(run_app(broker.bootstrap, app_id, lanes=12))
    assert code == 4
    assert message.startswith(
        f"TopicsDiffer: {broker.bootstrap}: expected 12 partitions (LEADLANE_LANES) in lane topics"
    )
    assert f"'{app_id}.in.0': {LANES}" in message


def test_an_unreachable_broker_is_named_with_what_to_do(app_id: str) -> None:
    code, message = ending(run_app("127.0.0.1:9", app_id))
    assert code == 3
    assert message.startswith("BrokerUnreachable: LEADLANE_BROKERS=127.0.0.1:9: expected a Kafka broker, got ")
    assert message.endswith("Start it or correct the address.")


def ending(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and last line on stderr."""
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors.strip().splitlines()[-1]


def page(port: int, name: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
