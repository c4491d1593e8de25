"""Every condition of the shipped policy: a lead for which it holds, and one for which it just does not."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from streams.core.casefile import OpenCase
from streams.core.context import Approval, Context
from streams.core.events import Event, Tick
from streams.core.reading.verdict import Reading, ReplyClass
from streams.core.roles import Models
from streams.core.sampling import drawn
from streams.core.state import Mark, Rejection, Stated
from tests.factories import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    TODAY,
    a_consent,
    a_rep,
    a_reply,
    a_request,
    a_score,
    a_sentiment,
    an_activity,
    an_alarm,
    an_approval,
)
from tests.judging import a_context, a_known_lead, a_measure, judge, shipped_context, shipped_policy
from tests.leads import a_reading


class Look(NamedTuple):
    """One look at one lead, and all conditions that must hold."""

    held: str  # ids with blanks between
    lead: dict[str, Any] | None = None
    event: Event | Tick | None = None
    reading: Reading | None = None
    context: Context | None = None
    lead_id: str = "lead-1"


DISTRUSTED = a_context(alarms=(an_alarm(),))
FROZEN = a_context(models=Models(frozen=True))
WARM = {"fit": 80.0, "intent": 55.0}  # 35 + 13.5 + 8.75 = 57.25, T2
HOT = {"fit": 100.0, "intent": 80.0, "engagement": a_measure(45.0, 0)}  # 80, T1
NEAR_HOT = {"fit": 100.0, "intent": 80.0, "engagement": a_measure(20.0, 0)}  # 75, T2
OUT_OF_TRUST = {
    name: a_measure(value, 0, 0.5) for name, value in (("fit", 100.0), ("intent", 80.0), ("engagement", 70.0))
}


def reply(reply_class: str, **fields: Any) -> dict[str, Any]:
    return {"event": a_reply(), "reading": a_reading(reply_class, **fields)}


def ask(**fields: Any) -> dict[str, Any]:
    """An outreach request under an approval that names `approved_for`; none at all if that is None."""
    approved_for = fields.pop("approved_for", ())
    known = {"content_hash": "content-1", "segment_hash": "segment-1"}
    approvals: dict[tuple[str, str], tuple[Approval, ...]] = {}
    if approved_for is not None:
        size = fields.pop("approved_size", 100)
        approvals["content-1", "segment-1"] = (an_approval(conditions=approved_for, audience_size=size),)
    return {"event": a_request(**{**known, "audience_size": 100, **fields}), "context": a_context(approvals=approvals)}


def a_case(breached: bool) -> OpenCase:
    return OpenCase("case-1", "sales", T0, "v1", "DE", "T2_WARM", 3, breached=breached)


def someone_sampled(sampled: bool) -> str:
    policy = shipped_policy()
    names = (f"lead-{n}" for n in range(1, 1_000))
    return next(name for name in names if drawn(name, policy.audit_seed, policy.sampling.audit_share) is sampled)


ROSTER = (a_rep("ana"), a_rep("bo", away=()), a_rep("cy", active=False))
SENSITIVE = {"segments": ("health", "enterprise")}

# id of the condition -> (just holds, just does not)
CASES: dict[str, list[tuple[Look, Look]]] = {
    "N01": [
        (Look("N01", {"fit": 55.0, "intent": 85.0}), Look("", {"fit": 55.1, "intent": 85.0})),
        (
            Look("N01", {"fit": 55.0, "intent": 85.0, "known_for": 15 * MINUTE}),
            Look("", {"fit": 55.0, "intent": 85.0, "known_for": 15 * MINUTE - 1}),
        ),
        (
            Look("N01", {"fit": 55.0, "intent": 68.0, "engagement": a_measure(30.0, 0)}),
            Look("", {"fit": 55.0, "intent": 60.0}),
        ),
    ],
    "N02": [
        (Look("N02", {"intent": 60.0, "sentiment": -0.4}), Look("", {"intent": 60.0, "sentiment": -0.39})),
        (Look("N02", {"intent": 60.0, "sentiment": -0.4}), Look("", {"intent": 59.9, "sentiment": -0.4})),
        (
            Look("N02", {"intent": 60.0, "sentiment": a_measure(-0.4, 14 * DAY)}),
            Look("", {"intent": 60.0, "sentiment": a_measure(-0.4, 14 * DAY + 1)}),
        ),
        (
            Look("N02", {**HOT, "colleague_complained_at": T0 - 14 * DAY}),
            Look("", {**HOT, "colleague_complained_at": T0 - 15 * DAY}),
        ),
        (
            Look("N02", {**HOT, "colleague_complained_at": T0 - DAY}),
            Look("", {**WARM, "colleague_complained_at": T0 - DAY}),
        ),
        (
            Look("N02", {**WARM, "disputed": ("country",), "disputed_at": T0 - 14 * DAY}),
            Look("", {**WARM, "disputed": ("country",), "disputed_at": T0 - 15 * DAY}),
        ),
        (
            Look("N02", {**WARM, "disputed": ("country",), "disputed_at": T0}),
            Look("", {"disputed": ("country",), "disputed_at": T0}),
        ),
    ],
    "N03": [
        (Look("N03", {**WARM, "company": None}), Look("", WARM)),
        (Look("N03", {**WARM, "country": None}), Look("", WARM)),
        (Look("N03", {**WARM, "consent": None}), Look("", WARM)),
        (Look("N03", {**WARM, "email_verified": False}), Look("", WARM)),
        (
            Look("N03", {**WARM, "email_verified": None, "known_for": 15 * MINUTE}),
            Look("", {**WARM, "email_verified": None, "known_for": 15 * MINUTE - 1}),
        ),
        (Look("N03", {**WARM, "company": None}), Look("", {"company": None})),
    ],
    "N04": [
        (Look("N04", {"vip": True}), Look("", {"vip": False})),
        (Look("N04", {"target_account": True}), Look("", {"target_account": False})),
    ],
    "N05": [(Look("N05", {"amount_hint": 100_000.0}), Look("", {"amount_hint": 99_999.99}))],
    "N07": [
        (Look("N07", **reply("pricing")), Look("", **reply("interested"))),
        (
            Look("N07", **reply("interested", also_classes=(ReplyClass.PRICING,))),
            Look("", **reply("ooo", also_classes=(ReplyClass.PRICING,))),
        ),
    ],
    "N08": [
        (Look("N08", {**WARM, "evidence": 2, "known_for": HOUR}), Look("", {**WARM, "evidence": 3, "known_for": HOUR})),
        (
            Look("N08", {"fit": a_measure(80.0, 0, 0.99), "intent": 55.0, "evidence": 3}),
            Look("", {"fit": a_measure(80.0, 0, 1.0), "intent": 55.0, "evidence": 3}),
        ),
        (Look("N08", {**WARM, "evidence": 2}), Look("", {"fit": 40.0, "intent": 55.0, "evidence": 2})),
        (
            Look("N08", {**WARM, "evidence": 2, "known_for": 15 * MINUTE}),
            Look("", {**WARM, "evidence": 2, "known_for": 15 * MINUTE - 1}),
        ),
        (
            Look("N08", {"fit": 95.0, "intent": 50.0, "evidence": 2}),
            Look("", {"fit": 95.0, "intent": 49.9, "evidence": 2}),
        ),
    ],
    "N09": [
        (Look("N09", event=a_sentiment(value=-0.6)), Look("", event=a_sentiment(value=-0.59))),
        (
            Look("N09", {"negatives": [(T0 - 30 * DAY, -0.3), (T0, -0.3)]}, a_sentiment(value=-0.3)),
            Look("", {"negatives": [(T0 - 30 * DAY - 1, -0.3), (T0, -0.3)]}, a_sentiment(value=-0.3)),
        ),
        (Look("N09", **reply("not_interested", sentiment=-0.7)), Look("", **reply("not_interested", sentiment=-0.5))),
        (Look("N09", event=a_sentiment(value=-0.6)), Look("", {"negatives": [(T0, -0.6)]}, a_score())),
    ],
    "N10": [
        (Look("N10", event=an_activity(kind="complaint")), Look("", event=an_activity(kind="unsubscribe"))),
        (Look("N10", **reply("complaint")), Look("", **reply("unsubscribe"))),
        (Look("N10", **reply("not_interested", legal_threat=True)), Look("", **reply("not_interested"))),
    ],
    "N11": [
        (Look("N11", SENSITIVE, **ask()), Look("", SENSITIVE, **ask(approved_for=("N11",)))),
        (Look("N11", SENSITIVE, **ask()), Look("", {"segments": ("enterprise",)}, **ask())),
        (Look("N11", SENSITIVE, **ask()), Look("", SENSITIVE, **ask(purpose="transactional"))),
        (Look("N11", SENSITIVE, **ask()), Look("", SENSITIVE, a_score())),
    ],
    "N12": [
        (Look("N03 N12", {**WARM, "consent": None}, **ask()), Look("", WARM, **ask())),
        (
            Look("N12", {"consent": a_consent(scope=("phone",))}, **ask()),
            Look("", {"consent": a_consent(scope=("email",))}, **ask()),
        ),
        (
            Look("N12", {"consent": a_consent(expires_at=T0)}, **ask()),
            Look("", {"consent": a_consent(expires_at=T0 + 1)}, **ask()),
        ),
        (
            Look("N12", {"consent": a_consent(basis="none")}, **ask()),
            Look("", {"consent": a_consent(basis="none")}, **ask(purpose="transactional")),
        ),
        (
            Look("N12", {"consent": None, "country": Stated("DE")}, **ask()),
            Look("", {"consent": None, "country": Stated("US")}, **ask()),
        ),
    ],
    "N13": [
        (Look("N13", **ask(approved_for=None)), Look("", **ask())),
        (Look("N13", **ask(audience_size=121)), Look("", **ask(audience_size=120))),
        (Look("N13", **ask(content_hash="edited")), Look("", **ask(content_hash="edited", purpose="transactional"))),
        (Look("N13", **ask(segment_hash="edited")), Look("", **ask())),
        (Look("N13", **ask(segment_hash=None)), Look("", **ask())),
    ],
    "N14": [
        (
            Look("N14", **ask(audience_size=1_001, approved_size=1_000)),
            Look("", **ask(audience_size=1_000, approved_size=1_000)),
        ),
        (
            Look("N14", **ask(audience_size=1_001, approved_size=1_000)),
            Look("", **ask(audience_size=1_001, approved_size=1_000, approved_for=("N13", "N14"))),
        ),
    ],
    "N15": [
        (Look("N15", {**WARM, "role_mailbox": True}), Look("", WARM)),
        (Look("N15", {**WARM, "duplicate_of": "lead-2"}), Look("", {"duplicate_of": "lead-2"})),
        (
            Look("N15", {**WARM, "email_domain": "mail.competitor.example"}),
            Look("", {**WARM, "email_domain": "notcompetitor.example"}),
        ),
        (Look("N15", {**WARM, "email_domain": "cs.ox.ac.uk"}), Look("", {**WARM, "email_domain": "ac.ukulele.com"})),
    ],
    "N16": [
        (Look("N16", {"marks": [Mark(T0 - DAY, 61.5, 18)]}), Look("", {"marks": [Mark(T0 - DAY, 60.4, 18)]})),
        (Look("N16", {"marks": [Mark(T0 - DAY, 61.5, 18)]}), Look("", {"marks": [Mark(T0 - DAY - 1, 61.5, 18)]})),
        (Look("N16", {"marks": [Mark(T0, 61.5, 18)]}), Look("", {"marks": [Mark(T0, 61.5, 17)]})),
        (
            Look("N16", {"marks": [Mark(T0, 61.5, 18)], "evidence": 5}),
            Look("", {"marks": [Mark(T0, 61.5, 18)], "evidence": 4}),
        ),
        (Look("N16", {"minute": T0 // MINUTE, "in_minute": 21}), Look("", {"minute": T0 // MINUTE, "in_minute": 20})),
        (
            Look("N16", {"minute": T0 // MINUTE, "in_minute": 21}),
            Look("", {"minute": T0 // MINUTE - 1, "in_minute": 21}),
        ),
        (
            Look("N16", {"minute": T0 // MINUTE, "in_minute": 21}),
            Look("", {"minute": T0 // MINUTE, "in_minute": 21}, Tick()),
        ),
    ],
    "N17": [
        (
            Look(
                "N17", {**WARM, "rejection": Rejection(T0 - 90 * DAY, "ana", "TIMING"), "computed_tier": "T3_NURTURE"}
            ),
            Look(
                "", {**WARM, "rejection": Rejection(T0 - 90 * DAY - 1, "ana", "TIMING"), "computed_tier": "T3_NURTURE"}
            ),
        ),
        (
            Look("N17", {**HOT, "rejection": Rejection(T0 - DAY, "ana", "TIMING"), "computed_tier": "T2_WARM"}),
            Look("", {**HOT, "rejection": Rejection(T0 - DAY, "ana", "TIMING"), "computed_tier": "T1_HOT"}),
        ),
        (
            Look("N17", {**WARM, "rejection": Rejection(T0 - DAY, "ana", "TIMING"), "computed_tier": "T4_SUPPRESS"}),
            Look("", {**WARM, "rejection": Rejection(T0 - DAY, "ana", "TIMING"), "computed_tier": "T1_HOT"}),
        ),
        (
            Look("N17", {**WARM, "rejection": Rejection(T0 - DAY, "ana", "TIMING"), "computed_tier": "T3_NURTURE"}),
            Look("", {"rejection": Rejection(T0 - DAY, "ana", "TIMING"), "computed_tier": "T4_SUPPRESS"}),
        ),
    ],
    "N18": [
        (
            Look("N18", {**HOT, "owner": Stated("cy")}, context=a_context(roster=ROSTER)),
            Look("", {**HOT, "owner": Stated("ana")}, context=a_context(roster=ROSTER)),
        ),
        (
            Look("N18", {**HOT, "owner": Stated("nobody")}, context=a_context(roster=ROSTER)),
            Look("", {**WARM, "owner": Stated("nobody")}, context=a_context(roster=ROSTER)),
        ),
        (
            Look("N18", {**HOT, "owner": Stated("nobody")}, context=a_context(roster=ROSTER)),
            Look("", {**HOT, "owner": Stated("nobody")}),  # no roster: nobody knows who is there
        ),
    ],
    "N19": [(Look("N19", {"cases": [a_case(breached=True)]}), Look("", {"cases": [a_case(breached=False)]}))],
    "N20": [
        (Look("N20", WARM, context=DISTRUSTED), Look("", WARM)),
        (Look("N20", WARM, context=FROZEN), Look("", {}, context=FROZEN)),
    ],
    "N21": [
        (Look("N21", event=an_activity(kind="objection")), Look("", event=an_activity(kind="opened"))),
        (Look("N21", event=an_activity(kind="erasure_requested")), Look("", {"objection_at": T0}, a_score())),
        (Look("N21", **reply("interested", objection=True)), Look("", **reply("interested"))),
    ],
    "N22": [
        (Look("N22", {"stage": "expand", "severe_tickets": 1}), Look("", {"stage": "expand", "severe_tickets": 0})),
        (Look("N22", {"stage": "expand", "nps": 6.0}), Look("", {"stage": "expand", "nps": 7.0})),
        (
            Look("N22", {"stage": "expand", "renewal_on": TODAY + 90}),
            Look("", {"stage": "expand", "renewal_on": TODAY + 91}),
        ),
        (Look("N22", {"stage": "expand", "renewal_on": TODAY}), Look("", {"stage": "expand", "renewal_on": TODAY - 1})),
        (Look("N22", {"stage": "expand", "nps": 0.0}), Look("", {"stage": "convert", "nps": 0.0})),
    ],
    "N23": [(Look("N23", **reply("unclassified")), Look("", **reply("not_now")))],
    "N24": [
        (Look("N24", **reply("referral")), Look("", **reply("left_company"))),
        (Look("N24", **reply("wrong_person")), Look("", **reply("auto_ack", also_classes=(ReplyClass.REFERRAL,)))),
    ],
    "N25": [
        (Look("N25", WARM, lead_id=someone_sampled(True)), Look("", WARM, lead_id=someone_sampled(False))),
        (
            Look("N25", {"fit": 0.0, "intent": 10.0}, lead_id=someone_sampled(True)),
            Look("", {"fit": 20.0, "intent": 10.0}, lead_id=someone_sampled(True)),
        ),
        (Look("N25", WARM, lead_id=someone_sampled(True)), Look("", HOT, lead_id=someone_sampled(True))),
    ],
    "R01": [
        (Look("R01", NEAR_HOT), Look("", {**NEAR_HOT, "engagement": a_measure(19.8, 0)})),
        (Look("R01", {**OUT_OF_TRUST, "evidence": 20}), Look("", {**HOT, "engagement": a_measure(70.0, 0)})),
        (
            Look("R01", {"fit": 100.0, "intent": 50.0, "engagement": a_measure(75.0, 0)}),
            Look("", {"fit": 100.0, "intent": 49.0, "engagement": a_measure(80.0, 0)}),
        ),
    ],
}
PAIRS = [(row, at, *pair) for row, pairs in CASES.items() for at, pair in enumerate(pairs)]


def test_every_condition_of_the_shipped_policy_is_tried_here() -> None:
    assert sorted(CASES) == sorted(row.id for row in shipped_policy().conditions)


@pytest.mark.parametrize(("row", "at", "holds", "not_quite"), PAIRS, ids=[f"{row}-{at}" for row, at, *_ in PAIRS])
def test_a_condition_holds_on_its_side_of_the_boundary_only(row: str, at: int, holds: Look, not_quite: Look) -> None:
    assert row in holds.held.split()
    for look in (holds, not_quite):
        judged = judge(
            a_known_lead(**look.lead or {}),
            look.event,
            look.reading,
            context=look.context or shipped_context(),
            lead_id=look.lead_id,
        )
        assert sorted(judged.held) == look.held.split()


def test_a_new_complete_lead_needs_nobody() -> None:
    for known_for in (0, 15 * MINUTE, DAY):
        assert judge(a_known_lead(known_for=known_for)).held == ()


@pytest.mark.parametrize("row", shipped_policy().conditions, ids=lambda row: row.id)
def test_a_row_tells_a_person_what_to_do_and_what_not(row: Any) -> None:
    detail = row.detail.format_map(judge(a_known_lead()).facts)
    assert detail
    assert "{" not in detail
    assert len(row.next_best_action) > 40
    assert row.do_not.startswith("Do not ")
