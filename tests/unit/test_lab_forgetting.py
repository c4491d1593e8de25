"""The lab forgets a lead: none of its examples is kept, also when one is read late; what was learned stays."""

from __future__ import annotations

from streams.core.effects import EmitExample
from streams.core.policy import GovernanceRow
from streams.lab.forgetting import MOST, Forgotten, trace_of
from streams.lab.governance import Governance
from streams.lab.learning import Learning
from tests.factories import DAY, T0, an_erasure, an_example

GONE = "lead-7"


def examples(count: int = 30) -> list[EmitExample]:
    """Ten leads, three decisions of each, all judged by the line."""
    return [
        an_example(
            lead_id=f"lead-{number % 10}", example_id=f"label-{number}", judged=f"signals.scores-0-{number}",
            features={"fit": float(number)}, label=number % 2 == 0, predictions={"online-000000001": 0.5},
        )
        for number in range(count)
    ]  # fmt: skip


def test_nothing_of_a_forgotten_lead_is_kept_and_what_was_learned_stays() -> None:
    learning, governance = Learning("online"), Governance(GovernanceRow())
    for offset, example in enumerate(examples()):
        learning.take(offset, example)
        governance.take(example)
    weights = learning.learner.dump()
    assert trace_of(GONE) in learning.dump()
    learning.forget(GONE)
    governance.forget(GONE)
    assert trace_of(GONE) not in learning.dump()
    assert learning.matured.metrics().labels == 27
    assert learning.learner.dump() == weights
    kept = governance._books.newest
    assert len(kept) == 27
    assert not any(one.features["fit"] % 10 == 7 for one in kept)
    again = Learning.load("online", learning.dump())
    assert again.matured.metrics().labels == 27


def test_a_correction_for_a_lead_that_was_forgotten_teaches_and_keeps_nothing() -> None:
    learning = Learning("online")
    for offset, example in enumerate(examples()):
        learning.take(offset, example)
    learning.forget(GONE)
    corrected = an_example(
        lead_id=GONE, example_id="label-99", judged="signals.scores-0-7", features={"fit": 7.0}, label=True,
        previous=False, supersedes="label-7",
    )  # fmt: skip
    assert learning.take(30, corrected)
    assert trace_of(GONE) not in learning.dump()


def test_an_example_of_a_decision_before_the_request_is_covered_also_when_it_is_read_later() -> None:
    forgotten = Forgotten()
    forgotten.remember(an_erasure(lead_id=GONE, occurred_at=T0 + DAY))
    assert forgotten.covers(an_example(lead_id=GONE, decided_at=T0))
    assert not forgotten.covers(an_example(lead_id=GONE, decided_at=T0 + 2 * DAY))
    assert not forgotten.covers(an_example(lead_id="lead-8", decided_at=T0))
    assert GONE not in repr(forgotten.leads)


def test_as_many_as_fit_are_remembered_the_latest() -> None:
    forgotten = Forgotten()
    for number in range(MOST + 1):
        forgotten.remember(an_erasure(lead_id=f"lead-{number}"))
    assert len(forgotten.leads) == MOST
    assert trace_of("lead-0") not in forgotten.leads
