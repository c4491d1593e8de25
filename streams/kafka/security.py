"""TLS and SASL, in the words of each Kafka client: the one place that knows them."""

from __future__ import annotations

import ssl
from typing import Any

from streams.settings import Settings


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context, or None without TLS."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=settings.ssl_cafile)
    if settings.ssl_certfile:
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    return context


def aiokafka_security(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's consumers, producers and admin, besides bootstrap_servers."""
    if settings.security_protocol == "PLAINTEXT":
        return {}
    arguments: dict[str, Any] = {
        "security_protocol": settings.security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": _password(settings),
        }
    return arguments


def confluent_config(settings: Settings, **more: str | int | float | bool) -> dict[str, str | int | float | bool]:
    """The configuration of a confluent-kafka client, brokers included; `more` with underscores for dots."""
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.brokers,
        # What goes wrong comes back as an error with the address in it; its own log lines would only repeat it.
        "log_level": 0,
        "security.protocol": settings.security_protocol,
    }
    if settings.security_protocol.startswith("SASL"):
        config |= {
            "sasl.mechanism": str(settings.sasl_mechanism),
            "sasl.username": str(settings.sasl_username),
            "sasl.password": _password(settings),
        }
    files = {
        "ssl.ca.location": settings.ssl_cafile,
        "ssl.certificate.location": settings.ssl_certfile,
        "ssl.key.location": settings.ssl_keyfile,
    }
    config |= {name: str(path) for name, path in files.items() if path}
    return config | {name.replace("_", "."): value for name, value in more.items()}


def _password(settings: Settings) -> str:
    return settings.sasl_password.get_secret_value() if settings.sasl_password else ""
