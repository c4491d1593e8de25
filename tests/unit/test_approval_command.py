"""`leadlane approval` and `leadlane switch`, before a broker is asked: what is refused, what counts, what repeats."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from streams.calendars import calendars_for
from streams.commands.approval import approval, plain
from streams.commands.approval_terms import (
    BadApproval,
    Terms,
    check_conditions,
    described,
    expiry,
    granted,
    revoked,
    state_of,
)
from streams.commands.switch import UnknownSwitch, switch
from streams.commands.switch import plain as plain_switch
from streams.core.approvals import find_approval
from streams.core.context import Approval, Context
from streams.kafka.control import Stamp
from tests.factories import DAY, HOUR, T0, TODAY, a_request, a_switch, an_approval
from tests.shipped import shipped_policy

STAMP = Stamp("ana", "looked at it", T0)
TERMS = Terms("content-1", "segment-1", ("N13", "N11"), 500, "email", None, None, "hana")
GRANT = ("grant", "--content", "c", "--audience", "5", "--actor", "ana", "--reason", "x")
POLICY = shipped_policy()


def context(*approvals: Approval) -> Context:
    by_hashes = {("content-1", "segment-1"): approvals}
    return Context(policy=POLICY, calendars=calendars_for(POLICY.calendar), approvals=by_hashes)


def by_id(*approvals: Approval) -> dict[str, Approval]:
    return {each.approval_id: each for each in approvals}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--segment", "s"), "expected at least one --condition, got none"),
        (("--condition", "N13"), "expected either --segment HASH, or --no-segment"),
        (("--segment", "s", "--no-segment", "--condition", "N13"), "expected either --segment HASH, or --no-segment"),
        (
            ("--segment", "s", "--condition", "N13", "--second-actor", "ANA "),
            "--second-actor: expected another person than --actor, got 'ANA' for both",
        ),
        (("--segment", "s", "--condition", "N13", "--expires", "soon"), "--expires: expected a day from today on"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_before_the_broker_is_asked(options: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(approval, [*GRANT, *options, "--brokers", "127.0.0.1:1"])
    assert isinstance(result.exception, BadApproval)
    assert message in str(result.exception)


@pytest.mark.parametrize("actor", ["", "  ", "x" * 201])
def test_an_actor_is_somebody(actor: str) -> None:
    result = CliRunner().invoke(switch, ["off", "automation", "--actor", actor, "--reason", "x"])
    assert result.exit_code == 2
    assert "Invalid value for '--actor': expected 1 to 200 characters" in result.output


def test_a_condition_is_one_for_which_the_policy_asks_a_person() -> None:
    check_conditions(("N11", "N13", "N14"), POLICY)
    known = f"policy {POLICY.version} asks a person (N11 SENSITIVE_SEGMENT, N13 NEW_CONTENT, N14 BULK)"
    with pytest.raises(BadApproval) as caught:
        check_conditions(("N13", "NEW_CONTENT"), POLICY)
    assert str(caught.value).endswith(f"{known}, got 'NEW_CONTENT'. Did you mean N13?")
    with pytest.raises(BadApproval, match=r"got 'N04'\."):
        check_conditions(("N04",), POLICY)


def test_an_expiry_is_the_end_of_a_day() -> None:
    assert expiry(None, T0) is None
    assert expiry("2026-06-08", T0) == (TODAY + 1) * DAY
    assert expiry("90d", T0) == expiry(" 90 d", T0) == (TODAY + 91) * DAY
    for wrong in ("2026-06-07", "0d", "-1d", "1.5d", "99999999d", "2026-13-01", "tomorrow", ""):
        with pytest.raises(BadApproval, match="--expires"):
            expiry(wrong, T0)


def test_an_id_is_made_from_hashes_channel_and_time() -> None:
    first, there = granted(TERMS, STAMP, None, {})
    assert there is None
    assert first == Approval(
        approval_id=first.approval_id, status="approved", content_hash="content-1", segment_hash="segment-1",
        conditions=("N13", "N11"), audience_size=500, channel="email", second_actor="hana", actor="ana",
        reason="looked at it", at=T0,
    )  # fmt: skip
    assert granted(TERMS, STAMP, None, {})[0].approval_id == first.approval_id == "approval-ea2ab335271d"
    others = (TERMS._replace(channel=None), TERMS._replace(content_hash="c2"), TERMS._replace(segment_hash=None))
    ids = {granted(terms, STAMP, None, {})[0].approval_id for terms in (TERMS, *others)}
    assert len(ids) == 4
    assert granted(TERMS, STAMP._replace(at=T0 + 1), None, {})[0].approval_id not in ids


def test_the_same_said_again_on_the_same_day_is_the_same_approval() -> None:
    first, _ = granted(TERMS, STAMP, None, {})
    again = STAMP._replace(at=T0 + HOUR)
    assert granted(TERMS._replace(conditions=("N11", "N13")), again, None, by_id(first))[1] == first
    for terms, stamp in (
        (TERMS._replace(audience_size=501), again),
        (TERMS, again._replace(actor="ben")),
        (TERMS, again._replace(reason="looked again")),
        (TERMS, again._replace(at=T0 + DAY)),
    ):
        assert granted(terms, stamp, None, by_id(first))[1] is None
    gone = revoked(first, Stamp("ben", "wrong", T0 + 1), ())
    assert granted(TERMS, again, None, by_id(gone))[1] is None


def test_a_given_id_stands_for_one_approval_for_ever() -> None:
    mine, _ = granted(TERMS, STAMP, "mine", {})
    assert granted(TERMS, STAMP._replace(at=T0 + 9 * DAY), "mine", by_id(mine))[1] == mine
    newer = granted(TERMS, STAMP._replace(at=T0 + 1, reason="new"), "newer", by_id(mine))[0]
    refused = (
        (TERMS._replace(audience_size=501), by_id(mine), "taken: approved, content content-1 for segment segment-1"),
        (TERMS, by_id(revoked(mine, STAMP, ())), "taken: revoked, "),
        (TERMS, by_id(mine, newer), "taken: replaced by newer, "),
    )
    for terms, there, message in refused:
        with pytest.raises(BadApproval, match=message):
            granted(terms, STAMP, "mine", there)


def test_a_grant_and_a_revocation_are_the_latest_word_whatever_other_clocks_said() -> None:
    ahead = an_approval(approval_id="ahead", at=T0 + DAY, channel="email")
    new, _ = granted(TERMS, STAMP, None, by_id(ahead))
    assert new.at == T0 + DAY + 1
    assert find_approval(a_request(), context(ahead, new), T0 + HOUR) == new
    gone = revoked(new, STAMP, [ahead])
    assert (gone.status, gone.at, gone.actor) == ("revoked", T0 + DAY + 2, "ana")
    assert gone.reason == "looked at it (was approved by ana and hana at 2026-06-09T09:00Z: looked at it)"
    assert find_approval(a_request(), context(ahead, gone), T0 + HOUR) is None


STATES = {
    "in force": (an_approval(), ()),
    "revoked": (an_approval(status="revoked"), ()),
    "denied": (an_approval(status="denied"), ()),
    "expired": (an_approval(expires_at=T0 + HOUR), ()),
    "too old for the policy": (an_approval(at=T0 - 400 * DAY), ()),
    "only under policy old": (an_approval(policy_version="old"), ()),
    "replaced by b": (an_approval(), (an_approval(approval_id="b", at=T0 + 1),)),
    "in force, but for phone": (an_approval(), (an_approval(approval_id="b", channel="phone", at=T0 + 1),)),
}


@pytest.mark.parametrize("state", STATES)
def test_the_list_says_what_the_gate_does(state: str) -> None:
    one, others = STATES[state]
    assert state_of(one, (one, *others), context(), T0 + HOUR) == state
    found = find_approval(a_request(), context(one, *others), T0 + HOUR)
    assert (found == one) == state.startswith("in force")


def test_another_segment_or_an_older_word_replaces_nothing() -> None:
    others = (an_approval(approval_id="b", segment_hash="s2", at=T0 + 1), an_approval(approval_id="c", at=T0 - 1))
    assert state_of(an_approval(), others, context(), T0 + HOUR) == "in force"
    assert state_of(an_approval(), others, None, T0 + HOUR) == "no active policy"


def test_an_approval_is_described_in_words_and_as_json() -> None:
    one = an_approval(audience_size=1500, expires_at=(TODAY + 1) * DAY, policy_version="p", second_actor="hana")
    said = "content content-1 for segment segment-1, N13, 1,500 persons, every channel, policy p, to 2026-06-08"
    assert described(one) == said
    assert plain(one, "in force") == {
        "actor": "ana", "reason": "set up", "at": "2026-06-08T09:00Z", "approval_id": "approval-1",
        "status": "approved", "content_hash": "content-1", "segment_hash": "segment-1", "conditions": ("N13",),
        "audience_size": 1500, "channel": None, "policy_version": "p", "expires_at": "2026-06-09T00:00Z",
        "second_actor": "hana", "state": "in force",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "hint"), [("automatoin", " Did you mean automation?"), ("x", "")])
def test_an_unknown_switch_is_refused_before_the_broker_is_asked(name: str, hint: str) -> None:
    result = CliRunner().invoke(switch, ["off", name, "--actor", "ana", "--reason", "x", "--brokers", "127.0.0.1:1"])
    assert isinstance(result.exception, UnknownSwitch)
    assert str(result.exception) == (
        f"UnknownSwitch: expected one of automation, got {name!r}.{hint} Nothing was written. A name that only your own"
        " code reads is written with --force."
    )


def test_a_switch_that_was_never_turned_is_on() -> None:
    assert plain_switch("automation", None) == {"name": "automation", "on": True}
    assert plain_switch("automation", a_switch(on=False)) == {
        "actor": "ana", "reason": "set up", "at": "2026-06-08T09:00Z", "name": "automation", "on": False,
    }  # fmt: skip
