"""compose.yaml: an engine reads it, and what it names exists in the code and beside it."""

from __future__ import annotations

import base64
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.gateway.config import load_config
from streams.secret_refs import SecretRef
from streams.settings import Settings
from streams.sink.config import load_sink
from tests.deploy.manifests import COMPOSE, DEPLOY, PORTS, ROOT, SETTINGS, command_exists, compose

SERVICES: dict[str, Any] = compose()["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "leadlane:local"}
PROCESSES = {name: service for name, service in OURS.items() if name != "init"}
CONFIG = DEPLOY / "k8s" / "base" / "config"


def test_podman_compose_reads_it() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("podman-compose"), "--env-file", ".env.example", "-f", COMPOSE, "config"],
        capture_output=True, text=True, cwd=COMPOSE.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout[done.stdout.index("name:") :])["services"]
    assert set(SERVICES) - {"sink"} <= set(read)


def test_everything_of_the_platform_is_there() -> None:
    assert set(SERVICES) == {
        "kafka", "registry", "init", "worker-0", "worker-1", "lab", "gateway", "sink", "prometheus", "alertmanager",
        "grafana",
    }  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_process_is_a_setting(name: str) -> None:
    named = {variable for variable in OURS[name]["environment"] if variable.startswith("LEADLANE_")}
    assert named
    assert named <= SETTINGS


@pytest.mark.parametrize("name", PROCESSES)
def test_every_command_exists(name: str) -> None:
    assert command_exists(PROCESSES[name]["command"])


def test_no_two_workers_share_a_slot() -> None:
    slots = [service["environment"]["LEADLANE_SLOT"] for name, service in OURS.items() if name.startswith("worker")]
    assert len(set(slots)) == len(slots) == 2


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ("kafka", "registry")])
def test_a_container_can_write_nowhere_and_do_nothing_but_its_work(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "init"])
def test_every_service_that_stays_has_a_limit_of_memory_and_comes_back(name: str) -> None:
    assert "mem_limit" in SERVICES[name]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in PROCESSES])
def test_every_service_says_how_it_is_asked_for_its_health(name: str) -> None:
    assert set(SERVICES[name]["healthcheck"]) & {"test", "disable"}  # the processes' own is the image's


def test_processes_wait_for_init_and_init_for_kafka_and_the_registry() -> None:
    assert all(
        service["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
        for service in PROCESSES.values()
    )
    assert SERVICES["init"]["depends_on"] == {
        "kafka": {"condition": "service_healthy"}, "registry": {"condition": "service_healthy"},
    }  # fmt: skip


def test_ports_are_open_to_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) >= 6
    assert all(port.startswith("127.0.0.1:") for port in published)
    gateway = Settings.model_fields["gateway_port"].default
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:{gateway}:{gateway}"]


def test_what_is_mounted_is_there() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    made = {"./secrets/alertmanager"}  # by prepare.py
    files = [name for name in mounted if name.startswith(".") and name not in made]
    assert len(files) >= 8
    assert [name for name in files if not (COMPOSE.parent / name).exists()] == []


def test_prometheus_asks_every_process_where_it_answers() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "targets" / "leadlane.yml").read_text("utf-8"))
    targets = {target: group["labels"]["job"] for group in groups for target in group["targets"]}
    assert targets == {f"{name}:{PORTS[kind]}": kind for name in PROCESSES if (kind := name.partition("-")[0])}


@pytest.mark.parametrize(("service", "file"), [("gateway", CONFIG / "gateway.yaml"), ("sink", CONFIG / "sink.yaml")])
def test_the_secrets_that_a_configuration_names_are_mounted(
    service: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()

    def read(ref: SecretRef) -> str:
        asked.add(str(ref.file))
        return "0" * 32

    monkeypatch.setattr(SecretRef, "read", read)
    if service == "gateway":
        assert load_config(file).sources
    else:
        asked |= {ref.read() and str(ref.file) for target in load_sink(file).targets.values() for ref in target.secrets}
    assert asked == {f"/run/secrets/{name}" for name in SERVICES[service]["secrets"]}


def test_the_first_start_makes_secrets_that_only_their_owner_finds(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text((COMPOSE.parent / "prepare.py").read_text("utf-8"))
    (tmp_path / ".env.example").write_text((COMPOSE.parent / ".env.example").read_text("utf-8"))
    for _ in range(2):
        subprocess.run([sys.executable, tmp_path / "prepare.py"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir() if path.is_file()}
    assert set(made) == set(compose()["secrets"])
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    env = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if "=" in line[:40])
    assert len(base64.b64decode(env["SEAL_SECRET"])) == 32


def test_without_an_engine_make_up_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # so that podman is not there either
    with pytest.raises(SystemExit, match="Expected `docker compose`, `podman-compose` or `podman compose`, found none"):
        runpy.run_path(str(COMPOSE.parent / "run.py"))["engine"]()


def test_make_up_and_make_down_call_it() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "deploy/compose/run.py up" in makefile
    assert "deploy/compose/run.py down" in makefile
