"""The context of decisions, from the control topics as they stand.

Law of this module: the same control records give the same context. A control record that cannot be understood is a
problem to report, never a reason to stop: what was understood before stays in force.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from streams import topics
from streams.calendars import calendars_for
from streams.core.context import Alarm, Approval, Context, ControlRecord, Guard, Policy, RosterEntry, Switch
from streams.core.policy import CompiledPolicy
from streams.errors import LeadlaneError, NotReady
from streams.lane.job import ControlView
from streams.lane.models import ModelReader
from streams.lane.unreadable import UnreadableRecord, shown
from streams.lane.wire import Wire
from streams.policy import load_policy

ACTIVE = b"active"  # the key of the pointer on control.policies
RecordT = TypeVar("RecordT", bound=ControlRecord)


class ContextBuilder:
    """Turns a view of the control topics into a Context; None while there is no active policy that compiles."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._models = wire, ModelReader(wire)

    def build(self, view: ControlView) -> tuple[Context | None, list[str]]:
        """The context, and what could not be understood."""
        problems: list[str] = []
        policy = self._policy(view, problems)
        roster = tuple(self._read(view, topics.ROSTER, RosterEntry, problems))
        approvals: dict[tuple[str, str], list[Approval]] = defaultdict(list)
        for approval in self._read(view, topics.APPROVALS, Approval, problems):
            approvals[approval.content_hash, approval.segment_hash or ""].append(approval)
        switches = {switch.name: switch.on for switch in self._read(view, topics.SWITCHES, Switch, problems)}
        alarms = tuple(
            alarm for alarm in self._read(view, topics.ALARMS, Alarm, problems) if alarm.on and alarm.distrust
        )
        models = self._models.models(view.records.get(topics.MODELS.name, {}), problems)
        guards = {guard.queue: guard for guard in self._read(view, topics.GUARDS, Guard, problems) if guard.points > 0}
        if policy is None:
            return None, problems
        context = Context(
            policy=policy,
            calendars=calendars_for(policy.calendar),
            roster=roster,
            approvals={hashes: tuple(found) for hashes, found in approvals.items()},
            switches=switches,
            guards=guards,
            models=models,
            alarms=alarms,
            offsets=dict(view.next),
        )
        return context, problems

    def _policy(self, view: ControlView, problems: list[str]) -> CompiledPolicy | None:
        records = view.records.get(topics.POLICIES.name, {})
        pointer = records.get(ACTIVE)
        if pointer is None:
            problems.append(
                "control.policies has no active policy, expected one under the key 'active':"
                " `leadlane policy publish deploy/policy/default.yaml`"
            )
            return None
        try:
            return self._published(records, pointer)
        except LeadlaneError as error:
            problems.append(f"control.policies: {error.what if isinstance(error, UnreadableRecord) else error}")
            return None

    def _published(self, records: Mapping[bytes, bytes], pointer: bytes) -> CompiledPolicy:
        """The policy that the pointer names; the pointer's hash says which document was meant."""
        active = self._wire.decode_control(topics.POLICIES.name, pointer)
        assert isinstance(active, Policy)
        packed = records.get(active.version.encode())
        if packed is None:
            raise NotReady(f"the active version is {active.version}, expected it among the published versions")
        published = self._wire.decode_control(topics.POLICIES.name, packed)
        assert isinstance(published, Policy)
        if published.sha256 != active.sha256:
            raise NotReady(
                f"version {active.version} has hash {published.sha256}, expected {active.sha256} as activated: publish"
                " the policy again under a new version"
            )
        return _compiled(published.document, f"control.policies {active.version}")

    def _read(
        self, view: ControlView, topic: topics.Topic, record: type[RecordT], problems: list[str]
    ) -> Iterator[RecordT]:
        """The records of a control topic, in the order of their keys."""
        for key, value in sorted(view.records.get(topic.name, {}).items()):
            try:
                found = self._wire.decode_control(topic.name, value)
            except LeadlaneError as error:
                # No control record becomes a dead letter, so what is said of those is left out.
                what = error.what if isinstance(error, UnreadableRecord) else error
                problems.append(f"{topic.name} key {shown(key)}: {what}")
                continue
            assert isinstance(found, record)
            yield found


@lru_cache(maxsize=8)
def _compiled(document: str, source: str) -> CompiledPolicy:
    """Compiling takes a while, and the roster changes more often than the policy."""
    return load_policy(document, source)
