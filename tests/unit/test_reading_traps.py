"""Every trap that the reply reader is specified to avoid, by name."""

from __future__ import annotations

from datetime import date

import pytest

from streams.core.reading import Reading, ReplyClass, read_reply

AT = 1_787_130_000_000  # Wednesday 2026-08-19 09:00 UTC
EPOCH = date(1970, 1, 1).toordinal()
AUTO = {"Auto-Submitted": "auto-replied"}


def day(iso: str) -> int:
    return date.fromisoformat(iso).toordinal() - EPOCH


def read(text: str, headers: dict[str, str] | None = None, subject: str = "Re: x", **known: str) -> Reading:
    return read_reply(headers or {}, subject, text, AT, **known)


def test_a_bounce_with_an_automatic_header_is_a_bounce() -> None:
    headers = {**AUTO, "X-Failed-Recipients": "a@b.example", "From": "Mail Delivery System <Mailer-Daemon@mx.example>"}
    assert read("a mailbox is full", headers, "Mail delivery failed").reply_class is ReplyClass.BOUNCE


def test_a_successful_delivery_report_is_no_bounce() -> None:
    headers = {"From": "mailer-daemon@mx.example", "Content-Type": "multipart/report; report-type=delivery-status"}
    assert read("Action: delivered\nStatus: 2.0.0", headers).reply_class is ReplyClass.AUTO_ACK


def test_auto_submitted_no_is_a_person() -> None:
    assert not read("Sounds good.", {"Auto-Submitted": "no"}).is_automatic


def test_x_auto_response_suppress_is_no_evidence() -> None:
    assert not read("Sounds good.", {"X-Auto-Response-Suppress": "All"}).is_automatic


@pytest.mark.parametrize("value", ["bulk", "list", "junk", "Bulk"])
def test_precedence_bulk_or_list_alone_is_no_evidence(value: str) -> None:
    assert not read("Sounds good.", {"Precedence": value}).is_automatic


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Auto-Submitted": "auto-generated; type=x"},
        {"X-Autoreply": "yes"},
        {"X-Autorespond": "yes"},
        {"X-Apple-Action": "VACATION"},
        {"Precedence": "auto_reply"},
        {"X-MS-Exchange-Message-Class": "IPM.Note.Rules.OofTemplate.Microsoft"},
    ],
)
def test_each_header_that_is_evidence(headers: dict[str, str]) -> None:
    reading = read("I am out of the office.", headers)
    assert (reading.reply_class, reading.is_automatic, reading.evidence[0].source) == (ReplyClass.OOO, True, "header")


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: x",
        "Automatische Antwort: x",
        "Réponse automatique : x",
        "Respuesta automática: x",
        "Risposta automatica: x",
    ],
)
def test_localized_subjects_are_evidence_and_replies_to_them_are_not(subject: str) -> None:
    text = "I am out of the office."
    assert read(text, subject=subject).reply_class is ReplyClass.OOO
    assert not read(text, subject=f"Re: {subject}").is_automatic


def test_the_quoted_original_is_cut_first() -> None:
    reading = read(
        "No thanks.\n\nOn Mon, Aug 17, 2026 at 9:00 Sam <s@v.example> wrote:\n> Interested in a demo? Unsubscribe here."
    )
    assert (reading.reply_class, reading.also_classes) == (ReplyClass.NOT_INTERESTED, ())


def test_an_unsubscribe_link_in_the_persons_own_footer_is_no_request() -> None:
    text = "Let's talk on Monday.\n\nAnn\nUnsubscribe from our newsletter: https://acme.example/unsubscribe"
    assert read(text).reply_class is ReplyClass.INTERESTED


def test_not_interested_contains_interested() -> None:
    reading = read("We are not interested.")
    assert (reading.reply_class, reading.also_classes) == (ReplyClass.NOT_INTERESTED, ())


@pytest.mark.parametrize(
    "text", ["I am not only interested, I want to buy.", "No problem, I'm interested.", "No doubt we are interested."]
)
def test_a_negation_of_something_else_leaves_the_interest(text: str) -> None:
    assert read(text).reply_class is ReplyClass.INTERESTED


def test_out_until_the_14th_but_interested_is_a_person() -> None:
    reading = read("I'm out until the 14th but yes, interested")
    assert (reading.reply_class, reading.is_automatic, reading.until) == (
        ReplyClass.INTERESTED,
        False,
        day("2026-09-14"),
    )


def test_absence_in_the_text_alone_goes_to_a_person_with_evidence() -> None:
    reading = read("I am out of the office until 14 September.")
    assert (reading.reply_class, reading.is_automatic, reading.confidence) == (ReplyClass.UNCLASSIFIED, False, 0.0)
    assert [e.what for e in reading.evidence] == ["absence.suspected", "date.until"]
    assert reading.until == day("2026-09-14")


def test_a_german_day_and_month_is_a_date_and_no_time() -> None:
    assert read("Ich bin bis 05.09. nicht im Büro.", AUTO).until == day("2026-09-05")
    assert read("Ich bin bis 05.09 nicht im Büro.", AUTO).until == day("2026-09-05")


def test_a_german_time_is_no_date() -> None:
    assert read("Ich bin ab 10.05 Uhr wieder erreichbar.", AUTO).until is None


def test_an_ambiguous_slash_date_is_left_alone() -> None:
    reading = read("I will be back on 9/8.", AUTO)
    assert reading.until is None
    assert [e.what for e in reading.evidence if e.what.startswith("date")] == ["date.ambiguous"]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"country": "US"}, "2026-10-09"),
        ({"country": "GB"}, "2026-09-10"),
        ({"language": "en-US"}, "2026-10-09"),
        ({"language": "en_GB"}, "2026-09-10"),
    ],
)
def test_the_country_decides_a_slash_date(known: dict[str, str], expected: str) -> None:
    assert read("I will be back on 10/9.", AUTO, **known).until == day(expected)


def test_a_language_with_one_custom_decides_a_slash_date() -> None:
    assert read("Je suis absent jusqu'au 10/9.", AUTO).until == day("2026-09-10")


def test_a_day_above_twelve_decides_a_slash_date() -> None:
    assert (
        read("I will be back on 9/14.", AUTO).until == read("I will be back on 14/9.", AUTO).until == day("2026-09-14")
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I was away until 3 May 2026.", "date.past"),
        ("I will be back on 12 August.", "date.past"),
        ("I will be back on 31 February 2027.", "date.impossible"),
        ("Ich bin bis 30.02. im Urlaub.", "date.impossible"),
    ],
)
def test_past_and_impossible_dates_are_none_and_say_why(text: str, fault: str) -> None:
    reading = read(text, AUTO)
    assert reading.until is None
    assert [e.what for e in reading.evidence if e.what.startswith("date")] == [fault]


def test_a_date_far_away_is_kept_as_read() -> None:
    assert read("I am on parental leave until 30 June 2027.", AUTO).until == day("2027-06-30")


def test_a_date_over_new_year_is_next_years() -> None:
    december = 1_797_840_000_000  # 2026-12-21
    assert read_reply(AUTO, "x", "Back on January 4.", december).until == day("2027-01-04")


def test_the_date_in_our_own_subject_is_not_theirs() -> None:
    assert read("I am away.", subject="Automatic reply: Webinar on 5 October").until is None


def test_the_date_in_their_own_subject_is() -> None:
    assert read("Limited access to email.", AUTO, "Away until October 5").until == day("2026-10-05")


def test_apples_vacation_header_has_the_end() -> None:
    headers = {"X-Apple-Action": "VACATION", "X-Apple-Criteria": "{kind=VACATION,endDate=2026-09-10T14:59:59Z}"}
    assert read("Sleeping.", headers, "Auto reply: x").until == day("2026-09-10")


def test_tomorrow_begins_in_the_leads_time_zone() -> None:
    late = 1_787_180_400_000  # 2026-08-19 23:00 UTC, the 20th in Tokyo
    assert read_reply(AUTO, "x", "I will be back tomorrow.", late).until == day("2026-08-20")
    assert read_reply(AUTO, "x", "I will be back tomorrow.", late, time_zone="Asia/Tokyo").until == day("2026-08-21")


def test_one_click_unsubscribe_mails_are_automatic_and_count() -> None:
    reading = read("", {**AUTO}, "unsubscribe")
    assert (reading.reply_class, reading.is_automatic) == (ReplyClass.UNSUBSCRIBE, True)


def test_leaving_for_vacation_is_not_leaving_the_company() -> None:
    assert read("I have left for vacation, back on Monday.", AUTO).reply_class is ReplyClass.OOO
