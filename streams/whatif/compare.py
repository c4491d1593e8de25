"""What differs in meaning between the decisions of one lead on both sides, decision by decision.

Law of this module: pure; effects in, differences out. Two decisions are the same when tier, person, queue, owner,
conditions, holds, orders to cadences, answers to requests, cases and score are; wording and versions do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from streams.core.effects import (
    AnswerRequest,
    CommandCadence,
    Effect,
    HoldView,
    PublishScore,
    RecordDecision,
    UpdateCase,
)
from streams.core.state import LeadState
from streams.whatif.why import Reasons, Why, score_facts, why_conditions, why_tier
from streams.whatif.window import time_text

SCORE_STEP = 0.01  # a smaller difference of a score is none
EffectT = TypeVar("EffectT", bound=Effect)
Explain = Callable[[Reasons, RecordDecision | None, RecordDecision | None], Why]
Found = tuple[str, str, str, Why, bool]  # aspect, before, after, why, is it news at this decision


class Standing(NamedTuple):
    """Where a lead stands on one side."""

    tier: str
    human: bool
    queue: str
    owner: str | None
    conditions: tuple[str, ...]
    holds: tuple[tuple[str, int | None], ...]  # (id, until), by id


class Difference(NamedTuple):
    """One aspect of one decision. `before` is what was recorded, `after` what would have been."""

    decision_id: str
    lead_id: str
    at: int  # ms UTC, the lane's clock
    aspect: str
    before: str
    after: str
    why: str
    cause: str  # the same for all leads that differ for it: a change of the policy, a condition
    follows: bool  # from an earlier difference of this lead


class Side(NamedTuple):
    """What one side did at one decision."""

    record: RecordDecision | None
    effects: Sequence[Effect]

    def of(self, kind: type[EffectT]) -> list[EffectT]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


class Track:
    """A lead that has come apart: where it stands on both sides, and since which decision."""

    def __init__(self, state: LeadState | None) -> None:
        routing = state.routing if state else None
        # Holds come with the first record of a decision: the state keeps what they follow from.
        standing = (
            Standing(routing.tier, routing.human, routing.queue, routing.owner, routing.conditions, ())
            if routing
            else Standing("", False, "", None, (), ())
        )
        self.recorded = self.replayed = standing
        self.cause = ""  # the decision that made the last difference by itself
        self._knows_holds = False

    def differences(
        self, decision_id: str, lead_id: str, at: int, recorded: Side, replayed: Side, reasons: Reasons
    ) -> list[Difference]:
        """What differs at this decision. Call it for each decision of the lead at which any byte differs, in order."""
        first = recorded.record or replayed.record
        if not self._knows_holds and first is not None:
            self._knows_holds, holds = True, _holds(first.holds_before)
            self.recorded, self.replayed = self.recorded._replace(holds=holds), self.replayed._replace(holds=holds)
        last = self.recorded, self.replayed
        self.recorded, self.replayed = after(self.recorded, recorded.record), after(self.replayed, replayed.record)
        found = [*self._of_standing(last, recorded.record, replayed.record, reasons)]
        found += _of_effects(recorded, replayed, reasons)
        if not found and (recorded.record is None) != (replayed.record is None):
            # It brings the lead to where the other side has been since an earlier decision.
            old, new = (_effects(side.record) for side in (recorded, replayed))
            found.append(("decision", old, new, Why(), False))
        told = []
        for aspect, old, new, why, is_news in found:
            follows = bool(self.cause) and not (is_news and why.cause) and self.cause != decision_id
            if not follows:
                self.cause = decision_id
            text = f"follows from {self.cause}" if follows else why.text or "what was known differs"
            told.append(Difference(decision_id, lead_id, at, aspect, old, new, text, why.cause or "other", follows))
        return told

    def _of_standing(
        self, last: tuple[Standing, Standing], recorded: RecordDecision | None, replayed: RecordDecision | None,
        reasons: Reasons,
    ) -> Iterable[Found]:  # fmt: skip
        before, after = self.recorded, self.replayed
        for aspect, why in _whys((before.tier, after.tier)).items():
            old, new = getattr(before, aspect), getattr(after, aspect)
            if old == new:
                continue
            is_news = (getattr(last[0], aspect), getattr(last[1], aspect)) != (old, new)
            if aspect == "holds":
                old, new = tuple(set(old) - set(new)), tuple(set(new) - set(old))
            yield aspect, _shown(aspect, old), _shown(aspect, new), why(reasons, recorded, replayed), is_news


def _changed(*parts: str) -> Explain:
    """What changed in these parts of the policy."""

    def below(reasons: Reasons, recorded: RecordDecision | None, replayed: RecordDecision | None) -> Why:  # noqa: ARG001
        return Why(*[reasons.below(*parts)] * 2)

    return below


def _either(*whys: Explain) -> Explain:
    """The first that names a cause."""

    def first(reasons: Reasons, recorded: RecordDecision | None, replayed: RecordDecision | None) -> Why:
        found = [why(reasons, recorded, replayed) for why in whys]
        return next((why for why in found if why.cause), found[0])

    return first


def _whys(tiers: tuple[str, str]) -> dict[str, Explain]:
    """Who says why, by aspect of a standing."""
    of_tier = partial(why_tier, tiers=tiers)
    return {
        "tier": of_tier,
        "human": _either(why_conditions, of_tier),
        "conditions": why_conditions,
        "holds": _changed("holds", "calendar"),
        "queue": _either(why_conditions, of_tier, _changed("queues", "tiers")),
        "owner": _either(_changed("queues"), why_conditions, of_tier),
    }


def after(standing: Standing, record: RecordDecision | None) -> Standing:
    """Where the lead stands after a decision; one that was not recorded changed nothing."""
    if record is None:
        return standing
    return Standing(
        record.tier, record.human, record.queue, record.owner, tuple(one.condition for one in record.conditions),
        _holds(record.holds_after),
    )  # fmt: skip


def _of_effects(recorded: Side, replayed: Side, reasons: Reasons) -> Iterable[Found]:
    """What goes out at this decision and has no standing."""
    records, sides = (recorded.record, replayed.record), (recorded, replayed)
    orders = [[(one.command, one.until, one.reason) for one in side.of(CommandCadence)] for side in sides]
    if orders[0] != orders[1]:
        old, new = (_orders(side.of(CommandCadence)) for side in sides)
        yield "cadence", old, new, _changed("holds", "calendar")(reasons, *records), True
    answers = [{one.request_id: one for one in side.of(AnswerRequest)} for side in sides]
    for request in {**answers[0], **answers[1]}:
        old, new = (_answer(side.get(request)) for side in answers)
        if old != new:
            why = _either(_changed("gate", "caps", "holds"), why_conditions)(reasons, *records)
            reason = (answers[1].get(request) or answers[0][request]).reason
            yield "verdict", old, new, why._replace(text=f"{reason}{f' ({why.text})' if why.text else ''}"), True
    cases = [{one.case_id: one for one in side.of(UpdateCase)} for side in sides]
    for case in {**cases[0], **cases[1]}:
        old, new = (_case(side.get(case)) for side in cases)
        if old != new:
            whys: list[Explain] = [why_conditions, _changed("slas", "sla_defaults", "calendar", "queues")]
            if _tiers(recorded, replayed):
                whys.insert(1, why_tier)
            yield "case", old, new, _either(*whys)(reasons, *records), True
    if recorded.record and replayed.record and abs(recorded.record.score - replayed.record.score) >= SCORE_STEP:
        score = score_facts(reasons, *records)
        yield "score", f"{recorded.record.score:.1f}", f"{replayed.record.score:.1f}", score, True
        return
    published = [bool(side.of(PublishScore)) for side in sides]
    if published[0] != published[1]:
        old, new = ("published" if one else "not published" for one in published)
        yield "score", old, new, _changed("score")(reasons, *records), True


def _effects(record: RecordDecision | None) -> str:
    return "none" if record is None else "; ".join(record.effects) or "only recorded"


def _tiers(recorded: Side, replayed: Side) -> bool:
    return (recorded.record and recorded.record.tier) != (replayed.record and replayed.record.tier)


def _holds(views: Iterable[HoldView]) -> tuple[tuple[str, int | None], ...]:
    return tuple(sorted((view.hold_id, view.until) for view in views))


def _shown(aspect: str, value: object) -> str:
    if aspect == "human":
        return "a person first" if value else "automatic"
    if aspect == "holds" and isinstance(value, tuple):
        return ", ".join(f"{hold} until {time_text(until) or 'lifted'}" for hold, until in sorted(value)) or "none"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value or ("nobody" if aspect == "owner" else "none"))


def _orders(orders: Sequence[CommandCadence]) -> str:
    told = (f"{one.command} until {time_text(one.until) or 'lifted'}: {one.reason}" for one in orders)
    return "; ".join(told) or "none"


def _answer(answer: AnswerRequest | None) -> str:
    return "none" if answer is None else f"{answer.verdict} ({answer.rule})"


def _case(case: UpdateCase | None) -> str:
    if case is None:
        return "none"
    reasons = ", ".join(reason.condition for reason in case.reasons)
    due = f", due {time_text(case.due_at)}" if case.due_at else ""
    return f"{case.change}, in {case.queue} for {reasons}, severity {case.severity}{due}"
