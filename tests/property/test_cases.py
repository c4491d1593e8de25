"""Whatever happens to a lead, its cases keep their promises."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from streams.core.cases import next_case_due, tick_cases, withdraw_cases
from streams.core.casework import CaseEffect
from streams.core.effects import AnswerRequest, UpdateCase
from streams.core.gate import answer_request
from streams.core.opening import open_or_extend
from streams.core.policy import ConditionRow, SlaRow
from streams.core.reviews import review_case
from streams.core.sla import Clock, advance, resume, spent, start_clock, suspend
from streams.core.state import LeadState, pack, unpack
from tests.casework import CALENDARS, CONTEXT, NEW, ROWS, SENSITIVE, a_hold, a_lead, a_look, at, evidence
from tests.factories import DAY, HOUR, MINUTE, T0, a_request, a_review

ACTIONS = ["claim", "release", "approve", "reject", "override", "request_info", "escalate"]
HOLDS = ["ooo", "legal_threat", "human_reply", "unsubscribe"]
THRESHOLDS = ("warned at ", "breached ", "escalated at ")
GAPS = [1, 7 * MINUTE, HOUR, 3 * HOUR, DAY, 5 * DAY]


class Step(NamedTuple):
    """One event of a lead: what fires, holds and is asked, what a person does, after how long."""

    gap: int
    fired: tuple[int, ...]
    still: bool  # what fired in the step before holds on
    tier: str
    hold: str | None
    review: tuple[str, str, int, str | None, str | None] | None
    content: int | None  # of a request


reviews = st.tuples(
    st.sampled_from(ACTIONS), st.sampled_from(["ana", "eve"]), st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([None, "TIMING", "OTHER"]), st.sampled_from([None, "T1_HOT"]),
)  # fmt: skip
steps = st.builds(
    Step,
    gap=st.sampled_from(GAPS),
    fired=st.one_of(st.just(()), st.lists(st.integers(0, len(ROWS) - 1), max_size=2, unique=True).map(tuple)),
    still=st.booleans(),
    tier=st.sampled_from(["T2_WARM", "T2_WARM", "T2_WARM", "T1_HOT", "T0_VIP"]),
    hold=st.one_of(st.none(), st.none(), st.sampled_from(HOLDS)),
    review=st.one_of(st.none(), reviews),
    content=st.one_of(st.none(), st.integers(1, 2)),
)
lives = st.lists(steps, min_size=1, max_size=14)


def live(story: list[Step]) -> tuple[LeadState, list[tuple[int, CaseEffect]], list[AnswerRequest]]:
    """A lead's life in the order in which a decision treats cases: all effects with their time, all first answers."""
    state, now = a_lead(), T0
    held: tuple[ConditionRow, ...] = ()
    told: list[tuple[int, CaseEffect]] = []
    answers: list[AnswerRequest] = []
    known: list[str] = ["case-none"]
    for n, step in enumerate(story):
        now += step.gap
        moment = at(now, n)
        rows = [ROWS[row] for row in step.fired if ROWS[row].effect in ("human", "stop")]
        fired = (*rows, NEW) if step.content else tuple(rows)
        held = (*fired, *(held if step.still else ()))
        holds = [a_hold(step.hold, now + DAY, f"e{n}", stops=step.hold == "unsubscribe")] if step.hold else []
        look = a_look(*fired, tier=step.tier, held=held, holds=holds)
        effects: list[CaseEffect] = []
        if step.review:
            effects += review_case(state, moment, a_person(step.review, known, now, n), look, CONTEXT)
        effects += tick_cases(state, moment, look, CONTEXT)
        effects += withdraw_cases(state, moment, look, CONTEXT)
        request = a_request(n, content_hash=f"content-{step.content}", occurred_at=now) if step.content else None
        effects += open_or_extend(state, moment, look, evidence(n, now), CONTEXT, request)
        state.routing.computed_tier = step.tier
        if request:
            waits = next((case.case_id for case in state.cases if case.request_id == request.event_id), None)
            answers.append(answer_request(state, moment, request, look, waits, CONTEXT))
        known += [case.case_id for case in state.cases if case.case_id not in known]
        told += [(now, effect) for effect in effects]
    return state, told, answers


def a_person(review: tuple[str, str, int, str | None, str | None], known: list[str], now: int, n: int) -> Any:
    action, actor, which, code, tier = review
    case_id = known[-1 - which % len(known)]
    return a_review(n, action=action, actor=actor, case_id=case_id, reason_code=code, tier=tier, occurred_at=now)


def updates(told: list[tuple[int, CaseEffect]]) -> list[UpdateCase]:
    return [effect for _, effect in told if isinstance(effect, UpdateCase)]


@given(lives)
def test_every_case_says_why_and_stays_within_its_bounds(story: list[Step]) -> None:
    for case in updates(live(story)[1]):
        assert case.reasons
        assert len(case.factors) <= 5
        assert len(case.evidence) <= 10
        assert len({reason.condition for reason in case.reasons}) == len(case.reasons)
        assert len({item.event_id for item in case.evidence}) == len(case.evidence)
        assert case.evidence == tuple(sorted(case.evidence, key=lambda item: -item.at))


@given(lives)
def test_a_closed_case_never_comes_back_and_versions_count_up(story: list[Step]) -> None:
    versions: dict[str, int] = {}
    closed: set[str] = set()
    for case in updates(live(story)[1]):
        if case.version == 0:
            continue  # the answer about a case that is not there
        is_refusal = " refused: " in case.change
        assert case.version == versions.get(case.case_id, 0) + (not is_refusal)
        assert is_refusal or case.case_id not in closed
        assert (case.status == "closed") == (case.end is not None) == (case.closed_at is not None)
        versions[case.case_id] = case.version
        if case.status == "closed":
            closed.add(case.case_id)


@given(lives)
def test_every_case_ends_in_one_of_five_ways(story: list[Step]) -> None:
    for case in updates(live(story)[1]):
        if case.end in ("approved", "rejected", "overridden"):
            assert case.sla_state in ("met", "breached", "escalated_150", "escalated_200")
        elif case.end == "expired":
            assert case.sla_state in ("breached", "escalated_150", "escalated_200")


@given(lives)
def test_a_lead_has_one_open_case_per_queue_and_what_is_open_was_shown(story: list[Step]) -> None:
    state, told, _ = live(story)
    assert len({case.queue for case in state.cases}) == len(state.cases)
    shown = {case.case_id: case for case in updates(told) if case.version}
    for case in state.cases:
        assert (shown[case.case_id].version, shown[case.case_id].status) == (case.version, case.status)
    assert {one.case_id for one in shown.values() if one.status != "closed"} == {case.case_id for case in state.cases}


@given(lives)
def test_a_request_that_was_sent_to_a_person_is_answered_once_or_waits(story: list[Step]) -> None:
    state, told, first = live(story)
    waiting = [one.request_id for case in state.cases for one in case.waiting]
    final = [effect.request_id for _, effect in told if isinstance(effect, AnswerRequest)]
    opened = [case.request_id for case in updates(told) if case.request_id]
    reviewed = {answer.request_id for answer in first if answer.verdict == "review" and answer.request_id in opened}
    assert sorted(waiting + final) == sorted(reviewed)


@given(lives)
def test_outreach_that_needs_approval_never_goes_out_without_it(story: list[Step]) -> None:
    _, told, first = live(story)
    for answer in (*first, *(effect for _, effect in told if isinstance(effect, AnswerRequest))):
        if answer.verdict == "allow" and answer.rule in (NEW.id, SENSITIVE.id):
            assert answer.approval_id is not None
        assert (answer.verdict == "defer") <= (answer.until is not None)


@given(lives)
def test_no_threshold_of_a_case_is_told_twice_while_its_clock_is_the_same(story: list[Step]) -> None:
    told: dict[str, set[str]] = {}
    for case in updates(live(story)[1]):
        notes = told.setdefault(case.case_id, set())
        fresh = [note.split(",")[0] for note in case.change.split("; ") if note.startswith(THRESHOLDS)]
        assert len(fresh) == len(set(fresh))
        assert not notes & set(fresh)
        notes |= set(fresh)
        if case.change.startswith(("released", "escalated by", "extended")):
            notes.clear()  # the next person's clock, or a tighter one


@given(lives)
def test_the_next_look_is_never_behind_what_is_still_to_come(story: list[Step]) -> None:
    state, told, _ = live(story)
    now = max((when for when, _ in told), default=T0)
    for _ in range(40):
        due = next_case_due(state)
        if due == 0:
            break
        now = max(now + 1, due)
        tick_cases(state, at(now, 99), a_look(), CONTEXT)
        assert next_case_due(state) == 0 or next_case_due(state) > now


@given(lives)
def test_the_same_life_gives_the_same_cases_also_through_packing(story: list[Step]) -> None:
    state, told, answers = live(story)
    assert (state, told, answers) == live(story)
    assert unpack(pack(state, T0)) == state


# --- the clock


def a_clock() -> Clock:
    return start_clock(SlaRow("warm", 6 * HOUR, True, (0.5, 0.8), (1.5, 2.0)), T0, "UTC", "", CALENDARS)


pauses = st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(0, 3 * DAY)), max_size=10)


@given(pauses)
def test_suspending_never_moves_a_deadline_earlier_and_costs_nothing(spans: list[tuple[int, int]]) -> None:
    clock, now, ledger = a_clock(), T0, []
    for run, pause in spans:
        before = clock.due_at
        now += run
        advance(clock, now, CALENDARS)
        suspend(clock, now, None, CALENDARS)
        ledger.append((now, now + pause))
        now += pause
        resume(clock, now, CALENDARS)
        assert clock.due_at >= before
    worked = CALENDARS.working_between(T0, now, "UTC", "")
    paused = sum(CALENDARS.working_between(start, end, "UTC", "") for start, end in ledger)
    assert spent(clock, now, CALENDARS) == worked - paused
    assert clock.suspensions == ledger[-8:]


@given(st.lists(st.integers(1, 2 * DAY), min_size=1, max_size=30))
def test_how_often_one_looks_changes_nothing(gaps: list[int]) -> None:
    often, once, now = a_clock(), a_clock(), T0
    seen: tuple[float, ...] = ()
    for gap in gaps:
        now += gap
        seen += advance(often, now, CALENDARS)
    assert seen == advance(once, now, CALENDARS)
    assert often == once
