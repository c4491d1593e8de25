"""How far the gateway has read the sources that it polls.

Law of this module: as in events.py, names, types and ranges are those of schemas/<Record>/.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.core.events import Count, Id, Millis


class SourcePosition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the gateway has read a source that it polls. Written after all that was read is on Kafka."""

    source: Id
    stream: Id  # what is read there, such as activities
    at: Millis
    token: Annotated[str, Meta(max_length=20_000)] | None = None  # the platform's own position; None: start at `since`
    since: Millis | None = None  # where to start again when the platform no longer takes the token
    items: Count = 0  # how many items the last page had
