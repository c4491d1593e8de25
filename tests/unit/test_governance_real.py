"""On real contacts: age bands are unfair, the base rate drifts, and twenty shuffled copies raise neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from streams.core.policy import GovernanceRow
from streams.core.windows import BINS, EVERYBODY, WindowStats
from streams.lab.drift import LossDrift, Shift, log_loss, shift_of_values
from streams.lab.fairness import Rules, Tally, findings
from streams.lab.governance import Governance
from tests.bank import LATE, Bank, Scored, bank, scored, shuffled
from tests.factories import DAY, HOUR, MINUTE, T0, an_example

ROW = GovernanceRow(groups=("age_band",))
WARM = 4_000  # rows before the score counts: cold start
SELECTED = 0.2  # share of leads that are worked
SAMPLE = 400
LOOK_ROWS = 1_440  # a day, at a contact a minute


class Raised(NamedTuple):
    """What a run over all rows raised, at any look."""

    rises: int
    drifts: int
    worst: float
    unfair: frozenset[str]


def raised(data: Bank) -> Raised:
    model = scored(data)
    drift = LossDrift(0.002, hold=500)
    rises = sum(drift.add(log_loss(p, y)) for p, y in zip(model.given.tolist(), data.labels.tolist(), strict=True))
    looks = range(WARM + LATE + SAMPLE, len(data.labels), LOOK_ROWS)
    shifts = [shift_at(data, model, row) for row in looks]
    unfair = {name for row in (*looks, len(data.labels)) for name in unfair_at(data, model, row)}
    return Raised(rises, sum(each.drifts for each in shifts), max(each.psi for each in shifts), frozenset(unfair))


def shift_at(data: Bank, model: Scored, row: int) -> Shift:
    """A sample of the first week against the newest labelled, both as the learner scores them at this row."""
    known = row - LATE
    week = slice(WARM, max(min(WARM + 7 * LOOK_ROWS, known), WARM + 1))
    then = data.features[week][:: max((week.stop - week.start) // SAMPLE, 1)]
    return shift_of_values(model.again(then, row), model.again(data.features[known - SAMPLE : known], row))


def unfair_at(data: Bank, model: Scored, row: int) -> set[str]:
    past = slice(WARM, row)
    ages, labels = data.ages[past], data.labels[past]
    selected = model.given[past] > np.quantile(model.given[past], 1 - SELECTED)
    group = {
        str(age): Tally(
            len(labels[ages == age]),
            int(selected[ages == age].sum()),
            int(labels[ages == age].sum()),
            int((labels & ~selected)[ages == age].sum()),
        )
        for age in np.unique(ages)
    }
    return {found.name for found in findings({"age_band": group}, Rules()) if found.verdict == "alarm"}


def test_age_bands_are_unfair_and_the_base_rate_drifts() -> None:
    found = raised(bank())
    assert found.rises >= 3
    assert found.drifts >= 10
    assert found.worst > 1
    assert "fairness:age_band=35 to 49:selection" in found.unfair
    assert "fairness:age_band=50 to 59:missed" in found.unfair


@pytest.mark.parametrize("seed", range(20))
def test_a_shuffled_copy_raises_neither(seed: int) -> None:
    found = raised(shuffled(bank(), seed))
    assert found[:2] == (0, 0), f"psi up to {found.worst:.3f}"
    assert found.unfair == frozenset()


def records(data: Bank) -> Iterator[object]:
    """The rows as lanes and the loop tell of them: a contact a minute, hourly windows, labels 2,059 rows late."""
    given, ages, labels = scored(data).given, data.ages, data.labels
    bar = np.quantile(given[WARM:], 1 - SELECTED)
    for start in range(WARM, len(labels), 60):
        rows = slice(start, start + 60)
        version = f"online-{start:06}"
        common = {
            "lane": 0,
            "window_start": T0 + start * MINUTE,
            "window_ms": HOUR,
            "policy_version": "p",
            "model_version": version,
        }
        scores = tuple(np.histogram(given[rows], BINS, (0, 1))[0].tolist())
        counts = {"routed": len(labels[rows]), "human": 5, "selected": int((given[rows] > bar).sum())}
        yield WindowStats(group=EVERYBODY, value="", counts=counts, scores=scores, **common)  # type: ignore[arg-type]
        for age in np.unique(ages[rows]):
            mine = given[rows][ages[rows] == age]
            by_age = {"routed": len(mine), "selected": int((mine > bar).sum())}
            yield WindowStats(group="age_band", value=str(age), counts=by_age, scores=(0,) * BINS, **common)  # type: ignore[arg-type]
        for row in range(start - LATE, start - LATE + 60):
            if row >= WARM:
                yield an_example(
                    example_id=f"label-{row}", label=bool(labels[row]), decided_at=T0 + row * MINUTE,
                    emitted_at=T0 + start * MINUTE, selected=bool(given[row] > bar),
                    groups={"age_band": str(ages[row])}, features={"row": float(row)}, model_version="online",
                    predictions={"online": float(given[row])},
                )  # fmt: skip


def ever_on(data: Bank) -> set[str]:
    """Every alarm that was on at a daily look, the deciding model scoring then and now."""
    governance, model, names, looked = Governance(ROW), scored(data), set[str](), 0
    for record in records(data):
        governance.take(record)  # type: ignore[arg-type]
        if isinstance(record, WindowStats) and record.window_start - looked >= DAY:
            looked = record.window_start
            weights_at = (looked - T0) // MINUTE

            def predict(features: object, at: int = weights_at) -> float:
                row = int(features["row"])  # type: ignore[index]
                return float(model.again(data.features[row : row + 1], at)[0])

            names |= {name for name, alarm in governance.look(predict).alarms.items() if alarm.on}
    return names


def test_governance_as_a_whole_sees_the_same() -> None:
    names = ever_on(bank())
    assert {"drift:score", "drift:outcomes", "log_loss", "fairness:age_band=35 to 49:selection"} <= names


def test_governance_as_a_whole_is_silent_on_a_shuffled_copy() -> None:
    assert ever_on(shuffled(bank(), 7)) == set()
