"""Who may do what on Kafka: the rights of every process, derived from streams/topics.py.

Law of this module: each process gets what its code does and nothing else. A new topic of the lanes finds its owners by
its role; any other must be named here, and a test fails until it is. Write and Read bring Describe with them.
`leadlane topics acls` prints these rights or grants them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from streams import topics
from streams.settings import Settings
from streams.topics import CONTROLS, INPUTS, TOPICS, Role, Topic

Kind = Literal["topic", "group", "transactional-id", "cluster"]
CLUSTER = "kafka-cluster"  # Kafka's own name for the one cluster resource

OUTPUTS = tuple(topic for topic in TOPICS if topic.role is Role.OUTPUT)
STATE = tuple(topic for topic in TOPICS if topic.role is Role.STATE)
SENT = tuple(topic for topic in INPUTS if topic is not topics.ERASURES)  # what platforms and people's tools write
PUBLISHED = tuple(topic for topic in OUTPUTS if topic.key == "lead_id" and not topic.single)
MADE_BY_LAB = (topics.MODELS, topics.ALARMS, topics.GUARDS)


class Right(NamedTuple):
    """One ACL: an operation on a resource, or on all whose names begin so."""

    kind: Kind
    name: str
    operation: Literal["read", "write", "create", "describe", "describe-configs", "alter"]
    prefixed: bool = False


class Process(NamedTuple):
    """What one kind of process does on Kafka. Groups and transactional ids are given after the app id."""

    name: str
    what: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    group: str | None = None  # the group that it joins
    groups: str | None = None  # a prefix of the groups that it joins
    named: tuple[str, ...] = ()  # groups that its readers name and never join: the client asks who coordinates them
    transactional: tuple[str, ...] = ()  # prefixes of the transactional ids that it writes with
    creates: bool = False  # topics, and reads their settings
    looks: bool = False  # reads settings of topics, and where groups stand


PROCESSES: tuple[Process, ...] = (
    Process(
        "worker",
        "leadlane worker",
        reads=(*INPUTS, *CONTROLS, *STATE, topics.KEYS),
        writes=(*OUTPUTS, *STATE, topics.KEYS),
        group="",
        named=("-keys",),
        transactional=("-lane-",),
    ),
    Process(
        "lab",
        "leadlane lab",
        reads=(topics.EXAMPLES, topics.STATS, topics.CASE_EVENTS, topics.REVIEWS, topics.ERASURES,
               *(topic for topic in CONTROLS if topic is not topics.APPROVALS), topics.LAB_STATE),
        writes=(topics.LAB_STATE, *MADE_BY_LAB, topics.HISTORY),
        named=("-reader",),
        transactional=("-lab-", *(f"-{topic.name.removeprefix('control.')}" for topic in MADE_BY_LAB)),
    ),
    Process(
        "gateway",
        "leadlane gateway",
        reads=(*INPUTS, topics.DEAD_LETTERS, topics.RESYNC, topics.POSITIONS, topics.KEYS),
        writes=(*INPUTS, topics.DEAD_LETTERS, topics.RESYNC, topics.POSITIONS, topics.KEYS),
        groups="-gateway-",  # of several, one polls
        named=("-gateway", "-keys", "-reader"),
    ),
    Process(
        "sink",
        "leadlane sink http",
        reads=(*PUBLISHED, topics.PARKED),
        writes=(topics.PARKED,),
        groups="-sink-",
        named=("-reader",),
    ),
    Process(
        "sender",
        "leadlane feed, and platforms that write the inputs themselves",
        reads=(topics.KEYS,),
        writes=(*SENT, topics.KEYS),
        named=("-keys",),
    ),
    Process(
        "admin",
        "people's commands: topics apply, policy, roster, approval, switch, model, alarm, dlq, forget",
        reads=TOPICS,
        writes=(*CONTROLS, topics.HISTORY, *INPUTS, topics.DEAD_LETTERS, topics.PARKED),
        transactional=(
            *(f"-{topic.name.removeprefix('control.')}" for topic in CONTROLS), "-redrive", "-sink-redrive",
        ),
        creates=True,
        looks=True,
    ),
    Process("inspector", "doctor, explain, replay, review, history, audit: reads everything", reads=TOPICS, looks=True),
    Process(
        "reader",
        "downstream: the marketing tool, the sender of mails, the desk, a warehouse",
        reads=(topics.ROUTED, topics.LEAD_SCORES, topics.CADENCES, topics.CASE_EVENTS, topics.CASES_OPEN,
               topics.VERDICTS),
        groups="-reader",
    ),
    Process("monitoring", "lag exporters: sees where topics and groups stand, reads no record", looks=True),
)  # fmt: skip
PROCESS: Mapping[str, Process] = {process.name: process for process in PROCESSES}


def rights(process: Process, app_id: str) -> Iterator[Right]:
    """Every right of a process, each once."""
    yield from (Right("topic", topic.name, "read") for topic in process.reads)
    yield from (Right("topic", topic.name, "write") for topic in process.writes)
    if process.group is not None:
        yield Right("group", app_id + process.group, "read")
    if process.groups is not None:
        yield Right("group", app_id + process.groups, "read", prefixed=True)
    yield from (Right("group", app_id + name, "describe") for name in process.named)
    for prefix in process.transactional:
        yield Right("transactional-id", app_id + prefix, "write", prefixed=prefix.endswith("-"))
    if process.looks:
        yield from (Right("topic", topic.name, "describe-configs") for topic in TOPICS)
        yield from (Right("topic", topic.name, "describe") for topic in TOPICS if topic not in process.reads)
        yield Right("group", app_id, "describe", prefixed=True)
        yield Right("cluster", CLUSTER, "describe")
    if process.creates:
        yield from (Right("topic", topic.name, "create") for topic in TOPICS)


def principals(given: Iterable[str], app_id: str) -> dict[str, str]:
    """process -> principal of `worker=User:name` texts; without any, every process as User:<app id>-<process>."""
    pairs = [text.partition("=") for text in given]
    for name, _, principal in pairs:
        if name not in PROCESS or ":" not in principal:
            raise ValueError(f"{name}={principal}")
    return {name: principal for name, _, principal in pairs} or {
        name: f"User:{app_id}-{name}" for name in PROCESS
    }  # fmt: skip


def kafka_acls(settings: Settings, principal: str, wanted: Iterable[Right]) -> Iterator[str]:
    """The commands of Kafka's own tool that grant these rights; one for each kind of resource and operation."""
    alike: dict[tuple[Kind, str, bool], list[str]] = {}
    for right in wanted:
        alike.setdefault((right.kind, right.operation, right.prefixed), []).append(right.name)
    for (kind, operation, prefixed), names in alike.items():
        resources = "--cluster" if kind == "cluster" else " ".join(f"--{kind} {name}" for name in names)
        yield (
            f"kafka-acls --bootstrap-server {settings.brokers} --command-config admin.properties --add"
            f" --allow-principal {principal} --operation {_camel(operation)} {resources}"
            f"{' --resource-pattern-type prefixed' if prefixed else ''}"
        )


def _camel(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("-"))
