"""How a text sounds, -1..1, by the VADER lexicon. English only.

In other languages the lexicon misreads plain words (the German article "die" counts as death), so they get 0.
"""

from __future__ import annotations

from functools import cache
from typing import Any

# VADER looks each word up again when it meets a "but": quadratic in the words, so it sees only the beginning.
SENTIMENT_CHARS = 2_000

_STOP_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset("the and to of is are you your we i it for this that not have with please be my our at me was am will can".split()),
    "de": frozenset("der die das und ich wir sie nicht ist ein eine zu mit fur bitte es auf im bin sind haben von den kein keine uns mich ihre".split()),
    "fr": frozenset("le la les et je nous vous ne pas est un une de du des pour avec merci ce que sur mon notre votre suis sommes".split()),
    "es": frozenset("el la los y yo no es un una de del que por para con gracias se mi su nos en lo estoy estamos favor".split()),
    "it": frozenset("il la lo e io non un una di del che per con grazie si mi sono siamo vostra questo".split()),
    "nl": frozenset("de het een en ik wij niet is van voor met graag dank u je op zijn mijn dit dat geen".split()),
    "pt": frozenset("o a os e eu nao um uma de do da que por para com obrigado obrigada se meu sua em estou estamos favor".split()),
}  # fmt: skip


def language_of(line: str, hint: str | None) -> str:
    """The language of a folded text by its small words; the hint decides a tie, and then English."""
    words = line.split()[:200]
    counts = {language: sum(word in stops for word in words) for language, stops in _STOP_WORDS.items()}
    best = max(counts.values())
    tied = [language for language, count in counts.items() if count == best]
    hinted = (hint or "")[:2].lower()
    if hinted in tied or (best == 0 and hinted):
        return hinted
    return "en" if "en" in tied else tied[0]


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def sentiment_of(text: str, language: str) -> float:
    """VADER's compound value of an English text; 0 for others."""
    if language != "en" or not text:
        return 0.0
    return float(_analyzer().polarity_scores(text[:SENTIMENT_CHARS])["compound"])
