"""A record on its way to Kafka, and the requests that wait for it.

Law of this module: a request has one receipt, whatever the number of its records; a record has one flight, whatever the
number of requests that brought it.

Next: streams/gateway/accept.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

from streams.errors import LeadlaneError


class Record(NamedTuple):
    """A record ready for Kafka. `name` is its ce_id."""

    name: str
    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class Busy(LeadlaneError):
    """Nothing new is taken now: answered 503."""


class Receipt:
    """What became of one request's records: `sent` by it, `left` unacknowledged."""

    __slots__ = ("left", "refused", "sent", "whole")

    def __init__(self, left: int) -> None:
        self.left, self.sent = left, 0
        self.refused: str | None = None  # what Kafka said of a record that it does not take
        self.whole: asyncio.Future[None] | None = None  # made when something is left

    async def within(self, seconds: float) -> None:
        """Wait until nothing is left, at most so long."""
        if self.left and self.whole is not None:
            timer = asyncio.get_running_loop().call_later(seconds, self._end)
            try:
                await self.whole
            finally:
                timer.cancel()

    def _end(self) -> None:
        if self.whole is not None and not self.whole.done():
            self.whole.set_result(None)

    def settle(self, refused: str | None = None) -> None:
        """One of the records is answered."""
        self.left -= 1
        self.refused = self.refused or refused
        if not self.left:
            self._end()


class Flight:
    """A record on its way, and the requests that wait for it."""

    __slots__ = ("_landed", "receipts", "record", "since")

    def __init__(self, record: Record, since: float, landed: Callable[[Flight, KafkaError | None, Message], None]):
        self.record, self.since, self._landed = record, since, landed
        self.receipts: list[Receipt] = []

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        self._landed(self, error, message)


def receipt_of(flights: Sequence[Flight]) -> Receipt:
    """A receipt for these, which are all on their way."""
    receipt = Receipt(len(flights))
    if flights:
        receipt.whole = asyncio.get_running_loop().create_future()
    for flight in flights:
        flight.receipts.append(receipt)
    return receipt
