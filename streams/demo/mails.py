"""What simulated people and their mail servers write: rows of (language, subject, text, headers).

`{date}` is the day of return, as people of that language write it. None of it is real.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

AUTOMATIC: Mapping[str, str] = {"Auto-Submitted": "auto-replied"}
EXCHANGE: Mapping[str, str] = {"X-Auto-Response-Suppress": "All", "Auto-Submitted": "auto-generated"}
BY_A_PERSON: Mapping[str, str] = {}


class Mail(NamedTuple):
    """One way to say it."""

    language: str
    subject: str
    text: str
    headers: Mapping[str, str] = BY_A_PERSON


OOO_DATED = (
    Mail("en", "Automatic reply: Your proposal", "I am out of the office until {date} with limited access.", EXCHANGE),
    Mail("en", "Out of Office", "Thank you for your mail. I am on leave and will be back on {date}.", AUTOMATIC),
    Mail("de", "Automatische Antwort: Ihr Angebot", "Ich bin bis zum {date} nicht im Büro.", EXCHANGE),
    Mail(
        "de", "Abwesenheitsnotiz", "Vielen Dank für Ihre Nachricht. Ich bin ab dem {date} wieder erreichbar.", AUTOMATIC
    ),
    Mail("fr", "Réponse automatique : Votre offre", "Je suis absent du bureau jusqu'au {date}.", EXCHANGE),
    Mail("es", "Respuesta automática: Su oferta", "Estoy fuera de la oficina hasta el {date}.", EXCHANGE),
)
OOO_UNDATED = (
    Mail("en", "Automatic reply: Your proposal", "I am currently out of the office and will answer later.", EXCHANGE),
    Mail("de", "Automatische Antwort: Ihr Angebot", "Ich bin derzeit nicht im Büro.", EXCHANGE),
    Mail("fr", "Réponse automatique : Votre offre", "Je suis actuellement absent du bureau.", EXCHANGE),
    Mail("es", "Respuesta automática: Su oferta", "Actualmente estoy fuera de la oficina.", EXCHANGE),
)
AUTO_ACK = (
    Mail("en", "We received your message", "Your request has been received. Your ticket number is 48213.", AUTOMATIC),
    Mail("de", "Eingangsbestätigung", "Wir haben Ihre Nachricht erhalten. Ihre Ticketnummer lautet 48213.", AUTOMATIC),
)
LEFT_COMPANY = (
    Mail("en", "Automatic reply: Your proposal", "I am no longer with the company.", EXCHANGE),
    Mail("de", "Automatische Antwort: Ihr Angebot", "Ich bin nicht mehr im Unternehmen tätig.", EXCHANGE),
)
ANGRY = (
    Mail(
        "en", "Re: Quick question", "This is terrible. Your awful mails are a horrible waste of my time. I hate this."
    ),
    Mail("en", "Re: Following up", "I am furious. This is the worst, most disgusting sales pressure I have ever seen!"),
)
LEGAL_THREAT = (
    Mail("en", "Re: Following up", "Stop at once. My lawyer will take legal action against you over this spam."),
)
PRICING = (
    Mail("en", "Re: Your proposal", "Thanks. What is the price for 200 seats, and is there a discount for two years?"),
    Mail("en", "Re: Your proposal", "Please send your security review documents and a draft contract."),
    Mail("de", "AW: Ihr Angebot", "Danke. Was ist der Preis für 200 Plätze, und gibt es einen Rabatt?"),
)
INTERESTED = (
    Mail("en", "Re: Your proposal", "Yes, I am interested. Could we talk next week?"),
    Mail("en", "Re: Quick question", "Sounds great, happy to see a demo. Please send me some times."),
)
NOT_NOW_DATED = (
    Mail("en", "Re: Your proposal", "Not now please. Contact me again on {date}."),
    Mail("en", "Re: Following up", "Not the right time for us. Write to me again on {date}."),
)
NOT_NOW = (
    Mail("en", "Re: Your proposal", "Not right now, the timing is bad. Maybe later."),
    Mail("en", "Re: Following up", "This is not a priority at the moment."),
)
NOT_INTERESTED = (
    Mail("en", "Re: Your proposal", "Thank you, but we are not interested."),
    Mail("en", "Re: Following up", "No thanks, not interested."),
)
UNSUBSCRIBE = (
    Mail("en", "Re: News from us", "Please unsubscribe me from this list."),
    Mail("de", "AW: Neuigkeiten", "Bitte nehmen Sie mich aus dem Verteiler."),
    Mail("en", "Re: News from us", "Remove me from your mailing list."),
)
REFERRAL = (
    Mail("en", "Re: Your proposal", "I am the wrong person for this, please speak to Dana Reyes in procurement."),
)
WANTS_A_PERSON = (Mail("en", "Re: Your proposal", "I want to talk to a human, not to a machine that profiles me."),)
UNCLEAR = (
    Mail("en", "Re: Your proposal", "Blue bicycle, third floor."),
    Mail("en", "Re: Following up", "?"),
)


def written(day: int, language: str) -> str:
    """The date `day` (days since 1970-01-01) as people of that language write it."""
    date = datetime.fromtimestamp(day * 86_400, UTC)
    if language == "de":
        return f"{date:%d.%m.%Y}"
    if language in ("fr", "es"):
        return f"{date:%d/%m/%Y}"
    return f"{date.day} {date:%B %Y}"
