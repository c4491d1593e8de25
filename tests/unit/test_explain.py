"""An explanation says all that a person needs, in plain text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from streams.commands.explain import DecisionId, NoSuchDecision, parsed
from streams.commands.explanation import one_line, render
from streams.core.effects import RecordDecision
from streams.core.events import Event
from tests.factories import DAY, T0, a_contribution, a_decision_record, a_hold_view, a_reason, a_reply, a_score, an_ooto


def text_of(decision: RecordDecision, trigger: Event | None = None, why_not: str = "") -> str:
    target = io.StringIO()
    Console(file=target, width=110, color_system=None).print(render(decision, trigger, why_not))
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def section(text: str, title: str) -> list[str]:
    """The lines below a title, up to the next one."""
    after = text.split(f"{title} ─", 1)[1].split("\n", 1)[1]
    return after.split("\n\n", 1)[0].splitlines()


def test_an_explanation_of_a_decision_reads_like_this() -> None:
    decision = a_decision_record(
        conditions=(a_reason(),),
        contributions=(a_contribution(points=24.0), a_contribution(feature="sentiment", value=-0.5, points=-12.0)),
        holds_before=(a_hold_view(hold_id="old", kind="ooo", until=T0 + DAY, origin="ooto-0"),),
        holds_after=(a_hold_view(hold_id="new", kind="human_reply", until=None, origin="reply-1"),),
        tier_before="T3_NURTURE",
        facts={"vip": True, "score": 60.0},
        human=True,
    )
    text = text_of(decision, a_score(model_id="m-7"))
    assert text.splitlines()[0] == (
        "Decision signals.scores-0-7 for lead lead-1, 2026-06-08 09:00:00Z: T2_WARM, a person comes first"
    )
    assert section(text, "What came in") == [
        "ScoreSignal  score-1 from map, at signals.scores[0]@7",
        "occurred_at  2026-06-08 09:00:00Z",
        "kind         fit",
        "value        60",
        "confidence   0.9",
        "model_id     m-7",
    ]
    assert section(text, "Conditions that held") == ["N04  VIP_ACCOUNT  because vip is true"]
    assert section(text, "Score") == [
        "60.0 of 100, confidence 0.90, from a base of 48.0",
        "fit        60    +24.0  " + " " * 24 + "│" + "█" * 24,
        "sentiment  -0.5  -12.0  " + " " * 12 + "█" * 12 + "│",
    ]
    assert section(text, "Holds") == [
        "set     human_reply  until lifted                by event reply-1",
        "lifted  ooo          until 2026-06-09 09:00:00Z  by event ooto-0",
    ]
    assert section(text, "Route") == [
        "tier   T3_NURTURE -> T2_WARM",
        "queue  sales",
        "owner  ana",
        "human  yes",
    ]
    assert section(text, "What was done") == ["- route to sales: ana"]
    assert section(text, "What was known") == [
        "score  60",
        "vip    yes",
        "All other facts had nothing to say: see docs/reference/policy-facts.md.",
    ]
    assert section(text, "Versions") == [
        "policy  2026-06-08.1 (000000000000)",
        "model   rules",
        "lane    0, decision 7",
    ]


def test_a_timer_has_nothing_that_came_in() -> None:
    decision = a_decision_record(topic="lane.tick", decision_id="lane.tick-0-7", event_id=None)
    assert section(text_of(decision), "What came in") == ["Nothing: a timer of the lead was due."]


def test_a_trigger_that_is_gone_is_named_with_the_reason() -> None:
    text = text_of(a_decision_record(), None, "It is no longer kept.")
    assert section(text, "What came in") == ["event score-1 at signals.scores[0]@7. It is no longer kept."]


def test_nothing_held_and_nothing_done_is_said() -> None:
    text = text_of(a_decision_record(conditions=(), holds_after=(), effects=(), contributions=()), a_score())
    assert section(text, "Conditions that held") == ["None."]
    assert section(text, "Holds") == ["None before, none after."]
    assert section(text, "What was done") == ["Nothing but this record."]
    assert section(text, "Score") == ["60.0 of 100, confidence 0.90, from a base of 60.0"]


def test_a_long_text_is_cut_and_markup_in_it_stays_text() -> None:
    text = text_of(a_decision_record(), a_reply(subject="[red]sale[/red]", text="x" * 5_000))
    assert "[red]sale[/red]" in text
    assert "... (5,000 characters)" in " ".join(text.split())


def test_times_and_dates_are_written_out() -> None:
    text = text_of(a_decision_record(), an_ooto())
    assert section(text, "What came in")[-1] == "return_on    2026-06-15"


def test_a_decision_fits_one_line() -> None:
    assert one_line(a_decision_record()) == (
        "signals.scores-0-7  lead-1  T2_WARM  [N04 VIP_ACCOUNT]  route to sales: ana"
    )


def test_a_decision_id_has_topic_partition_and_offset() -> None:
    assert parsed("signals.scores-3-88121") == DecisionId("signals.scores", 3, 88121)
    assert parsed("lane.tick-0-1") == DecisionId("lane.tick", 0, 1)


@pytest.mark.parametrize("wrong", ["", "88121", "signals.scores-3", "signals.score-3-1", "decisions-0-1", "a-b-c"])
def test_what_is_no_decision_id_is_told_what_one_looks_like(wrong: str) -> None:
    with pytest.raises(NoSuchDecision, match=r"expected TOPIC-PARTITION-OFFSET such as signals\.scores-3-88121"):
        parsed(wrong)
