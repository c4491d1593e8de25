"""Whether a recorded basis allows marketing to a person in a country on a channel."""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.events import Channel
from streams.core.policy import GateRow
from streams.core.state import Recorded

OTHER = "*"  # any country, or any channel, that is not named
UNKNOWN = ""  # the country of a lead whose country is unknown
NO_BASIS_NEEDED = "none"


def is_lawful(country: str, channel: Channel, consent: Recorded | None, now: int, gate: GateRow) -> bool:
    """Whether the policy's table accepts what is recorded. Withdrawn, lapsed or out-of-scope consent never counts."""
    bases = lawful_bases(country, channel, gate.lawful)
    if consent is None:
        return NO_BASIS_NEEDED in bases
    if consent.basis == "none":
        return False
    in_scope = not consent.scope or channel in consent.scope
    in_time = consent.expires_at is None or now < consent.expires_at
    return NO_BASIS_NEEDED in bases or (in_scope and in_time and consent.basis in bases)


def lawful_bases(country: str, channel: str, lawful: Mapping[str, Mapping[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """The bases that the table accepts: the country's own row, else the row of all others; likewise the channel."""
    channels = lawful.get(country) or lawful.get(OTHER, {})
    return channels.get(channel, channels.get(OTHER, ()))
