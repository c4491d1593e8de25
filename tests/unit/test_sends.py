"""What was wrong with a send, and that lanes count it."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.caps import Promise
from streams.core.sends import send_faults
from streams.core.state import LeadState
from tests.factories import HOUR, MINUTE, T0, an_activity, an_ooto
from tests.leads import CONTEXT, a_lead

PROMISE = Promise("request-1", T0, "email", T0 + HOUR)


def faults(lead: LeadState | None = None, **fields: Any) -> tuple[str, ...]:
    lead = a_lead() if lead is None else lead
    lead.promises = [PROMISE]
    known = {"kind": "sent", "by": "system", "request_id": "request-1", "occurred_at": T0 + MINUTE}
    return send_faults(lead, an_activity(**{**known, **fields}), CONTEXT)


def test_a_send_that_was_allowed_has_no_fault() -> None:
    assert faults() == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"request_id": "request-2"}, ("send:unauthorised",)),
        ({"occurred_at": T0 + HOUR + MINUTE}, ()),
        ({"occurred_at": T0 + HOUR + MINUTE + 1}, ("send:unauthorised",)),
        ({"occurred_at": T0 - MINUTE}, ()),  # the sender's clock is behind
        ({"request_id": None}, ("send:unasked",)),
        ({"request_id": None, "transactional": True}, ()),
        ({"request_id": None, "by": "rep"}, ()),
        ({"request_id": None, "kind": "opened"}, ()),
    ],
)
def test_a_send_is_held_to_the_answer_that_it_names(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert faults(**fields) == expected


def test_a_send_while_the_lead_is_away_is_counted_even_when_it_was_allowed() -> None:
    away = a_lead(an_ooto(occurred_at=T0))
    assert faults(away) == ("send:on_hold",)
    assert faults(away, request_id=None) == ("send:unasked", "send:on_hold")
    assert faults(away, by="rep") == ()
