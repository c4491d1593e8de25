"""One control topic, read whole and changed on the ground of what stands there.

Law of this module: who is not fenced knows what stands, since whoever writes fences first. So a change is decided on
what was read or written last, and when somebody else was quicker, everything is read again and decided anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from streams.core.context import ControlRecord
from streams.kafka.changes import Edit
from streams.kafka.control import ControlWriter, Fenced, read_control
from streams.settings import Settings
from streams.topics import Topic

TRIES = 5
RecordT = TypeVar("RecordT", bound=ControlRecord)
AnswerT = TypeVar("AnswerT")


class ControlTable(Generic[RecordT]):
    """A control topic as this process knows it. Makes its writer at the first change; keeps both for the next."""

    def __init__(self, settings: Settings, topic: Topic, record: type[RecordT]) -> None:
        self._settings, self._topic, self._record = settings, topic, record
        self._writer: ControlWriter | None = None
        self._records: dict[str, RecordT] = {}
        self.problems: tuple[str, ...] = ()  # of the last reading: what could not be understood

    def read(self) -> Mapping[str, RecordT]:
        """The records by key, as they stand now."""
        standing = read_control(self._settings, self._topic, self._record)
        self._records, self.problems = dict(standing.records), standing.problems
        return self._records

    def change(self, decide: Callable[[Mapping[str, RecordT]], Edit[RecordT] | AnswerT]) -> Edit[RecordT] | AnswerT:
        """Write what `decide` makes of what stands, and give it back; anything but an Edit is given back unwritten.

        `decide` may be asked again when somebody else wrote meanwhile. Raises NotWritten when that goes on and on,
        or when the broker does not take it.
        """
        for last in range(TRIES):
            fresh = self._writer is None
            if self._writer is None:
                self._writer = ControlWriter(
                    self._settings, self._topic
                )  # before reading: it ends whoever else is at it
                self.read()
            answer = decide(self._records)
            if not isinstance(answer, Edit):
                if fresh:
                    return answer
                self._writer = None  # nobody told this process whether somebody else has written: look before refusing
                continue
            writer, self._writer = self._writer, None  # whatever fails, what stands is read again
            try:
                writer.write(answer.records, answer.deleted)
            except Fenced:
                if last == TRIES - 1:
                    raise
                continue
            self._writer = writer
            self._records = {
                key: record for key, record in {**self._records, **answer.records}.items() if key not in answer.deleted
            }
            return answer
        raise AssertionError("the last try returns or raises")
