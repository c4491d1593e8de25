"""The codec and the headers of whoever writes or reads topics from outside the lanes."""

from __future__ import annotations

from streams.core.events import Event
from streams.lane.processor import Headers
from streams.lane.registry import BuiltInCatalogue, Catalogue, RegistryCatalogue
from streams.lane.wire import Wire, time_text
from streams.settings import Settings
from streams.topics import TOPICS


def wire_for(settings: Settings) -> Wire:
    """The codec with the schema ids of the configured registry, or of the built-in catalogue."""
    return Wire(_catalogue(settings))


def event_headers(event: Event) -> Headers:
    """The CloudEvents headers of an input record."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_source", b"/" + event.source.encode()),
        ("ce_type", b"leadlane." + type(event).__name__.encode()),
        ("ce_time", time_text(event.occurred_at).encode()),
    )


def _catalogue(settings: Settings) -> Catalogue:
    if settings.schema_registry_url is None:
        return BuiltInCatalogue()
    from streams.kafka.registry import SchemaRegistry  # a quarter of a second that nobody else needs

    carried: dict[str, tuple[str, ...]] = {}
    for topic in TOPICS:
        if topic.record:
            carried[topic.record] = (*carried.get(topic.record, ()), topic.name)
    return RegistryCatalogue(SchemaRegistry(settings), carried)
