"""One text, sealed and opened; and the wrapping of a lead's key.

A sealed text is `sealed:1:<key id>:<base64url, without padding>` of a nonce of 12 bytes and what AES-256-GCM makes of
the text in UTF-8. Bound to it are the record, the field and the lead, so that it opens nowhere else.

Law of this module: no chance and no clock. The nonce derives from key, place and text (as in SIV), so that the same
text in the same place gives the same bytes, in a replay as in the lane, and no nonce comes twice for two texts. What
it hides is the text: its length shows, and that one lead has the same text in the same place again.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from streams.settings import Settings

MARK: Final = "sealed:1:"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
EDGE, LANE = "E", "L"  # a key id begins with who minted it: a lane's key comes before all others of its lead
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class BadSeal(ValueError):
    """A sealed text that does not open with its key: it was changed or moved, or is none at all."""


class BadSecret(ValueError):
    """Something that is no secret, or a key that was wrapped by another one."""


class LeadKey:
    """A key of one lead, ready to seal and to open its texts."""

    __slots__ = ("_cipher", "_key", "id", "prefix")

    def __init__(self, key_id: str, key: bytes) -> None:
        self.id, self._key, self._cipher = key_id, key, AESGCM(key)
        self.prefix = f"{MARK}{key_id}:"

    def seal(self, place: bytes, text: str) -> str:
        """The sealed text. `place` is what `place_of` gives."""
        plain = text.encode()
        nonce = blake2b(
            place + b"\0" + plain, digest_size=NONCE_BYTES, key=self._key, person=b"leadlane.nonce"
        ).digest()
        return self.prefix + encoded(nonce + self._cipher.encrypt(nonce, plain, place))

    def open(self, place: bytes, body: str) -> str:
        """The text behind the last part of a sealed text. Raises BadSeal."""
        raw = decoded(body)
        try:
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place).decode()
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a nonce and a tag
            raise BadSeal("it was changed, or it was sealed for another field or lead") from error


def place_of(record: str, field: str, lead_id: str) -> bytes:
    """What a sealed text is bound to."""
    return f"{record}\0{field}\0{lead_id}".encode()


def parts_of(text: str) -> tuple[str, str]:
    """The key id and the rest of a sealed text. Raises BadSeal."""
    key_id, colon, body = text[len(MARK) :].partition(":")
    if not colon or not key_id or not body:
        raise BadSeal("it lacks a key id or what is sealed")
    return key_id, body


def key_id_of(key: bytes, minter: str) -> str:
    """The name of a key: it derives from the key, so that two keys have two names, and tells nothing of it."""
    return minter + encoded(blake2b(key, digest_size=6, person=b"leadlane.key-id").digest())


def minted(entropy: bytes, lead_id: str) -> bytes:
    """A new key. Whoever calls brings 32 random bytes, which may serve many leads."""
    return blake2b(lead_id.encode(), digest_size=KEY_BYTES, key=entropy, person=b"leadlane.mint").digest()


class Secret:
    """A secret of the operator: it wraps the leads' keys, and is itself in no topic."""

    __slots__ = ("_cipher", "_secret", "id")

    def __init__(self, secret: bytes) -> None:
        self._secret, self._cipher = secret, AESGCM(secret)
        self.id = encoded(blake2b(secret, digest_size=6, person=b"leadlane.secret").digest())

    def wrap(self, name: bytes, key: bytes) -> bytes:
        """A lead's key as it stands on privacy.keys, bound to its `name` there."""
        nonce = blake2b(name + b"\0" + key, digest_size=NONCE_BYTES, key=self._secret, person=b"leadlane.wrap").digest()
        return nonce + self._cipher.encrypt(nonce, key, name)

    def unwrap(self, name: bytes, wrapped: bytes) -> bytes:
        """The key. Raises BadSecret."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name)
        except (InvalidTag, ValueError) as error:
            raise BadSecret(f"the key was changed, or was not wrapped by the secret {self.id}") from error


class Secrets(NamedTuple):
    """All secrets that are known: the first wraps new keys, every one unwraps its own."""

    first: Secret
    by_id: dict[str, Secret]


def secrets_from(text: str) -> Secrets:
    """The secrets in a setting: base64, several with commas. Raises BadSecret."""
    found = [Secret(_secret_bytes(part.strip())) for part in text.split(",")]
    return Secrets(found[0], {secret.id: secret for secret in found})


def secrets_of(settings: Settings) -> Secrets | None:
    """The secrets of a process; None: nothing is sealed."""
    return None if settings.seal_secret is None else secrets_from(settings.seal_secret.get_secret_value())


def _secret_bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadSecret("a secret is not base64") from error
    if len(raw) != KEY_BYTES:
        raise BadSecret(f"a secret is {len(raw)} bytes long, expected {KEY_BYTES}")
    return raw


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decoded(text: str) -> bytes:
    """The bytes of base64url without padding. Raises BadSeal."""
    try:
        raw = text.encode("ascii").translate(_FROM_URL)
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadSeal("it is not base64url") from error
