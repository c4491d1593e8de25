"""Policy versions on control.policies: published once, never changed, one of them active.

Law of this module: a version and the pointer to it are written in one transaction, after looking at what is there. One
transactional id: a second publisher fences the first, and whoever is fenced has written nothing. What was active before
is what the history of the pointer says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.core.context import Policy
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError
from streams.kafka.codec import wire_for
from streams.kafka.control import ControlWriter, Stamp, read_control
from streams.kafka.history import control_records
from streams.kafka.reader import Reader
from streams.lane.unreadable import UnreadableRecord
from streams.policy.compile import load_policy
from streams.policy.faults import BadPolicy
from streams.settings import Settings
from streams.topics import POLICIES

__all__ = [
    "NoSuchVersion", "NothingBefore", "Published", "Publisher", "Stamp", "VersionTaken", "active_policy", "former_of",
    "former_version", "read_published",
]  # fmt: skip
ACTIVE = "active"


class VersionTaken(LeadlaneError):
    """This version was published with another content: give the document a new version."""

    exit_code = 7


class NoSuchVersion(LeadlaneError):
    """No policy of this version was published."""

    exit_code = 7


class NothingBefore(LeadlaneError):
    """No other policy was active before this one, as far as is known."""

    exit_code = 7


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
    latest = dict(read_control(settings, POLICIES, Policy).records)
    pointer = latest.pop(ACTIVE, None)
    return Published(latest, pointer)


def active_policy(settings: Settings) -> CompiledPolicy | None:
    """The policy that workers decide with; None if none is active or this version cannot compile it."""
    active = read_published(settings).active
    if active is None:
        return None
    try:
        return load_policy(active.document, f"control.policies {active.version}")
    except BadPolicy:
        return None


def former_version(settings: Settings) -> str | None:
    """The version to which a rollback goes; None if none was active before. Raises MissingTopic."""
    wire, pointers = wire_for(settings), list[str]()
    with Reader(settings) as reader:
        written = control_records(reader, wire, (POLICIES.name,))[POLICIES.name]
    for record in written:
        if record.key == ACTIVE.encode() and record.value is not None:
            try:
                pointer = wire.decode_control(POLICIES.name, record.value)
            except UnreadableRecord:
                continue  # workers did not follow it either
            assert isinstance(pointer, Policy)
            pointers.append(pointer.version)
    return former_of(pointers)


def former_of(pointers: Iterable[str]) -> str | None:
    """What was active before the last of these; whoever went back has left behind what came after."""
    past: list[str] = []
    for version in pointers:
        if version in past:
            del past[past.index(version) :]
        past.append(version)
    return past[-2] if len(past) > 1 else None


class Publisher:
    """Writes versions and the pointer. Making one ends every other publisher of the same app."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._writer = settings, ControlWriter(settings, POLICIES)

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
        self._writer.write({policy.version: document, ACTIVE: pointer} if there is None else {ACTIVE: pointer})
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
        self._writer.write({ACTIVE: Policy(version=version, sha256=there.sha256, **stamp._asdict())})
        return True

    def rollback(self, stamp: Stamp) -> tuple[str, str]:
        """Make the policy active again that was so before: its version, and the one that was left.

        A second rollback goes further back. Raises NothingBefore.
        """
        published = read_published(self._settings)
        left, former = published.pointer, former_version(self._settings)
        if left is None or former is None:
            known = ", ".join(sorted(published.versions)) or "none"
            raise NothingBefore(
                "control.policies: expected a policy that was active before"
                f" {'the active one' if left is None else left.version}, got none. Published are: {known}; name one of"
                " them: `leadlane policy rollback VERSION`."
            )
        self.activate(former, stamp)
        return former, left.version
