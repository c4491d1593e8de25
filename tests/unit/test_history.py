"""The audit trail: what is kept of a control record, how a line reads, and what was active before."""

from __future__ import annotations

import re
from hashlib import sha256

import click
import pytest
from click.testing import CliRunner

from streams.commands.alarm import alarm
from streams.commands.history import Since, history, plain
from streams.commands.signing import now_ms
from streams.core.context import Alarm, ControlChange, Guard, ModelVersion, Stamp
from streams.kafka.alarms import taken_note_of
from streams.kafka.changes import (
    ACTIVE,
    LARGE_BYTES,
    Edit,
    change_of,
    deletion_of,
    is_deletion,
    roles_in_words,
    summary_of,
)
from streams.policy.publish import former_of
from tests.factories import DAY, T0, a_policy_record, a_rep, a_switch, an_approval
from tests.lanes import WIRE
from tests.models import a_version

SAID = {"actor": "ana", "reason": "because", "at": T0}
ROLES = ModelVersion(
    version="online-2", champion="online-2", challenger="next-1", challenger_share=0.1, shadow="old-1",
    follows=("champion", "shadow"), frozen=True, **SAID,  # type: ignore[arg-type]
)  # fmt: skip


def test_an_entry_keeps_the_record_whole_and_says_who_with_whom() -> None:
    record = an_approval(second_actor="ben")
    value = WIRE.encode(record)
    assert change_of("control.approvals", "approval-1", 7, record, value, {}) == ControlChange(
        actor="ana", reason="set up", at=T0, topic="control.approvals", key="approval-1", offset=7, second_actor="ben",
        value=value, sha256=sha256(value).hexdigest(), summary="approval-1 approved: content content-1",
    )  # fmt: skip


def test_only_a_large_snapshot_without_a_role_beside_it_is_left_out() -> None:
    version = a_version("online-000001", left_out={f"attr.{n}": 0.95 for n in range(200)})
    value = WIRE.encode(version)
    assert len(value) > LARGE_BYTES
    given = ModelVersion(version="rules", shadow="online-000001", **SAID)  # type: ignore[arg-type]
    beside = [{}, {ACTIVE: ModelVersion(version="rules", **SAID)}, {ACTIVE: given}]  # type: ignore[arg-type]
    kept = [change_of("control.models", "online-000001", 1, version, value, each).value for each in beside]
    assert kept == [None, None, value]
    small = WIRE.encode(a_version())
    assert change_of("control.models", "online-000001", 1, a_version(), small, {}).value == small
    left_out = change_of("control.models", "online-000001", 1, version, value, {})
    assert not is_deletion(left_out)
    assert is_deletion(deletion_of("control.models", "online-000001", 2, Stamp("lab", "superseded", T0)))


@pytest.mark.parametrize(
    ("key", "record", "line"),
    [
        (ACTIVE, a_policy_record(), "policy 2026-06-08.1 is active"),
        ("2026-06-08.1", a_policy_record(), "policy 2026-06-08.1 published"),
        ("ana", a_rep(), "ana: sales; weight 1"),
        ("ana", a_rep(active=False), "ana: inactive"),
        ("automation", a_switch(on=False), "automation off"),
        ("online-000001", a_version(), "model online-000001 of online"),
        (ACTIVE, ROLES, "champion online-2 (follows), challenger next-1 (10%), shadow old-1 (follows), FROZEN"),
        ("a", Alarm(name="a", on=True, detail="PSI .3", **SAID), "alarm a on: PSI .3"),  # type: ignore[arg-type]
        (
            "a",
            Alarm(name="a", on=True, acknowledged_by="ben", **SAID),  # type: ignore[arg-type]
            "alarm a on (acknowledged by ben)",
        ),
        ("a", Alarm(name="a", on=False, **SAID), "alarm a over"),  # type: ignore[arg-type]
        (
            "sales",
            Guard(queue="sales", open_cases=30, capacity=25, points=5, **SAID),  # type: ignore[arg-type]
            "sales: 30 of 25 open, +5 points",
        ),
    ],
)
def test_every_control_record_reads_as_a_line(key: str, record: object, line: str) -> None:
    assert summary_of(key, record) == line  # type: ignore[arg-type]
    assert roles_in_words(ROLES).endswith("FROZEN")


def test_an_entry_as_json_has_its_time_as_text_and_no_bytes() -> None:
    shown = plain(change_of("control.switches", "automation", 3, a_switch(), b"bytes", {}))
    assert shown == {
        "actor": "ana", "reason": "set up", "at": "2026-06-08T09:00Z", "topic": "control.switches",
        "key": "automation", "offset": 3, "second_actor": None, "sha256": sha256(b"bytes").hexdigest(),
        "summary": "automation on",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "at"),
    [("2026-06-08", T0 - 9 * DAY // 24), ("2026-06-08T09:00", T0), ("2026-06-08T11:00+02:00", T0)],
)
def test_since_takes_days_and_times(text: str, at: int) -> None:
    assert Since().convert(text, None, None) == at


def test_since_takes_so_long_ago() -> None:
    for text, ago in (("90 min", DAY // 16), ("12h", DAY // 2), ("7 d", 7 * DAY)):
        assert abs(now_ms() - ago - Since().convert(text, None, None)) < 1000
    with pytest.raises(click.BadParameter, match=re.escape("expected 2026-12-31, 2026-12-31T09:00 (UTC), 90 min")):
        Since().convert("soon", None, None)


@pytest.mark.parametrize(
    ("pointers", "former"),
    [
        ([], None),
        (["a"], None),
        (["a", "a"], None),
        (["a", "b"], "a"),
        (["a", "b", "c"], "b"),
        (["a", "b", "c", "b"], "a"),
        (["a", "b", "a"], None),
        (["a", "b", "a", "c"], "a"),
    ],
)
def test_the_policy_before_is_the_one_under_it_and_going_back_leaves_behind(pointers: list[str], former: str) -> None:
    assert former_of(pointers) == former


def test_alarms_that_are_on_and_wait_are_taken_note_of() -> None:
    alarms = {
        "a": Alarm(name="a", on=True, detail="PSI .3", distrust=True, **SAID),  # type: ignore[arg-type]
        "b": Alarm(name="b", on=False, **SAID),  # type: ignore[arg-type]
        "c": Alarm(name="c", on=True, acknowledged_by="ben", **SAID),  # type: ignore[arg-type]
    }
    stamp = Stamp("eve", "seen", T0 + 1)
    taken = Alarm(
        name="a", on=True, detail="PSI .3", distrust=True, actor="eve", reason="seen", at=T0 + 1, acknowledged_by="eve"
    )
    assert taken_note_of(alarms, (), stamp) == Edit({"a": taken})
    assert taken_note_of(alarms, ("c",), stamp) == "no alarm waits for anybody"
    assert taken_note_of(alarms, ("a", "d"), stamp) == "expected an alarm (a, b, c), got d"


def test_which_alarms_must_be_said() -> None:
    for names in ((), ("a", "--all")):
        done = CliRunner().invoke(alarm, ["acknowledge", *names, "--actor", "ana", "--reason", "x"])
        assert (done.exit_code, "expected either NAME... or --all" in done.output) == (2, True)
    done = CliRunner().invoke(history, ["--topic", "decisions"])
    assert done.exit_code == 2
