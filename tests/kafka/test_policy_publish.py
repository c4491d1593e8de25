"""Policies on a real Kafka: published once, never changed, one of them active; and what workers make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.policy import policy
from streams.errors import MissingTopic
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.control import NotWritten, Stamp
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.lane.context import ContextBuilder
from streams.lane.job import ControlView
from streams.policy.publish import NoSuchVersion, Publisher, VersionTaken, read_published
from streams.settings import Settings, load_settings
from streams.shipped import default_policy
from streams.topics import POLICIES
from tests.factories import T0

FIRST = default_policy().read_text()
OLD = FIRST.split('version: "')[1].split('"')[0]
SECOND = FIRST.replace(f'version: "{OLD}"', 'version: "next"').replace("high_value: 100000 ", "high_value: 50000 ")
THIRD = FIRST.replace(f'version: "{OLD}"', 'version: "third"')
STAMP = Stamp("ana", "set up", T0)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        settings = load_settings(brokers=broker.bootstrap, lanes=1)
        with pytest.raises(MissingTopic):
            Publisher(settings)
        admin.apply(settings)
        yield settings


def run(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(policy, [*arguments, "--brokers", settings.brokers], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def records(settings: Settings) -> dict[bytes, bytes]:
    with Reader(settings) as reader:
        return {message.key() or b"": message.value() or b"" for message in reader.read(POLICIES.name)}


def worker_policy(settings: Settings) -> str | None:
    """The version that a worker would decide with."""
    view = ControlView({POLICIES.name: records(settings)}, {})
    context, problems = ContextBuilder(wire_for(settings)).build(view)
    assert context is None or problems == []
    return context.policy.version if context else None


def test_a_policy_is_published_changed_only_as_a_new_version_and_rolled_back(
    settings: Settings, tmp_path: Path
) -> None:
    assert worker_policy(settings) is None
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(FIRST)
    second.write_text(SECOND)
    who = ("--actor", "ana", "--reason", "set up")

    assert run(settings, "publish", str(first), *who).endswith(" is active now\n")
    assert worker_policy(settings) == OLD
    assert run(settings, "publish", str(first), *who).endswith(" was active already, nothing written\n")
    run(settings, "publish", str(second), *who)
    assert worker_policy(settings) == "next"

    publisher = Publisher(settings)
    with pytest.raises(VersionTaken, match=r"version next was published by ana with another content"):
        publisher.publish(SECOND.replace("high_value: 50000 ", "high_value: 1 "), "p.yaml", STAMP)
    with pytest.raises(NoSuchVersion, match=rf"expected a published version \({OLD}, next\), got 'never'"):
        publisher.activate("never", STAMP)
    assert worker_policy(settings) == "next"

    assert (
        run(settings, "rollback", OLD, "--actor", "bo", "--reason", "too many cases")
        == f"version {OLD} is active now\n"
    )
    assert worker_policy(settings) == OLD
    shown = run(settings, "show").splitlines()
    assert [line[:6] for line in shown] == [f"* {OLD}"[:6], "  next", "active"]
    assert shown[-1].endswith(" by bo: too many cases")
    assert run(settings, "show", "--version", "next") == SECOND
    assert set(records(settings)) == {OLD.encode(), b"next", b"active"}


def test_of_two_who_publish_at_once_the_earlier_one_writes_nothing(settings: Settings) -> None:
    before = read_published(settings)
    earlier = Publisher(settings)
    later = Publisher(settings)
    with pytest.raises(NotWritten, match="Nothing was written"):
        earlier.publish(THIRD, "third.yaml", STAMP)
    assert read_published(settings) == before
    assert later.publish(THIRD, "third.yaml", STAMP)[1] is True
    assert worker_policy(settings) == "third"
