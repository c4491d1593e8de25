"""What a reading of one reply consists of: class, confidence, evidence, dates.

Next: streams/core/reading/reader.py
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

QUOTE_CHARS = 160


class ReplyClass(StrEnum):
    """What one incoming mail means for outreach to this person."""

    INTERESTED = "interested"
    NOT_NOW = "not_now"
    NOT_INTERESTED = "not_interested"
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    PRICING = "pricing"
    SUPPORT_NEED = "support_need"
    REFERRAL = "referral"
    WRONG_PERSON = "wrong_person"
    OOO = "ooo"
    LEFT_COMPANY = "left_company"
    AUTO_ACK = "auto_ack"
    BOUNCE = "bounce"
    UNCLASSIFIED = "unclassified"


class Evidence(msgspec.Struct, frozen=True):
    """One thing that was seen: where, by which rule, and the words themselves (at most QUOTE_CHARS)."""

    source: Literal["header", "subject", "text"]
    what: str
    quote: str


class Reading(msgspec.Struct, frozen=True):
    """The verdict on one mail.

    `until` is the return date (ooo, or a person who is away) or the date asked for (not_now), in days since 1970-01-01;
    None when there is none or it is ambiguous, past or impossible: the evidence `date.*` says which.
    `sentiment` is -1..1, and 0 for automatic mail and for languages that the lexicon does not know.
    `objection`: the person asks for a human, or objects to profiling or automated decisions.
    """

    reply_class: ReplyClass
    confidence: float
    evidence: tuple[Evidence, ...]
    is_automatic: bool
    until: int | None = None
    sentiment: float = 0.0
    also_classes: tuple[ReplyClass, ...] = ()
    legal_threat: bool = False
    objection: bool = False
    referral_to: str | None = None
    bounce_kind: Literal["hard", "soft"] | None = None


def quoted(text: str) -> str:
    """The words on one line, cut to QUOTE_CHARS."""
    line = " ".join(text[: QUOTE_CHARS * 4].split())
    return line if len(line) <= QUOTE_CHARS else line[: QUOTE_CHARS - 1] + "…"
