"""The rights of every process: each topic has an owner, and what the code reads and writes is allowed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from streams import topics
from streams.commands.topics import topics as topics_command
from streams.gateway.mapping import RECORD_OF
from streams.kafka.acls import PROCESS, PROCESSES, Process, kafka_acls, principals, rights
from streams.lab import lab
from streams.lane.job import LaneSettings
from streams.lane.pipeline import job
from streams.settings import load_settings
from streams.sink.config import DELIVERABLE
from streams.topics import TOPICS, Topic

SEE_ALL = ("admin", "inspector", "monitoring")  # they read everything, so they tell nothing of who needs what


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_has_who_writes_and_who_reads_it(topic: Topic) -> None:
    assert [each.name for each in PROCESSES if topic in each.writes], f"{topic.name}: name it in streams/kafka/acls.py"
    assert [each.name for each in PROCESSES if topic in each.reads], f"{topic.name}: name it in streams/kafka/acls.py"


def names(given: tuple[Topic, ...]) -> set[str]:
    return {topic.name for topic in given}


def test_a_worker_may_do_what_its_job_does_and_nothing_else() -> None:
    worker, made = PROCESS["worker"], job(LaneSettings(brokers="localhost:9092"))
    assert names(worker.reads) == {*made.processor.inputs, *made.controls, made.state, topics.KEYS.name}
    assert names(worker.writes) == {*made.outputs, made.state, made.journal, topics.KEYS.name}


def test_the_lab_may_read_what_it_reads_and_nothing_else() -> None:
    assert names(PROCESS["lab"].reads) == {*lab.SINGLE, *lab.BY_LANE}


def test_the_gateway_may_write_whatever_a_mapping_may_name() -> None:
    assert names(PROCESS["gateway"].writes) >= set(RECORD_OF)


def test_the_sink_may_read_whatever_it_may_deliver() -> None:
    assert names(PROCESS["sink"].reads) == {*DELIVERABLE, topics.PARKED.name}


def test_people_and_edges_do_not_decide() -> None:
    """What a lane decides is written by lanes alone; what people decide, by people and the lab's own topics."""
    decided = {topics.ROUTED, topics.LEAD_SCORES, topics.CADENCES, topics.CASE_EVENTS, topics.CASES_OPEN,
               topics.VERDICTS, topics.DECISIONS, topics.EXAMPLES, topics.STATS, topics.JOURNAL, topics.STATE,
               topics.RECEIPTS}  # fmt: skip
    assert {process.name for process in PROCESSES if decided & set(process.writes)} == {"worker"}
    commanded = {topics.POLICIES, topics.ROSTER, topics.APPROVALS, topics.SWITCHES}
    assert {process.name for process in PROCESSES if commanded & set(process.writes)} == {"admin"}


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_no_right_is_given_twice(process: Process) -> None:
    given = list(rights(process, "leadlane"))
    assert len(given) == len(set(given))


def test_rights_carry_the_app_id() -> None:
    found = {(right.kind, right.name, right.prefixed) for right in rights(PROCESS["worker"], "blue")}
    assert {("group", "blue", False), ("transactional-id", "blue-lane-", True)} <= found


def test_the_commands_of_kafkas_own_tool() -> None:
    told = list(kafka_acls(load_settings(), "User:m", rights(PROCESS["monitoring"], "leadlane")))
    begin = (
        "kafka-acls --bootstrap-server localhost:9092 --command-config admin.properties --add --allow-principal User:m"
    )
    assert told[0].startswith(f"{begin} --operation DescribeConfigs --topic leads.profiles --topic signals.scores")
    assert told[-2:] == [
        f"{begin} --operation Describe --group leadlane --resource-pattern-type prefixed",
        f"{begin} --operation Describe --cluster",
    ]


def test_the_command_lists_the_rights_of_whom_it_is_asked() -> None:
    told = CliRunner().invoke(topics_command, ["acls", "--principal", "sink=User:crm"])
    assert told.exit_code == 0
    lines = [line.split() for line in told.output.splitlines()]
    assert ["sink", "User:crm", "write", "topic", "sink.parked"] in lines
    assert ["sink", "User:crm", "read", "group", "leadlane-sink-*"] in lines
    assert {line[0] for line in lines} == {"sink"}


@pytest.mark.parametrize("given", ["sink", "sink=crm", "nobody=User:x"])
def test_a_wrong_principal_is_named_with_what_is_expected(given: str) -> None:
    told = CliRunner().invoke(topics_command, ["acls", "--principal", given])
    assert told.exit_code == 2
    assert "expected PROCESS=User:NAME, with PROCESS one of worker, lab" in " ".join(told.output.split())


def test_without_principals_each_process_is_named_after_the_app() -> None:
    assert principals((), "blue")["lab"] == "User:blue-lab"
