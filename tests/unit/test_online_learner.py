"""The online learner: as good as it says, the same after a restart, and not fooled by columns that know the answer."""

from __future__ import annotations

import csv
import gzip
import random
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from streams.core.model import load_model
from streams.lab.calibration import Platt, sigmoid
from streams.lab.encoding import MOST_COLUMNS, MOST_NAMES, MOST_VALUES, Encoder, Number
from streams.lab.guard import auc_of_cells, auc_of_ranks, leaks
from streams.lab.learner import Learner
from streams.lab.progress import figures_of
from tests.leadstream import Lead, leads

ROOT = Path(__file__).parents[2]
UCI = ROOT.parent / "shared/data/bank-additional-full.csv.gz"


def taught(examples: list[Lead]) -> Learner:
    learner = Learner()
    for features, label in examples:
        learner.learn(features, label)
    return learner


def predicted(examples: list[Lead]) -> tuple[list[float], Learner]:
    """Each predicted, then learned."""
    learner, found = Learner(), []
    for features, label in examples:
        found.append(learner.predict(features))
        learner.learn(features, label)
    return found, learner


def test_it_ranks_and_calibrates_what_it_has_not_seen() -> None:
    examples = list(leads(6000))
    found, learner = predicted(examples)
    figures = figures_of(found[3000:], [label for _, label in examples[3000:]], resamples=0)
    assert figures.auc.value is not None
    assert figures.auc.value > 0.72
    assert figures.ece.value is not None
    assert figures.ece.value < 0.03
    assert learner.left_out == {}


def test_a_learner_that_was_dumped_half_way_goes_on_as_if_nothing_was() -> None:
    examples = leaking(900, "name")
    undisturbed, learner = Learner(), Learner()
    for at, (features, label) in enumerate(examples):
        if at % 97 == 0:
            learner = Learner.load(learner.dump())
        for each in (undisturbed, learner):
            each.learn(features, label, rule_score=at % 100 if at % 3 else None)
            if at % 7 == 0:
                each.correct(features, label, not label)
            if at == 600:
                each.allow("after")
    assert learner.dump() == undisturbed.dump()
    assert learner.document("v", "online", 899) == undisturbed.document("v", "online", 899)


def test_predicting_changes_nothing() -> None:
    learner = taught(list(leads(300)))
    before = learner.dump()
    for features, _ in leads(50, seed=2):
        learner.predict(features)
    assert learner.dump() == before


def test_a_dump_of_another_format_is_refused() -> None:
    dumped = Learner().dump().replace(b"\xa6format\x01", b"\xa6format\x63")
    with pytest.raises(ValueError, match="format 1 was expected, got 99"):
        Learner.load(dumped)


def test_the_published_document_scores_exactly_as_the_learner() -> None:
    learner = taught(list(leads(3000)))
    model = load_model(learner.document("online-1", "online", 2999))
    odd: list[dict[str, float | str]] = [
        {}, {"age": float("nan")}, {"age": float("inf")}, {"age": -1e300}, {"age": 1e15}, {"age": "old"},
        {"company": "never seen"}, {"company": 4.0}, {"unknown feature": 1.0}, {"origin": ""},
    ]  # fmt: skip
    for features in [*odd, *(features for features, _ in leads(300, seed=5))]:
        assert model.judge(features).probability == pytest.approx(learner.predict(features), abs=1e-9)
    assert (model.version, model.line, model.trained_through) == ("online-1", "online", 2999)
    assert (model.examples, model.positives) == (learner.examples, learner.positives)


@pytest.mark.parametrize(("old", "new"), [(False, True), (True, False)])
def test_a_correction_moves_the_prediction_towards_the_right_label(old: bool, new: bool) -> None:
    learner = taught(list(leads(500)))
    features = next(leads(1, seed=9))[0]
    learner.learn(features, old)
    before, positives = learner.predict(features), learner.positives
    learner.correct(features, old, new)
    assert (learner.predict(features) > before) is new
    assert learner.positives == positives + (1 if new else -1)


def test_a_correction_to_the_same_label_changes_nothing() -> None:
    learner = taught(list(leads(100)))
    before = learner.dump()
    learner.correct({"age": 40.0}, True, True)
    assert learner.dump() == before


def test_corrected_labels_teach_nearly_what_right_ones_do() -> None:
    examples = list(leads(4000))
    wrong = Learner()
    for features, label in examples:
        wrong.learn(features, False)  # nothing came within the horizon
        if label:
            wrong.correct(features, old=False, new=True)
    later = list(leads(2000, seed=3))
    labels = [label for _, label in later]
    aucs = [
        figures_of([learner.predict(features) for features, _ in later], labels, resamples=0).auc.value or 0
        for learner in (wrong, taught(examples))
    ]
    assert aucs[0] > aucs[1] - 0.02


def leaking(count: int, how: str) -> list[Lead]:
    draw, found = random.Random(3), []
    for features, label in leads(count, seed=4):
        if how == "number":
            features["after"] = draw.gauss(3.0 if label else 0.0, 1)
        elif how == "both ends":
            features["after"] = draw.choice([-5.0, 5.0]) + draw.random() if label else draw.uniform(-4, 4)
        elif how == "name":
            features["after"] = draw.choice(["lost", "lost", "open"]) if not label else draw.choice(["won", "paid"])
        elif label:
            features["after"] = "2026-01-01"  # only filled in when it was won
        found.append((features, label))
    return found


@pytest.mark.parametrize("how", ["number", "both ends", "name", "filled in"])
def test_a_column_that_knows_the_answer_is_left_out_early_and_scores_are_clean_after_it(how: str) -> None:
    examples = leaking(3000, how)
    found, learner = predicted(examples)
    assert list(learner.left_out) == ["after"]
    assert learner.left_out["after"] > 0.9
    assert '"left_out":{"after":' in learner.document("v", "online", 0)
    assert '"after":{"mean"' not in learner.document("v", "online", 0)
    clean, _ = predicted([({k: v for k, v in f.items() if k != "after"}, label) for f, label in examples])
    early = 1500 if how == "both ends" else 500  # it takes fine bins to see that both ends are alike
    labels = [label for _, label in examples[early:]]
    auc, auc_clean = (figures_of(p[early:], labels, resamples=0).auc.value or 0 for p in (found, clean))
    assert auc == pytest.approx(auc_clean, abs=0.02)


def test_a_person_may_allow_what_was_left_out() -> None:
    examples = leaking(2100, "number")
    learner = taught(examples[:600])
    assert list(learner.left_out) == ["after"]
    learner.allow("after")
    assert learner.left_out == {}
    learner = Learner.load(learner.dump())
    found = []
    for features, label in examples[600:]:
        found.append((learner.predict(features), label))
        learner.learn(features, label)
    assert learner.left_out == {}
    figures = figures_of([p for p, _ in found[500:]], [label for _, label in found[500:]], resamples=0)
    assert (figures.auc.value or 0) > 0.95


def test_ids_and_rare_names_neither_leak_nor_grow_the_model() -> None:
    draw, learner = random.Random(1), Learner()
    for n in range(4 * MOST_VALUES):
        learner.learn({"id": f"id-{n}", "key": f"k{draw.randrange(3 * MOST_NAMES)}"}, draw.random() < 0.02)
    columns = learner.encoder.columns
    assert learner.left_out == {}
    assert columns["id"].names.keys == {}
    assert len(columns["id"].names.cells) <= MOST_VALUES
    assert len(columns["key"].names.keys) <= MOST_NAMES
    assert len(learner.document("v", "online", 0)) < 100_000


def test_prose_is_no_name() -> None:
    learner = Learner()
    for n in range(50):
        learner.learn({"note": "word " * 50}, n % 2 == 0)
    assert learner.encoder.columns["note"].names.cells == {}
    assert len(learner.dump()) < 2000


def test_the_state_does_not_depend_on_the_process() -> None:
    script = (
        "import sys; from tests.unit.test_online_learner import taught, leads\n"
        "sys.stdout.buffer.write(taught(list(leads(400))).dump())"
    )
    environ = {"PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, check=True)
    assert done.stdout == taught(list(leads(400))).dump()


def test_a_number_that_is_a_name_elsewhere_is_taken_as_it_comes() -> None:
    learner = Learner()
    for n in range(400):
        learner.learn({"size": "large" if n % 2 else float(n % 10)}, n % 2 == 0 or n % 5 == 0)
    model = load_model(learner.document("v", "online", 0))
    for value in ("large", 3.0, "unseen"):
        assert model.judge({"size": value}).probability == pytest.approx(learner.predict({"size": value}), abs=1e-9)


def test_whole_numbers_may_be_codes() -> None:
    draw, learner = random.Random(5), Learner()
    good = {float(1000 + n) for n in range(60) if draw.random() < 0.5}
    for _ in range(6000):
        store = float(1000 + draw.randrange(60))
        learner.learn({"store": store}, draw.random() < (0.7 if store in good else 0.2))
    found = [learner.predict({"store": float(1000 + n)}) for n in range(60)]
    right = [(probability > 0.45) == (1000.0 + n in good) for n, probability in enumerate(found)]
    assert sum(right) >= 57
    model = load_model(learner.document("v", "online", 0))
    for value in (1000.0, 1059.0, 1000.5, 7.0, 1000):
        assert model.judge({"store": value}).probability == pytest.approx(learner.predict({"store": value}), abs=1e-9)


def test_bins_that_are_cut_anew_keep_what_was_learned() -> None:
    learner, draw = Learner(), random.Random(2)
    jumps = []
    for _ in range(1500):
        value = draw.lognormvariate(0, 1)
        before = learner.predict({"amount": 1.0})
        learner.learn({"amount": value}, draw.random() < (0.8 if 0.7 < value < 1.5 else 0.2))
        jumps.append(abs(learner.predict({"amount": 1.0}) - before))
    assert max(jumps[500:]) < 0.1
    assert learner.predict({"amount": 1.0}) > learner.predict({"amount": 8.0}) + 0.3


def test_bins_grow_with_the_cube_root_of_the_values() -> None:
    number = Number("x")
    for n in range(1000):
        number.learn(float(n), False, MOST_NAMES)
        if number.count >= number.next_cut:
            number.cut("x")
    assert len(number.edges) + 1 == 10
    assert sum(cell[0] for cell in number.cells) == pytest.approx(1000 - 30, abs=1)  # counted since the first cut


def test_what_is_not_a_finite_number_does_not_break_the_statistics() -> None:
    encoder = Encoder()
    for value in (1.0, float("nan"), float("inf"), float("-inf"), 1e308, 10**400, 2.0):
        encoder.learn({"x": value}, False, (0, 0), 10)
    encoded = encoder.encode({"x": 1.0})
    assert all(value == value and abs(value) <= 4 for value in encoded.values())


def test_the_scale_of_the_score_follows_the_rules_of_the_same_leads() -> None:
    learner = Learner()
    for features, label in leads(1500):
        learner.learn(features, label, rule_score=30 + features.get("age", 50.0) / 2)  # type: ignore[operator]
    model = load_model(learner.document("v", "online", 0))
    scores = sorted(model.judge(features).score for features, _ in list(leads(1500))[500:])
    rules = sorted(30 + f.get("age", 50.0) / 2 for f, _ in list(leads(1500))[500:])  # type: ignore[operator]
    assert scores[500] == pytest.approx(rules[500], abs=4)
    assert scores[900] == pytest.approx(rules[900], abs=4)


def test_calibration_follows_a_base_rate_that_moves() -> None:
    platt, draw = Platt(), random.Random(1)
    for _ in range(2000):
        platt.learn(-3.0 + draw.gauss(0, 1), draw.random() < 0.3)
    assert sigmoid(platt.apply(-3.0)) == pytest.approx(0.3, abs=0.08)


def test_separation_is_an_auc_without_its_own_optimism() -> None:
    assert auc_of_cells([[10, 10], [10, 0]]) == 1.0
    assert auc_of_cells([[10, 5], [10, 5]]) < 0.5  # each label judged by the others
    assert auc_of_cells([[1.0, float(n % 2)] for n in range(100)]) == 0.5  # ids
    assert auc_of_cells([]) == 0.5
    assert auc_of_ranks([1, 2, 3, 4], [3, 4], 0.5) == 1.0
    assert auc_of_ranks([1, 2, 3, 4], [1, 2], 0.5) == 1.0


def test_few_labels_are_no_proof_of_a_leak() -> None:
    assert not leaks(1.0, 9, 1000)
    assert leaks(1.0, 10, 1000)
    assert not leaks(0.92, 20, 1000)
    assert leaks(0.92, 1000, 9000)
    assert not leaks(0.9, 10_000, 90_000)


@pytest.mark.skipif(not UCI.exists(), reason=f"needs the real file at {UCI} (not part of the project)")
def test_on_real_calls_it_beats_a_batch_model_that_is_refitted() -> None:
    with gzip.open(UCI, "rt") as text:
        rows = list(csv.DictReader(text, delimiter=";"))
    learner, waiting, found, labels = Learner(), deque[Lead](), [], []
    for row in rows:
        label = row.pop("y") == "yes"
        del row["duration"]
        features = {name: _number(cell) for name, cell in row.items() if cell not in ("unknown", "nonexistent")}
        if len(waiting) > 2059:
            learner.learn(*waiting.popleft())
        found.append(learner.predict(features))
        labels.append(label)
        waiting.append((features, label))
    half = len(found) // 2
    figures = figures_of(found[half:], labels[half:], resamples=0).values()
    assert (figures["auc"] or 0) >= 0.755
    assert (figures["lift_at_10"] or 0) >= 3.1
    assert (figures["log_loss"] or 1) <= 0.41
    assert (figures["ece"] or 1) <= 0.04
    assert learner.left_out == {}
    model = load_model(learner.document("v", "online", 0))
    worst = max(abs(model.judge(features).probability - learner.predict(features)) for features, _ in waiting)
    assert worst < 1e-9


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def test_a_model_stays_one_record_of_kafka_however_many_columns_have_however_many_names() -> None:
    draw, learner = random.Random(5), Learner()
    for _ in range(6_000):
        features = {f"attr.column {n}": f"value number {draw.randrange(3_000)}" for n in range(60)}
        learner.learn(features, draw.random() < 0.2)
    document = learner.document("online-1", "online", 5_999)
    assert len(document) < 700_000
    assert load_model(document).judge(features).probability == pytest.approx(learner.predict(features), abs=1e-9)


def test_columns_without_end_are_not_looked_at() -> None:
    learner = Learner()
    for n in range(2_000):
        learner.learn({f"attr.{n}": 1.0, "fit": float(n % 7)}, n % 3 == 0)
    assert len(learner.encoder.columns) == MOST_COLUMNS
    assert "fit" in learner.encoder.columns
