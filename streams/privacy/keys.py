"""The keys of many leads in little memory, as they stand on privacy.keys.

Law of this module: a key is there or it is not; nobody is asked. Loading a record twice, or a key that two minted at
the same time, does no harm: every key of a lead opens what it sealed, and all agree on which of them seals the next
text. A lane's own key comes first, as only one lane writes it, then whichever stands first in the topic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from streams.errors import LeadlaneError
from streams.privacy.seal import LANE, BadSecret, LeadKey, Secrets, key_id_of

KEPT_CIPHERS = 1024  # 2.5 KB each; a new one takes 4 microseconds
ID_LENGTH, SECRET_ID_LENGTH = 9, 8
HEAD = ID_LENGTH + SECRET_ID_LENGTH


class SubjectKey(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One key of one lead, wrapped. Its Kafka key is `<lead_id>#<key_id>`; a tombstone there destroys it."""

    lead_id: str
    key_id: str
    secret_id: str  # which secret wrapped it
    wrapped: bytes
    minted_at: int
    minted_by: str  # "lane 3", or what wrote the input that needed it


class UnknownKey(Exception):
    """No such key is here: it was minted a moment ago, or destroyed."""

    def __init__(self, lead_id: str, key_id: str) -> None:
        super().__init__(f"lead {lead_id!r} has no key {key_id!r}")
        self.lead_id, self.key_id = lead_id, key_id


class Shredded(Exception):
    """What was sealed under a key that has been destroyed."""


class WrongSecret(LeadlaneError):
    """No key that is there opens with the secrets of this process: the operator's."""

    exit_code = 2


class BatchKeys(NamedTuple):
    """The keys with which a batch is decided. Who decides changes nothing in them."""

    ring: KeyRing  # as it stood before the batch
    entropy: bytes  # 32 random bytes of which new keys are made: the same when the batch is decided once more
    is_complete: bool  # the ring was read to its end after the records came: what it lacks has been destroyed


class Minted(NamedTuple):
    """A new key, and its record."""

    key: LeadKey
    name: bytes
    record: SubjectKey


class KeyRing:
    """Keys by lead."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self.seen_secrets: set[str] = set()  # that wrapped any key which was here since `clear`
        # By lead: `<key id><secret id><wrapped>` of each key, in the order of the topic.
        self._wrapped: dict[bytes, bytes | tuple[bytes, ...]] = {}
        self._ciphers: dict[tuple[bytes, str], LeadKey] = {}

    def __len__(self) -> int:
        """How many leads have a key."""
        return len(self._wrapped)

    def count(self) -> int:
        """How many keys there are."""
        return sum(1 if isinstance(found, bytes) else len(found) for found in self._wrapped.values())

    def clear(self) -> None:
        self._wrapped.clear()
        self._ciphers.clear()
        self.seen_secrets.clear()

    def must_open(self) -> None:
        """WrongSecret if there are keys, and not one of them was wrapped by a secret that is known."""
        if self._wrapped and self.seen_secrets.isdisjoint(self.secrets.by_id):
            raise WrongSecret(
                f"privacy.keys: expected keys wrapped by {' or '.join(self.secrets.by_id)} (LEADLANE_SEAL_SECRET), got"
                f" those of {', '.join(sorted(self.seen_secrets))}. Set the secret that sealed; several stand with"
                " commas, the one for new keys first."
            )

    def load(self, name: bytes, record: SubjectKey | None) -> None:
        """Take in a record of privacy.keys; None destroys the key of that name."""
        lead, _, key_id = name.rpartition(b"#")
        if len(key_id) != ID_LENGTH or not lead or (record is not None and len(record.secret_id) != SECRET_ID_LENGTH):
            return  # none of ours
        packed = b""
        if record is not None:
            self.seen_secrets.add(record.secret_id)
            packed = key_id + record.secret_id.encode() + record.wrapped
        else:
            self._ciphers.pop((lead, _text(key_id)), None)
        if packed and lead not in self._wrapped:
            self._wrapped[lead] = packed
            return
        known = self._all(lead)
        kept = [each for each in known if not each.startswith(key_id)]
        if packed:  # the same once more stays in its place
            kept.insert(next((at for at, each in enumerate(known) if each.startswith(key_id)), len(kept)), packed)
        if len(kept) > 1:
            self._wrapped[lead] = tuple(kept)
        elif kept:
            self._wrapped[lead] = kept[0]
        else:
            self._wrapped.pop(lead, None)

    def names(self, lead: bytes) -> list[bytes]:
        """The Kafka keys of all keys of a lead: tombstones there destroy them."""
        return [lead + b"#" + each[:ID_LENGTH] for each in self._all(lead)]

    def get(self, lead: bytes, key_id: str) -> LeadKey:
        """A key of a lead. Raises UnknownKey, and BadSecret when it was wrapped by a secret that is not known."""
        cipher = self._ciphers.get((lead, key_id))
        if cipher is not None:
            return cipher
        wanted = key_id.encode()
        for each in self._all(lead):
            if len(wanted) == ID_LENGTH and each.startswith(wanted):
                return self._unwrapped(lead, each)
        raise UnknownKey(lead.decode(errors="replace"), key_id)

    def first(self, lead: bytes) -> LeadKey | None:
        """The key that seals the next text of a lead; None if there is none that a known secret unwraps."""
        keys = self._all(lead)
        lanes = LANE.encode()
        for each in sorted(keys, key=lambda key: not key.startswith(lanes)) if len(keys) > 1 else keys:
            if _text(each[ID_LENGTH:HEAD]) in self.secrets.by_id:
                key_id = _text(each[:ID_LENGTH])
                return self._ciphers.get((lead, key_id)) or self._unwrapped(lead, each)
        return None

    def mint(self, lead: bytes, key: bytes, minter: str, by: str, now: int) -> Minted:
        """A record for a new key of a lead. The ring does not have it until it is loaded."""
        key_id = key_id_of(key, minter)
        name, secret = lead + b"#" + key_id.encode(), self.secrets.first
        record = SubjectKey(
            lead_id=lead.decode(),
            key_id=key_id,
            secret_id=secret.id,
            wrapped=secret.wrap(name, key),
            minted_at=now,
            minted_by=by,
        )
        return Minted(LeadKey(key_id, key), name, record)

    def leads(self) -> Iterator[bytes]:
        """Every lead that has a key."""
        return iter(self._wrapped)

    def _all(self, lead: bytes) -> tuple[bytes, ...]:
        found = self._wrapped.get(lead, ())
        return (found,) if isinstance(found, bytes) else found

    def _unwrapped(self, lead: bytes, packed: bytes) -> LeadKey:
        key_id, secret_id = _text(packed[:ID_LENGTH]), _text(packed[ID_LENGTH:HEAD])
        secret = self.secrets.by_id.get(secret_id)
        if secret is None:
            raise BadSecret(
                f"the lead's key was wrapped by the secret {secret_id}, expected one of"
                f" {', '.join(self.secrets.by_id)} (LEADLANE_SEAL_SECRET): add the secret that is missing"
            )
        key = secret.unwrap(lead + b"#" + packed[:ID_LENGTH], packed[HEAD:])
        if len(self._ciphers) >= KEPT_CIPHERS:
            self._ciphers.clear()
        cipher = self._ciphers[lead, key_id] = LeadKey(key_id, key)
        return cipher


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
