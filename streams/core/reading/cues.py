"""Cues: rows of phrases that speak for a class, and the scan that finds them in a text.

Next: streams/core/reading/the tables rows_*.py
"""
# ruff: noqa: SIM905  (word lists are prose)

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import cached_property

import msgspec

from streams.core.reading.verdict import Evidence, quoted
from streams.core.reading.words import Phrase, Words, phrase


class Cue(msgspec.Struct, frozen=True):
    """One row: any of `phrases` speaks for `name`, unless the sentence also holds one of `unless`.

    `positive`: a negation in the same clause before it takes its force away ("not interested").
    """

    name: str
    language: str
    confidence: float
    phrases: tuple[str, ...]
    unless: tuple[str, ...] = ()
    positive: bool = False


class Found(msgspec.Struct, frozen=True):
    """A cue that holds, with the sentence that shows it."""

    cue: Cue
    sentence: int
    quote: str

    def evidence(self) -> Evidence:
        return Evidence("text", f"{self.cue.name}.{self.cue.language}", self.quote)


class _Rule(msgspec.Struct, frozen=True):
    cue: Cue
    unless: tuple[Phrase, ...]


# Two words are too few for "not in any way interested", the whole clause too many for "no time today, but call me".
NEGATION_REACH = 5
_CLAUSE_ENDS = frozenset(
    (". , ( ) but aber mais pero however jedoch ma maar mas yet though because weil since and und et y e en").split()
)
_NEGATIONS = frozenset(
    (
        "no not never neither nor none without hardly barely nobody nothing nicht kein keine keinen keinem keiner "
        "keinerlei nie niemals ohne kaum nichts weder ne n pas jamais aucun aucune rien sans ni nunca ningun ninguna "
        "tampoco sin nada non mai nessun nessuna senza niet geen nooit zonder nao nem nenhum nenhuma sem"
    ).split()
)
_NOT_A_NEGATION = tuple(
    f" {words} "
    for words in (
        "not only|no problem|no worries|not just|nicht nur|kein problem|no doubt|pas seulement|no solo|not a problem|"
        "can not wait|no question|pas de souci|pas de probleme|no hay problema|sin problema|pas de soucis|"
        "sans probleme|keine frage|no issue"
    ).split("|")
)


_Index = dict[str, list[tuple[Phrase, _Rule]]]


class CueTable:
    """Many rows, indexed by the words that their phrases need: a text tries few of them.

    The index is built for the first text (streams/core/reading/warm.py): it takes a fifth of a second, which a worker
    that comes back after a kill does not have.
    """

    def __init__(self, cues: Iterable[Cue]) -> None:
        self.cues = tuple(cues)

    @cached_property
    def _index(self) -> tuple[_Index, _Index]:
        """Phrases by the words, and by the stems, that they need."""
        by_word: _Index = {}
        by_stem: _Index = {}
        for cue in self.cues:
            rule = _Rule(cue, tuple(map(phrase, cue.unless)))
            for compiled in map(phrase, cue.phrases):
                pair = (compiled, rule)
                for word in compiled.words:
                    by_word.setdefault(word, []).append(pair)
                for stem in compiled.stems:
                    by_stem.setdefault(stem, []).append(pair)
        return by_word, by_stem

    def find(self, words: Words, languages: Container[str]) -> tuple[Found, ...]:
        """Every row of these languages that holds, the surest first, each once with its first good sentence."""
        best: dict[int, Found] = {}
        for compiled, rule in self._candidates(words):
            if rule.cue.language not in languages and rule.cue.language != "other":
                continue
            found = _first(compiled, rule, words)
            if found is not None:
                known = best.get(id(rule))
                if known is None or found.sentence < known.sentence:
                    best[id(rule)] = found
        return tuple(sorted(best.values(), key=lambda f: (-f.cue.confidence, f.sentence, f.cue.name, f.cue.language)))

    def _candidates(self, words: Words) -> Iterable[tuple[Phrase, _Rule]]:
        """The phrases that one of the text's words calls up, each once."""
        called: dict[int, tuple[Phrase, _Rule]] = {}
        for needed, index in zip((words.words, words.stems), self._index, strict=True):
            for key in needed & index.keys():
                for pair in index[key]:
                    called[id(pair)] = pair
        return called.values()


def _first(compiled: Phrase, rule: _Rule, words: Words) -> Found | None:
    line = words.line
    if compiled.pattern.search(line) is None:
        return None
    for match in compiled.pattern.finditer(line):
        start = line.rfind(". ", 0, match.start() + 2) + 2
        end = line.find(" .", match.end() - 1) + 1
        if rule.cue.positive and _is_negated(line[start : match.start()], match[0]):
            continue
        if rule.unless and any(p.pattern.search(line, start - 2, end + 1) for p in rule.unless):
            continue
        sentence = words.sentence(start)
        return Found(rule.cue, sentence, quoted(_window(words.raw[sentence], match.start() - start, end - start)))
    return None


def _window(raw: str, offset: int, length: int) -> str:
    """The part of a long sentence that shows the match."""
    if len(raw) <= 160:
        return raw
    at = int(len(raw) * max(offset, 0) / max(length, 1))
    begin = max(0, at - 60)
    return raw[begin : begin + 150]


def _is_negated(before: str, matched: str) -> bool:
    near = before.split()[-NEGATION_REACH - 2 :]
    if not any(word in _NEGATIONS for word in near):
        return False
    text = f" {' '.join(near)} {matched.strip()} "
    for harmless in _NOT_A_NEGATION:
        if harmless in text:
            text = text.replace(harmless, " ")
    near = text.removesuffix(f"{matched.strip()} ").split()[-NEGATION_REACH:]
    for word in reversed(near):
        if word in _CLAUSE_ENDS:
            return False
        if word in _NEGATIONS:
            return True
    return False
