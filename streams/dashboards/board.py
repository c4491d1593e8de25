"""A dashboard as data: rows of panels, each with its question, its unit and what to do about the answer.

Law of this module: colours are hints, alerts are rules (deploy/prometheus). What the policy owns is asked for as a
metric and drawn as a line; the objective of deadlines is read from the recording rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules" / "recording.yml"

Kind = Literal["stat", "names", "lines", "stacked", "bars"]
Colour = Literal["green", "yellow", "orange", "red", "blue"]
MINUTE, HOUR = 60.0, 3600.0


class Query(NamedTuple):
    """One question to Prometheus, and how its answers are called."""

    expr: str
    legend: str


class Step(NamedTuple):
    """From this value on, this colour."""

    value: float
    colour: Colour


class Panel(NamedTuple):
    title: str
    advice: str  # what it is, and what a person should do
    unit: str  # one of Grafana's
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    base: Colour = "blue"  # below the first step
    steps: tuple[Step, ...] = ()
    least: float | None = 0.0
    most: float | None = None
    width: int = 8
    height: int = 8
    decimals: int | None = None
    empty: str = ""  # what to say instead of "No data" where none is usual
    dashed: str = ""  # pattern of the series that are limits or bounds


class Row(NamedTuple):
    title: str
    panels: tuple[Panel, ...]


class Choice(NamedTuple):
    """What a person may choose on top: the values of a label."""

    name: str
    label: str  # for people
    metric: str  # whose label `name` it is


class Board(NamedTuple):
    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()


def deadlines_objective() -> float:
    """The share of deadlines that must be met, from the one rule that says so."""
    document: dict[str, Any] = yaml.safe_load(RULES.read_text("utf-8"))
    rules = (rule for group in document["groups"] for rule in group["rules"])
    [objective] = [rule["expr"] for rule in rules if rule["record"] == "leadlane:deadlines_objective:ratio"]
    return float(str(objective).removeprefix("vector(").removesuffix(")"))


def stat(
    title: str,
    advice: str,
    unit: str,
    expr: str,
    *steps: Step,
    base: Colour = "blue",
    width: int = 4,
    empty: str = "",
    decimals: int | None = None,
) -> Panel:
    """One number."""
    queries = (Query(expr, title),)
    return Panel(
        title, advice, unit, queries, "stat", base, steps, None, None, width, 4, decimals=decimals, empty=empty
    )


def per_minute(metric: str, by: str, matchers: str = "") -> str:
    """Events of a counter per minute, by a label."""
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval])) * 60"


def quantile(share: float, metric: str, by: str = "", matchers: str = "") -> str:
    """A quantile of a histogram over the panel's interval, by further labels."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({metric}_bucket{{{matchers}}}[$__rate_interval])))"


def kpi(name: str, of: str = "", bound: str = "value") -> str:
    """A share that the lab measures."""
    return f'leadlane_kpi_share{{kpi="{name}", of="{of}", bound="{bound}"}}'


def with_interval(name: str) -> tuple[Query, ...]:
    """A share of everybody's with the bounds of its interval."""
    return (Query(kpi(name), "measured"), Query(kpi(name, bound="low"), "low"), Query(kpi(name, bound="high"), "high"))


def target(name: str) -> Query:
    """What the policy in force holds a share against."""
    return Query(f'leadlane_kpi_target{{kpi="{name}"}}', "policy")


BOUNDS = "/^(low|high|policy|limit)$/"
