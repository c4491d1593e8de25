"""Logging of worker processes: what Leadlane says is said, what libraries repeat is said once in a while.

While a broker is away its clients try again several times a second and log every try: 8,000 lines in half a minute,
among which nobody finds the one that matters.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

# Their debug calls cost a worker up to 12 % of its time.
LIBRARIES = ("aiokafka", "asyncio", "faust", "mode", "httpx2", "httpcore2")
REPEAT_SECONDS = 30.0
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class NotTooOften(logging.Filter):
    """Lets each message of a library through once per REPEAT_SECONDS, with the number of those held back since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # (logger, template) -> when, held back since

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(LIBRARIES):
            return True
        what, now = (record.name, str(record.msg)), self._clock()
        said_at, held_back = self._said.get(what, (-REPEAT_SECONDS, 0))
        if now - said_at < REPEAT_SECONDS:
            self._said[what] = (said_at, held_back + 1)
            return False
        self._said[what] = (now, 0)
        if held_back:
            record.msg, record.args = f"{record.getMessage()} (and {held_back} more like it)", ()
        return True


def set_up_logging(level: str) -> None:
    """Log to stderr. No debug or info of libraries: even unprinted it costs."""
    handler = logging.StreamHandler()
    handler.addFilter(NotTooOften())
    logging.basicConfig(level=level.upper(), format=FORMAT, handlers=[handler])
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
