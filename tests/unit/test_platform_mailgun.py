"""Mailgun's events and forwarded mails, from its user manual ("Webhooks", "Receiving Messages via HTTP") and "Events"
(tests/gateway_samples/README.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from streams.core.events import ActivitySignal, ReplySignal
from streams.core.reading.reader import read_reply
from streams.core.reading.verdict import ReplyClass
from streams.gateway.config import GatewayConfig, Limits, Source
from streams.gateway.platform import BadRequest, Incoming, Unauthorized
from streams.gateway.tokens import token_of
from streams.topics import MAX_DEAD_LETTER_BYTES
from tests.gateway_platforms import NOW, SECRET, address_lead, request, sample_json, shipped, signature, told
from tests.gateways import serving

JSON, TOKEN = {"Content-Type": "application/json"}, "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"


@pytest.fixture
def mailgun(tmp_path: Path) -> Source:
    return shipped("mailgun.yaml", tmp_path)["mailgun"]


def proof(at: int = NOW, token: str = TOKEN, key: str = SECRET) -> dict[str, str]:
    """HMAC-SHA256 in hex over timestamp and token, of "Securing Webhooks"."""
    stamp = str(at // 1000)
    return {"timestamp": stamp, "token": token, "signature": signature("sha256", f"{stamp}{token}".encode(), key)}


def webhook(event: Any, **more: Any) -> Incoming:
    return request({"signature": proof(**more), "event-data": event}, JSON)


def multipart(fields: Mapping[str, str | bytes], **more: Any) -> Incoming:
    parts = b"".join(
        b'--bOuNd\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in {**fields, **proof(**more)}.items()
    )
    return request(parts + b"--bOuNd--\r\n", {"Content-Type": "multipart/form-data; boundary=bOuNd"})


def a_mail(**fields: str) -> dict[str, str]:
    """What a route forwards, fully parsed (the manual's table of parameters)."""
    headers = [
        ["Received", "by luna.mailgun.net with SMTP mgrt 8734663311733; Fri, 03 May 2013 18:26:27 +0000"],
        ["From", "Bob <bob@mg.example.com>"],
        ["To", "Alice <alice@mg.example.com>"],
        ["Message-Id", "<517ACC75.5010709@mg.example.com>"],
        ["In-Reply-To", "<20130503182626.18666.16540@mg.example.com>"],
        ["Subject", "Re: Sample POST request"],
    ]
    parsed = {
        "recipient": "alice@mg.example.com",
        "sender": "bob@mg.example.com",
        "from": "Bob <bob@mg.example.com>",
        "subject": "Re: Sample POST request",
        "body-plain": "Hi Alice,\n\nplease do not write again.\n\nBob\n\n> This is Alice. This is the quoted text.\n",
        "stripped-text": "Hi Alice,\n\nplease do not write again.",
        "attachment-count": "0",
        "message-headers": json.dumps(headers),
    }
    return parsed | fields


@pytest.mark.parametrize(
    ("name", "kind", "by"),
    [
        ("delivered", "sent", "system"),
        ("opened", "opened", "lead"),
        ("clicked", "clicked", "lead"),
        ("complained", "complaint", "lead"),
        ("unsubscribed", "unsubscribe", "lead"),
        ("failed_permanent", "bounce_hard", "system"),
        ("failed_permanent_delayed_bounce", "bounce_hard", "system"),
        ("failed_temporary", "bounce_soft", "system"),
    ],
)
def test_an_event_is_what_it_means_for_the_lead_of_its_recipient(
    mailgun: Source, name: str, kind: Any, by: Any
) -> None:
    event = sample_json(f"mailgun/event_{name}.json")
    found = told(mailgun, webhook(event))
    at = int(event["timestamp"] * 1000)
    rule = {"delivered": "sent", "complained": "complaint", "unsubscribed": "unsubscribe"}.get(name, name)
    rule = {"failed_temporary": "failed-for-now"}.get(rule, rule.partition("_")[0])
    assert found.events == [
        (
            "signals.activity",
            ActivitySignal(
                event_id=f"mailgun:{event['id']}/{at // 86_400_000}:{rule}",
                lead_id=address_lead(event["recipient"].lower()),
                occurred_at=at,
                source="mailgun",
                kind=kind,
                by=by,
            ),
        )
    ]
    assert (found.faults, found.reading.left) == ([], ())


@pytest.mark.parametrize("name", ["accepted", "accepted_routed", "stored", "rejected", "list_uploaded"])
def test_events_that_say_nothing_of_a_lead_are_ignored(mailgun: Source, name: str) -> None:
    found = told(mailgun, webhook(sample_json(f"mailgun/event_{name}.json")))
    assert len(found.items) == 1
    assert (found.events, found.faults) == ([], [])


def test_an_id_is_unique_within_a_day_only_so_the_day_is_part_of_it(mailgun: Source) -> None:
    """ "Event id. It is guaranteed to be unique within a day.\""""
    event = sample_json("mailgun/event_opened.json")
    today = told(mailgun, webhook(event)).items[0].id
    later = told(mailgun, webhook(event | {"timestamp": event["timestamp"] + 86_400}, token="t" * 50)).items[0].id
    again = told(mailgun, webhook(event, token="u" * 50)).items[0].id
    assert today == again
    assert today != later


def test_mails_refused_because_of_what_a_person_asked_for_are_no_bounces(mailgun: Source) -> None:
    event = sample_json("mailgun/event_failed_permanent.json")
    kinds = []
    for number, reason in enumerate(("suppress-unsubscribe", "suppress-complaint", "suppress-bounce", "generic")):
        ((_, activity),) = told(mailgun, webhook(event | {"reason": reason}, token=str(number))).events
        assert isinstance(activity, ActivitySignal)
        kinds.append(activity.kind)
    assert kinds == ["unsubscribe", "complaint", "bounce_hard", "bounce_hard"]


def test_a_program_that_opens_is_no_reader(mailgun: Source) -> None:
    event = sample_json("mailgun/event_opened.json")
    event["client-info"]["bot"] = "apple"
    assert told(mailgun, webhook(event)).events == []


def test_what_the_sender_attached_names_the_lead_before_the_address_does(mailgun: Source) -> None:
    event = sample_json("mailgun/event_clicked.json") | {"user-variables": {"lead_id": "lead-7"}}
    assert told(mailgun, webhook(event)).events[0][1].lead_id == "lead-7"


def test_a_send_names_the_request_that_allowed_it(mailgun: Source) -> None:
    event = sample_json("mailgun/event_delivered.json") | {"user-variables": {"request_id": "r-1", "lead_id": "lead-7"}}
    ((_, sent),) = told(mailgun, webhook(event)).events
    assert isinstance(sent, ActivitySignal)
    assert (sent.kind, sent.lead_id, sent.request_id) == ("sent", "lead-7", "r-1")


@pytest.mark.parametrize("form", ["multipart", "url-encoded"])
def test_a_forwarded_mail_is_a_reply_of_its_sender(mailgun: Source, form: str) -> None:
    """Mailgun sends multipart/form-data when a mail has attachments, a URL-encoded form when it has none."""
    fields = a_mail()
    incoming = multipart(fields)
    if form == "url-encoded":
        body = urlencode({**fields, **proof()}).encode()
        incoming = request(body, {"Content-Type": "application/x-www-form-urlencoded"})
    ((topic, reply),) = told(mailgun, incoming).events
    assert topic == "signals.replies"
    assert reply == ReplySignal(
        event_id=reply.event_id,
        lead_id=address_lead("bob@mg.example.com"),
        occurred_at=NOW // 1000 * 1000,
        source="mailgun",
        headers={
            "From": "Bob <bob@mg.example.com>",
            "To": "Alice <alice@mg.example.com>",
            "Message-Id": "<517ACC75.5010709@mg.example.com>",
            "In-Reply-To": "<20130503182626.18666.16540@mg.example.com>",
        },
        subject="Re: Sample POST request",
        text=fields["body-plain"],
    )
    assert reply.event_id.startswith("mailgun:<517ACC75.5010709@mg.example.com>/")


@pytest.mark.parametrize(
    "place",
    [
        {"recipient": "reply+{}@mg.example.com"},
        {"recipient": "REPLY+{}@MG.EXAMPLE.COM"},
        {"In-Reply-To": "<{}@mg.example.com>"},
        {"References": "<first@elsewhere.example> <{}@mg.example.com>"},
        {"Delivered-To": "r-{}@mg.example.com"},
    ],
    ids=["address", "address in capitals", "In-Reply-To", "References", "Delivered-To"],
)
def test_our_token_finds_the_lead_wherever_mail_carries_it(mailgun: Source, place: dict[str, str]) -> None:
    token = token_of("6f9619ff-8b86-d011-b42d-00cf4fc964ff", SECRET, "reply")
    ((name, text),) = place.items()
    written = text.format(token.upper() if text.isupper() else token).replace("/", "")
    fields = a_mail(recipient=written) if name == "recipient" else a_mail()
    if name != "recipient":
        headers = [each for each in json.loads(fields["message-headers"]) if each[0] != name]
        fields["message-headers"] = json.dumps([*headers, [name, written]])
    assert told(mailgun, multipart(fields)).events[0][1].lead_id == "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


def test_a_token_that_is_not_ours_leaves_the_lead_to_the_sender(mailgun: Source) -> None:
    foreign = token_of("lead-7", "another secret of 30 characters", "reply")
    for_other_use = token_of("lead-7", SECRET, "unsubscribe")
    for token in (foreign, for_other_use):
        fields = a_mail(recipient=f"reply+{token}@mg.example.com")
        incoming = multipart(fields, token=token)
        assert told(mailgun, incoming).events[0][1].lead_id == address_lead("bob@mg.example.com")


def a_delivery_report(token: str) -> str:
    """What a mail server sends back (RFC 3464), with our mail in it."""
    lines = [
        "From: MAILER-DAEMON@mx.example.net", "To: bounces@mg.example.com", "Message-ID: <dsn1@mx.example.net>",
        "Subject: Undelivered Mail Returned to Sender", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "",
        "--b", "Content-Type: text/plain", "", "<jane@example.net>: host said: 550 5.1.1 User unknown",
        "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.net", "",
        "Final-Recipient: rfc822; jane@example.net", "Action: failed", "Status: 5.1.1", "",
        "--b", "Content-Type: message/rfc822", "", f"Message-ID: <{token}@mg.example.com>", "Subject: Our offer", "",
        "Hello Jane", "--b--", "",
    ]  # fmt: skip
    return "\r\n".join(lines)


def test_a_bounce_that_comes_as_a_raw_mail_finds_its_lead_by_the_mail_that_it_returns(mailgun: Source) -> None:
    """A route to a URL that ends in `mime` posts the whole mail as body-mime."""
    raw = a_delivery_report(token_of("lead-7", SECRET, "reply"))
    fields = {"recipient": "bounces@mg.example.com", "sender": "", "subject": "Undelivered", "body-mime": raw}
    ((_, reply),) = told(mailgun, multipart(fields)).events
    assert isinstance(reply, ReplySignal)
    assert reply.lead_id == "lead-7"
    assert "Action: failed" in reply.text
    assert "Hello Jane" not in reply.text
    reading = read_reply(reply.headers, reply.subject, reply.text, received_at_ms=NOW)
    assert (reading.reply_class, reading.bounce_kind) == (ReplyClass.BOUNCE, "hard")


def test_the_same_mail_is_the_same_at_a_retry_and_two_mails_of_one_message_id_are_two(mailgun: Source) -> None:
    first = told(mailgun, multipart(a_mail())).items[0].id
    again = told(mailgun, multipart(a_mail(), at=NOW + 600_000, token="t" * 50)).items[0].id
    other = told(mailgun, multipart(a_mail(**{"body-plain": "Another"}), token="u" * 50)).items[0].id
    assert first == again
    assert other != first


def test_a_mail_of_html_alone_is_read_too(mailgun: Source) -> None:
    fields = a_mail(**{"body-plain": "", "body-html": "<p>Please <b>stop</b> writing.</p>"})
    ((_, reply),) = told(mailgun, multipart(fields)).events
    assert isinstance(reply, ReplySignal)
    assert reply.text == "Please stop writing."


def test_a_mail_that_is_stored_and_told_of_is_the_same_reply(mailgun: Source) -> None:
    """store(notify=...): the same parameters, "posted/returned in JSON", attachments as a list of where they lie."""
    fields = a_mail()
    attachments = [{"size": 9, "url": "https://api.mailgun.net/v2/...", "name": "a.png", "content-type": "image/png"}]
    body = {**fields, **proof(), "domain": "mg.example.com", "attachments": attachments}
    body["message-headers"] = json.loads(fields["message-headers"])
    ((_, stored),) = told(mailgun, request(body, JSON)).events
    ((_, forwarded),) = told(mailgun, multipart(fields, token="t" * 50)).events
    assert stored == forwarded


def test_a_mail_of_nobody_known_is_a_letter_with_the_reason(tmp_path: Path) -> None:
    address = (
        "        - {first_of: [data.from, data.recipient], lower: true, hash: sha256, key: {env: LEAD_ADDRESS_KEY}}\n"
    )
    source = shipped("mailgun.yaml", tmp_path, {address: ""})["mailgun"]
    found = told(source, multipart(a_mail()))
    assert found.events == []
    assert "lead_id" in found.faults[0]


def test_wrong_old_and_missing_signatures_are_refused(mailgun: Source) -> None:
    event = sample_json("mailgun/event_opened.json")
    hours = 3_600_000
    bad = [
        request({"event-data": event}, JSON),
        request({"signature": proof() | {"signature": "0" * 64}, "event-data": event}, JSON),
        request({"signature": proof() | {"token": "t" * 50}, "event-data": event}, JSON),
        webhook(event, key="another key"),
        webhook(event, at=NOW - 10 * hours),
        webhook(event, at=NOW + 10 * hours),
        request(b"no json", JSON),
        request(b"", {"Content-Type": "text/plain"}),
    ]
    for incoming in bad:
        with pytest.raises(Unauthorized) as refused:
            told(mailgun, incoming)
        assert SECRET not in str(refused.value)
    assert told(mailgun, webhook(event, at=NOW - 8 * hours)).items  # "Mailgun will retry during 8 hours"


def test_a_signature_is_good_for_one_body_since_it_does_not_cover_it(mailgun: Source) -> None:
    event = sample_json("mailgun/event_opened.json")
    assert told(mailgun, webhook(event)).items
    assert told(mailgun, webhook(event)).items  # a retry of the same
    with pytest.raises(Unauthorized, match="token was used for another body"):
        told(mailgun, webhook(event | {"recipient": "victim@example.com", "event": "unsubscribed"}))


def test_a_webhook_without_event_is_refused_as_a_whole(mailgun: Source) -> None:
    with pytest.raises(BadRequest):
        told(mailgun, request({"signature": proof(), "event-data": {}}, JSON))


def test_a_raw_body_that_is_no_mail_is_kept_as_it_came(mailgun: Source) -> None:
    found = told(mailgun, multipart({"recipient": "a@b.example", "body-mime": "nothing like a mail"}))
    assert found.items == ()
    assert "expected a mail" in found.reading.left[0].reason


async def test_a_mail_with_large_attachments_comes_in_where_another_source_would_refuse_it(tmp_path: Path) -> None:
    """Mailgun takes mails of 25 MB: a platform that hears 413 gives the reply up."""
    sources = shipped("mailgun.yaml", tmp_path)
    fields: dict[str, str | bytes] = {**a_mail(), "attachment-1": bytes(range(256)) * 40_000}
    async with serving(GatewayConfig(sources, Limits(body_bytes=1_000_000)), clock_ms=lambda: NOW) as gateway:
        big = multipart(fields)
        assert len(big.body) > 10_000_000
        assert (await gateway.send("POST", big.body, dict(big.headers), "/v1/mailgun"))[0] == 200
        assert len(gateway.kafka.log["signals.replies"]) == 1
        assert len(gateway.kafka.log["signals.replies"][0][2]) < 2_000
        wrong = multipart({"recipient": "a@b.example", "body-mime": b"x" * 10_000_000}, token="t" * 50)
        assert (await gateway.send("POST", wrong.body, dict(wrong.headers), "/v1/mailgun"))[0] == 200
        ((_, _, letter),) = gateway.kafka.log["dead.letters"]
        assert len(letter) < MAX_DEAD_LETTER_BYTES
        assert b"of 10,000," in letter
        assert (await gateway.send("POST", b"x" * 31_000_000, {}, "/v1/mailgun"))[0] == 413
