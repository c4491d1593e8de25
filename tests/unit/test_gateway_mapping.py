"""An item becomes records as the rules say; rules are checked against the core's records when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.core.events import ActivitySignal, Consent, LeadProfile, ScoreSignal
from streams.gateway.config import BadGatewayConfig, SourceConfig
from streams.gateway.mapping import ID_LIMIT, Mapped, Mapper, event_id
from streams.gateway.platform import Item
from streams.gateway.seen import Seen
from tests.gateways import DAY_MS, a_config, loaded

AT, NOW = 1_764_000_000_000, 1_764_000_005_000


def an_item(data: dict[str, Any] | None = None, **given: Any) -> Item:
    return Item(**{"kind": "changed", "id": "7", "at": AT, "data": data or {}, **given})


def a_mapper(*rules: dict[str, Any], **source: Any) -> Mapper:
    stated = [{"name": f"r{number}", "when": {"kind": "changed"}, **rule} for number, rule in enumerate(rules)]
    given = {"name": "crm", "platform": "hubspot", "lead_id": "data.id", "rules": stated, **source}
    return Mapper(SourceConfig.model_validate(given))


def a_profile(fields: dict[str, Any], data: dict[str, Any]) -> Mapped:
    return a_mapper({"topic": "leads.profiles", "fields": fields}).map(an_item({"id": "l1", **data}), NOW)


def the_field(fields: dict[str, Any], data: dict[str, Any]) -> Any:
    """The one field that is stated besides the common ones."""
    mapped = a_profile(fields, data)
    assert mapped.faults == ()
    ((_, event),) = mapped.events
    (name,) = fields
    return getattr(event, name)


def test_a_rule_makes_one_valid_record() -> None:
    mapper = a_mapper({"topic": "signals.scores", "fields": {"kind": {"const": "fit"}, "value": "data.score"}})
    assert mapper.map(an_item({"id": "l1", "score": "71.5"}), NOW) == Mapped(
        (
            (
                "signals.scores",
                ScoreSignal(event_id="crm:7:r0", lead_id="l1", occurred_at=AT, source="crm", kind="fit", value=71.5),
            ),
        )
    )


def test_every_rule_that_holds_makes_a_record_with_an_id_of_its_own() -> None:
    mapper = a_mapper(
        {"topic": "leads.profiles", "fields": {"vip": {"const": True}}},
        {"topic": "signals.activity", "fields": {"kind": {"const": "clicked"}}},
        {"topic": "leads.profiles", "when": {"kind": "other"}, "fields": {}},
    )
    events = mapper.map(an_item({"id": "l1"}), NOW).events
    assert [(topic, event.event_id) for topic, event in events] == [
        ("leads.profiles", "crm:7:r0"),
        ("signals.activity", "crm:7:r1"),
    ]


def test_an_item_that_no_rule_takes_is_neither_mapped_nor_a_fault() -> None:
    assert a_mapper({"topic": "leads.profiles"}).map(an_item({"id": "l1"}, kind="other"), NOW) == Mapped()


def test_without_a_time_of_its_own_an_item_happened_when_it_came() -> None:
    ((_, event),) = a_mapper({"topic": "leads.profiles"}).map(an_item({"id": "l1"}, at=None), NOW).events
    assert event.occurred_at == NOW


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("lead", "lead", True),
        ("lead", "Lead", False),
        (["lead", "customer"], "customer", True),
        (["lead", "customer"], None, False),
        (True, True, True),
        (True, "true", True),  # HubSpot writes every value as a text
        (7, 7, True),
        (None, None, True),
        (None, "x", False),
        ({"present": True}, "", False),
        ({"present": True}, None, False),
        ({"present": False}, None, True),
        ({"not_in": ["lead"]}, "customer", True),
        ({"not_in": ["lead"]}, "lead", False),
        ("x", ["x"], False),
        ({"present": True}, ["x"], True),
    ],
)
def test_a_condition_compares_what_stands_at_its_path(condition: Any, value: Any, holds: bool) -> None:
    mapper = a_mapper({"topic": "leads.profiles", "when": {"kind": "changed", "data.deep.stage": condition}})
    item = an_item({"id": "l1", "deep": {} if value is None else {"stage": value}})
    assert bool(mapper.map(item, NOW).events) is holds


@pytest.mark.parametrize(
    ("field", "rule", "data", "expected"),
    [
        ("email", "data.mail", {"mail": "a@b.example"}, "a@b.example"),
        ("email", "data.mail", {"mail": ""}, None),
        ("email", "data.mail", {"mail": None}, None),
        ("email", {"path": "data.mail", "lower": True}, {"mail": "A@B.Example"}, "a@b.example"),
        ("email", {"first_of": ["data.a", "data.b.0"]}, {"b": ["x@y.example"]}, "x@y.example"),
        ("email", {"path": ["data", "e.mail"]}, {"e.mail": "a@b.example"}, "a@b.example"),
        ("title", {"join": ["data.a", "data.b"], "by": ", "}, {"a": "Head", "b": "Sales"}, "Head, Sales"),
        ("title", {"path": "data.t", "cut": 4}, {"t": "Director"}, "Dire"),
        ("country", {"path": "data.c", "upper": True}, {"c": "de"}, "DE"),
        ("country", {"path": "data.c", "map": {"Germany": "DE"}, "map_other": None}, {"c": "Mars"}, None),
        ("owner", {"path": "data.o", "prefix": "rep-"}, {"o": 12}, "rep-12"),
        ("owner", {"path": "data.o", "default": "nobody"}, {}, "nobody"),
        ("vip", "data.v", {"v": "Yes"}, True),
        ("vip", {"path": "data.v", "map": {1: True, 0: False}}, {"v": 0}, False),
        ("amount_hint", "data.a", {"a": "1200.50"}, 1200.5),
        ("amount_hint", {"path": "data.a", "clamp": [0, 100]}, {"a": 171}, 100),
        ("amount_hint", {"path": "data.a", "scale": {"from": [0, 5], "to": [0, 100]}}, {"a": 4}, 80),
        ("renewal_on", "data.r", {"r": "1970-01-11"}, 10),
        ("renewal_on", "data.r", {"r": "1970-01-11T23:00:00Z"}, 10),
        ("renewal_on", {"path": "data.r", "date": "%d.%m.%Y"}, {"r": "11.01.1970"}, 10),
        ("renewal_on", "data.r", {"r": 10 * DAY_MS + 5}, 10),
        ("segments", {"path": "data.s", "split": ";"}, {"s": "a; b;"}, ("a", "b")),
        ("segments", "data.s", {"s": ["a", 2]}, ("a", "2")),
        ("segments", "data.s", {"s": "a"}, ("a",)),
        ("attributes", {"size": "data.n", "trade": "data.t"}, {"n": 40}, {"size": "40"}),
        (
            "consent",
            {"basis": {"const": "consent"}, "given_at": "data.at"},
            {"at": "2026-03-01T09:00:00+01:00"},
            Consent(basis="consent", given_at=1_772_352_000_000),
        ),
    ],
)
def test_a_field_gets_its_value_as_its_rule_says(field: str, rule: Any, data: dict[str, Any], expected: Any) -> None:
    assert the_field({field: rule}, data) == expected


def test_a_hash_makes_an_address_an_opaque_id_and_a_key_makes_it_hard_to_guess(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = {"path": "data.mail", "lower": True, "hash": "sha256", "prefix": "mail-"}
    expected = "mail-" + hashlib.sha256(b"a@b.example").hexdigest()[:32]
    assert the_field({"lead_id": rule}, {"mail": "A@b.example"}) == expected
    monkeypatch.setenv("HASH_KEY", "k")
    keyed = the_field({"lead_id": {**rule, "key": {"env": "HASH_KEY"}}}, {"mail": "A@b.example"})
    assert keyed != expected
    assert len(keyed) == len(expected)


@pytest.mark.parametrize(
    ("fields", "data", "fault"),
    [
        ({"amount_hint": "data.a"}, {"a": "much"}, "amount_hint is 'much', expected a number"),
        ({"amount_hint": "data.a"}, {"a": "nan"}, "amount_hint is nan, expected 0..1e+12"),
        ({"country": "data.c"}, {"c": "Germany"}, "country is 'Germany', expected two capital letters A-Z"),
        ({"vip": "data.v"}, {"v": "perhaps"}, "vip is 'perhaps', expected true or false"),
        ({"stage": {"path": "data.s", "map": {"a": "acquire"}}}, {"s": "b"}, "stage is 'b', expected one of a, or"),
        ({"renewal_on": "data.r"}, {"r": "soon"}, "renewal_on is 'soon', expected a date such as 2026-03-01"),
        ({"email": "data.m"}, {"m": {"a": 1}}, "email is {'a': 1}, expected a text"),
        ({"title": "data.t"}, {"t": "x" * 301}, "title is 301 characters long, expected 0..300 characters"),
        ({"lead_id": "data.none"}, {}, "lead_id is missing, expected 1..200 characters"),
        ({"occurred_at": {"const": 5}}, {}, "occurred_at is 1970-01-01T00:00:00.005Z, expected 2000-01-01"),
        ({"occurred_at": {"const": NOW + 2 * DAY_MS}}, {}, "expected at most a day after now"),
    ],
)
def test_what_a_rule_takes_and_cannot_map_is_a_fault_and_no_record(
    fields: dict[str, Any], data: dict[str, Any], fault: str
) -> None:
    events, (said,) = a_profile(fields, data)
    assert events == ()
    assert said.startswith("rule r0: ")
    assert fault in said


def test_one_rule_that_fails_leaves_no_record_of_the_others() -> None:
    mapper = a_mapper(
        {"topic": "leads.profiles"},
        {"topic": "signals.scores", "fields": {"kind": {"const": "fit"}, "value": "data.score"}},
    )
    assert mapper.map(an_item({"id": "l1", "score": 171}), NOW) == Mapped(
        (), ("rule r1: value is 171, expected 0..100",)
    )


def test_an_id_that_is_too_long_stands_as_its_hash_and_stays_the_same() -> None:
    long = "x" * 300
    made = event_id("crm", long, "r0")
    assert made == event_id("crm", long, "r0") != event_id("crm", long + "y", "r0")
    assert len(made) <= ID_LIMIT


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"topic": "leads.profile"}, "topic is 'leads.profile', expected one of leads.profiles, signals.scores"),
        ({"fields": {"emial": "data.m"}}, "fields.emial: expected a field of LeadProfile; nearest: email"),
        ({"fields": {"source": "data.m"}}, "fields.source: is set by the gateway, leave it out"),
        ({"fields": {"vip": {"const": "perhaps"}}}, "fields.vip: vip is 'perhaps', expected true or false"),
        ({"fields": {"vip": {"path": "data.v", "const": True}}}, "expected one of path, first_of, join or const"),
        ({"fields": {"vip": {"path": "data.v", "lowr": True}}}, "fields.vip.lowr: "),
        ({"fields": {"vip": "properties.v"}}, "path is 'properties.v', expected kind, id, at, received_at or data."),
        ({"fields": {"vip": {"a": "data.v"}}}, "fields.vip: expected a path or a rule, got nested fields (a)"),
        ({"fields": {"consent": {"bassis": "data.v"}}}, "fields.consent.bassis: expected a field of Consent; nearest"),
        ({"topic": "signals.scores", "fields": {"kind": {"const": "fit"}}}, "fields: value is missing, expected it"),
        ({"when": {"knid": "x"}}, "when: path is 'knid', expected kind"),
        ({"when": {}}, "when: expected at least `kind`, got nothing"),
        ({"when": {"kind": {"in": ["x"]}}}, "when.kind"),
        ({"name": "Not Good"}, "rule Not Good: name: "),
        ({"filds": {}}, "filds: expected nothing of this name; nearest: fields"),
    ],
)
def test_a_wrong_rule_is_named_with_file_source_and_what_was_expected(
    rule: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    whole = {"name": "r0", "when": {"kind": "x"}, "topic": "leads.profiles", "fields": {}, **rule}
    path = a_config(tmp_path, rules=[whole])
    with pytest.raises(BadGatewayConfig) as raised:
        loaded(path)
    said = str(raised.value)
    assert f"{path}: source hubspot, rule {whole['name']}" in said
    assert fault in said


def test_the_memory_of_ids_is_bounded_by_count_and_by_age() -> None:
    now = 0.0
    seen = Seen(800, 80.0, lambda: now)
    for number in range(1_000):
        seen.add(f"id-{number}")
    assert len(seen) <= 900
    assert "id-999" in seen
    assert "id-0" not in seen
    now = 50.0
    seen.add("later")
    assert "id-999" in seen
    now = 141.0
    seen.add("last")
    assert "id-999" not in seen
    assert "last" in seen


def test_records_are_those_that_the_lane_would_read() -> None:
    """Every record that a rule may make is one of the core's, so converting it again changes nothing."""
    ((_, event),) = a_profile({"email": "data.m"}, {"m": "a@b.example"}).events
    assert msgspec.convert(msgspec.to_builtins(event), LeadProfile) == event
    assert not isinstance(event, ActivitySignal)
