"""docs/reference, written from the code: `make generate`. A test holds that the pages are current."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from streams import metrics
from streams.core.features import FEATURES
from streams.holds_reference import holds_reference
from streams.kafka.acls import PROCESSES, Process, rights
from streams.policy.reference import facts_reference
from streams.settings import Settings, expectation, variable
from streams.topics import DAY_MS, MAX_MESSAGE_BYTES, TOPICS, Role, Topic

FOLDER = Path(__file__).parent.parent / "docs" / "reference"

SETTINGS_HEAD = """\
# Settings

Generated from streams/settings.py by `make generate`; do not edit.

Every setting is an environment variable. An empty one counts as unset. Faults are reported all at once when a command
starts, a variable that begins with LEADLANE_ and is no setting too. `leadlane settings` prints the values in force.

| variable | takes | default | meaning |
|---|---|---|---|
"""
TOPICS_HEAD = f"""\
# Topics

Generated from streams/topics.py by `make generate`; do not edit.

`leadlane topics apply` creates what is missing, `leadlane topics check` says what differs; nothing is ever deleted or
made smaller. Keys are UTF-8; values are Avro in Confluent framing unless said. Every topic takes records of up to
{MAX_MESSAGE_BYTES:,} bytes.
"""
ROLES: Mapping[Role, str] = {
    Role.INPUT: "Read by the lanes: one partition per lane, keyed by lead",
    Role.CONTROL: "Read whole by every worker: one partition, compacted",
    Role.OUTPUT: "Written by the lanes, in the transaction of the input",
    Role.STATE: "The lanes' own",
    Role.AUDIT: "Written and read outside the lanes",
    Role.KEYS: "The keys of sealed texts, written and read by lanes and edges",
}
FEATURES_HEAD = """\
# Features

Generated from streams/core/features.py by `make generate`; do not edit.

What a model may look at. A feature that is not known is absent; the model has a weight for that. Declared attributes of
`leads.profiles` are features too, as `attr.<name>`: a number where the text is one, else a category. `learning.exclude`
in the policy takes any of them away, for example a declared group that must not bear on the score. They are kept in the
lead's state as they stood at the latest decision (routed, score published, or evidence grown fourfold), and written to
`training.examples` with the outcome. [Models](models.md)

| feature | kind | meaning |
|---|---|---|
"""
METRICS_HEAD = """\
# Metrics

Generated from streams/metrics.py by `make generate`; do not edit.

Served by every worker at `/metrics` on LEADLANE_WEB_PORT. No label holds a lead.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


ACLS_HEAD = """\
# Rights on Kafka

Generated from streams/kafka/acls.py by `make generate`; do not edit.

What each process may do on a cluster that allows nothing by itself (`allow.everyone.if.no.acl.found=false`). Give each
kind of process a principal of its own, then print its rights, print them as commands of Kafka's own tool, or grant them
with a login that has Alter on the cluster:

    leadlane topics acls --principal worker=User:leadlane-worker --principal lab=User:leadlane-lab
    leadlane topics acls --kafka-acls
    leadlane topics acls --apply

Without `--principal` every process is listed, as `User:<app id>-<process>`. Nothing is ever taken away. `leadlane`
below stands for LEADLANE_APP_ID; a star means every name that begins so. Read and Write bring Describe with them; an
idempotent producer needs Write on its topic alone.

How a process logs in is said by LEADLANE_SECURITY_PROTOCOL and what stands beside it in [settings](settings.md). SCRAM
over TLS (`SASL_SSL`, `SCRAM-SHA-512`) and certificates (`SSL`, LEADLANE_SSL_CERTFILE) are tested on a real broker, each
process under its own principal, with a table of what is refused (tests/kafka/test_security.py).

A refused login ends a starting process with `LoginRefused` (exit code 3), a missing right ends it with `NotAuthorised`
(exit code 9), also later on; both say who and what, and trying again would not help. A login that is taken away from a
running process looks to it like brokers that are away: `/ready` says so, and its next start says why.
"""


def settings_reference() -> str:
    """The page on settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "the host's name" if field.default_factory else "unset" if field.default is None else field.default
        shown = f"`{default}`" if default not in ("the host's name", "unset") else default
        rows.append(f"| `{variable(name)}` | {expectation(field)} | {shown} | {field.description} |\n")
    return SETTINGS_HEAD + "".join(rows)


def topics_reference() -> str:
    """The page on topics."""
    return TOPICS_HEAD + "".join(_role(role, title) for role, title in ROLES.items())


def metrics_reference() -> str:
    """The page on metrics."""
    rows = [
        f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |\n"
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for name in [metric._name + "_total" * (metric._type == "counter")]
        for labels in [", ".join(metric._labelnames) or "-"]
    ]
    return METRICS_HEAD + "".join(sorted(rows))


def features_reference() -> str:
    """The page on features."""
    rows = "".join(f"| `{feature.name}` | {feature.kind} | {feature.doc} |\n" for feature in FEATURES)
    return FEATURES_HEAD + rows


def acls_reference() -> str:
    """The page on rights."""
    return ACLS_HEAD + "".join(_process(process) for process in PROCESSES)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_reference,
    "topics.md": topics_reference,
    "metrics.md": metrics_reference,
    "policy-facts.md": facts_reference,
    "features.md": features_reference,
    "holds.md": holds_reference,
    "acls.md": acls_reference,
}


def _process(process: Process) -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    for right in rights(process, "leadlane"):
        rows.setdefault((right.operation, right.kind), []).append(f"`{right.name}{'*' if right.prefixed else ''}`")
    every = f"every topic ({len(TOPICS)})"
    told = "".join(
        f"| {operation} | {kind} | {every if len(names) == len(TOPICS) else ' '.join(names)} |\n"
        for (operation, kind), names in rows.items()
    )
    return f"\n## {process.name}\n\n{process.what}\n\n| operation | on | names |\n|---|---|---|\n{told}"


def _role(role: Role, title: str) -> str:
    rows = "".join(_row(topic) for topic in TOPICS if topic.role is role)
    return f"\n## {title}\n\n| topic | record | key | kept | meaning |\n|---|---|---|---|---|\n{rows}"


def _row(topic: Topic) -> str:
    kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // DAY_MS} days"
    kept = "last value per key" if topic.compacted else kept
    return f"| `{topic.name}` | {topic.record or 'packed bytes'} | {topic.key} | {kept} | {topic.note} |\n"


def write_pages(folder: Path = FOLDER) -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (folder / name).write_text(page())
        print(f"wrote {folder / name}")


if __name__ == "__main__":
    write_pages()
