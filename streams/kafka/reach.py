"""Does Kafka answer? One message within seconds, the same for every command."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from confluent_kafka import KafkaException

from streams.errors import BrokerUnreachable
from streams.kafka.access import refused_login
from streams.settings import Settings

CONNECT_SECONDS = 3.0
SOON_SECONDS = 2.0  # who has not answered by then may be refusing us
ANSWER_SECONDS = 5.0


def reach(client: Any, settings: Settings) -> Any:
    """What the cluster says of itself to a confluent-kafka `client`. Raises BrokerUnreachable or LoginRefused."""
    knock(settings.brokers)
    with contextlib.suppress(KafkaException):
        return client.list_topics(timeout=SOON_SECONDS)
    if refused := refused_login(settings):
        raise refused
    try:
        return client.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise unreachable(settings.brokers, error.args[0].str()) from error


def knock(brokers: str) -> None:
    """BrokerUnreachable at once if no address takes a connection: Kafka's clients would try on for a long time."""
    reasons = []
    for address in brokers.split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            reasons.append(f"{address}: {error.strerror or error}")
        else:
            return
    raise unreachable(brokers, "; ".join(reasons))


def unreachable(brokers: str, reason: str) -> BrokerUnreachable:
    """The message for the operator."""
    return BrokerUnreachable(
        f"expected a Kafka broker at {brokers} (LEADLANE_BROKERS or --brokers), got: {reason}. Start it, for a try-out "
        "with `leadlane broker`, or correct the address, LEADLANE_SECURITY_PROTOCOL and what belongs to it."
    )
