"""What the control topics are given before the demo begins: a policy in time lapse, reps, approvals.

Law of this module: the demo's policy is the shipped one in all but its clocks and how many outcomes a model must have
seen, and its version says so.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from streams.core.context import Approval, ControlRecord, RosterEntry
from streams.demo.happenings import APPROVED, APPROVED_AUDIENCE
from streams.topics import TOPIC, Topic

TIME_LAPSE = 60  # an SLA of a minute runs out in a second
COLD_START = {"least_labels": 150, "least_positives": 20}
ACTOR = "demo"
REASON = "set up the demo"
WORKDAY_SECONDS = 8 * 3600
UNIT_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "business day": WORKDAY_SECONDS}
GONE = "lou"  # owns accounts in the CRM, but is no longer here

# rep: their queues and how much they take on
REPS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("ana", ("vip", "sales"), 1.0),
    ("ben", ("vip", "sales"), 1.0),
    ("chen", ("sales", "exceptions"), 1.5),
    ("dana", ("sales", "exceptions"), 1.0),
    ("emre", ("sales", "exceptions"), 1.0),
    ("fay", ("sales", "success"), 1.0),
    ("gil", ("success", "overflow"), 1.0),
    ("hana", ("compliance",), 1.0),
    ("ilse", ("compliance", "overflow"), 1.0),
)


def demo_policy(shipped: str) -> str:
    """The shipped policy with SLA budgets and settling time TIME_LAPSE times shorter, and a small cold start."""
    document: dict[str, Any] = yaml.safe_load(shipped)
    document["version"] = f"{document['version']}-demo-{TIME_LAPSE}x"
    document["description"] = (
        f"The shipped policy in time lapse for the demo: clocks run {TIME_LAPSE} times faster, and a model may look on"
        " after few outcomes."
    )
    document["sla_defaults"]["clock"] = "wall"
    for sla in document["slas"].values():
        sla["budget"] = f"{_seconds(sla['budget']) / TIME_LAPSE:g} s"
    document["values"]["settling_minutes"] //= TIME_LAPSE
    document["learning"] |= COLD_START
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def control_records(now: int) -> tuple[tuple[str, str, ControlRecord], ...]:
    """(topic, key, record) of the reps and the approvals."""
    said: dict[str, Any] = {"actor": ACTOR, "reason": REASON, "at": now}
    roster: list[tuple[str, str, ControlRecord]] = [
        ("control.roster", rep, RosterEntry(rep_id=rep, name=rep.title(), queues=queues, weight=weight, **said))
        for rep, queues, weight in REPS
    ]
    gone = RosterEntry(rep_id=GONE, name=GONE.title(), queues=("sales",), active=False, **said)
    roster.append(("control.roster", GONE, gone))
    approvals = [
        ("control.approvals", f"demo-{number}", _approval(f"demo-{number}", content, segment, said))
        for number, (content, segment) in enumerate(APPROVED, start=1)
    ]
    return (*roster, *approvals)


def control_topics(now: int) -> dict[Topic, dict[str, ControlRecord]]:
    """The same, as whoever writes a whole control topic takes it."""
    written: dict[Topic, dict[str, ControlRecord]] = {}
    for topic, key, record in control_records(now):
        written.setdefault(TOPIC[topic], {})[key] = record
    return written


def _approval(approval_id: str, content: str, segment: str, said: dict[str, Any]) -> Approval:
    return Approval(
        approval_id=approval_id,
        status="approved",
        content_hash=content,
        segment_hash=segment,
        audience_size=APPROVED_AUDIENCE,
        second_actor="hana",
        **said,
    )


def _seconds(budget: str) -> float:
    found = (
        re.fullmatch(r"([\d.]+) (.+?)s?", budget)
        if not budget.endswith(" s")
        else re.fullmatch(r"([\d.]+) (s)", budget)
    )
    assert found is not None, "the shipped policy is checked by the tests"
    return float(found[1]) * UNIT_SECONDS[found[2]]
