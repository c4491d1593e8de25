"""Missing rights, as aiokafka's clients meet them: whoever meets one ends, since trying again gives the same."""

from __future__ import annotations

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streams.errors import NotAuthorised
from streams.kafka.access import not_authorised
from streams.lane.job import LaneSettings

DENIALS: tuple[type[KafkaError], ...] = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    ClusterAuthorizationFailedError,
)


def denied(settings: LaneSettings, error: Exception) -> NotAuthorised:
    """The message for the operator: who, and what."""
    named = ", ".join(sorted(_names(error.args)))
    match error:
        case GroupAuthorizationFailedError():
            what = f"join the group {named or settings.app_id}"
        case TransactionalIdAuthorizationFailed():
            what = f"write with a transactional id that begins with {settings.app_id}-"
        case TopicAuthorizationFailedError():
            what = f"read or write the topics {named}" if named else "read or write a topic"
        case _:
            what = "do this on the cluster"
    user = settings.security.get("sasl_plain_username")
    who = f"User:{user}" if user else "this client"
    return not_authorised(settings.brokers, who, f"{what} ({type(error).__name__})")


def _names(given: object) -> set[str]:
    if isinstance(given, str):
        return {given}
    return (
        {name for part in given for name in _names(part)}
        if isinstance(given, tuple | list | set | frozenset)
        else set()
    )
