"""Opens sealed records for whoever may read them: `leadlane explain`, and consumers of the topics.

Law of this module: nothing is refused. Where a text cannot be shown, a word in brackets says why: sealed (the secret is
not set here, or is another one), erased (the key has been destroyed), changed (it does not open with its key).
"""

from __future__ import annotations

import time
from typing import Any, Self

from streams.privacy.fields import HIDDEN, Personal, hidden, open_datum, personal_fields
from streams.privacy.follower import KeyFollower
from streams.privacy.keys import UnknownKey
from streams.privacy.seal import BadSeal, BadSecret, LeadKey, parts_of, place_of, secrets_of
from streams.settings import Settings

ERASED, CHANGED = "(erased)", "(changed)"
AGAIN_SECONDS = 1.0  # a key that is not there is looked for again after this


class Opening:
    """An opener for `Wire.decode`. Nothing is connected to or read before the first sealed text; then the keys of the
    lead's lane are. Use as a context manager, from one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._secrets = settings, secrets_of(settings)
        self._follower: KeyFollower | None = None
        self._caught_up: dict[int, float] = {}  # by partition: when it was read to its end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._follower is not None:
            self._follower.close()

    def __call__(self, record: str, datum: dict[str, Any], personal: tuple[Personal, ...]) -> None:
        """Put a text or a word in the place of each sealed text. Raises BrokerUnreachable, MissingTopic."""
        if self._secrets is None:
            hidden(record, datum, personal)
            return
        lead_id = str(datum["lead_id"])
        lead = lead_id.encode()

        def opened(field: str, text: str) -> str:
            try:
                key_id, body = parts_of(text)
                return self._key(lead, key_id).open(place_of(record, field, lead_id), body)
            except BadSecret:
                return HIDDEN
            except BadSeal:
                return CHANGED
            except UnknownKey:
                return ERASED

        open_datum(datum, personal, opened)

    def _key(self, lead: bytes, key_id: str) -> LeadKey:
        assert self._secrets is not None
        if self._follower is None:
            self._follower = KeyFollower(self._settings, self._secrets)
        partition = self._follower.partition_of(lead)
        if partition not in self._caught_up:
            self._read(self._follower, partition)
        try:
            return self._follower.ring.get(lead, key_id)
        except UnknownKey:
            if time.monotonic() < self._caught_up[partition] + AGAIN_SECONDS:
                raise
        self._read(self._follower, partition)
        return self._follower.ring.get(lead, key_id)

    def _read(self, follower: KeyFollower, partition: int) -> None:
        follower.follow([partition])
        self._caught_up[partition] = time.monotonic()


def open_record(opening: Opening, record: str, datum: dict[str, Any]) -> dict[str, Any]:
    """A record as any Avro reader gives it (its name, such as "Case", and a dict), opened in place: for consumers."""
    if personal := personal_fields().get(record):
        opening(record, datum, personal)
    return datum
