"""Automatic mails, mails that come back, and mails that only look automatic."""

from __future__ import annotations

from typing import Literal

import pytest

from streams.core.reading import ReplyClass, read_reply
from tests.unit.reading_machines import LOOKALIKES, MACHINES

AT = 1_787_130_000_000


def _name(case: tuple[ReplyClass, dict[str, str], str, str]) -> str:
    return f"{case[0].value}: {case[2][:24]}: {case[3][:36]}"


@pytest.mark.parametrize("case", MACHINES, ids=_name)
def test_a_machine_is_known_and_what_it_says(case: tuple[ReplyClass, dict[str, str], str, str]) -> None:
    expected, headers, subject, text = case
    reading = read_reply(headers, subject, text, AT)
    assert reading.reply_class is expected
    assert reading.is_automatic == (bool(headers) or not subject.lower().startswith("unsub"))
    assert reading.evidence[0].source in ("header", "subject")
    assert reading.sentiment == 0.0


@pytest.mark.parametrize("case", LOOKALIKES, ids=_name)
def test_a_person_stays_a_person(case: tuple[ReplyClass, dict[str, str], str, str]) -> None:
    expected, headers, subject, text = case
    reading = read_reply(headers, subject, text, AT)
    assert (reading.reply_class, reading.is_automatic) == (expected, False)


@pytest.mark.parametrize("name", ["Auto-Submitted", "AUTO-SUBMITTED", "auto-submitted", " Auto-Submitted: "])
def test_case_and_blanks_of_header_names_do_not_matter(name: str) -> None:
    assert read_reply({name: " auto-replied "}, "x", "I am away.", AT).is_automatic


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("hard", "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown"),
        ("hard", "Status: 5.1.1\nAction: failed"),
        ("hard", "Status: 5.1.10\nAction: failed\nRESOLVER.ADR.RecipientNotFound"),
        ("hard", "The email account that you tried to reach does not exist."),
        ("hard", "Host or domain name not found"),
        ("hard", "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.2.1\nmailbox disabled"),
        ("soft", "552 5.2.2 mailbox is full"),
        ("soft", "Status: 4.4.1\nAction: delayed"),
        ("soft", "451 4.7.1 Greylisting in action, please come back later"),
        ("soft", "550 5.7.1 message rejected due to spam content"),
        ("soft", "Status: 5.3.4\nmessage size exceeds fixed limit"),
        ("soft", "Action: failed"),
    ],
)
def test_hard_is_an_address_that_is_gone_and_soft_the_rest(kind: Literal["hard", "soft"], text: str) -> None:
    reading = read_reply(
        {"From": "MAILER-DAEMON@mx.example", "Auto-Submitted": "auto-replied"}, "failure notice", text, AT
    )
    assert (reading.reply_class, reading.bounce_kind) == (ReplyClass.BOUNCE, kind)


def test_a_machine_without_any_words_pauses() -> None:
    reading = read_reply({"Auto-Submitted": "auto-replied"}, "x", "", AT)
    assert (reading.reply_class, reading.confidence) == (ReplyClass.OOO, 0.7)


def test_a_replacement_in_an_absence_text_is_told_but_stays_out_of_office() -> None:
    reading = read_reply(
        {"Auto-Submitted": "auto-replied", "From": "ann@acme.example"},
        "Automatic reply: x",
        "I am out of office. Please contact bob@acme.example or write to ann@acme.example.",
        AT,
    )
    assert (reading.reply_class, reading.referral_to) == (ReplyClass.OOO, "bob@acme.example")
