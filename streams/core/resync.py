"""What a platform has lost: it says that events are missing, so what it knows must be read again."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.core.events import Id, Millis


class ResyncRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Read these records of a source again. `request_id` is the same at every retry of what caused it."""

    request_id: Id
    source: Id
    kind: Literal["gap", "overflow", "position_lost"]
    requested_at: Millis
    entity: Annotated[str, Meta(max_length=200)] = ""  # the platform's object type, "Contact"; empty: all
    record_ids: tuple[Annotated[str, Meta(max_length=200)], ...] = ()  # the platform's ids; empty: all of the entity
    since: Millis | None = None  # what may be missing begins here
    until: Millis | None = None
    reason: Annotated[str, Meta(max_length=2000)] = ""
