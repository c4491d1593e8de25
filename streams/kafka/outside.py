"""A consumer that belongs to no group: it commits nothing, and shows committed records only."""

from __future__ import annotations

from confluent_kafka import Consumer

from streams.kafka.security import confluent_config
from streams.settings import Settings


def consumer_outside(settings: Settings, name: str, *, fetch_wait_ms: int) -> Consumer:
    """Tells when it is at an end. `name` is the group that the client wants to hear of and never joins: rights name it.

    `fetch_wait_ms`: how long an empty fetch takes, and so how soon an end shows.
    """
    return Consumer(
        confluent_config(
            settings,
            group_id=f"{settings.app_id}-{name}",
            enable_auto_commit=False,
            isolation_level="read_committed",  # what was aborted is not there, though it lies in the log
            auto_offset_reset="earliest",
            enable_partition_eof=True,
            fetch_wait_max_ms=fetch_wait_ms,
        )
    )
