"""Words of a text in one spelling, and a small phrase language that is matched in linear time.

A phrase is tokens separated by spaces: `word`, `one|other`, `stem*`, `?optional` (also `?a|b`), `..` (up to 3 words),
`...` (up to 6), `^` (sentence begins), `$` (sentence ends, also as a choice), EMAIL and URL. A gap never runs over a
comma, a "but" or the end of a sentence. There is nothing in it that could backtrack without bound, whatever the text.
"""
# ruff: noqa: E501  (all spellings of one thing are one line)

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

import msgspec

STEM_CHARS = 4
_CHOICE = re.compile(r"[^\W_]+\*?")
_PLACES = {"EMAIL": "xaddressx", "URL": "xlinkx"}
_BUT = "but|aber|mais|pero|however|jedoch|ma|maar|mas|yet|doch|though|sondern|sino"
_GAP = rf"(?:(?!(?:{_BUT}) )[^ ,.]+ ){{0,%d}}"
_SENTENCE_END = re.compile(
    r"(?<=[^\W\d_])[.](?=\s|$)|(?<=[\W\d])[.](?=\s+[^\W\d_a-z]|\s*$)|[!?;:…•]+(?=\s|$)|\n\s*\n|\n(?=\s*[-*•])"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’ʼ´`][^\W_]+)?|,|\(|\)")
_PLACE = re.compile(
    r"(?P<link>(?:https?://|www\.)[^\s<>]{1,500})"
    r"|(?P<address>(?<![^\s<(\[:,;\"'])[^\s<>()\[\]:,;\"'@]{1,64}@[^\s<>()\[\]:,;\"'@]{1,200})",
    re.IGNORECASE,
)
_PLACE_MARK = re.compile(r"xaddressx|xlinkx")

_SPELLINGS = {
    "don't": "do not", "dont": "do not", "doesn't": "does not", "doesnt": "does not", "didn't": "did not",
    "didnt": "did not", "isn't": "is not", "isnt": "is not", "aren't": "are not", "arent": "are not",
    "wasn't": "was not", "wasnt": "was not", "weren't": "were not", "won't": "will not", "wont": "will not",
    "can't": "can not", "cant": "can not", "cannot": "can not", "couldn't": "could not", "couldnt": "could not",
    "wouldn't": "would not", "wouldnt": "would not", "shouldn't": "should not", "haven't": "have not",
    "havent": "have not", "hasn't": "has not", "hadn't": "had not", "i'm": "i am", "we're": "we are",
    "you're": "you are", "they're": "they are", "he's": "he is", "she's": "she is", "it's": "it is",
    "that's": "that is", "what's": "what is", "there's": "there is", "i'll": "i will", "we'll": "we will",
    "i've": "i have", "we've": "we have", "i'd": "i would", "we'd": "we would", "let's": "lets", "you've": "you have",
    "you'll": "you will", "you'd": "you would", "who's": "who is", "ain't": "is not", "emails": "mails",
    "email": "mail", "newsletters": "newsletter", "fuer": "fur", "moechte": "mochte", "moechten": "mochten",
    "koennen": "konnen", "koennten": "konnten", "zurueck": "zuruck", "buero": "buro", "spaeter": "spater", "naechste": "nachste",
    "naechsten": "nachsten", "naechstes": "nachstes", "naechster": "nachster", "loeschen": "loschen",
    "fruehjahr": "fruhjahr", "fruehestens": "fruhestens", "wuerde": "wurde", "wuerden": "wurden", "hoeren": "horen",
    "gruesse": "grusse", "ueber": "uber", "moechtest": "mochtest", "persoenlich": "personlich", "taetig": "tatig",
    "zustaendig": "zustandig", "zustaendige": "zustandige", "ansprechpartner": "ansprechpartner", "maerz": "marz",
    "unterstuetzung": "unterstutzung", "beschaeftigt": "beschaftigt", "ausser": "ausser", "verfuegung": "verfugung",
    "klingt": "klingt", "waere": "ware", "hoert": "hort", "pls": "please", "plz": "please", "thx": "thanks",
}  # fmt: skip


def _fold_table() -> dict[int, str]:
    table = {ord("ß"): "ss", ord("ø"): "o", ord("ł"): "l", ord("æ"): "ae", ord("œ"): "oe", ord("đ"): "d"}
    table |= {ord(mark): "'" for mark in "’ʼ´`‘"} | {0x00A0: " ", 0x202F: " ", 0x2009: " "}
    table |= {ord(mark): "" for mark in "\u200b\u200c\u200d\ufeff\u00ad"}
    for code in (*range(0xC0, 0x250), *range(0x300, 0x370)):
        if code in table:
            continue
        bare = "".join(c for c in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(c))
        if bare != chr(code):
            table[code] = bare
    return table


_FOLD = _fold_table()


def folded(text: str) -> str:
    """Lower case without accents: é is e, ü is u, ß is ss, typographic apostrophes are '."""
    lower = text.lower()
    return lower if lower.isascii() else lower.translate(_FOLD)


class Words(msgspec.Struct, frozen=True):
    """A text as sentences: `raw` as written, `line` as one folded line `. a b . c d .`; `stems` are word beginnings."""

    raw: tuple[str, ...]
    line: str
    words: frozenset[str]
    stems: frozenset[str]

    def sentence(self, position: int) -> int:
        """Which sentence a position in `line` lies in."""
        return self.line.count(" . ", 0, position)


def words_of(text: str) -> Words:
    """The words of a text, ready for phrases."""
    places: list[str] = []
    if "@" in text or "http" in text or "www." in text:
        text = _PLACE.sub(lambda match: _set_aside(match, places), text)
    raw: list[str] = []
    lines: list[str] = []
    for sentence in _SENTENCE_END.split(_joined(text)):
        tokens = _TOKEN.findall(folded(sentence))
        if tokens:
            raw.append(sentence)
            spelled = " ".join([_SPELLINGS.get(token, token) for token in tokens])
            lines.append(spelled.replace("'", " ") if "'" in spelled else spelled)
    line = ". " + " . ".join(lines) + " ."
    words = frozenset(line.split())
    return Words(_put_back(raw, places), line, words, frozenset(word[:STEM_CHARS] for word in words))


def _set_aside(match: re.Match[str], places: list[str]) -> str:
    places.append(match[0])
    return " xaddressx " if match["address"] is not None else " xlinkx "


def _put_back(sentences: list[str], places: list[str]) -> tuple[str, ...]:
    """The sentences with their addresses and links, for the eyes of people. Sentences without words have gone."""
    if not places:
        return tuple(sentences)
    left = iter(places)
    return tuple(_PLACE_MARK.sub(lambda mark: next(left, mark[0]), sentence) for sentence in sentences)


def _joined(text: str) -> str:
    """Long lines run on (mail tools wrap them), and so do lines before a small letter; other ends of lines end one."""
    if "\n" not in text:
        return text
    parts: list[str] = []
    last = ""
    for line in text.split("\n"):
        if parts and not _runs_on(last, line):
            parts.append("\n\n")
        parts.append(f"{line} ")
        last = line
    return "".join(parts)


_GREETING = re.compile(
    r"^\s*(?:hi|hello|hey|dear|hallo|liebe|lieber|guten|sehr geehrte|bonjour|cher|chère|hola|estimad|buenos|buenas|ciao|beste|olá|good)\b",
    re.IGNORECASE,
)


def _runs_on(line: str, following: str) -> bool:
    if not line.strip() or not following.strip():
        return False
    if len(line) >= 45:
        return True
    return following.lstrip()[:1].islower() and line.rstrip()[-1:] not in ",.!?:;" and _GREETING.match(line) is None


def _spelled(token: str) -> str:
    spelled = _SPELLINGS.get(token)
    if spelled is not None:
        return spelled
    return token.replace("'", " ") if "'" in token else token


class Phrase(msgspec.Struct, frozen=True):
    """A compiled phrase. One of `words` or of `stems` must be in the text, or it need not be tried.

    The pattern begins with the space before its first word, so that a search leaps from word to word.
    """

    source: str
    pattern: re.Pattern[str]
    words: frozenset[str]
    stems: frozenset[str]


def phrase(source: str) -> Phrase:
    """A phrase of the small language, compiled."""
    tokens = source.split()
    body = "".join(_token_pattern(token) for token in tokens if token not in "^$")
    head = r"\. " if tokens[0] == "^" else " "
    tail = r"(?=\.)" if tokens[-1] == "$" else ""
    return Phrase(source, re.compile(head + body + tail), *_keys(tokens))


def _token_pattern(token: str) -> str:
    if token in ("..", "..."):
        return _GAP % (3 if token == ".." else 6)
    optional = token.startswith("?")
    words = token.removeprefix("?").split("|")
    choices = "|".join(_choice_pattern(choice) for choice in words if choice != "$")
    pattern = rf"(?:{choices}) (?:[,()] )?"
    if "$" in words:
        return rf"(?:{pattern}|(?=\.))"
    return f"(?:{pattern})?" if optional else pattern


def _choice_pattern(choice: str) -> str:
    if not _CHOICE.fullmatch(choice):
        raise ValueError(f"phrase choice {choice!r}: expected letters and digits, at the end `*` for a stem")
    choice = _PLACES.get(choice, choice)
    if choice.endswith("*"):
        return folded(choice[:-1]) + "[^ ]*"
    return _spelled(folded(choice))


def _keys(tokens: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The words and stems of the most telling required token: longest shortest choice, then fewest choices."""
    required = [t.split("|") for t in tokens if t not in ("^", "$", "..", "...") and not t.startswith("?")]
    usable = [cs for cs in required if "$" not in cs and all(len(c) > STEM_CHARS or not c.endswith("*") for c in cs)]
    best = max(usable, key=lambda cs: (min(min(len(c), 7) for c in cs), -len(cs)))
    stems = frozenset(folded(choice[:-1])[:STEM_CHARS] for choice in best if choice.endswith("*"))
    words = (_spelled(folded(_PLACES.get(choice, choice))).split()[0] for choice in best if not choice.endswith("*"))
    return frozenset(words), stems


def examples(source: str) -> Iterator[str]:
    """Texts that the phrase must find: each choice of each token once. For tests."""
    tokens = [t for t in source.split() if t not in ("^", "$", "..", "...")]
    choices = [t.removeprefix("?").split("|") for t in tokens]
    for at, options in enumerate(choices):
        for option in options:
            picked = [option if i == at else cs[0] for i, cs in enumerate(choices)]
            if option == "$" and at < len(choices) - 1:
                continue
            picked = [word for word in picked if word != "$"]
            yield " ".join(
                {"EMAIL": "a@b.example", "URL": "https://b.example/x"}.get(w, w.removesuffix("*")) for w in picked
            )
