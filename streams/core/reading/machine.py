"""Which automatic answer a mail is: away, gone, or received."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from streams.core.reading import rows_automatic
from streams.core.reading.cues import CueTable, Found
from streams.core.reading.dates import NO_DATE, DateRead, epoch_day, return_date
from streams.core.reading.headers import SUBJECT_CHARS, Sign
from streams.core.reading.incoming import Incoming
from streams.core.reading.referral import referral_to
from streams.core.reading.verdict import Evidence, Reading, ReplyClass, quoted

AUTOMATIC_CUES = CueTable((*rows_automatic.ABSENT, *rows_automatic.LEFT, *rows_automatic.ACK))
_C = ReplyClass
_CLASS_OF_CUE = {"absent": _C.OOO, "left_company": _C.LEFT_COMPANY, "auto_ack": _C.AUTO_ACK}
_APPLE_END = re.compile(r"enddate=(\d{4})-(\d\d)-(\d\d)", re.IGNORECASE)


def read_machine(mail: Incoming, signs: Sequence[Sign]) -> Reading:
    """The words decide, then what the header or subject says, then out-of-office: the side that pauses."""
    found = AUTOMATIC_CUES.find(mail.words, mail.spoken.possible)
    kind = _kind(found, signs)
    cue = next((f for f in found if _CLASS_OF_CUE[f.cue.name] is kind), None)
    proof = tuple(sign.evidence for sign in signs)
    if cue is not None:
        proof = (*proof, cue.evidence())
    known = cue is not None or any(sign.kind for sign in signs)
    when = _away_until(mail, signs) if kind is _C.OOO else NO_DATE
    return Reading(
        kind,
        max(sign.weight for sign in signs) if known else 0.7,
        (*proof, *when.evidence),
        True,
        when.until,
        referral_to=None if kind is _C.AUTO_ACK else referral_to(mail.own, mail.headers),
    )


def read_ticket_system(mail: Incoming, weak: Sequence[Sign]) -> Reading | None:
    """An acknowledgement without any automatic header: the sender or subject and the words must agree."""
    found = [f for f in AUTOMATIC_CUES.find(mail.words, mail.spoken.possible) if f.cue.name == "auto_ack"]
    if not found:
        return None
    return Reading(_C.AUTO_ACK, 0.8, (*(sign.evidence for sign in weak), found[0].evidence()), True)


def _kind(found: Sequence[Found], signs: Sequence[Sign]) -> ReplyClass:
    names = {f.cue.name for f in found}
    kinds = {sign.kind for sign in signs}
    if "left_company" in names:
        return _C.LEFT_COMPANY
    if "ooo" in kinds or "absent" in names:
        return _C.OOO
    if "auto_ack" in kinds or "auto_ack" in names:
        return _C.AUTO_ACK
    # RFC 3834: auto-replied answers a message, as vacation programs do; auto-generated does not.
    generated = any(
        "auto-generated" in s.evidence.quote.lower() or "auto-notified" in s.evidence.quote.lower() for s in signs
    )
    return _C.AUTO_ACK if generated else _C.OOO


def _away_until(mail: Incoming, signs: Sequence[Sign]) -> DateRead:
    """The end of Apple's vacation header, else the text's date, else the subject's (unless that is our own subject)."""
    apple = _apple_end(mail)
    if apple is not None:
        return apple
    when = return_date(mail.own, mail.today, mail.order)
    if when.evidence or (":" in mail.subject and any(sign.evidence.source == "subject" for sign in signs)):
        return when
    titled = return_date(mail.subject[:SUBJECT_CHARS], mail.today, mail.order)
    return DateRead(titled.until, tuple(Evidence("subject", e.what, e.quote) for e in titled.evidence))


def _apple_end(mail: Incoming) -> DateRead | None:
    criteria = mail.headers.get("x-apple-criteria", "")
    found = _APPLE_END.search(criteria)
    if found is None:
        return None
    try:
        end = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    if end < mail.today:
        return None
    return DateRead(epoch_day(end), (Evidence("header", "date.x-apple-criteria", quoted(criteria)),))
