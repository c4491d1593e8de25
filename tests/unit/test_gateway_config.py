"""A gateway's file: includes, limits, secrets by reference; `leadlane gateway check` says what a sample becomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.commands.gateway import gateway
from streams.gateway.config import BadGatewayConfig, Limits, load_config
from streams.gateway.limits import Rate, json_of
from streams.gateway.platform import BadRequest
from streams.secret_refs import STAND_IN, SecretRef, SecretUnreadable, without_secrets
from tests.gateways import SECRET, a_config, a_score, loaded

ROOT = Path(__file__).parents[2]


def faults(path: Path) -> str:
    with pytest.raises(BadGatewayConfig) as raised:
        loaded(path)
    return str(raised.value)


def checked(*arguments: str | Path, failing: bool = False) -> Result:
    result = CliRunner().invoke(gateway, ["check", *map(str, arguments)])
    if not failing and result.exception is not None:
        raise result.exception
    return result


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_shipped_files_hold_without_secrets_and_without_kafka() -> None:
    for path in sorted((ROOT / "deploy" / "gateway").glob("*.yaml")):
        assert "all rules hold" in checked(path).output, path


def test_included_files_add_sources(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    a_config(tmp_path / "more")
    top = tmp_path / "top.yaml"
    top.write_text("include: [more/gateway.yaml]\nlimits: {body_bytes: 5000}\n")
    (tmp_path / "more" / "gateway.yaml").write_text(
        (tmp_path / "more" / "gateway.yaml").read_text().replace("public_url: https://hooks.example.com\n", "")
    )
    config = loaded(top)
    assert list(config.sources) == ["hubspot"]
    assert config.limits == Limits(body_bytes=5000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources: {}", "sources: expected at least one"),
        ("[1]", "expected sources at the top, got list"),
        ("a: [", "expected YAML, but:"),
        ("include: [none.yaml]", "none.yaml: expected a gateway file, but: No such file"),
        ("sourcs: {}", "sourcs: expected nothing of this name; nearest: sources"),
        ("limits: {body_bytes: big}\nsources: {}", "limits.body_bytes: expected a valid integer"),
        ("limits: {body_byte: 5}\nsources: {}", "limits.body_byte: expected nothing of this name; nearest: body_bytes"),
        ("public_url: hooks.example.com\nsources: {}", "public_url: "),
        ("sources: {a: 5}", "source a: expected platform, options and rules, got int"),
        ("sources: {Ab: {platform: hubspot}}", "source Ab: name: "),
        ("sources: {a: {platform: hubspt}}", "source a: platform is 'hubspt', expected one of hubspot"),
        ("sources: {a: {platform: hubspot}}", "source a: options.secrets is missing"),
        ("sources: {a: {platform: hubspot, unmatched: drop}}", "source a: unmatched: "),
    ],
)
def test_a_fault_says_where_it_is_and_what_was_expected(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(text)
    assert said in faults(path)


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"name": "one", "when": {"kind": "x"}, "topic": "nowhere"},
        {"name": "two", "when": {"kind": "x"}, "topic": "leads.profiles", "fields": {"x": "data.x", "y": "data.y"}},
        {"name": "two", "when": {"kind": "x"}, "topic": "leads.profiles"},
    ]
    said = faults(a_config(tmp_path, rules=rules))
    assert [part in said for part in ("rule one: topic", "fields.x:", "fields.y:", "rule two: expected a name")] == (
        [True] * 4
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"secrets": [SECRET]}, "options.secrets.0: expected {env: NAME} or {file: /path}, got a value"),
        ({"secrets": [{"env": "LEADLANE_X"}]}, "expected a name that does not start with LEADLANE_"),
        ({"secrets": [{"env": "A", "file": "/b"}]}, "expected either env or file"),
        ({"secrets": [{"env": "A"}], "tokn": SECRET}, "options.tokn: expected nothing of this name"),
        ({"secrets": [{"envv": SECRET}]}, "options.secrets.0"),
    ],
)
def test_a_secret_in_a_file_is_a_fault_that_does_not_show_it(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    found = faults(a_config(tmp_path, source={"options": options}))
    assert said in found
    assert SECRET not in found


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_a_secret_is_read_from_where_it_is_and_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s").write_text(f"{SECRET}\n")
    monkeypatch.setenv("A_SECRET", SECRET)
    by_file, by_name = SecretRef(file=tmp_path / "s"), SecretRef(env="A_SECRET")
    assert by_file.read() == by_name.read() == SECRET
    assert SECRET not in f"{by_file!r} {by_name!r} {by_name.model_dump()}"


def test_a_secret_that_is_missing_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for ref, said in (
        (SecretRef(env="NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE is not set"),
        (SecretRef(file=tmp_path / "none"), "No such file"),
        (SecretRef(file=tmp_path / "empty"), "it is empty"),
    ):
        with pytest.raises(SecretUnreadable, match=said):
            ref.read()
    with without_secrets():
        assert SecretRef(env="NO_SUCH_VARIABLE").read() == STAND_IN


def test_a_gateway_does_not_start_without_its_secrets(tmp_path: Path) -> None:
    with pytest.raises(BadGatewayConfig, match=r"source hubspot: .*GATEWAY_TEST_SECRET is not set"):
        load_config(a_config(tmp_path))


# --- the command ------------------------------------------------------------------------------------------------------


def test_check_shows_what_a_sample_becomes(tmp_path: Path) -> None:
    sample = tmp_path / "body.json"
    sample.write_text(json.dumps([a_score(1), a_score(2, propertyValue="x"), a_score(3, propertyName="y"), {"a": 1}]))
    lines = checked(a_config(tmp_path), "--sample", sample).output.splitlines()
    assert lines[0] == "hubspot: 3 items"
    assert lines[2] == (
        '    signals.scores <- {"event_id":"hubspot:33-25-1-1-1764000000000:score","lead_id":"hubspot-1",'
        '"occurred_at":1764000000000,"source":"hubspot","kind":"vendor","value":55.0}'
    )
    assert lines[4] == "    dead letter: rule score: value is 'x', expected a number"
    assert lines[6] == "    no rule takes it: counted and ignored"
    assert lines[7].startswith("  dead letter: notification 3 has no subscriptionType")


def test_check_says_which_sources_there_are(tmp_path: Path) -> None:
    sample = tmp_path / "body.json"
    sample.write_text("[]")
    result = checked(a_config(tmp_path), "--sample", sample, "--source", "hubspt", failing=True)
    assert "--source is 'hubspt'; nearest: hubspot, expected one of hubspot" in str(result.exception)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_rate_lets_a_second_at_once_and_then_as_many_as_time_brings() -> None:
    now = 0.0
    rate = Rate(2.0, lambda: now)
    assert [rate.wait() for _ in range(3)] == [0.0, 0.0, 0.5]
    now = 0.25
    assert rate.wait() == 0.25
    now = 0.5
    assert rate.wait() == 0.0
    now = 100.0
    assert [rate.wait() for _ in range(3)] == [0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"[[[[1]]]]", 4),
        (b'{"a":{"b":[{"c":1}]}}', 4),
        (b'["[[[[", "\\"[[[[", "\\\\", "]"]', 1),
        (b"[[],[],[],[]]", 2),
    ],
)
def test_depth_is_that_of_brackets_outside_texts(body: bytes, deep: int) -> None:
    json_of(body, deep)
    with pytest.raises(BadRequest, match=f"nested more than {deep - 1} deep"):
        json_of(body, deep - 1)
