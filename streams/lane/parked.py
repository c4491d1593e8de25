"""What the HTTP sink could not deliver to a target, exactly as it came, and why: the record of sink.parked."""

from __future__ import annotations

import msgspec

from streams.core.events import Count
from streams.lane.deadletters import Header


class ParkedDelivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record that one target did not take."""

    target: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: tuple[Header, ...]
    delivery_id: str  # the same at every try and after a redrive
    tries: Count  # 0: unreadable, or overtaken by a newer record
    status: Count | None  # of the last answer; None: there was none
    error: str
    parked_at: int
