"""The personal texts of one batch: opened where they come in, sealed where they go out.

Law of this module: as the processor that uses it, it touches nothing: a key that it mints is an output, and is in the
ring after the commit. A lead's key is minted at most once by its lane, before the first output that needs it, so that
all outputs of a lead are sealed alike, now and in a replay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from streams.core.effects import Effect
from streams.lane.processor import Outcome, OutputRecord
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import NAME_OF, Wire
from streams.privacy.fields import Personal, open_datum, personal_fields, sealed
from streams.privacy.keys import BatchKeys, KeyRing, Shredded, UnknownKey
from streams.privacy.seal import LANE, BadSeal, BadSecret, LeadKey, minted, parts_of, place_of
from streams.topics import KEYS

EffectT = TypeVar("EffectT", bound=Effect)
PERSONAL_EFFECTS = {
    record: (name, personal_fields()[name]) for record, name in NAME_OF.items() if name in personal_fields()
}


class Sealing:
    """What a batch does with keys. `open` is an opener for `Wire.decode`."""

    def __init__(self, keys: BatchKeys, wire: Wire, outcome: Outcome, lane: int, now: int) -> None:
        self._keys, self._wire, self._outcome, self._lane, self._now = keys, wire, outcome, lane, now
        self._minted: dict[bytes, LeadKey] = {}
        self._shredded: dict[bytes, int] = {}  # leads whose keys before this batch are no more: how often

    def open(self, record: str, datum: dict[str, Any], personal: tuple[Personal, ...]) -> None:
        """Open a datum's texts. Raises Shredded, UnreadableRecord, and UnknownKey while the keys are not complete."""
        lead_id = datum["lead_id"]
        lead = lead_id.encode()
        known: LeadKey | None = None

        def opened(field: str, text: str) -> str:
            nonlocal known
            try:
                if known is None or not text.startswith(known.prefix):  # most records are sealed under one key
                    known = self._get(lead, parts_of(text)[0])
                return known.open(place_of(record, field, lead_id), text[len(known.prefix) :])
            except (BadSeal, BadSecret) as error:
                raise UnreadableRecord(
                    f"{field} is sealed and does not open: {error}", event_id=datum["event_id"], lead_id=lead_id
                ) from error

        open_datum(datum, personal, opened)

    def sealed(self, effect: EffectT) -> EffectT:
        """An effect as it may stand on a topic."""
        personal = PERSONAL_EFFECTS.get(type(effect))
        if personal is None:
            return effect
        record, fields = personal

        def seal(field: str, text: str) -> str:
            return self._first(effect.lead_id).seal(place_of(record, field, effect.lead_id), text)

        return sealed(effect, fields, seal)

    def must_be_complete(self, lead_id: str) -> None:
        """UnknownKey unless every key of the lead is known: ask before `shred`."""
        if not self._keys.is_complete:
            raise UnknownKey(lead_id, "any")

    def shred(self, lead: bytes) -> int:
        """Destroy the keys of a lead; how many there were. What they sealed is erased from then on."""
        names = [] if lead in self._shredded else self._keys.ring.names(lead)
        key = self._minted.pop(lead, None)
        if key is not None:
            names.append(lead + b"#" + key.id.encode())
        self._shredded[lead] = self._shredded.get(lead, 0) + 1
        self._send([OutputRecord(name, None) for name in names])
        return len(names)

    def _get(self, lead: bytes, key_id: str) -> LeadKey:
        mine = self._minted.get(lead)
        if mine is not None and mine.id == key_id:
            return mine
        if lead in self._shredded:
            raise Shredded(key_id)
        try:
            return self._keys.ring.get(lead, key_id)
        except UnknownKey as unknown:
            if self._keys.is_complete:
                raise Shredded(key_id) from unknown
            raise

    def _first(self, lead_id: str) -> LeadKey:
        lead = lead_id.encode()
        key = self._minted.get(lead)
        if key is None and lead not in self._shredded:
            key = self._keys.ring.first(lead)
        return self._mint(lead) if key is None else key

    def _mint(self, lead: bytes) -> LeadKey:
        # A key that was shredded in this batch must not come back.
        made = minted(self._keys.entropy, f"{self._shredded.get(lead, 0)}/{lead.decode()}")
        key, name, record = self._keys.ring.mint(lead, made, LANE, f"lane {self._lane}", self._now)
        self._minted[lead] = key
        self._send([OutputRecord(name, self._wire.encode(record), self._wire.headers(record, self._lane, self._now))])
        return key

    def _send(self, records: list[OutputRecord]) -> None:
        if records:
            self._outcome.outputs.setdefault(KEYS.name, []).extend(records)


def load_into(wire: Wire, ring: KeyRing, records: Iterable[tuple[bytes | None, bytes | None]]) -> int:
    """Take in records of privacy.keys by key and value; how many of them nobody can read."""
    unreadable = 0
    for name, value in records:
        try:
            record = None if value is None else wire.decode_any(KEYS.name, value)
        except UnreadableRecord:
            unreadable += 1
            continue
        ring.load(name or b"", record)  # type: ignore[arg-type]  # the topic carries nothing else
    return unreadable
