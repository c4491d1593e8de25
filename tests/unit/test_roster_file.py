"""The roster file: all faults at once, only differences written, and who is away when."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.commands.roster import plain, presence
from streams.commands.roster_file import BadRoster, Change, changes, read_roster, roster_from, warnings_of
from streams.core.context import Absence, RosterEntry
from streams.kafka.control import Stamp
from tests.factories import DAY, HOUR, T0, TODAY, a_rep
from tests.shipped import shipped_policy

STAMP = Stamp("ops", "spring", T0 + DAY)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "roster.yaml"
BAD = """\
- rep_id: ana
  queue: [sales]
  weight: 2000
  country: NO
  time_zone: Lisbon
  away:
    - {from: 2026-08-10, to: 2026-08-01}
    - {from: 20260801, to: tomorrow, until: 3}
- rep_id: ana
  queues: [vip]
  queues: [sales]
- rep_id: 7
  queues: sales
  country: de
  active: maybe
- just text
"""
FAULTS = """\
bad.yaml has 16 faults; nothing was written:
  line 1, ana.queues: expected a value, got nothing. Add it; docs/examples/roster.yaml shows one.
  line 2, ana.queue: expected one of rep_id, name, queues, weight, time_zone, country, away, active, got the name \
'queue'. Did you mean queues?
  line 3, ana.weight: expected less than or equal to 1000, got 2000. Correct it.
  line 4, ana.country: expected a text, got false. YAML takes an unquoted NO, yes, on or off for true or false: write \
it in quotes, for example "NO".
  line 5, ana.time_zone: expected an IANA time zone such as Europe/Lisbon, got 'Lisbon'. Correct it.
  line 7, ana.away[0]: expected a last day `to` that is not before the first day `from`, got from \
2026-08-10, to 2026-08-01. Correct it.
  line 8, ana.away[1].from: expected a day such as 2026-08-03, got 20260801. Correct it.
  line 8, ana.away[1].to: expected a day such as 2026-08-03, got 'tomorrow'. Correct it.
  line 8, ana.away[1].until: expected one of from, to, got the name 'until'. Correct or remove it.
  line 9, ana.rep_id: expected another rep, got the one of line 1. A rep is stated once, with all queues and days away.
  line 11, ana.queues: expected each name once, got queues twice. Remove one of them.
  line 12, entry 3.rep_id: expected a text, got 7. Write it in quotes: "7".
  line 13, entry 3.queues: expected a list, got 'sales'. For example [vip, sales].
  line 14, entry 3.country: expected two capital letters (ISO 3166-1 alpha-2), got 'de'. For example DE.
  line 15, entry 3.active: expected true or false, got 'maybe'. Correct it.
  line 16, entry 4: expected names with values, got 'just text'. docs/examples/roster.yaml shows one."""


def standing(*reps: RosterEntry) -> dict[str, RosterEntry]:
    return {rep.rep_id: rep for rep in reps}


def told(text: str, there: dict[str, RosterEntry], complete: bool = False) -> list[str]:
    return [str(change) for change in changes(roster_from(text, "r.yaml"), there, STAMP, complete)]


def test_all_faults_of_a_file_are_said_at_once_each_with_its_line_and_rep() -> None:
    with pytest.raises(BadRoster) as caught:
        roster_from(BAD, "bad.yaml")
    assert caught.value.args[0] == FAULTS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, the file: expected a list of reps, at least one, got nothing."),
        ("[]", "line 1, the file: expected a list of reps, at least one, got []."),
        ("reps: []", "line 1, the file: expected a list of reps, at least one, got {'reps': []}."),
        ("- [", "the file: expected YAML, got while parsing a flow node"),
        ("- {rep_id: ana, queues: [sales], weight: .nan}", "line 1, ana.weight: expected a finite number, got nan."),
        ("- {rep_id: ana, queues: [sales], weight: .inf}", "line 1, ana.weight: expected a finite number, got inf."),
        (f"- {{rep_id: {'x' * 201}, queues: []}}", ".rep_id: expected 1 to 200 characters, got 'xxx"),
        ("- {rep_id: '  ', queues: []}", ".rep_id: expected 1 to 200 characters, got '  '."),
        ("- &x {rep_id: ana, queues: *x}", "ana.queues: expected a list, got"),
        ("- {rep_id: ana, queues: [a], away: {from: 2026-01-01, to: 2026-01-02}}", "For example [{from: 2026-08-03,"),
    ],
)
def test_a_file_that_is_no_roster_is_refused(text: str, fault: str) -> None:
    with pytest.raises(BadRoster) as caught:
        roster_from(text, "bad.yaml")
    assert fault in caught.value.args[0]


def test_a_missing_file_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(BadRoster, match=r"expected YAML in UTF-8, got .*No such file"):
        read_roster(tmp_path / "none.yaml")


def test_a_rep_is_written_whole_with_defaults_and_the_signature() -> None:
    text = "- {rep_id: ' ana ', queues: [sales, vip, sales], away: [{from: 2026-06-08, to: '2026-06-09'}]}"
    assert list(changes(roster_from(text, "r.yaml"), {}, STAMP)) == [
        Change(
            RosterEntry(
                rep_id="ana", name="ana", queues=("sales", "vip"), weight=1.0, time_zone="UTC", country=None,
                away=(Absence(TODAY, TODAY + 1),), active=True, actor="ops", reason="spring", at=T0 + DAY,
            ),
            "new",
            "sales, vip; weight 1",
        )
    ]  # fmt: skip


def test_only_what_differs_is_written() -> None:
    there = standing(
        a_rep("ana", name="ana", time_zone="UTC", country=None),
        a_rep("ben", name="ben", time_zone="UTC", country=None, away=(Absence(TODAY, TODAY + 1),)),
    )
    text = "- {rep_id: ana, queues: [sales]}\n- {rep_id: ben, queues: [sales, vip], weight: 2.5, country: PT}\n"
    assert told(text, there) == [
        "~ ben: queues sales -> sales, vip; weight 1 -> 2.5; country none -> PT; away 2026-06-08 to 2026-06-09 -> none"
    ]
    applied = there | {each.entry.rep_id: each.entry for each in changes(roster_from(text, "r.yaml"), there, STAMP)}
    assert told(text, applied) == []


def test_who_is_not_in_the_file_stays_and_is_set_inactive_only_when_it_is_complete() -> None:
    there = standing(a_rep("ben"), a_rep("lou", active=False))
    text = "- {rep_id: ana, queues: [sales]}\n"
    assert told(text, there) == ["+ ana: sales; weight 1"]
    assert told(text, there, complete=True) == ["+ ana: sales; weight 1", "- ben: inactive, not in the file"]
    left = list(changes(roster_from(text, "r.yaml"), there, STAMP, True))[1].entry
    assert left == a_rep("ben", active=False, actor="ops", reason="spring", at=T0 + DAY)


def test_queues_that_the_policy_does_not_know_are_warnings_and_so_are_queues_without_anybody() -> None:
    reps = roster_from("- {rep_id: ana, queues: [sale, vip]}\n- {rep_id: ben, queues: []}\n", "r.yaml")
    policy = shipped_policy()
    assert list(warnings_of(reps, [rep.entry(STAMP) for rep in reps], policy)) == [
        "ben: expected a queue, got none. Only leads whose profile names ben come there.",
        f"ana.queues: expected queues of policy {policy.version} ({', '.join(policy.queues)}), got 'sale'."
        " Did you mean sales? Nothing is routed there.",
        "nobody serves sales: its cases go on to overflow.",
        "nobody serves exceptions: its cases go on to sales.",
        "nobody serves success: its cases go on to sales.",
        "nobody serves compliance: its cases go on to overflow.",
        "nobody serves overflow: what comes there has no owner.",
    ]
    assert list(warnings_of(reps[:1], [], None)) == [
        "no active policy that this version can use: the names of queues are not checked. See `leadlane doctor`."
    ]


def test_the_example_has_no_fault_and_no_warning_under_the_shipped_policy() -> None:
    reps = read_roster(EXAMPLE)
    assert list(warnings_of(reps, [rep.entry(STAMP) for rep in reps], shipped_policy())) == []


@pytest.mark.parametrize(
    ("away", "said"),
    [
        ((), "here"),
        (((-9, -1),), "here"),
        (((0, 0),), "away to 2026-06-08"),
        (((-3, 2), (3, 5), (9, 9)), "away to 2026-06-13"),
        (((14, 20), (30, 31)), "here; away 2026-06-22 to 2026-06-28"),
        (((15, 20),), "here"),
    ],
)
def test_the_roster_shows_who_is_away_today_or_soon(away: tuple[tuple[int, int], ...], said: str) -> None:
    absences = tuple(Absence(TODAY + first, TODAY + last) for first, last in away)
    assert presence(a_rep(away=absences), T0) == said


def test_away_is_judged_on_the_day_that_it_is_where_the_rep_is() -> None:
    rep = a_rep(time_zone="Pacific/Auckland", away=(Absence(TODAY + 1, TODAY + 1),))
    assert presence(rep, T0) == "here; away 2026-06-09 to 2026-06-09"
    assert presence(rep, T0 + 4 * HOUR) == "away to 2026-06-09"  # 01:00 there
    assert presence(a_rep(active=False), T0) == "inactive"
    assert presence(a_rep(weight=0), T0) == "here; takes no new leads"


def test_a_rep_as_json_has_days_and_times_as_text() -> None:
    assert plain(a_rep(away=(Absence(TODAY, TODAY),)), T0) == {
        "rep_id": "ana", "name": "Ana", "queues": ("sales",), "weight": 1.0, "time_zone": "Europe/Berlin",
        "country": "DE", "away": [{"from": "2026-06-08", "to": "2026-06-08"}], "active": True, "actor": "ana",
        "reason": "set up", "at": "2026-06-08T09:00Z", "today": "away to 2026-06-08",
    }  # fmt: skip
