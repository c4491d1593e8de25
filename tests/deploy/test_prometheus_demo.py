"""A real Prometheus looks on at a real demo, with gateway and sink: every panel and every rule gets an answer.

An alert's expression answers nothing as long as all is well. That it would answer is shown in three steps: every series
that it selects was there at some time of the run, by name and by the labels it asks for; the rule was evaluated without
an error; and deploy/prometheus/tests has a silent and a firing minute of it. What is only there in bad times is made
here: dead letters and bad signatures by the platform beside the demo, sends that nothing allowed, a policy that the lab
goes back from, and a broker that stands still.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isnan
from typing import Any, NamedTuple

import psutil
import pytest

from streams.dashboards.neighbours import Edges, neighbours
from streams.dashboards.prometheus import INSTALL, Prometheus, resolved
from streams.dashboards.watched import Watched, declare_groups, watched_demo
from tests.deploy.observability import ALERTS, DASHBOARDS, panels, rules

SECONDS, RATE = 130, 200
VIOLATIONS_AFTER = 15.0  # seconds; governance tells of them by the minute
DRAIN_SECONDS = 120.0
STILL_SECONDS = 20.0
SELECTOR = re.compile(r"(?<![\w:])(?:up|process_\w+|(?:\w+:)?leadlane[_:][\w:]*)(?:{[^}]*})?")
RULES = [(rule.get("alert") or rule["record"], rule["expr"]) for kind in ("alert", "record") for rule in rules(kind)]
PANELS = [(f"{uid}: {panel['title']}", target["expr"]) for uid, panel in panels() for target in panel["targets"]]
CERTAIN = {
    "LeadlaneDeadLetters", "LeadlaneGatewayDeadLetters", "LeadlanePolicyViolation", "LeadlaneSendDuringHold",
    "LeadlaneRolledBack", "LeadlaneSinkParked", "LeadlaneBrokerAway",
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    os.environ.get("LEADLANE_TEST_PROMETHEUS") != "1", reason="takes four minutes: make check-prometheus"
)


class Seen(NamedTuple):
    """What Prometheus saw of the run."""

    prometheus: Prometheus
    start: float
    end: float

    def values(self, expr: str) -> list[float]:
        """All that the expression answered during the run."""
        found = self.prometheus.ask_range(resolved(expr, "15s", "5m"), self.start, self.end, 1)
        return [value for series in found for _, value in series.points if not isnan(value)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    if shutil.which("prometheus") is None:
        pytest.skip(f"prometheus is not installed; {INSTALL}")
    with watched_demo(tmp_path_factory.mktemp("watched"), SECONDS, RATE) as watched, neighbours(watched) as edges:
        start = time.time()
        declare_groups(watched.brokers, "country", "language")
        time.sleep(VIOLATIONS_AFTER)
        send_what_nothing_allowed(edges)
        forget(watched, edges, "edge-1")
        watched.wait_until_sent(SECONDS + DRAIN_SECONDS)
        let_the_broker_stand(watched)
        time.sleep(STILL_SECONDS)
        yield Seen(watched.prometheus, start, time.time())


def send_what_nothing_allowed(edges: Edges) -> None:
    """Five automated marketing sends for requests that were never asked, of them one to a lead that has opted out."""
    opted_out = {"lead_id": "edge-2", "kind": "unsubscribe", "occurred_at": datetime.now(UTC).isoformat()}
    assert edges.post("ActivitySignal", opted_out, "opt-out") == 200
    time.sleep(1)
    for number in range(5):
        sent = {
            "lead_id": f"edge-{number}", "kind": "sent", "channel": "email", "request_id": f"never-{number}",
            "occurred_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        assert edges.post("ActivitySignal", sent, f"violation-{number}") == 200


def forget(watched: Watched, edges: Edges, lead: str) -> None:
    """Erase a lead, of whom something from before that comes afterwards."""
    before = datetime.now(UTC).isoformat()
    arguments = (lead, "--actor", "ana", "--reason", "asked", "--brokers", watched.brokers)
    told = subprocess.run([sys.executable, "-m", "streams.cli", "forget", *arguments], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    late = {"lead_id": lead, "kind": "clicked", "occurred_at": before}
    assert edges.post("ActivitySignal", late, "after-the-erasure") == 200


def let_the_broker_stand(watched: Watched) -> None:
    """Stop the demo's Kafka for longer than a transaction may take and its silence is borne, then let it go on."""
    [java] = [child for child in psutil.Process(watched.process.pid).children(recursive=True) if child.name() == "java"]
    java.suspend()
    try:
        deadline = time.monotonic() + 180
        while not watched.prometheus.ask('ALERTS{alertname="LeadlaneBrokerAway", alertstate="firing"}'):
            assert time.monotonic() < deadline, "nobody noticed that Kafka stands still"
            time.sleep(1)
    finally:
        java.resume()


@pytest.mark.parametrize("expr", [expr for _, expr in PANELS], ids=[name for name, _ in PANELS])
def test_a_panel_gets_an_answer(seen: Seen, expr: str) -> None:
    assert seen.values(expr), f"nothing for {expr}"


@pytest.mark.parametrize("expr", [expr for _, expr in RULES], ids=[name for name, _ in RULES])
def test_everything_that_a_rule_asks_for_was_there(seen: Seen, expr: str) -> None:
    assert [selector for selector in SELECTOR.findall(expr) if not seen.values(selector)] == []


@pytest.mark.parametrize("expr", [expr for _, expr in PANELS], ids=[name for name, _ in PANELS])
def test_everything_that_a_panel_asks_for_was_there(seen: Seen, expr: str) -> None:
    """A panel that says 0 where there is nothing would hide a metric that is gone."""
    assert [selector for selector in SELECTOR.findall(expr) if not seen.values(selector)] == []


@pytest.mark.parametrize("record", [rule["record"] for rule in rules("record")])
def test_a_recording_rule_records(seen: Seen, record: str) -> None:
    assert seen.values(record)


def test_every_rule_was_evaluated_without_an_error(seen: Seen) -> None:
    found = seen.prometheus.rules()
    assert {rule["name"] for rule in found} == {name for name, _ in RULES}
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []


def test_alerts_fired_for_what_was_made_to_go_wrong(seen: Seen) -> None:
    found = seen.prometheus.ask_range('ALERTS{alertstate="firing"}', seen.start, seen.end, 1)
    fired = {series.labels["alertname"] for series in found}
    assert fired >= CERTAIN
    assert fired <= {alert["alert"] for alert in ALERTS}
    assert "LeadlaneProcessMissing" not in fired


def test_what_a_firing_alert_says_is_filled_in(seen: Seen) -> None:
    firing = [alert for rule in seen.prometheus.rules() for alert in rule.get("alerts", ())]
    assert firing
    said = [text for alert in firing for text in alert["annotations"].values()]
    assert [text for text in said if "<error" in text or "<no value>" in text or "{{" in text] == []


def test_everything_is_scraped(seen: Seen) -> None:
    jobs = {target["labels"]["job"] for target in seen.prometheus.targets() if target["health"] == "up"}
    assert jobs >= {"worker", "lab", "gateway", "sink"}


def test_choices_of_dashboards_have_values(seen: Seen) -> None:
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for choice in dashboard["templating"]["list"]:
            if choice["type"] == "query":
                metric, _, label = choice["query"].removeprefix("label_values(").removesuffix(")").partition(", ")
                found = seen.prometheus.ask_range(metric, seen.start, seen.end, 5)
                assert {series.labels[label] for series in found}, choice["query"]
