"""A real Kafka for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from streams.kafka.embedded import EmbeddedBroker
from tests.conftest import uses_containers


class RunningKafka(Protocol):
    """What a test knows of the shared broker: it must leave it running."""

    @property
    def bootstrap(self) -> str: ...


@pytest.fixture(scope="session")
def broker() -> Iterator[RunningKafka]:
    """One Kafka for the whole run, in a container or embedded. Do not stop it; see `own_broker`."""
    if uses_containers():
        from tests.containers import START_LIMIT_SECONDS, ApacheKafkaContainer

        container = ApacheKafkaContainer()
        container.start(timeout=START_LIMIT_SECONDS)
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
