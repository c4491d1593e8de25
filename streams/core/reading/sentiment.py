"""How a text sounds, -1..1, by the VADER lexicon. English only.

In other languages the lexicon misreads plain words (the German article "die" counts as death), so they get 0.
"""

from __future__ import annotations

from functools import cache
from typing import Any

# VADER looks each word up again when it meets a "but": quadratic in the words, so it sees only the beginning.
SENTIMENT_CHARS = 2_000
# Each emoji becomes its description, several words: a text of nothing else would take most of a second.
SENTIMENT_EMOJIS = 20


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def sentiment_of(text: str, language: str) -> float:
    """VADER's compound value of an English text; 0 for others."""
    if language != "en" or not text:
        return 0.0
    return float(_analyzer().polarity_scores(_calm(text[:SENTIMENT_CHARS]))["compound"])


def _calm(text: str) -> str:
    """The text with its first SENTIMENT_EMOJIS emojis only."""
    if text.isascii():
        return text
    described = _analyzer().emojis
    places = [at for at, char in enumerate(text) if char in described][SENTIMENT_EMOJIS:]
    left_out = set(places)
    return "".join(char for at, char in enumerate(text) if at not in left_out) if places else text
