"""A lead's token: what a sender prints into an unsubscribe link, a Reply-To address or a Message-ID.

Law of this module: a token is letters, digits and one hyphen, in lower case and read in any case, since mail servers
change the case of addresses; whoever has no secret can make none; a token for one purpose is none for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Literal
from uuid import UUID

from streams.errors import LeadlaneError

Purpose = Literal["unsubscribe", "reply"]
MAC_BYTES = 10  # 80 bits: nobody guesses one over HTTP, and an address keeps its 64 characters before the @
LEAD_CHARS = 200
# What a text may hold tokens in: an address, a Message-ID, a list of either.
TOKEN = re.compile(r"(?<![a-z0-9])([tux][a-z2-7]{2,420})-([a-z2-7]{16})(?![a-z0-9])", re.IGNORECASE)
MOST_TOKENS = 50  # that one text is searched for


class NoToken(LeadlaneError):
    """A lead or a secret of which no token can be made: the caller's."""

    exit_code = 2


def token_of(lead_id: str, secret: str, purpose: Purpose) -> str:
    """The token of a lead. Raises NoToken."""
    if not 0 < len(lead_id) <= LEAD_CHARS:
        raise NoToken(f"the lead has {len(lead_id):,} characters, expected 1 to {LEAD_CHARS}.")
    if len(secret) < 16:
        raise NoToken("the secret has less than 16 characters, expected more, such as those of `openssl rand -hex 32`.")
    packed = _packed(lead_id)
    return f"{packed}-{_mac(packed, secret, purpose)}"


def lead_of(text: str, secrets: tuple[str, ...], purpose: Purpose) -> str | None:
    """The lead of the first genuine token in a text; None when there is none."""
    for number, found in enumerate(TOKEN.finditer(text)):
        if number == MOST_TOKENS:
            break
        packed, mac = found[1].lower(), found[2].lower()
        if True in [hmac.compare_digest(mac, _mac(packed, secret, purpose)) for secret in secrets]:
            return _unpacked(packed)
    return None


def _mac(packed: str, secret: str, purpose: Purpose) -> str:
    digest = hmac.digest(secret.encode(), f"{purpose}\0{packed}".encode(), hashlib.sha256)
    return _base32(digest[:MAC_BYTES])


def _packed(lead_id: str) -> str:
    """A letter for how it is packed, then base32: a UUID and a digest take half of what their text takes."""
    try:
        uuid = UUID(lead_id)
        if str(uuid) == lead_id:
            return "u" + _base32(uuid.bytes)
    except ValueError:
        pass
    if len(lead_id) % 2 == 0 and re.fullmatch(r"[0-9a-f]+", lead_id):
        return "x" + _base32(bytes.fromhex(lead_id))
    return "t" + _base32(lead_id.encode())


def _unpacked(packed: str) -> str | None:
    try:
        content = base64.b32decode(packed[1:].upper() + "=" * (-(len(packed) - 1) % 8))
        match packed[0]:
            case "u":
                return str(UUID(bytes=content))
            case "x":
                return content.hex()
            case _:
                return content.decode()
    except (binascii.Error, ValueError):
        return None


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()
