"""CloudEvents over HTTP, from the specification's JSON event format, HTTP protocol binding and HTTP web hook
(tests/gateway_samples/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from streams.core.events import RECORD, RECORDS, Event, ReplySignal, ScoreSignal
from streams.gateway.config import Source
from streams.gateway.platform import BadRequest, Unauthorized
from tests.gateway_platforms import FILES, NOW, SECRET, request, sample, sample_json, shipped, told

STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8", "Authorization": f"Bearer {SECRET}"}
BATCH = STRUCTURED | {"Content-Type": "application/cloudevents-batch+json"}
BINARY = {
    "ce-specversion": "1.0", "ce-type": "com.example.someevent", "ce-time": "2018-04-05T03:56:24Z",
    "ce-id": "1234-1234-1234", "ce-source": "/mycontext/subcontext",
    "Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {SECRET}",
}  # fmt: skip
NOT_FROM_OUTSIDE = {"CaseReview", "AccountContext", "ErasureRequest"}


@pytest.fixture
def events(tmp_path: Path) -> Source:
    return shipped("cloudevents.yaml", tmp_path)["events"]


def test_a_structured_event_is_an_item(events: Source) -> None:
    found = told(events, request(sample("cloudevents/structured.json"), STRUCTURED))
    (item,) = found.items
    assert (item.kind, item.id, item.at) == ("com.example.someevent", "/mycontext/C234-1234-1234", 1522949460000)
    assert {name: value for name, value in item.data.items() if name != "cloudevent"} == {
        "appinfoA": "abc", "appinfoB": 123, "appinfoC": True,
    }  # fmt: skip
    assert item.data["cloudevent"]["comexampleothervalue"] == 5


def test_a_binary_event_has_its_attributes_in_the_headers(events: Source) -> None:
    (item,) = told(events, request(b'{"a":1}', BINARY)).items
    assert (item.kind, item.id, item.at) == (
        "com.example.someevent", "/mycontext/subcontext/1234-1234-1234", 1522900584000,
    )  # fmt: skip
    assert item.data["a"] == 1


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"Euro%20%E2%82%AC"', "Euro €"),
        (r'"a \"b\""', 'a "b"'),
        ("%41", "A"),
    ],
)
def test_header_values_are_unquoted_and_percent_decoded_once(events: Source, header: str, value: str) -> None:
    (item,) = told(events, request(b"", BINARY | {"ce-subject": header})).items
    assert item.data["cloudevent"]["subject"] == value


def test_a_header_that_is_no_utf_8_is_refused(events: Source) -> None:
    """ "encoded byte sequences which are invalid in UTF-8 MUST be rejected", such as %C0%A0."""
    with pytest.raises(BadRequest):
        told(events, request(b"", BINARY | {"ce-subject": "%C0%A0"}))


def test_a_batch_is_read_event_by_event(events: Source) -> None:
    """The specification's batch; its first event's data is, as printed there, no base64."""
    found = told(events, request(sample("cloudevents/batch.json"), BATCH))
    assert [item.id for item in found.items] == ["/mycontext/9/C234-1234-1234"]
    (left,) = found.reading.left
    assert "data_base64" in left.reason
    assert told(events, request(b"[]", BATCH)).items == ()


def test_data_may_be_base64_a_number_or_a_text(events: Source) -> None:
    datas = []
    for name in ("base64", "number", "xml"):
        (item,) = told(events, request(sample(f"cloudevents/{name}.json"), STRUCTURED)).items
        datas.append({key: value for key, value in item.data.items() if key != "cloudevent"})
    assert datas == [{"xyz": 123}, {"data": 1.5}, {"data": '<much wow="xml"/>'}]


def test_binary_data_that_is_no_json_is_left_over_as_it_came(events: Source) -> None:
    found = told(events, request(b"<much wow='xml'/>", BINARY | {"Content-Type": "application/xml"}))
    assert [left.body for left in found.reading.left] == [b"<much wow='xml'/>"]


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"}, {"specversion": None}, {"id": ""}, {"id": 7}, {"source": None}, {"type": None},
        {"time": "yesterday"},
    ],
)  # fmt: skip
def test_an_event_without_what_the_specification_wants_is_left_over(events: Source, change: dict[str, Any]) -> None:
    found = told(events, request(sample_json("cloudevents/structured.json") | change, STRUCTURED))
    assert found.items == ()
    assert next(iter(change)) in found.reading.left[0].reason


def a_record(record: type[Event]) -> dict[str, Any]:
    """The JSON of the record's first passing example, as somebody outside would send it."""
    folder = Path(__file__).parents[2] / "schemas" / record.__name__ / "examples"
    document = msgspec.json.decode(sorted(folder.glob("v1.*.pass.json"))[0].read_bytes())
    del document["event_id"], document["source"]
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("record", [record for record in RECORDS if record.__name__ not in NOT_FROM_OUTSIDE])
def test_any_record_of_ours_comes_in_by_its_name_with_every_field(events: Source, record: type[Event]) -> None:
    document = a_record(record)
    event = {
        "specversion": "1.0", "type": f"leadlane.{record.__name__}", "source": "/crm", "id": "7", "data": document,
    }  # fmt: skip
    found = told(events, request(event, STRUCTURED))
    assert found.faults == []
    ((topic, made),) = found.events
    assert made == msgspec.convert({**document, "event_id": made.event_id, "source": "events"}, record)
    assert made.event_id.startswith("events:/crm/7:")
    (rule,) = (rule for rule in rules() if rule["when"]["kind"] == f"leadlane.{record.__name__}")
    assert topic == rule["topic"]
    ours = {"event_id", "source", "lead_id"}
    assert set(rule["fields"]) == {field.name for field in msgspec.structs.fields(record)} - ours


def rules() -> list[dict[str, Any]]:
    document: Mapping[str, Any] = yaml.safe_load((FILES / "cloudevents.yaml").read_text("utf-8"))
    found: list[dict[str, Any]] = document["sources"]["events"]["rules"]
    return found


@pytest.mark.parametrize("name", sorted(NOT_FROM_OUTSIDE))
def test_what_people_and_lanes_decide_is_not_taken_from_whoever_holds_the_token(events: Source, name: str) -> None:
    assert name in RECORD
    event = {
        "specversion": "1.0",
        "type": f"leadlane.{name}",
        "source": "/crm",
        "id": "7",
        "data": a_record(RECORD[name]),
    }
    assert told(events, request(event, STRUCTURED)).events == []


def test_the_subject_and_the_events_time_stand_in_for_what_the_record_does_not_say(events: Source) -> None:
    event = {
        "specversion": "1.0", "type": "leadlane.ScoreSignal", "source": "/vendor", "id": "9", "subject": "lead-7",
        "time": "2026-11-24T21:06:31+01:00", "data": {"kind": "fit", "value": 71},
    }  # fmt: skip
    assert told(events, request(event, STRUCTURED)).events == [
        (
            "signals.scores",
            ScoreSignal(
                event_id="events:/vendor/9:score-signal", lead_id="lead-7", occurred_at=1795550791000, source="events",
                kind="fit", value=71,
            ),
        )
    ]  # fmt: skip


def test_a_record_out_of_range_is_a_fault_that_names_it(events: Source) -> None:
    event = {
        "specversion": "1.0", "type": "leadlane.ScoreSignal", "source": "/vendor", "id": "9", "subject": "lead-7",
        "data": {"kind": "fit", "value": 171},
    }  # fmt: skip
    found = told(events, request(event, STRUCTURED))
    assert found.events == []
    assert "value is 171" in found.faults[0]


def test_a_reply_in_binary_mode(events: Source) -> None:
    headers = BINARY | {"ce-type": "leadlane.ReplySignal", "ce-subject": "lead-7"}
    ((_, reply),) = told(events, request({"text": "Please stop", "headers": {"From": "a@b.example"}}, headers)).events
    assert isinstance(reply, ReplySignal)
    assert (reply.lead_id, reply.text, reply.headers) == ("lead-7", "Please stop", {"From": "a@b.example"})
    assert reply.occurred_at == 1522900584000


def test_the_handshake_is_granted_to_known_origins_alone_and_needs_no_secret(tmp_path: Path) -> None:
    """HTTP 1.1 Web Hooks for Event Delivery, 4: OPTIONS with WebHook-Request-Origin."""
    changes = {"allowed_origins: []": "allowed_origins: [eventemitter.example.com]\n      allowed_rate: '120'"}
    source = shipped("cloudevents.yaml", tmp_path, changes)["events"]
    asked = {"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}
    granted = told(source, request(b"", asked, method="OPTIONS")).reading.answer
    assert granted is not None
    assert (granted.status, dict(granted.headers)) == (
        200,
        {
            "Allow": "POST, PUT, OPTIONS",
            "WebHook-Allowed-Origin": "eventemitter.example.com",
            "WebHook-Allowed-Rate": "120",
        },
    )
    for headers in ({}, {"WebHook-Request-Origin": "elsewhere.example"}, {"WebHook-Request-Origin": "a\r\nb"}):
        refused = told(source, request(b"", headers, method="OPTIONS")).reading.answer
        assert refused is not None
        assert (refused.status, refused.headers) == (403, ())


@pytest.mark.parametrize("token", ["", "Bearer wrong", f"bearer {SECRET} "])
def test_whoever_does_not_know_the_token_is_refused(events: Source, token: str) -> None:
    incoming = request(sample("cloudevents/structured.json"), STRUCTURED | {"Authorization": token})
    if token.strip().endswith(SECRET):  # the scheme's case does not matter
        assert told(events, incoming).items
        return
    with pytest.raises(Unauthorized):
        told(events, incoming)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/cloudevents+json"),
        (b"{}", "application/cloudevents-batch+json"),
        (b"x", "application/cloudevents+avro"),
        (b"{}", "application/json"),
        (b"", ""),
    ],
)
def test_a_body_that_is_no_cloudevent_is_refused_as_a_whole(events: Source, body: bytes, kind: str) -> None:
    with pytest.raises(BadRequest):
        told(events, request(body, STRUCTURED | {"Content-Type": kind}, received_at=NOW))
