"""How a sender shows that it knows a secret: HMAC over the body, bearer token, basic auth or a header of its own.

Law of this module: comparisons take constant time, and what is raised names the header and the scheme, never a secret
or what came in its place. Several secrets of one kind are all taken: that is how one is changed without a gap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from streams.gateway.payloads import millis_from
from streams.gateway.platform import Incoming, Options, Unauthorized
from streams.secret_refs import SecretRef

Check = Callable[[Incoming], None]  # raises Unauthorized
Secrets = Annotated[tuple[SecretRef, ...], Field(min_length=1)]


class Hmac(Options):
    """The header holds the HMAC of the raw body; with `timestamp_header`, of "<timestamp>.<body>"."""

    secrets: Secrets
    header: Annotated[str, Field(min_length=1)] = "x-signature"
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""  # before the digest, such as "sha256="
    timestamp_header: str | None = None
    max_age_seconds: Annotated[int, Field(gt=0)] = 300


class Basic(Options):
    """HTTP basic authentication."""

    user: SecretRef
    passwords: Secrets


class Header(Options):
    """A header that holds the secret itself."""

    name: Annotated[str, Field(min_length=1)]
    secrets: Secrets


class Auth(Options):
    """One of these is needed; a request must pass all that are stated."""

    hmac: Hmac | None = None
    bearer: Secrets | None = None
    basic: Basic | None = None
    header: Header | None = None

    @model_validator(mode="after")
    def _some(self) -> Auth:
        if not self.model_fields_set:
            raise ValueError("expected at least one of hmac, bearer, basic or header: an open door is no source")
        return self


def check_of(auth: Auth) -> Check:
    """The check of a source; secrets are read now."""
    checks: list[Check] = []
    if auth.hmac is not None:
        checks.append(_hmac_check(auth.hmac))
    if auth.bearer is not None:
        checks.append(_held_check("authorization", "bearer", _read(auth.bearer)))
    if auth.basic is not None:
        pairs = [f"{auth.basic.user.read()}:{password}" for password in _read(auth.basic.passwords)]
        checks.append(
            _held_check("authorization", "basic", [base64.b64encode(pair.encode()).decode() for pair in pairs])
        )
    if auth.header is not None:
        checks.append(_held_check(auth.header.name, "", _read(auth.header.secrets)))

    def check(incoming: Incoming) -> None:
        for each in checks:
            each(incoming)

    return check


def same(one: str | bytes, other: str | bytes) -> bool:
    """Equal, found out in constant time."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def check_age(stated: int | None, received_at: int, max_age_seconds: int, what: str) -> None:
    """Raises Unauthorized when the time `what` states (ms UTC) is further from now than that, in either direction."""
    if stated is None or abs(received_at - stated) > max_age_seconds * 1000:
        raise Unauthorized(
            f"{what} is no time within {max_age_seconds:,} s of now, expected one: send again, or set clocks"
        )


def from_base64(text: str) -> bytes:
    """The bytes; none at all when it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _hmac_check(options: Hmac) -> Check:
    keys = [secret.encode() for secret in _read(options.secrets)]
    what = f"{options.header} is not {options.prefix}HMAC-{options.algorithm.upper()} of the body in {options.encoding}"

    def check(incoming: Incoming) -> None:
        signed = incoming.body
        if options.timestamp_header is not None:
            stamp = incoming.headers.get(options.timestamp_header, "")
            check_age(millis_from(stamp), incoming.received_at, options.max_age_seconds, options.timestamp_header)
            signed = stamp.encode("utf-8", "replace") + b"." + signed
        came = incoming.headers.get(options.header, "")
        came = came.strip().removeprefix(options.prefix)
        digests = [hmac.digest(key, signed, options.algorithm) for key in keys]
        expected = [d.hex() if options.encoding == "hex" else base64.b64encode(d).decode() for d in digests]
        came = came.lower() if options.encoding == "hex" else came
        if True not in [same(came, each) for each in expected]:
            raise Unauthorized(f"{what}, expected that with the source's secret")

    return check


def _held_check(name: str, scheme: str, secrets: list[str]) -> Check:
    shown = f"{name}: {scheme.capitalize()} ..." if scheme else name
    # Of equal length, so that not even the length of a secret shows in the time.
    expected = [hashlib.sha256(secret.encode()).digest() for secret in secrets]

    def check(incoming: Incoming) -> None:
        came = incoming.headers.get(name, "").strip()
        if scheme:
            word, _, came = came.partition(" ")
            came = came.strip() if word.lower() == scheme else ""
        digest = hashlib.sha256(came.encode("utf-8", "surrogatepass")).digest()
        if True not in [same(digest, each) for each in expected]:
            raise Unauthorized(f"the header {shown} does not hold the source's secret, expected it there")

    return check


def _read(secrets: tuple[SecretRef, ...]) -> list[str]:
    return [secret.read() for secret in secrets]


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
