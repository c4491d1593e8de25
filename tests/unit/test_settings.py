"""Settings come from the environment; faults are reported all at once, in words."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from streams.app import lane_settings
from streams.errors import BadSettings
from streams.kafka.security import aiokafka_security, confluent_config
from streams.lane.job import LaneSettings
from streams.settings import Settings, example, load_settings, variable
from streams.topics import DELETE_RETENTION_MS


def fault(monkeypatch: pytest.MonkeyPatch, **environ: str) -> str:
    """What is said about these variables, named without LEADLANE_."""
    for name, value in environ.items():
        monkeypatch.setenv(f"LEADLANE_{name}", value)
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_wrong_value_is_shown_with_what_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault(monkeypatch, SESSION_TIMEOUT_SECONDS="2h") == (
        'BadSettings: LEADLANE_SESSION_TIMEOUT_SECONDS is "2h", expected whole seconds from 1 to 300, for example 10.'
    )


def test_all_faults_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = fault(
        monkeypatch,
        BROKERS="localhost",
        LANES="0",
        REPLICATION="two",
        LOG_LEVEL="loud",
        SSL_CAFILE="/not/there",
        SESION_TIMEOUT_SECONDS="10",
        COLOUR="red",
    )
    assert said.splitlines() == [
        "BadSettings: ",
        '  LEADLANE_BROKERS is "localhost", expected host:port, several with commas, for example localhost:9092.',
        '  LEADLANE_LANES is "0", expected a whole number from 1 to 1024, for example 12.',
        '  LEADLANE_REPLICATION is "two", expected a whole number from 1 to 10, for example 3.',
        '  LEADLANE_LOG_LEVEL is "loud", expected debug, info, warning or error, for example info.',
        '  LEADLANE_SSL_CAFILE is "/not/there", expected a readable file, for example /etc/leadlane/ca.pem.',
        "  LEADLANE_COLOUR is no setting; `leadlane settings` lists all that exist.",
        "  LEADLANE_SESION_TIMEOUT_SECONDS is no setting; did you mean LEADLANE_SESSION_TIMEOUT_SECONDS?",
    ]


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLANE_SASL_PASSWORD", "s3cret")
    assert "s3cret" not in repr(load_settings())
    assert "s3cret" not in fault(monkeypatch, SECURITY_PROTOCOL="SASL_SSL")


def test_settings_that_contradict_each_other_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    said = fault(monkeypatch, HEARTBEAT_SECONDS="4", SECURITY_PROTOCOL="SASL_SSL", SASL_USERNAME="leadlane")
    assert [line.split(",")[0].strip() for line in said.splitlines()[1:]] == [
        "LEADLANE_HEARTBEAT_SECONDS is 4",
        "LEADLANE_SASL_MECHANISM is not set",
        "LEADLANE_SASL_PASSWORD is not set",
    ]


def test_half_a_certificate_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = tmp_path / "client.pem"
    certificate.touch()
    assert "LEADLANE_SSL_KEYFILE is not set" in fault(monkeypatch, SSL_CERTFILE=str(certificate))


def test_an_empty_variable_is_an_unset_one_and_an_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLANE_LANES", "")
    monkeypatch.setenv("LEADLANE_LINGER_MS", "20")
    monkeypatch.setenv("LEADLANE_BROKERS", "one:9092")
    settings = load_settings(brokers="two:9092", lanes=None)
    assert (settings.lanes, settings.linger_ms, settings.brokers) == (12, 20, "two:9092")


NO_FILES = [name for name in Settings.model_fields if "ReadableFile" not in Settings.__annotations__[name]]


@pytest.mark.parametrize("name", NO_FILES)
def test_every_example_is_a_value_that_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLANE_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("LEADLANE_SASL_USERNAME", "leadlane")
    monkeypatch.setenv("LEADLANE_SASL_PASSWORD", "secret")
    monkeypatch.setenv("LEADLANE_SCHEMA_REGISTRY_USERNAME", "leadlane")
    monkeypatch.setenv("LEADLANE_SCHEMA_REGISTRY_PASSWORD", "secret")
    monkeypatch.setenv(variable(name), example(Settings.model_fields[name]))
    assert getattr(load_settings(), name) is not None


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_lanes_get_every_setting_of_theirs_with_the_same_default() -> None:
    ours = lane_settings(load_settings())
    theirs = LaneSettings(brokers=ours.brokers, slot=ours.slot)
    names = {field.name for field in fields(LaneSettings)} - {"security"}
    assert names <= set(Settings.model_fields)
    assert {name: getattr(ours, name) for name in names} == {name: getattr(theirs, name) for name in names}


def test_a_warm_copy_never_outlives_the_deletions_that_it_would_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    too_long = DELETE_RETENTION_MS // 1000
    assert "LEADLANE_WARM_SECONDS" in fault(monkeypatch, WARM_SECONDS=str(too_long))


SASL = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "ann", "sasl_password": "s3cret"}


def test_both_kafka_clients_log_in_with_the_same_settings() -> None:
    settings = load_settings(brokers="kafka:9093", **SASL)
    theirs = aiokafka_security(settings)
    context = theirs.pop("ssl_context")
    assert context.check_hostname
    assert theirs == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "s3cret",
    }
    assert confluent_config(settings, group_id="g") == {
        "bootstrap.servers": "kafka:9093",
        "log_level": 0,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "ann",
        "sasl.password": "s3cret",
        "group.id": "g",
    }


def test_without_security_the_clients_get_nothing_more_than_the_address() -> None:
    settings = load_settings(brokers="kafka:9092")
    assert aiokafka_security(settings) == {}
    assert confluent_config(settings) == {
        "bootstrap.servers": "kafka:9092",
        "log_level": 0,
        "security.protocol": "PLAINTEXT",
    }
