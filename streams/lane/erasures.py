"""Whom a lane has forgotten lately: what occurred before that and arrives later must not bring the lead back.

Topics are read side by side, and platforms try again for days: an event may come to the lane after the request though
it is older. For ERASED_FOR_MS the lane knows such leads by a hash, in its own state (processor.ERASURES), so that the
knowledge is committed, restored and replayed like all else. After that an old event makes a new lead.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

import msgspec

from streams.core.events import Event

DAY_MS: Final = 86_400_000
ERASED_FOR_MS: Final = 7 * DAY_MS
MOST: Final = 2_000  # leads of one lane; the latest, 50 KB
HASH_BYTES: Final = 16
LAYOUT: Final = 1

Erasure = tuple[int, int]  # events up to then are covered; when the lane forgot the lead. Both ms UTC
NOTHING: Final = MappingProxyType[bytes, Erasure]({})


class Erasures:
    """The forgotten leads of a lane, during one batch."""

    def __init__(self, packed: bytes | None, now: int) -> None:
        known = read(packed) if packed is not None else NOTHING
        self._leads = dict(known) if known else {}
        self.is_changed = packed is not None and not known  # of another version of Leadlane: it begins anew
        oldest = next(iter(self._leads.values()), None)
        if oldest is not None and oldest[1] + ERASED_FOR_MS <= now:
            self._leads = {lead: one for lead, one in self._leads.items() if one[1] + ERASED_FOR_MS > now}
            self.is_changed = True

    def __len__(self) -> int:
        return len(self._leads)

    def remember(self, lead: bytes, requested_at: int, now: int) -> None:
        """The lead is forgotten now. A request from the future covers what is past, no more."""
        name = hash_of(lead)
        before = self._leads.pop(name, (0, 0))[0]  # the latest stands last
        self._leads[name] = max(before, min(requested_at, now)), now
        while len(self._leads) > MOST:
            del self._leads[next(iter(self._leads))]
        self.is_changed = True

    def covers(self, lead: bytes, event: Event) -> bool:
        """Whether the event is older than the lead's erasure."""
        found = self._leads.get(hash_of(lead))
        return found is not None and event.occurred_at <= found[0]

    def packed(self) -> bytes | None:
        """As it is kept: due when the oldest is let go; None when there is nothing to keep."""
        if not self._leads:
            return None
        oldest = next(iter(self._leads.values()))[1]
        return (oldest + ERASED_FOR_MS).to_bytes(8, "big") + _encode([LAYOUT, self._leads])


def hash_of(lead: bytes) -> bytes:
    return blake2b(lead, digest_size=HASH_BYTES).digest()


@lru_cache(maxsize=64)  # of the lanes of a worker: it changes seldom, and every batch asks
def read(packed: bytes) -> MappingProxyType[bytes, Erasure]:
    try:
        layout, leads = _decode(memoryview(packed)[8:])
    except msgspec.DecodeError:
        return NOTHING
    return MappingProxyType(leads) if layout == LAYOUT else NOTHING


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, dict[bytes, Erasure]]).decode
