"""Signatures as in Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, one for each secret in use."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from hashlib import sha256

from streams.errors import LeadlaneError

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64
ID_DIGITS = 32


class BadSecret(LeadlaneError):
    """A secret is there, but none that can sign: the operator's."""

    exit_code = 2


def key_from(secret: str, where: str) -> bytes:
    """The key that a secret stands for: base64, with or without `whsec_` before it. Raises BadSecret, without it."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise BadSecret(
            f"{where}: expected {PREFIX} and the base64 of {LEAST_BYTES} to {MOST_BYTES} bytes, as `leadlane sink "
            "secret` makes one, got something else (not shown)."
        )
    return key


def signatures(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. The id must hold no full stop, which parts it from the rest."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def delivery_id(target: str, record_id: str) -> str:
    """The idempotency key of a delivery: of the record's own id and the target, the same for ever.

    A digest, as record ids hold full stops and what senders wrote, and are of any length.
    """
    return "msg_" + sha256(f"{target}\0{record_id}".encode()).hexdigest()[:ID_DIGITS]
