"""Whether a run was exactly once: everything is decided again from the journal and compared with what is there.

Compared byte by byte, lane by lane: every output record with its key, value, headers and timestamp in its order, and
every state. The journal must cover every input offset once: no gap, no overlap, nothing left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import topics
from streams.lane.job import Job
from streams.lane.lane import POSITION
from streams.lane.privates import Record
from streams.lane.replay import BrokenJournal, replay

CONSUME = 5000
WAIT_SECONDS = 0.3
EMPTY_POLLS = 200
Sent = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]  # key, value, headers, timestamp


def read(brokers: str, topic: str, partitions: int) -> list[list[Record]]:
    """All committed records of a topic, by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "leadlane-verify",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    records: list[list[Record]] = [[] for _ in range(partitions)]
    unread, empty = set(range(partitions)), 0
    while unread:
        messages = consumer.consume(CONSUME, WAIT_SECONDS)
        empty = 0 if messages else empty + 1
        if empty > EMPTY_POLLS:
            raise TimeoutError(f"{topic}: no end of the partitions {sorted(unread)}; is a transaction open?")
        for message in messages:
            error = message.error()
            if error is None:
                records[message.partition() or 0].append(record_from(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition() or 0)
            elif not error.retriable():
                raise KafkaException(error)
    consumer.close()
    return records


def record_from(message: Message) -> Record:
    headers = tuple(message.headers() or ())
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=headers,  # type: ignore[arg-type]
    )


def verify(brokers: str, job: Job, lanes: int) -> dict[str, Any]:
    """What is wrong with a finished run; all counts but the first two are 0 when it was exactly once."""
    inputs = {topic: read(brokers, topic, lanes) for topic in job.processor.inputs}
    outputs = {topic: read(brokers, topic, lanes) for topic in job.outputs if topic != job.journal}
    journals, states = read(brokers, job.journal, lanes), read(brokers, job.state, lanes)
    controls = {topic: read(brokers, topic, 1)[0] for topic in job.controls}
    report: Counter[str] = Counter(dict.fromkeys(FIGURES, 0))
    report["events"] = sum(len(lane) for topic in inputs.values() for lane in topic)
    for lane in range(lanes):
        report += verify_lane(
            job,
            journals[lane],
            {topic: found[lane] for topic, found in inputs.items()},
            {topic: found[lane] for topic, found in outputs.items()},
            states[lane],
            controls,
        )
    return {figure: report[figure] for figure in FIGURES}


FIGURES = (
    "events", "transactions", "broken_journals", "not_decided", "outputs_missing", "outputs_extra", "outputs_misplaced",
    "states_wrong",
)  # fmt: skip


def verify_lane(
    job: Job,
    journal: Sequence[Record],
    inputs: dict[str, list[Record]],
    outputs: dict[str, list[Record]],
    state: Sequence[Record],
    controls: dict[str, list[Record]],
) -> Counter[str]:
    """The figures of one lane."""
    report: Counter[str] = Counter(transactions=len(journal))
    expected: dict[str, list[Sent]] = {topic: [] for topic in outputs}
    states: Mapping[bytes, bytes] = {}
    after: dict[str, int] = {}
    try:
        for done in replay(job, [job.read_entry(record.value or b"") for record in journal], inputs, controls):
            after |= done.entry.next
            for topic, records in done.outcome.outputs.items():
                expected.setdefault(topic, []).extend(
                    (key, value, tuple(headers), done.entry.now) for key, value, headers in records
                )
            states = done.store.view
    except BrokenJournal as error:
        print(error)
        return report + Counter(broken_journals=1)
    report["not_decided"] = sum(
        record.offset >= after.get(topic, 0) for topic, records in inputs.items() for record in records
    )
    for topic, wanted in expected.items():
        found = [(r.key, r.value, tuple(r.headers), r.timestamp) for r in outputs.get(topic, ())]
        report += compare(wanted, found, compacted=topic in topics.TOPIC and topics.TOPIC[topic].compacted)
    kept = last_by_key((record.key, record.value) for record in state)
    kept.pop(POSITION, None)
    report["states_wrong"] = sum(states.get(key) != kept.get(key) for key in states.keys() | kept.keys())
    return report


def compare(wanted: list[Sent], found: list[Sent], compacted: bool) -> Counter[str]:
    """How two sequences of output records differ; of a compacted topic only the last record of each key counts."""
    if compacted:
        want = last_by_key((sent[0], sent[1]) for sent in wanted)
        have = last_by_key((sent[0], sent[1]) for sent in found)
        return Counter(outputs_misplaced=sum(want.get(key) != have.get(key) for key in want.keys() | have.keys()))
    if wanted == found:
        return Counter()
    want_counts, have_counts = Counter(wanted), Counter(found)
    missing, extra = (want_counts - have_counts).total(), (have_counts - want_counts).total()
    return Counter(outputs_missing=missing, outputs_extra=extra, outputs_misplaced=int(not missing and not extra))


def last_by_key(pairs: Iterable[tuple[bytes | None, bytes | None]]) -> dict[bytes, bytes]:
    """What a compacted topic means."""
    kept: dict[bytes, bytes] = {}
    for key, value in pairs:
        if value is None:
            kept.pop(key or b"", None)
        else:
            kept[key or b""] = value
    return kept
