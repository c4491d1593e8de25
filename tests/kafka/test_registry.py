"""A real Schema Registry and a real Kafka: plain Confluent clients feed every input and read every output."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.check import HERE, BadSchemas
from streams import metrics, topics
from streams.bench.scenarios import publish_controls, simulated_traffic
from streams.bench.traffic import Feed
from streams.commands.schemas import schemas
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.reader import Reader
from streams.kafka.registering import compare, register
from streams.kafka.registry import SchemaRegistry
from streams.lane.deadletters import DeadLetter
from streams.lane.job import LaneSettings, load_job
from streams.lane.registry import shipped
from streams.settings import Settings, load_settings
from streams.topics import Role, Topic
from tests.kafka.conftest import RunningKafka, delete_topics
from tests.kafka.lanes import LANES, World, committed, until
from tests.registry import Apicurio, NoRegistry

EVENTS, WINDOW_MS = 600, 1_000
pytestmark = pytest.mark.long

SHIPPED = shipped()
OUTPUTS = [topic for topic in topics.TOPICS if topic.role is Role.OUTPUT and topic.record]
PATIENCE_SECONDS = 10  # Confluent's client would wait for an answer for ever
CONTROLS = (topics.POLICIES, topics.ROSTER, topics.APPROVALS, topics.HISTORY)  # what `publish_controls` writes
SCORE = {"event_id": "s-1", "lead_id": "lead-s", "source": "vendor", "kind": "fit", "value": 61.5, "confidence": 0.9}


class Ran(NamedTuple):
    """What stands on the topics after plain clients and a worker have done their work."""

    settings: Settings
    client: SchemaRegistryClient
    sent: dict[str, int]  # by plain Confluent producers
    rebuilt: float  # lanes, while the registry was away


@pytest.fixture(scope="module")
def registry() -> Iterator[Apicurio]:
    try:
        with Apicurio() as running:
            yield running
    except NoRegistry as error:
        pytest.skip(f"no real Schema Registry: {error}")


@pytest.fixture(scope="module")
def ran(broker: RunningKafka, registry: Apicurio) -> Iterator[Ran]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLANE_SCHEMA_REGISTRY_URL", registry.url)
        patch.setattr("streams.lane.statistics.WINDOW_MS", WINDOW_MS)
        patch.setattr("streams.kafka.registry.ANSWER_SECONDS", 1.0)
        patch.setattr("streams.kafka.registry.AWAY_SECONDS", 1.0)
        settings = load_settings(brokers=broker.bootstrap, app_id="registry", lanes=LANES)
        delete_topics(broker.bootstrap)
        admin.apply(settings)
        register(SchemaRegistry(settings), lambda _: None)
        yield asyncio.run(run(settings, registry))


async def run(settings: Settings, registry: Apicurio) -> Ran:
    client = SchemaRegistryClient({"url": registry.url, "timeout": PATIENCE_SECONDS})
    given = LaneSettings(brokers=settings.brokers, app_id=settings.app_id, lanes=LANES)
    world = World(settings.brokers, settings.app_id, load_job("streams.lane.pipeline:job", given))
    publish_controls(settings.brokers)
    feed = Feed(settings.brokers, simulated_traffic(world.job, EVENTS, seed=5))
    feed.start()
    async with world.worker() as worker:
        sent = send_examples(settings, client)
        await until(lambda: feed.done and committed(worker) >= EVENTS + sum(sent.values()))
        await asyncio.sleep(2 * WINDOW_MS / 1000)
        evolved(settings, client, "s-evolved", "before")()
        await until(lambda: is_taken(settings, "s-evolved"))
        # Now one with an id that no lane has seen, while nobody answers what it means.
        send = evolved(settings, client, "s-meanwhile", "later")
        registry.freeze()
        before = rebuilds()
        send()
        await until(lambda: rebuilds() > before)
        rebuilt, was_ready = rebuilds() - before, len(worker.lanes)
        registry.thaw()
        await until(lambda: is_taken(settings, "s-meanwhile"), 30)
        assert len(worker.lanes) == was_ready == LANES
    return Ran(settings, client, sent, rebuilt)


# --- what plain clients read and write ------------------------------------------------------------------------------


def examples(record: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted((HERE / record / "examples").glob("v*.pass.json"))]


def send_examples(settings: Settings, client: SchemaRegistryClient) -> dict[str, int]:
    """Every example of every input record, by a producer that knows the .avsc and the registry."""
    sent = {}
    for topic in topics.INPUTS:
        assert topic.record is not None
        schema = json.dumps(SHIPPED[topic.record][-1].document)
        prepare = plain_producer(settings, client, topic.name, schema)
        made = examples(topic.record)
        for number, example in enumerate(made):
            # An example need not give what has a default: the serializer fills that in.
            prepare({**example, "event_id": f"plain-{topic.name}-{number}"})()
        sent[topic.name] = len(made)
    return sent


def plain_producer(
    settings: Settings, client: SchemaRegistryClient, topic: str, schema: str
) -> Callable[[dict[str, Any]], Callable[[], None]]:
    """Serializes a value, and gives what sends it."""
    # librdkafka's own default partitioner is another than Kafka's; a lane refuses a lead that is not on its partition.
    producer = Producer({"bootstrap.servers": settings.brokers, "partitioner": "murmur2_random"})
    how = {"auto.register.schemas": False, "subject.name.strategy": topic_subject_name_strategy}
    serialize = AvroSerializer(client, schema, conf=how)

    def prepare(value: dict[str, Any]) -> Callable[[], None]:
        packed = serialize(value, SerializationContext(topic, MessageField.VALUE))

        def send() -> None:
            producer.produce(topic, packed, value["lead_id"])
            assert producer.flush(10) == 0

        return send

    return prepare


def evolved(settings: Settings, client: SchemaRegistryClient, event_id: str, field: str) -> Callable[[], None]:
    """Somebody else adds a field with a default to ScoreSignal, registers that, and sends a score with it."""
    document = json.loads(json.dumps(SHIPPED["ScoreSignal"][-1].document))
    document["fields"].append({"name": field, "type": "string", "default": "", "doc": "What the vendor adds."})
    client.register_schema(f"{topics.SCORES.name}-value", Schema(json.dumps(document), "AVRO"))
    score = SCORE | {"event_id": event_id, "occurred_at": time.time_ns() // 1_000_000, field: "x"}
    return plain_producer(settings, client, topics.SCORES.name, json.dumps(document))(score)


def read_whole(settings: Settings, topic: str) -> list[Message]:
    with Reader(settings) as reader:
        return list(reader.read(topic))


def is_taken(settings: Settings, event_id: str) -> bool:
    """Whether a lane has committed beyond the score with this id."""
    wire = wire_for(settings)
    place = next(
        (message.partition(), message.offset())
        for message in read_whole(settings, topics.SCORES.name)
        if event_id.encode() in (message.value() or b"")
    )
    entries: list[Any] = [
        wire.decode_any(topics.JOURNAL.name, message.value()) for message in read_whole(settings, topics.JOURNAL.name)
    ]
    return any(entry.lane == place[0] and entry.next.get(topics.SCORES.name, 0) > place[1] for entry in entries)


def rebuilds() -> float:
    return sum(
        sample.value
        for metric in metrics.REBUILDS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels.get("error") in ("RegistryUnreachable", "RegistryRefused")
    )


def complaints_about(ran: Ran, event_id: str) -> list[str]:
    """Why records whose bytes hold this id are dead letters; also those that nobody could read."""
    wire, found = wire_for(ran.settings), list[str]()
    for message in read_whole(ran.settings, topics.DEAD_LETTERS.name):
        letter = wire.decode_any(topics.DEAD_LETTERS.name, message.value())
        assert isinstance(letter, DeadLetter)
        if event_id.encode() in (letter.value or b""):
            found.append(letter.error_text)
    return found


# --- the tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", [*OUTPUTS, *CONTROLS], ids=lambda topic: topic.name)
def test_a_plain_confluent_consumer_reads_what_a_worker_writes(ran: Ran, topic: Topic) -> None:
    assert topic.record is not None
    ours = SHIPPED[topic.record][-1]
    deserialize = AvroDeserializer(ran.client)
    consumer = Consumer(
        {
            "bootstrap.servers": ran.settings.brokers,
            "group.id": "plain",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    about = consumer.list_topics(topic.name, timeout=10).topics[topic.name]
    consumer.assign([TopicPartition(topic.name, partition, 0) for partition in about.partitions])
    found = 0
    while (message := consumer.poll(0.3 if found else 10)) is not None:
        value = message.value()
        if message.error() is not None or value is None:
            continue
        read = deserialize(value, SerializationContext(topic.name, MessageField.VALUE))
        schema_id = int.from_bytes(value[1:5], "big")
        assert schema_id != ours.id, "the registry gives its own ids"
        assert ran.client.lookup_schema(f"{topic.name}-value", schema_of(ours.document)).schema_id == schema_id
        assert isinstance(read, dict)
        assert list(read) == [field["name"] for field in ours.document["fields"]]
        found += 1
    consumer.close()
    assert found > 0


@pytest.mark.parametrize("topic", topics.INPUTS, ids=lambda topic: topic.name)
def test_the_worker_takes_what_a_plain_confluent_producer_feeds(ran: Ran, topic: Topic) -> None:
    assert ran.sent[topic.name] > 0
    assert complaints_about(ran, f"plain-{topic.name}-") == []


def test_a_schema_that_somebody_else_evolved_is_read(ran: Ran) -> None:
    assert complaints_about(ran, "s-evolved") == []


def test_a_lane_waits_for_a_registry_that_is_away_and_then_takes_what_came(ran: Ran) -> None:
    assert ran.rebuilt >= 1
    assert complaints_about(ran, "s-meanwhile") == []


def test_registering_again_writes_nothing_and_the_check_is_content(ran: Ran) -> None:
    said: list[str] = []
    assert register(SchemaRegistry(ran.settings), said.append) == 0
    assert said == []
    told = CliRunner().invoke(schemas, ["check", "--registry"])
    assert told.exit_code == 0, told.output
    assert "signals.scores-value: version 2 (id" in told.output, "the vendor's version is named, and is no fault"
    assert "every version is there, each FULL_TRANSITIVE" in told.output


def scratch(name: str) -> Topic:
    return Topic(name, Role.INPUT, "ScoreSignal", "lead_id", "a subject of this test's own")


def test_what_is_missing_is_named_and_nothing_is_written_by_a_check(registry: Apicurio) -> None:
    there = SchemaRegistry(load_settings(schema_registry_url=registry.url))
    (subject,) = compare(there, [scratch("scratch.missing")])
    missing, low = subject.faults
    assert missing == "scratch.missing-value: v1 of ScoreSignal is missing. Run `leadlane schemas register`."
    assert low.startswith(f"scratch.missing-value: its level is {subject.level}, expected FULL_TRANSITIVE. Run")
    assert there.versions("scratch.missing-value") == []


def test_an_incompatible_version_is_refused_with_subject_version_and_field(registry: Apicurio) -> None:
    there = SchemaRegistry(load_settings(schema_registry_url=registry.url))
    other = json.loads(json.dumps(SHIPPED["ScoreSignal"][-1].document))
    other["fields"] = [field for field in other["fields"] if field["name"] != "value"]
    given = there.register("scratch.b-value", other)
    with pytest.raises(BadSchemas) as caught:
        register(there, lambda _: None, [scratch("scratch.a"), scratch("scratch.b")])
    text = str(caught.value)
    assert f"scratch.b-value: our v1 of ScoreSignal does not read version 1 (id {given}): field value: " in text
    assert "the reader has no default for it. Whoever registered that version: keep every field" in text
    assert text.endswith("Nothing was registered.")
    assert there.versions("scratch.a-value") == [], "all or nothing"


def test_the_level_makes_the_registry_itself_refuse_what_breaks_readers(registry: Apicurio) -> None:
    there = SchemaRegistry(load_settings(schema_registry_url=registry.url))
    assert register(there, lambda _: None, [scratch("scratch.level")]) == 1
    broken = json.loads(json.dumps(SHIPPED["ScoreSignal"][-1].document))
    broken["fields"].append({"name": "unit", "type": "string", "doc": "Without a default."})
    with pytest.raises(Exception, match="409"):
        SchemaRegistryClient({"url": registry.url, "timeout": PATIENCE_SECONDS}).register_schema(
            "scratch.level-value", schema_of(broken)
        )


def test_a_command_without_a_registry_says_which_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADLANE_SCHEMA_REGISTRY_URL", raising=False)
    told = CliRunner().invoke(schemas, ["register"])
    assert "LEADLANE_SCHEMA_REGISTRY_URL is not set, expected the address of a Schema Registry" in str(told.exception)


def schema_of(document: dict[str, Any]) -> Schema:
    return Schema(json.dumps(document), "AVRO")
