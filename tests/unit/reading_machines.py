"""Automatic mails written for the tests in the manner of Exchange, Gmail, Zendesk and others, and mails that only look so."""
# ruff: noqa: E501  (a mail is one line)

from __future__ import annotations

from streams.core.reading import ReplyClass as C

Headers = dict[str, str]
_EXCHANGE: Headers = {
    "X-Auto-Response-Suppress": "All",
    "Auto-Submitted": "auto-generated",
    "X-MS-Exchange-Inbox-Rules-Loop": "a@b.example",
}
_GMAIL: Headers = {"Auto-Submitted": "auto-replied", "Precedence": "bulk", "X-Autoreply": "yes"}
_ZENDESK: Headers = {
    "Auto-Submitted": "auto-generated",
    "X-Auto-Response-Suppress": "All",
    "X-Mailer": "Zendesk Mailer",
}

# (class, headers, subject, text)
MACHINES: tuple[tuple[C, Headers, str, str], ...] = (
    (C.OOO, _EXCHANGE, "Automatic reply: Your offer", "I am out of the office until 14 September. For urgent matters contact Jane Doe."),
    (C.OOO, _EXCHANGE, "Automatische Antwort: Ihr Angebot", "Ich bin bis 14.09. nicht im Büro. In dringenden Fällen wenden Sie sich an Herrn Schmidt."),
    (C.OOO, _EXCHANGE, "Réponse automatique : Votre offre", "Je suis absent du bureau jusqu'au 14 septembre."),
    (C.OOO, _EXCHANGE, "Respuesta automática: Su oferta", "Estoy fuera de la oficina hasta el 14 de septiembre."),
    (C.OOO, {}, "Automatic reply: x", "Thank you for your email. I am on annual leave and will get back to you on Monday."),
    (C.OOO, {}, "Out of Office: x", "I'm away."),
    (C.OOO, {}, "Abwesenheitsnotiz", "Vielen Dank für Ihre Nachricht. Ich bin zurzeit nicht erreichbar."),
    (C.OOO, {}, "Absence du bureau", "Je serai de retour lundi."),
    (C.OOO, {}, "Fuera de la oficina", "Vuelvo el lunes."),
    (C.OOO, {}, "[EXTERNAL] Automatic reply: x", "I'm on vacation."),
    (C.OOO, {}, "Risposta automatica: x", "Sono in ferie fino al 3 settembre."),
    (C.OOO, {}, "Automatisch antwoord: x", "Ik ben met vakantie tot 3 september."),
    (C.OOO, {}, "Resposta automática: x", "Estou de férias."),
    (C.OOO, _GMAIL, "Away Re: x", "Hi, I'm traveling with limited access to email this week."),
    (C.OOO, {"X-Apple-Action": "VACATION"}, "Auto reply: x", "Sleeping."),
    (C.OOO, {"Precedence": "auto_reply"}, "x", "I am not in the office."),
    (C.OOO, {"X-Autorespond": "x"}, "x", "I am currently out of office."),
    (C.OOO, {"X-MS-Exchange-Message-Class": "IPM.Note.Rules.OofTemplate.Microsoft"}, "x", "Gone fishing"),
    (C.OOO, {"Auto-Submitted": "auto-replied (vacation)"}, "x", ""),
    (C.OOO, {"AUTO-SUBMITTED": "Auto-Replied; owner-email=\"a@b.example\""}, "x", "I am interested in everything but I am away."),
    (C.OOO, _EXCHANGE, "Automatic reply: x", "I am out of the office. Do not reply to this message, please stop emailing me until Monday."),
    (C.AUTO_ACK, _ZENDESK, "[Request received] x", "Your request (#12345) has been received and is being reviewed by our support staff."),
    (C.AUTO_ACK, _ZENDESK, "x", "Thank you for contacting us. We will get back to you within 24 hours."),
    (C.AUTO_ACK, _EXCHANGE, "Automatische Antwort: x", "Vielen Dank für Ihre Anfrage. Wir werden uns schnellstmöglich bei Ihnen melden. Ticket-Nr. 4711"),
    (C.AUTO_ACK, _EXCHANGE, "Réponse automatique : x", "Nous avons bien reçu votre message et vous répondrons dans les meilleurs délais."),
    (C.AUTO_ACK, _EXCHANGE, "Respuesta automática: x", "Hemos recibido su mensaje. Le responderemos a la mayor brevedad posible."),
    (C.AUTO_ACK, {"From": "no-reply@helpdesk.example"}, "Ticket #4711 created", "We have received your request. Your ticket number is 4711."),
    (C.AUTO_ACK, {"Content-Type": "multipart/report; report-type=disposition-notification; boundary=x"}, "Read: x", "Your message was read on Monday."),
    (C.AUTO_ACK, {"From": "mailer-daemon@b.example", "Content-Type": "multipart/report; report-type=delivery-status"}, "Delivered: x", "Final-Recipient: rfc822; a@b.example\nAction: delivered\nStatus: 2.0.0"),
    (C.LEFT_COMPANY, _EXCHANGE, "Automatic reply: x", "John Smith is no longer with Acme. Please contact jane@acme.example."),
    (C.LEFT_COMPANY, _EXCHANGE, "Automatic reply: x", "I have left the company. Please contact Jane Doe."),
    (C.LEFT_COMPANY, _EXCHANGE, "Automatische Antwort: x", "Herr Müller ist nicht mehr in unserem Unternehmen tätig."),
    (C.LEFT_COMPANY, _EXCHANGE, "Réponse automatique : x", "Marie Dupont ne fait plus partie de notre société."),
    (C.LEFT_COMPANY, _EXCHANGE, "Respuesta automática: x", "Juan ya no forma parte de la empresa."),
    (C.LEFT_COMPANY, _EXCHANGE, "Automatic reply: x", "This mailbox is no longer in use."),
    # leaving for a holiday is not leaving the company
    (C.OOO, _EXCHANGE, "Automatic reply: x", "I have left the office for my vacation and return on Monday."),
    (C.OOO, _EXCHANGE, "Automatic reply: x", "I no longer work on Fridays. I am out of office today."),
    # bounces
    (C.BOUNCE, {"From": "Mail Delivery Subsystem <mailer-daemon@googlemail.com>", "Auto-Submitted": "auto-replied"}, "Delivery Status Notification (Failure)", "Address not found. Your message wasn't delivered to a@b.example because the address couldn't be found. 550 5.1.1"),
    (C.BOUNCE, {"From": "postmaster@acme.example", "Return-Path": "<>"}, "Unzustellbar: Angebot", "Ihre Nachricht konnte nicht zugestellt werden. 550 5.1.10 RESOLVER.ADR.RecipientNotFound"),
    (C.BOUNCE, {"X-Failed-Recipients": "a@b.example", "Auto-Submitted": "auto-replied"}, "Mail delivery failed: returning message to sender", "mailbox is full"),
    (C.BOUNCE, {"Content-Type": "multipart/report; report-type=delivery-status", "From": "postmaster@b.example"}, "Undeliverable: x", "Action: failed\nStatus: 5.1.1"),
    (C.COMPLAINT, {"Content-Type": "multipart/report; report-type=feedback-report", "From": "fbl@isp.example"}, "FW: x", "This is an abuse report.\nFeedback-Type: abuse"),
    (C.UNSUBSCRIBE, {"Auto-Submitted": "auto-replied", "X-Apple-Unsubscribe": "true"}, "unsubscribe", "Apple Mail sent this email to unsubscribe."),
    (C.UNSUBSCRIBE, {}, "Unsubscribe", ""),
)  # fmt: skip

# Mails by people that carry what looks like a sign of a machine.
LOOKALIKES: tuple[tuple[C, Headers, str, str], ...] = (
    (C.INTERESTED, {"X-Auto-Response-Suppress": "OOF"}, "Re: x", "Yes, I'm interested."),
    (C.INTERESTED, {"X-Auto-Response-Suppress": "All", "Precedence": "bulk"}, "Re: x", "Sounds good, let's talk."),
    (C.NOT_INTERESTED, {"Precedence": "list", "List-Id": "x"}, "Re: x", "Not interested, thanks."),
    (C.INTERESTED, {"Auto-Submitted": "no"}, "Re: x", "Yes please, send me more information."),
    (C.INTERESTED, {"Auto-Submitted": "No (human)"}, "Re: x", "We are interested."),
    (C.INTERESTED, {"X-Autoreply": "no"}, "Re: x", "We are interested."),
    (C.INTERESTED, {"Return-Path": "<>"}, "Re: x", "We are interested."),
    (C.INTERESTED, {}, "Re: Automatic reply: x", "We are interested."),
    (C.INTERESTED, {}, "AW: Abwesenheitsnotiz: x", "Wir haben Interesse."),
    (C.INTERESTED, {}, "Re: Automatic reply handling for your team", "We are interested."),
    (C.INTERESTED, {}, "Automatic reply handling for your team", "We are interested."),
    (C.INTERESTED, {"X-MS-Exchange-Inbox-Rules-Loop": "a@b.example"}, "Re: x", "We are interested."),
    (C.INTERESTED, {}, "Re: x", "I'm out until the 14th but yes, interested."),
    (C.INTERESTED, {}, "Re: x", "Ich bin bis zum 14. im Urlaub, aber ja, wir haben Interesse!"),
    (C.UNSUBSCRIBE, {"From": "Post Master <postmaster@tiny.example>"}, "Re: x", "Please remove me from your list."),
    (C.INTERESTED, {"From": "a@b.example"}, "Re: Undeliverable: x", "I got your mail in the end. We are interested."),
    (C.UNCLASSIFIED, {"From": "a@b.example"}, "Fwd: Returned mail: see transcript for details", "What is this about?"),
    (C.UNCLASSIFIED, {}, "Re: x", "We have received your request, our ticket number is #123."),
    (C.UNCLASSIFIED, {}, "Re: x", "I am out of office until Monday. Please contact my colleague Jane Doe."),
    (C.UNCLASSIFIED, {"Auto-Submitted": "no"}, "Automatic reply: x", "I am away until Monday."),
)  # fmt: skip
