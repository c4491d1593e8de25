"""What `leadlane forget` says of a topic, from what was found there."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from streams.commands.forget import forget
from streams.core.effects import EvidenceItem
from streams.errors import BadSettings
from streams.forget.request import new_request
from streams.forget.survey import NEVER_GONE, Survey, Text, Timed, texts_of
from streams.forget.telling import as_json, is_clean, words
from streams.lane.wire import Record
from streams.privacy.seal import MARK
from tests.factories import DAY, HOUR, T0, a_case, a_profile, a_reply, a_score

SEALED = f"{MARK}E12345678:abcd"
KEY = frozenset({"E12345678"})


def quoted(topic: str, what: str) -> EvidenceItem:
    return EvidenceItem("event-1", topic, T0, what)


@pytest.mark.parametrize(
    ("record", "found"),
    [
        pytest.param(a_score(), Text(), id="figures"),
        pytest.param(a_profile(), Text(plain=True), id="a profile"),
        pytest.param(a_profile(email=None, company=None, title=None), Text(), id="a profile that names nobody"),
        pytest.param(a_profile(email=SEALED, company=SEALED, title=None), Text(keys=KEY), id="a sealed one"),
        pytest.param(a_profile(email=SEALED, company="Example"), Text(plain=True, keys=KEY), id="half of it"),
        pytest.param(a_reply(headers={"sealed": SEALED}, subject=SEALED, text=SEALED), Text(keys=KEY), id="a reply"),
        pytest.param(a_case(evidence=(quoted("signals.replies", SEALED),)), Text(keys=KEY), id="a quote"),
        pytest.param(a_case(evidence=(quoted("signals.scores", "fit score 60"),)), Text(), id="no quote"),
    ],
)
def test_what_a_record_says_of_a_person(record: Record, found: Text) -> None:
    assert texts_of(record) == found


@pytest.mark.parametrize(
    ("found", "said", "clean"),
    [
        (Survey("signals.scores", 10), "nothing", True),
        (Survey("signals.scores", 10, 2), "2 records without personal texts, under the lead's id", True),
        (Survey("leads.profiles", 10, 1, shredded=1), "1 record sealed, the key is destroyed: unreadable", True),
        (
            Survey("leads.profiles", 10, 3, plain=2, gone_by=T0 + DAY),
            "2 records plain until 2026-06-09 09:00Z; 1 record without personal texts, under the lead's id",
            False,
        ),
        (Survey("leads.profiles", 10, 1, plain=1, gone_by=NEVER_GONE), "1 record plain for ever", False),
        (
            Survey("lane.state", 9, 1, plain=1, gone_by=NEVER_GONE),
            "1 record plain as long as nothing is written over it",
            False,
        ),
        (Survey("leads.profiles", 10, 1, readable=1), "1 record sealed, but the key is still there", False),
        (
            Survey("lane.state", 10, superseded=4, gone_by=T0 + DAY),
            "tombstoned; 4 records before that leaves the disk by 2026-06-09 09:00Z",
            True,
        ),
        (
            Survey("lane.state", 10, superseded=4),
            "tombstoned; 4 records before that leaves the disk when compacted",
            True,
        ),
        (
            Survey("lane.state", 10, superseded=4, gone_by=T0 - HOUR),
            "tombstoned; 4 records before that leaves the disk by 2026-06-08 08:00Z "
            "(LATE: is the log cleaner running?)",
            False,
        ),
    ],
)
def test_what_is_said_of_a_topic_and_whether_that_is_clean(found: Survey, said: str, clean: bool) -> None:
    assert words(found, T0) == said
    assert is_clean([Survey("signals.intent", 3), found], T0) is clean


def test_the_answer_for_scripts_sums_up() -> None:
    answer = as_json(Timed([Survey("signals.scores", 10, 2), Survey("lane.state", 5)], 0.5), T0)
    assert (answer["clean"], answer["records_read"], answer["seconds"]) == (True, 15, 0.5)
    assert json.loads(json.dumps(answer))["topics"][0]["gone_by"] is None


def test_a_request_names_nobody_in_its_id_and_has_a_salt_of_its_own() -> None:
    one, other = (new_request("lead-1", "ana", "asked", None, None, T0) for _ in range(2))
    assert "lead-1" not in one.event_id
    assert (one.event_id != other.event_id, one.salt != other.salt, len(one.salt or "")) == (True, True, 32)


def test_nobody_is_erased_without_a_reason_and_somebody_who_orders_it() -> None:
    done = CliRunner().invoke(forget, ["lead-1", "--reason", "asked"])
    assert isinstance(done.exception, BadSettings)
    assert "--reason and --actor" in str(done.exception)
