"""What a person says: the classes of the cues in a mail, and which of them the mail is filed under."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from streams.core.reading import rows_automatic, rows_interest, rows_later, rows_somebody, rows_stop, rows_topic
from streams.core.reading.cues import Cue, CueTable, Found
from streams.core.reading.dates import NO_DATE, DateRead, asked_date, return_date
from streams.core.reading.headers import Sign, says_human
from streams.core.reading.incoming import Incoming
from streams.core.reading.referral import pointed_to, referral_to
from streams.core.reading.sentiment import sentiment_of
from streams.core.reading.verdict import Evidence, Reading, ReplyClass, quoted

HUMAN_CUES = CueTable(
    (
        *rows_stop.UNSUBSCRIBE, *rows_stop.COMPLAINT, *rows_stop.LEGAL, *rows_stop.OBJECTION,
        *rows_interest.INTERESTED, *rows_interest.NOT_INTERESTED, *rows_later.NOT_NOW,
        *rows_topic.PRICING, *rows_topic.SUPPORT_NEED, *rows_somebody.WRONG_PERSON, *rows_somebody.REFERRAL,
        *rows_automatic.ABSENT, *rows_automatic.LEFT,
    )
)  # fmt: skip
_C = ReplyClass

# The class of a person's mail is the first of these that has a cue; the others go to `also_classes`.
# Stops come before answers: who wants out must get out, whatever else the mail says.
HUMAN_ORDER = (
    _C.COMPLAINT,
    _C.UNSUBSCRIBE,
    _C.LEFT_COMPANY,
    _C.REFERRAL,
    _C.WRONG_PERSON,
    _C.NOT_NOW,
    _C.NOT_INTERESTED,
    _C.SUPPORT_NEED,
    _C.INTERESTED,
    _C.PRICING,
)
# Out-of-office texts also say "call my colleague": beside words of absence only these count, and only in plain words.
ANSWERS_DESPITE_ABSENCE = (_C.COMPLAINT, _C.UNSUBSCRIBE, _C.NOT_INTERESTED, _C.INTERESTED)
_PLAIN_ANSWER = re.compile(
    r" (?:interested|yes|yep|sure|interessiert|interesse|ja|oui|si|unsubscribe|remove|stop|sounds|lets|gern|gerne|spam|"
    r"verteiler|baja|keen|love|nein|kein|interess\w*|interesad\w|interesa|desinscri\w*) "
)
_NAMED = Cue("referral", "name", 0.85, ())


def read_person(mail: Incoming, signs: Sequence[Sign]) -> Reading:
    """The reading of a mail that a person wrote, or that only looks automatic: then a person reads it."""
    found = HUMAN_CUES.find(mail.words, mail.spoken.possible)
    classes = _classes(found, mail.own)
    absent = next((f for f in found if f.cue.name == "absent"), None)
    chosen = _chosen(classes, absent is not None, mail.words.line)
    when = _when(mail, chosen, classes, absent is not None)
    points = _C.REFERRAL in classes or chosen in (_C.WRONG_PERSON, _C.LEFT_COMPANY)
    return Reading(
        chosen,
        _confidence(chosen, classes),
        (*_evidence(mail, chosen, classes, found, absent, signs), *when.evidence),
        False,
        when.until,
        sentiment_of(mail.own, mail.spoken.language),
        tuple(c for c in HUMAN_ORDER if c in classes and c is not chosen),
        legal_threat=any(f.cue.name == "legal" for f in found),
        objection=any(f.cue.name == "objection" for f in found),
        referral_to=referral_to(mail.own, mail.headers) if points else None,
    )


def _classes(found: Sequence[Found], own: str) -> dict[ReplyClass, Found]:
    """The best cue of each class. A legal threat is a complaint; a name behind "contact" refers."""
    best: dict[ReplyClass, Found] = {}
    for one in found:
        if one.cue.name not in ("absent", "objection"):
            best.setdefault(_C.COMPLAINT if one.cue.name == "legal" else _C(one.cue.name), one)
    refused = best.get(_C.NOT_INTERESTED)
    if refused is not None and _C.INTERESTED in best and best[_C.INTERESTED].sentence == refused.sentence:
        del best[_C.INTERESTED]
    _price_first(best)
    named = pointed_to(own) if _C.REFERRAL not in best else None
    if named is not None:
        best[_C.REFERRAL] = Found(_NAMED, 0, quoted(named))
    return best


_EAGER = re.compile(r"interes|intéres|keen|sounds|love|great|klingt|gern|volontiers|plaisir|suena", re.IGNORECASE)


def _price_first(best: dict[ReplyClass, Found]) -> None:
    """ "Can you send your price list?" asks for the price: what looks like interest there is only the request."""
    interest, price = best.get(_C.INTERESTED), best.get(_C.PRICING)
    if interest is None or price is None or interest.sentence != price.sentence:
        return
    if _EAGER.search(interest.quote) is None:
        del best[_C.INTERESTED]


def _chosen(classes: Mapping[ReplyClass, Found], absent: bool, line: str) -> ReplyClass:
    for candidate in HUMAN_ORDER:
        if candidate not in classes:
            continue
        if not absent or candidate is _C.LEFT_COMPANY:
            return candidate
        if candidate in ANSWERS_DESPITE_ABSENCE and _PLAIN_ANSWER.search(line):
            return candidate
    return _C.UNCLASSIFIED


def _when(mail: Incoming, chosen: ReplyClass, classes: Mapping[ReplyClass, Found], absent: bool) -> DateRead:
    """Not now: the date near the cue, else anywhere. Somebody away: the return date, whatever the answer is."""
    if chosen is _C.NOT_NOW:
        at = classes[chosen].sentence
        near = asked_date(" . ".join(mail.words.raw[at : at + 3]), mail.today, mail.order)
        return near if near.evidence else asked_date(mail.own, mail.today, mail.order)
    return return_date(mail.own, mail.today, mail.order) if absent else NO_DATE


def _confidence(chosen: ReplyClass, classes: Mapping[ReplyClass, Found]) -> float:
    """The cue's own weight, less when the mail also speaks for another class; 0 for what a person must read."""
    if chosen is _C.UNCLASSIFIED:
        return 0.0
    return round(classes[chosen].cue.confidence - 0.05 * min(3, len(classes) - 1), 2)


def _evidence(
    mail: Incoming,
    chosen: ReplyClass,
    classes: Mapping[ReplyClass, Found],
    found: Sequence[Found],
    absent: Found | None,
    signs: Sequence[Sign],
) -> tuple[Evidence, ...]:
    proof = [classes[chosen].evidence()] if chosen in classes else []
    proof += [classes[c].evidence() for c in HUMAN_ORDER if c in classes and c is not chosen]
    proof += [f.evidence() for f in found if f.cue.name == "objection"][:1]
    if absent is not None:
        proof.append(Evidence("text", "absence.suspected", absent.quote))
    human = says_human(mail.headers)
    if signs and human is not None:
        proof += [signs[0].evidence, human]
    return tuple(proof)
