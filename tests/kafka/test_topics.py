"""`topics apply` and `check` against a real broker."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from streams.cli import cli
from streams.errors import BrokerUnreachable, TopicsDiffer
from streams.kafka import admin
from streams.settings import load_settings
from streams.topics import DECISIONS, PROFILES, STATE, TOPICS
from tests.kafka.conftest import FreshTopics, delete_topics


def wait_until(is_so: Callable[[], bool]) -> None:
    """The controller answers before the broker knows."""
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_everything_is_created_once_and_then_as_declared(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=3)
    assert admin.check(settings) == ()
    assert admin.apply(settings) == ((), ())


def test_a_compacted_topic_and_one_kept_by_time_are_set_up_on_the_broker(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=3)
    found = admin.TopicAdmin(settings).found([STATE.name, DECISIONS.name])
    state, decisions = found[STATE.name], found[DECISIONS.name]
    assert (state.partitions, state.replication) == (3, 1)
    assert state.config["cleanup.policy"] == "compact"
    assert state.config["segment.bytes"] == STATE.config()["segment.bytes"]
    assert decisions.config["cleanup.policy"] == "delete"
    assert decisions.config["retention.ms"] == str(DECISIONS.retention_ms)
    assert decisions.config["min.insync.replicas"] == "1"


def test_apply_leaves_a_topic_that_differs_as_it_is_and_says_so(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=2)
    client = AdminClient({"bootstrap.servers": settings.brokers})
    client.create_partitions([NewPartitions(PROFILES.name, 4)])[PROFILES.name].result(10)
    wait_until(lambda: len(client.list_topics(timeout=10).topics[PROFILES.name].partitions) == 4)

    created, differing = admin.apply(settings)

    assert created == ()
    assert [(each.topic, each.what, each.expected, each.got) for each in differing] == [
        (PROFILES.name, "partitions", "2", "4")
    ]
    assert admin.TopicAdmin(settings).found([PROFILES.name])[PROFILES.name].partitions == 4


def test_the_dry_run_creates_nothing_and_the_real_one_creates_only_what_is_missing(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=2)
    delete_topics(settings.brokers, PROFILES.name)
    arguments = ["topics", "apply", "--brokers", settings.brokers, "--lanes", "2"]

    dry = CliRunner().invoke(cli, [*arguments, "--dry-run"], catch_exceptions=False)
    check = CliRunner().invoke(cli, ["topics", "check", "--brokers", settings.brokers, "--lanes", "2"])
    real = CliRunner().invoke(cli, arguments, catch_exceptions=False)

    others = len(TOPICS) - 1
    assert dry.output == (
        f"would create {PROFILES.name} (2 partitions, 1 copy)\n{settings.brokers}: 1 created, {others} there before\n"
    )
    assert isinstance(check.exception, TopicsDiffer)
    assert str(check.exception) == (
        f"TopicsDiffer: \n  {PROFILES.name}: topic: expected to exist, got none. Create it: leadlane topics apply"
    )
    assert real.output == dry.output.replace("would create", "created")


def test_more_copies_than_brokers_are_refused_with_kafkas_reason(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=1)
    delete_topics(settings.brokers, PROFILES.name)
    with pytest.raises(admin.TopicRefused, match=f"did not create {PROFILES.name}: .*replica"):
        admin.apply(settings.model_copy(update={"replication": 3}))


def test_a_topic_that_came_to_be_meanwhile_is_no_fault(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=1)
    cluster = admin.TopicAdmin(settings)
    cluster.create(cluster.plan())
    assert admin.check(settings) == ()


def test_other_peoples_topics_are_not_touched(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics(lanes=1)
    client = AdminClient({"bootstrap.servers": settings.brokers})
    client.create_topics([NewTopic("somebody.elses", 5, 1)])["somebody.elses"].result(10)
    wait_until(lambda: "somebody.elses" in client.list_topics(timeout=10).topics)
    assert admin.apply(settings) == ((), ())
    assert len(client.list_topics(timeout=10).topics["somebody.elses"].partitions) == 5


def test_somebody_who_is_not_kafka_is_one_message_within_seconds() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(BrokerUnreachable, match=f"expected a Kafka broker at {address} .*, got: .*"):
            admin.check(load_settings(brokers=address))
