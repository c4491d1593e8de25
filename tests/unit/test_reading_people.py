"""What people answer: one case per line of reading_cases, and the rows that read them."""

from __future__ import annotations

import pytest

from streams.core.reading import (
    ReplyClass,
    read_reply,
    rows_automatic,
    rows_interest,
    rows_later,
    rows_somebody,
    rows_stop,
    rows_topic,
)
from streams.core.reading.cues import Cue
from streams.core.reading.words import examples, phrase, words_of
from tests.unit.reading_cases import PEOPLE, PLAUSIBLE

AT = 1_787_130_000_000  # Wednesday 2026-08-19 09:00 UTC
TABLES = (rows_automatic, rows_interest, rows_later, rows_somebody, rows_stop, rows_topic)
CUES = [
    cue for table in TABLES for rows in vars(table).values() if isinstance(rows, tuple) for cue in rows
    if isinstance(cue, Cue)
]  # fmt: skip


@pytest.mark.parametrize(("expected", "text"), PEOPLE, ids=[f"{c.value}: {t[:40]}" for c, t in PEOPLE])
def test_a_person_is_read_as_a_careful_person_would(expected: ReplyClass, text: str) -> None:
    reading = read_reply({}, "Re: hello", text, AT)
    assert (reading.reply_class, reading.is_automatic) == (expected, False)
    assert (expected is ReplyClass.UNCLASSIFIED) == (reading.confidence == 0.0)
    if expected is not ReplyClass.UNCLASSIFIED:
        assert reading.evidence


@pytest.mark.parametrize(("classes", "text"), PLAUSIBLE, ids=[text[:50] for _, text in PLAUSIBLE])
def test_everyday_talk_sets_off_no_false_alarm(classes: str, text: str) -> None:
    reading = read_reply({}, "Re: hello", text, AT)
    assert (reading.reply_class.value in classes.split(), reading.is_automatic) == (True, False)
    assert "complaint" in classes or not reading.legal_threat


@pytest.mark.parametrize(("expected", "text"), [case for case in PEOPLE if case[1]], ids=str)
def test_signature_and_quoted_original_change_nothing(expected: ReplyClass, text: str) -> None:
    mail = (
        f"{text}\n\nBest regards,\nAnn Miller\nHead of Sales, Acme Inc\nSent from my iPhone\n\n"
        "On Mon, Feb 1, 2027 at 6:32 PM Sam Seller <sam@vendor.example>\nwrote:\n\n"
        "> Hi Ann,\n> are you interested in a demo? Our prices start at 5.\n> Unsubscribe here: https://vendor.example/u\n"
    )
    assert read_reply({}, "Re: hello", mail, AT).reply_class is expected


@pytest.mark.parametrize("cue", CUES, ids=lambda cue: f"{cue.name}.{cue.language}")
def test_each_phrase_of_a_row_finds_its_own_words_and_is_called_up_by_them(cue: Cue) -> None:
    for source in (*cue.phrases, *cue.unless):
        compiled = phrase(source)
        for example in examples(source):
            words = words_of(example)
            assert compiled.pattern.search(words.line), (source, example)
            assert compiled.words & words.words or compiled.stems & words.stems, (source, example)


def test_every_cue_names_a_class_or_a_side_finding() -> None:
    side = {"absent", "legal", "objection"}
    assert {cue.name for cue in CUES} - side <= {c.value for c in ReplyClass}


def test_interest_and_a_question_for_the_price_are_both_told() -> None:
    reading = read_reply({}, "Re: x", "We are interested. What does it cost?", AT)
    assert (reading.reply_class, reading.also_classes) == (ReplyClass.INTERESTED, (ReplyClass.PRICING,))


def test_a_request_to_stop_comes_before_everything_else_in_the_mail() -> None:
    reading = read_reply({}, "Re: x", "Looks interesting. What does it cost? But please remove me from your list.", AT)
    assert reading.reply_class is ReplyClass.UNSUBSCRIBE
    assert reading.also_classes == (ReplyClass.INTERESTED, ReplyClass.PRICING)


@pytest.mark.parametrize(
    "text",
    [
        "You will hear from my lawyer.",
        "I request erasure of my data under Article 17 GDPR.",
        "Abmahnung folgt.",
        "Je vais saisir la CNIL.",
    ],
)
def test_a_legal_threat_is_a_complaint_and_says_so(text: str) -> None:
    reading = read_reply({}, "Re: x", text, AT)
    assert (reading.reply_class, reading.legal_threat) == (ReplyClass.COMPLAINT, True)


@pytest.mark.parametrize(
    "text",
    [
        "I'm a lawyer and interested in your product.",
        "Our lawyers need to review the contract first.",
        "Are you GDPR compliant?",
        "Wo werden die Daten gehostet, ist das DSGVO-konform?",
        "Your mail landed in my spam folder, sorry for the late answer.",
        "We sell an anti-spam solution.",
    ],
)
def test_a_lawyer_a_buyer_and_a_spam_folder_are_no_threat(text: str) -> None:
    reading = read_reply({}, "Re: x", text, AT)
    assert reading.reply_class is not ReplyClass.COMPLAINT
    assert not reading.legal_threat


@pytest.mark.parametrize(
    "text",
    [
        "I want to speak to a human.",
        "Is this a bot?",
        "I object to automated decision making and profiling.",
        "Ich widerspreche dem Profiling.",
        "Kann ich mit einem echten Menschen sprechen?",
        "Je veux parler à un humain.",
        "Quiero hablar con una persona real.",
    ],
)
def test_who_asks_for_a_human_or_objects_to_profiling_is_marked(text: str) -> None:
    assert read_reply({}, "Re: x", text, AT).objection


@pytest.mark.parametrize("text", ["We are looking for a chatbot solution.", "Let's meet in person.", "Not interested."])
def test_other_talk_of_bots_and_persons_is_no_objection(text: str) -> None:
    assert not read_reply({}, "Re: x", text, AT).objection


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ("I'm the wrong person, please contact Jane Miller.", "Jane Miller"),
        ("Please reach out to bob@acme.example instead.", "bob@acme.example"),
        ("Bitte wenden Sie sich an Herrn Schmidt.", "Schmidt"),
        ("Dafür ist meine Kollegin Frau Meier zuständig.", "Meier"),
        ("Veuillez contacter ma collègue Marie Dupont.", "Marie Dupont"),
        ("Por favor contacte con mi compañero Juan Pérez.", "Juan Pérez"),
        ("Looping in Sarah Connor.", "Sarah Connor"),
        ("I've forwarded this to our IT manager.", None),
    ],
)
def test_a_referral_says_to_whom(text: str, whom: str | None) -> None:
    reading = read_reply({}, "Re: x", text, AT)
    assert (reading.reply_class, reading.referral_to) == (ReplyClass.REFERRAL, whom)


def test_the_writers_own_address_is_no_referral() -> None:
    reading = read_reply({"From": "Ann <ann@acme.example>"}, "Re: x", "Wrong person. Regards, ann@acme.example", AT)
    assert reading.referral_to is None


def test_sentiment_is_measured_in_english_only() -> None:
    assert read_reply({}, "Re: x", "This is terrible, I hate it and I am angry with you.", AT).sentiment < -0.6
    assert read_reply({}, "Re: x", "This is wonderful, I love it. Thank you!", AT).sentiment > 0.6
    # "die" is death to the English lexicon and the most common word of German
    assert read_reply({}, "Re: x", "Die Software ist die, die wir für die Firma gesucht haben.", AT).sentiment == 0.0


def test_evidence_shows_the_persons_own_sentence() -> None:
    reading = read_reply({}, "Re: x", "Hello.\nPlease remove bob@acme.example from your mailing list!\nBye.", AT)
    assert [(e.source, e.what, e.quote) for e in reading.evidence] == [
        ("text", "unsubscribe.en", "Please remove bob@acme.example from your mailing list")
    ]
    assert all(len(e.quote) <= 160 for e in read_reply({}, "Re: x", "not interested " + "x" * 900, AT).evidence)
