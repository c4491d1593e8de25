"""What lanes make of control.models: roles, and what a role falls back to when its version cannot be used."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from streams.core.context import Alarm, ModelVersion, Policy
from streams.core.roles import RULES_ALONE, Models
from streams.lane.context import ContextBuilder
from streams.lane.job import ControlView
from streams.lane.models import ModelReader
from streams.lane.pipeline import versions
from streams.topics import ALARMS, MODELS, POLICIES
from tests.factories import T0
from tests.lanes import WIRE
from tests.models import a_version
from tests.shipped import POLICY_FILE, shipped_policy

FIRST, SECOND, THIRD = (a_version(f"online-{n:06}") for n in (1, 2, 3))


def roles(**fields: Any) -> ModelVersion:
    return ModelVersion(actor="ana", reason="because", at=T0, version="active", **fields)


def read(pointer: ModelVersion | None, *kept: ModelVersion, **raw: bytes) -> tuple[Models, list[str]]:
    records = {each.version.encode(): WIRE.encode(each) for each in kept}
    if pointer is not None:
        records[b"active"] = WIRE.encode(pointer)
    problems: list[str] = []
    models = ModelReader(WIRE).models(records | {key.encode(): value for key, value in raw.items()}, problems)
    return models, problems


def named(models: Models) -> tuple[str, str | None, str | None]:
    challenger, shadow = (None if model is None else model.version for model in (models.challenger, models.shadow))
    return models.version, challenger, shadow


def test_each_role_gets_its_version_compiled() -> None:
    pointer = roles(
        champion="online-000001", challenger="online-000002", challenger_share=0.1, shadow="online-000003", frozen=True
    )
    models, problems = read(pointer, FIRST, SECOND, THIRD)
    assert problems == []
    assert named(models) == ("online-000001", "online-000002", "online-000003")
    assert (models.challenger_share, models.frozen) == (0.1, True)
    assert models.champion is not None
    assert models.champion.judge({"fit": 100.0}).score > models.champion.judge({"fit": 0.0}).score
    again, _ = read(pointer, FIRST, SECOND, THIRD)
    assert again.champion is models.champion  # compiled once


@pytest.mark.parametrize("pointer", [None, roles(), roles(former=("online-000001",))])
def test_without_a_model_in_any_role_the_rules_decide_alone(pointer: ModelVersion | None) -> None:
    models, problems = read(pointer, FIRST)
    assert (models is RULES_ALONE, problems) == (True, [])


BROKEN = [
    ((), "expected it among the published versions, got none"),
    ((a_version("online-000002", document="{}"),), "a model document of format 1 was expected, but: "),
    ((replace(SECOND, sha256="0" * 64),), "expected a document with sha256 "),
    (
        (replace(FIRST, version="online-000002"),),
        "expected its document to be of version 'online-000002', got 'online-000001'",
    ),
]


@pytest.mark.parametrize(("kept", "says"), BROKEN)
def test_a_champion_that_cannot_be_used_gives_way_to_the_one_before_it(
    kept: tuple[ModelVersion, ...], says: str
) -> None:
    models, problems = read(roles(champion="online-000002", former=("online-000009", "online-000001")), FIRST, *kept)
    assert named(models) == ("online-000001", None, None)
    (of_second, of_ninth) = problems
    assert of_second.startswith(f"control.models: champion 'online-000002': {says}")
    assert of_second.endswith("; `leadlane model list`")
    assert of_ninth.startswith("control.models: champion 'online-000009': ")


def test_without_any_that_can_be_used_the_rules_decide_and_others_are_nobody() -> None:
    models, problems = read(
        roles(champion="online-000007", challenger="online-000008", challenger_share=0.5, shadow="online-000009",
              former=("rules", "online-000001")),
        FIRST,
    )  # fmt: skip
    assert (models is RULES_ALONE, len(problems)) == (True, 3)


def test_a_broken_pointer_leaves_the_decisions_to_the_rules() -> None:
    models, problems = read(None, FIRST, active=b"no record")
    assert models is RULES_ALONE
    (problem,) = problems
    assert problem.startswith("control.models key 'active': value starts with ")
    assert problem.endswith("; the rules decide")


def test_a_context_has_the_roles_and_the_alarms_that_shake_trust() -> None:
    said: dict[str, Any] = {"actor": "lab", "reason": "measured", "at": T0}
    alarms = [
        Alarm(name="drift:score", on=True, distrust=True, **said),
        Alarm(name="drift:fit", on=False, distrust=True, **said),
        Alarm(name="leak:duration", on=True, distrust=False, **said),
    ]
    policy = shipped_policy()
    active = Policy(version=policy.version, sha256=policy.sha256, **said)
    view = ControlView(
        {
            POLICIES.name: {
                b"active": WIRE.encode(active),
                policy.version.encode(): WIRE.encode(replace(active, document=POLICY_FILE.read_text())),
            },
            MODELS.name: {
                b"active": WIRE.encode(roles(shadow="online-000001", frozen=True)), b"online-000001": WIRE.encode(FIRST)
            },
            ALARMS.name: {each.name.encode(): WIRE.encode(each) for each in alarms},
        },
        {},
    )  # fmt: skip
    context, problems = ContextBuilder(WIRE).build(view)
    assert context is not None
    assert problems == []
    assert [alarm.name for alarm in context.alarms] == ["drift:score"]
    assert versions(context) == {
        "policy": context.policy.version, "policy_sha256": context.policy.sha256, "champion": "rules",
        "shadow": "online-000001", "learning": "frozen",
    }  # fmt: skip
