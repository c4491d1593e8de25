"""What the lab knows of the control topics: the context that lanes decide with, and the records as they were written.

Law of this module: as in streams/lane/context.py, a record that cannot be understood is a problem to report and nothing
more. Who writes reads again before (streams/lab/scribe.py): this view may be a moment old.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from streams import topics
from streams.core.context import Alarm, Context, ControlRecord, Guard, ModelVersion, Policy
from streams.errors import LeadlaneError
from streams.lane.context import ContextBuilder
from streams.lane.job import Build, ControlView
from streams.lane.pipeline import versions
from streams.lane.wire import Wire

RecordT = TypeVar("RecordT", bound=ControlRecord)
CONTROLS = tuple(
    topic.name
    for topic in (topics.POLICIES, topics.ROSTER, topics.SWITCHES, topics.MODELS, topics.ALARMS, topics.GUARDS)
)


class Standing(NamedTuple):
    """The control topics as they stand, by their keys."""

    context: Context
    policies: Mapping[str, Policy]
    models: Mapping[str, ModelVersion]
    alarms: Mapping[str, Alarm]
    guards: Mapping[str, Guard]


class Following(NamedTuple):
    """What the lab follows: see streams.lane.control.Following."""

    build: Build
    controls: tuple[str, ...] = CONTROLS

    @staticmethod
    def versions(standing: Any) -> Mapping[str, str]:
        return versions(standing.context)


def following(wire: Wire) -> Following:
    """How the lab follows the control topics."""
    builder = ContextBuilder(wire)

    def build(view: ControlView) -> tuple[Standing | None, list[str]]:
        context, problems = builder.build(view)
        if context is None:
            return None, problems

        def read(topic: topics.Topic, record: type[RecordT]) -> dict[str, RecordT]:
            found: dict[str, RecordT] = {}
            for key, value in sorted(view.records.get(topic.name, {}).items()):
                try:
                    decoded = wire.decode_control(topic.name, value)
                except LeadlaneError:
                    continue  # the builder has said so
                assert isinstance(decoded, record)
                found[key.decode(errors="replace")] = decoded
            return found

        return (
            Standing(
                context,
                read(topics.POLICIES, Policy),
                read(topics.MODELS, ModelVersion),
                read(topics.ALARMS, Alarm),
                read(topics.GUARDS, Guard),
            ),
            problems,
        )

    return Following(build)
