"""TLS, logins and ACLs on a real Kafka: each process can do its job and nothing else, and is told why not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from streams import topics
from streams.cli import cli
from streams.core.context import Alarm, Guard, ModelVersion
from streams.demo.worker import LabProcess, Process, WorkerProcess, running
from streams.errors import LeadlaneError, LoginRefused, NotAuthorised
from streams.gateway.app import Gateway
from streams.gateway.config import load_config
from streams.kafka import admin
from streams.kafka.access import login_explained
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.control import ControlWriter, read_control
from streams.kafka.granting import grant
from streams.kafka.letters import Redriver
from streams.kafka.reader import Reader
from streams.kafka.security import confluent_config
from streams.kafka.sender import Sender
from streams.settings import Settings, load_settings
from streams.shipped import default_policy
from tests.factories import a_score, an_intent
from tests.gateways import SECRET as GATEWAY_SECRET
from tests.gateways import a_config
from tests.gateways import a_score as a_notification
from tests.kafka.gateways import Client
from tests.kafka.guarded import LANES, SEAL_SECRET, Guarded, add_login
from tests.kafka.labs import examples, kept, send_examples, wait_for
from tests.kafka.lanes import until
from tests.kafka.test_feed import files
from tests.kafka.test_sink import a_target, commands, config_of, text_of, write
from tests.kafka.test_sink import running as delivering
from tests.webhooks import SECRET as HOOK_SECRET
from tests.webhooks import a_webhook

pytestmark = pytest.mark.long

EXAMPLES, SCORES = 1_500, 40
STATED = ["--actor", "ana", "--reason", "test"]
REGISTRY_PASSWORD = "registry-s3cret"
WRONG = "wrong-s3cret"
SECRETS = ("s3cret", SEAL_SECRET)


class Said(NamedTuple):
    """What a command said."""

    code: int
    text: str


class Place(NamedTuple):
    """The guarded Kafka on which every process has done its job, and all that they said meanwhile."""

    kafka: Guarded
    said: dict[str, Said]
    metrics: str

    def settings(self, name: str, **given: object) -> Settings:
        return self.kafka.settings(name, **given)


def leadlane(environment: dict[str, str], *arguments: str) -> Said:
    """Run a command here, with everything logged; what a person would read."""
    result = CliRunner().invoke(cli, arguments, env={"LEADLANE_LOG_LEVEL": "debug", **environment})
    error = result.exception
    if error is None or isinstance(error, SystemExit):
        return Said(result.exit_code, result.output)
    code = error.exit_code if isinstance(error, LeadlaneError) else 1
    return Said(code, "".join([result.output, str(error), *traceback.format_exception(error)]))


def begin(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *arguments],
        env={**os.environ, "LEADLANE_LOG_LEVEL": "debug", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("guarded")
    guarded = Guarded(folder)
    try:
        guarded.start()
        said = {"topics apply": leadlane(guarded.environment("admin"), "topics", "apply")}
        said["policy"] = leadlane(guarded.environment("admin"), "policy", "publish", str(default_policy()), *STATED)
        yield at_work(guarded, said, folder)
    finally:
        guarded.broker.close()


def at_work(guarded: Guarded, said: dict[str, Said], folder: Path) -> Place:
    """Worker and lab in processes of their own, a feed, a mail of a platform, a dead letter."""
    said["feed"] = leadlane(guarded.environment("sender"), "feed", *files(folder))
    worker = process_of(guarded, WorkerProcess, "worker", folder)
    lab = process_of(guarded, LabProcess, "lab", folder)
    with running(worker, lab):
        send_scores(guarded.settings("sender"))
        inspector = guarded.settings("inspector")
        wait_for(lambda: count(inspector, topics.DECISIONS.name) > SCORES, 60)
        metrics = worker.exposition()
        worker.stop()  # at the turn of a minute it would write on while its past is replayed
        said["replay"] = leadlane(guarded.environment("inspector"), "replay")
        send_examples(guarded.settings("worker"), examples(EXAMPLES))  # what lanes write, in the lanes' name
        wait_for(lambda: kept(inspector) is not None, 60)
        wait_for(lambda: bool(read_control(inspector, topics.MODELS, ModelVersion).records), 60)
        metrics += lab.exposition()
        for name, arguments in {
            "doctor": ["doctor"],
            "topics check": ["topics", "check"],
            "history": ["history"],
            "settings": ["settings"],
        }.items():
            said[name] = leadlane(guarded.environment("inspector") | more_secrets(), *arguments)
        said["dlq"] = leadlane(guarded.environment("admin"), "dlq", "redrive", *STATED)
    for process in (worker, lab):
        said[f"log of {process.command}"] = Said(0, process.log_file.read_text())
    return Place(guarded, said, metrics)


def process_of(guarded: Guarded, kind: type[Process], name: str, folder: Path) -> Process:
    return kind(
        guarded.broker.bootstrap,
        LANES,
        folder / f"{name}.log",
        **guarded.environment(name),
        LEADLANE_LOG_LEVEL="debug",
        LEADLANE_LAB_MODEL_INTERVAL_SECONDS="0.2",
        LEADLANE_LAB_CHECKPOINT_SECONDS="0.2",
    )


def more_secrets() -> dict[str, str]:
    return {"LEADLANE_SCHEMA_REGISTRY_USERNAME": "ann", "LEADLANE_SCHEMA_REGISTRY_PASSWORD": REGISTRY_PASSWORD}


def send_scores(settings: Settings, once: str = "once") -> None:
    sender, wire = Sender(settings), wire_for(settings)
    for number in range(SCORES):
        for event in (
            a_score(event_id=f"score-{once}-{number}", lead_id=f"lead-{once}-{number}", value=95.0),
            an_intent(event_id=f"intent-{once}-{number}", lead_id=f"lead-{once}-{number}", strength=95.0),
        ):
            topic = topics.SCORES if event.event_id.startswith("score") else topics.INTENT
            sender.send(topic.name, event.lead_id.encode(), wire.encode(event), event_headers(event))
    sender.send(topics.SCORES.name, b"lead-1", b"nonsense")
    sender.flush()


def count(settings: Settings, topic: str) -> int:
    with Reader(settings) as reader:
        return sum(1 for _ in reader.read(topic))


# --- each can do its job --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job", ["topics apply", "policy", "feed", "doctor", "topics check", "replay", "history", "settings", "dlq"]
)
def test_a_command_does_its_job_as_its_own_principal(place: Place, job: str) -> None:
    assert place.said[job].code == 0, place.said[job].text


def test_worker_and_lab_have_done_theirs(place: Place) -> None:
    inspector = place.settings("inspector")
    assert count(inspector, topics.ROUTED.name) > 0
    assert count(inspector, topics.DEAD_LETTERS.name) > 0
    assert kept(inspector) is not None
    assert read_control(inspector, topics.MODELS, ModelVersion).records
    assert read_control(inspector, topics.ALARMS, Alarm).problems == ()
    assert read_control(inspector, topics.GUARDS, Guard).problems == ()


def test_a_downstream_reader_reads_with_a_group_of_its_own(place: Place) -> None:
    consumer = Consumer(
        confluent_config(place.settings("reader"), group_id="leadlane-reader-crm", auto_offset_reset="earliest")
    )
    consumer.subscribe([topics.ROUTED.name])
    message = consumer.poll(20)
    assert message is not None
    assert message.error() is None
    consumer.commit(message=message, asynchronous=False)
    consumer.close()


async def test_the_gateway_takes_a_mail_seals_it_and_keeps_what_it_cannot_map(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", GATEWAY_SECRET)
    settings, inspector = place.settings("gateway", gateway_port=0, gateway_web_port=0), place.settings("inspector")
    before = count(inspector, topics.DEAD_LETTERS.name)
    gateway = Gateway(settings, load_config(a_config(tmp_path)))
    await gateway.start()
    try:
        async with Client(gateway.port) as client:
            assert await client.once([a_notification(1), a_notification(2)]) == 200
            assert await client.once([a_notification(3, propertyValue="much")]) == 200
    finally:
        await gateway.stop()
    assert count(inspector, topics.DEAD_LETTERS.name) == before + 1


async def test_the_sink_delivers_and_parks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", HOOK_SECRET)
    with a_webhook() as webhook:
        url = f"http://127.0.0.1:{webhook.port}/hook"
        config = config_of(crm=a_target(url), gone=a_target(f"http://127.0.0.1:{webhook.port}/nowhere"))
        write(place.settings("worker"), *commands(["sink-1", "sink-2"], each=2))
        async with delivering(place.settings("sink", slot="sink-0"), config):
            await until(lambda: len(webhook.got) == 4)
            inspector = place.settings("inspector")
            await until(lambda: count(inspector, topics.PARKED.name) == 4)


def test_rights_may_be_granted_twice_and_only_by_who_may_alter_them(place: Place) -> None:
    assert grant(place.settings("root"), {"sink": "User:leadlane-sink"}) > 0
    with pytest.raises(NotAuthorised, match="User:leadlane-admin may not grant rights"):
        grant(place.settings("admin"), {"sink": "User:leadlane-sink"})


# --- and nothing else -----------------------------------------------------------------------------------------------


def writes(topic: topics.Topic) -> Callable[[Settings], object]:
    def attempt(settings: Settings) -> None:
        sender = Sender(settings)
        sender.send(topic.name, b"x", b"x")
        sender.flush()

    return attempt


def writes_late(topic: topics.Topic) -> Callable[[Settings], object]:
    """The producer as a whole has met its fault before the first record is handed over."""

    def attempt(settings: Settings) -> None:
        sender = Sender(settings)
        time.sleep(1.0)
        sender.send(topic.name, b"x", b"x")
        sender.flush()

    return attempt


def reads(topic: topics.Topic) -> Callable[[Settings], object]:
    return lambda settings: count(settings, topic.name)


def publishes(topic: topics.Topic) -> Callable[[Settings], object]:
    return lambda settings: ControlWriter(settings, topic)


def joins(group: str) -> Callable[[Settings], object]:
    def attempt(settings: Settings) -> None:
        consumer = Consumer(confluent_config(settings, group_id=group))
        consumer.subscribe([topics.ROUTED.name])
        message = consumer.poll(15)
        consumer.close()
        assert message is not None
        error = message.error()
        assert error is not None
        raise NotAuthorised(f"{settings.sasl_username} may not {error.str()}")

    return attempt


@pytest.mark.parametrize(
    ("who", "attempt"),
    [
        pytest.param("worker", publishes(topics.POLICIES), id="a worker publishes no policy"),
        pytest.param("worker", writes(topics.SWITCHES), id="a worker turns no switch"),
        pytest.param("worker", writes(topics.SCORES), id="a worker writes no input"),
        pytest.param("worker", writes(topics.LAB_STATE), id="a worker writes no checkpoint of the lab"),
        pytest.param("worker", reads(topics.EXAMPLES), id="a worker does not read examples back"),
        pytest.param("lab", writes(topics.ROUTED), id="the lab routes no lead"),
        pytest.param("lab", writes(topics.STATE), id="the lab writes no lead's state"),
        pytest.param("lab", publishes(topics.POLICIES), id="the lab publishes no policy"),
        pytest.param("lab", publishes(topics.APPROVALS), id="the lab approves nothing"),
        pytest.param("gateway", reads(topics.DECISIONS), id="the gateway reads no decision"),
        pytest.param("gateway", reads(topics.STATE), id="the gateway reads no lead's state"),
        pytest.param("gateway", writes(topics.ROUTED), id="the gateway routes no lead"),
        pytest.param("gateway", publishes(topics.SWITCHES), id="the gateway turns no switch"),
        pytest.param("sink", writes(topics.SCORES), id="the sink writes no input"),
        pytest.param("sink", writes(topics.CADENCES), id="the sink writes no command"),
        pytest.param("sink", reads(topics.PROFILES), id="the sink reads no profile"),
        pytest.param("sender", reads(topics.PROFILES), id="a sender reads no input"),
        pytest.param("sender", reads(topics.DECISIONS), id="a sender reads no decision"),
        pytest.param("sender", writes(topics.ERASURES), id="a sender erases nobody"),
        pytest.param("reader", writes(topics.SCORES), id="a reader writes nothing"),
        pytest.param("reader", reads(topics.REPLIES), id="a reader reads no mail"),
        pytest.param("reader", joins("leadlane"), id="a reader does not join the workers"),
        pytest.param("inspector", writes(topics.REVIEWS), id="an inspector writes nothing"),
        pytest.param("inspector", writes_late(topics.REVIEWS), id="an inspector writes nothing, however late"),
        pytest.param("inspector", Redriver, id="an inspector sends no dead letter again"),
        pytest.param("monitoring", reads(topics.SCORES), id="monitoring reads no record"),
        pytest.param("admin", writes(topics.STATE), id="an admin writes no lead's state"),
        pytest.param("admin", writes(topics.DECISIONS), id="an admin writes no decision"),
        pytest.param("nobody", reads(topics.ROUTED), id="a login without rights reads nothing"),
        pytest.param("nobody", writes(topics.SCORES), id="a login without rights writes nothing"),
        pytest.param("nobody", admin.apply, id="a login without rights creates nothing"),
        pytest.param("nobody", admin.check, id="and is not told that topics are missing"),
    ],
)
def test_what_a_process_may_not_do_is_refused_with_who_and_what(
    place: Place, who: str, attempt: Callable[[Settings], object]
) -> None:
    with pytest.raises(NotAuthorised, match=rf"leadlane-{who} may not \S+"):
        attempt(place.settings(who))


# --- who is not let in ----------------------------------------------------------------------------------------------


def wrong_password(kafka: Guarded) -> dict[str, str]:
    return kafka.environment("inspector") | {"LEADLANE_SASL_PASSWORD": WRONG}


def plaintext(kafka: Guarded) -> dict[str, str]:
    return {"LEADLANE_BROKERS": kafka.broker.bootstrap}


def another_authority(kafka: Guarded) -> dict[str, str]:
    from tests.certificates import Authority

    return kafka.environment("inspector") | {"LEADLANE_SSL_CAFILE": str(Authority(kafka.folder, "other").file)}


def no_certificate(kafka: Guarded) -> dict[str, str]:
    own = kafka.certified("inspector")
    return {name: value for name, value in own.items() if "CERTFILE" not in name and "KEYFILE" not in name}


REFUSED = {
    "a wrong password": (wrong_password, "LEADLANE_SASL_USERNAME, LEADLANE_SASL_PASSWORD"),
    "no TLS": (plaintext, "it speaks TLS, and LEADLANE_SECURITY_PROTOCOL is PLAINTEXT"),
    "an authority that we do not trust": (another_authority, "Set LEADLANE_SSL_CAFILE to what signed"),
    "no certificate": (no_certificate, "Set LEADLANE_SSL_CERTFILE and LEADLANE_SSL_KEYFILE"),
}


@pytest.mark.parametrize("how", list(REFUSED))
def test_who_is_not_let_in_is_told_which_setting_to_mend(
    place: Place, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, remedy = REFUSED[how]
    for name, value in environment(place.kafka).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LoginRefused) as caught:
        Reader(load_settings())
    assert remedy in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.fixture(scope="module")
def refused(place: Place) -> dict[str, Said]:
    """Commands that are not let in, and some without the rights."""
    wrong, lacking = wrong_password(place.kafka) | more_secrets(), place.kafka.environment("nobody") | more_secrets()
    secrets = {"GATEWAY_TEST_SECRET": GATEWAY_SECRET, "HOOK_SECRET": HOOK_SECRET}
    gateway_arguments = [str(a_config(place.kafka.folder)), "--port", "0", "--web-port", "0"]
    sinks = place.kafka.folder / "sink.yaml"
    sinks.write_text(text_of({"crm": a_target("http://127.0.0.1:9/hook")}))
    sink_arguments = ["--config", str(sinks), "--web-port", "0"]
    begun = {
        "worker": begin(wrong, "worker", "--web-port", "0"),
        "lab": begin(wrong, "lab", "--web-port", "0"),
        "worker without rights": begin(lacking, "worker", "--web-port", "0"),
        "lab without rights": begin(lacking, "lab", "--web-port", "0"),
        "gateway": begin(wrong | secrets, "gateway", "run", *gateway_arguments),
        "gateway as a worker": begin(place.kafka.environment("worker") | secrets, "gateway", "run", *gateway_arguments),
        "sink": begin(wrong | secrets, "sink", "http", *sink_arguments),
    }
    told = {
        "feed": leadlane(wrong, "feed", *files(place.kafka.folder)),
        "topics apply": leadlane(wrong, "topics", "apply"),
        "doctor": leadlane(wrong, "doctor"),
        "doctor without rights": leadlane(lacking, "doctor"),
        "topics apply without rights": leadlane(lacking, "topics", "apply"),
    }
    for name, process in begun.items():
        try:
            text, _ = process.communicate(timeout=45)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
        told[name] = Said(process.returncode, text)
    return told


@pytest.mark.parametrize("command", ["worker", "lab", "gateway", "sink", "feed", "topics apply"])
def test_a_refused_login_ends_the_command_instead_of_trying_for_ever(refused: dict[str, Said], command: str) -> None:
    said = refused[command]
    assert said.code == LoginRefused.exit_code, said.text
    assert "LoginRefused: " in said.text
    assert "does not let User:leadlane-inspector in over SASL_SSL" in said.text


@pytest.mark.parametrize("command", ["worker without rights", "lab without rights", "gateway as a worker"])
def test_a_missing_right_ends_the_process_and_is_named(refused: dict[str, Said], command: str) -> None:
    said = refused[command]
    assert said.code == NotAuthorised.exit_code, said.text
    assert re.search(r"User:leadlane-\w+ may not (read or write the topics|see the topic) \w+\.\w+", said.text)
    assert "`leadlane topics acls` lists every right" in said.text


@pytest.mark.parametrize(("command", "words"), [("doctor", "LoginRefused"), ("doctor without rights", "NotAuthorised")])
def test_doctor_says_what_is_wrong_with_a_login(refused: dict[str, Said], command: str, words: str) -> None:
    said = refused[command]
    assert said.code == 6, said.text
    assert words in said.text


def test_a_right_that_is_taken_away_ends_a_running_worker_which_says_what_it_lacks(
    place: Place, tmp_path: Path
) -> None:
    add_login(place.kafka, "second")
    root = place.settings("root")
    grant(root, {"worker": "User:leadlane-second"})
    worker = process_of(place.kafka, WorkerProcess, "second", tmp_path)
    with worker:
        lost = AclBindingFilter(
            ResourceType.TOPIC, topics.DECISIONS.name, ResourcePatternType.LITERAL, "User:leadlane-second", "*",
            AclOperation.WRITE, AclPermissionType.ALLOW,
        )  # fmt: skip
        client = AdminClient(confluent_config(root))
        for future in client.delete_acls([lost]).values():
            assert len(future.result(10)) == 1
        send_scores(place.settings("sender"), "again")
        assert worker.ended(60) == NotAuthorised.exit_code, worker.log_file.read_text()
    told = worker.log_file.read_text()
    assert "User:leadlane-second may not read or write the topics decisions" in told
    assert "s3cret" not in told


# --- certificates, and secrets --------------------------------------------------------------------------------------


def test_a_certificate_is_a_login_too(place: Place, tmp_path: Path) -> None:
    told = leadlane(place.kafka.certified("inspector"), "doctor")
    assert told.code == 0, told.text
    worker = WorkerProcess("", LANES, tmp_path / "certified.log", **place.kafka.certified("worker"))
    with worker:
        assert worker.outcomes()
    refused = leadlane(place.kafka.certified("sink"), "policy", "publish", str(default_policy()), *STATED)
    assert refused.code == NotAuthorised.exit_code, refused.text


def test_no_secret_is_ever_said(place: Place, refused: dict[str, Said]) -> None:
    told = {**place.said, **refused, "metrics": Said(0, place.metrics)}
    assert [name for name, said in told.items() for secret in SECRETS if secret in said.text] == []
    assert all(said.text for said in told.values()), "each of them said something"


def test_a_secret_that_is_no_good_is_not_said_either(place: Place) -> None:
    for variable in ("SASL_PASSWORD", "SEAL_SECRET", "SCHEMA_REGISTRY_PASSWORD"):
        environment = {**place.kafka.environment("inspector"), f"LEADLANE_{variable}": "s3cret"}
        for command in (["settings"], ["doctor"]):
            assert "s3cret" not in leadlane(environment, *command).text
    url = {"LEADLANE_SCHEMA_REGISTRY_URL": "http://ann:s3cret@localhost:8081"}
    assert "s3cret" not in leadlane(url, "settings").text


def test_explaining_a_login_leaves_other_errors_as_they_are(place: Place) -> None:
    with pytest.raises(LeadlaneError, match="no such thing"), login_explained(place.settings("inspector")):
        raise LeadlaneError("no such thing")
