"""Roster, approvals and switches on a real Kafka: written once, read by workers, and what lanes then decide."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.commands.approval import approval
from streams.commands.doctor import examine
from streams.commands.roster import roster
from streams.commands.switch import switch
from streams.core.context import Context
from streams.core.effects import AnswerRequest
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.control import ControlWriter, NotWritten
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.lane.context import ContextBuilder
from streams.lane.job import ControlView
from streams.policy.publish import Publisher, Stamp
from streams.settings import Settings, load_settings
from streams.shipped import default_policy
from streams.topics import CONTROLS, POLICIES, ROSTER, SWITCHES, VERDICTS
from tests.factories import LEAD, T0, a_profile, a_rep, a_request, a_switch
from tests.kafka.conftest import RunningKafka, delete_topics
from tests.lanes import TestLane, arrive, lane_of

WHO = ("--actor", "ana", "--reason", "set up")
FIRST = "- {rep_id: ana, queues: [vip, sales]}\n- {rep_id: ben, queues: [compliance, overflow, exceptions, success]}\n"
SECOND = "- {rep_id: ana, queues: [vip, sales], weight: 2, away: [{from: 2026-06-08, to: 2026-06-12}]}\n"


@pytest.fixture(scope="module")
def cluster(broker: RunningKafka) -> Settings:
    """Topics and a policy, once for all tests."""
    made = load_settings(brokers=broker.bootstrap, lanes=1)
    delete_topics(made.brokers)
    admin.apply(made)
    Publisher(made).publish(default_policy().read_text(), "default.yaml", Stamp("ann", "first day", 1))
    return made


@pytest.fixture
def settings(cluster: Settings) -> Settings:
    """No reps, no approvals, no switches."""
    sender = Sender(cluster)
    for topic, kept in records(cluster).items():
        for key in kept if topic != POLICIES.name else ():
            sender.send(topic, key, None)
    sender.flush()
    return cluster


def run(command: click.Command, settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(command, [*arguments, "--brokers", settings.brokers], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def records(settings: Settings) -> dict[str, dict[bytes, bytes]]:
    """The control topics as a worker reads them."""
    kept: dict[str, dict[bytes, bytes]] = {topic.name: {} for topic in CONTROLS}
    with Reader(settings) as reader:
        for topic, latest in kept.items():
            for message in reader.read(topic):
                key, value = message.key() or b"", message.value()
                if value is None:
                    latest.pop(key, None)
                else:
                    latest[key] = value
    return kept


def ends(settings: Settings) -> list[int]:
    """The next offset of each control topic: the same as long as nothing is written."""
    with Reader(settings) as reader:
        return [reader.bounds(topic.name, 0)[1] for topic in CONTROLS]


def context_of(settings: Settings) -> Context:
    """What a worker decides with."""
    context, problems = ContextBuilder(wire_for(settings)).build(ControlView(records(settings), {}))
    assert context is not None
    assert problems == []
    return context


def verdict(settings: Settings) -> tuple[str, str, str | None]:
    """What a lane of such a worker answers: verdict, rule, approval."""
    lane = TestLane(context_of(settings), lane_of(LEAD))
    lane.run(arrive([a_profile(), a_request(occurred_at=T0 + 1, audience_size=500)]), now=T0 + 2)
    (answer,) = lane.read(VERDICTS.name)
    assert isinstance(answer, AnswerRequest)
    return answer.verdict, answer.rule, answer.approval_id


def test_a_roster_file_becomes_the_roster_of_workers_and_is_written_once(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(FIRST)
    before = ends(settings)
    dry = run(roster, settings, "apply", str(file), *WHO, "--dry-run")
    assert dry.splitlines()[-1] == "2 to write, 0 as before"
    assert ends(settings) == before

    assert run(roster, settings, "apply", str(file), *WHO).splitlines() == [
        "+ ana: vip, sales; weight 1",
        "+ ben: compliance, overflow, exceptions, success; weight 1",
        "2 written, 0 as before",
    ]
    context = context_of(settings)
    assert {rep: entry.queues for rep, entry in context.reps.items()} == {
        "ana": ("vip", "sales"),
        "ben": ("compliance", "overflow", "exceptions", "success"),
    }
    assert {(entry.actor, entry.reason) for entry in context.roster} == {("ana", "set up")}
    once = ends(settings)
    assert run(roster, settings, "apply", str(file), *WHO).splitlines() == ["0 written, 2 as before"]
    assert ends(settings) == once

    file.write_text(SECOND)
    assert run(roster, settings, "apply", str(file), *WHO).splitlines() == [
        "~ ana: weight 1 -> 2; away none -> 2026-06-08 to 2026-06-12",
        "1 written, 0 as before",
        f"left as they are, not in {file}: ben (--complete sets them inactive)",
    ]
    changed = run(roster, settings, "apply", str(file), *WHO, "--complete").splitlines()
    assert changed[-2:] == ["- ben: inactive, not in the file", "1 written, 1 as before"]
    assert [(rep, entry.active) for rep, entry in context_of(settings).reps.items()] == [("ana", True), ("ben", False)]
    shown = [json.loads(line) for line in run(roster, settings, "show", "--json").splitlines()]
    assert [(rep["rep_id"], rep["weight"], rep["active"]) for rep in shown] == [("ana", 2.0, True), ("ben", 1.0, False)]


def test_an_approval_lets_a_request_out_but_for_a_switch_that_is_off_until_it_is_revoked(settings: Settings) -> None:
    assert verdict(settings) == ("review", "N13", None)
    grant = (
        "grant", "--content", "content-1", "--segment", "segment-1", "--condition", "N13", "--audience", "500",
        "--second-actor", "hana", "--policy-version", "active",
    )  # fmt: skip
    approval_id = run(approval, settings, *grant, *WHO).split()[0]
    assert verdict(settings) == ("allow", "approval", approval_id)
    once = ends(settings)
    assert f"{approval_id} says so already, by ana at " in run(approval, settings, *grant, *WHO)
    assert ends(settings) == once
    (listed,) = map(json.loads, run(approval, settings, "list", "--content", "content-1", "--json").splitlines())
    assert (listed["approval_id"], listed["state"], listed["second_actor"]) == (approval_id, "in force", "hana")

    said = run(switch, settings, "off", "automation", *WHO)
    assert said.startswith("automation is off now\nOff: every outreach request is deferred and no cadence is resumed;")
    assert verdict(settings) == ("defer", "switch:automation", None)
    once = ends(settings)
    assert "automation was off already, by ana at " in run(switch, settings, "off", "automation", *WHO)
    assert ends(settings) == once
    (note,) = [each for each in examine(settings.brokers) if each.subject == "switches"]
    assert str(note) == "note    switches: automation is OFF, by ana: set up"
    assert run(switch, settings, "on", "automation", *WHO).startswith("automation is on now\n")
    assert verdict(settings) == ("allow", "approval", approval_id)

    revoke = ("revoke", approval_id, "--actor", "ben", "--reason", "wrong list")
    assert run(approval, settings, *revoke).startswith(f"{approval_id} revoked.")
    assert verdict(settings) == ("review", "N13", None)
    once = ends(settings)
    assert f"{approval_id} is revoked already, by ben at " in run(approval, settings, *revoke)
    assert ends(settings) == once


def test_a_switch_that_nothing_reads_is_written_when_forced(settings: Settings) -> None:
    assert run(switch, settings, "off", "mine", "--force", *WHO).endswith("Nothing in this version reads it.\n")
    listed = [json.loads(line) for line in run(switch, settings, "list", "--json").splitlines()]
    assert [(each["name"], each["on"]) for each in listed] == [("automation", True), ("mine", False)]


def test_a_broken_record_is_said_and_written_over(settings: Settings, tmp_path: Path) -> None:
    sender = Sender(settings)
    sender.send(ROSTER.name, b"ana", b"no record")
    sender.send(SWITCHES.name, b"automation", b"")
    sender.flush()
    assert {"roster", "switches"} <= {each.subject for each in examine(settings.brokers) if each.remedy}
    assert "control.roster key b'ana': " in run(roster, settings, "show")
    file = tmp_path / "roster.yaml"
    file.write_text(FIRST)
    run(roster, settings, "apply", str(file), *WHO)
    run(switch, settings, "off", "automation", *WHO)
    context = context_of(settings)
    assert (set(context.reps), context.switches) == ({"ana", "ben"}, {"automation": False})


def test_what_a_worker_could_not_read_is_never_written_and_of_two_writers_the_earlier_writes_nothing(
    settings: Settings,
) -> None:
    earlier = ControlWriter(settings, ROSTER)
    with pytest.raises(NotWritten, match=r"control.roster key 'b': weight is 2000.0, expected .*Nothing was written"):
        earlier.write({"a": a_rep("a"), "b": a_rep("b", weight=2000.0)})
    later = ControlWriter(settings, ROSTER)
    ControlWriter(settings, SWITCHES).write({"automation": a_switch(on=False)})  # another topic fences nobody
    with pytest.raises(NotWritten, match="Nothing was written; see `leadlane roster show`"):
        earlier.write({"a": a_rep("a")})
    later.write({"a": a_rep("a"), "b": a_rep("b")})
    context = context_of(settings)
    assert (set(context.reps), context.switches) == ({"a", "b"}, {"automation": False})
