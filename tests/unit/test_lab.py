"""The lab's pure parts: the fold, its checkpoints and figures, and what is undone."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest

from streams.core import context
from streams.core.context import ModelVersion, Policy, Stamp
from streams.core.effects import EmitExample
from streams.core.model import load_model
from streams.kafka.changes import ACTIVE, Edit
from streams.lab.alarms import Alarm
from streams.lab.announcing import frozen_edit
from streams.lab.checkpoint import PART_BYTES, BadCheckpoint, Checkpoint, Header, Search, records_of
from streams.lab.gates import ImpactRatio, metrics_of
from streams.lab.leaks import alarms_of, allowance, allowed, name_of
from streams.lab.learning import Learning
from streams.lab.matured import LEAST_DIFFERENCE, Matured
from streams.lab.oversight import Undo, alarm_edit, snapshot_edit, undo_due
from streams.lab.standing import Standing
from tests.factories import T0, an_example
from tests.shipped import shipped_context

LAB, ANA = Stamp("lab", "learned", T0), Stamp("ana", "looked", T0)


# --- the fold


def some_examples(count: int) -> list[EmitExample]:
    random, made = Random(3), list[EmitExample]()
    for number in range(count):
        fit = random.uniform(0, 100)
        fields: dict[str, Any] = {"features": {"fit": fit}, "label": random.random() < fit / 150, "rule_score": fit}
        if number % 10 == 9:
            last = made[-1]
            fields = {"features": last.features, "label": not last.label, "previous": last.label}
            fields |= {"supersedes": last.example_id, "judged": last.judged}
        known = {"example_id": f"label-{number}", "judged": f"decision-{number}", "emitted_at": T0 + number}
        made.append(an_example(**known | fields))
    return made


def learned(examples: list[EmitExample], learning: Learning | None = None, start: int = 0) -> Learning:
    learning = learning or Learning("online")
    for offset, example in enumerate(examples[start:], start):
        assert learning.take(offset, example)
    return learning


def test_who_goes_on_from_a_dump_learns_the_same_to_the_last_bit() -> None:
    examples = some_examples(400)
    whole = learned(examples)
    half = learned(examples[:170])
    resumed = learned(examples, Learning.load("online", half.dump()), start=170)
    assert resumed.dump() == whole.dump()
    assert resumed.snapshot(LAB) == whole.snapshot(LAB)


def test_an_example_that_is_learned_already_changes_nothing() -> None:
    examples = some_examples(50)
    learning = learned(examples)
    before = learning.dump()
    assert not any(learning.take(offset, example) for offset, example in enumerate(examples))
    assert learning.dump() == before


def test_a_snapshot_is_named_by_its_examples_and_says_what_it_was_trained_through() -> None:
    learning = learned(some_examples(50))
    version = learning.snapshot(LAB, ImpactRatio(0.9, "age_band=25-39", 200), groups=1)
    model = load_model(version.document)
    assert (version.version, version.line, version.actor) == ("online-000000050", "online", "lab")
    assert (model.version, model.trained_through, model.examples) == ("online-000000050", 49, 45)
    assert metrics_of(version.document).worst_impact_ratio == ImpactRatio(0.9, "age_band=25-39", 200)
    assert version.document == json.dumps(json.loads(version.document), sort_keys=True, separators=(",", ":"))


# --- figures


def seen(count: int, **fields: Any) -> Matured:
    """`count` decisions that online-1 scored: it knows, the rules do not."""
    random, matured = Random(1), Matured("online")
    for number in range(count):
        good = random.random() < 0.3
        said = {"online-000000001": 0.8 if good else 0.1, "other-000000007": 0.5}
        known = {"judged": f"d{number}", "label": good, "predictions": said, "rule_score": random.uniform(0, 100)}
        matured.see(an_example(**known | fields), before=0.3)
    return matured


def test_the_line_is_compared_with_the_rules_that_decided() -> None:
    found = seen(400).metrics(groups=0)
    assert (found.labels, found.auc, found.groups) == (400, 1.0, 0)
    assert found.log_loss is not None
    assert found.champion_log_loss is not None
    assert found.log_loss < 0.25 < found.champion_log_loss
    assert found.lift_difference is not None
    assert found.lift_difference.low > 1


def test_the_line_is_compared_with_the_model_that_decided() -> None:
    found = seen(LEAST_DIFFERENCE, model_version="other-000000007").metrics()
    assert found.champion_log_loss == pytest.approx(0.6931, abs=1e-3)
    few = seen(LEAST_DIFFERENCE - 1, model_version="other-000000007").metrics()
    assert few.lift_difference is None


def test_decisions_that_the_line_did_not_score_are_no_figures_of_it_but_show_in_what_it_says_before_learning() -> None:
    matured = seen(50, predictions={"other-000000007": 0.5})
    assert matured.metrics().labels == 0
    assert matured.quality()["line_log_loss"] is not None


def test_a_correction_changes_the_label_of_the_decision_that_it_corrects() -> None:
    matured = seen(50)
    before = matured.metrics()
    bad = next(row.judged for row in matured._rows if not row.label)
    matured.see(an_example(judged=bad, label=True, previous=False, supersedes="label-1"), before=0.3)
    assert matured.metrics().positives == before.positives + 1
    assert matured.metrics().labels == before.labels
    assert Matured.load("online", matured.dump()).metrics() == matured.metrics()


# --- checkpoints


def a_checkpoint(seq: int = 1, size: int = 100, line: str = "online") -> Checkpoint:
    places = {"training.examples": {0: 7}, "governance.stats": {0: 1, 1: 4}}
    learned = Random(seq).randbytes(size)  # does not compress
    return Checkpoint(line=line, seq=seq, next=places, learned=learned, governed=b"g", occupied=b"o")


def found_in(*checkpoints: Checkpoint, line: str = "online", lost: int | None = None) -> Checkpoint | None:
    """What is found after these were written; `lost`: without the record of this number."""
    parts, records = 0, []
    for checkpoint in checkpoints:
        written = records_of(checkpoint, parts)
        records += written.records
        parts = written.parts
    search = Search(line)
    for number, (key, value, _) in enumerate(records):
        if number != lost:
            search.see(key, value)
    return search.found()


@pytest.mark.parametrize("size", [0, 100, PART_BYTES, 3 * PART_BYTES])
def test_a_checkpoint_of_any_size_comes_back_as_it_was(size: int) -> None:
    assert found_in(a_checkpoint(1, size)) == a_checkpoint(1, size)
    assert all(len(record.value or b"") < 1_000_000 for record in records_of(a_checkpoint(1, size)).records)


def test_the_newest_counts_also_when_it_is_smaller_and_other_lines_are_left_alone() -> None:
    large, small, other = a_checkpoint(1, 2 * PART_BYTES), a_checkpoint(2), a_checkpoint(9, line="other")
    assert found_in(large, small) == small
    assert found_in(small, large) == large
    assert found_in(small, other) == small
    assert found_in(other) is None


def test_parts_that_the_next_checkpoint_does_not_need_are_deleted() -> None:
    written = records_of(a_checkpoint(2), parts_before=2)
    assert [(record.key, record.value) for record in written.records[:-1]] == [
        (b"online/0000", None),
        (b"online/0001", None),
    ]


def test_a_checkpoint_that_is_not_whole_is_none_and_the_one_before_counts() -> None:
    small, large = a_checkpoint(1), a_checkpoint(2, 2 * PART_BYTES)
    assert found_in(small, large, lost=1) == small
    with pytest.raises(BadCheckpoint, match="checkpoint 2 has not the content that its header names"):
        found_in(large, lost=0)


def test_a_checkpoint_of_another_format_is_refused_with_what_to_do() -> None:
    search = Search("online")
    other = msgspec.structs.replace(a_checkpoint(3), format=2)
    for key, value, _ in records_of(other).records:
        search.see(key, value)
    with pytest.raises(BadCheckpoint, match=r"checkpoint 3 has format 2.*LEADLANE_LAB_LINE"):
        search.found()


def test_bytes_that_are_no_header_are_passed_over() -> None:
    search = Search("online")
    for key, value, _ in records_of(a_checkpoint()).records:
        search.see(key, value)
    search.see(b"online", b"nonsense")
    search.see(b"online", msgspec.msgpack.encode(Header(4, 0, "0" * 64, b"x")))
    assert search.found() == a_checkpoint()


# --- what is undone


def an_alarm(name: str, since: int, on: bool = True) -> dict[str, Alarm]:
    return {name: Alarm(name, on, 0.4, 0.2, "4 of 10", since, since)}


def a_standing(roles: ModelVersion | None = None, former_policy: bool = True) -> Standing:
    """A policy that became active at T0, with or without one before it."""
    pointer = Policy(version="p2", sha256="2", **_said(T0))
    policies = {"p2": pointer, ACTIVE: pointer} | ({"p1": pointer} if former_policy else {})
    return Standing(shipped_context(), policies, {} if roles is None else {ACTIVE: roles}, {}, {})


def a_champion(since: int, **fields: Any) -> ModelVersion:
    known = {"version": "online-1", "champion": "online-1", "since": {"champion": since}}
    return ModelVersion(**_said(since), **{**known, **fields})


def _said(at: int) -> dict[str, Any]:
    return {"actor": "ana", "reason": "test", "at": at}


def test_the_latest_change_is_undone() -> None:
    alarms = an_alarm("override_rate", T0 + 50)
    newer_model, newer_policy = a_champion(T0 + 10), a_champion(T0 - 10)
    assert undo_due(alarms, a_standing(newer_model)) == Undo("model", ("override_rate: 4 of 10",))
    assert undo_due(alarms, a_standing(newer_policy)) == Undo("policy", ("override_rate: 4 of 10",))


def test_what_went_wrong_before_a_change_is_not_its_fault() -> None:
    assert undo_due(an_alarm("override_rate", T0 - 1), a_standing(a_champion(T0 + 10))) is None


def test_an_alarm_of_the_model_alone_undoes_the_model_though_the_policy_is_newer() -> None:
    alarms = an_alarm("log_loss", T0 + 50)
    assert undo_due(alarms, a_standing(a_champion(T0 - 10))) == Undo("model", ("log_loss: 4 of 10",))


def test_nothing_is_undone_where_there_is_nothing_to_go_back_to_or_a_person_is_at_it() -> None:
    alarms = an_alarm("override_rate", T0 + 50)
    assert undo_due(alarms, a_standing(former_policy=False)) is None
    assert undo_due(alarms, a_standing(a_champion(T0 + 10, frozen=True))) is None
    assert undo_due(an_alarm("override_rate", T0 + 50, on=False), a_standing(a_champion(T0 + 10))) is None
    assert undo_due(an_alarm("automation_share", T0 + 50), a_standing(a_champion(T0 + 10))) is None


def test_a_policy_that_is_undone_freezes_the_models_and_leaves_their_roles() -> None:
    roles = a_champion(T0)
    move = frozen_edit({ACTIVE: roles}, Undo("policy", ("override_rate",)), LAB)
    assert isinstance(move, Edit)
    assert (move.records[ACTIVE].frozen, move.records[ACTIVE].champion) == (True, "online-1")


def test_a_model_that_is_undone_gives_way_to_the_champion_before_it() -> None:
    former = msgspec.structs.replace(a_champion(T0), version="old-1", champion="rules")
    records = {ACTIVE: a_champion(T0, former=("old-1", "rules")), "old-1": former}
    move = frozen_edit(records, Undo("model", ("log_loss",)), LAB)
    assert isinstance(move, Edit)
    assert (move.records[ACTIVE].champion, move.records[ACTIVE].frozen) == ("old-1", True)


# --- versions and alarms that are written


def test_a_warm_line_looks_on_by_itself_only_where_nobody_ever_gave_a_role() -> None:
    version = learned(some_examples(50)).snapshot(LAB)
    cold, warm = snapshot_edit({}, version, False, LAB), snapshot_edit({}, version, True, LAB)
    assert isinstance(cold, Edit)
    assert set(cold.records) == {version.version}
    assert isinstance(warm, Edit)
    roles = warm.records[ACTIVE]
    assert (roles.shadow, roles.champion, roles.follows) == (version.version, "rules", ("shadow",))
    assert (roles.actor, roles.since) == ("lab", {"shadow": T0})
    people = ModelVersion(version="rules", **_said(T0))  # somebody has withdrawn the shadow
    withdrawn = snapshot_edit({ACTIVE: people}, version, True, LAB)
    assert isinstance(withdrawn, Edit)
    assert set(withdrawn.records) == {version.version}


def test_a_leak_is_an_alarm_until_a_person_lets_the_feature_in() -> None:
    row = shipped_context().policy.governance
    alarms = alarms_of({"attr.result": 0.97}, T0)
    written = alarm_edit(alarms, {}, row).records
    assert written["leak:attr.result"].on
    assert alarm_edit(alarms, written, row).records == {}
    assert allowed({"attr.result": 0.97}, written) == []
    let_in = {name_of("attr.result"): allowance("attr.result", ANA, written["leak:attr.result"])}
    assert allowed({"attr.result": 0.97}, let_in) == ["attr.result"]
    assert alarm_edit(alarms, let_in, row).records == {}
    over: dict[str, context.Alarm] = alarm_edit({}, written, row).records  # type: ignore[assignment]
    assert not over["leak:attr.result"].on
    assert allowed({"attr.result": 0.97}, over) == []
