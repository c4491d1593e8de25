"""What the person wrote, without what the mail program put around it."""
# ruff: noqa: E501  (a mail is one line)

from __future__ import annotations

import pytest

from streams.core.reading.cutting import human_text

ANSWER = "Yes, Tuesday works."
QUOTES = {
    "gmail": "On Mon, Feb 1, 2027 at 6:32 PM Sam Seller <s@v.example> wrote:\n\n> Hi",
    "gmail on two lines": "On Mon, Feb 1, 2027 at 6:32 PM Sam Seller With A Long Name <\ns@v.example> wrote:\n\n> Hi",
    "gmail german": "Am Mo., 1. Feb. 2027 um 18:32 Uhr schrieb Sam Seller <s@v.example>:\n\n> Hallo",
    "gmail french": "Le lun. 1 févr. 2027 à 18:32, Sam Seller <s@v.example> a écrit :\n\n> Bonjour",
    "gmail spanish": "El lun, 1 feb 2027 a las 18:32, Sam Seller (<s@v.example>) escribió:\n\n> Hola",
    "apple unquoted": "On 1. Feb 2027, at 18:32, Sam Seller <s@v.example> wrote:\n\nHi Ann, interested?",
    "outlook": "From: Sam Seller <s@v.example>\nSent: Monday, February 1, 2027 6:32 PM\nTo: Ann\nSubject: Demo\n\nHi",
    "outlook german": "Von: Sam Seller <s@v.example>\nGesendet: Montag, 1. Februar 2027 18:32\nAn: Ann\nBetreff: Demo\n\nHallo",
    "outlook french": "De : Sam Seller <s@v.example>\nEnvoyé : lundi 1 février 2027 18:32\nÀ : Ann\nObjet : Demo\n\nBonjour",
    "outlook spanish": "De: Sam Seller <s@v.example>\nEnviado el: lunes, 1 de febrero de 2027\nPara: Ann\nAsunto: Demo\n\nHola",
    "outlook bold": "*From:* Sam Seller\n*Sent:* 2027-02-01\n*To:* Ann\n*Subject:* Demo\n\nHi",
    "original message": "-----Original Message-----\nHi",
    "german original": "-----Ursprüngliche Nachricht-----\nHallo",
    "underscores": "________________________________\nFrom: Sam\nSent: Monday\n\nHi",
    "forward": "---------- Forwarded message ---------\nFrom: Sam\n\nHi",
    "dash signature": "-- \nAnn Miller\nAcme",
    "regards": "Best regards,\nAnn Miller\nHead of Sales\n+1 555 0100",
    "gruss": "Mit freundlichen Grüßen\nAnn Müller\nGeschäftsführerin",
    "cordialement": "Cordialement,\nAnne",
    "saludos": "Saludos cordiales,\nAna",
    "thanks and a name": "Thanks,\nAnn",
    "phone": "Sent from my iPhone",
    "german phone": "Von meinem iPhone gesendet",
    "outlook phone": "Get Outlook for iOS<https://aka.ms/x>",
    "disclaimer": "This email and any attachments are confidential and may be privileged.",
    "list footer": "To unsubscribe from this list click here: https://acme.example/u",
}  # fmt: skip


@pytest.mark.parametrize("tail", QUOTES.values(), ids=QUOTES.keys())
def test_only_the_answer_is_kept(tail: str) -> None:
    assert human_text(f"{ANSWER}\n\n{tail}\n") == ANSWER
    assert human_text(f"{ANSWER}\r\n\r\n{tail}\r\n".replace("\n\n", "\r\n\r\n")) == ANSWER


def test_an_answer_below_the_quotation_is_kept() -> None:
    assert human_text(f"On Mon, Feb 1, 2027 Sam <s@v.example> wrote:\n> Which day?\n\n{ANSWER}") == ANSWER


def test_answers_between_quoted_lines_are_kept() -> None:
    assert human_text("> Which day?\nTuesday.\n> Which hour?\nTen.") == "Tuesday.\nTen."


def test_a_mail_of_quotation_only_has_no_words() -> None:
    assert human_text("> Hi\n> there") == ""
    assert human_text("---------- Forwarded message ----------\nFrom: a\n\nHi") == ""


def test_a_postscript_below_the_signature_is_kept() -> None:
    assert human_text("Thanks.\n\nBest regards,\nAnn\n\nP.S. please remove me from your list") == (
        "Thanks.\n\nP.S. please remove me from your list"
    )


def test_a_sentence_after_thanks_belongs_to_the_answer() -> None:
    text = "Hi Sam,\nThanks,\nbut we are really not interested in this at all."
    assert human_text(text) == text


def test_a_sentence_that_begins_like_an_attribution_is_kept() -> None:
    text = "On reflection we are not interested."
    assert human_text(text) == text


def test_the_banner_of_the_mail_gateway_is_dropped() -> None:
    assert human_text(f"CAUTION: This email originated from outside of the organization.\n\n{ANSWER}") == ANSWER
