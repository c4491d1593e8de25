"""The services of compose.yaml as single containers on the host's network: what it says of each is what runs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parents[1] / "compose" / "compose.yaml"
HOST = "127.0.0.1"
WEB_PORT = {name: f"LEADLANE_{name.upper()}_WEB_PORT" for name in ("lab", "gateway", "sink")}
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """compose.yaml with its ${NAME:-default} filled in."""
    text = COMPOSE.read_text("utf-8")
    document: dict[str, Any] = yaml.safe_load(VARIABLE.sub(lambda m: variables.get(m[1]) or m[2] or "", text))
    return document


def words(document: dict[str, Any], name: str, container: str, image: str, environment: Mapping[str, str]) -> list[str]:
    """What follows `podman` (or `docker`) to run one service. `environment` wins over compose.yaml's."""
    service = document["services"][name]
    given = ["run", "--name", container, "--network", "host"]
    given += ["--read-only"] if service.get("read_only") else []
    given += [f"--cap-drop={each}" for each in service.get("cap_drop", ())]
    given += [f"--security-opt={each.removesuffix(':true')}" for each in service.get("security_opt", ())]
    given += ["--init"] if service.get("init") else []
    given += [f"--memory={service['mem_limit']}"] if "mem_limit" in service else []
    given += [f"--pids-limit={service['pids_limit']}"] if "pids_limit" in service else []
    for variable, value in {**service.get("environment", {}), **environment}.items():
        given += ["--env", f"{variable}={value}"]
    given += _mounts(document, service)
    given += _health(service.get("healthcheck", {}))
    if "entrypoint" in service:
        given += ["--entrypoint", service["entrypoint"][0]]
    return [*given, image, *service.get("command", ())]


def differences(name: str, ports: Mapping[str, int]) -> dict[str, str]:
    """What a service is told otherwise than in compose.yaml: the host's network has no names, and each port once."""
    kafka, controller = f"{HOST}:{ports['kafka']}", f"{HOST}:{ports['controller']}"
    if name == "kafka":
        return {
            "KAFKA_LISTENERS": f"PLAINTEXT://{kafka},CONTROLLER://{controller}",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{kafka}",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@{controller}",
        }
    if name == "registry":
        return {
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": kafka,
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(ports["registry"]),
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(ports["management"]),
        }
    own = {WEB_PORT.get(name, "LEADLANE_WEB_PORT"): str(ports[name])} if name in ports else {}
    return {
        **own,
        "LEADLANE_BROKERS": kafka,
        "LEADLANE_WEB_HOST": HOST,
        "LEADLANE_GATEWAY_HOST": HOST,
        "LEADLANE_GATEWAY_PORT": str(ports["webhooks"]),
        "LEADLANE_SCHEMA_REGISTRY_URL": f"http://{HOST}:{ports['registry']}/apis/ccompat/v7",
    }


def _mounts(document: dict[str, Any], service: dict[str, Any]) -> list[str]:
    given = []
    for volume in service.get("volumes", ()):
        source, _, rest = volume.partition(":")
        # A named volume would stay behind; without one the container's own layer does.
        if source.startswith((".", "/")):
            given += ["--volume", f"{os.path.normpath(COMPOSE.parent / source)}:{rest}"]
    for secret in service.get("secrets", ()):
        file = document["secrets"][secret]["file"]
        given += ["--volume", f"{os.path.normpath(COMPOSE.parent / file)}:/run/secrets/{secret}:ro"]
    return given


def _health(stated: dict[str, Any]) -> list[str]:
    if stated.get("disable"):
        return ["--no-healthcheck"]
    if "test" not in stated:
        return []
    kind, *test = stated["test"]
    return ["--health-cmd", test[0] if kind == "CMD-SHELL" else shlex.join(test)]
