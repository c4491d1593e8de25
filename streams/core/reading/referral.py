"""Whom to write to instead."""
# ruff: noqa: E501  (an expression is one line)

from __future__ import annotations

import re
from collections.abc import Mapping

_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_NAME = re.compile(
    r"(?:speak (?:to|with)|talk (?:to|with)|contact|reach out to|ask|email|write to|try|sie sich an|kontaktieren sie(?: bitte)?|kollegen?|kollegin|herrn?|frau|collègue|contacter|contactez|adresser à|adressez-vous à|contacte a|hable con|escriba a|compañer[oa]|colleague|person is|contact is|is|heißt|est|cc'?ing|copying|looping in|adding)"
    r",? (?:my colleague |our colleague |meine[nrm]? kolleg(?:e|en|in) |mon collègue |ma collègue |mi compañer[oa] |herrn? |frau |mr\.? |mrs\.? |ms\.? |dr\.? |m\. |mme |sr\.? |sra\.? )?(?-i:(?P<name>[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}(?: (?:van |von |de |der |den |la )?[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}){0,2}))",
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


_COPIED = re.compile(
    r"\b(?:[Aa]dding|[Cc]opying(?: in)?|[Ll]ooping in|[Cc][Cc](?:'?ing|'?d)|[Ff]orward(?:ing|ed) (?:this|it|you|your \w{1,12}) to|[Ii]ntroducing(?: you to)?)"
    r" (?P<name>[A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}(?: [A-ZÄÖÜÉÈÁÍÓÚÑ][\w’'-]{1,30}){0,2})"
)


def pointed_to(own: str) -> str | None:
    """The words of an imperative that point to somebody by name ("please contact Jane Miller")."""
    for match in _POINTER.finditer(own):
        if _IMPERATIVE.search(own[max(0, match.start() - 24) : match.start()]):
            return match[0]
    copied = _COPIED.search(own)
    return None if copied is None else copied[0]


def referral_to(own: str, known: Mapping[str, str]) -> str | None:
    """Whom to write to instead: a mail address, else a name after "speak to" and the like."""
    writer = f"{known.get('from', '')} {known.get('reply-to', '')} {known.get('to', '')}".lower()
    for address in _ADDRESS.finditer(own):
        if address[0].lower() not in writer:
            return address[0]
    copied = _COPIED.search(own)
    if copied is not None:
        return copied["name"]
    for name in _NAME.finditer(own):
        return " ".join(name["name"].split())
    return None
