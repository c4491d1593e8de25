"""What the documents name is there: files, headings, commands with their options, make targets, metrics, settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from prometheus_client.metrics import MetricWrapperBase

from streams import metrics
from streams.cli import COMMANDS, Table
from streams.settings import TEST_PREFIX, Settings, variable
from streams.topics import TOPIC

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
LINK = re.compile(r"\[[^]\[]*\]\((?P<to>[^)\s]+)\)")
COMMAND = re.compile(r"(?<![\w/.-])(?:\.venv/bin/)?leadlane (?P<rest>[a-z][^`\n|;&#]*)")
MAKE = re.compile(r"(?:^|`|\$ |; |&& )\s*make (?P<target>[a-z]+)\b", re.MULTILINE)
METRIC = re.compile(r"\bleadlane_[a-z_]+\b")
SETTING = re.compile(r"\bLEADLANE_[A-Z_]+\b")
TEST_VARIABLES = set(re.findall(rf'"({TEST_PREFIX}\w+)"', (ROOT / "tests" / "conftest.py").read_text("utf-8")))
SUFFIXES = ("_bucket", "_sum", "_count")
NO_METRICS = {"leadlane_redriven", "leadlane_redriven_from"}  # headers of records
documents = pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)


@documents
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    assert [to for to in _links(path) if not _leads_somewhere(path, to)] == []


@documents
def test_every_command_that_a_document_names_exists_with_its_options(path: Path) -> None:
    assert [fault for line in _commands(path) if (fault := _fault(line))] == []


@documents
def test_every_make_target_that_a_document_names_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {found["target"] for found in MAKE.finditer(_code(path))} <= targets


@documents
def test_every_metric_and_setting_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    names = {_without_suffix(name) for name in METRIC.findall(text)} - NO_METRICS
    assert names <= _metrics()
    assert (
        set(SETTING.findall(text)) - {"LEADLANE_"}
        <= {variable(name) for name in Settings.model_fields} | TEST_VARIABLES
    )


def test_the_runbook_says_what_to_do_when_a_metric_of_faults_grows() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    wanted = ("leadlane_lag_records", "leadlane_lane_rebuilds_total", "leadlane_control_problems_total",
              "leadlane_records_expired_total")  # fmt: skip
    assert [name for name in wanted if name not in runbook] == []


def test_the_flow_follows_the_files_of_the_map() -> None:
    package, flow = (
        (ROOT / "streams" / "__init__.py").read_text("utf-8"),
        (ROOT / "docs" / "flow.md").read_text("utf-8"),
    )
    files = re.findall(r"^\d  (\S+\.py)", package, re.MULTILINE)
    headings = re.findall(r"^## \d\. .*$", flow, re.MULTILINE)
    assert len(files) == 9
    assert [file for file, heading in zip(files, headings, strict=True) if file not in heading] == []


def test_the_topics_that_the_flow_names_exist() -> None:
    flow = (ROOT / "docs" / "flow.md").read_text("utf-8")
    named = set(re.findall(r"`((?:leads|signals|cadences|cases|outreach|control|labels|lane|dead)\.[a-z]+)`", flow))
    assert named - {"lane.tick"} <= set(TOPIC)


def _links(path: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    return (found["to"] for found in LINK.finditer(text) if "://" not in found["to"])


def _leads_somewhere(path: Path, to: str) -> bool:
    file, _, heading = to.partition("#")
    target = (path.parent / file).resolve() if file else path
    return target.exists() and (not heading or heading in _anchors(target))


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(path: Path) -> str:
    """The code of a document: fenced, indented and inline."""
    text = path.read_text("utf-8")
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = [line.strip() for line in rest.splitlines() if line.startswith("    ")]
    return "\n".join([*blocks, *indented, *(f"`{code}`" for code in re.findall(r"`([^`\n]+)`", rest))])


def _commands(path: Path) -> Iterator[str]:
    return (found["rest"].strip() for found in COMMAND.finditer(_code(path)))


def _fault(line: str) -> str | None:
    """What is wrong with `leadlane LINE`; None when command, subcommand and options exist."""
    try:
        words = shlex.split(line.replace("...", " "))
    except ValueError:
        words = line.split()
    command: click.Command | None = Table(name="leadlane")
    for word in words:
        names = [name for name in word.split("|") if not word.startswith("-")]
        if isinstance(command, click.Group) and not (command.invoke_without_command and word not in command.commands):
            found = [command.get_command(click.Context(command), name) for name in names]
            if not found or None in found:
                return f"leadlane {line}: there is no {word}"
            command = found[0]
        elif word.startswith("--") and command is not None:
            options = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
            if word.partition("=")[0].rstrip("]") not in options | {"--help"}:
                return f"leadlane {line}: {command.name} has no option {word}"
    return None


def _metrics() -> set[str]:
    declared = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    return {metric._name + "_total" * (metric._type == "counter") for metric in declared}


def _without_suffix(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"leadlane {name}" not in readme] == []
