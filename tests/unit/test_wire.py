"""Bad input, one by one: each gives an error that says what came, what was expected, where, and what to do."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from streams.core.events import Event
from streams.lane.registry import BuiltInCatalogue
from streams.lane.unreadable import UnreadableRecord
from streams.lane.wire import NAME_OF, RECORD_OF, Wire
from tests.factories import (
    CONTROLS,
    DAY,
    EFFECTS,
    EVENTS,
    HOUR,
    LEAD,
    T0,
    a_case,
    a_consent,
    a_profile,
    a_published_score,
    a_reply,
    a_request,
    a_review,
    a_route,
    a_score,
    an_activity,
    an_intent,
    an_ooto,
)

REMEDY = ". Sent to dead.letters; fix the sender, then `leadlane dlq redrive`."
SCORES = "signals.scores"
TOPIC_OF = {record: topic for topic, record in RECORD_OF.items()}
wire = Wire(BuiltInCatalogue())


def topic_of(record: Any) -> str:
    return TOPIC_OF[NAME_OF[type(record)]]


def refusal(topic: str, value: bytes | None, codec: Wire = wire) -> str:
    """The message for a value at signals.scores[3]@88121 and the like, without its remedy."""
    with pytest.raises(UnreadableRecord) as caught:
        codec.decode(topic, value)
    text = str(caught.value.at(topic, 3, 88121))
    head = f"UnreadableRecord: {topic}[3]@88121: "
    assert text.startswith(head)
    assert text.endswith(REMEDY)
    return text.removeprefix(head).removesuffix(REMEDY)


def refusal_of(event: Event) -> str:
    return refusal(topic_of(event), wire.encode(event))


@pytest.mark.parametrize("make", [*EVENTS, *CONTROLS, *EFFECTS], ids=lambda make: make.__name__)
def test_what_is_written_is_read_back(make: Any) -> None:
    record = make()
    assert wire.decode_any(topic_of(record), wire.encode(record)) == record


def test_the_whole_message_of_a_wrong_value() -> None:
    with pytest.raises(UnreadableRecord) as caught:
        wire.decode(SCORES, wire.encode(a_score(value=171.0)))
    assert str(caught.value.at(SCORES, 3, 88121)) == (
        "UnreadableRecord: signals.scores[3]@88121: value is 171.0, expected 0..100. Sent to dead.letters; fix the"
        " sender, then `leadlane dlq redrive`."
    )
    assert (caught.value.event_id, caught.value.lead_id) == ("score-1", LEAD)


# --- frames


def test_a_tombstone() -> None:
    assert refusal(SCORES, None) == "value is null (a tombstone), expected a ScoreSignal"


def test_an_empty_value() -> None:
    assert refusal("signals.intent", b"") == (
        "value starts with b'', expected Confluent framing: a zero byte, 4 bytes of schema id, then an IntentSignal"
        " in Avro"
    )


def test_json_instead_of_avro() -> None:
    assert refusal(SCORES, b'{"value": 60}') == (
        "value starts with b'{\"val', expected Confluent framing: a zero byte, 4 bytes of schema id, then a ScoreSignal"
        " in Avro"
    )


def test_an_unknown_schema_id() -> None:
    assert refusal(SCORES, b"\0\0\x0f\x42\x3f" + b"x") == (
        "schema id is 999999, which nobody knows, expected one of ScoreSignal, such as 201 (ScoreSignal v1)"
    )


def test_the_schema_of_another_record() -> None:
    assert refusal(SCORES, wire.encode(an_intent())) == (
        "schema id is 301 (IntentSignal v1), expected one of ScoreSignal, such as 201 (ScoreSignal v1)"
    )


def test_text_of_10_megabytes() -> None:
    value = wire.encode(a_reply(text="x" * 10_000_000))
    assert refusal("signals.replies", value) == f"value is {len(value):,} bytes long, expected at most 1,000,000"


def test_a_value_as_large_as_the_setting_is_read() -> None:
    value = wire.encode(a_score())
    assert Wire(BuiltInCatalogue(), max_value_bytes=len(value)).decode(SCORES, value) == a_score()
    assert refusal(SCORES, value, Wire(BuiltInCatalogue(), max_value_bytes=51)) == (
        "value is 52 bytes long, expected at most 51"
    )


# --- Avro

CANNOT = "that schema 201 (ScoreSignal v1) cannot read"
WHOLE = "expected one whole ScoreSignal"


@pytest.mark.parametrize("length", range(5, 52))
def test_truncated_avro_wherever_it_is_cut(length: int) -> None:
    text = refusal(SCORES, wire.encode(a_score())[:length])
    assert text == f"value is {length} bytes {CANNOT} (it ends in the middle), {WHOLE}"


def test_bytes_after_the_datum() -> None:
    assert refusal(SCORES, wire.encode(a_score()) + b"abc") == (
        f"value is 55 bytes {CANNOT} (the datum ends at byte 52, the value at byte 55), {WHOLE}"
    )


def with_event_id(encoded: bytes) -> bytes:
    """A ScoreSignal whose event_id stands as `encoded`."""
    value = wire.encode(a_score())
    return value[:5] + encoded + value[13:]


def test_a_text_that_is_not_utf_8() -> None:
    assert refusal(SCORES, with_event_id(b"\x04\xff\xfe")) == (
        f"value is 47 bytes {CANNOT} (a text is not UTF-8: invalid start byte, b'\\xff\\xfe'), {WHOLE}"
    )


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        (
            b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "byte 15 has a length of 9223372036854775807, but 39 bytes are left",
        ),
        (b"\x01", "byte 6 has a length of -1, but 39 bytes are left"),
        (b"\x80\x80\x80\x80\x80\x40", "byte 11 has a length of 1099511627776, but 39 bytes are left"),
        (b"\xff" * 40, "no number ends at byte 15"),
        (b"\xff" * 9 + b"\x7f", "no number ends at byte 15"),
    ],
    ids=["the longest", "negative", "a terabyte", "no end", "more than 64 bits"],
)
def test_a_length_that_cannot_be(encoded: bytes, why: str) -> None:
    value = with_event_id(encoded)
    assert refusal(SCORES, value) == f"value is {len(value)} bytes {CANNOT} ({why}), {WHOLE}"


def test_a_count_of_items_that_cannot_be() -> None:
    value = wire.encode(a_review(evidence_opened=("score-1",)))
    block = value.index(b"\x02\x0escore-1")
    count = b"\xfe\xff\xff\xff\x0f"  # 2^31 - 1 items
    assert refusal("cases.reviews", value[:block] + count + value[block + 1 :]) == (
        f"value is {len(value) + 4} bytes that schema 1001 (CaseReview v1) cannot read"
        f" (byte {block + 5} has a count of 2147483647 items, but 10 bytes are left), expected one whole CaseReview"
    )


def test_a_branch_and_a_boolean_that_no_writer_makes() -> None:
    value = wire.encode(a_score())
    assert refusal(SCORES, value[:-1] + b"\x01") == (
        f"value is 52 bytes {CANNOT} (no branch of the union at byte 51), {WHOLE}"
    )
    switch = wire.encode(CONTROLS[3]())
    with pytest.raises(UnreadableRecord, match=r"\(no boolean at byte 33\), expected one whole Switch"):
        wire.decode_control("control.switches", switch[:-1] + b"\x02")


# --- ranges

BASES = "consent, contract, legitimate_interest, none"
SCOPES = "chat, email, mail, meeting, other, phone, sms, social, web"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (a_score(value=-0.5), "value is -0.5, expected 0..100"),
        (a_score(value=math.nan), "value is nan, expected 0..100"),
        (a_score(value=math.inf), "value is inf, expected 0..100"),
        (a_score(confidence=90.0), "confidence is 90.0, expected 0..1"),
        (a_score(kind="vibes"), "kind is 'vibes', expected one of engagement, fit, vendor"),
        (a_score(lead_id=""), "lead_id is 0 characters long, expected 1..200 characters"),
        (a_score(event_id="e" * 201), "event_id is 201 characters long, expected 1..200 characters"),
        (a_score(occurred_at=-1), "occurred_at is -1, expected 0..253402300799000"),
        (an_ooto(return_on=2_932_897), "return_on is 2932897, expected -719162..2932896"),
        (an_activity(kind="teleported"), None),
        (an_activity(severity=6), "severity is 6, expected 1..5"),
        (an_activity(value=math.nan), "value is nan, expected 0..1e+12"),
        (a_request(audience_size=-1), "audience_size is -1, expected 0..2000000000"),
        (a_profile(country="de"), "country is 'de', expected two capital letters A-Z"),
        (a_profile(country="DE\n"), "country is 'DE\\n', expected two capital letters A-Z"),
        (a_profile(consent=a_consent(basis="assumed")), f"consent.basis is 'assumed', expected one of {BASES}"),
        (a_profile(consent=a_consent(scope=("email", "fax"))), f"consent.scope[1] is 'fax', expected one of {SCOPES}"),
        (a_profile(segments=("a", "b" * 101)), "segments[1] is 101 characters long, expected 0..100 characters"),
        (a_review(note="n" * 4001), "note is 4001 characters long, expected 0..4000 characters"),
    ],
    ids=lambda value: value.split(", expected")[0] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_value_out_of_its_range(event: Event, text: str | None) -> None:
    if text is None:  # the closed list is long: it is named whole all the same
        assert refusal_of(event).startswith("kind is 'teleported', expected one of bounce_hard, bounce_soft, clicked, ")
    else:
        assert refusal_of(event) == text


def test_missing_consent_is_a_valid_record_that_says_nothing() -> None:
    event = a_profile(consent=None)
    assert wire.decode("leads.profiles", wire.encode(event)) == event


# --- key and time


def misplaced(event: Event, key: bytes | None, now: int = T0) -> str:
    with pytest.raises(UnreadableRecord) as caught:
        wire.check(event, key, now)
    assert (caught.value.event_id, caught.value.lead_id) == (event.event_id, event.lead_id)
    return caught.value.what


def test_a_right_key_and_time_pass() -> None:
    wire.check(a_score(), b"lead-1", T0)
    wire.check(a_score(lead_id="Zoë"), "Zoë".encode(), T0)
    wire.check(a_score(occurred_at=T0 + DAY), b"lead-1", T0)
    wire.check(a_score(occurred_at=946_684_800_000), b"lead-1", T0)


def test_a_null_key() -> None:
    assert misplaced(a_score(), None) == "key is null, expected 'lead-1', the record's lead_id"


def test_a_key_that_is_not_utf_8() -> None:
    assert misplaced(a_score(), b"\xff\xfe") == (
        "key is b'\\xff\\xfe', expected 'lead-1' in UTF-8, the record's lead_id"
    )


def test_the_key_of_another_lead() -> None:
    assert misplaced(a_score(), b"lead-2") == "key is 'lead-2', expected 'lead-1', the record's lead_id"


def test_a_time_that_is_still_to_come() -> None:
    assert misplaced(a_score(occurred_at=T0 + DAY + 1), b"lead-1") == (
        "occurred_at is 2026-06-09T09:00:00.001Z, expected at most a day after now, 2026-06-08T09:00:00.000Z"
    )


def test_a_time_from_another_age() -> None:
    assert misplaced(a_score(occurred_at=0), b"lead-1") == (
        "occurred_at is 1970-01-01T00:00:00.000Z, expected 2000-01-01T00:00:00.000Z or later"
    )


# --- headers


def test_outputs_carry_cloud_events_headers() -> None:
    assert wire.headers(a_route(), 3, T0 + HOUR + 7) == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"signals.scores-0-7/RoutedLead"),
        ("ce_source", b"/leadlane/lane/3"),
        ("ce_type", b"leadlane.RoutedLead"),
        ("ce_time", b"2026-06-08T10:00:00.007Z"),
    )


def test_no_two_outputs_of_a_decision_share_an_id() -> None:
    outputs = [make() for make in EFFECTS] + [
        a_case(version=2),
        a_case(case_id="case-2"),
        a_published_score(lead_id="x"),
    ]
    ids = [dict(wire.headers(output, 0, T0))["ce_id"] for output in outputs]
    assert len(set(ids[:-1])) == len(ids) - 1
    assert ids[-1] == ids[1]  # the same decision's score is the same output


def test_messages_stay_short_whatever_came() -> None:
    text = refusal_of(a_score(kind="k" * 100_000))
    assert len(text) < 200
    assert json.dumps(text)
