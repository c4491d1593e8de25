"""The hold ledger is the same for every order of the same events, however often they come."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.events import ActivitySignal, CaseReview, Event, LeadProfile, OotoSignal
from streams.core.holds import KEEP, active_holds, next_hold_change
from streams.core.ledger import FOREVER, STEPS
from streams.core.reading.verdict import Reading, ReplyClass
from streams.core.state import NEVER, LeadState, pack, unpack
from tests.factories import (
    DAY,
    T0,
    TODAY,
    a_consent,
    a_profile,
    a_reply,
    a_review,
    an_account_context,
    an_activity,
    an_ooto,
)
from tests.leads import CONTEXT, Told, folded, tell, views

DAYS = 40  # less than what is remembered of what ended: nothing is forgotten while a test looks
NOW = T0 + DAYS * DAY

_times = st.one_of(
    st.integers(0, 9).map(lambda n: T0 + n * 4 * DAY),  # so that equal times are common
    st.integers(T0, NOW),
)
_dates = st.none() | st.integers(TODAY - 10, TODAY + 150)
_refs = st.sampled_from((None, "a", "b"))
ACTIVITIES = (
    "sent", "meeting_booked", "meeting_cancelled", "ticket_opened", "ticket_closed", "csat", "bounce_hard",
    "bounce_soft", "complaint", "unsubscribe", "email_verified", "opportunity_opened", "opportunity_closed",
    "objection", "erasure_requested",
)  # fmt: skip
_readings = st.builds(
    Reading,
    reply_class=st.sampled_from(ReplyClass),
    confidence=st.just(0.9),
    evidence=st.just(()),
    is_automatic=st.booleans(),
    until=_dates,
    also_classes=st.lists(st.sampled_from(ReplyClass), max_size=1).map(tuple),
    legal_threat=st.booleans(),
    objection=st.booleans(),
    bounce_kind=st.sampled_from(("hard", "soft", None)),
)


def _common(**fields: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {"event_id": st.integers(0, 10**9).map("e{}".format), "occurred_at": _times, **fields}


_activities = st.builds(
    an_activity,
    **_common(
        kind=st.sampled_from(ACTIVITIES),
        ref=_refs,
        severity=st.sampled_from((None, 1, 2, 3)),
        value=st.sampled_from((None, 1.0, 2.0, 5.0)),
        ends_at=st.none() | st.integers(T0, T0 + 60 * DAY),
        transactional=st.booleans(),
        by=st.sampled_from(("lead", "rep", "system")),
    ),
)
_replies = st.tuples(st.builds(a_reply, **_common()), _readings)
_absences = st.builds(an_ooto, **_common(kind=st.sampled_from(("ooo", "auto_ack", "left_company")), return_on=_dates))
_colleagues = st.builds(an_account_context, **_common())
_holds = st.builds(
    a_review, **_common(action=st.just("place_hold"), hold_until=st.none() | st.integers(T0, NOW + 60 * DAY))
)
_lifts = st.builds(
    a_review,
    **_common(
        action=st.just("lift_hold"),
        hold_kind=st.sampled_from((None, "ooo", "human_reply", "manual", "objection", "unsubscribe", "meeting")),
    ),
)
_consents = st.builds(
    a_consent,
    basis=st.sampled_from(("consent", "legitimate_interest", "contract", "none")),
    given_at=st.none() | st.integers(T0 - 2 * DAY, T0 + 40 * DAY),
    expires_at=st.none() | st.integers(T0, NOW + 60 * DAY),
)
_automatic = st.one_of(_activities, _replies, _absences, _colleagues)
_threads = st.builds(
    an_activity,
    **_common(
        kind=st.sampled_from(
            [kind for kind in ACTIVITIES if kind.rpartition("_")[0] in ("meeting", "ticket", "opportunity")]
        ),
        ref=st.sampled_from(("a", "b")),
        severity=st.just(1),
        ends_at=st.none() | st.integers(T0, T0 + 60 * DAY),
        by=st.sampled_from(("rep", "system")),
    ),
)
_steps = st.one_of(_absences, _colleagues, _holds, _lifts)
_told: st.SearchStrategy[Told] = st.one_of(_automatic, _holds, _lifts)


def _event(told: Told) -> Event:
    return told[0] if isinstance(told, tuple) else told


def _histories(told: st.SearchStrategy[Told] = _told, max_size: int = 24) -> st.SearchStrategy[list[Told]]:
    return st.lists(told, max_size=max_size, unique_by=lambda told: _event(told).event_id).filter(_within_bounds)


def _within_bounds(history: list[Told]) -> bool:
    """Not more steps of one rule than a ledger tells apart."""
    dated: Counter[str] = Counter()
    for told in history:
        event, reading = told if isinstance(told, tuple) else (told, None)
        dated["manual"] += isinstance(event, CaseReview)
        dated["ooo"] += isinstance(event, OotoSignal)
        classes = (reading.reply_class, *reading.also_classes) if reading else ()
        dated.update(str(name.value) for name in set(classes))
    return max(dated["manual"], dated["ooo"], dated["not_now"]) <= STEPS


def _looks(state: LeadState) -> list[Any]:
    times = [NOW + n * DAY for n in (0, 1, 5, 20, 90, 400)]
    return [(active_holds(state, now, CONTEXT), next_hold_change(state, now, CONTEXT)) for now in times]


@given(st.data(), st.one_of(_histories(), _histories(_threads, 12), _histories(_steps, 12)))
@settings(max_examples=250)
def test_every_order_and_every_repetition_of_the_same_events_gives_the_same_ledger(
    data: st.DataObject, history: list[Told]
) -> None:
    consent = data.draw(st.none() | st.builds(a_profile, **_common(consent=_consents)))
    events = [*history, consent] if consent else history
    first = folded(events, now=NOW)
    again = data.draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    second = folded(data.draw(st.permutations([*events, *again])), now=NOW)
    assert second.ledger == first.ledger
    assert second.touches == first.touches
    assert pack(second, NEVER) == pack(first, NEVER)
    assert _looks(second) == _looks(first)


_delays = st.tuples(st.integers(0, 500), st.integers(0, KEEP))  # days after the history began; how late it arrives


@given(_histories(max_size=12).flatmap(lambda told: st.tuples(*(st.tuples(st.just(one), _delays) for one in told))))
@settings(max_examples=120)
def test_forgetting_what_is_over_changes_no_answer_whenever_events_arrive(
    history: tuple[tuple[Told, tuple[int, int]], ...],
) -> None:
    """One lead hears of each event up to KEEP late, the other of all at once and so forgets none."""
    told = [(_later(one, days), late) for one, (days, late) in history]
    arrivals = sorted(
        ((_event(one).occurred_at + late, n, one) for n, (one, late) in enumerate(told)), key=lambda a: a[:2]
    )
    arrived, at_once = LeadState(), LeadState()
    for now, _, one in arrivals:
        tell(arrived, one, now=now)
    for one, _ in told:
        tell(at_once, one, now=T0)
    last = arrivals[-1][0] if arrivals else NOW
    for now in (last, last + DAY, last + 30 * DAY):
        assert views(arrived, now) == views(at_once, now)


def _later(told: Told, days: int) -> Told:
    """The same, told of `days` later, with every date in it."""
    if isinstance(told, tuple):
        event, reading = told
        return _moved(event, days), msgspec.structs.replace(reading, until=reading.until and reading.until + days)
    return _moved(told, days)


def _moved(event: Event, days: int) -> Event:
    moved: dict[str, int] = {"occurred_at": event.occurred_at + days * DAY}
    for field, step in (("return_on", days), ("ends_at", days * DAY), ("hold_until", days * DAY)):
        value = getattr(event, field, None)
        if value is not None:
            moved[field] = value + step
    return msgspec.structs.replace(event, **moved)


@given(_histories(st.one_of(_replies, _absences, _colleagues, _holds, _lifts)), _times)
def test_a_lead_is_held_by_what_any_of_its_events_alone_would_hold(history: list[Told], now: int) -> None:
    history = [told for told in history if not (isinstance(told, tuple) and _is_soft(told[1]))]  # these count together
    lifts = [told for told in history if isinstance(told, CaseReview) and told.action == "lift_hold"]
    alone: dict[str, int] = {}
    for told in history:
        for view in views(folded([told, *lifts], now=NOW), now):
            alone[view.kind] = max(alone.get(view.kind, 0), view.until or FOREVER)
    assert {view.kind: view.until or FOREVER for view in views(folded(history, now=NOW), now)} == alone


def _is_soft(reading: Reading) -> bool:
    return reading.bounce_kind != "hard" and ReplyClass.BOUNCE in (reading.reply_class, *reading.also_classes)


@given(_histories(), _automatic.filter(lambda told: not _ends_something(told)))
def test_an_automatic_signal_never_shortens_or_lifts_a_hold(history: list[Told], told: Told) -> None:
    state = folded(history, now=NOW)
    before = {view.kind: view.until or FOREVER for view in views(state, NOW)}
    tell(state, told, now=NOW)
    after = {view.kind: view.until or FOREVER for view in views(state, NOW)}
    assert {kind: max(until, after.get(kind, 0)) for kind, until in before.items()} == {
        kind: after.get(kind, 0) for kind in before
    }


def _ends_something(told: Told) -> bool:
    """A close, a verification, or a meeting that is booked anew: what lifts a hold by rule."""
    event = _event(told)
    return isinstance(event, ActivitySignal) and event.kind in {
        "meeting_booked", "meeting_cancelled", "ticket_opened", "ticket_closed", "opportunity_closed", "email_verified",
    }  # fmt: skip


@given(_histories(), st.one_of(_automatic, st.builds(a_profile, **_common(consent=_consents))))
def test_nothing_automatic_touches_a_manual_hold(history: list[Told], told: Told) -> None:
    state = folded(history, now=NOW)
    before = [view for view in views(state, NOW) if view.kind == "manual"]
    tell(state, told, now=NOW)
    assert [view for view in views(state, NOW) if view.kind == "manual"] == before


@given(_histories(), st.builds(a_profile, **_common(consent=_consents)))
def test_nothing_changes_before_the_next_change_and_something_does_then(
    history: list[Told], profile: LeadProfile
) -> None:
    state = folded([*history, profile], now=NOW)
    now, seen = NOW, active_holds(state, NOW, CONTEXT)
    while (change := next_hold_change(state, now, CONTEXT)) != NEVER:
        assert change > now
        assert active_holds(state, change - 1, CONTEXT) == seen
        now, seen = change, active_holds(state, change, CONTEXT)
    assert active_holds(state, now + 1_000 * DAY, CONTEXT) == seen


@given(_histories())
def test_a_packed_ledger_is_the_same_ledger(history: list[Told]) -> None:
    state = folded(history, now=NOW)
    assert unpack(pack(state, NEVER)).ledger == state.ledger


@given(st.lists(_told, max_size=80), st.lists(_replies, max_size=20))
def test_a_ledger_is_bounded(history: list[Told], replies: list[Told]) -> None:
    state = folded([*history, *replies], now=NOW)
    assert max(Counter(entry.rule for entry in state.ledger.entries).values(), default=0) <= STEPS
    assert len(state.ledger.lifted) <= 9
