"""From rows of a CSV export to examples: what is known of each, and what became of it.

A cell that reads as a number is one; any other text is a category; null values are missing. `0042` is a code, not a
number; currency and percent signs do not count; a comma is the decimal sign in files whose delimiter is none, else it
groups thousands.

Law of this module: every row is an Example or a RowFault; none vanishes. A row without a label is an example too: its
label is None.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from streams.feed.mapping import BadMapping, LabelRule, LearningMapping, LearningRules, Mapping
from streams.feed.plan import RowFault, qualifies_by
from streams.feed.rows import NumberedRow
from streams.feed.values import BadValue, Row, compiled

POSITIVE = frozenset({"accepted", "meeting_held", "opportunity", "won"})  # of the outcomes
SIGNS = "$€£%"
CODE = re.compile(r"[+-]?0\d+")  # a leading zero means something
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
MOST_REMEMBERED = 10_000  # readings of cells per column

Value = float | str
Label = Callable[[Row], bool | None]
Reading = Callable[[str], Value | None]


class Example(NamedTuple):
    """One row as the learner sees it."""

    features: dict[str, Value]
    label: bool | None  # None: not known (yet)


class Examples:
    """A mapping compiled for one file's header."""

    def __init__(self, mapping: Mapping | LearningMapping, header: Sequence[str], delimiter: str) -> None:
        rules = mapping.learning or LearningRules(drop=tuple(mapping.unused_columns))  # type: ignore[union-attr]
        nulls = frozenset(mapping.null_values)
        if rules.label is not None:
            answers: tuple[str, ...] = (rules.label.column,)
            self._label = _stated(rules.label, header, nulls)
        else:
            assert isinstance(mapping, Mapping)
            answers, self._label = _recorded(mapping, header)
        keys: tuple[str | None, ...] = (
            (*mapping.lead.columns, mapping.time.column) if isinstance(mapping, Mapping) else ()
        )
        hidden = {*answers, *rules.drop, *keys}
        self.features = tuple(name for name in header if name not in hidden)
        self.label_column = answers[0]
        self.answers: Counter[str] = Counter()  # texts of that column
        self._answer_at = header.index(self.label_column)
        self._width = len(header)
        self._columns = [
            (name, header.index(name), dict[str, Value | None](), _reading(name, rules, nulls, delimiter == ","))
            for name in self.features
        ]

    def read(self, rows: Iterable[NumberedRow]) -> Iterator[Example | RowFault]:
        """An example or a fault for each row."""
        for row in rows:
            if len(row.cells) != self._width:
                yield RowFault(row.line, "", "", f"{len(row.cells)} cells, expected {self._width} as in the header")
                continue
            answer = row.cells[self._answer_at]
            if answer in self.answers or len(self.answers) < MOST_REMEMBERED:
                self.answers[answer] += 1
            try:
                yield Example(self._features(row.cells), self._label(row.cells))
            except BadValue as error:
                yield RowFault(row.line, error.column, "", str(error))

    def _features(self, cells: Row) -> dict[str, Value]:
        features: dict[str, Value] = {}
        for name, at, remembered, reading in self._columns:
            text = cells[at]
            if text in remembered:
                value = remembered[text]
            else:
                value = reading(text)
                if len(remembered) < MOST_REMEMBERED:
                    remembered[text] = value
            if value is not None:
                features[name] = value
        return features


def number_in(text: str, comma_groups: bool) -> float | None:
    """The number that a text is, None: it is none."""
    if CODE.fullmatch(text):
        return None
    plain = text.strip(SIGNS).strip() if text[0] in SIGNS or text[-1] in SIGNS else text
    if "," in plain:
        if GROUPED.fullmatch(plain) and (comma_groups or "." in plain or plain.count(",") > 1):
            plain = plain.replace(",", "")
        elif plain.count(",") == 1 and "." not in plain:
            plain = plain.replace(",", ".")
    try:
        return float(plain) if "_" not in plain else None
    except ValueError:
        return None


def _reading(name: str, rules: LearningRules, nulls: frozenset[str], comma_groups: bool) -> Reading:
    """How a cell of this column is read."""
    numeric, categorical = name in rules.numeric, name in rules.categorical

    def read(cell: str) -> Value | None:
        text = cell.strip()
        if text in nulls or cell in nulls or not text:
            return None
        if categorical:
            return text
        number = number_in(text, comma_groups)
        if number is not None:
            return number
        if numeric:
            raise BadValue(name, f"{cell!r} is not a number")
        return text

    return read


def _stated(rule: LabelRule, header: Sequence[str], nulls: frozenset[str]) -> Label:
    at, positive = header.index(rule.column), frozenset(rule.positive)
    negative = None if rule.negative is None else frozenset(rule.negative)

    def label(row: Row) -> bool | None:
        text = row[at].strip()
        if text in positive:
            return True
        if text in nulls or not text:
            return None
        if negative is not None and text not in negative:
            known = ", ".join(sorted(positive | negative))
            raise BadValue(rule.column, f"{text!r} is neither positive nor negative, expected one of {known}")
        return False

    return label


def _recorded(mapping: Mapping, header: Sequence[str]) -> tuple[tuple[str, ...], Label]:
    """The columns that state the outcome, and the label by the OutcomeLabel records: the first that applies."""
    rules = [rule for rule in mapping.records if rule.record == "OutcomeLabel"]
    if not rules:
        raise BadMapping("mapping: expected learning.label or an OutcomeLabel record, got neither: nothing to learn.")
    makers = [(qualifies_by(rule.when, header), compiled(rule.fields["outcome"], header, mapping)) for rule in rules]
    columns = tuple(name for rule in rules for name in rule.fields["outcome"].reads())
    if not columns:
        raise BadMapping("mapping: the OutcomeLabel record reads no column, expected one that states the outcome.")

    def label(row: Row) -> bool | None:
        for qualifies, outcome in makers:
            if qualifies(row) and (found := outcome(row)) is not None:
                return found in POSITIVE
        return None

    return columns, label
