"""A broker that is away does not drown the log."""

from __future__ import annotations

import logging

from streams.logs import REPEAT_SECONDS, NotTooOften


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a_record(name: str, message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "file", 1, message, args, None)


def test_a_library_says_the_same_thing_once_in_a_while_with_the_number_of_repeats() -> None:
    clock = Clock()
    rare = NotTooOften(clock)
    said = [rare.filter(a_record("aiokafka.conn", "no answer from %s", node)) for node in range(4)]
    assert said == [True, False, False, False]
    clock.now = REPEAT_SECONDS
    again = a_record("aiokafka.conn", "no answer from %s", 4)
    assert rare.filter(again)
    assert again.getMessage() == "no answer from 4 (and 3 more like it)"


def test_different_messages_and_different_loggers_do_not_silence_each_other() -> None:
    rare = NotTooOften(Clock())
    assert rare.filter(a_record("aiokafka.conn", "one"))
    assert rare.filter(a_record("aiokafka.conn", "other"))
    assert rare.filter(a_record("aiokafka.client", "one"))


def test_what_leadlane_says_is_always_said() -> None:
    rare = NotTooOften(Clock())
    assert [rare.filter(a_record("streams.lane.lane", "lane %d is rebuilt", 3)) for _ in range(3)] == [True] * 3
