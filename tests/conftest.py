"""What every test may use."""

from __future__ import annotations

import os
from functools import cache

import pytest
from hypothesis import settings

# Nothing of the machine's own set-up may change a test.
for name in [name for name in os.environ if name.startswith("LEADLANE_")]:
    if name not in {
        "LEADLANE_CACHE_DIR",
        "LEADLANE_TEST_CONTAINERS",
        "LEADLANE_TEST_CONTAINER_NETWORK",
        "LEADLANE_TEST_KAFKA_IMAGE",
        "LEADLANE_TEST_COMPILED",
        "LEADLANE_TEST_PROMETHEUS",
    }:
        del os.environ[name]


settings.register_profile("ci", derandomize=True)  # a landing does not hang on a die; everybody else's runs explore
if os.environ.get("CI"):
    settings.load_profile("ci")


@cache
def uses_containers() -> bool:
    """Do the tests' Kafkas run in containers?"""
    from tests.containers import engine_answers

    return engine_answers()


def pytest_report_header(config: pytest.Config) -> str:
    if uses_containers():
        from tests.containers import image

        return f"kafka: {image()} in a container (LEADLANE_TEST_CONTAINERS=0 for the embedded one)"
    from streams.kafka.java import KAFKA_VERSION

    return f"kafka: embedded Apache Kafka {KAFKA_VERSION} (no container engine answers, or it is not wanted)"
