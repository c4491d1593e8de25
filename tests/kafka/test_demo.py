"""The demo runs the whole pipeline on a real Kafka, loses nothing, and what it kept can be explained and redriven."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from streams.commands.dlq import dlq
from streams.commands.explain import NoSuchDecision, explain
from streams.kafka.codec import wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.settings import load_settings

SECONDS, RATE = 6, 400
LIMIT_SECONDS = 120


class Played(NamedTuple):
    """A demo that is over, and a Kafka with what it left."""

    result: dict[str, Any]
    stderr: str
    broker: EmbeddedBroker


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "streams.cli", "demo", "--json", "--data-dir", str(folder)]
    environment = {**os.environ, "LEADLANE_LANES": "4"}
    done = subprocess.run(
        [*command, "--seconds", str(SECONDS), "--rate", str(RATE)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    with EmbeddedBroker(data_dir=folder / "kafka") as broker:
        yield Played(json.loads(done.stdout.splitlines()[-1]), done.stderr, broker)


def test_nothing_is_lost_and_everything_is_counted(played: Played) -> None:
    told = played.result
    assert told["lost"] == 0
    assert told["journaled"] == told["signals_in"] >= SECONDS * RATE - told["mails_let_be"]
    assert 0 < told["mails_let_be"] < SECONDS * RATE / 4
    by_input = told["decisions"] - told["decisions_by_timer"]
    assert by_input + told["no_consequence"] + told["duplicates_dropped"] + told["dead_letters"] == told["signals_in"]
    assert told["duplicates_dropped"] == told["duplicates_sent"] > 0
    assert told["dead_letters"] == sum(told["dead_letters_by_error"].values()) > 0
    assert sum(told["routed_by_tier"].values()) == told["leads"] > 50
    assert 0 < told["human_share"] < 0.3
    assert told["cases_opened"] >= told["cases_breached"]
    assert told["holds_set"] >= told["holds_lifted"]
    assert told["examples_learned"] == told["outcomes"] > 0
    assert told["models_published"] > 0
    assert told["model"].startswith("online-")
    assert told["latency_ms_with_start"]["n"] == by_input
    assert 0 < told["latency_ms"]["n"] < by_input
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p99"]
    assert 0.8 * RATE <= told["events_per_second"] <= RATE


def test_progress_goes_to_stderr(played: Played) -> None:
    assert "Kafka is up at" in played.stderr
    assert "open cases" in played.stderr


def test_a_decision_of_the_demo_can_be_explained(played: Played) -> None:
    settings = load_settings(brokers=played.broker.bootstrap)
    with Reader(settings) as reader:
        message = next(each for each in reader.read("decisions") if each.value() is not None)
    decision: Any = wire_for(settings).decode_any("decisions", message.value())
    arguments = [decision.decision_id, "--brokers", played.broker.bootstrap]
    told = CliRunner().invoke(explain, arguments, catch_exceptions=False).output
    assert told.startswith(f"Decision {decision.decision_id} for lead {decision.lead_id}, ")
    plain = json.loads(CliRunner().invoke(explain, [*arguments, "--json"], catch_exceptions=False).output)
    assert plain["decision"]["decision_id"] == decision.decision_id
    assert plain["trigger"]["event_id"] == decision.event_id
    with pytest.raises(NoSuchDecision, match="makes no decision record"):
        CliRunner().invoke(explain, ["signals.scores-0-99999999", *arguments[1:]], catch_exceptions=False)


def test_its_dead_letters_hold_the_original_bytes_and_the_reason(played: Played) -> None:
    arguments = ["list", "--json", "--limit", "1000", "--brokers", played.broker.bootstrap]
    output = CliRunner().invoke(dlq, arguments, catch_exceptions=False).output
    letters = [json.loads(each) for each in output.splitlines()]
    assert len(letters) == played.result["dead_letters"]
    assert {each["error_class"] for each in letters} == {"UnreadableRecord"}
    assert all("expected" in each["error"] for each in letters)
