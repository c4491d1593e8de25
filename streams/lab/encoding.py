"""From features to named values, and the statistics that this needs: what the linear learner sees of a lead.

number    standardised by mean and deviation of all that came, kept within LIMIT; and one of some bins at quantiles, so
          that an effect need not be a straight line. Bins are cut anew when a column has CUT_GROWTH times the values,
          as many as the cube root of their number: as fine as so many values can tell.
          A whole number may be a code, so it is also a name, as a category is.
category  1 under the name of its value, once that was seen twice: ids and typing errors are never a weight
missing   1 under a name of its own; also what is not a number (nan)

Law of this module: `encode` changes nothing, `learn` is a fold: the same examples in the same order give the same
encoder, bit for bit, and so does one that was dumped and loaded half-way. What is kept is bounded per column.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

from streams.core.model import LARGEST
from streams.lab.guard import Cell, Sample

Value = float | str

LIMIT = 4.0  # deviations from the mean; the bins know what lies beyond
MOST_BINS = 24
FIRST_CUT, CUT_GROWTH = 30, 2  # values of a column at which its bins are cut
SEEN_BEFORE_A_WEIGHT = 2
MOST_NAMES = 600  # of a column that have a weight ...
MOST_NAMES_IN_ALL = 8000  # ... and of all columns, shared out evenly: a model document is one record of Kafka
MOST_COLUMNS = 500  # what comes after them is not looked at
LONGEST_NAME = 200  # characters; a longer text is prose, and no name
MOST_VALUES = 2000  # of a column that are counted; half of them are forgotten when there are more

BASE = "\x1f"  # the name of the constant; no feature's name can hold this character
SEPARATOR = "\x1f"


class Recut(NamedTuple):
    """Bins that were cut anew: each new weight is a mixture of old ones."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]  # by new bin, of each old one; sums to 1


class Names:
    """Values of a column that are names: how often each came, and the weights of those that came before."""

    __slots__ = ("cells", "forgotten", "keys", "prefix")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.cells: dict[Value, Cell] = {}  # value -> labels, positives
        self.keys: dict[Value, str] = {}  # value -> name of its weight
        self.forgotten: Cell = [0.0, 0.0]  # labels and positives of values that are no longer counted

    def learn(self, value: Value, label: bool, most: int) -> list[str]:
        """Count a value; the names of weights that are forgotten over it. At most `most` have a weight."""
        cell = self.cells.get(value)
        if cell is None:
            cell = self.cells[value] = [0.0, 0.0]
        cell[0] += 1
        cell[1] += label
        if cell[0] == SEEN_BEFORE_A_WEIGHT and len(self.keys) < most:
            self.keys[value] = f"{self.prefix}{value}"
        return self._forget(most) if len(self.cells) > MOST_VALUES else []

    def correct(self, value: Value, change: int) -> None:
        self.cells.get(value, self.forgotten)[1] += change

    def _forget(self, most: int) -> list[str]:
        """Forget the half that was seen least, the oldest first."""
        by_count = sorted(self.cells, key=lambda value: self.cells[value][0])
        dropped = []
        for value in by_count[: len(by_count) // 2]:
            labels, positives = self.cells.pop(value)
            self.forgotten[0] += labels
            self.forgotten[1] += positives
            if value in self.keys:
                dropped.append(self.keys.pop(value))
        for value, (labels, _) in self.cells.items():
            if len(self.keys) >= most:
                break
            if labels >= SEEN_BEFORE_A_WEIGHT:
                self.keys.setdefault(value, f"{self.prefix}{value}")
        return dropped

    def dump(self) -> list[Any]:
        return [[[value, *cell] for value, cell in self.cells.items()], list(self.keys), self.forgotten]

    def load(self, dumped: list[Any]) -> None:
        cells, keys, self.forgotten = dumped
        self.cells = {value: [labels, positives] for value, labels, positives in cells}
        self.keys = {value: f"{self.prefix}{value}" for value in keys}


class Number:
    """What is known of a column's numbers."""

    __slots__ = (
        "cells", "count", "edges", "inverse", "keys", "mean", "names", "next_cut", "positives", "spread", "values",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.count, self.mean, self.spread, self.inverse = 0, 0.0, 0.0, 0.0
        self.values, self.positives = Sample(), Sample()
        self.edges: list[float] = []
        self.cells: list[Cell] = []  # labels and positives of each bin
        self.keys: tuple[str, ...] = ()
        self.next_cut = FIRST_CUT
        self.names = Names(f"{name}{SEPARATOR}#")  # of whole numbers

    def learn(self, value: float, label: bool, most: int) -> list[str]:
        """Count a number; the names of weights that are forgotten over it."""
        self.count += 1
        away = value - self.mean
        self.mean += away / self.count
        self.spread += away * (value - self.mean)
        self.inverse = 1 / sqrt(self.spread / self.count) if self.spread > 0 else 0.0
        self.values.add(value)
        if label:
            self.positives.add(value)
        if self.edges:
            cell = self.cells[bisect_right(self.edges, value)]
            cell[0] += 1
            cell[1] += label
        return self.names.learn(value, label, most) if value.is_integer() else []

    def correct(self, value: float, change: int) -> None:
        if self.edges:
            self.cells[bisect_right(self.edges, value)][1] += change
        if value.is_integer():
            self.names.correct(value, change)
        if change > 0:
            self.positives.add(value)

    def all_keys(self) -> list[str]:
        return [*self.keys, *self.names.keys.values()]

    def dump(self) -> list[Any]:
        return [
            self.count, self.mean, self.spread, self.inverse, self.values.dump(), self.positives.dump(), self.edges,
            self.cells, self.next_cut, self.names.dump(),
        ]  # fmt: skip

    @classmethod
    def load(cls, name: str, dumped: list[Any]) -> Number:
        number = cls(name)
        number.count, number.mean, number.spread, number.inverse, values, positives, *rest = dumped
        number.values, number.positives = Sample.load(values), Sample.load(positives)
        number.edges, number.cells, number.next_cut, names = rest
        number.keys = bin_keys(name, len(number.edges)) if number.edges else ()
        number.names.load(names)
        return number

    def cut(self, name: str) -> Recut | None:
        """Cut the bins at the quantiles of what came so far. None: they stay."""
        self.next_cut *= CUT_GROWTH
        values = sorted(self.values.kept)
        bins = min(round(self.count ** (1 / 3)), MOST_BINS)
        quantiles = {values[len(values) * part // bins] for part in range(1, bins)}
        edges = sorted(edge for edge in quantiles if edge > values[0])
        if edges == self.edges:
            return None
        before, old_edges, old_cells = self.keys, self.edges, self.cells
        self.edges, self.keys = edges, bin_keys(name, len(edges))
        if not old_edges:
            self.cells = [[0.0, 0.0] for _ in self.keys]
            return None
        counts = [[0] * len(before) for _ in self.keys]
        for value in values:
            counts[bisect_right(edges, value)][bisect_right(old_edges, value)] += 1
        of_old = [sum(row[old] for row in counts) or 1 for old in range(len(before))]
        self.cells = [
            [sum(row[old] / of_old[old] * old_cells[old][part] for old in range(len(before))) for part in (0, 1)]
            for row in counts
        ]
        shares = tuple(tuple(count / (sum(row) or 1) for count in row) for row in counts)
        return Recut(before, self.keys, shares)


class Column:
    """What is known of one feature."""

    __slots__ = ("born", "count", "missing", "name", "names", "next_look", "number", "positives", "usable")

    def __init__(self, name: str, born: tuple[int, int], next_look: float) -> None:
        self.name, self.born = name, born  # labels and positives that came before it
        self.number: Number | None = None
        self.names = Names(f"{name}{SEPARATOR}=")  # of texts
        self.count = self.positives = 0  # of examples that state it
        self.missing = f"{name}{SEPARATOR}?"
        self.next_look = next_look  # labels of the rarer kind at which the guard looks
        self.usable = True  # False: it gives the answer away

    def all_keys(self) -> list[str]:
        """The names of all its weights."""
        return [self.name, self.missing, *self.names.keys.values(), *(self.number.all_keys() if self.number else ())]

    def dump(self) -> list[Any]:
        return [
            self.name, list(self.born), self.number and self.number.dump(), self.names.dump(), self.count,
            self.positives, self.next_look, self.usable,
        ]  # fmt: skip

    @classmethod
    def load(cls, dumped: list[Any]) -> Column:
        name, born, number, names, count, positives, next_look, usable = dumped
        column = cls(name, (born[0], born[1]), next_look)
        column.number = number and Number.load(name, number)
        column.names.load(names)
        column.count, column.positives, column.usable = count, positives, usable
        return column


class Encoder:
    """Statistics of every column, and the encoding that they give."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.usable: list[Column] = []  # those that are encoded

    def encode(self, features: Mapping[str, Value]) -> dict[str, float]:
        """The values under the names of their weights."""
        encoded = {BASE: 1.0}
        for column in self.usable:
            value = features.get(column.name)
            if value is None or value != value:
                encoded[column.missing] = 1.0
            elif value.__class__ is str:
                key = column.names.keys.get(value)
                if key is not None:
                    encoded[key] = 1.0
            elif column.number is not None:
                number = column.number
                value = min(max(value, -LARGEST), LARGEST)
                if number.inverse:
                    z = (value - number.mean) * number.inverse  # type: ignore[operator]
                    encoded[column.name] = LIMIT if z > LIMIT else -LIMIT if z < -LIMIT else z
                if number.edges:
                    encoded[number.keys[bisect_right(number.edges, value)]] = 1.0
                key = number.names.keys.get(value)
                if key is not None:
                    encoded[key] = 1.0
        return encoded

    def learn(
        self, features: Mapping[str, Value], label: bool, before: tuple[int, int], next_look: float
    ) -> tuple[list[Recut], list[str]]:
        """Count one example: the bins that were cut anew, and the names of weights that are forgotten.

        `before`: labels and positives so far. `next_look`: when the guard looks at a column that is new.
        """
        recuts: list[Recut] = []
        dropped: list[str] = []
        most = min(MOST_NAMES, MOST_NAMES_IN_ALL // max(len(self.columns), 1))
        for name, value in features.items():
            if value is None or value != value:
                continue
            column = self.columns.get(name)
            if column is None:
                if len(self.columns) >= MOST_COLUMNS:
                    continue
                column = self.columns[name] = Column(name, before, next_look)
                self.usable.append(column)
            column.count += 1
            column.positives += label
            if value.__class__ is str:
                if len(value) <= LONGEST_NAME:
                    dropped += column.names.learn(value, label, most)
                continue
            number = column.number
            if number is None:
                number = column.number = Number(name)
            dropped += number.learn(float(min(max(value, -LARGEST), LARGEST)), label, most)
            if number.count >= number.next_cut and (recut := number.cut(name)):
                recuts.append(recut)
        return recuts, dropped

    def correct(self, features: Mapping[str, Value], change: int) -> None:
        """A label that was counted is the other one: `change` is 1 or -1 positive more."""
        for name, value in features.items():
            column = self.columns.get(name)
            if column is None or value is None or value != value:
                continue
            column.positives += change
            if isinstance(value, str):
                column.names.correct(value, change)
            elif column.number is not None:
                column.number.correct(float(min(max(value, -LARGEST), LARGEST)), change)

    def use(self, name: str, usable: bool) -> None:
        """Encode a column from now on, or no longer."""
        self.columns[name].usable = usable
        self.usable = [column for column in self.columns.values() if column.usable]

    def dump(self) -> list[Any]:
        """All of it as plain lists, for msgpack."""
        return [column.dump() for column in self.columns.values()]

    @classmethod
    def load(cls, dumped: list[Any]) -> Encoder:
        encoder = cls()
        encoder.columns = {row[0]: Column.load(row) for row in dumped}
        encoder.usable = [column for column in encoder.columns.values() if column.usable]
        return encoder


def bin_keys(name: str, edges: int) -> tuple[str, ...]:
    return tuple(f"{name}{SEPARATOR}{number}" for number in range(edges + 1))
