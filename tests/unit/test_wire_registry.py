"""Schema ids from a Schema Registry: a small one that speaks its HTTP, and senders with older and newer schemas."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from schemas import plain
from streams.kafka import registry as client
from streams.kafka.registry import SchemaRegistry
from streams.lane.registry import BuiltInCatalogue, RegistryCatalogue, RegistryRefused, RegistryUnreachable, shipped
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import Wire
from streams.settings import load_settings
from tests.certificates import Authority
from tests.factories import a_case, a_score, an_intent

TOPICS = {
    "ScoreSignal": ("signals.scores",),
    "IntentSignal": ("signals.intent",),
    "Case": ("cases.events", "cases.open"),
}
SCORES = "signals.scores"


class Registry:
    """What a Confluent Schema Registry answers to the three requests of a lane; one namespace for all subjects."""

    def __init__(self) -> None:
        self.schemas: list[dict[str, Any]] = []
        self.subjects: set[str] = set()
        self.asked: list[str] = []
        self.login: str | None = None
        self.refuses: int | None = None
        self.is_silent = threading.Event()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.hear(self)
                number = int(self.path.rpartition("/")[2])
                if 1 <= number <= len(registry.schemas):
                    return self.answer(200, {"schema": json.dumps(registry.schemas[number - 1])})
                return self.answer(404, {"error_code": 40403, "message": f"Schema {number} not found"})

            def do_POST(self) -> None:
                registry.hear(self)
                schema = json.loads(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"])
                subject = self.path.split("/")[2].partition("?")[0]
                if "/versions" in self.path:
                    registry.subjects.add(subject)
                    return self.answer(200, {"id": registry.add(schema)})
                if subject in registry.subjects and schema in registry.schemas:
                    return self.answer(200, {"subject": subject, "version": 1, "id": registry.add(schema)})
                return self.answer(404, {"error_code": 40401, "message": f"Subject {subject} not found"})

            def answer(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(registry.refuses or status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def hear(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{request.command} {request.path.partition('?')[0]}")
        self.login = request.headers["Authorization"]
        if self.is_silent.is_set():
            time.sleep(0.3)

    def add(self, schema: dict[str, Any]) -> int:
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema) + 1

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def registry() -> Iterator[Registry]:
    running = Registry()
    yield running
    running.stop()


def wire_of(registry: Registry) -> Wire:
    return Wire(RegistryCatalogue(registry_at(registry.url + "/"), TOPICS))


def registry_at(url: str, **login: object) -> SchemaRegistry:
    return SchemaRegistry(load_settings(schema_registry_url=url, **login))


def scores_schema(edit: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(shipped()["ScoreSignal"][-1].document))
    edit(document)
    return document


def sent(registry: Registry, schema: dict[str, Any], datum: dict[str, Any]) -> bytes:
    """What a sender with its own schema puts on the topic."""
    target = BytesIO()
    schemaless_writer(target, parse_schema(plain(schema), named_schemas={}), datum)
    return b"\0" + registry.add(schema).to_bytes(4, "big") + target.getvalue()


SCORE = {
    "event_id": "score-1",
    "lead_id": "lead-1",
    "occurred_at": a_score().occurred_at,
    "source": "map",
    "kind": "fit",
}


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["fields"].remove(next(f for f in document["fields"] if f["name"] == name))


def test_ids_are_the_registrys_and_each_schema_is_asked_for_once(registry: Registry) -> None:
    wire = wire_of(registry)
    for _ in range(3):
        value = wire.encode(a_score())
        assert value[:5] == b"\0\0\0\0\x01"
        assert wire.decode(SCORES, value) == a_score()
    assert registry.asked == [
        "POST /subjects/signals.scores-value",
        "POST /subjects/signals.scores-value/versions",
        "GET /schemas/ids/1",
    ]


def test_what_is_registered_is_looked_up_and_not_registered_again(registry: Registry) -> None:
    wire_of(registry).encode(a_score())
    registry.asked.clear()
    wire_of(registry).encode(a_score())
    assert registry.asked == ["POST /subjects/signals.scores-value"]


def test_a_record_of_two_topics_is_registered_under_both(registry: Registry) -> None:
    wire_of(registry).encode(a_case())
    assert registry.subjects == {"cases.events-value", "cases.open-value"}


def test_the_login_goes_to_the_registry_and_into_no_message(registry: Registry) -> None:
    there = registry_at(registry.url, schema_registry_username="ann", schema_registry_password="s3cret:word")
    Wire(RegistryCatalogue(there, TOPICS)).encode(a_score())
    assert registry.login == "Basic " + base64.b64encode(b"ann:s3cret:word").decode()
    registry.refuses = 401
    with pytest.raises(
        RegistryRefused, match=r"refused our login .* Correct LEADLANE_SCHEMA_REGISTRY_USERNAME"
    ) as caught:
        there.schema(99)
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_registry_over_tls_is_trusted_by_its_authority_alone(registry: Registry, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key, _ = authority.issue("registry")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    registry.server.socket = context.wrap_socket(registry.server.socket, server_side=True)
    url = registry.url.replace("http:", "https:")
    trusting = registry_at(url, schema_registry_cafile=authority.file)
    assert Wire(RegistryCatalogue(trusting, TOPICS)).encode(a_score())[:5] == b"\0\0\0\0\x01"
    with pytest.raises(RegistryUnreachable, match=r"(?i)certificate.*what belongs to it"):
        registry_at(url).schema(1)


def test_who_may_only_read_is_told_to_register_first(registry: Registry) -> None:
    registry.refuses = 403
    with pytest.raises(RegistryRefused, match=r"does not allow us .* `leadlane schemas register`"):
        wire_of(registry).encode(a_score())


def test_a_wrong_root_is_no_unknown_schema(registry: Registry) -> None:
    registry.refuses = 418
    with pytest.raises(RegistryRefused, match=r"Does LEADLANE_SCHEMA_REGISTRY_URL name its root"):
        wire_of(registry).decode(SCORES, b"\0\0\0\0\x07.")


def test_who_waited_in_vain_does_not_wait_again_at_once(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's lanes share one event loop: each of them waiting in turn would cost it its session."""
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(client, "LONG_SECONDS", 0.05)
    monkeypatch.setattr(client, "AWAY_SECONDS", 0.4)
    wire = wire_of(registry)
    registry.is_silent.set()
    for _ in range(5):
        with pytest.raises(RegistryUnreachable, match="expected an answer within"):
            wire.encode(a_score())
    assert len(registry.asked) == 1
    registry.is_silent.clear()
    time.sleep(0.4)
    assert wire.decode(SCORES, wire.encode(a_score())) == a_score()


def test_a_sender_with_an_older_schema_is_read_with_our_defaults(registry: Registry) -> None:
    older = scores_schema(without("model_id"))
    value = sent(registry, older, {**SCORE, "value": 60.0, "confidence": 0.9})
    assert wire_of(registry).decode(SCORES, value) == a_score(model_id=None)


def test_a_sender_with_a_newer_schema_is_read_without_what_we_do_not_know(registry: Registry) -> None:
    newer = scores_schema(
        lambda document: document["fields"].insert(
            0, {"name": "unit", "type": "string", "default": "points", "doc": "."}
        )
    )
    value = sent(registry, newer, {**SCORE, "value": 60.0, "confidence": 0.9, "model_id": "m", "unit": "stars"})
    assert wire_of(registry).decode(SCORES, value) == a_score(model_id="m")


def test_whole_numbers_of_a_sender_become_ours(registry: Registry) -> None:
    whole = scores_schema(lambda document: document["fields"][5].update(type="int"))
    value = sent(registry, whole, {**SCORE, "value": 60, "confidence": 0.9})
    assert wire_of(registry).decode(SCORES, value) == a_score()


def test_bytes_after_a_datum_of_another_version_are_an_error(registry: Registry) -> None:
    value = sent(registry, scores_schema(without("model_id")), {**SCORE, "value": 60.0, "confidence": 0.9})
    with pytest.raises(UnreadableRecord) as caught:
        wire_of(registry).decode(SCORES, value + b"x")
    assert caught.value.what == (
        f"value is {len(value) + 1} bytes that schema 1 (ScoreSignal) cannot read"
        f" (the datum ends at byte {len(value)}, the value at byte {len(value) + 1}), expected one whole ScoreSignal"
    )


def test_a_truncated_datum_of_another_version_is_an_error(registry: Registry) -> None:
    value = sent(registry, scores_schema(without("model_id")), {**SCORE, "value": 60.0, "confidence": 0.9})
    with pytest.raises(UnreadableRecord, match="it ends in the middle"):
        wire_of(registry).decode(SCORES, value[:-3])


def test_a_schema_that_ours_cannot_read_is_named(registry: Registry) -> None:
    value = sent(registry, scores_schema(without("value")), SCORE)
    with pytest.raises(UnreadableRecord) as caught:
        wire_of(registry).decode(SCORES, value)
    assert re.fullmatch(
        r"schema id is 1 \(ScoreSignal\), which 2 \(ScoreSignal v\d+\) cannot read \(value: the writer lacks it and the"
        r" reader has no default for it\)",
        caught.value.what,
    )


def test_a_schema_that_could_make_a_reader_endless_is_refused(registry: Registry) -> None:
    nothings = {"name": "n", "type": {"type": "array", "items": "null"}, "doc": "."}
    value = sent(
        registry, scores_schema(lambda document: document["fields"].append(nothings)), {**SCORE, "value": 1.0, "n": []}
    )
    with pytest.raises(UnreadableRecord, match=r"cannot read \(n: its items take no bytes\)"):
        wire_of(registry).decode(SCORES, value)


def test_another_records_schema_and_one_that_is_no_record(registry: Registry) -> None:
    wire = wire_of(registry)
    with pytest.raises(UnreadableRecord, match=r"schema id is 1 \(IntentSignal v1\), expected one of ScoreSignal"):
        wire.decode(SCORES, wire.encode(an_intent()))
    registry.schemas.append({"type": "string"})
    with pytest.raises(UnreadableRecord, match=r"schema id is 3 \(\?\), expected one of ScoreSignal"):
        wire.decode(SCORES, b"\0\0\0\0\x03\x02a")


def test_an_unknown_id_is_asked_for_once_a_minute(registry: Registry) -> None:
    wire = wire_of(registry)
    for _ in range(3):
        with pytest.raises(UnreadableRecord, match="schema id is 77, which nobody knows"):
            wire.decode(SCORES, b"\0\0\0\0\x4d.")
    assert registry.asked.count("GET /schemas/ids/77") == 1


def test_an_id_that_no_registry_gives_is_not_asked_for(registry: Registry) -> None:
    wire = wire_of(registry)
    for frame in (b"\0\x80\0\0\0", b"\0\xff\xff\xff\xff", b"\0\0\0\0\0"):
        with pytest.raises(UnreadableRecord, match="which nobody knows"):
            wire.decode(SCORES, frame)
    assert [asked for asked in registry.asked if asked.startswith("GET")] == []


def test_a_registry_that_is_away_is_nobodys_bad_record(registry: Registry) -> None:
    wire = wire_of(registry)
    registry.refuses = 503
    with pytest.raises(RegistryUnreachable, match=r"got 503 .* LEADLANE_SCHEMA_REGISTRY_URL"):
        wire.decode(SCORES, b"\0\0\0\0\x01.")
    registry.refuses = None
    assert wire.decode(SCORES, wire.encode(a_score())) == a_score()


def test_a_registry_that_refuses_our_schema_says_what_to_compare(registry: Registry) -> None:
    registry.refuses = 409
    with pytest.raises(
        RegistryUnreachable, match=r"finds our schema incompatible .* `leadlane schemas check --registry`"
    ):
        wire_of(registry).encode(a_score())


def test_a_registry_that_is_not_there() -> None:
    wire = Wire(RegistryCatalogue(registry_at("http://127.0.0.1:9"), TOPICS))
    with pytest.raises(RegistryUnreachable, match=r"http://127.0.0.1:9, asked for the schema of signals.scores-value"):
        wire.encode(a_score())


def test_the_built_in_ids_are_those_of_the_first_release() -> None:
    catalogue = BuiltInCatalogue()
    assert {record: versions[0].id for record, versions in shipped().items()} == {
        "LeadProfile": 101, "ScoreSignal": 201, "IntentSignal": 301, "SentimentSignal": 401, "OotoSignal": 501,
        "ReplySignal": 601, "ActivitySignal": 701, "AccountContext": 801, "OutreachRequest": 901, "CaseReview": 1001,
        "OutcomeLabel": 1101, "Policy": 1201, "RosterEntry": 1301, "Approval": 1401, "Switch": 1501,
        "RoutedLead": 1601, "LeadScore": 1701, "CadenceCommand": 1801, "Case": 1901, "OutreachVerdict": 2001,
        "Decision": 2101, "DeadLetter": 2201, "JournalEntry": 2301,
        "ModelVersion": 2401, "Alarm": 2501, "Guard": 2601, "ControlChange": 2701, "TrainingExample": 2801,
        "WindowStats": 2901, "ErasureRequest": 3001, "ErasureReceipt": 3201,
        "SubjectKey": 3101, "ResyncRequest": 3301, "ParkedDelivery": 3401, "SourcePosition": 3501,
    }  # fmt: skip
    assert catalogue.find(201) == shipped()["ScoreSignal"][0]
    assert catalogue.find(99) is None
