"""Policy versions on control.policies: published once, never changed, one of them active.

Law of this module: a version and the pointer to it are written in one transaction, after looking at what is there. One
transactional id: a second publisher fences the first, and whoever is fenced has written nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.core.context import Policy
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError
from streams.kafka.control import ControlWriter, Stamp, read_control
from streams.policy.compile import load_policy
from streams.policy.faults import BadPolicy
from streams.settings import Settings
from streams.topics import POLICIES

__all__ = ["NoSuchVersion", "Published", "Publisher", "Stamp", "VersionTaken", "active_policy", "read_published"]
ACTIVE = "active"


class VersionTaken(LeadlaneError):
    """This version was published with another content: give the document a new version."""

    exit_code = 7


class NoSuchVersion(LeadlaneError):
    """No policy of this version was published."""

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
