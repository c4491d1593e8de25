"""A real Kafka for the tests in this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from confluent_kafka.admin import AdminClient

from streams.kafka import admin
from streams.kafka.embedded import EmbeddedBroker
from streams.settings import Settings, load_settings
from tests.conftest import uses_containers


class RunningKafka(Protocol):
    """What a test knows of the shared broker: it must leave it running."""

    @property
    def bootstrap(self) -> str: ...


@pytest.fixture(scope="session")
def broker() -> Iterator[RunningKafka]:
    """One Kafka for the whole run, in a container or embedded. Do not stop it; see `own_broker`."""
    if uses_containers():
        from tests.containers import ApacheKafkaContainer

        container = ApacheKafkaContainer()
        container.start()
        try:
            yield container
        finally:
            container.stop()
    else:
        with EmbeddedBroker() as embedded:
            yield embedded


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    """An embedded Kafka of the test's own, empty, up in 2 s: to stop, kill and start."""
    with EmbeddedBroker() as embedded:
        yield embedded


FreshTopics = Callable[..., Settings]


@pytest.fixture
def fresh_topics(broker: RunningKafka, request: pytest.FixtureRequest) -> FreshTopics:
    """Makes the shared broker's topics empty and gives the settings to use them with.

    `fresh_topics(lanes=3, linger_ms=10)`: any setting may be given; `app_id` is the test's own, so that groups and
    transactional ids of another test never meet. A second call empties them again.
    """

    def make(**given: object) -> Settings:
        settings = load_settings(**{"brokers": broker.bootstrap, "app_id": _app_id(request.node.name), **given})
        delete_topics(broker.bootstrap)
        created, differing = admin.apply(settings)
        assert created
        assert not differing
        return settings

    return make


def delete_topics(bootstrap: str, *names: str) -> None:
    """Delete these topics, or every one but Kafka's own, and wait until they do not show any more."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    names = names or tuple(name for name in client.list_topics(timeout=10).topics if not name.startswith("__"))
    if names:
        for future in client.delete_topics(list(names), operation_timeout=30).values():
            future.result(30)
        gone = set(names)
        admin.TopicAdmin(load_settings(brokers=bootstrap)).wait_for(lambda topics: not gone & topics)


def _app_id(test: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in test)[-100:]
