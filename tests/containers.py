"""Apache Kafka's official image in a container, where a container engine answers."""

from __future__ import annotations

import os
from textwrap import dedent

from testcontainers.community.kafka import KafkaContainer

DEFAULT_IMAGE = "apache/kafka:4.3.1"
ENGINE_LIMIT_SECONDS = 3
START_LIMIT_SECONDS = 120


def image() -> str:
    """The image to use: LEADLANE_TEST_KAFKA_IMAGE, or the official one."""
    return os.environ.get("LEADLANE_TEST_KAFKA_IMAGE", DEFAULT_IMAGE)


def engine_answers() -> bool:
    """Is a container engine wanted (LEADLANE_TEST_CONTAINERS is not 0) and there? False within seconds when not."""
    if os.environ.get("LEADLANE_TEST_CONTAINERS") == "0":
        return False
    import docker

    try:
        client = docker.from_env(timeout=ENGINE_LIMIT_SECONDS)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except Exception:  # docker, requests and urllib3 each have their own way to say no
        return False
    finally:
        client.close()


class ApacheKafkaContainer(KafkaContainer):
    """testcontainers' Kafka speaks Confluent's image; this one starts Apache's own in the same way."""

    def __init__(self) -> None:
        super().__init__(image())
        # The wanted image counts, not the version scheme of another vendor.
        self.kraft_enabled = True
        self.with_env("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "4")
        self.with_env("KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS", "4")
        self.with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        self.with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        self.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        self.with_env("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000")

    def tc_start(self) -> None:
        host, port = self.get_container_host_ip(), self.get_exposed_port(self.port)
        script = f"""
            #!/bin/bash
            export KAFKA_ADVERTISED_LISTENERS={self.listener_name}://{host}:{port},BROKER://$(hostname -i):9092
            exec /etc/kafka/docker/run
        """
        self.create_file(dedent(script).strip().encode(), KafkaContainer.TC_START_SCRIPT)

    @property
    def bootstrap(self) -> str:
        return str(self.get_bootstrap_server())
