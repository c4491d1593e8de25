"""The sink's file: what it takes, and every fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.sink import sink
from streams.errors import BadSettings
from streams.secret_refs import SecretUnreadable
from streams.sink.config import BadSink, load_sink, sink_from
from streams.sink.post import keys_of, static_headers
from streams.sink.signing import BadSecret
from tests.webhooks import SECRET

EXAMPLE = Path(__file__).parents[2] / "deploy" / "sink" / "sink.yaml"
GOOD = """\
targets:
  crm:
    url: https://crm.example/hook
    deliver:
      cadences.commands: {only: {command: pause}}
      leads.routed:
    secrets: [{env: CRM_SECRET}]
    headers: {Authorization: {env: CRM_TOKEN}, X-Team: sales}
"""


def test_the_example_is_taken_and_says_what_each_target_gets() -> None:
    config = load_sink(EXAMPLE)
    assert list(config.targets) == ["marketing", "crm", "sender"]
    done = CliRunner().invoke(sink, ["check", "--without-secrets", str(EXAMPLE)], catch_exceptions=False)
    assert "marketing: https://hooks.marketing.example/leadlane, cloudevents, signed with 2 secrets" in done.output
    assert "  cadences.commands: command is pause or stop" in done.output


def test_a_topic_without_conditions_is_delivered_whole() -> None:
    crm = sink_from(GOOD, "sink.yaml").targets["crm"]
    assert crm.wanted("cadences.commands") == {"command": ("pause",)}
    assert crm.wanted("leads.routed") == {}
    assert (crm.body, crm.concurrency, crm.retry.tries) == ("cloudevents", 16, 20)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://crm.example/hook", "ftp://crm.example", "line 3, targets.crm.url: expected https://host/path"),
        ("https://crm.example/hook", "https://me:pw@crm.example", "url: expected no login in it"),
        ("https://crm.example/hook", "http://crm.example", "is http://, expected https://, or `plain_http: true`"),
        ("leads.routed:", "leads.route:", "leads.route: is no topic that can be delivered, expected one of leads."),
        ("leads.routed:", "training.examples:", "is no topic that can be delivered"),
        ("leads.routed:", "cases.open:", "is no topic that can be delivered"),
        ("{command: pause}", "{commands: pause}", "only.commands: is no field of CadenceCommand: lead_id, decision_id"),
        ("[{env: CRM_SECRET}]", "[whsec_aaaa]", "a secret does not stand in a file"),
        ("[{env: CRM_SECRET}]", "[{env: LEADLANE_X}]", "expected a name that does not start with LEADLANE_"),
        ("[{env: CRM_SECRET}]", "[]", "at least 1 item"),
        ("Authorization: {env: CRM_TOKEN}", "Authorization: Bearer x", "expected {env: NAME} or {file: /path}"),
        ("X-Team: sales", "Webhook-Id: x", "Webhook-Id: is set by the sink itself"),
        ("X-Team: sales", "Idempotency-Key: x", "is set by the sink itself"),
        ("X-Team: sales", '"X Team": x', "is no name of an HTTP header"),
        ("X-Team: sales", '"X-Team": "a\\nb"', "expected printable text on one line"),
        ("    deliver:", "    since: 2026-11-25T00:00:00Z\n    deliver:", "expected a time in quotes, with its zone"),
        ("    deliver:", "    tries: 3\n    deliver:", "targets.crm.tries: Extra inputs are not permitted"),
        ("    deliver:", "    url: https://x\n    deliver:", "targets.crm.url: this name stands twice"),
        ("    deliver:", "    ca_file: /nowhere.pem\n    deliver:", "ca_file: expected a readable file"),
        ("  crm:", "  CRM one:", "pattern"),
        ("targets:", "target:", "targets"),
        ("targets:", "targets: [", "expected YAML"),
    ],
)
def test_a_fault_is_named_with_its_place(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(BadSink) as fault:
        sink_from(GOOD.replace(old, new, 1), "sink.yaml")
    assert said in str(fault.value)
    assert "pw@" not in str(fault.value)
    assert "Bearer x" not in str(fault.value)
    assert "whsec_aaaa" not in str(fault.value)


def test_all_faults_are_reported_at_once() -> None:
    text = GOOD.replace("X-Team", "Host").replace("command: pause", "commands: pause")
    with pytest.raises(BadSink, match=r"sink\.yaml has 2 faults:"):
        sink_from(text, "sink.yaml")


def test_secrets_are_read_from_where_the_file_says_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    config = sink_from(GOOD, "sink.yaml")
    crm = config.targets["crm"]
    with pytest.raises(SecretUnreadable, match="CRM_SECRET is not set"):
        keys_of("crm", crm)
    monkeypatch.setenv("CRM_SECRET", SECRET)
    monkeypatch.setenv("CRM_TOKEN", "Bearer s3cret")
    assert static_headers("crm", crm) == {"Authorization": "Bearer s3cret", "X-Team": "sales"}
    assert len(keys_of("crm", crm)[0]) == 32
    assert SECRET not in repr(config)
    assert "s3cret" not in repr(config)
    monkeypatch.setenv("CRM_TOKEN", "two\nlines s3cret")
    with pytest.raises(BadSecret) as fault:
        static_headers("crm", crm)
    assert "s3cret" not in str(fault.value)


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"LEADLANE_SINK_CONFIG is not set, expected the file of targets"):
        CliRunner().invoke(sink, ["http"], catch_exceptions=False)
    (file := tmp_path / "sink.yaml").write_text(GOOD)
    with pytest.raises(SecretUnreadable, match="CRM_SECRET is not set"):  # before anything is connected
        CliRunner().invoke(sink, ["http", "--config", str(file)], catch_exceptions=False)


def test_a_secret_that_is_made_here_can_sign_here(monkeypatch: pytest.MonkeyPatch) -> None:
    made = CliRunner().invoke(sink, ["secret"]).output.strip()
    monkeypatch.setenv("CRM_SECRET", made)
    assert len(keys_of("crm", sink_from(GOOD, "sink.yaml").targets["crm"])[0]) == 32
