"""Models on a real Kafka: roles given and taken by commands, the audit trail, writers at once, and a running worker."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from streams.commands.alarm import alarm
from streams.commands.doctor import examine
from streams.commands.history import history
from streams.commands.model import MoveRefused, model
from streams.commands.policy import policy
from streams.commands.signing import stamp_now
from streams.core.context import Alarm, Guard, ModelVersion, Stamp
from streams.demo.worker import WorkerProcess
from streams.errors import MissingTopic
from streams.kafka import admin
from streams.kafka.changes import ACTIVE, Edit, roles_in_words
from streams.kafka.codec import wire_for
from streams.kafka.control import ControlWriter, Fenced, read_control
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.history import control_records
from streams.kafka.reader import Reader
from streams.kafka.table import ControlTable
from streams.lab import moves
from streams.lab.gates import ModelMetrics
from streams.lab.registry import Move, registry_from, snapshot
from streams.policy import load_policy
from streams.policy.publish import NothingBefore, Publisher
from streams.settings import Settings, load_settings
from streams.shipped import default_policy
from streams.topics import ALARMS, GUARDS, HISTORY, MODELS, POLICIES
from tests.factories import T0
from tests.kafka.conftest import RunningKafka, delete_topics
from tests.models import a_version

LAX = default_policy().read_text().replace("shadow: 14 d ", "shadow: 0 d ")
VERSION = re.search(r'^version: "(.*)"', LAX, re.MULTILINE)
BIG = {f"attr.plan-{n}": {"x": (1, 1)} for n in range(200)}  # a document of a usual size
WHO = ("--actor", "ana", "--reason", "because")
ROW = load_policy(LAX, "lax.yaml").learning
NOW = time.time_ns() // 1_000_000


@pytest.fixture
def settings(broker: RunningKafka) -> Settings:
    """Empty topics and a policy whose shadows may challenge at once."""
    made = load_settings(brokers=broker.bootstrap, lanes=1)  # the app id of commands: whoever writes fences them
    delete_topics(made.brokers)
    admin.apply(made)
    assert "shadow: 0 d " in LAX
    Publisher(made).publish(LAX, "lax.yaml", Stamp("ann", "first day", T0))
    return made


def run(command: click.Command, settings: Settings, *arguments: str) -> str:
    result = tried(command, settings, *arguments)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def tried(command: click.Command, settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--brokers", settings.brokers])


def models(settings: Settings) -> ControlTable[ModelVersion]:
    return ControlTable(settings, MODELS, ModelVersion)


def publish(table: ControlTable[ModelVersion], *versions: ModelVersion) -> Move:
    """As the lab does."""
    for version in versions:
        done = table.change(lambda records, new=version: snapshot(registry_from(records), new))  # type: ignore[misc]
        assert isinstance(done, Edit)
    return done


def roles(settings: Settings) -> str:
    return roles_in_words(read_control(settings, MODELS, ModelVersion).records[ACTIVE])


def test_a_line_is_promoted_by_two_persons_follows_itself_and_is_rolled_back(settings: Settings) -> None:
    lab = models(settings)
    assert run(model, settings, "list").splitlines()[-1].startswith("champion rules, by nobody at ")
    publish(lab, a_version("online-000001", NOW, segments=BIG))

    said = run(model, settings, "shadow", "online", *WHO)
    assert said == "champion rules, shadow online-000001 (follows). Workers take it over within a second or so.\n"
    assert run(model, settings, "shadow", "online", *WHO) == "online-000001 is the shadow already; nothing written\n"
    run(model, settings, "challenge", "online", *WHO)
    assert roles(settings) == "champion rules, challenger online-000001 (follows) (10%)"

    alone = tried(model, settings, "promote", "online", *WHO)
    assert isinstance(alone.exception, MoveRefused)
    told = str(alone.exception).splitlines()
    assert told[0] == "MoveRefused: online-000001 has not passed every gate. Nothing was written."
    assert told[-1] == "  NOT     approvers: expected 2 distinct persons, not lab, got ana"
    assert [line.split()[0] for line in told[1:-1]] == ["passed"] * 6
    twice = tried(model, settings, "promote", "online", *WHO, "--second-actor", "ANA")
    assert "got ana and ANA" in str(twice.exception)
    run(model, settings, "promote", "online", *WHO, "--second-actor", "ben")
    assert roles(settings) == "champion online-000001 (follows)"

    publish(lab, a_version("online-000002", NOW + 1, segments=BIG))  # the lab was fenced five times, and goes on
    assert roles(settings) == "champion online-000002 (follows)"
    listed = [json.loads(line) for line in run(model, settings, "list", "--json").splitlines()]
    assert (listed[0]["champion"], listed[0]["former"], listed[0]["frozen"]) == ("online-000002", ["rules"], False)
    assert [(each["version"], each["roles"]) for each in listed[1:]] == [
        ("online-000001", []),
        ("online-000002", ["champion, follows"]),
    ]
    shown = run(model, settings, "show", "online")
    assert shown.startswith("online-000002 of line online: champion, follows\n")
    assert "fit, per deviation" in shown
    assert "  passed  calibration error: expected <= 0.05, got 0.0200" in shown
    assert "  NOT     role: expected challenger, got champion" in shown

    back = run(model, settings, "rollback", "--actor", "cleo", "--reason", "too many complaints")
    assert back.startswith("champion rules, shadow online-000002 (follows), FROZEN.")
    publish(lab, a_version("online-000003", NOW + 2, segments=BIG))
    assert roles(settings) == "champion rules, shadow online-000002 (follows), FROZEN"
    (note,) = [each for each in examine(settings.brokers) if each.subject == "models"]
    assert str(note).startswith("note    models: champion rules, shadow online-000002 (follows), FROZEN, by cleo: too")
    frozen = tried(model, settings, "challenge", "online", *WHO)
    assert "learning is frozen: look into it, then `leadlane model acknowledge`" in str(frozen.exception)
    run(model, settings, "acknowledge", *WHO)
    assert roles(settings) == "champion rules, shadow online-000002 (follows)"


def test_the_audit_trail_says_who_did_what_with_whom_and_keeps_every_document_that_decided(settings: Settings) -> None:
    publish(models(settings), a_version("online-000001", NOW, segments=BIG))
    run(model, settings, "shadow", "online", *WHO)
    run(model, settings, "challenge", "online", *WHO)
    run(model, settings, "promote", "online", *WHO, "--second-actor", "ben")
    publish(models(settings), a_version("online-000002", NOW + 1, segments=BIG))
    run(model, settings, "rollback", "--actor", "cleo", "--reason", "complaints")
    assert VERSION is not None

    told = [json.loads(line) for line in run(history, settings, "--json").splitlines()]
    assert [(each["topic"], each["actor"], each["second_actor"], each["summary"]) for each in told] == [
        ("control.policies", "ann", None, f"policy {VERSION[1]} published"),
        ("control.policies", "ann", None, f"policy {VERSION[1]} is active"),
        ("control.models", "lab", None, "model online-000001 of online"),
        ("control.models", "lab", None, "model online-000001 of online"),
        ("control.models", "ana", None, "champion rules, shadow online-000001 (follows)"),
        ("control.models", "ana", None, "champion rules, challenger online-000001 (follows) (10%)"),
        ("control.models", "ana", "ben", "champion online-000001 (follows)"),
        ("control.models", "lab", None, "model online-000002 of online"),
        ("control.models", "lab", None, "champion online-000002 (follows)"),
        ("control.models", "cleo", None, "champion rules, shadow online-000002 (follows), FROZEN"),
    ]
    only = run(history, settings, "--topic", "models", "--key", "active", "--since", "1h", "--json").splitlines()
    assert [json.loads(line)["reason"] for line in only] == ["because"] * 3 + ["a snapshot", "complaints"]
    assert run(history, settings, "--topic", "policies", "--since", "1h") == "Nothing of that was written.\n"
    assert "ana, ben" in run(history, settings, "--topic", "control.models")
    assert run(history, settings, "--key", "nobody") == "Nothing of that was written.\n"

    with Reader(settings) as reader:
        wire = wire_for(settings)
        on_topic = list(reader.read(MODELS.name))
        kept = control_records(reader, wire)
    assert [(each.offset, each.value) for each in kept[MODELS.name]] == [
        (message.offset(), message.value()) for message in on_topic
    ]
    delete_topics(settings.brokers, MODELS.name)  # as if compaction had taken all of it
    admin.apply(settings)
    with Reader(settings) as reader:
        left = control_records(reader, wire)[MODELS.name]
    # Only the first writing of a large snapshot is not there: it had no role, and came again with its first one.
    assert [(each.offset, each.value) for each in left] == [(each.offset, each.value) for each in kept[MODELS.name][1:]]


def test_a_deletion_stands_in_the_history_too(settings: Settings) -> None:
    table = ControlTable(settings, GUARDS, Guard)
    stamp = Stamp("lab", "the queue is gone", T0)
    table.change(lambda _: Edit({"sales": Guard(queue="sales", open_cases=3, capacity=25, **stamp._asdict())}))
    table.change(lambda _: Edit({}, {"sales": stamp}))
    assert read_control(settings, GUARDS, Guard).records == {}
    told = [json.loads(line) for line in run(history, settings, "--topic", "guards", "--json").splitlines()]
    assert [(each["summary"], each["sha256"] == "") for each in told] == [
        ("sales: 3 of 25 open, +0 points", False),
        ("sales deleted", True),
    ]
    with Reader(settings) as reader:
        records = control_records(reader, wire_for(settings), [GUARDS.name])[GUARDS.name]
    assert [(each.key, each.value is None) for each in records] == [(b"sales", False), (b"sales", True)]


def test_two_who_write_at_once_fence_each_other_and_both_decide_on_what_the_other_wrote(settings: Settings) -> None:
    one, other = models(settings), models(settings)
    for number in range(1, 5):
        publish((one, other)[number % 2], a_version(f"online-{number:06}", NOW + number))
    run(model, settings, "shadow", "online", *WHO)
    publish(one, a_version("online-000005", NOW + 5))
    done = other.change(lambda records: moves.freeze(registry_from(records), Stamp("lab", "trouble", NOW + 6)))
    assert isinstance(done, Edit)
    assert roles(settings) == "champion rules, shadow online-000005 (follows), FROZEN"
    assert set(read_control(settings, MODELS, ModelVersion).records) == {
        ACTIVE, *(f"online-{number:06}" for number in range(1, 6)),
    }  # fmt: skip

    earlier = ControlWriter(settings, MODELS)
    ControlWriter(settings, MODELS)
    with pytest.raises(Fenced, match="Nothing was written; see `leadlane model list`"):
        earlier.write({"online-000009": a_version("online-000009")})
    # A refusal is never given on the ground of what stood once.
    seen = models(settings)
    publish(seen, a_version("online-000006", NOW + 7))
    run(model, settings, "acknowledge", *WHO)
    assert isinstance(
        seen.change(lambda records: moves.freeze(registry_from(records), Stamp("lab", "again", NOW + 8))), Edit
    )


def test_alarms_are_listed_and_taken_note_of(settings: Settings) -> None:
    said = {"actor": "lab", "reason": "measured", "at": NOW}
    drift = Alarm(name="drift:score", on=True, value=0.31, threshold=0.2, detail="PSI .31", distrust=True, **said)  # type: ignore[arg-type]
    leak = Alarm(name="leak:duration", on=True, detail="AUC .97 by itself", **said)  # type: ignore[arg-type]
    ControlWriter(settings, ALARMS).write({drift.name: drift, leak.name: leak})
    listed = [json.loads(line) for line in run(alarm, settings, "list", "--json").splitlines()]
    assert [(each["name"], each["acknowledged_by"]) for each in listed] == [
        ("drift:score", None),
        ("leak:duration", None),
    ]
    assert run(alarm, settings, "acknowledge", "leak:duration", *WHO) == "alarm leak:duration acknowledged\n"
    assert run(alarm, settings, "acknowledge", "leak:duration", *WHO) == "no alarm waits for anybody; nothing written\n"
    unknown = tried(alarm, settings, "acknowledge", "leak:age", *WHO)
    assert "expected an alarm (drift:score, leak:duration), got leak:age" in str(unknown.exception)
    said_of_models = run(model, settings, "acknowledge", "--actor", "ben", "--reason", "seen")
    assert said_of_models == "learning is not frozen; nothing written\nalarm drift:score acknowledged\n"
    records = read_control(settings, ALARMS, Alarm).records
    assert {name: (each.on, each.distrust, each.acknowledged_by) for name, each in records.items()} == {
        "drift:score": (True, True, "ben"),
        "leak:duration": (True, False, "ana"),
    }
    (note,) = [each for each in examine(settings.brokers) if each.subject == "alarms"]
    assert str(note) == "note    alarms: drift:score is on: PSI .31; leak:duration is on: AUC .97 by itself"


def test_a_feature_that_gives_the_answer_away_is_let_in_by_a_person(settings: Settings) -> None:
    leak = Alarm(name="leak:duration", on=True, value=0.97, actor="lab", reason="measured", at=NOW)
    ControlWriter(settings, ALARMS).write({leak.name: leak})
    assert run(model, settings, "allow", "duration", *WHO).startswith("duration may be learned from; the lab takes it")
    assert run(model, settings, "allow", "duration", *WHO) == "duration may be learned from already; nothing written\n"
    (record,) = read_control(settings, ALARMS, Alarm).records.values()
    assert (record.on, record.acknowledged_by, record.value, record.reason) == (False, "ana", 0.97, "because")
    unknown = tried(model, settings, "allow", "age", *WHO)
    assert "expected a feature that is left out (there is none), got 'age'." in str(unknown.exception)


def test_a_policy_goes_back_to_the_one_before_and_a_second_time_further(settings: Settings) -> None:
    assert VERSION is not None
    first = VERSION[1]
    publisher = Publisher(settings)
    with pytest.raises(NothingBefore, match=f"expected a policy that was active before {first}, got none"):
        publisher.rollback(Stamp("ana", "oops", T0))
    for name in ("second", "third"):
        publisher.publish(LAX.replace(f'version: "{first}"', f'version: "{name}"'), name, Stamp("ana", "next", T0))
    assert run(policy, settings, "rollback", *WHO) == "version second is active now, as before third\n"
    assert run(policy, settings, "rollback", *WHO) == f"version {first} is active now, as before second\n"
    assert isinstance(tried(policy, settings, "rollback", *WHO).exception, NothingBefore)
    told = run(history, settings, "--topic", "policies", "--key", "active", "--json").splitlines()
    assert [json.loads(line)["summary"] for line in told] == [
        f"policy {version} is active" for version in (first, "second", "third", "second", first)
    ]


def test_without_a_history_topic_nothing_is_written_and_the_remedy_is_named() -> None:
    with EmbeddedBroker() as broker:
        settings = load_settings(brokers=broker.bootstrap, lanes=1)
        admin.apply(settings)
        delete_topics(settings.brokers, HISTORY.name)  # a cluster from before there was one
        with pytest.raises(MissingTopic, match=r"the topic control.history, got none. Create it with `leadlane topics"):
            Publisher(settings).publish(LAX, "lax.yaml", Stamp("ann", "first day", T0))
        with Reader(settings) as reader:
            assert reader.bounds(POLICIES.name, 0) == (0, 0)
        assert isinstance(tried(history, settings).exception, MissingTopic)


def test_a_running_worker_takes_a_role_over_within_two_seconds(settings: Settings, tmp_path: Path) -> None:
    publish(models(settings), a_version("online-000001", NOW, segments=BIG))
    run(model, settings, "shadow", "online", *WHO)
    with WorkerProcess(settings.brokers, 1, tmp_path / "worker.log") as worker:
        in_force = 'leadlane_context_info{{version="{}",what="{}"}} 1.0'.format
        assert in_force("online-000001", "shadow") in worker.exposition()
        assert in_force("rules", "champion") in worker.exposition()
        table, stamp = models(settings), stamp_now("ana", "go")
        done = table.change(lambda records: moves.challenge(registry_from(records), "online", stamp, ROW))
        assert isinstance(done, Edit)
        assert _until(worker, in_force("online-000001", "challenger")) < 2
        publish(table, a_version("online-000002", NOW + 1, ModelMetrics(), segments=BIG))
        assert _until(worker, in_force("online-000002", "challenger")) < 2
        publish(table, a_version("online-000003", NOW + 2, document="{}"))  # cannot be used: nobody challenges
        began = time.monotonic()
        while "challenger" in worker.exposition():
            assert time.monotonic() - began < 2
        assert in_force("rules", "champion") in worker.exposition()
        worker.must_run()


def _until(worker: WorkerProcess, line: str) -> float:
    """Seconds until the worker's metrics say so; the writer has returned before."""
    began = time.monotonic()
    while line not in worker.exposition():
        assert time.monotonic() - began < 10, f"not in force: {line}"
        time.sleep(0.02)
    return time.monotonic() - began
