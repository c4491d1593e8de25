"""Reads one reply: bounce first, then machine or person, then what it says.

`read_reply` is pure: same arguments, same reading. It never raises on any text or headers, and its work is bounded
whatever their length (READ_CHARS, BOUNCE_CHARS, CUE_CHARS).

Next: streams/core/decide.py
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.reading.bounces import Returned, returned_mail
from streams.core.reading.headers import acknowledgement_signs, automatic_signs, leave_sign, lowered, says_human
from streams.core.reading.incoming import incoming
from streams.core.reading.machine import read_machine, read_ticket_system
from streams.core.reading.person import read_person
from streams.core.reading.verdict import Reading, ReplyClass


def read_reply(
    headers: Mapping[str, str],
    subject: str,
    text: str,
    received_at_ms: int,
    language: str | None = None,
    time_zone: str = "UTC",
    country: str | None = None,
) -> Reading:
    """What one incoming mail means.

    `text` is the plain text with or without the quoted original; `language` ("de", "en-GB") and `country` ("US") are
    what is known of the person, and only decide what the text leaves open. "Tomorrow" counts from `received_at_ms`
    in `time_zone`.
    """
    known = lowered(headers)
    back = returned_mail(known, subject, text)
    if back is not None:
        return _of_returned(back)
    leaves = leave_sign(known, subject)
    if leaves is not None:
        return Reading(ReplyClass.UNSUBSCRIBE, 0.97, (leaves,), bool(automatic_signs(known, "")))
    mail = incoming(known, subject, text, received_at_ms, language, time_zone, country)
    signs = automatic_signs(known, subject)
    if signs and says_human(known) is None:
        return read_machine(mail, signs)
    weak = acknowledgement_signs(known, subject)
    acknowledged = read_ticket_system(mail, weak) if weak and not signs else None
    return acknowledged if acknowledged is not None else read_person(mail, signs)


def _of_returned(back: Returned) -> Reading:
    if back.verdict == "hard" or back.verdict == "soft":
        return Reading(ReplyClass.BOUNCE, back.confidence, back.evidence, True, bounce_kind=back.verdict)
    return Reading(ReplyClass(back.verdict), back.confidence, back.evidence, True)
