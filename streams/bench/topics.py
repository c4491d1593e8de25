"""Topics for a job that has its own: the bench's tally, tests."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient, NewTopic

from streams import topics
from streams.kafka import admin
from streams.lane.job import Job
from streams.settings import load_settings

CREATE_SECONDS = 30.0
COMPACTED = {"cleanup.policy": "compact"}
# Segments so small that compaction happens within a run: a restore must not depend on the last record being there.
CHURNING = {**COMPACTED, "segment.ms": "15000", "min.cleanable.dirty.ratio": "0.05"}


def create_topics(brokers: str, job: Job, lanes: int) -> None:
    """Create what the job needs; Leadlane's own topics as they are declared."""
    counts = job.partitions(lanes)
    if all(topic in topics.TOPIC for topic in counts):
        admin.apply(load_settings(brokers=brokers, lanes=lanes))
        return
    configs = {job.state: CHURNING} | dict.fromkeys(job.controls, COMPACTED)
    wanted = [NewTopic(topic, count, 1, config=configs.get(topic, {})) for topic, count in counts.items()]
    client = AdminClient({"bootstrap.servers": brokers})
    for future in client.create_topics(wanted).values():
        future.result(CREATE_SECONDS)
