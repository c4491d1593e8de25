"""What deploy/ starts: the image, the services of compose, the documents of Kubernetes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import yaml

from streams.cli import Table
from streams.settings import Settings, variable

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
K8S = DEPLOY / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
SETTINGS = {variable(name) for name in Settings.model_fields}
# Of each process: its port for health and metrics, as the settings have it.
PORTS = {
    name: Settings.model_fields[setting].default
    for name, setting in (
        ("worker", "web_port"), ("lab", "lab_web_port"), ("gateway", "gateway_web_port"), ("sink", "sink_web_port"),
    )
}  # fmt: skip

Document = dict[str, Any]


def compose() -> dict[str, Any]:
    """compose.yaml with the defaults of its variables."""
    text = re.sub(r"\$\{\w+(?::-([^}]*))?\}", lambda found: found[1] or "", COMPOSE.read_text("utf-8"))
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def resources() -> dict[str, Document]:
    """Every whole resource of base, components and overlays as it is written: "file: kind name" -> document."""
    found = {}
    for kustomization in sorted(K8S.rglob("kustomization.yaml")):
        for name in yaml.safe_load(kustomization.read_text("utf-8")).get("resources", ()):
            path = kustomization.parent / name
            for document in documents(path) if path.is_file() else ():
                found[f"{path.relative_to(K8S)}: {document['kind']} {document['metadata']['name']}"] = document
    return found


def documents(path: Path) -> list[Document]:
    return [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]


def kustomize() -> str | None:
    """The kustomize of this machine, or the one that `make check-deploy` has made."""
    own = ROOT / ".leadlane" / "bin" / "kustomize"
    return str(own) if os.access(own, os.X_OK) else shutil.which("kustomize")


@cache
def rendered(overlay: str) -> tuple[Document, ...]:
    """What `kubectl apply -k` would send."""
    command = kustomize()
    assert command is not None
    done = subprocess.run([command, "build", str(K8S / "overlays" / overlay)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def containers(each: Document) -> Iterator[tuple[Document, Document]]:
    """(pod, container) of a workload; none of another kind."""
    pod = each.get("spec", {}).get("template", {}).get("spec", {})
    yield from ((pod, container) for container in pod.get("containers", ()))


def command_exists(words: list[str]) -> bool:
    """Whether these words name a command of `leadlane`; options after them count."""
    command: click.Command | None = Table(name="leadlane")
    for word in words:
        if not isinstance(command, click.Group):
            return False
        command = command.get_command(click.Context(command), word)
    return command is not None and not isinstance(command, click.Group)
