"""The embedded Kafka: durable, gone with its process, clear when it fails."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.errors import BrokerFailed
from streams.kafka.embedded import EmbeddedBroker

TOPIC = "things"
LIMIT_SECONDS = 60  # of a call on a machine with more to do than this


def create_topic(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(10)


def write(bootstrap: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "writer"})
    producer.init_transactions(LIMIT_SECONDS)
    producer.begin_transaction()
    producer.produce(TOPIC, value)
    producer.commit_transaction(LIMIT_SECONDS)


def read(bootstrap: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        return [message.value() for message in consumer.consume(count, timeout=LIMIT_SECONDS)]
    finally:
        consumer.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie is dead: in a container there may be nobody to collect it.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_what_was_written_outlives_a_stop_and_a_kill(own_broker: EmbeddedBroker) -> None:
    address = own_broker.bootstrap
    create_topic(address)
    write(address, b"before the stop")
    own_broker.restart()
    write(own_broker.bootstrap, b"before the kill")
    # Visible before the kill: Kafka answers a commit before its markers are written, and a kill in between can leave
    # the transaction open for good.
    assert read(address, 2) == [b"before the stop", b"before the kill"]
    own_broker.kill()
    own_broker.start()

    assert own_broker.bootstrap == address
    assert read(address, 2) == [b"before the stop", b"before the kill"]


def test_a_data_folder_is_taken_up_by_the_next_broker_on_another_port(tmp_path: Path) -> None:
    with EmbeddedBroker(data_dir=tmp_path) as first:
        create_topic(first.bootstrap)
        write(first.bootstrap, b"kept")
        old = first.bootstrap
    with EmbeddedBroker(data_dir=tmp_path) as second:
        assert second.bootstrap != old
        assert read(second.bootstrap, 1) == [b"kept"]


def test_without_a_data_folder_nothing_is_left(own_broker: EmbeddedBroker) -> None:
    folder, pid = own_broker.data_dir, own_broker.pid
    assert folder.exists()
    assert pid is not None
    own_broker.close()
    assert not folder.exists()
    assert not is_alive(pid)


PARENT = """
import sys, time
from streams.kafka.embedded import EmbeddedBroker
broker = EmbeddedBroker().start()
print(broker.pid, broker.data_dir, flush=True)
time.sleep(600)
"""


def test_the_broker_and_its_folder_go_when_its_process_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as out:
        pid, folder = out.readline().split()
    assert is_alive(int(pid))
    parent.send_signal(signal.SIGKILL)
    parent.wait()

    deadline = time.monotonic() + 20
    while (is_alive(int(pid)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(pid))
    assert not Path(folder).exists()


def test_it_listens_on_the_loopback_only(own_broker: EmbeddedBroker) -> None:
    listening = [
        line.split()[1].split(":")[0]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{own_broker.pid}/net/{table}").read_text().splitlines()[1:]
        if int(line.split()[1].split(":")[1], 16) == own_broker.port and line.split()[3] == "0A"
    ]
    assert listening in (["0100007F"], ["0000000000000000FFFF00000100007F"])


def test_a_taken_port_is_said_at_once() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(BrokerFailed, match=rf"expected port {port} of 127\.0\.0\.1 to be free"),
            EmbeddedBroker(port=port),
        ):
            pass


def test_a_setting_that_kafka_refuses_is_shown_in_its_words() -> None:
    with (
        pytest.raises(BrokerFailed, match=r"could not format .*\n.*Invalid value 0 for configuration num\.io\.threads"),
        EmbeddedBroker(properties={"num.io.threads": 0}),
    ):
        pass


def test_a_broker_that_does_not_start_shows_the_end_of_its_log(own_broker: EmbeddedBroker) -> None:
    own_broker.stop()
    (own_broker.data_dir / "log" / "meta.properties").write_text("version=1\nnode.id=7\n")
    with pytest.raises(BrokerFailed, match=r"(?s)ended within .*broker\.log.*cluster\.id was not found"):
        own_broker.start()
    assert not own_broker.is_running


def test_a_folder_serves_one_broker_at_a_time(own_broker: EmbeddedBroker) -> None:
    with (
        pytest.raises(BrokerFailed, match=r"expected .* to be free, but another broker runs on it"),
        EmbeddedBroker(data_dir=own_broker.data_dir),
    ):
        pass
    own_broker.restart()
    assert own_broker.is_running
