"""The one-click opt-out of RFC 8058, and the tokens that senders print."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streams.commands.gateway import gateway
from streams.core.events import ActivitySignal
from streams.gateway.config import GatewayConfig, Source
from streams.gateway.platform import BadRequest, Incoming, Unauthorized
from streams.gateway.tokens import NoToken, lead_of, token_of
from tests.gateway_platforms import NOW, SECRET, request, shipped, told
from tests.gateways import serving

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = token_of("lead-7", SECRET, "unsubscribe")


@pytest.fixture
def unsubscribe(tmp_path: Path) -> Source:
    return shipped("unsubscribe.yaml", tmp_path)["unsubscribe"]


def click(token: str = TOKEN, body: bytes = b"List-Unsubscribe=One-Click", at: int = NOW) -> Incoming:
    return request(body, FORM, query={"t": token}, received_at=at)


def test_a_click_unsubscribes_the_lead_of_the_token(unsubscribe: Source) -> None:
    found = told(unsubscribe, click())
    ((topic, activity),) = found.events
    assert topic == "signals.activity"
    assert activity == ActivitySignal(
        event_id=activity.event_id, lead_id="lead-7", occurred_at=NOW, source="unsubscribe", kind="unsubscribe"
    )
    assert found.reading.answer is not None
    assert found.reading.answer.status == 200


def test_the_multipart_body_of_the_rfc_counts_too(unsubscribe: Source) -> None:
    """RFC 8058, 8.2: multipart/form-data with the boundary "---FormBoundaryjWmhtjORrn"."""
    body = (
        b"-----FormBoundaryjWmhtjORrn\r\n"
        b'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
        b"-----FormBoundaryjWmhtjORrn--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=---FormBoundaryjWmhtjORrn"}
    assert len(told(unsubscribe, request(body, kind, query={"t": TOKEN})).events) == 1


def test_a_click_that_is_repeated_at_once_is_the_same_and_a_later_one_counts_again(unsubscribe: Source) -> None:
    """In between the person may have consented again: the later click must not be lost."""
    minute = NOW // 60_000 * 60_000
    first, at_once, later = (
        told(unsubscribe, click(at=at)).items[0].id for at in (minute, minute + 59_999, minute + 60_000)
    )
    assert first == at_once
    assert later != first


def test_a_get_unsubscribes_nobody_and_shows_a_button(unsubscribe: Source) -> None:
    """Scanners of mail follow every link: RFC 8058, 3.2 and 6."""
    found = told(unsubscribe, request(b"", {}, method="GET", query={"t": TOKEN}))
    assert found.items == ()
    answer = found.reading.answer
    assert answer is not None
    assert b'<form method="post">' in answer.body
    assert b'name="List-Unsubscribe" value="One-Click"' in answer.body
    assert TOKEN.encode() not in answer.body


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=", b"List-Unsubscribe=Two-Clicks", b"other=One-Click"])
def test_another_body_unsubscribes_nobody(unsubscribe: Source, body: bytes) -> None:
    with pytest.raises(BadRequest):
        told(unsubscribe, click(body=body))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "lead-7",
        TOKEN[:-1] + ("a" if TOKEN[-1] != "a" else "b"),
        "u" + TOKEN[1:],
        token_of("lead-8", SECRET, "unsubscribe").partition("-")[0] + "-" + TOKEN.partition("-")[2],
        token_of("lead-7", SECRET, "reply"),
        token_of("lead-7", "another secret of 30 characters", "unsubscribe"),
    ],
)
def test_a_token_that_is_not_ours_is_refused(unsubscribe: Source, token: str) -> None:
    with pytest.raises(Unauthorized):
        told(unsubscribe, click(token))


def test_the_case_that_a_mail_program_makes_of_it_does_not_matter(unsubscribe: Source) -> None:
    first, second = told(unsubscribe, click(TOKEN.upper())), told(unsubscribe, click())
    assert first.events == second.events


async def test_an_opt_out_is_never_limited_and_a_burst_of_one_is_one_event(tmp_path: Path) -> None:
    """Rates are for platforms: whoever wants to leave is not asked to come again later."""
    slow = {"    platform: unsubscribe\n": "    platform: unsubscribe\n    rate_per_second: 0.01\n"}
    config = GatewayConfig(shipped("unsubscribe.yaml", tmp_path, slow))
    leads = [f"lead-{number}" for number in range(40)]
    async with serving(config, clock_ms=lambda: NOW) as gateway:
        for lead in (*leads, *leads):
            path = f"/v1/unsubscribe?t={token_of(lead, SECRET, 'unsubscribe')}"
            status, headers = await gateway.send("POST", b"List-Unsubscribe=One-Click", FORM, path)
            assert (status, headers["Cache-Control"]) == (200, "no-store")
        status, headers = await gateway.send("GET", b"", {}, path)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert sorted(key or b"" for _, key, _ in gateway.kafka.log["signals.activity"]) == sorted(
            map(str.encode, leads)
        )


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_every_lead_comes_back_from_its_token_wherever_it_stands_in_a_text(lead: str) -> None:
    token = token_of(lead, SECRET, "reply")
    for text in (token, f"<bounces+{token.upper()}@mg.example.com>", f"a@b.example, r-{token}@c.example"):
        assert lead_of(text, ("another secret of 30 characters", SECRET), "reply") == lead
    assert lead_of(token, ("another secret of 30 characters",), "reply") is None


def test_an_address_with_a_token_keeps_its_64_characters_for_uuids_and_short_ids() -> None:
    for lead in (str(uuid4()), "0f2d6a1c3b5e7f90a1b2c3d4e5f60718", "lead-1234567890-ABCDEFGHI"):
        assert len(f"r+{token_of(lead, SECRET, 'reply')}") <= 64


def test_a_secret_or_a_lead_of_which_no_token_can_be_made_is_said() -> None:
    with pytest.raises(NoToken, match="less than 16 characters"):
        token_of("lead-7", "short", "reply")
    for lead in ("", "x" * 201):
        with pytest.raises(NoToken, match="expected 1 to 200"):
            token_of(lead, SECRET, "reply")


def test_the_command_prints_the_tokens_that_senders_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEAD_TOKEN_SECRET", SECRET)
    (tmp_path / "secret").write_text(SECRET + "\n")
    by_variable = ["token", "lead-7", "lead-8", "--for", "unsubscribe", "--secret-env", "LEAD_TOKEN_SECRET"]
    by_file = ["token", "-", "--for", "unsubscribe", "--secret-file", str(tmp_path / "secret")]
    wanted = "".join(f"{token_of(lead, SECRET, 'unsubscribe')}\n" for lead in ("lead-7", "lead-8"))
    assert CliRunner().invoke(gateway, by_variable).output == wanted
    assert CliRunner().invoke(gateway, by_file, input="lead-7\nlead-8\n").output == wanted
    for wrong in ([], ["--secret-env", "LEADLANE_X"], ["--secret-env", "A", "--secret-file", "b"]):
        refused = CliRunner().invoke(gateway, ["token", "lead-7", "--for", "reply", *wrong])
        assert (refused.exit_code, "expected" in refused.output) == (2, True)
