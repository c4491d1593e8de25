"""Raw mails taken apart."""

from __future__ import annotations

import contextlib
from email.message import EmailMessage

import pytest

from streams.core.reading import ParsedMail, UnreadableMail, parse_mail, read_reply
from streams.core.reading.mail import text_of_html


def test_a_plain_mail_is_headers_subject_text_and_date() -> None:
    raw = b"From: a@b.example\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: Wed, 19 Aug 2026 11:00:00 +0200\n\nHallo\n"
    assert parse_mail(raw) == ParsedMail(
        {"From": "a@b.example", "Subject": "Grüße", "Date": "Wed, 19 Aug 2026 11:00:00 +0200"},
        "Grüße",
        "Hallo\n",
        1_787_130_000_000,
    )


def test_plain_text_wins_over_html_and_html_is_read_when_alone() -> None:
    mail = EmailMessage()
    mail["From"] = "a@b.example"
    mail.set_content("plain")
    mail.add_alternative("<p>html</p>", subtype="html")
    assert parse_mail(mail.as_bytes()).text.strip() == "plain"
    mail = EmailMessage()
    mail["From"] = "a@b.example"
    mail.set_content("<style>p{}</style><p>Not&nbsp;interested</p><blockquote>Interested?</blockquote>", subtype="html")
    assert parse_mail(mail.as_bytes()).text.replace("\xa0", " ").split() == ["Not", "interested", ">", "Interested?"]


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252"])
def test_charsets_are_decoded(charset: str) -> None:
    raw = f"From: a\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\nGrüße".encode(
        charset
    )
    assert parse_mail(raw).text == "Grüße"


def test_an_unknown_charset_is_read_as_it_can() -> None:
    raw = b"From: a\nContent-Type: text/plain; charset=x-nonsense\n\nGr\xfc\xdfe"
    assert parse_mail(raw).text == "Grüße"


def test_a_delivery_report_is_part_of_the_text_and_the_returned_original_is_not() -> None:
    raw = (
        b"From: x\nContent-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
        b"--B\nContent-Type: text/plain\n\nNot delivered.\n"
        b"--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nAction: failed\nStatus: 5.1.1\n"
        b"--B\nContent-Type: message/rfc822\n\nFrom: me\nSubject: s\n\nAre you interested?\n--B--\n"
    )
    text = parse_mail(raw).text
    assert "Not delivered." in text
    assert "Status: 5.1.1" in text
    assert "interested" not in text


@pytest.mark.parametrize("raw", [b"", b"\x89PNG\r\n\x1a\n\x00", b"hello world", b"\x00" * 900, b"a: b\n\nc"])
def test_what_is_no_mail_is_refused_with_what_was_expected(raw: bytes) -> None:
    with pytest.raises(UnreadableMail, match=r"expected a mail .* got b'"):
        parse_mail(raw)


def test_parts_nested_a_thousand_deep_end_in_an_answer() -> None:
    depth = 1_000
    raw = b"From: a\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )
    with contextlib.suppress(UnreadableMail):
        parse_mail(raw)


@pytest.mark.parametrize(
    "bad", ["<" * 200_000, "<!--" * 60_000, "<a " * 80_000, "<blockquote>" * 20_000, "&#x" * 80_000]
)
def test_hostile_html_is_read_in_bounded_time(bad: str) -> None:
    assert len(text_of_html(bad)) <= 250_000


def test_a_parsed_mail_is_read() -> None:
    mail = parse_mail(b"From: a@b.example\nAuto-Submitted: auto-replied\nSubject: Away\n\nBack on 3 January 2099.\n")
    assert read_reply(mail.headers, mail.subject, mail.text, 0).is_automatic
