"""Segment's and RudderStack's calls, from Segment's "Spec", "Webhooks Destination" and RudderStack's "Webhook Cloud
Mode Integration" (tests/gateway_samples/README.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.core.events import ActivitySignal, IntentSignal, LeadProfile
from streams.gateway.config import Source
from streams.gateway.platform import BadRequest, Incoming, Unauthorized
from tests.gateway_platforms import NOW, SECRET, request, sample, sample_json, shipped, signature, told

AT = 1354408208276  # of every sample of the page "Webhooks Destination"


@pytest.fixture
def sources(tmp_path: Path) -> Mapping[str, Source]:
    return shipped("segment.yaml", tmp_path)


@pytest.fixture
def segment(sources: Mapping[str, Source]) -> Source:
    return sources["segment"]


def signed(body: Any, **more: Any) -> Incoming:
    """X-Signature is the HMAC-SHA1 in hex of the raw body with the shared secret."""
    bare = request(body, **more)
    return request(bare.body, {"X-Signature": signature("sha1", bare.body)}, **more)


def test_an_identify_is_a_profile(segment: Source) -> None:
    found = told(segment, signed(sample("segment/identify.json")))
    assert found.events == [
        (
            "leads.profiles",
            LeadProfile(
                event_id="segment:022bb90c-bbac-11e4-8dfc-aa07a5b093db:identify",
                lead_id="97980cfea0067",
                occurred_at=1424730535111,
                source="segment",
                email="peter@example.com",
                country="US",
            ),
        )
    ]
    assert found.faults == []


def test_a_track_that_no_rule_names_is_ignored(segment: Source) -> None:
    found = told(segment, signed(sample("segment/track.json")))
    assert [(item.kind, item.id, item.at) for item in found.items] == [
        ("track", "ajs-f8ca1e4de5024d9430b3928bd8ac6b96", 1449947461249)
    ]
    assert (found.events, found.faults) == ([], [])


def test_a_demo_request_is_a_form_and_intent(segment: Source) -> None:
    call = sample_json("segment/webhook_track.json") | {"event": "Demo Requested", "messageId": "m1"}
    common: dict[str, Any] = {"lead_id": "019mr8mf4r", "occurred_at": AT, "source": "segment"}
    assert told(segment, signed(call)).events == [
        (
            "signals.activity",
            ActivitySignal(event_id="segment:m1:form", kind="form_submitted", channel="web", **common),
        ),
        ("signals.intent", IntentSignal(event_id="segment:m1:interest", strength=90, topic="Demo Requested", **common)),
    ]


@pytest.mark.parametrize("name", ["page", "identify", "track", "alias", "group", "delete"])
def test_samples_without_message_id_get_an_id_of_their_content(segment: Source, name: str) -> None:
    """The samples of "Webhooks Destination" bear no messageId: a retry must still be the same."""
    (first,) = told(segment, signed(sample(f"segment/webhook_{name}.json"))).items
    (again,) = told(segment, signed(sample(f"segment/webhook_{name}.json"), received_at=NOW + 1000)).items
    other = told(segment, signed(sample_json(f"segment/webhook_{name}.json") | {"timestamp": "2012-12-02T00:30:09Z"}))
    assert first == again
    assert (first.kind, first.at) == (name, AT)
    assert other.items[0].id != first.id


def test_a_page_a_group_and_a_deletion_mean_what_they_say(segment: Source) -> None:
    common: dict[str, Any] = {"lead_id": "019mr8mf4r", "occurred_at": AT, "source": "segment"}
    ((_, page),) = told(segment, signed(sample("segment/webhook_page.json"))).events
    ((_, group),) = told(segment, signed(sample("segment/webhook_group.json"))).events
    ((_, gone),) = told(segment, signed(sample("segment/webhook_delete.json"))).events
    assert page == ActivitySignal(event_id=page.event_id, kind="page_viewed", channel="web", **common)
    assert group == LeadProfile(
        event_id=group.event_id, account_id="0e8c78ea9d97a7b8185e8632", company="Initech", **common
    )
    assert gone == ActivitySignal(
        event_id=gone.event_id, kind="erasure_requested", channel="other", by="system", **common
    )


def test_somebody_who_is_not_identified_is_nobodys_lead(segment: Source) -> None:
    call = sample_json("segment/webhook_page.json")
    del call["userId"]
    found = told(segment, signed(call | {"anonymousId": "507f191e810c19729de860ea"}))
    assert (found.events, found.faults) == ([], [])


def test_a_batch_of_either_form_is_read_call_by_call(segment: Source) -> None:
    calls = [sample_json("segment/identify.json"), {"type": "unheard"}, sample_json("segment/track.json")]
    for body in (calls, {"batch": calls, "sentAt": "2015-12-12T19:11:01.169Z"}):
        found = told(segment, signed(body))
        assert [item.kind for item in found.items] == ["identify", "track"]
        assert [left.body for left in found.reading.left] == [b'{"type":"unheard"}']


def test_the_time_is_the_corrected_one_before_the_clients(segment: Source) -> None:
    """`timestamp` is corrected for the client's clock, originalTimestamp and sentAt are not."""
    call = sample_json("segment/track.json")
    assert told(segment, signed(call)).items[0].at == 1449947461249
    del call["timestamp"]
    assert told(segment, signed(call)).items[0].at == 1449947461152


def test_rudderstack_has_traits_in_the_context_and_a_header_of_its_own(sources: Mapping[str, Source]) -> None:
    found = told(
        sources["rudderstack"], request(sample("segment/rudderstack_identify.json"), {"X-Signing-Key": SECRET})
    )
    ((topic, profile),) = found.events
    assert topic == "leads.profiles"
    assert profile == LeadProfile(
        event_id=profile.event_id,
        lead_id="27340af5c8819",
        occurred_at=NOW,  # this sample states no time
        source="rudderstack",
        email="user@domain.com",
        account_id="company-A",
    )


def test_rudderstack_with_basic_auth(tmp_path: Path) -> None:
    changes = {
        "        header: {name: x-signing-key, secrets: [{env: RUDDERSTACK_KEY}]}": (
            "        basic: {user: {env: SENDGRID_INBOUND_USER}, passwords: [{env: RUDDERSTACK_KEY}]}"
        )
    }
    source = shipped("segment.yaml", tmp_path, changes)["rudderstack"]
    good = base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode()
    body = sample("segment/rudderstack_identify.json")
    assert told(source, request(body, {"Authorization": f"Basic {good}"})).items
    for header in ("", f"Bearer {good}", "Basic " + base64.b64encode(f"{SECRET}:no".encode()).decode()):
        with pytest.raises(Unauthorized):
            told(source, request(body, {"Authorization": header}))


def test_a_signature_of_other_bytes_another_key_or_none_is_refused(segment: Source) -> None:
    body = sample("segment/track.json")
    for header in (
        {},
        {"X-Signature": signature("sha1", body + b" ")},
        {"X-Signature": signature("sha1", body, "another")},
        {"X-Signature": signature("sha256", body)},
        {"X-Signature": ""},
    ):
        with pytest.raises(Unauthorized) as refused:
            told(segment, request(body, header))
        assert SECRET not in str(refused.value)
    assert told(segment, request(body, {"X-Signature": signature("sha1", body).upper()})).items


def test_while_a_secret_is_changed_both_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"secrets: [{env: SEGMENT_SHARED_SECRET}]": "secrets: [{env: NEWER}, {env: SEGMENT_SHARED_SECRET}]"}
    monkeypatch.setenv("NEWER", "newer secret of the source")
    source = shipped("segment.yaml", tmp_path, changes)["segment"]
    body = sample("segment/track.json")
    for key in ("newer secret of the source", SECRET):
        assert told(source, request(body, {"X-Signature": signature("sha1", body, key)})).items


@pytest.mark.parametrize("body", [b"", b"nothing", b"17", b'"text"', b"\xff"])
def test_a_body_that_is_no_call_is_refused_as_a_whole(segment: Source, body: bytes) -> None:
    with pytest.raises(BadRequest):
        told(segment, signed(body))
