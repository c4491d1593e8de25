"""What a platform's module gives the gateway: is this request genuine, and what does it say?

Law of this module: a platform knows nothing of Kafka, topics or records. It turns one HTTP request into items in the
platform's own words; rules in YAML (streams/gateway/mapping.py) say what an item means here.

Next: streams/gateway/mapping.py
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from streams.core.resync import ResyncRequest
from streams.errors import LeadlaneError

if TYPE_CHECKING:
    from streams.gateway.config import SourceConfig

# platform of the YAML -> module:class, imported when a source names it
PLATFORMS: dict[str, str] = {
    "hubspot": "streams.gateway.hubspot:HubSpot",
    "salesforce": "streams.gateway.salesforce:Salesforce",
    "marketo": "streams.gateway.marketo:Marketo",
    "segment": "streams.gateway.segment:Segment",
    "mailgun": "streams.gateway.mailgun:Mailgun",
    "sendgrid": "streams.gateway.sendgrid:SendGrid",
    "ses": "streams.gateway.ses:Ses",
    "cloudevents": "streams.gateway.cloudevents:CloudEvents",
    "unsubscribe": "streams.gateway.unsubscribe:Unsubscribe",
}


class Unauthorized(LeadlaneError):
    """The request is not from whom it says: answered 401. The text says what was expected, never a secret."""

    status = 401


class Unproven(Unauthorized):
    """Whether it is cannot be said before the operator has done something: answered 503, so that it is sent again."""

    status = 503


class BadRequest(LeadlaneError):
    """The body as a whole cannot be read: answered 400."""


class Incoming(NamedTuple):
    """One HTTP request."""

    method: str
    url: str  # as the client saw it (scheme, host, path, query); behind a proxy by `public_url` of the configuration
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # case-insensitive
    body: bytes
    received_at: int  # ms UTC


class Item(NamedTuple):
    """One thing that a platform says, before mapping."""

    kind: str  # the platform's own word: "contact.propertyChange", "Contact.CHANGE"
    id: str  # unique within the source and the same at every retry: dedupes, and makes event_id
    at: int | None  # ms UTC; None: not stated, received_at is used
    data: Mapping[str, Any]  # the JSON of this item


class Unmappable(NamedTuple):
    """A part of a request that cannot become items: dead.letters with the original bytes."""

    body: bytes
    reason: str


class Answer(NamedTuple):
    """What the platform wants to read back; sent only once everything else of the request is on Kafka."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Reading(NamedTuple):
    """What one request says."""

    items: tuple[Item, ...]
    left: tuple[Unmappable, ...] = ()
    resync: tuple[ResyncRequest, ...] = ()  # gaps and overflows of the platform
    answer: Answer | None = None  # SNS confirmation, validation token ...; None: 200 with no body


class Platform(Protocol):
    """One source's side of a platform. One that has `never_limited = True` is exempt from the source's rate."""

    methods: frozenset[str]  # HTTP methods that it takes, mostly {"POST"}; others are answered 405

    @classmethod
    def from_config(cls, source: SourceConfig) -> Self:
        """From the source's section; `options_of(source, Model)` reads its options."""

    def authenticate(self, incoming: Incoming) -> None:
        """Raises Unauthorized. Compares in constant time, logs nothing of the request."""

    def read(self, incoming: Incoming) -> Reading:
        """Raises BadRequest when the body as a whole cannot be read."""


class Options(BaseModel):
    """The platform's own options of a source: unknown names are faults, no input is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


O = TypeVar("O", bound=Options)  # noqa: E741 (the options of one platform)


def options_of(source: SourceConfig, model: type[O]) -> O:
    """The source's options as the platform's own model. Its ValidationError becomes a fault of the file."""
    return model.model_validate(dict(source.options))


def platform_of(source: SourceConfig) -> Platform:
    """The platform of a source, ready to authenticate and read."""
    module, _, name = PLATFORMS[source.platform].partition(":")
    made: Platform = getattr(importlib.import_module(module), name).from_config(source)
    return made
