"""Amazon SES through SNS, from the SES and SNS Developer Guides (tests/gateway_samples/README.md).

The guides' signatures are shortened (EXAMPLE...), so messages are signed here, as "Verifying the signatures of Amazon
SNS messages" says, with a certificate of our own.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from streams.core.events import ActivitySignal, ReplySignal
from streams.gateway.config import BadGatewayConfig, Source
from streams.gateway.platform import Incoming, Unauthorized, Unproven
from streams.gateway.ses import Ses, SesOptions
from streams.gateway.sns import _get
from streams.gateway.tokens import token_of
from tests.gateway_platforms import NOW, SECRET, address_lead, request, sample, sample_json, shipped, told

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
NAME = "SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
ID = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"


def certificate(key: Any = PRIVATE, days: int = 365) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.fromtimestamp(NOW / 1000, UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=366))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sns"
    folder.mkdir()
    (folder / NAME).write_bytes(certificate())
    return folder


@pytest.fixture
def ses(tmp_path: Path, folder: Path) -> Source:
    return shipped("ses.yaml", tmp_path, {"/etc/leadlane/sns": str(folder)})["ses"]


def signed(message: dict[str, Any], key: Any = PRIVATE, at: int = NOW, **more: Any) -> Incoming:
    """A message of SNS with a signature over names and values, each on a line of its own, in the guide's order."""
    stated = {**message, "Timestamp": datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")}
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if stated["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{stated[name]}\n" for name in names if name in stated)
    digest = hashes.SHA1() if stated["SignatureVersion"] == "1" else hashes.SHA256()
    stated["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": stated["Type"]}
    return request(json.dumps({**stated, **more}).encode(), headers)


def notification(said: Any, version: str = "1", **more: Any) -> dict[str, Any]:
    """The guide's notification, with what SES said in it."""
    text = said if isinstance(said, str) else json.dumps(said)
    return {**sample_json("ses/sns_notification.json"), "Message": text, "SignatureVersion": version, **more}


def activity(
    rule: str, kind: Any, at: int, address: str, by: Any = "lead", number: int = 0
) -> tuple[str, ActivitySignal]:
    return (
        "signals.activity",
        ActivitySignal(
            event_id=f"ses:{ID}/{number}:{rule}",
            lead_id=address_lead(address),
            occurred_at=at,
            source="ses",
            kind=kind,
            by=by,
        ),
    )


JANUARY = 1453906778237


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_bounce_is_told_of_each_recipient_that_it_names(ses: Source, version: str) -> None:
    """SignatureVersion 1 is SHA-1, 2 is SHA-256; the mail went to three, two bounced."""
    message = notification(sample_json("ses/bounce_without_dsn.json"), version)
    found = told(ses, signed(message))
    assert found.events == [
        activity("bounced", "bounce_hard", JANUARY, "jane@example.com", "system"),
        activity("bounced", "bounce_hard", JANUARY, "richard@example.com", "system", 1),
    ]
    assert found.faults == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bounce_with_dsn", activity("bounced", "bounce_hard", JANUARY, "jane@example.com", "system")),
        ("complaint_with_feedback", activity("complaint", "complaint", JANUARY, "richard@example.com")),
        ("complaint_without_feedback", activity("complaint", "complaint", JANUARY, "richard@example.com")),
        ("delivery", activity("sent", "sent", JANUARY, "jane@example.com", "system")),
        ("event_bounce", activity("bounced", "bounce_hard", 1501817321000, "recipient@example.com", "system")),
        ("event_complaint", activity("complaint", "complaint", 1501888925000, "recipient@example.com")),
        ("event_delivery", activity("sent", "sent", 1476919252240, "recipient@example.com", "system")),
        ("event_open", activity("opened", "opened", 0, "recipient@example.com")),
        ("event_click", activity("clicked", "clicked", 0, "recipient@example.com")),
        ("event_subscription", activity("unsubscribe", "unsubscribe", 1641949217910, "recipient@example.com")),
    ],
)
def test_what_ses_tells_of_a_mail_is_what_it_means_for_its_recipient(
    ses: Source, name: str, wanted: tuple[str, ActivitySignal]
) -> None:
    said = sample_json(f"ses/{name}.json")
    found = told(ses, signed(notification(said)))
    topic, event = wanted
    part = said.get("open") or said.get("click") or said.get("bounce") or said.get("complaint") or said.get("delivery")
    stated = (part or said["subscription"])["timestamp"]
    at = round(datetime.fromisoformat(stated).timestamp() * 1000)
    assert found.events == [
        (
            topic,
            ActivitySignal(**{name: getattr(event, name) for name in event.__struct_fields__} | {"occurred_at": at}),
        )
    ]
    assert found.faults == []


@pytest.mark.parametrize("name", ["send", "reject", "rendering_failure", "deliverydelay"])
def test_events_that_say_nothing_of_a_lead_are_ignored(ses: Source, name: str) -> None:
    found = told(ses, signed(notification(sample_json(f"ses/event_{name}.json"))))
    assert len(found.items) == 1
    assert (found.events, found.faults) == ([], [])


def test_a_bounce_that_is_not_permanent_is_a_soft_one(ses: Source) -> None:
    for kind in ("Transient", "Undetermined"):
        said = sample_json("ses/bounce_with_dsn.json")
        said["bounce"]["bounceType"] = kind
        ((_, bounce),) = told(ses, signed(notification(said))).events
        assert isinstance(bounce, ActivitySignal)
        assert bounce.kind == "bounce_soft"


def test_a_report_that_a_mail_is_no_spam_is_no_complaint(ses: Source) -> None:
    """complaintFeedbackType `not-spam`, of "Complaint object"."""
    said = sample_json("ses/complaint_with_feedback.json")
    said["complaint"]["complaintFeedbackType"] = "not-spam"
    assert told(ses, signed(notification(said))).events == []


def test_a_complaint_of_nobody_in_particular_is_told_of_everybody_whom_the_mail_went_to(ses: Source) -> None:
    """Mailbox providers take the address out of the report."""
    said = sample_json("ses/complaint_with_feedback.json")
    said["complaint"]["complainedRecipients"] = []
    leads = [event.lead_id for _, event in told(ses, signed(notification(said))).events]
    assert leads == [address_lead(f"{name}@example.com") for name in ("jane", "mary", "richard")]


def test_a_message_tag_names_the_lead_before_the_address_does(ses: Source) -> None:
    said = sample_json("ses/event_click.json")
    said["mail"]["tags"]["lead_id"] = ["lead-7"]
    assert told(ses, signed(notification(said))).events[0][1].lead_id == "lead-7"


def test_a_send_names_the_request_that_allowed_it(ses: Source) -> None:
    said = sample_json("ses/event_delivery.json")
    said["mail"]["tags"]["request_id"] = ["r-1"]
    ((_, sent),) = told(ses, signed(notification(said))).events
    assert isinstance(sent, ActivitySignal)
    assert (sent.kind, sent.request_id) == ("sent", "r-1")


@pytest.mark.parametrize("encoding", ["UTF8", "BASE64"])
def test_a_mail_received_is_a_reply_of_its_sender(ses: Source, encoding: str) -> None:
    said = sample_json("ses/received.json")
    said["receipt"]["action"]["encoding"] = encoding
    if encoding == "BASE64":
        said["content"] = base64.b64encode(said["content"].encode()).decode()
    ((topic, reply),) = told(ses, signed(notification(said))).events
    assert topic == "signals.replies"
    assert reply == ReplySignal(
        event_id=reply.event_id,
        lead_id=address_lead("sender@example.com"),
        occurred_at=1442003553936,
        source="ses",
        headers={
            "Return-Path": "<61967230-7A45-4A9D-BEC9-87CBCF2211C9@example.com>",
            "From": "sender@example.com",
            "To": "recipient@example.com",
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=UTF-8",
            "Content-Transfer-Encoding": "7bit",
            "Date": "Fri, 11 Sep 2015 20:32:32 +0000",
            "Message-ID": "<61967230-7A45-4A9D-BEC9-87CBCF2211C9@example.com>",
            "Feedback-ID": "1.us-east-1.Krv2FKpFdWV+KUYw3Qd6wcpPJ4Sv/pOPpEPSHn2u2o4=:AmazonSES",
        },
        subject="Example subject",
        text="Example content\r\n",
    )


def test_a_mail_to_our_token_is_a_reply_of_that_lead(ses: Source) -> None:
    said = sample_json("ses/received.json")
    said["receipt"]["recipients"] = [f"reply+{token_of('lead-7', SECRET, 'reply')}@example.com"]
    assert told(ses, signed(notification(said))).events[0][1].lead_id == "lead-7"


def test_a_mail_that_lies_in_s3_is_kept_as_a_letter_that_says_what_to_change(ses: Source) -> None:
    found = told(ses, signed(notification(sample_json("ses/received_s3.json"))))
    assert found.items == ()
    assert "receive by an SNS action" in found.reading.left[0].reason


def test_the_prose_that_ses_sends_first_is_kept_as_a_letter(ses: Source) -> None:
    incoming = signed(notification("Successfully validated SNS topic for Amazon SES event publishing."))
    found = told(ses, incoming)
    assert [left.body for left in found.reading.left] == [incoming.body]


def test_a_subject_is_signed_when_it_is_there(ses: Source) -> None:
    message = notification(sample_json("ses/delivery.json"))
    assert message["Subject"] == "My First Message"
    del message["Subject"]
    assert told(ses, signed(message)).items
    with pytest.raises(Unauthorized):
        told(ses, signed(message, Subject="added"))


def test_wrong_old_and_foreign_messages_are_refused(ses: Source, folder: Path) -> None:
    message, other = notification(sample_json("ses/delivery.json")), rsa.generate_private_key(65537, 2048)
    day = 86_400_000
    url = message["SigningCertURL"]
    bad = [
        signed(message, Message="{}"),
        signed(message, other),
        signed(message, Signature="EXAMPLEw6JRN..."),
        signed(message, Signature=""),
        signed(message, SignatureVersion="3"),
        signed(message, SignatureVersion="2"),  # of another digest than the one that was signed
        signed(message, at=NOW - 2 * day),
        signed(message, at=NOW + 2 * day),
        signed(message | {"TopicArn": "arn:aws:sns:us-west-2:666666666666:Theirs"}),
        signed(message, MessageId=None),
        *(
            signed(message, SigningCertURL=address)
            for address in (
                "https://evil.example/" + NAME,
                "https://sns.us-west-2.amazonaws.com.evil.example/" + NAME,
                "https://sns.us-west-2.amazonaws.com@evil.example/" + NAME,
                url.replace("https", "http"),
                "https://[",
                url.replace(NAME, "../../etc/passwd"),
                "",
            )
        ),
        request(sample("ses/delivery.json")),  # raw message delivery: nothing is signed
        request(b"no json"),
    ]
    for incoming in bad:
        with pytest.raises(Unauthorized):
            told(ses, incoming)
    assert told(ses, signed(message)).items


def test_a_certificate_that_is_not_there_yet_is_waited_for(ses: Source, folder: Path) -> None:
    """Amazon changes its certificate now and then; SNS gives up at 4xx, so this is answered 503 until it is there."""
    message, newer = notification(sample_json("ses/delivery.json")), NAME.replace("f3ec", "aaaa")
    incoming = signed(message, SigningCertURL=message["SigningCertURL"].replace("f3ec", "aaaa"))
    with pytest.raises(Unproven, match="download it there") as refused:
        told(ses, incoming)
    assert refused.value.status == 503
    (folder / newer).write_bytes(certificate())
    assert told(ses, incoming).items


def test_a_certificate_that_has_run_out_is_refused(tmp_path: Path, folder: Path) -> None:
    (folder / NAME).write_bytes(certificate(days=-1))
    source = shipped("ses.yaml", tmp_path, {"/etc/leadlane/sns": str(folder)})["ses"]
    with pytest.raises(Unproven, match="not valid at this time"):
        told(source, signed(notification(sample_json("ses/delivery.json"))))


def test_the_certificate_may_be_one_file_and_a_file_that_is_none_is_a_fault(tmp_path: Path, folder: Path) -> None:
    changes = {"/etc/leadlane/sns": str(folder / NAME)}
    assert told(
        shipped("ses.yaml", tmp_path, changes)["ses"], signed(notification(sample_json("ses/delivery.json")))
    ).items
    (folder / NAME).write_text("nothing")
    with pytest.raises(BadGatewayConfig, match="expected a certificate in PEM"):
        shipped("ses.yaml", tmp_path, changes)


def test_a_subscription_is_not_visited_but_the_operator_is_told_how(
    ses: Source, caplog: pytest.LogCaptureFixture
) -> None:
    message = sample_json("ses/sns_subscriptionconfirmation.json")
    with caplog.at_level(logging.WARNING):
        found = told(ses, signed(message))
    assert found.items == ()
    assert found.reading.answer is not None
    assert found.reading.answer.status == 200
    command = f"aws sns confirm-subscription --topic-arn {TOPIC} --token {message['Token']}"
    assert [command in record.message for record in caplog.records] == [True]


@pytest.fixture
def visited(folder: Path) -> tuple[Ses, list[str]]:
    addresses: list[str] = []
    options = SesOptions(topics=(TOPIC,), certificates=folder, confirm="visit")
    return Ses(options, visit=addresses.append), addresses


def test_a_subscription_is_visited_when_configured_at_an_address_that_is_made_here(
    visited: tuple[Ses, list[str]],
) -> None:
    platform, addresses = visited
    message = sample_json("ses/sns_subscriptionconfirmation.json") | {"Token": "2336412f37f"}
    incoming = signed(message | {"SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Other&Token=x#y"})
    platform.authenticate(incoming)
    platform.read(incoming)
    topic = "arn%3Aaws%3Asns%3Aus-west-2%3A123456789012%3AMyTopic"
    assert addresses == [
        f"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37f"
    ]


def test_no_other_host_is_visited_even_when_configured(visited: tuple[Ses, list[str]]) -> None:
    platform, addresses = visited
    message = sample_json("ses/sns_subscriptionconfirmation.json") | {"Token": "2336412f37f"}
    for url in (
        "https://evil.example/?Action=ConfirmSubscription",
        "https://169.254.169.254/",
        "file:///etc/passwd",
        "https://[",
        "",
    ):
        incoming = signed(message | {"SubscribeURL": url})
        platform.authenticate(incoming)
        platform.read(incoming)
    assert addresses == []


def test_a_visit_follows_no_redirect() -> None:
    asked: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(OSError, match="302"):
            _get(f"http://127.0.0.1:{server.server_port}/start")
        server.shutdown()
    assert asked == ["/start"]
