"""How a text sounds, -1..1, by the VADER lexicon. English only.

In other languages the lexicon misreads plain words (the German article "die" counts as death), so they get 0.
"""

from __future__ import annotations

from functools import cache
from typing import Any

# VADER looks each word up again when it meets a "but": quadratic in the words, so it sees only the beginning.
SENTIMENT_CHARS = 2_000


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def sentiment_of(text: str, language: str) -> float:
    """VADER's compound value of an English text; 0 for others."""
    if language != "en" or not text:
        return 0.0
    return float(_analyzer().polarity_scores(text[:SENTIMENT_CHARS])["compound"])
