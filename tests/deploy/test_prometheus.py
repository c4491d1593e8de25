"""Rules and routes: an alert says what to do, is heard by the right people, and fires and keeps silent when it must."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.demo.worker import free_port
from tests.deploy.observability import ALERTMANAGER, ALERTS, PROMETHEUS, RECORDED, ROOT, declared, names_in, rules, tool

RULE_TESTS = sorted(PROMETHEUS.glob("tests/*.yml"))
TEAMS = ("platform", "revops", "compliance")
alerts = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def headings() -> set[str]:
    lines = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "runbook.md").read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@alerts
def test_an_alert_says_what_to_do_and_leads_to_the_runbook(alert: dict[str, Any]) -> None:
    told = alert["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    page, _, heading = told["runbook_url"].partition("#")
    assert page == "docs/runbook.md"
    assert heading in headings()
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["labels"]["team"] in TEAMS


@alerts
def test_an_alert_is_tested_in_a_silent_and_a_firing_minute(alert: dict[str, Any]) -> None:
    asked = f'ALERTS{{alertname="{alert["alert"]}", alertstate="firing"}}'
    cases = [case for path in RULE_TESTS for case in yaml.safe_load(path.read_text("utf-8"))["tests"]]
    minutes = [each for case in cases for each in case["promql_expr_test"] if each["expr"] == asked]
    assert {bool(minute.get("exp_samples")) for minute in minutes} == {False, True}


@alerts
def test_an_alert_reaches_its_team_by_its_severity(alert: dict[str, Any]) -> None:
    amtool = tool("amtool", "prometheus-alertmanager")
    labels = alert["labels"]
    receiver = f"{labels['team']}-{'duty' if labels['severity'] == 'page' else 'tickets'}"
    given = [f"{name}={value}" for name, value in labels.items()]
    command = ("config", "routes", "test", f"--config.file={ALERTMANAGER}", f"alertname={alert['alert']}", *given)
    assert run(amtool, *command).split() == [receiver]


def test_alertmanager_understands_its_configuration() -> None:
    assert "SUCCESS" in run(tool("amtool", "prometheus-alertmanager"), "check-config", ALERTMANAGER)


def test_what_an_alert_silences_exists() -> None:
    names = {alert["alert"] for alert in ALERTS}
    for rule in yaml.safe_load(ALERTMANAGER.read_text("utf-8"))["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            name, _, pattern = matcher.partition("=")
            if name == "alertname":
                for one in pattern.lstrip("~").strip('"').split("|"):
                    assert any(re.fullmatch(one, known) for known in names), one


def test_prometheus_understands_its_configuration_and_rules() -> None:
    promtool = tool("promtool", "prometheus")
    run(promtool, "check", "config", "prometheus.yml")
    run(promtool, "check", "rules", *sorted(PROMETHEUS.glob("rules/*.yml")))


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_keep_silent(path: Path) -> None:
    assert "SUCCESS" in run(tool("promtool", "prometheus"), "test", "rules", path)


def test_rules_ask_for_metrics_that_exist() -> None:
    asked = {name for rule in (*ALERTS, *rules("record")) for name in names_in(rule["expr"])}
    assert asked - declared() - RECORDED == set()


def test_no_rule_asks_for_a_lead() -> None:
    assert [rule for rule in (*ALERTS, *rules("record")) if "lead_id" in rule["expr"]] == []


SILENCED = [
    ({"alertname": "LeadlaneBrokerAway"}, {"alertname": "LeadlaneLagGrowing", "topic": "signals.scores"}, True),
    ({"alertname": "LeadlaneBrokerAway"}, {"alertname": "LeadlaneGatewayKafkaAway"}, True),
    ({"alertname": "LeadlaneBrokerAway"}, {"alertname": "LeadlanePolicyViolation"}, False),
    ({"alertname": "LeadlaneProcessMissing", "job": "worker"}, {"alertname": "LeadlaneLanesNotOpen"}, True),
    ({"alertname": "LeadlaneProcessMissing", "job": "lab"}, {"alertname": "LeadlaneLanesNotOpen"}, False),
    (
        {"alertname": "LeadlaneDeadlinesBurnFast", "queue": "vip"},
        {"alertname": "LeadlaneDeadlinesBurnSlowly", "queue": "vip"},
        True,
    ),
    (
        {"alertname": "LeadlaneDeadlinesBurnFast", "queue": "vip"},
        {"alertname": "LeadlaneDeadlinesBurnSlowly", "queue": "sales"},
        False,
    ),
]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Alertmanager with the configuration of deploy/ that has nobody to tell."""
    program = tool("prometheus-alertmanager", "prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    document = yaml.safe_load(ALERTMANAGER.read_text("utf-8"))
    document["receivers"] = [{"name": receiver["name"]} for receiver in document["receivers"]]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(document), "utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    command = [program, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder}",
               f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address="]  # fmt: skip
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until_ready(f"{url}/-/ready")
            yield url
        finally:
            process.terminate()


def until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer at {url}")


def inhibited(alertmanager: str, *alerts: dict[str, str]) -> list[bool]:
    """Whether each of these, firing at once, is silenced by another."""
    run = {"run": uuid.uuid4().hex}
    body = json.dumps([{"labels": {**alert, **run}} for alert in alerts]).encode()
    asked = urllib.request.Request(f"{alertmanager}/api/v2/alerts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10):
        pass
    with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts?filter=run%3D{run['run']}", timeout=10) as answer:
        found = {alert["labels"]["alertname"]: bool(alert["status"]["inhibitedBy"]) for alert in json.load(answer)}
    return [found[alert["alertname"]] for alert in alerts]


@pytest.mark.parametrize(("cause", "symptom", "expected"), SILENCED, ids=lambda value: str(value))
def test_what_follows_from_another_alert_is_not_told_twice(
    alertmanager: str, cause: dict[str, str], symptom: dict[str, str], expected: bool
) -> None:
    deadline = time.monotonic() + 5
    while (found := inhibited(alertmanager, cause, symptom)) != [False, expected] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == [False, expected]
    resolve(alertmanager, cause)


def resolve(alertmanager: str, alert: dict[str, str]) -> None:
    """End every one of its kind, so that the next test starts with none."""
    with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts", timeout=10) as answer:
        known = [each["labels"] for each in json.load(answer) if each["labels"]["alertname"] == alert["alertname"]]
    past = "2020-01-01T00:00:00Z"
    body = json.dumps([{"labels": labels, "startsAt": past, "endsAt": "2020-01-01T00:01:00Z"} for labels in known])
    asked = urllib.request.Request(f"{alertmanager}/api/v2/alerts", body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10):
        pass
