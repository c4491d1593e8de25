"""Roles of models: each move from what stands to what shall stand, and what refuses it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from streams.core.context import ModelVersion, Stamp
from streams.core.policy import LearningRow
from streams.kafka.changes import ACTIVE, Edit, roles_in_words
from streams.lab import moves
from streams.lab.gates import ModelMetrics
from streams.lab.registry import KEPT_SNAPSHOTS, NO_ROLES, Move, Refused, Registry, registry_from, snapshot, superseded
from tests.factories import DAY, T0
from tests.models import GOOD, a_version

ROW = LearningRow()
LATER = T0 + 14 * DAY


def stamp(at: int = T0, actor: str = "ana") -> Stamp:
    return Stamp(actor, "because", at)


@dataclass
class Topic:
    """control.models, by hand."""

    records: dict[str, ModelVersion] = field(default_factory=dict)

    @property
    def registry(self) -> Registry:
        return registry_from(self.records)

    @property
    def roles(self) -> str:
        return roles_in_words(self.registry.roles)

    def write(self, move: Move) -> None:
        assert isinstance(move, Edit), move
        self.records |= move.records
        for key in move.deleted:
            del self.records[key]

    def see(self, *versions: ModelVersion) -> None:
        for version in versions:
            self.write(snapshot(self.registry, version))


def topic(*versions: str) -> Topic:
    made = Topic()
    made.see(*(a_version(version, T0 + n) for n, version in enumerate(versions)))
    return made


def promoted(line: str = "online", into: Topic | None = None, at: int = T0) -> Topic:
    """A line that has come all the way."""
    made = into or topic(f"{line}-000001")
    made.write(moves.shadow(made.registry, line, stamp(at)))
    made.write(moves.challenge(made.registry, line, stamp(at + 14 * DAY), ROW))
    made.write(moves.promote(made.registry, line, stamp(at + 14 * DAY + 1), "ben", ROW))
    return made


def test_a_line_comes_from_shadow_to_champion_and_each_step_is_signed() -> None:
    made = topic("online-000001", "online-000002")
    made.write(moves.shadow(made.registry, "online", stamp()))
    assert made.roles == "champion rules, shadow online-000002 (follows)"
    assert made.registry.roles.since == {"shadow": T0}

    made.write(moves.challenge(made.registry, "online", stamp(LATER), ROW))
    assert made.roles == "champion rules, challenger online-000002 (follows) (10%)"
    assert made.registry.roles.since == {"challenger": LATER}

    made.write(moves.promote(made.registry, "online", stamp(LATER + 1), "ben", ROW))
    roles = made.registry.roles
    assert made.roles == "champion online-000002 (follows)"
    assert (roles.actor, roles.second_actor, roles.reason, roles.at) == ("ana", "ben", "because", LATER + 1)
    assert (roles.version, roles.former, roles.since) == ("online-000002", ("rules",), {"champion": LATER + 1})
    assert roles.challenger_share == 0


def test_whoever_gets_a_role_is_written_again_beside_it_and_only_then() -> None:
    made = topic("online-000001")
    first = moves.shadow(made.registry, "online", stamp())
    assert isinstance(first, Edit)
    assert list(first.records) == ["online-000001", ACTIVE]
    made.write(first)
    second = moves.challenge(made.registry, "online", stamp(LATER), ROW)
    assert isinstance(second, Edit)
    assert list(second.records) == [ACTIVE]


def test_a_role_that_follows_moves_with_its_line_and_a_pinned_one_stays() -> None:
    made = topic("online-000001", "steady-000001")
    promoted(into=made)
    made.write(moves.shadow(made.registry, "steady", stamp(LATER + 2)))
    made.see(a_version("online-000002", LATER + 3))
    assert made.roles == "champion online-000002 (follows), shadow steady-000001 (follows)"
    assert made.registry.roles.actor == "lab"
    assert made.registry.roles.since == {"champion": T0 + 14 * DAY + 1, "shadow": LATER + 2}

    made.write(moves.pin(made.registry, "champion", stamp()))
    made.see(a_version("online-000003", LATER + 4), a_version("steady-000002", LATER + 4))
    assert made.roles == "champion online-000002, shadow steady-000002 (follows)"
    made.write(moves.follow(made.registry, "champion", stamp()))
    assert made.roles == "champion online-000003 (follows), shadow steady-000002 (follows)"


def test_a_promotion_may_stay_on_its_snapshot() -> None:
    made = topic("online-000001")
    made.write(moves.shadow(made.registry, "online", stamp()))
    made.write(moves.challenge(made.registry, "online", stamp(LATER), ROW))
    made.write(moves.promote(made.registry, "online-000001", stamp(LATER), "ben", ROW, pinned=True))
    made.see(a_version("online-000002", LATER + 1))
    assert made.roles == "champion online-000001"


def test_a_rollback_goes_to_the_former_champion_pins_it_and_freezes_until_a_person_acknowledges() -> None:
    made = promoted()
    made.see(a_version("online-000002", LATER + 2), a_version("next-000001", LATER + 2))
    promoted("next", made, at=LATER + 3)
    assert list(made.registry.roles.former) == ["online-000002", "rules"]

    made.write(moves.rollback(made.registry, stamp(2 * LATER, "lab")))
    assert made.roles == "champion online-000002, shadow next-000001 (follows), FROZEN"
    assert list(made.registry.roles.former) == ["rules"]
    made.see(a_version("next-000002", 2 * LATER + 1), a_version("online-000003", 2 * LATER + 1))
    assert made.roles == "champion online-000002, shadow next-000001 (follows), FROZEN"

    assert moves.acknowledge(made.registry, stamp(actor="lab")) == Refused(
        "expected a person who acknowledges, got 'lab'"
    )
    made.write(moves.acknowledge(made.registry, stamp()))
    made.see(a_version("next-000003", 2 * LATER + 2))
    assert made.roles == "champion online-000002, shadow next-000003 (follows)"


def test_a_second_rollback_goes_further_back_and_the_last_one_to_the_rules() -> None:
    made = promoted()
    made.write(moves.rollback(made.registry, stamp(2 * LATER)))
    assert made.roles == "champion rules, shadow online-000001 (follows), FROZEN"
    assert moves.rollback(made.registry, stamp()) == Refused("the rules decide alone already", already=True)


def test_a_rollback_while_the_rules_decide_ends_the_challenger() -> None:
    made = topic("online-000001")
    made.write(moves.shadow(made.registry, "online", stamp()))
    made.write(moves.challenge(made.registry, "online", stamp(LATER), ROW))
    made.write(moves.rollback(made.registry, stamp(LATER + 1)))
    assert made.roles == "champion rules, shadow online-000001 (follows), FROZEN"
    assert made.registry.roles.challenger_share == 0


def test_a_rollback_goes_where_a_person_says() -> None:
    made = promoted()
    made.see(a_version("online-000002", LATER + 2), a_version("online-000003", LATER + 3))
    made.write(moves.rollback(made.registry, stamp(LATER + 4), "online-000002"))
    assert made.roles == "champion online-000002, FROZEN"
    made.write(moves.rollback(made.registry, stamp(LATER + 5), "rules"))
    assert made.roles == "champion rules, shadow online-000002 (follows), FROZEN"


def test_a_rollback_is_no_way_around_the_gates() -> None:
    made = promoted()
    made.write(moves.pin(made.registry, "champion", stamp()))
    made.see(a_version("online-000002", LATER + 2), a_version("next-000001", LATER + 2))
    for name in ("online-000002", "next-000001", "next", "online-9"):
        assert moves.rollback(made.registry, stamp(), name) == Refused(
            "expected a champion of before (rules) or an earlier version of the champion's line, got"
            f" {name!r}: others come through shadow and challenger"
        )


def test_a_line_that_decides_again_is_no_shadow_any_more_and_the_one_that_fails_is() -> None:
    made = promoted()
    made.see(a_version("next-000001", LATER + 2))
    promoted("next", made, at=LATER + 3)
    made.write(moves.shadow(made.registry, "online", stamp(2 * LATER)))
    made.write(moves.rollback(made.registry, stamp(2 * LATER + 1)))
    assert made.roles == "champion online-000001, shadow next-000001 (follows), FROZEN"
    assert made.registry.roles.since == {"champion": 2 * LATER + 1, "shadow": 2 * LATER + 1}


def test_a_former_champion_that_is_gone_is_passed_over() -> None:
    made = promoted()
    made.see(a_version("next-000001", LATER + 2))
    promoted("next", made, at=LATER + 3)
    del made.records["online-000001"]
    made.write(moves.rollback(made.registry, stamp(2 * LATER)))
    assert made.roles.startswith("champion rules, ")


@pytest.mark.parametrize("move", ["shadow", "challenge", "promote", "follow"])
def test_nothing_moves_while_learning_is_frozen(move: str) -> None:
    made = promoted()
    made.see(a_version("next-000001", LATER + 2))
    made.write(moves.freeze(made.registry, stamp()))
    refused = {
        "shadow": lambda: moves.shadow(made.registry, "next", stamp()),
        "challenge": lambda: moves.challenge(made.registry, "next", stamp(), ROW),
        "promote": lambda: moves.promote(made.registry, "next", stamp(), "ben", ROW),
        "follow": lambda: moves.follow(made.registry, "champion", stamp()),
    }[move]()
    assert refused == Refused("learning is frozen: look into it, then `leadlane model acknowledge`")
    again = moves.freeze(made.registry, stamp())
    assert again == Refused("learning is frozen already, by ana: because", already=True)


def test_what_has_no_figures_is_not_promoted_and_says_which_gates() -> None:
    made = Topic()
    made.see(a_version("online-000001", T0, ModelMetrics()))
    made.write(moves.shadow(made.registry, "online", stamp()))
    refused = moves.promote(made.registry, "online", stamp(LATER), "ana", ROW)
    assert isinstance(refused, Refused)
    assert refused.why == "online-000001 has not passed every gate"
    assert [gate.name for gate in refused.gates if not gate.passed] == [
        "role", "matured labels", "lift at 10 %, difference to the champion", "log-loss", "calibration error",
        "worst impact ratio", "approvers",
    ]  # fmt: skip
    early = moves.challenge(made.registry, "online", stamp(LATER - 1), ROW)
    assert isinstance(early, Refused)
    assert [gate.passed for gate in early.gates] == [False, False]


def test_a_challenger_is_judged_by_the_figures_of_the_version_that_will_decide() -> None:
    made = Topic()
    made.see(a_version("online-000001", T0), a_version("online-000002", T0 + 1, ModelMetrics()))
    made.write(moves.shadow(made.registry, "online-000002", stamp()))
    refused = moves.challenge(made.registry, "online-000001", stamp(LATER), ROW)
    assert isinstance(refused, Refused)
    assert [(gate.name, gate.passed) for gate in refused.gates] == [("time as shadow", True), ("matured labels", False)]


def test_one_challenger_at_a_time_and_it_can_be_withdrawn() -> None:
    made = topic("online-000001", "next-000001")
    made.write(moves.shadow(made.registry, "online", stamp()))
    made.write(moves.challenge(made.registry, "online", stamp(LATER), ROW))
    made.write(moves.shadow(made.registry, "next", stamp(LATER)))
    refused = moves.challenge(made.registry, "next", stamp(2 * LATER), ROW)
    assert refused == Refused("online-000001 is the challenger already: `leadlane model withdraw challenger` first")
    made.write(moves.withdraw(made.registry, "challenger", stamp()))
    assert made.roles == "champion rules, shadow next-000001 (follows)"
    made.write(moves.withdraw(made.registry, "shadow", stamp()))
    assert (made.roles, made.registry.roles.since) == ("champion rules", {})
    assert moves.withdraw(made.registry, "shadow", stamp()) == Refused("there is no shadow", already=True)


def test_another_snapshot_of_the_shadow_keeps_its_time_and_another_line_begins_anew() -> None:
    made = topic("online-000001", "online-000002", "next-000001")
    made.write(moves.shadow(made.registry, "online-000001", stamp()))
    made.write(moves.shadow(made.registry, "online-000002", stamp(LATER)))
    assert made.registry.roles.since == {"shadow": T0}
    made.write(moves.shadow(made.registry, "next", stamp(LATER)))
    assert made.registry.roles.since == {"shadow": LATER}


def test_a_version_never_stands_for_another_document() -> None:
    made = topic("online-000001")
    other = a_version("online-000001", T0, replace(GOOD, labels=1))
    assert snapshot(made.registry, other) == Refused(
        "online-000001 stands for another document: a version never changes"
    )
    made.see(a_version("online-000001"))


def test_old_snapshots_without_a_role_go_and_those_that_are_needed_stay() -> None:
    made = promoted()
    made.write(moves.pin(made.registry, "champion", stamp()))
    made.see(a_version("next-000001", LATER), *(a_version(f"online-{n:06}", LATER + n) for n in range(2, 40)))
    kept = sorted(made.registry.versions)
    newest = [f"online-{n:06}" for n in range(40 - KEPT_SNAPSHOTS, 40)]
    assert kept == ["next-000001", "online-000001", *newest]
    assert superseded(made.registry) == ()
    assert superseded(made.registry, keep=18) == ("online-000021", "online-000020")


def test_before_anything_was_promoted_the_rules_decide() -> None:
    assert Topic().roles == "champion rules"
    assert Topic().registry.roles is NO_ROLES
    assert moves.shadow(Topic().registry, "online", stamp()) == Refused(
        "expected a version or a line (there is none yet), got 'online'"
    )
    assert moves.follow(Topic().registry, "champion", stamp()) == Refused(
        "champion is rules: expected a version of a line that learns"
    )
