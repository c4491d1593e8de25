"""The command line: quick to start, every command there, faults in one message."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, cli
from streams.commands.doctor import examine

ROOT = Path(__file__).parents[2]


def leadlane(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_lists_every_command() -> None:
    done = leadlane("--help")
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.split("Commands:\n")[1].splitlines() if line[2] != " "]
    assert listed == list(COMMANDS)


def test_help_imports_nothing_that_takes_time() -> None:
    script = "import sys; from streams.cli import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "click" in loaded
    assert loaded & {"aiokafka", "confluent_kafka", "faust", "msgspec", "pydantic", "rich", "yaml", "zen"} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_has_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, click.Command)
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert command.help


def test_an_unknown_command_is_a_usage_error() -> None:
    done = leadlane("fly")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'fly'" in done.stderr


def test_a_fault_of_the_settings_is_one_message_without_a_traceback() -> None:
    done = leadlane("topics", "check", LEADLANE_LANES="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == 'BadSettings: LEADLANE_LANES is "many", expected a whole number from 1 to 1024, for example 12.\n'
    )


@pytest.mark.parametrize("command", ["topics check", "topics apply", "topics list", "policy show"])
def test_an_unreachable_broker_is_one_message_within_seconds(command: str) -> None:
    began = time.monotonic()
    done = leadlane(*command.split(), "--brokers", "127.0.0.1:1")
    assert time.monotonic() - began < 5
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("BrokerUnreachable: ")
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1:1" in done.stderr
    assert "Start it" in done.stderr


def test_the_settings_command_marks_what_differs_from_the_default() -> None:
    done = leadlane("settings", LEADLANE_LANES="24", LEADLANE_SASL_PASSWORD="s3cret")
    lines = done.stdout.splitlines()
    assert "* LEADLANE_LANES=24" in lines
    assert "  LEADLANE_LINGER_MS=50" in lines
    assert "s3cret" not in done.stdout


def test_the_doctor_stops_at_the_fault_that_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLANE_LANES", "many")
    assert [(each.subject, bool(each.remedy)) for each in examine(None)] == [
        ("python", False),
        ("core", False),
        ("settings", True),
    ]


def test_the_doctor_says_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLANE_SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    findings = examine("127.0.0.1:1")
    assert [(each.subject, bool(each.remedy)) for each in findings] == [
        ("python", False),
        ("core", False),
        ("settings", False),
        ("brokers", True),
        ("schema registry", True),
    ]
    assert "127.0.0.1:1" in findings[3].remedy
