"""Whether a run was exactly once: everything is decided again from the journal and compared with what is there.

Compared byte by byte, lane by lane: every output record with its key, value, headers and timestamp in its order, and
every state, those that the processor keeps for itself among them. Where all lanes write one partition, a record's
ce_source says whose it is. The journal must cover every input offset once: no gap, no overlap, nothing left over.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import topics
from streams.lane.job import Job
from streams.lane.privates import Record
from streams.lane.processor import POSITION
from streams.lane.replay import BrokenJournal, Contexts, replay
from streams.lane.wire import written_by

CONSUME = 1000
POLL_SECONDS = 0.05
WAIT_SECONDS = 60.0
Sent = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]  # key, value, headers, timestamp


def read(brokers: str, wanted: Mapping[str, int]) -> dict[str, list[list[Record]]]:
    """All committed records of topics with so many partitions, by topic and partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "leadlane-verify",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    unread = {(topic, partition) for topic, count in wanted.items() for partition in range(count)}
    records: dict[str, list[list[Record]]] = {topic: [[] for _ in range(count)] for topic, count in wanted.items()}
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in unread])
    last_sign = time.monotonic()
    while unread:
        for message in consumer.consume(CONSUME, POLL_SECONDS):
            last_sign, error = time.monotonic(), message.error()
            topic, partition = message.topic() or "", message.partition() or 0
            if error is None:
                records[topic][partition].append(record_from(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard((topic, partition))
            elif not error.retriable():
                raise KafkaException(error)
        if time.monotonic() > last_sign + WAIT_SECONDS:
            raise TimeoutError(f"no end of {sorted(unread)}; is a transaction open?")
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
    records = read(brokers, job.partitions(lanes))
    controls = {topic: records[topic][0] for topic in job.controls}
    outputs = {topic: records[topic] for topic in job.outputs}
    outputs |= {topic: by_lane(records[topic][0], lanes) for topic in job.single}
    report: Counter[str] = Counter()
    report["events"] = sum(len(lane) for topic in job.processor.inputs for lane in records[topic])
    for lane in range(lanes):
        report += verify_lane(
            job,
            records[job.journal][lane],
            {topic: records[topic][lane] for topic in job.processor.inputs},
            {topic: lists[lane] for topic, lists in outputs.items()},
            records[job.state][lane],
            controls,
        )
    for topic in job.single:
        report["outputs_extra"] += len(records[topic][0]) - sum(map(len, outputs[topic]))  # of no lane
    return {figure: report[figure] for figure in FIGURES}


def by_lane(records: Iterable[Record], lanes: int) -> list[list[Record]]:
    """The records of a partition that all lanes write, by the lane that wrote them; what no lane wrote is left out."""
    found: list[list[Record]] = [[] for _ in range(lanes)]
    for record in records:
        lane = written_by(record.headers)
        if lane is not None and lane < lanes:
            found[lane].append(record)
    return found


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
    entries = [job.read_entry(record.value or b"") for record in journal]
    try:
        for done in replay(job, entries, inputs, Contexts(job, controls)):
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
