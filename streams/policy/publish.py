"""Policy versions on control.policies: published once, never changed, one of them active.

Law of this module: a version and the pointer to it are written in one transaction, after looking at what is there. One
transactional id: a second publisher fences the first, and whoever is fenced has written nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaException, Message, Producer

from streams.core.context import Policy
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.kafka.security import confluent_config
from streams.policy.compile import load_policy
from streams.settings import Settings
from streams.topics import POLICIES

ACTIVE = "active"
TRANSACTION_SECONDS = 30.0


class VersionTaken(LeadlaneError):
    """This version was published with another content: give the document a new version."""

    exit_code = 7


class NoSuchVersion(LeadlaneError):
    """No policy of this version was published."""

    exit_code = 7


class NotPublished(LeadlaneError):
    """The transaction failed: nothing was written."""

    exit_code = 3


class Stamp(NamedTuple):
    """Who does it, why and when."""

    actor: str
    reason: str
    at: int


class Published(NamedTuple):
    """What stands on control.policies: every version, and the pointer."""

    versions: Mapping[str, Policy]
    pointer: Policy | None

    @property
    def active(self) -> Policy | None:
        """The active version, None if there is no pointer or it points nowhere."""
        return self.versions.get(self.pointer.version) if self.pointer else None


def read_published(settings: Settings) -> Published:
    """The versions as they stand now. Raises MissingTopic or BrokerUnreachable."""
    with Reader(settings) as reader:
        return _published(reader.read(POLICIES.name), settings)


def _published(messages: Iterable[Message], settings: Settings) -> Published:
    wire, latest = wire_for(settings), dict[str, Policy]()
    for message in messages:
        key, value = (message.key() or b"").decode(errors="replace"), message.value()
        if value is None:
            latest.pop(key, None)
            continue
        record = wire.decode_control(POLICIES.name, value)
        assert isinstance(record, Policy)
        latest[key] = record
    pointer = latest.pop(ACTIVE, None)
    return Published(latest, pointer)


class Publisher:
    """Writes versions and the pointer. Making one ends every other publisher of the same app."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._wire = settings, wire_for(settings)
        with Reader(settings) as reader:  # says it clearly when the broker or the topic is not there
            reader.partitions(POLICIES.name)
        self._producer = Producer(
            confluent_config(
                settings,
                transactional_id=f"{settings.app_id}-policies",
                transaction_timeout_ms=int(TRANSACTION_SECONDS * 1000),
            )
        )
        try:
            self._producer.init_transactions(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def publish(self, text: str, source: str, stamp: Stamp) -> tuple[CompiledPolicy, bool]:
        """Make the document the active policy. Whether anything was written: not if it is active already.

        Raises BadPolicy, or VersionTaken when the version stands for another content.
        """
        policy = load_policy(text, source)
        published = read_published(self._settings)
        there = published.versions.get(policy.version)
        if there is not None and there.sha256 != policy.sha256:
            raise VersionTaken(
                f"{source}: version {policy.version} was published by {there.actor} with another content"
                f" (sha256 {there.sha256[:12]}, this file {policy.sha256[:12]}). Give the document a new `version`."
            )
        pointer = Policy(version=policy.version, sha256=policy.sha256, **stamp._asdict())
        if there is not None and published.active == there:
            return policy, False
        document = Policy(version=policy.version, sha256=policy.sha256, document=text, **stamp._asdict())
        self._write({policy.version: document, ACTIVE: pointer} if there is None else {ACTIVE: pointer})
        return policy, True

    def activate(self, version: str, stamp: Stamp) -> bool:
        """Point to a published version. Whether anything was written. Raises NoSuchVersion."""
        published = read_published(self._settings)
        there = published.versions.get(version)
        if there is None:
            known = ", ".join(sorted(published.versions)) or "none"
            raise NoSuchVersion(f"control.policies: expected a published version ({known}), got {version!r}.")
        if published.active == there:
            return False
        self._write({ACTIVE: Policy(version=version, sha256=there.sha256, **stamp._asdict())})
        return True

    def _write(self, records: Mapping[str, Policy]) -> None:
        try:
            self._producer.begin_transaction()
            for key, record in records.items():
                self._producer.produce(POLICIES.name, self._wire.encode(record), key.encode())
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def _failed(self, error: KafkaException) -> NotPublished:
        return NotPublished(
            f"{self._settings.brokers}: the transaction failed: {error.args[0].str()}. Nothing was written; see"
            " `leadlane policy show`, then publish again."
        )
