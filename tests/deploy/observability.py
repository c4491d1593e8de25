"""What Prometheus, Alertmanager and Grafana are given, read from deploy/."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from streams import metrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
RULES = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(PROMETHEUS.glob("rules/*.yml"))}
NAME = re.compile(r"(?<![:\w])(?:\w+:)?leadlane[_:][a-z_:]+\w*")
SUFFIXES = ("_bucket", "_sum", "_count")


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules that have this key: alert, or record."""
    return [rule for file in RULES.values() for group in file["groups"] for rule in group["rules"] if kind in rule]


ALERTS = rules("alert")
RECORDED = {str(rule["record"]) for rule in rules("record")}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel of every dashboard, with the dashboard's uid."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text("utf-8"))
        yield from ((dashboard["uid"], panel) for panel in dashboard["panels"] if panel["type"] != "row")


def names_in(expression: str) -> set[str]:
    """The metrics and recorded series of Leadlane that an expression asks for; histograms by their name."""
    unquoted = re.sub(r'"[^"]*"', "", expression)
    return {_without_suffix(name) for name in NAME.findall(unquoted)}


def declared() -> set[str]:
    """Every metric that streams/metrics.py declares."""
    found = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    return {metric._name + "_total" * (metric._type == "counter") for metric in found}


def tool(name: str, package: str) -> str:
    """Where the program is; skips the test, saying how to get it, when it is not there."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed; on Debian and Ubuntu: apt install {package}")
    return path


def _without_suffix(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
