"""`leadlane review` on a real Kafka: it finds the month's records, and only those."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from streams import topics
from streams.commands.review import NoPolicy, last_month, review
from streams.commands.signing import now_ms
from streams.core.context import Alarm, ModelVersion
from streams.kafka.changes import ACTIVE, Edit
from streams.kafka.codec import wire_for
from streams.kafka.security import confluent_config
from streams.kafka.table import ControlTable
from streams.lane.wire import Record
from streams.settings import Settings
from tests.factories import DAY, a_case, a_decision_record, a_label, a_reason, a_review, an_example
from tests.kafka.conftest import FreshTopics
from tests.kafka.labs import publish_policy
from tests.unit.test_review import a_day

NOW = now_ms()
NAME, START, END = last_month(NOW)  # topics keep inputs for 90 days: a fixed month would vanish one day
BEFORE = last_month(START)[1]


def write(settings: Settings, rows: Iterable[tuple[topics.Topic, Record, int]]) -> None:
    """Records as they came to their topics at a time, earliest first."""
    producer, wire = Producer(confluent_config(settings)), wire_for(settings)
    for number, (topic, record, at) in enumerate(sorted(rows, key=lambda row: row[2])):
        partition = 0 if topic.single else number % settings.lanes
        producer.produce(topic.name, wire.encode(record), b"lead-1", partition, timestamp=at)
    producer.flush(10)


def everything(start: int, end: int, n: int) -> list[tuple[topics.Topic, Record, int]]:
    """`n` of everything, evenly from `start` to before `end`."""
    rows: list[tuple[topics.Topic, Record, int]] = []
    closed = {"status": "closed", "end": "approved", "claimed_by": "ana", "sla_state": "met", "version": 2}
    for number in range(n):
        at = start + number * ((end - start) // n)
        case = f"case-{start}-{number}"
        rows += [
            (topics.DECISIONS, a_decision_record(now=at, conditions=(a_reason(condition="N08"),)), at),
            (
                topics.CASE_EVENTS,
                a_case(case_id=case, changed_at=at, reasons=(a_reason(condition="N08"),), **closed),
                at,
            ),
            (topics.REVIEWS, a_review(number, action="approve", occurred_at=at, dwell_ms=100), at),
            (topics.LABELS, a_label(number, occurred_at=at), at),
            (topics.EXAMPLES, an_example(example_id=case, emitted_at=at, label=False), at),
            (topics.STATS, a_day(0, window_start=at), at),
        ]
    return rows


def run(settings: Settings, *arguments: str) -> Result:
    result = CliRunner().invoke(review, [*arguments, "--brokers", settings.brokers], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def settings(fresh_topics: FreshTopics) -> Settings:
    return fresh_topics(lanes=3)


def test_without_a_policy_there_is_nothing_to_review_by(settings: Settings) -> None:
    with pytest.raises(NoPolicy, match="expected an active policy"):
        run(settings, "--month", NAME)


def test_a_month_is_reviewed_from_its_own_records(settings: Settings, tmp_path: Path) -> None:
    publish_policy(settings)
    spans = ((BEFORE, START, 7), (START, END, 60), (END, NOW, 9))
    write(settings, [row for span in spans for row in everything(*span)])
    alarm = Alarm(actor="lab", reason="moved", at=START + DAY, name="drift:score", on=True, detail="PSI 0.4")
    ControlTable(settings, topics.ALARMS, Alarm).change(lambda _: Edit({alarm.name: alarm}))
    models = ControlTable(settings, topics.MODELS, ModelVersion)
    for number in range(3):  # a line that the champion follows is one change, not three
        roles = ModelVersion(
            actor="lab", reason="r", at=END - DAY + number, version=ACTIVE, champion=f"online-{number:06}"
        )
        models.change(lambda _, roles=roles: Edit({ACTIVE: roles}))  # type: ignore[misc]

    out = tmp_path / "june.html"
    said = run(settings, "--month", NAME, "--out", str(out))
    assert said.output == f"{NAME}: 60 decisions, {said.output.split(', ')[1].split()[0]} suggestions. Read {out}\n"
    assert "<h2>What to change</h2>" in out.read_text()

    found = json.loads(run(settings, "--month", NAME, "--json").stdout)
    kpis = {each["name"]: each["found"]["n"] for each in found["kpis"]}
    assert (found["decisions"], kpis["Acceptance of cases"], kpis["False accepts"]) == (60, 60, 60)
    assert found["outcomes"] == {"accepted": 60}
    assert kpis["Automation share"] == 6000
    assert [(each["what"], each["on"]) for each in found["alarms"]] == [("drift:score", True)]
    assert [each["what"] for each in found["changes"]] == ["models: active"]
    assert [each["unread"]["hits"] for each in found["reviewers"]] == [60]
    assert "conditions[N08].when" in {each["where"] for each in found["suggestions"]}


def test_a_month_of_nothing_says_so(settings: Settings, tmp_path: Path) -> None:
    publish_policy(settings)
    out = tmp_path / "empty.html"
    said = run(settings, "--month", "2001-03", "--out", str(out))
    assert said.output == f"2001-03: nothing was recorded. {out} says so.\n"
    assert "Nothing was recorded in March 2001" in out.read_text()


def test_what_cannot_be_read_is_counted_and_left_out(settings: Settings, tmp_path: Path) -> None:
    publish_policy(settings)
    write(settings, everything(START, END, 3))
    producer = Producer(confluent_config(settings))
    producer.produce(topics.CASE_EVENTS.name, b"nonsense", b"lead-1", 0, timestamp=START + DAY)
    producer.flush(10)
    said = run(settings, "--month", NAME, "--out", str(tmp_path / "x.html"))
    assert "1 records could not be read and are left out" in said.stderr
