"""Frequency caps, the gap on a channel, and quiet hours, at their boundaries and together."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from streams.core.caps import NEVER_AGAIN, TOUCHES, Deferral, Touch, defer_until, promise_touch
from streams.core.events import Event
from streams.core.policy import Cap, CapRow
from streams.core.state import LeadState
from tests.builders import CAPS, a_context
from tests.factories import DAY, HOUR, MINUTE, T0, a_request, an_activity
from tests.leads import CONTEXT, a_lead, local, tell

NOON = local("2026-06-08 12:00")
ALWAYS_AWAKE = msgspec.structs.replace(CAPS, quiet_from_hour=0, quiet_to_hour=0)


def sent(n: int, at: int, **fields: object) -> Event:
    return an_activity(n, kind="sent", occurred_at=at, **fields)


def sent_at(*times: int, **fields: object) -> LeadState:
    return a_lead(*(sent(n, at, **fields) for n, at in enumerate(times)))


def answer(state: LeadState, now: int, caps: CapRow = ALWAYS_AWAKE, **fields: Any) -> tuple[str, int] | None:
    deferral = defer_until(state, a_request(**{"occurred_at": now, **fields}), now, a_context(caps=caps))
    return deferral and (deferral.rule, deferral.until)


def only(*caps: Cap, gap: int = 0) -> CapRow:
    return msgspec.structs.replace(ALWAYS_AWAKE, caps=caps, gap_ms=gap)


def test_a_lead_whom_nobody_touched_may_be_touched() -> None:
    assert answer(sent_at(), NOON) is None


def test_one_marketing_mail_a_day_counts_to_the_very_millisecond() -> None:
    state = sent_at(NOON)
    assert answer(state, NOON + 5 * HOUR) == ("marketing_email_day", NOON + DAY)
    assert answer(state, NOON + DAY - 1) == ("marketing_email_day", NOON + DAY)
    assert answer(state, NOON + DAY) is None


def test_three_marketing_mails_in_seven_days() -> None:
    state = sent_at(NOON, NOON + DAY, NOON + 2 * DAY)
    assert answer(state, NOON + 4 * DAY) == ("marketing_email_week", NOON + 7 * DAY)
    assert answer(state, NOON + 7 * DAY) is None


def test_eight_marketing_mails_in_thirty_days() -> None:
    state = sent_at(*(NOON + day * DAY for day in (0, 3, 6, 9, 13, 16, 19, 23)))
    assert answer(state, NOON + 28 * DAY) == ("marketing_email_month", NOON + 30 * DAY)
    assert answer(state, NOON + 30 * DAY) is None


def test_six_touches_of_all_channels_in_seven_days() -> None:
    state = a_lead(
        *(sent(n, NOON + n * HOUR, channel=channel) for n, channel in enumerate(("sms", "social", "chat", "web"))),
        sent(4, NOON + 5 * HOUR, channel="phone", by="rep"),
        an_activity(5, kind="meeting_held", by="rep", occurred_at=NOON + DAY),
    )
    assert answer(state, NOON + 2 * DAY) == ("all_touches_week", NOON + 7 * DAY)
    assert answer(state, NOON + 2 * DAY, channel="mail") == ("all_touches_week", NOON + 7 * DAY)
    assert answer(state, NOON + 7 * DAY) is None


def test_four_hours_between_two_touches_on_a_channel() -> None:
    state = sent_at(NOON, channel="sms")
    assert answer(state, NOON + 4 * HOUR - 1, channel="sms") == ("channel_gap", NOON + 4 * HOUR)
    assert answer(state, NOON + 4 * HOUR, channel="sms") is None
    assert answer(state, NOON, channel="email") is None


def test_a_reps_own_mail_is_a_touch_but_no_marketing() -> None:
    state = sent_at(NOON, by="rep")
    assert answer(state, NOON + HOUR) == ("channel_gap", NOON + 4 * HOUR)
    assert answer(state, NOON + 4 * HOUR) is None


def test_what_is_transactional_counts_nothing_and_is_never_held_back() -> None:
    assert sent_at(NOON, transactional=True).touches == []
    state = sent_at(*(NOON + n * MINUTE for n in range(20)))
    assert answer(state, local("2026-06-08 23:00"), CAPS, purpose="transactional") is None


def test_all_senders_count_together() -> None:
    state = a_lead(*(sent(n, NOON + n * DAY, source=source) for n, source in enumerate(("map", "crm", "vendor"))))
    assert answer(state, NOON + 3 * DAY) == ("marketing_email_week", NOON + 7 * DAY)


def test_a_touch_that_is_dated_a_little_ahead_counts() -> None:
    assert answer(sent_at(NOON + MINUTE), NOON) == ("marketing_email_day", NOON + MINUTE + DAY)


def test_a_cap_of_nought_lets_nothing_out_and_no_cap_lets_everything_out() -> None:
    nought = only(Cap("none_at_all", "email", True, 0, DAY))
    assert answer(sent_at(), NOON, nought) == ("none_at_all", NEVER_AGAIN)
    assert answer(sent_at(NOON, NOON + 1, NOON + 2), NOON, only()) is None


def test_the_cap_that_lasts_longest_gives_its_name() -> None:
    state = sent_at(NOON, NOON + DAY, NOON + 2 * DAY)
    assert defer_until(state, a_request(), NOON + 2 * DAY + HOUR, CONTEXT) == Deferral(
        "marketing_email_week",
        NOON + 7 * DAY,
        "marketing_email_day: 1 of 1 in 1 d, marketing_email_week: 3 of 3 in 7 d, "
        "less than 4 h since the last touch by email",
    )


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-06-08 19:59", None),
        ("2026-06-08 20:00", "2026-06-09 08:00"),
        ("2026-06-08 23:59", "2026-06-09 08:00"),
        ("2026-06-09 00:00", "2026-06-09 08:00"),
        ("2026-06-09 07:59", "2026-06-09 08:00"),
        ("2026-06-09 08:00", None),
        ("2026-03-28 22:00", "2026-03-29 08:00"),  # the clock skips an hour
        ("2026-10-24 22:00", "2026-10-25 08:00"),  # the clock has an hour twice
    ],
)
def test_quiet_hours_end_at_eight_of_the_lead(now: str, until: str | None) -> None:
    assert answer(sent_at(), local(now), CAPS) == (("quiet_hours", local(until)) if until else None)


@pytest.mark.parametrize(
    ("zone", "quiet"), [("Pacific/Kiritimati", True), ("America/St_Johns", False), ("Mars", False)]
)
def test_quiet_hours_are_the_leads_own(zone: str, quiet: bool) -> None:
    now = local("2026-06-08 12:00", "UTC")  # 02:00 the next day on Kiritimati, 09:30 in St. John's
    until = local("2026-06-09 08:00", "Pacific/Kiritimati")
    assert answer(a_lead(zone=zone), now, CAPS) == (("quiet_hours", until) if quiet else None)


def test_quiet_hours_by_day_and_none_at_all() -> None:
    siesta = msgspec.structs.replace(CAPS, quiet_from_hour=12, quiet_to_hour=14)
    assert answer(sent_at(), NOON, siesta) == ("quiet_hours", local("2026-06-08 14:00"))
    assert answer(sent_at(), local("2026-06-08 14:00"), siesta) is None
    assert answer(sent_at(), local("2026-06-08 23:00"), ALWAYS_AWAKE) is None


def test_a_cap_that_ends_in_the_night_waits_for_the_morning() -> None:
    state = sent_at(local("2026-06-08 22:30"))
    now = local("2026-06-09 10:00")
    assert defer_until(state, a_request(occurred_at=now), now, CONTEXT) == Deferral(
        "marketing_email_day",
        local("2026-06-10 08:00"),
        "marketing_email_day: 1 of 1 in 1 d, then quiet hours 20:00-08:00 Europe/Berlin",
    )


def test_a_morning_that_falls_into_a_cap_waits_for_its_end() -> None:
    state = sent_at(local("2026-06-08 15:00"))
    assert answer(state, local("2026-06-08 21:00"), CAPS) == ("marketing_email_day", local("2026-06-09 15:00"))


def test_quiet_all_day_is_an_answer_beyond_the_expiry_not_an_endless_search() -> None:
    always_quiet = msgspec.structs.replace(CAPS, quiet_from_hour=0, quiet_to_hour=24)
    found = answer(sent_at(), NOON, always_quiet)
    assert found is not None
    assert found[1] > NOON + CAPS.expiry_ms


def test_touches_are_the_same_in_every_order_and_however_often_they_come() -> None:
    touches = [sent(n, T0 + n * HOUR) for n in range(4)]
    orders = [a_lead(*order, *order[:2]).touches for order in itertools.permutations(touches)]
    assert all(order == orders[0] for order in orders)
    assert [touch.at for touch in orders[0]] == [T0 + n * HOUR for n in range(4)]


def test_two_touches_of_the_same_moment_are_two() -> None:
    assert len(sent_at(T0, T0).touches) == 2
    assert sent_at(T0).touches == [Touch(T0, "email", True, sent_at(T0).touches[0].mark)]


def test_only_what_can_still_matter_is_kept() -> None:
    state = sent_at(*(T0 + n * MINUTE for n in range(100)))
    assert [touch.at for touch in state.touches] == [T0 + n * MINUTE for n in range(100 - TOUCHES, 100)]
    assert [touch.at for touch in sent_at(T0 - 1, T0, T0 + 44 * DAY).touches] == [T0, T0 + 44 * DAY]


def test_what_is_no_touch_is_not_kept() -> None:
    told = [an_activity(1), an_activity(2, kind="meeting_held"), an_activity(3, kind="meeting_booked", by="rep")]
    assert a_lead(*told).touches == []


# --- what was allowed and has not happened yet


def promised(until: int = NOON + 15 * MINUTE, **fields: Any) -> LeadState:
    state = a_lead()
    promise_touch(state, a_request(1, **fields), NOON, until)
    return state


def test_an_allowed_request_counts_before_it_is_sent() -> None:
    assert answer(promised(), NOON + MINUTE) == ("marketing_email_day", NOON + DAY)


def test_a_promise_that_is_not_kept_lapses() -> None:
    assert answer(promised(), NOON + 15 * MINUTE) is None


def test_a_send_takes_the_place_of_its_promise() -> None:
    state = promised()
    tell(state, sent(1, NOON + MINUTE, request_id=a_request(1).event_id))
    assert state.promises == []
    assert answer(state, NOON + 2 * MINUTE) == ("marketing_email_day", NOON + MINUTE + DAY)


def test_another_send_leaves_the_promise() -> None:
    state = promised()
    tell(state, sent(1, NOON + MINUTE, request_id="another"))
    assert [promise.request_id for promise in state.promises] == [a_request(1).event_id]


def test_transactional_mail_is_not_promised() -> None:
    assert promised(purpose="transactional").promises == []
