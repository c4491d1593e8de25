"""From rows to records: what one CSV file means, row by row, in order of time.

Law of this module: every row ends in records, in "no record applies" or in a RowFault with line and column; none
vanishes. Event ids derive from the file's content and the row, so that feeding a file twice changes nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from streams import topics
from streams.core.events import RECORD, Event
from streams.feed.mapping import FieldRule, Mapping, RecordRule, When
from streams.feed.rows import NumberedRow
from streams.feed.values import BadValue, Row, Value, compiled, row_time

TOPIC_OF = {topic.record: topic.name for topic in topics.INPUTS if topic.record}
DATE_FIELDS = ("return_on", "renewal_on")  # days; every other date is a time in milliseconds


class Fed(NamedTuple):
    """One record to send."""

    topic: str
    key: bytes
    event: Event


class RowFault(NamedTuple):
    """One record, or a whole row, that could not be made."""

    line: int
    column: str  # empty: the row as a whole
    record: str
    text: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.record or 'row'}: {self.text}"


Qualifies = Callable[[Row], bool]


class _Maker(NamedTuple):
    record: str
    kind: type[Event]
    topic: str
    qualifies: Qualifies
    after_ms: int
    fields: Callable[[Row], dict[str, Any]]


class Plan:
    """A mapping compiled for one file's header."""

    def __init__(self, mapping: Mapping, header: Sequence[str], digest: str, shift_ms: int = 0) -> None:
        self._mapping, self._width, self._digest, self._shift = mapping, len(header), digest, shift_ms
        self._makers = [_maker(rule, header, mapping) for rule in mapping.records]
        self._time = row_time(mapping.time, header)
        self._lead_columns = [(name, header.index(name)) for name in mapping.lead.columns]

    def records(self, rows: Iterable[NumberedRow]) -> Iterator[Fed | RowFault]:
        """Records in order of time (labels after their delay) and faults where they occur."""
        waiting: list[tuple[int, int, Fed]] = []
        order = 0
        for row, at in self._timed(rows):
            if isinstance(at, RowFault):
                yield at
                continue
            while waiting and waiting[0][0] <= at:
                yield heapq.heappop(waiting)[2]
            for made in self._row(row, at):
                if isinstance(made, RowFault) or made.event.occurred_at <= at + self._shift:
                    yield made
                else:
                    order += 1
                    heapq.heappush(waiting, (made.event.occurred_at - self._shift, order, made))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _timed(self, rows: Iterable[NumberedRow]) -> Iterable[tuple[NumberedRow, int | RowFault]]:
        timed = ((row, self._at(row)) for row in rows)
        if not self._mapping.time.sort:
            return timed
        return sorted(timed, key=lambda pair: pair[1] if isinstance(pair[1], int) else 0)

    def _at(self, row: NumberedRow) -> int | RowFault:
        if len(row.cells) != self._width:
            return RowFault(row.line, "", "", f"{len(row.cells)} columns, expected {self._width}")
        try:
            return self._time(row.cells, row.number)
        except BadValue as error:
            return RowFault(row.line, error.column, "", str(error))

    def _row(self, row: NumberedRow, at: int) -> Iterator[Fed | RowFault]:
        try:
            lead_id = self._lead(row)
        except BadValue as error:
            yield RowFault(row.line, error.column, "", str(error))
            return
        for place, maker in enumerate(self._makers):
            if maker.qualifies(row.cells):
                yield self._made(row, at, lead_id, place, maker)

    def _lead(self, row: NumberedRow) -> str:
        lead = self._mapping.lead
        if lead.row_number:
            return f"{lead.prefix}{row.number}"
        for name, at in self._lead_columns:
            if not row.cells[at].strip():
                raise BadValue(name, "empty, expected the lead's key")
        return lead.prefix + lead.join.join(row.cells[at].strip() for _, at in self._lead_columns)

    def _made(self, row: NumberedRow, at: int, lead_id: str, place: int, maker: _Maker) -> Fed | RowFault:
        try:
            datum = maker.fields(row.cells)
            datum["event_id"] = f"{self._digest}-{row.number}-{place}"
            datum["lead_id"] = lead_id
            datum["occurred_at"] = at + self._shift + maker.after_ms
            datum["source"] = self._mapping.source
            return Fed(maker.topic, lead_id.encode(), msgspec.convert(datum, maker.kind, strict=False))
        except BadValue as error:
            return RowFault(row.line, error.column, maker.record, str(error))
        except msgspec.ValidationError as error:
            return RowFault(row.line, _column(self._mapping.records[place], str(error)), maker.record, str(error))


def _maker(rule: RecordRule, header: Sequence[str], mapping: Mapping) -> _Maker:
    return _Maker(
        rule.record, RECORD[rule.record], TOPIC_OF[rule.record],
        qualifies_by(rule.when, header), round(rule.after_seconds * 1000), _fields(rule.fields, header, mapping),
    )  # fmt: skip


def qualifies_by(conditions: tuple[When, ...], header: Sequence[str]) -> Qualifies:
    tests = [
        (header.index(when.column), None if when.in_ is None else frozenset(when.in_), frozenset(when.not_in))
        for when in conditions
    ]
    if not tests:
        return lambda _row: True
    return lambda row: all(
        (wanted is None or row[at] in wanted) and row[at] not in unwanted for at, wanted, unwanted in tests
    )


def _fields(specs: dict[str, Any], header: Sequence[str], mapping: Mapping) -> Callable[[Row], dict[str, Any]]:
    values: list[tuple[str, Value]] = []
    for name, spec in specs.items():
        if isinstance(spec, FieldRule):
            values.append((name, compiled(spec, header, mapping, in_days=name in DATE_FIELDS)))
        else:
            nested = _fields(spec, header, mapping)
            values.append((name, lambda row, nested=nested: nested(row) or None))  # type: ignore[misc]

    def read(row: Row) -> dict[str, Any]:
        return {name: value for name, get in values if (value := get(row)) is not None}

    return read


def _column(rule: RecordRule, text: str) -> str:
    """The columns behind the field that msgspec names in "... - at `$.value`"."""
    field = text.rpartition("`$.")[2].rstrip("`").split(".")[0].split("[")[0]
    spec = rule.fields.get(field)
    return " + ".join(spec.reads()) if isinstance(spec, FieldRule) else field
