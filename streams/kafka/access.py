"""Refused logins and missing rights, in words: who, what, and what to do about it.

Law of this module: trying again does not help against either, so whoever meets one says so and ends. Kafka's clients
would go on for ever: they take a refused login for a broker that is away.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from streams.errors import BrokerUnreachable, LoginRefused, NotAuthorised
from streams.kafka.security import confluent_config
from streams.settings import Settings, variable

HEAR_SECONDS = 6.0  # on a busy machine a handshake takes its time
HANDSHAKE_SECONDS = 2.0
DENIALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "transactional id",
}
REMEDY = "Grant it: `leadlane topics acls` lists every right that each process needs."


# What goes wrong is told as an error here: the client would also print it on stderr, whatever log_level.
QUIET = logging.getLogger(f"{__name__}.client")
QUIET.disabled = True


def is_denied(error: KafkaError) -> bool:
    """Whether a right is missing."""
    return error.code() in DENIALS


def denied(settings: Settings, error: KafkaError, what: str) -> NotAuthorised:
    """The message for a missing right; `what` was tried, such as "write to leads.routed"."""
    return not_authorised(settings.brokers, principal(settings), f"{what} ({error.str()})")


def not_authorised(brokers: str, who: str, what: str) -> NotAuthorised:
    """The message for whoever must grant a right."""
    return NotAuthorised(f"{brokers}: {who} may not {what}. {REMEDY}")


def principal(settings: Settings) -> str:
    """Who this client is to the brokers, as far as settings say."""
    if settings.security_protocol.startswith("SASL"):
        return f"User:{settings.sasl_username}"
    return f"the owner of {settings.ssl_certfile}" if settings.ssl_certfile else "User:ANONYMOUS"


@contextlib.contextmanager
def login_explained(settings: Settings) -> Iterator[None]:
    """Says why, where an unreachable broker is one that refuses this client."""
    try:
        yield
    except LoginRefused:
        raise
    except BrokerUnreachable as error:
        if refused := refused_login(settings):
            raise refused from error
        raise


def refused_login(settings: Settings) -> LoginRefused | None:
    """Why no broker lets this client in; None when that is not the reason. Takes seconds."""
    if not settings.security_protocol.endswith("SSL") and any(map(_speaks_tls, settings.brokers.split(","))):
        return _wrong(
            settings,
            f"it speaks TLS, and {variable('security_protocol')} is {settings.security_protocol}",
            f"Set {variable('security_protocol')} to SASL_SSL or SSL, and what belongs to it",
        )
    if settings.security_protocol == "PLAINTEXT":
        return None
    heard: list[KafkaError] = []
    config: dict[str, Any] = {**confluent_config(settings), "error_cb": heard.append}
    client = AdminClient(config)
    until = time.monotonic() + HEAR_SECONDS
    while time.monotonic() < until:
        client.poll(0.1)
        for error in heard:
            if found := _refusal(settings, error):
                return found
    return None


def _refusal(settings: Settings, error: KafkaError) -> LoginRefused | None:
    words = error.str()
    if error.code() == KafkaError._AUTHENTICATION:
        names = " ".join(variable(name) for name in ("sasl_username", "sasl_password", "sasl_mechanism"))
        return _wrong(settings, words, f"Correct {names.replace(' ', ', ')}, or add the login to the cluster")
    if "certificate required" in words or "bad certificate" in words or "unknown ca" in words:
        names = f"{variable('ssl_certfile')} and {variable('ssl_keyfile')}"
        return _wrong(settings, words, f"Set {names} to a certificate that the brokers trust")
    if error.code() == KafkaError._SSL:
        return _wrong(
            settings,
            words,
            f"Set {variable('ssl_cafile')} to what signed the brokers' certificates; if they speak no TLS, correct"
            f" {variable('security_protocol')}",
        )
    return None


def _wrong(settings: Settings, got: str, what_to_do: str) -> LoginRefused:
    return LoginRefused(
        f"{settings.brokers} does not let {principal(settings)} in over {settings.security_protocol}: {got}."
        f" {what_to_do}."
    )


def _speaks_tls(address: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only: would it talk TLS?
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=HANDSHAKE_SECONDS) as plain:
            context.wrap_socket(plain, server_hostname=host.strip("[]")).close()
    except OSError:
        return False
    return True
