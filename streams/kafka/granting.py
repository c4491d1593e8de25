"""Grants rights on a cluster, and takes none away."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from streams.errors import NotAuthorised
from streams.kafka.access import denied, is_denied
from streams.kafka.acls import PROCESS, Kind, Right, rights
from streams.kafka.reach import reach, unreachable
from streams.kafka.security import confluent_config
from streams.settings import Settings

GRANT_SECONDS = 30.0
RESOURCES: Mapping[Kind, ResourceType] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}


def grant(settings: Settings, by_process: Mapping[str, str]) -> int:
    """Give each principal the rights of its process; how many there are. A right that is there stays as it is.

    Raises BrokerUnreachable, or NotAuthorised without Alter on the cluster.
    """
    client = AdminClient(confluent_config(settings))
    reach(client, settings)
    wanted = [
        _binding(principal, right)
        for name, principal in by_process.items()
        for right in rights(PROCESS[name], settings.app_id)
    ]
    for future in client.create_acls(wanted, request_timeout=GRANT_SECONDS).values():
        try:
            future.result(GRANT_SECONDS)
        except KafkaException as error:
            raise _failed(settings, error) from error
    return len(wanted)


def _failed(settings: Settings, error: KafkaException) -> Exception:
    cause = error.args[0]
    if cause.name() == "SECURITY_DISABLED":
        return NotAuthorised(
            f"{settings.brokers} keeps no ACLs: expected a cluster with an authorizer (authorizer.class.name)."
        )
    if is_denied(cause):
        return denied(settings, cause, "grant rights: that takes Alter on the cluster")
    return unreachable(settings.brokers, cause.str())


def _binding(principal: str, right: Right) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    operation = AclOperation[right.operation.upper().replace("-", "_")]
    return AclBinding(
        RESOURCES[right.kind], right.name, pattern, principal, "*", operation, AclPermissionType.ALLOW
    )  # fmt: skip
