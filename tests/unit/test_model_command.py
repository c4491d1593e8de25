"""`leadlane model`, before a broker is asked: how a model reads."""

from __future__ import annotations

from streams.commands.model_view import about, document_of, listed, plain_version, roles_of, rows, weights
from streams.core.context import ControlChange, ModelVersion
from streams.core.model import Calibration, ModelDocument, NumberTerm, Weight
from streams.kafka.changes import ACTIVE, change_of
from streams.lab.gates import ModelMetrics
from streams.lab.registry import registry_from
from tests.factories import T0
from tests.lanes import WIRE
from tests.models import a_version


def roles(**fields: object) -> ModelVersion:
    return ModelVersion(actor="ana", reason="because", at=T0, version="active", **fields)  # type: ignore[arg-type]


REGISTRY = registry_from(
    {
        ACTIVE: roles(champion="online-000002", follows=("champion",), former=("online-000001", "rules")),
        "online-000002": a_version("online-000002", T0 + 2),
        "online-000001": a_version("online-000001", T0 + 1, ModelMetrics()),
        "odd-1": a_version("odd-1", T0 + 3, document="{}"),
    }
)


def test_weights_are_told_in_points_of_the_score_the_largest_first() -> None:
    document = document_of(
        a_version(
            numbers={"fit": NumberTerm(50.0, 0.05, 5.0, Weight(1.0, 400.0), (10.0, 20.0),
                                       (Weight(0.5, 100.0), Weight(-2.0, 100.0), Weight(0.0, 25.0)))},
            calibration=Calibration(0.5, 0.0),
        )
    )  # fmt: skip
    assert isinstance(document, ModelDocument)
    told: list[tuple[object, ...]] = [
        (part.name, part.points, round(part.give_or_take, 6)) for part in weights(document)
    ]
    assert told == [
        ("10 <= fit < 20", -10.0, 0.98),
        ("fit, per deviation", 5.0, 0.49),
        ("country missing", -2.5, 1.96),
        ("fit < 10", 2.5, 0.98),
        ("country=DE", 1.25, 0.98),
    ]


def test_the_list_has_the_rules_first_every_version_and_says_what_is_unusable() -> None:
    lines = dict(rows(REGISTRY))
    assert list(lines) == ["rules", "online-000001", "online-000002", "odd-1"]
    assert lines["rules"] == ("rules", "former champion", "", "", "", "", "", "")
    assert lines["online-000002"] == (
        "online-000002", "champion, follows", "2,000", "0.780", "3.20", "0.400", "0.020", "2026-06-08T09:00Z",
    )  # fmt: skip
    assert lines["online-000001"][1:7] == ("former champion", "2,000", "-", "-", "-", "-")
    assert lines["odd-1"][1:4] == ("", "UNUSABLE", "-")


def test_a_version_as_json_has_its_roles_figures_and_what_is_wrong_with_it() -> None:
    assert [each.version for each in listed(REGISTRY)] == ["online-000001", "online-000002", "odd-1"]
    good = plain_version(REGISTRY, REGISTRY.versions["online-000002"])
    assert (good["roles"], good["examples"], good["metrics"]["ece"], good["at"]) == (
        ["champion, follows"], 2000, 0.02, "2026-06-08T09:00Z",
    )  # fmt: skip
    odd = plain_version(REGISTRY, REGISTRY.versions["odd-1"])
    assert odd["roles"] == []
    assert odd["problem"].startswith("a model document of format 1 was expected, but: ")


def test_what_was_done_with_a_version_is_its_publication_and_its_roles() -> None:
    steps: list[tuple[str, ModelVersion]] = [
        ("online-000001", a_version("online-000001")),
        (ACTIVE, roles(shadow="online-000001")),
        (ACTIVE, roles(shadow="online-000001", frozen=True)),
        ("online-000002", a_version("online-000002")),
        (ACTIVE, roles(shadow="online-000002")),
        (ACTIVE, roles(champion="online-000002")),
    ]
    trail: list[ControlChange] = [
        change_of("control.models", key, offset, record, WIRE.encode(record), {})
        for offset, (key, record) in enumerate(steps)
    ]
    assert [each.offset for each in about(trail, "online-000001", WIRE)] == [0, 1, 4]
    assert [each.offset for each in about(trail, "online-000002", WIRE)] == [3, 4, 5]
    assert roles_of(REGISTRY, "online-000001") == ["former champion"]
