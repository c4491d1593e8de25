"""The topics of streams/topics.py on a cluster: create what is missing, say what differs, never destroy or shrink.

`plan` says what each topic must be, `TopicAdmin` what is there, `differences` compares. Only `TopicAdmin` does I/O.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from streams.errors import LeadlaneError
from streams.kafka.access import denied, is_denied
from streams.kafka.reach import ANSWER_SECONDS, reach, unreachable
from streams.kafka.security import confluent_config
from streams.settings import Settings
from streams.topics import TOPICS, Topic

CREATE_SECONDS = 30.0
USUAL_COPIES = 3


class TopicRefused(LeadlaneError):
    """The cluster did not create a topic; the message has its reason."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a topic must be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What a topic is."""

    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about one topic that is not as declared."""

    topic: str
    what: str
    expected: str
    got: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what}: expected {self.expected}, got {self.got}. {self.remedy}"


def plan(lanes: int, replication: int, topics: Iterable[Topic] = TOPICS) -> tuple[Wanted, ...]:
    """What every topic must be with so many lanes and copies."""
    # Two copies of three must have a record before it counts: one broker may be lost without loss or standstill.
    in_sync = {"min.insync.replicas": str(2 if replication > 2 else 1)}
    return tuple(Wanted(each.name, each.partitions(lanes), replication, each.config() | in_sync) for each in topics)


def differences(wanted: Iterable[Wanted], found: Mapping[str, Found]) -> tuple[Difference, ...]:
    """What a person must do before the topics are as wanted; more copies or longer retention are no difference."""
    return tuple(
        difference
        for want in wanted
        for difference in (_differences(want, found[want.name]) if want.name in found else (_missing(want),))
    )


# Per config: when is what is there good enough? What is not listed is tuning, and the operator's to change.
GOOD_ENOUGH: Mapping[str, Callable[[str, str], bool]] = {
    "cleanup.policy": operator.eq,
    "retention.ms": lambda got, wanted: int(got) == -1 or int(got) >= int(wanted),
    "delete.retention.ms": lambda got, wanted: int(got) >= int(wanted),
    "max.compaction.lag.ms": lambda got, wanted: int(got) <= int(wanted),  # by then what was erased has left the disk
    "min.insync.replicas": lambda got, wanted: int(got) >= int(wanted),
    "max.message.bytes": lambda got, wanted: int(got) >= int(wanted),
}


def _missing(want: Wanted) -> Difference:
    return Difference(want.name, "topic", "to exist", "none", "Create it: leadlane topics apply")


def _differences(want: Wanted, got: Found) -> Iterable[Difference]:
    if got.partitions != want.partitions:
        remedy = (
            f"If all lead-keyed topics have {got.partitions}, set LEADLANE_LANES to it: partitions cannot be taken "
            "away, and new ones part leads from their state."
        )
        if want.partitions == 1:
            remedy = "It must be read in one order: empty it, then create it anew."
        yield Difference(want.name, "partitions", str(want.partitions), str(got.partitions), remedy)
    if got.replication < want.replication:
        remedy = "Add copies with Kafka's kafka-reassign-partitions, or set LEADLANE_REPLICATION."
        yield Difference(want.name, "replication factor", str(want.replication), str(got.replication), remedy)
    for name, is_enough in GOOD_ENOUGH.items():
        expected, there = want.config.get(name), got.config.get(name)
        if expected is not None and there is not None and not is_enough(there, expected):
            change = f"--entity-type topics --entity-name {want.name} --alter --add-config {name}={expected}"
            yield Difference(want.name, name, expected, there, f"Change it: kafka-configs {change}")


def told(differing: Iterable[Difference]) -> list[str]:
    """A line for each difference; topics that differ in the same way share one."""
    alike: dict[Difference, list[str]] = {}
    for each in differing:
        alike.setdefault(replace(each, topic=""), []).append(each.topic)
    return [str(replace(each, topic=", ".join(names))) for each, names in alike.items()]


class TopicAdmin:
    """A cluster's topics. Raises BrokerUnreachable when nobody answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = AdminClient(confluent_config(settings))
        self._metadata = reach(self._client, settings)

    @property
    def brokers(self) -> int:
        """How many brokers the cluster has."""
        return len(self._metadata.brokers)

    def plan(self) -> tuple[Wanted, ...]:
        """What every topic must be on this cluster by the settings."""
        replication = self._settings.replication or min(USUAL_COPIES, self.brokers)
        return plan(self._settings.lanes, replication)

    def found(self, names: Iterable[str]) -> dict[str, Found]:
        """Those of these topics that exist."""
        names = tuple(names)
        there = {name: about for name in names if (about := self._metadata.topics.get(name)) and not about.error}
        self._must_be_absent([name for name in names if name not in there])
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in there]
        described = self._client.describe_configs(resources, request_timeout=ANSWER_SECONDS) if resources else {}
        try:
            configs = {resource.name: future.result(ANSWER_SECONDS) for resource, future in described.items()}
        except KafkaException as error:
            if is_denied(error.args[0]):
                raise denied(self._settings, error.args[0], "describe the settings of topics") from error
            raise unreachable(self._settings.brokers, error.args[0].str()) from error
        return {
            name: Found(
                partitions=len(about.partitions),
                replication=min(len(partition.replicas) for partition in about.partitions.values()),
                config={key: entry.value for key, entry in configs[name].items() if entry.value is not None},
            )
            for name, about in there.items()
        }

    def _must_be_absent(self, names: list[str]) -> None:
        """A topic that this login may not see is not in the list of all: it must not be taken for a missing one."""
        for name in names if self._settings.security_protocol != "PLAINTEXT" else ():
            about = self._client.list_topics(name, timeout=ANSWER_SECONDS).topics[name]
            if about.error is not None and is_denied(about.error):
                raise denied(self._settings, about.error, f"see the topic {name}")

    def create(self, wanted: Iterable[Wanted]) -> None:
        """Create these topics and wait until they show; one that came to be meanwhile is left as it is."""
        wanted = tuple(wanted)
        new = [NewTopic(each.name, each.partitions, each.replication, config=dict(each.config)) for each in wanted]
        if not new:
            return
        for name, future in self._client.create_topics(new, operation_timeout=CREATE_SECONDS).items():
            try:
                future.result(CREATE_SECONDS)
            except KafkaException as error:
                if is_denied(error.args[0]):
                    raise denied(self._settings, error.args[0], f"create the topic {name}") from error
                if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                    raise TopicRefused(
                        f"{self._settings.brokers} did not create {name}: {error.args[0].str()}. "
                        "Mend that, then run `leadlane topics apply` again; it goes on where it stopped."
                    ) from error
        self.wait_for(lambda topics: {each.name for each in wanted} <= topics)

    def wait_for(self, seen: Callable[[set[str]], bool]) -> None:
        """Wait until the names of the topics are as `seen` says: the controller answers before all brokers know."""
        deadline = time.monotonic() + CREATE_SECONDS
        while True:
            self._metadata = self._client.list_topics(timeout=ANSWER_SECONDS)
            if seen({name for name, about in self._metadata.topics.items() if not about.error}):
                return
            if time.monotonic() > deadline:
                raise TopicRefused(
                    f"{self._settings.brokers} did not show a change of topics within {CREATE_SECONDS:.0f} s. "
                    "Look at the brokers' logs, then run `leadlane topics check`."
                )
            time.sleep(0.02)


def apply(settings: Settings) -> tuple[tuple[Wanted, ...], tuple[Difference, ...]]:
    """Create the missing topics. Returns what was created, and what still differs and is a person's to mend."""
    admin = TopicAdmin(settings)
    wanted = admin.plan()
    there = admin.found(each.name for each in wanted)
    missing = tuple(each for each in wanted if each.name not in there)
    admin.create(missing)
    return missing, differences((each for each in wanted if each.name in there), there)


def check(settings: Settings) -> tuple[Difference, ...]:
    """What differs from streams/topics.py; nothing is changed."""
    admin = TopicAdmin(settings)
    wanted = admin.plan()
    return differences(wanted, admin.found(each.name for each in wanted))
