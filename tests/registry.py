"""A real Schema Registry for the tests: Apicurio, from a Maven repository, on the Java of the embedded Kafka.

Up in 3 s with 240 MB of memory; the archive (159 MB) is loaded once into the user's cache folder.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from streams.kafka import java
from streams.kafka.embedded import HOST, watch

VERSION = "3.3.3"
START_LIMIT_SECONDS = 60.0
LOAD_SECONDS = 120  # silence of the repository for so long ends a load
JAVA_FLAGS = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class NoRegistry(Exception):
    """It could not be loaded or did not start."""


class Apicurio:
    """One registry in a child process, empty, in memory. Use as a context manager; it ends with this process."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="leadlane-registry-"))
        self._port, self._management = free_port(), free_port()

    @property
    def url(self) -> str:
        """For LEADLANE_SCHEMA_REGISTRY_URL."""
        return f"http://{HOST}:{self._port}/apis/ccompat/v7"

    def __enter__(self) -> Apicurio:
        jar = app_folder() / "quarkus-run.jar"
        options = {
            "quarkus.http.host": HOST,
            "quarkus.http.port": self._port,
            "quarkus.management.host": HOST,
            "quarkus.management.port": self._management,
        }
        with open(self._folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                [java.java(), *JAVA_FLAGS, *(f"-D{name}={value}" for name, value in options.items()), "-jar", jar],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watcher = watch(self._process.pid, self._folder)
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self._process.kill()  # nothing to save
        self._process.wait()
        self._watcher.kill()
        self._watcher.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def freeze(self) -> None:
        """From now on it takes connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/subjects", timeout=2).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise NoRegistry(f"Apicurio {VERSION} is not up: {(self._folder / 'log').read_text()[-2000:]}")


def app_folder() -> Path:
    """Where Apicurio is unpacked; loads it first if it is not there yet."""
    folder = java.cache_folder() / f"apicurio-{VERSION}"
    if not folder.is_dir():
        with java.locked("apicurio"):
            if not folder.is_dir():
                _load(folder)
    return folder


def _load(folder: Path) -> None:
    from jgo.maven import MavenContext, PythonResolver

    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        context = MavenContext(PythonResolver(), repo_cache=part / "maven", timeout=LOAD_SECONDS)
        release = context.project("io.apicurio", "apicurio-registry-app").at_version(VERSION)
        with tarfile.open(release.artifact(classifier="all", packaging="tar.gz").resolve()) as archive:
            archive.extractall(part / "app", filter="data")
        (part / "app").rename(folder)
    except Exception as error:  # jgo and requests raise all kinds; each means the same to the reader
        raise NoRegistry(f"Apicurio {VERSION} could not be loaded into {folder}: {error!r}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])
