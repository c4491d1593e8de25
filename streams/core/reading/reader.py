"""Reads one reply: bounce first, then machine or person, then what it says.

`read_reply` is pure: same arguments, same reading. It never raises on any text or headers, and its work is bounded
whatever their length (READ_CHARS, BOUNCE_CHARS, CUE_CHARS).

Next: streams/core/decide.py
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from streams.core.reading import rows_answer, rows_automatic, rows_stop
from streams.core.reading.bounces import Returned, returned_mail
from streams.core.reading.cues import Cue, CueTable, Found
from streams.core.reading.cutting import human_text
from streams.core.reading.date_forms import Order
from streams.core.reading.dates import NO_DATE, DateRead, asked_date, date_order, epoch_day, local_date, return_date
from streams.core.reading.headers import (
    SUBJECT_CHARS,
    Sign,
    acknowledgement_signs,
    automatic_signs,
    leave_sign,
    lowered,
    says_human,
)
from streams.core.reading.language import spoken
from streams.core.reading.sentiment import sentiment_of
from streams.core.reading.verdict import Evidence, Reading, ReplyClass, quoted
from streams.core.reading.words import Words, words_of

CUE_CHARS = 6_000
_NAMED = Cue("referral", "name", 0.85, ())
_C = ReplyClass

HUMAN_CUES = CueTable(
    (*rows_stop.UNSUBSCRIBE, *rows_stop.COMPLAINT, *rows_stop.LEGAL, *rows_stop.OBJECTION, *rows_answer.NOT_INTERESTED, *rows_answer.NOT_NOW,
     *rows_answer.PRICING, *rows_answer.SUPPORT_NEED, *rows_answer.WRONG_PERSON, *rows_answer.REFERRAL, *rows_answer.INTERESTED,
     *rows_automatic.ABSENT, *rows_automatic.LEFT)
)  # fmt: skip
AUTOMATIC_CUES = CueTable((*rows_automatic.ABSENT, *rows_automatic.LEFT, *rows_automatic.ACK))

# The class of a person's mail is the first of these that has a cue; the others go to `also_classes`.
# Stops come before answers: who wants out must get out, whatever else the mail says.
HUMAN_ORDER = (
    _C.COMPLAINT, _C.UNSUBSCRIBE, _C.LEFT_COMPANY, _C.REFERRAL, _C.WRONG_PERSON, _C.NOT_NOW, _C.NOT_INTERESTED, _C.SUPPORT_NEED, _C.INTERESTED, _C.PRICING,
)  # fmt: skip
# Out-of-office texts also say "call my colleague", so in a text with absence words only plain words count as an answer.
_ANSWERS_DESPITE_ABSENCE = (_C.COMPLAINT, _C.UNSUBSCRIBE, _C.NOT_INTERESTED, _C.INTERESTED)
_PLAIN_ANSWER = re.compile(
    r" (?:interested|yes|yep|sure|interessiert|interesse|ja|oui|interesse\w*|intéress\w*|si|interesad\w|unsubscribe|remove|stop|not interested|sounds|lets|gern|gerne|spam|verteiler|desinscri\w*|baja|keen|love) "
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_NAME = re.compile(
    r"(?:speak (?:to|with)|talk (?:to|with)|contact|reach out to|ask|email|write to|try|sie sich an|kontaktieren sie(?: bitte)?|kollegen?|kollegin|herrn?|frau|collègue|contacter|contactez|adresser à|adressez-vous à|contacte a|hable con|escriba a|compañer[oa]|colleague|person is|contact is|is|heißt|est|cc'?ing|copying|looping in|adding)"
    r",? (?:my colleague |our colleague |meine[nrm]? kolleg(?:e|en|in) |mon collègue |ma collègue |mi compañer[oa] |herrn? |frau |mr\.? |mrs\.? |ms\.? |dr\.? |m\. |mme |sr\.? |sra\.? )?(?P<name>[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}(?: (?:van |von |de |der |den |la )?[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}){0,2})",
    re.IGNORECASE,
)


# "please contact Jane Miller": a verb that points, before it an imperative, after it a name in capitals.
_POINTER = re.compile(
    r"\b(?:[Cc]ontact|[Ss]peak (?:to|with)|[Tt]alk (?:to|with)|[Rr]each out to|[Gg]et in touch with|[Ee]?-?[Mm]ail|[Ww]rite to|[Aa]sk|[Tt]ry|contacter|vous adresser à|écrire à|joindre|[Cc]ontactez|[Aa]dressez-vous à|kontaktieren Sie|[Ww]enden Sie sich (?:bitte )?an|schreiben Sie|fragen Sie|[Cc]ontacte (?:con|a)|en contacto con|[Hh]able con|[Ee]scriba a|[Dd]iríjase a)"
    r" (?:(?:Mr|Mrs|Ms|Dr|Mme|M|Sr|Sra|Herrn?|Frau)\.? )?(?P<name>[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}(?: (?:van |von |de |der |la )?[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}){0,2})"
)
_IMPERATIVE = re.compile(
    r"(?:please|kindly|should|can|could|may|might|want to|need to|must|have to|you'd|better|rather|instead|try to|veuillez|merci de|pouvez|devriez|bitte|póngase|favor|[.,;:!?\n–-]|^) ?(?:better |rather |instead |directly )?$",
    re.IGNORECASE,
)


def _pointed_to(own: str) -> str | None:
    for match in _POINTER.finditer(own):
        if _IMPERATIVE.search(own[max(0, match.start() - 24) : match.start()]):
            return match[0]
    return None


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
        return Reading(_C.UNSUBSCRIBE, 0.97, (leaves,), bool(automatic_signs(known, "")))
    own = human_text(text)
    today = local_date(received_at_ms, time_zone)
    signs = automatic_signs(known, subject)
    if signs and says_human(known) is None:
        return _of_machine(known, signs, subject, own or text[:CUE_CHARS], today, language, country)
    words = words_of(own[:CUE_CHARS])
    weak = acknowledgement_signs(known, subject)
    if weak and not signs:
        acknowledged = _of_ticket_system(weak, words, language)
        if acknowledged is not None:
            return acknowledged
    return _of_person(known, signs, subject, own, words, today, language, country)


def _of_returned(back: Returned) -> Reading:
    if back.verdict in ("complaint", "unsubscribe"):
        return Reading(_C(back.verdict), back.confidence, back.evidence, True)
    return Reading(
        _C.BOUNCE, back.confidence, back.evidence, True, bounce_kind="hard" if back.verdict == "hard" else "soft"
    )


def _of_machine(
    known: Mapping[str, str],
    signs: Sequence[Sign],
    subject: str,
    own: str,
    today: date,
    language: str | None,
    country: str | None,
) -> Reading:
    """Which automatic answer it is: the words decide, then what the header or subject says, then out-of-office."""
    words = words_of(own[:CUE_CHARS])
    tongue = spoken(words.line, language)
    found = AUTOMATIC_CUES.find(words, tongue.possible)
    proof = tuple(sign.evidence for sign in signs)
    kind = _automatic_kind(found, signs)
    cue = next((f for f in found if _AUTOMATIC_CLASS[f.cue.name] is kind), None)
    if cue is not None:
        proof = (*proof, cue.evidence())
    confidence = min(0.99, max(sign.weight for sign in signs)) if cue is not None or any(s.kind for s in signs) else 0.7
    when = NO_DATE
    if kind is _C.OOO:
        when = _away_until(known, signs, subject, own, today, date_order(tongue.language, language, country))
    to = _referral(own, known) if kind in (_C.LEFT_COMPANY, _C.OOO) else None
    return Reading(kind, confidence, (*proof, *when.evidence), True, when.until, referral_to=to)


_AUTOMATIC_CLASS = {"absent": _C.OOO, "left_company": _C.LEFT_COMPANY, "auto_ack": _C.AUTO_ACK}


def _automatic_kind(found: Sequence[Found], signs: Sequence[Sign]) -> ReplyClass:
    names = {f.cue.name for f in found}
    kinds = {sign.kind for sign in signs if sign.kind is not None}
    if "left_company" in names:
        return _C.LEFT_COMPANY
    if "ooo" in kinds or "absent" in names:
        return _C.OOO
    if "auto_ack" in kinds or "auto_ack" in names:
        return _C.AUTO_ACK
    generated = any(
        "auto-generated" in sign.evidence.quote.lower() or "auto-notified" in sign.evidence.quote.lower()
        for sign in signs
    )
    return _C.AUTO_ACK if generated else _C.OOO


def _away_until(
    known: Mapping[str, str], signs: Sequence[Sign], subject: str, own: str, today: date, order: Order
) -> DateRead:
    """The end of Apple's vacation header, else the text's date, else the subject's (unless that is our own subject)."""
    apple = re.search(r"enddate=(\d{4})-(\d\d)-(\d\d)", known.get("x-apple-criteria", ""), re.IGNORECASE)
    if apple is not None:
        try:
            end = date(int(apple[1]), int(apple[2]), int(apple[3]))
        except ValueError:
            end = today
        if end > today:
            return DateRead(
                epoch_day(end), (Evidence("header", "date.x-apple-criteria", quoted(known["x-apple-criteria"])),)
            )
    when = return_date(own, today, order)
    if when.evidence or any(sign.evidence.source == "subject" and ":" in subject for sign in signs):
        return when
    titled = return_date(subject[:SUBJECT_CHARS], today, order)
    return DateRead(titled.until, tuple(Evidence("subject", e.what, e.quote) for e in titled.evidence))


def _of_ticket_system(weak: Sequence[Sign], words: Words, language: str | None) -> Reading | None:
    """An acknowledgement without any automatic header: the sender or subject and the words must agree."""
    found = [f for f in AUTOMATIC_CUES.find(words, spoken(words.line, language).possible) if f.cue.name == "auto_ack"]
    if not found:
        return None
    return Reading(_C.AUTO_ACK, 0.8, (*(sign.evidence for sign in weak), found[0].evidence()), True)


def _of_person(
    known: Mapping[str, str],
    signs: Sequence[Sign],
    subject: str,
    own: str,
    words: Words,
    today: date,
    language: str | None,
    country: str | None,
) -> Reading:
    tongue = spoken(words.line, language)
    found = HUMAN_CUES.find(words, tongue.possible)
    order = date_order(tongue.language, language, country)
    classes = _classes(found)
    named = _pointed_to(own[:CUE_CHARS]) if _C.REFERRAL not in classes else None
    if named is not None:
        classes[_C.REFERRAL] = Found(_NAMED, 0, quoted(named))
    absent = [f for f in found if f.cue.name == "absent"]
    chosen = _chosen_class(classes, bool(absent), words)
    when = NO_DATE
    if chosen is _C.NOT_NOW:
        when = _asked_for(classes[_C.NOT_NOW], words, own, today, order)
    elif absent:
        when = return_date(own, today, order)
    proof = _evidence(chosen, classes, absent, signs, known, found)
    legal = any(f.cue.name == "legal" for f in found)
    to = (
        _referral(own, known)
        if chosen in (_C.REFERRAL, _C.WRONG_PERSON, _C.LEFT_COMPANY) or _C.REFERRAL in classes
        else None
    )
    return Reading(
        chosen,
        _confidence(chosen, classes),
        (*proof, *when.evidence),
        False,
        when.until,
        sentiment_of(own, tongue.language),
        tuple(c for c in HUMAN_ORDER if c in classes and c is not chosen),
        legal,
        any(f.cue.name == "objection" for f in found),
        to,
    )


def _classes(found: Sequence[Found]) -> dict[ReplyClass, Found]:
    """The best cue of each class. A legal threat is a complaint."""
    best: dict[ReplyClass, Found] = {}
    for one in found:
        name = "complaint" if one.cue.name == "legal" else one.cue.name
        if name in ("absent", "objection"):
            continue
        best.setdefault(_C(name), one)
    if (
        _C.NOT_INTERESTED in best
        and _C.INTERESTED in best
        and best[_C.INTERESTED].sentence == best[_C.NOT_INTERESTED].sentence
    ):
        del best[_C.INTERESTED]
    return best


def _chosen_class(classes: Mapping[ReplyClass, Found], absent: bool, words: Words) -> ReplyClass:
    for candidate in HUMAN_ORDER:
        if candidate not in classes:
            continue
        if absent and candidate is not _C.LEFT_COMPANY:
            plain = classes[candidate].cue.confidence >= 0.7 and _PLAIN_ANSWER.search(words.line)
            if candidate not in _ANSWERS_DESPITE_ABSENCE or not plain:
                continue
        return candidate
    return _C.UNCLASSIFIED


def _confidence(chosen: ReplyClass, classes: Mapping[ReplyClass, Found]) -> float:
    """The cue's own weight, less when the mail also speaks for another answer."""
    if chosen is _C.UNCLASSIFIED:
        return 0.0
    weight = classes[chosen].cue.confidence
    return round(weight - 0.05 * min(3, len(classes) - 1), 2)


def _evidence(
    chosen: ReplyClass,
    classes: Mapping[ReplyClass, Found],
    absent: Sequence[Found],
    signs: Sequence[Sign],
    known: Mapping[str, str],
    found: Sequence[Found],
) -> tuple[Evidence, ...]:
    proof: list[Evidence] = []
    if chosen in classes:
        proof.append(classes[chosen].evidence())
    proof += [classes[c].evidence() for c in HUMAN_ORDER if c in classes and c is not chosen]
    proof += [f.evidence() for f in found if f.cue.name == "objection"][:1]
    if absent:
        proof.append(Evidence("text", "absence.suspected", absent[0].quote))
    human = says_human(known)
    if signs and human is not None:
        proof += [signs[0].evidence, human]
    return tuple(proof)


def _asked_for(cue: Found, words: Words, own: str, today: date, order: Order) -> DateRead:
    """The date in the sentence that says "not now", else in the next ones, else anywhere."""
    near = " . ".join(words.raw[cue.sentence : cue.sentence + 3])
    when = asked_date(near, today, order)
    return when if when.evidence else asked_date(own, today, order)


def _referral(own: str, known: Mapping[str, str]) -> str | None:
    """Whom to write to instead: a mail address, else a name after "speak to" and the like."""
    writer = f"{known.get('from', '')} {known.get('reply-to', '')} {known.get('to', '')}".lower()
    for address in _ADDRESS.finditer(own[:CUE_CHARS]):
        if address[0].lower() not in writer:
            return address[0]
    for name in _NAME.finditer(own[:CUE_CHARS]):
        if name["name"][:1].isupper():
            return " ".join(name["name"].split())
    return None
