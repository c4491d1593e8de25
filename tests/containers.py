"""Apache Kafka's official image in a container, where a container engine answers."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer

DEFAULT_IMAGE = "apache/kafka:4.3.1"
ENGINE_LIMIT_SECONDS = 3
START_LIMIT_SECONDS = 120
# Below the range from which connections take their own ends: a port from there may be gone when the broker wants it.
PORTS = range(20_000, 32_768)
LOG_TAIL_BYTES = 4_000


def image() -> str:
    """The image to use: LEADLANE_TEST_KAFKA_IMAGE, or the official one."""
    return os.environ.get("LEADLANE_TEST_KAFKA_IMAGE", DEFAULT_IMAGE)


def on_the_hosts_network() -> bool:
    """LEADLANE_TEST_CONTAINER_NETWORK=host: the container gets no network of its own, for engines that have none."""
    return os.environ.get("LEADLANE_TEST_CONTAINER_NETWORK") == "host"


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


class ApacheKafkaContainer(DockerContainer):
    """One broker. Its port is chosen before it starts, so that it can advertise itself under it from the beginning."""

    def __init__(self) -> None:
        super().__init__(image())
        self._host = self.get_docker_client().host()
        self._port, controller = free_ports(2)
        listen = self._host if on_the_hosts_network() else "0.0.0.0"
        if on_the_hosts_network():
            self.with_kwargs(network_mode="host")
        else:
            self.with_bind_ports(self._port, self._port)
        for name, value in {
            "NODE_ID": 1,
            "PROCESS_ROLES": "broker,controller",
            "LISTENERS": f"PLAINTEXT://{listen}:{self._port},CONTROLLER://localhost:{controller}",
            "ADVERTISED_LISTENERS": f"PLAINTEXT://{self.bootstrap}",
            "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
            "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "CONTROLLER_QUORUM_VOTERS": f"1@localhost:{controller}",
            # As of the embedded one, and for the same reasons: streams/kafka/embedded.py.
            "OFFSETS_TOPIC_REPLICATION_FACTOR": 1,
            "OFFSETS_TOPIC_NUM_PARTITIONS": 4,
            "TRANSACTION_STATE_LOG_NUM_PARTITIONS": 4,
            "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": 1,
            "TRANSACTION_STATE_LOG_MIN_ISR": 1,
            "SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": 1,
            "SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": 1,
            "AUTO_CREATE_TOPICS_ENABLE": "false",
            "LOG_INDEX_SIZE_MAX_BYTES": 256 << 10,
            "GROUP_INITIAL_REBALANCE_DELAY_MS": 0,
            "GROUP_MIN_SESSION_TIMEOUT_MS": 1000,
            "TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": 1000,
        }.items():
            self.with_env(f"KAFKA_{name}", str(value))

    @property
    def bootstrap(self) -> str:
        return f"{self._host}:{self._port}"

    def start(self) -> ApacheKafkaContainer:
        """Start and wait until it answers; what it said stands in the error if it does not."""
        super().start()
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(KafkaException):
                if admin.list_topics(timeout=0.5).brokers:
                    return self
            self.reload()
            if self.status in ("exited", "dead"):
                break
        said = b"".join(self.get_logs())[-LOG_TAIL_BYTES:].decode(errors="replace")
        self.stop()
        raise RuntimeError(f"{image()} does not answer at {self.bootstrap}. It said:\n{said}")


def free_ports(count: int) -> list[int]:
    """Ports of this machine on which nobody listens, below those that connections use."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            candidate = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                candidate.bind(("127.0.0.1", random.choice(PORTS)))
                found.append(candidate.getsockname()[1])
        return found
