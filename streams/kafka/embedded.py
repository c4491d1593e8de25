"""The real Apache Kafka in a child process: for the demo, the tests and try-outs. One broker, loopback only.

    with EmbeddedBroker() as broker:
        print(broker.bootstrap)

The broker ends with the process that started it, however that one ends. Without a data folder everything is gone
afterwards; with one it is there again at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from streams.errors import BrokerFailed
from streams.kafka import java
from streams.kafka.secured import Secured

HOST = "127.0.0.1"
START_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 20.0
LOG_TAIL_LINES = 15
JVM_FLAGS = (
    "-XX:TieredStopAtLevel=1",  # quick to start; a broker that lives for hours belongs on a server
    "-XX:+UseSerialGC",
    "--sun-misc-unsafe-memory-access=allow",
    "-Xlog:disable",  # what the class cache could not use is no news
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
PROPERTIES: Mapping[str, str | int] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    # One broker: internal topics cannot have three copies, and few partitions start faster.
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "min.insync.replicas": 1,
    # A misspelt topic must fail, not appear.
    "auto.create.topics.enable": "false",
    "log.cleaner.enable": "true",
    # Kafka makes two sparse index files of this size for each partition's segment and maps them; the first touch of a
    # page has the kernel read and zero a large piece of the hole. At the default of 10 MB and 300 partitions that took
    # two thirds of the broker's time. 256 KB index 128 MB of log, then a new segment begins.
    "log.index.size.max.bytes": 256 << 10,
    # Nobody to wait for: members join at once, transactions of killed producers end within a second.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    # A killed broker may come back only when its last session is over.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
}


class EmbeddedBroker:
    """One Kafka broker in a child process.

    `port` 0 takes a free one and keeps it over restarts. `data_dir` None uses a folder that goes when the broker is
    closed. `heap` is Java's -Xmx. `properties` override broker settings. `jvm_flags` are added to Java's. `secured`:
    nobody without a login, and nothing without an ACL.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        data_dir: Path | None = None,
        heap: str = "512m",
        properties: Mapping[str, str | int] | None = None,
        log_file: Path | None = None,
        jvm_flags: tuple[str, ...] = (),
        secured: Secured | None = None,
    ) -> None:
        self.port = port
        self._temporary = data_dir is None
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="leadlane-kafka-"))
        self.log_file = log_file or self.data_dir / "broker.log"
        self._heap, self._properties, self._jvm_flags = heap, dict(properties or {}), jvm_flags
        self._controller_port = self._certified_port = 0
        self._secured = secured
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._claim = contextlib.ExitStack()

    @property
    def bootstrap(self) -> str:
        """host:port, for LEADLANE_BROKERS."""
        return f"{HOST}:{self.port}"

    @property
    def certified(self) -> str:
        """host:port of a secured broker's listener where a certificate is the login."""
        return f"{HOST}:{self._certified_port}"

    @property
    def pid(self) -> int | None:
        """The process id of the running broker, or None."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> EmbeddedBroker:
        """Start and wait until it answers. A running broker is left alone. Raises BrokerFailed with the log's tail."""
        if self.is_running:
            return self
        class_path = java.class_path()
        if "-XX:AOTCacheOutput" not in "".join(self._jvm_flags):
            _train()
        self._claim_folder()
        self._take_ports()
        self._write_properties()
        self._format(class_path)
        self._launch(class_path)
        self._wait_until_up()
        return self

    def must_run(self) -> None:
        """Raises BrokerFailed if the broker ended by itself."""
        if not self.is_running:
            raise BrokerFailed(f"the embedded Kafka ended by itself. Its log, {self.log_file}:\n{self.log_tail()}")

    def stop(self) -> None:
        """Stop cleanly; what was written is there at the next start."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: as if the machine had lost power."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop cleanly and start again on the same port and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop, and remove the data folder unless it was given."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self) -> EmbeddedBroker:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> EmbeddedBroker:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def log_tail(self) -> str:
        """The last lines that the broker wrote, without the frames of stack traces."""
        if not self.log_file.exists():
            return "(no log)"
        written = self.log_file.read_text(errors="replace").splitlines()
        lines = [line for line in written if not line.startswith("\tat ")]
        return "\n".join(f"  | {line}" for line in lines[-LOG_TAIL_LINES:]) or "(empty log)"

    # -- how ----------------------------------------------------------------------------------------------------

    @property
    def _server_properties(self) -> Path:
        return self.data_dir / "server.properties"

    def _claim_folder(self) -> None:
        """Two brokers on one folder would damage it before Kafka's own lock stops the second."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        file = self._claim.enter_context(open(self.data_dir / "in-use", "w"))  # noqa: SIM115 (the stack closes it)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BrokerFailed(
                f"expected {self.data_dir} to be free, but another broker runs on it. "
                "Stop that one, or choose another data folder."
            ) from error

    def _take_ports(self) -> None:
        """Choose the ports that are still open to choice; say so at once when a wanted one is taken."""
        with contextlib.ExitStack() as held:
            sockets = []
            for wanted in (self.port, self._controller_port, self._certified_port):
                sockets.append(held.enter_context(socket.socket()))
                # What TIME_WAIT holds after a restart is free for the broker too.
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sockets[-1].bind((HOST, wanted))
                except OSError as error:
                    raise BrokerFailed(
                        f"expected port {wanted} of {HOST} to be free, but: {error.strerror}. "
                        "Choose another port, or 0 for a free one."
                    ) from error
            self.port, self._controller_port, self._certified_port = (taken.getsockname()[1] for taken in sockets)

    def _write_properties(self) -> None:
        controller = f"{HOST}:{self._controller_port}"
        open_to_all = {
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
        }
        secured = self._secured
        properties = {
            **PROPERTIES,
            **(secured.properties(self.bootstrap, self.certified, controller) if secured else open_to_all),
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self.data_dir / "log"),
            **self._properties,
        }
        self._server_properties.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def _java(self, class_path: str, *flags: str) -> list[str]:
        cache = java.aot_cache()
        cached = (f"-XX:AOTCache={cache}",) if cache.exists() and not self._jvm_flags else ()
        return [str(java.java()), *JVM_FLAGS, f"-Xmx{self._heap}", *cached, *flags, "-cp", class_path]

    def _format(self, class_path: str) -> None:
        if (self.data_dir / "log" / "meta.properties").exists():
            return
        arguments = ["format", "--standalone", "-t", uuid4().hex[:22], "-c", str(self._server_properties)]
        arguments += self._secured.first_login if self._secured else []
        done = subprocess.run(
            [*self._java(class_path), "kafka.tools.StorageTool", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise BrokerFailed(f"Kafka could not format {self.data_dir} (exit code {done.returncode}):\n{done.stdout}")

    def _launch(self, class_path: str) -> None:
        with open(self.log_file, "ab") as log:
            # A session of its own: Ctrl-C ends the program that uses the broker first, then the broker.
            self._process = subprocess.Popen(
                [*self._java(class_path, *self._jvm_flags), "kafka.Kafka", str(self._server_properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watcher = watch(self._process.pid, self.data_dir if self._temporary else None)

    def _wait_until_up(self) -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        deadline = time.monotonic() + START_LIMIT_SECONDS
        login = self._secured.client if self._secured else {}
        admin = AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100, **login}
        )
        while self.is_running and time.monotonic() < deadline:
            with contextlib.suppress(KafkaException):
                if admin.list_topics(timeout=0.5).brokers:
                    return
        how = "is not up after" if self.is_running else "ended within"
        self.kill()
        raise BrokerFailed(
            f"the embedded Kafka {how} {START_LIMIT_SECONDS:.0f} s. Its log, {self.log_file}, ends with:\n"
            f"{self.log_tail()}"
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None
        self._claim.close()


# Reads until the process that started it is gone (the pipe closes by itself, even at kill -9), then ends the broker and
# removes its folder unless that was given.
WATCH = """
read -r _; kill "$0"
for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; kill -0 "$0" || break; done
kill -9 "$0"
[ -z "$1" ] || rm -rf "$1"
"""


def watch(pid: int, to_remove: Path | None = None) -> subprocess.Popen[bytes]:
    """Ends the process when this one is gone, however it went; kill what is returned once the process has ended."""
    return subprocess.Popen(
        ["/bin/sh", "-c", WATCH, str(pid), str(to_remove or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _train() -> None:
    """Run one throw-away broker so that Java keeps its classes ready for the next: 7 s once, 1.5 s saved per start.

    Without the cache everything works the same, so a failure here is not one.
    """
    cache = java.aot_cache()
    if cache.exists():
        return
    with java.locked("aot"):
        if cache.exists():
            return
        part = cache.with_suffix(".part")
        broker = EmbeddedBroker(jvm_flags=(f"-XX:AOTCacheOutput={part}",))
        with contextlib.suppress(BrokerFailed), broker:
            pass
        if part.exists():
            part.rename(cache)
