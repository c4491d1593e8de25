"""Amazon SNS messages over HTTP: whose they are, and how a subscription is confirmed.

Law of this module: nothing is fetched from an address that a message names. The certificate comes from a file of the
operator; SigningCertURL says only which, and must be one of Amazon's. A confirmation is visited only when configured,
at an address made here from the topic and the token.

What surprises (SNS Developer Guide): topics sign with SHA-1 unless SignatureVersion is set to 2; answers from 200 to
4xx end the retries, so a wrong signature is not sent again, while 503 is.
"""

from __future__ import annotations

import logging
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Annotated, Any, Literal
from urllib.parse import SplitResult, urlencode, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import Field

from streams.gateway.payloads import json_from, millis_from, text_at
from streams.gateway.platform import BadRequest, Incoming, Options, Unauthorized, Unproven
from streams.gateway.signing import check_age, from_base64

LOG = logging.getLogger(__name__)
HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?")
FILE = re.compile(r"SimpleNotificationService-[0-9A-Za-z]{8,64}\.pem")
SIGNED: dict[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
VISIT_SECONDS = 10
Visit = Callable[[str], None]


class SnsOptions(Options):
    """`certificates`: a file, or a folder with a file of the name in SigningCertURL, as downloaded by the operator."""

    topics: Annotated[tuple[str, ...], Field(min_length=1)]  # ARNs: a message of another topic is refused
    certificates: Path
    confirm: Literal["log", "visit"] = "log"  # log: says what the operator must do
    max_age_seconds: Annotated[int, Field(gt=0)] = 24 * 3600


class Sns:
    """Checks messages and confirms subscriptions."""

    def __init__(self, options: SnsOptions, visit: Visit | None = None) -> None:
        self._options = options
        self._visit = visit or _get
        self._certificates: dict[Path, x509.Certificate] = {}
        if options.certificates.is_file():
            try:
                self._certificate(options.certificates)
            except (OSError, ValueError) as error:
                raise ValueError(f"{options.certificates}: expected a certificate in PEM, but: {error}") from None
        elif not options.certificates.is_dir():
            LOG.warning("%s is not there: until it is, messages of SNS are answered 503", options.certificates)

    def authenticate(self, incoming: Incoming) -> None:
        """The message is signed by Amazon, of a topic of ours, and young. Raises Unauthorized."""
        try:
            message = message_of(incoming)
        except BadRequest:
            raise Unauthorized("the body is no message of SNS, expected one (raw message delivery off)") from None
        if text_at(message, "TopicArn") not in self._options.topics:
            raise Unauthorized("TopicArn is none of the source's topics, expected one of them")
        key, digest = self._key(message, incoming.received_at), _digest(message)
        try:
            key.verify(from_base64(text_at(message, "Signature")), _signed(message), padding.PKCS1v15(), digest)
        except InvalidSignature:
            raise Unauthorized("Signature is not Amazon's of this message, expected that of its certificate") from None
        check_age(
            millis_from(message.get("Timestamp")), incoming.received_at, self._options.max_age_seconds, "Timestamp"
        )

    def confirm(self, message: dict[str, Any]) -> None:
        """A SubscriptionConfirmation: visits Amazon when configured, else tells the operator."""
        topic, token = text_at(message, "TopicArn"), text_at(message, "Token")
        host = _parts(text_at(message, "SubscribeURL")).netloc
        url = f"https://{host}/?{urlencode({'Action': 'ConfirmSubscription', 'TopicArn': topic, 'Token': token})}"
        if self._options.confirm == "visit" and HOST.fullmatch(host) and token.isalnum():
            try:
                self._visit(url)
            except (OSError, ValueError) as error:
                LOG.error("SNS did not confirm the subscription to %s (%s). %s", topic, error, _do(topic, token))
            else:
                LOG.info("The subscription to %s is confirmed.", topic)
            return
        LOG.warning("SNS asks to confirm the subscription to %s. %s", topic, _do(topic, token))

    def _key(self, message: dict[str, Any], now: int) -> rsa.RSAPublicKey:
        url = _parts(text_at(message, "SigningCertURL"))
        name = url.path.rpartition("/")[2]
        if url.scheme != "https" or not HOST.fullmatch(url.netloc) or not FILE.fullmatch(name):
            raise Unauthorized(
                "SigningCertURL is no address of Amazon's certificates, expected https://sns.<region>..."
            )
        path = self._options.certificates
        try:
            certificate = self._certificate(path if path.is_file() else path / name)
        except (OSError, ValueError):
            # Amazon changes it now and then. SNS gives a message up at an answer of 4xx, and repeats it at 503.
            raise Unproven(f"{name} is no certificate in the folder of them, expected it: download it there") from None
        at = datetime.fromtimestamp(now / 1000, UTC)
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise Unproven(f"the certificate {name} is not valid at this time, expected a newer one in the folder")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unauthorized(f"the certificate {name} holds no RSA key, expected one")
        return key

    def _certificate(self, path: Path) -> x509.Certificate:
        if path not in self._certificates:
            self._certificates[path] = x509.load_pem_x509_certificate(path.read_bytes())
        return self._certificates[path]


def message_of(incoming: Incoming) -> dict[str, Any]:
    """The SNS message in a body (its Content-Type is text/plain). Raises BadRequest."""
    message = json_from(incoming.body)
    if not isinstance(message, dict) or text_at(message, "Type") not in SIGNED:
        raise BadRequest(f"the body has no Type of SNS, expected one of {', '.join(SIGNED)}")
    return message


def _parts(url: str) -> SplitResult:
    """The parts of an address; none at all when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _signed(message: dict[str, Any]) -> bytes:
    """What the signature is of: names and values in this order; a Subject that is null was not there."""
    lines: list[str] = []
    for name in SIGNED[text_at(message, "Type")]:
        value = message.get(name)
        if isinstance(value, str):
            lines.append(f"{name}\n{value}\n")
        elif name != "Subject":
            raise Unauthorized(f"{name} is missing, expected it in a message of SNS")
    return "".join(lines).encode("utf-8", "surrogatepass")


def _digest(message: dict[str, Any]) -> hashes.HashAlgorithm:
    version = text_at(message, "SignatureVersion")
    if version not in ("1", "2"):
        raise Unauthorized("SignatureVersion is neither 1 nor 2, expected one of them")
    return hashes.SHA1() if version == "1" else hashes.SHA256()


def _do(topic: str, token: str) -> str:
    return (
        f"Run `aws sns confirm-subscription --topic-arn {topic} --token {token}` if you made it, or set confirm: visit."
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _get(url: str) -> None:
    """GET without following redirects. OSError: it did not answer 2xx."""
    with urllib.request.build_opener(_NoRedirect).open(url, timeout=VISIT_SECONDS) as answer:
        answer.read(65_536)
