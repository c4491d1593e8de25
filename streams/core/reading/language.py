"""Which language a text is in: enough to choose the cues that read it and whether its sentiment can be measured."""
# ruff: noqa: E501  (all spellings of one thing are one line)

from __future__ import annotations

import msgspec

_STOP_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(["the", "and", "to", "of", "is", "are", "you", "your", "we", "i", "it", "for", "this", "that", "not", "have", "with", "please", "be", "my", "our", "at", "me", "was", "am", "will", "can"]),
    "de": frozenset(["der", "die", "das", "und", "ich", "wir", "sie", "nicht", "ist", "ein", "eine", "zu", "mit", "fur", "bitte", "es", "auf", "im", "bin", "sind", "haben", "von", "den", "kein", "keine", "uns", "mich", "ihre"]),
    "fr": frozenset(["le", "la", "les", "et", "je", "nous", "vous", "ne", "pas", "est", "un", "une", "de", "du", "des", "pour", "avec", "merci", "ce", "que", "sur", "mon", "notre", "votre", "suis", "sommes"]),
    "es": frozenset(["el", "la", "los", "y", "yo", "no", "es", "un", "una", "de", "del", "que", "por", "para", "con", "gracias", "se", "mi", "su", "nos", "en", "lo", "estoy", "estamos", "favor"]),
    "it": frozenset(["il", "la", "lo", "e", "io", "non", "un", "una", "di", "del", "che", "per", "con", "grazie", "si", "mi", "sono", "siamo", "vostra", "questo"]),
    "nl": frozenset(["de", "het", "een", "en", "ik", "wij", "niet", "is", "van", "voor", "met", "graag", "dank", "u", "je", "op", "zijn", "mijn", "dit", "dat", "geen"]),
    "pt": frozenset(["o", "a", "os", "e", "eu", "nao", "um", "uma", "de", "do", "da", "que", "por", "para", "com", "obrigado", "obrigada", "se", "meu", "sua", "em", "estou", "estamos", "favor"]),
}  # fmt: skip


_BY_WORD: dict[str, tuple[str, ...]] = {
    word: tuple(sorted(language for language, stops in _STOP_WORDS.items() if word in stops))
    for word in frozenset().union(*_STOP_WORDS.values())
}
_FEW = 3


class Spoken(msgspec.Struct, frozen=True):
    """The language of a text, and all that it could be: cues of other languages would only misread it."""

    language: str
    possible: frozenset[str]


def spoken(line: str, hint: str | None) -> Spoken:
    """The language of a folded text by its small words; the hint decides a tie, and then English."""
    counts = dict.fromkeys(_STOP_WORDS, 0)
    for word in line.split(None, 200)[:200]:
        for language in _BY_WORD.get(word, ()):
            counts[language] += 1
    best = max(counts.values())
    hinted = (hint or "")[:2].lower()
    tied = [language for language, count in counts.items() if count == best]
    language = hinted if hinted in tied or (best == 0 and hinted) else "en" if "en" in tied else tied[0]
    if best < _FEW:
        return Spoken(language, frozenset(_STOP_WORDS))
    return Spoken(language, frozenset({"en", language, *(name for name, count in counts.items() if count * 2 >= best)}))
