"""The request to forget a lead, and the lane's answer to it."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple
from uuid import uuid4

from streams.core.effects import ErasureReceipt
from streams.core.events import ErasureRequest
from streams.errors import LeadlaneError
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.topics import ERASURES, RECEIPTS

SOURCE = "leadlane"
SALT_BYTES = 16
LOOK_SECONDS = 0.05
CLOCK_SKEW_MS = 60_000  # a lane's clock may be behind ours by so much


class NoReceipt(LeadlaneError):
    """The request is on Kafka, but no lane has answered it yet."""

    exit_code = 5


class Placed(NamedTuple):
    """A request that Kafka has."""

    request: ErasureRequest
    partition: int
    offset: int

    @property
    def decision_id(self) -> str:
        return f"{ERASURES.name}-{self.partition}-{self.offset}"


def new_request(
    lead_id: str, actor: str, reason: str, basis: str | None, ticket: str | None, now: int, salt: str | None = None
) -> ErasureRequest:
    """A request as of now, under an id that says nothing of the lead."""
    return ErasureRequest(
        event_id=f"forget-{uuid4().hex}",
        lead_id=lead_id,
        occurred_at=now,
        source=SOURCE,
        actor=actor,
        reason=reason,
        basis=basis,
        ticket=ticket,
        salt=salt or secrets.token_hex(SALT_BYTES),
    )


def place(settings: Settings, request: ErasureRequest) -> Placed:
    """Write the request. Raises NotDelivered; UnreadableRecord when a lane would refuse it."""
    wire, placed = wire_for(settings), list[Placed]()
    value = wire.encode(request)
    wire.decode(ERASURES.name, value)
    sender = Sender(settings)
    sender.send(
        ERASURES.name,
        request.lead_id.encode(),
        value,
        event_headers(request),
        lambda _topic, partition, offset: placed.append(Placed(request, partition, offset)),
    )
    sender.flush()
    return placed[0]


def await_receipt(reader: Reader, wire: Wire, placed: Placed, seconds: float) -> ErasureReceipt:
    """The lane's receipt. Raises NoReceipt after so many seconds."""
    mark = ("ce_id", f"{placed.decision_id}/ErasureReceipt".encode())
    at = reader.offset_at(RECEIPTS.name, placed.partition, placed.request.occurred_at - CLOCK_SKEW_MS)
    deadline = time.monotonic() + seconds
    while True:
        for message in reader.read(RECEIPTS.name, {placed.partition: at}):
            at = int(message.offset() or 0) + 1
            if mark in (message.headers() or ()):
                receipt = wire.decode_any(RECEIPTS.name, message.value())
                assert isinstance(receipt, ErasureReceipt)
                return receipt
        if time.monotonic() > deadline:
            raise NoReceipt(
                f"{ERASURES.name}[{placed.partition}]@{placed.offset} is written and stays, but no lane has answered it"
                f" within {seconds:g} s: expected a worker that has lane {placed.partition}. When one runs it will be"
                " done; look with `leadlane forget --verify`, and for a refusal with `leadlane dlq list --topic"
                f" {ERASURES.name}`."
            )
        time.sleep(LOOK_SECONDS)
