"""Podman or Docker, and the images that the check runs: built here, from bases made here or pulled."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BASE, BUILD_BASE = "localhost/leadlane-base", "localhost/leadlane-build-base"
IMAGE, KAFKA, REGISTRY = (f"localhost/leadlane{name}:check" for name in ("", "-kafka", "-registry"))
NONE = (
    "Expected podman or docker on the path, found neither: install one (on Debian and Ubuntu: apt install podman runc)."
)


class Engine:
    """A container engine. `engine("run", ...)` gives what it prints; an error ends the check with what it said."""

    def __init__(self, folder: Path) -> None:
        self.name = next((name for name in ("podman", "docker") if shutil.which(name)), "")
        if not self.name:
            raise SystemExit(NONE)
        self.folder = folder
        self._env = {**os.environ, **(_podman_here(folder) if self.name == "podman" else {})}

    def __call__(self, *words: str, check: bool = True, stdin: Any = None) -> str:
        done = subprocess.run([self.name, *words], env=self._env, stdin=stdin, capture_output=True, text=True)
        if check and done.returncode:
            raise SystemExit(f"{self.name} {' '.join(words)}\nended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done.stdout.strip()

    def succeeds(self, *words: str) -> bool:
        return subprocess.run([self.name, *words], env=self._env, capture_output=True).returncode == 0

    def build(self, *words: str) -> None:
        # OCI images, podman's own kind, have no health check.
        kind = ["--format", "docker"] if self.name == "podman" else []
        self("build", *kind, "--network", "host", *words)


def images(engine: Engine, official: bool) -> dict[str, str]:
    """Builds the image of the Dockerfile, and Kafka's if it is not to be pulled: service kind -> image."""
    bases = [] if official else ["--build-arg", f"BUILD_BASE={BUILD_BASE}", "--build-arg", f"BASE={BASE}"]
    if not official:
        _import(engine, BASE)
        _import(engine, BUILD_BASE, "--compiler")
    pip = [] if official or engine.name != "podman" else ["--volume", f"{_pip_config(engine.folder)}:/etc/pip.conf:ro"]
    engine.build("-f", str(ROOT / "deploy/Dockerfile"), *bases, *pip, "-t", IMAGE, str(ROOT))
    if official:
        return {"leadlane": IMAGE}
    from streams.kafka import java
    from tests.registry import app_folder

    jars = [Path(jar) for jar in java.class_path().split(os.pathsep)]
    _build_java(engine, "kafka", KAFKA, {"libs": jars, "run": HERE / "kafka/run"})
    _build_java(engine, "registry", REGISTRY, {"app": app_folder()})
    return {"leadlane": IMAGE, "kafka": KAFKA, "registry": REGISTRY}


def _import(engine: Engine, name: str, *options: str) -> None:
    """A base image of this machine's own packages; one that is there stays, so that layers above it are reused."""
    if engine.succeeds("image", "inspect", name):
        return
    with tempfile.TemporaryFile() as tar:
        subprocess.run([sys.executable, str(HERE / "rootfs.py"), *options], stdout=tar, check=True)
        tar.seek(0)
        engine("import", "-", name, stdin=tar)


def _build_java(engine: Engine, name: str, image: str, parts: dict[str, Path | list[Path]]) -> None:
    """An image of a Java program: the runtime of the embedded Kafka, and what the program consists of."""
    from streams.kafka import java

    context = engine.folder / name
    shutil.copytree(java.java().parents[1], context / "java", symlinks=True)
    for part, source in parts.items():
        if isinstance(source, list):
            (context / part).mkdir()
            for file in source:
                shutil.copy2(file, context / part)
        elif source.is_dir():
            shutil.copytree(source, context / part)
        else:
            shutil.copy2(source, context / part)
    engine.build("-f", str(HERE / name / "Dockerfile"), "--build-arg", f"BASE={BASE}", "-t", image, str(context))
    shutil.rmtree(context)


def _pip_config(folder: Path) -> Path:
    """This machine's pip settings as one file: the build installs from where this machine installs from."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    settings = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = value.strip("'")
    settings.pop("find-links", None)  # a folder of this machine
    file = folder / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return file


def _podman_here(folder: Path) -> dict[str, str]:
    """What podman needs on a machine without systemd, as one of CI often is."""
    if Path("/run/systemd/system").is_dir():
        return {}
    files, processes = (resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
    limits = ", ".join(
        f'"{name}={most}:{most}"'
        for name, most in (("nofile", min(files, 20_000)), ("nproc", min(processes, 9_000)))
        if most > 0
    )
    runtime = next((name for name in ("crun", "runc") if shutil.which(name)), "runc")
    config = folder / "containers.conf"
    config.write_text(
        f"[containers]\ndefault_ulimits = [{limits}]\n"
        f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "{runtime}"\n'
    )
    # Health is asked for by the check itself; podman would have systemd's timers do it.
    return {"CONTAINERS_CONF": str(config), "DISABLE_HC_SYSTEMD": "true"}
