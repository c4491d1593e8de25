"""SendGrid's Event Webhook and Inbound Parse, from Twilio SendGrid's "Event Webhook Reference", "Event Webhook Security
Features" and sendgrid-python (tests/gateway_samples/README.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from streams.core.events import ActivitySignal, ReplySignal
from streams.gateway.config import BadGatewayConfig, Source
from streams.gateway.platform import BadRequest, Incoming, Unauthorized
from streams.gateway.sendgrid import SIGNATURE, TIMESTAMP
from streams.gateway.tokens import token_of
from tests.gateway_platforms import NOW, SECRET, address_lead, request, sample, sample_json, shipped, told

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
THEIRS = sample_json("sendgrid/signed_event.json")
# Of another body, in the same test of sendgrid-python.
OTHERS = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode()}


@pytest.fixture
def sources(tmp_path: Path) -> Mapping[str, Source]:
    return shipped("sendgrid.yaml", tmp_path, {THEIRS["public_key"]: PUBLIC})


@pytest.fixture
def sendgrid(sources: Mapping[str, Source]) -> Source:
    return sources["sendgrid"]


def signed(body: Any, at: int = NOW, received_at: int = NOW) -> Incoming:
    """ECDSA over timestamp and raw body, in base64 of DER."""
    bare, stamp = request(body), str(at // 1000)
    made = PRIVATE.sign(stamp.encode() + bare.body, ec.ECDSA(hashes.SHA256()))
    headers = {SIGNATURE: base64.b64encode(made).decode(), TIMESTAMP: stamp, "Content-Type": "application/json"}
    return request(bare.body, headers, received_at=received_at)


def inbound(name: str, **more: str) -> Incoming:
    return request(sample(name), {"Content-Type": "multipart/form-data; boundary=xYzZY", **BASIC, **more})


def test_a_signature_that_sendgrid_made_is_genuine(tmp_path: Path) -> None:
    """sendgrid-python's own test: their key, their signature, and a body that ends in CR LF, which is signed too."""
    source = shipped("sendgrid.yaml", tmp_path)["sendgrid"]
    headers = {SIGNATURE: THEIRS["signature"], TIMESTAMP: THEIRS["timestamp"]}
    body, at = sample("sendgrid/signed_event.body"), int(THEIRS["timestamp"]) * 1000
    assert told(source, request(body, headers, received_at=at + 1000)).events == [
        (
            "signals.activity",
            ActivitySignal(
                event_id="sendgrid:dropped/ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA/1600112492:dropped",
                lead_id=address_lead("hello@world.com"),
                occurred_at=1600112492000,
                source="sendgrid",
                kind="bounce_hard",
                by="system",
            ),
        )
    ]
    wrong = [
        (body.rstrip(), headers),
        (b"payload", headers),
        (body, headers | {TIMESTAMP: "timestamp"}),
        (body, headers | {SIGNATURE: OTHERS}),
        (body, headers | {SIGNATURE: "no base64"}),
        (body, {}),
    ]
    for content, stated in wrong:
        with pytest.raises(Unauthorized):
            told(source, request(content, stated, received_at=at))
    with pytest.raises(Unauthorized, match="no time within"):
        told(source, request(body, headers, received_at=at + 26 * 3_600_000))


def test_the_documentations_events_become_what_they_mean(sendgrid: Source) -> None:
    """All eleven of the reference's first example bear one sg_event_id: they are eleven events nevertheless."""
    found = told(sendgrid, signed(sample("sendgrid/events.json")))
    assert len({item.id for item in found.items}) == len(found.items) == 11
    common: dict[str, Any] = {
        "lead_id": address_lead("example@test.com"), "occurred_at": 1513299569000, "source": "sendgrid",
    }  # fmt: skip

    def at(word: str, rule: str, kind: Any, by: Any = "lead") -> tuple[str, ActivitySignal]:
        event_id = f"sendgrid:{word}/sg_event_id/1513299569:{rule}"
        return "signals.activity", ActivitySignal(event_id=event_id, kind=kind, by=by, **common)

    assert found.events == [
        at("delivered", "sent", "sent", "system"),
        at("open", "opened", "opened"),
        at("click", "clicked", "clicked"),
        at("bounce", "bounced", "bounce_hard", "system"),
        at("dropped", "dropped", "bounce_hard", "system"),
        at("spamreport", "complaint", "complaint"),
        at("unsubscribe", "unsubscribe", "unsubscribe"),
        at("group_unsubscribe", "unsubscribe", "unsubscribe"),
    ]
    assert (found.faults, found.reading.left) == ([], ())


def test_a_bounce_of_type_blocked_is_for_now_though_its_id_is_that_of_the_bounce(sendgrid: Source) -> None:
    both = [event for event in sample_json("sendgrid/events_single.json") if event["event"] == "bounce"]
    assert [event["type"] for event in both] == ["bounce", "blocked"]
    kinds = []
    for event in both:
        ((_, activity),) = told(sendgrid, signed([event])).events
        assert isinstance(activity, ActivitySignal)
        kinds.append(activity.kind)
    assert kinds == ["bounce_hard", "bounce_soft"]


def test_mails_that_sendgrid_holds_back_say_why(sendgrid: Source) -> None:
    (dropped,) = (each for each in sample_json("sendgrid/events_single.json") if each["event"] == "dropped")
    reasons = ["Unsubscribed Address", "Spam Reporting Address", "Invalid SMTPAPI header"]
    found = told(sendgrid, signed([dropped | {"reason": reason, "sg_event_id": reason} for reason in reasons]))
    assert [event.kind for _, event in found.events if isinstance(event, ActivitySignal)] == [
        "unsubscribe",
        "complaint",
    ]


def test_a_machine_that_opens_is_no_reader(sendgrid: Source) -> None:
    (opened,) = (each for each in sample_json("sendgrid/events_single.json") if each["event"] == "open")
    assert told(sendgrid, signed([opened | {"sg_machine_open": True}])).events == []
    assert len(told(sendgrid, signed([opened | {"sg_machine_open": False}])).events) == 1


def test_a_custom_argument_lies_beside_sendgrids_fields_and_names_the_lead(sendgrid: Source) -> None:
    (click,) = (each for each in sample_json("sendgrid/events_single.json") if each["event"] == "click")
    assert told(sendgrid, signed([click | {"lead_id": "lead-7"}])).events[0][1].lead_id == "lead-7"


def test_a_send_names_the_request_that_allowed_it(sendgrid: Source) -> None:
    (sent,) = (each for each in sample_json("sendgrid/events_single.json") if each["event"] == "delivered")
    ((_, activity),) = told(sendgrid, signed([sent | {"request_id": "r-1"}])).events
    assert isinstance(activity, ActivitySignal)
    assert (activity.kind, activity.request_id) == ("sent", "r-1")


def test_an_event_without_id_is_known_by_its_content(sendgrid: Source) -> None:
    (click,) = (each for each in sample_json("sendgrid/events_single.json") if each["event"] == "click")
    del click["sg_event_id"]
    first, other = (told(sendgrid, signed([event])).items[0].id for event in (click, click | {"url": "http://other/"}))
    assert first != other
    assert told(sendgrid, signed([click])).items[0].id == first


def test_what_is_no_event_is_left_over_beside_what_is_one(sendgrid: Source) -> None:
    found = told(sendgrid, signed([{"email": "a@b.example"}, {"event": "click", "email": "a@b.example"}]))
    assert [left.body for left in found.reading.left] == [b'{"email":"a@b.example"}']
    assert len(found.events) == 1


@pytest.mark.parametrize("name", ["inbound_default", "inbound_raw"])
def test_inbound_parse_is_a_reply_parsed_or_raw(sources: Mapping[str, Source], name: str) -> None:
    ((topic, reply),) = told(sources["sendgrid-inbound"], inbound(f"sendgrid/{name}.multipart")).events
    assert topic == "signals.replies"
    assert isinstance(reply, ReplySignal)
    assert (reply.lead_id, reply.occurred_at) == (address_lead("test@example.com"), NOW)
    assert reply.text.strip() == "Hello Twilio SendGrid!"
    assert reply.subject in ("Testing non-raw", "Inbound Parse Test Raw Data")
    assert "Received" not in reply.headers
    assert reply.headers["From"] == "Example User <test@example.com>"


def test_the_envelopes_address_carries_our_token(sources: Mapping[str, Source]) -> None:
    token = token_of("lead-7", SECRET, "reply")
    body = sample("sendgrid/inbound_default.multipart").replace(
        b'{"to":["inbound@inbound', b'{"to":["reply+%s@inbound' % token.encode()
    )
    incoming = request(body, {"Content-Type": "multipart/form-data; boundary=xYzZY", **BASIC})
    assert told(sources["sendgrid-inbound"], incoming).events[0][1].lead_id == "lead-7"


def test_each_part_is_read_in_the_charset_that_the_field_charsets_names(sources: Mapping[str, Source]) -> None:
    body = (
        sample("sendgrid/inbound_default.multipart")
        .replace(b"Hello Twilio SendGrid!\r\n", "Grüße aus Köln\r\n".encode("iso-8859-1"))
        .replace(b'"text":"UTF-8"', b'"text":"iso-8859-1"')
    )
    incoming = request(body, {"Content-Type": "multipart/form-data; boundary=xYzZY", **BASIC})
    ((_, reply),) = told(sources["sendgrid-inbound"], incoming).events
    assert isinstance(reply, ReplySignal)
    assert "Grüße aus Köln" in reply.text


def test_inbound_without_the_password_is_refused(sources: Mapping[str, Source]) -> None:
    for header in ("", "Basic", "Basic " + base64.b64encode(b"user:wrong").decode()):
        with pytest.raises(Unauthorized):
            told(sources["sendgrid-inbound"], inbound("sendgrid/inbound_raw.multipart", Authorization=header))


def test_a_form_that_ends_in_the_middle_or_is_no_mail_is_refused_as_a_whole(sources: Mapping[str, Source]) -> None:
    whole = sample("sendgrid/inbound_raw.multipart")
    for body, kind in (
        (whole[:-20], "multipart/form-data; boundary=xYzZY"),
        (whole, "multipart/form-data"),
        (whole, "multipart/form-data; boundary=other"),
        (b'--b\r\nContent-Disposition: form-data; name="hello"\r\n\r\nx\r\n--b--', "multipart/form-data; boundary=b"),
    ):
        with pytest.raises(BadRequest):
            told(sources["sendgrid-inbound"], request(body, {"Content-Type": kind, **BASIC}))


def test_a_source_that_checks_nothing_or_has_a_key_that_is_none_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(BadGatewayConfig, match="verification key that SendGrid shows"):
        shipped("sendgrid.yaml", tmp_path, {THEIRS["public_key"]: "MFkwnothing"})
    with pytest.raises(BadGatewayConfig, match="an open door is no source"):
        shipped("sendgrid.yaml", tmp_path, {f"- {THEIRS['public_key']}": "[]"})
