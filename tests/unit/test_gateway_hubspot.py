"""HubSpot's requests: who signed them, and what they say.

Vectors and payloads are those of HubSpot's documentation, pages "Validating requests" and "Webhooks".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.gateway.config import load_config
from streams.gateway.hubspot import HubSpot, HubSpotOptions, signed_uri
from streams.gateway.platform import BadRequest, Item, Unauthorized
from streams.secret_refs import SecretRef
from tests.gateways import SECRET, a_score, incoming, now_ms, signed

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "gateway" / "hubspot.yaml"

V1_BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
    b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)
V1_SIGNATURE = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
BATCH: list[dict[str, Any]] = [
    {
        "objectId": 1246965, "propertyName": "lifecyclestage", "propertyValue": "subscriber",
        "changeSource": "ACADEMY", "eventId": 3816279340, "subscriptionId": 25, "portalId": 33, "appId": 1160452,
        "occurredAt": 1462216307945, "eventType": "contact.propertyChange", "attemptNumber": 0,
    },
    {
        "objectId": 1246978, "changeSource": "IMPORT", "eventId": 3816279480, "subscriptionId": 22, "portalId": 33,
        "appId": 1160452, "occurredAt": 1462216307945, "eventType": "contact.creation", "attemptNumber": 0,
    },
]  # fmt: skip


@pytest.fixture
def hubspot(monkeypatch: pytest.MonkeyPatch) -> HubSpot:
    return made(monkeypatch)


def made(monkeypatch: pytest.MonkeyPatch, *more: str, v1: bool = False) -> HubSpot:
    secrets = (SECRET, *more)
    for number, secret in enumerate(secrets):
        monkeypatch.setenv(f"HUBSPOT_{number}", secret)
    refs = tuple(SecretRef(env=f"HUBSPOT_{number}") for number in range(len(secrets)))
    return HubSpot(HubSpotOptions(secrets=refs, v1=v1))


def items_of(hubspot: HubSpot, notifications: Any) -> tuple[Item, ...]:
    return hubspot.read(incoming(json.dumps(notifications).encode(), {})).items


def test_a_request_signed_with_version_3_is_genuine(hubspot: HubSpot) -> None:
    hubspot.authenticate(incoming(*signed(BATCH)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body, headers: (body + b" ", headers), "X-HubSpot-Signature-v3 is not that of the request"),
        (lambda body, headers: (body, {**headers, "X-HubSpot-Request-Timestamp": str(now_ms() + 1)}), "not that of"),
        (lambda body, headers: (body, {**headers, "X-HubSpot-Signature-v3": "é"}), "not that of the request"),
        (lambda body, headers: (body, {**headers, "X-HubSpot-Signature-v3": ""}), "not that of the request"),
        (lambda body, _: (body, {}), "X-HubSpot-Signature-v3 is missing"),
        (lambda body, headers: (body, {**headers, "X-HubSpot-Request-Timestamp": "soon"}), "is no time within 300 s"),
    ],
)
def test_a_request_that_was_changed_is_refused(hubspot: HubSpot, change: Any, said: str) -> None:
    with pytest.raises(Unauthorized, match=said):
        hubspot.authenticate(incoming(*change(*signed(BATCH))))


def test_another_url_is_another_signature(hubspot: HubSpot) -> None:
    body, headers = signed(BATCH)
    with pytest.raises(Unauthorized):
        hubspot.authenticate(incoming(body, headers, url="https://hooks.example.com/v1/hubspot?x=1"))


@pytest.mark.parametrize(("age_ms", "genuine"), [(299_000, True), (301_000, False), (-301_000, False)])
def test_a_request_older_than_5_minutes_is_refused_however_well_it_is_signed(
    hubspot: HubSpot, age_ms: int, genuine: bool
) -> None:
    request = incoming(*signed(BATCH, at=1_764_000_000_000), at=1_764_000_000_000 + age_ms)
    if genuine:
        hubspot.authenticate(request)
    else:
        with pytest.raises(Unauthorized, match="no time within 300 s"):
            hubspot.authenticate(request)


def test_two_secrets_at_once_are_taken_while_one_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = made(monkeypatch, "the-new-one")
    both.authenticate(incoming(*signed(BATCH)))
    both.authenticate(incoming(*signed(BATCH, secret="the-new-one")))
    with pytest.raises(Unauthorized):
        both.authenticate(incoming(*signed(BATCH, secret="another")))


def test_the_documented_vector_of_version_1_is_taken_only_where_it_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = incoming(V1_BODY, {"X-HubSpot-Signature": V1_SIGNATURE})
    made(monkeypatch, v1=True).authenticate(request)
    with pytest.raises(Unauthorized, match="v3 is missing"):
        made(monkeypatch).authenticate(request)
    with pytest.raises(Unauthorized, match="X-HubSpot-Signature is not that of the body"):
        made(monkeypatch, v1=True).authenticate(request._replace(body=V1_BODY + b" "))


def test_a_wrong_version_3_does_not_fall_back_to_version_1(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-HubSpot-Signature": V1_SIGNATURE, "X-HubSpot-Signature-v3": "AAAA"}
    headers["X-HubSpot-Request-Timestamp"] = str(now_ms())
    with pytest.raises(Unauthorized, match="v3 is not that"):
        made(monkeypatch, v1=True).authenticate(incoming(V1_BODY, headers))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h.example/v1/hubspot", "https://h.example/v1/hubspot"),
        ("https://h.example/v1?a=%40b%2Fc%3a", "https://h.example/v1?a=@b/c:"),
        ("https://h.example/v1?q=%20%26%3D%25", "https://h.example/v1?q=%20%26%3D%25"),  # not in the table
        ("https://h.example/%21%24%27%28%29%2A%2C%3B%3F", "https://h.example/!$'()*,;?"),
        ("https://h.example/v1#part", "https://h.example/v1"),
    ],
)
def test_the_uri_is_decoded_as_the_table_of_the_documentation_says(url: str, expected: str) -> None:
    assert signed_uri(url) == expected


def test_the_documented_batch_becomes_two_items(hubspot: HubSpot) -> None:
    assert items_of(hubspot, BATCH) == (
        Item("contact.propertyChange", "33-25-3816279340-1246965-1462216307945", 1462216307945, BATCH[0]),
        Item("contact.creation", "33-22-3816279480-1246978-1462216307945", 1462216307945, BATCH[1]),
    )


def test_a_retry_has_the_same_id(hubspot: HubSpot) -> None:
    first, retried = items_of(hubspot, [a_score(1), a_score(1, attemptNumber=7)])
    assert first.id == retried.id


@pytest.mark.parametrize(
    "other", ["portalId", "subscriptionId", "eventId", "objectId", "occurredAt", "messageId", "fromObjectId"]
)
def test_notifications_that_differ_in_what_names_them_are_two(hubspot: HubSpot, other: str) -> None:
    """eventId alone "is not guaranteed to be unique"."""
    one, two = items_of(hubspot, [a_score(1), a_score(1, **{other: 99})])
    assert one.id != two.id


def test_what_says_subscription_type_is_read_and_a_generic_object_is_named(hubspot: HubSpot) -> None:
    generic = a_score(1, subscriptionType="object.propertyChange", objectTypeId="0-1")
    unknown = a_score(2, subscriptionType="object.propertyChange", objectTypeId="2-99")
    assert [item.kind for item in items_of(hubspot, [a_score(0), generic, unknown])] == [
        "contact.propertyChange",
        "contact.propertyChange",
        "object.propertyChange",
    ]


def test_a_notification_that_is_none_is_left_and_the_others_are_read(hubspot: HubSpot) -> None:
    reading = hubspot.read(incoming(json.dumps([a_score(1), "x", {"a": 1}]).encode(), {}))
    assert len(reading.items) == 1
    assert [(part.body, part.reason.split(" has ")[0]) for part in reading.left] == [
        (b'"x"', "notification 1"),
        (b'{"a":1}', "notification 2"),
    ]


@pytest.mark.parametrize("body", [b"", b"nothing", b'"text"', b"[1", b"\xff", b"[" * 100 + b"]" * 100])
def test_a_body_that_is_no_list_of_notifications_is_not_readable(hubspot: HubSpot, body: bytes) -> None:
    with pytest.raises(BadRequest, match="expected"):
        hubspot.read(incoming(body, {}))


# --- the shipped rules ------------------------------------------------------------------------------------------------


def shipped(monkeypatch: pytest.MonkeyPatch, notification: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(topic, fields that are stated besides the common ones) of what the shipped rules make."""
    monkeypatch.setenv("HUBSPOT_CLIENT_SECRET", SECRET)
    source = load_config(SHIPPED).sources["hubspot"]
    (item,) = source.platform.read(incoming(json.dumps([notification]).encode(), {})).items
    mapped = source.mapper.map(item, now_ms())
    assert mapped.faults == ()
    common = {"event_id", "occurred_at", "source"}
    defaults = {"channel": "email", "transactional": False, "by": "lead"}
    return [
        (
            topic,
            {
                name: value
                for name in event.__struct_fields__
                if (value := getattr(event, name)) is not None and name not in common and defaults.get(name) != value
            },
        )
        for topic, event in mapped.events
    ]


def a_change(name: str, value: str) -> dict[str, Any]:
    return a_score(7, propertyName=name, propertyValue=value)


@pytest.mark.parametrize(
    ("notification", "expected"),
    [
        (
            a_change("hubspotscore", "120"),
            [("signals.scores", {"kind": "vendor", "value": 100.0, "model_id": "hubspotscore"})],
        ),
        (a_change("email", "A@B.example"), [("leads.profiles", {"email": "a@b.example"})]),
        (a_change("email", ""), []),
        (a_change("lifecyclestage", "salesqualifiedlead"), [("leads.profiles", {"stage": "engage"})]),
        (
            a_change("lifecyclestage", "customer"),
            [("leads.profiles", {"stage": "expand"}), ("labels.outcomes", {"outcome": "won"})],
        ),
        (a_change("hs_email_optout", "true"), [("signals.activity", {"kind": "unsubscribe"})]),
        (a_change("hs_email_optout", "false"), []),
        (a_change("favourite_colour", "red"), []),
        (a_score(7, subscriptionType="contact.creation"), [("leads.profiles", {"stage": "acquire"})]),
        (
            a_score(7, subscriptionType="contact.deletion"),
            [("signals.activity", {"kind": "unsubscribe", "by": "system"})],
        ),
        (
            a_score(7, subscriptionType="contact.privacyDeletion"),
            [
                (
                    "privacy.requests",
                    {
                        "actor": "hubspot",
                        "reason": "privacy deletion of the contact in HubSpot",
                        "basis": "GDPR article 17",
                    },
                )
            ],
        ),
        (
            a_score(8, subscriptionType="contact.merge", primaryObjectId=7, mergedObjectIds=[7, 8], newObjectId=9),
            [("leads.profiles", {"duplicate_of": "hubspot-9"})],
        ),
        (
            a_score(
                8,
                subscriptionType="contact.associationChange",
                associationType="CONTACT_TO_COMPANY",
                associationRemoved=False,
                fromObjectId=7,
                toObjectId=5,
            ),
            [("leads.profiles", {"account_id": "hubspot-5"})],
        ),
    ],
)  # fmt: skip
def test_the_shipped_rules_turn_notifications_into_records(
    monkeypatch: pytest.MonkeyPatch, notification: dict[str, Any], expected: list[tuple[str, dict[str, Any]]]
) -> None:
    assert shipped(monkeypatch, notification) == [
        (topic, {"lead_id": "hubspot-7", **fields}) for topic, fields in expected
    ]
