"""Salesforce's change events and platform events, from its Change Data Capture and Platform Events Developer Guides.

Samples: tests/gateway_samples/README.md names the page of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.core.events import ActivitySignal, LeadProfile, OutcomeLabel
from streams.core.resync import ResyncRequest
from streams.gateway.config import Source
from streams.gateway.platform import BadRequest, Unauthorized
from tests.gateway_platforms import NOW, SECRET, request, sample, sample_json, shipped, told

BEARER = {"Authorization": f"Bearer {SECRET}"}
CONVERSION = [f"salesforce/conversion_{name}.json" for name in ("1_account", "2_contact", "3_opportunity", "4_lead")]
KEY = "00006948-0ac9-7da3-edb3-ea0e31b2334a"
LEAD, CONTACT, OPPORTUNITY, ACCOUNT = (
    "00Q5f000005bwLFEAY",
    "0035f00002EztxDAAR",
    "0065f00000UloqVAAR",
    "0015f00002JUX1JAAX",
)
USER = "0055f000005mc66AAA"


@pytest.fixture
def salesforce(tmp_path: Path) -> Source:
    return shipped("salesforce.yaml", tmp_path)["salesforce"]


def eventbridge(payload: dict[str, Any]) -> dict[str, Any]:
    """As Event Relay and an EventBridge API destination send it (EventBridge User Guide, event structure)."""
    return {
        "version": "0",
        "id": "5c42b99e-c214-4a9c-8fbd-1a41e5faa44a",
        "detail-type": f"{payload['ChangeEventHeader']['entityName']}ChangeEvent",
        "source": "aws.partner/salesforce.com/00D5f000005KcCnEAK/0YL5f000000CabWGAS",
        "detail": {"payload": payload, "schemaId": "t9m-QIHrQ-DjEtyYLAowhA", "id": "1a2b"},
    }


def cometd(payload: dict[str, Any]) -> dict[str, Any]:
    """As a CometD client gets it."""
    data = {"schema": "t9m-QIHrQ-DjEtyYLAowhA", "payload": payload, "event": {"replayId": 12}}
    return {"data": data, "channel": "/data/ChangeEvents"}


def conversion_events() -> list[tuple[str, Any]]:
    common: dict[str, Any] = {"source": "salesforce", "occurred_at": 1714153780000}
    lead = f"salesforce:{KEY}/4/Lead/{LEAD}"
    return [
        (
            "leads.profiles",
            LeadProfile(
                event_id=f"salesforce:{KEY}/2/Contact/{CONTACT}:contact",
                lead_id=CONTACT,
                source="salesforce",
                occurred_at=1714153779000,
                email="brenda@cardinal.net",
                title="CFO",
                account_id=ACCOUNT,
                country="US",
                owner=USER,
            ),
        ),
        ("leads.profiles", LeadProfile(event_id=f"{lead}:lead", lead_id=LEAD, **common)),
        (
            "leads.profiles",
            LeadProfile(
                event_id=f"{lead}:converted-contact",
                lead_id=CONTACT,
                account_id=ACCOUNT,
                duplicate_of=LEAD,
                stage="convert",
                **common,
            ),
        ),
        (
            "labels.outcomes",
            OutcomeLabel(event_id=f"{lead}:converted", lead_id=LEAD, outcome="accepted", actor=USER, **common),
        ),
        (
            "signals.activity",
            ActivitySignal(
                event_id=f"{lead}:converted-opportunity",
                lead_id=LEAD,
                kind="opportunity_opened",
                ref=OPPORTUNITY,
                by="rep",
                channel="other",
                **common,
            ),
        ),
        (
            "labels.outcomes",
            OutcomeLabel(
                event_id=f"{lead}:converted-opportunity-label",
                lead_id=LEAD,
                outcome="opportunity",
                actor=USER,
                **common,
            ),
        ),
    ]


@pytest.mark.parametrize(
    "relay", [lambda payload: payload, eventbridge, cometd], ids=["pubsub", "eventbridge", "cometd"]
)
def test_a_conversion_is_one_meaning_whatever_relays_its_four_events(
    salesforce: Source, relay: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    body = [relay(sample_json(name)) for name in CONVERSION]
    found = told(salesforce, request(body, BEARER))
    assert found.events == conversion_events()
    assert [item.kind for item in found.items] == [
        "Account.CREATE",
        "Contact.CREATE",
        "Opportunity.CREATE",
        "Lead.CONVERT",
    ]
    assert found.faults == []
    assert found.reading.left == ()
    assert found.reading.resync == ()


def test_a_conversion_says_the_same_in_any_order_and_in_any_number_of_requests(salesforce: Source) -> None:
    """EventBridge sends each event in a request of its own and keeps no order."""
    wanted = sorted(map(repr, conversion_events()))
    for order in itertools.permutations(CONVERSION):
        one_by_one = [event for name in order for event in told(salesforce, request(sample(name), BEARER)).events]
        assert sorted(map(repr, one_by_one)) == wanted
    together = told(salesforce, request([sample_json(name) for name in reversed(CONVERSION)], BEARER)).events
    assert sorted(map(repr, together)) == wanted


def test_one_event_that_changes_three_records_is_three_items(salesforce: Source) -> None:
    """The guide's merged change event: recordIds holds all that changed alike within a second."""
    found = told(salesforce, request(sample("salesforce/merged.json"), BEARER))
    ids = ["0015f00002JUZPDAA5", "0015f00002JUZPXAA5", "0015f00002JUZPcAAP"]
    assert [(item.kind, item.id, item.at, item.data["Id"]) for item in found.items] == [
        ("Account.UPDATE", f"00065380-d1a9-a64a-9341-14f6f12f674c/1/Account/{each}", 1714170102000, each)
        for each in ids
    ]
    assert found.items[0].data["Industry"] == "Apparel"
    assert "Name" not in found.items[0].data  # Pub/Sub API names what did not change as null


def test_several_leads_changed_alike_become_several_profiles(salesforce: Source) -> None:
    body = sample_json("salesforce/conversion_4_lead.json")
    body["ChangeEventHeader"]["recordIds"] = [LEAD, "00Q5f000005bwLGEAY"]
    body |= {
        "IsConverted": None,
        "ConvertedContactId": None,
        "ConvertedOpportunityId": None,
        "ConvertedAccountId": None,
    }
    body |= {"Status": "Working", "Company": "Acme", "HasOptedOutOfEmail": True}
    found = told(salesforce, request(body, BEARER))
    common: dict[str, Any] = {"source": "salesforce", "occurred_at": 1714153780000}
    assert found.events == [
        event
        for lead in (LEAD, "00Q5f000005bwLGEAY")
        for event in (
            (
                "leads.profiles",
                LeadProfile(event_id=f"salesforce:{KEY}/4/Lead/{lead}:lead", lead_id=lead, company="Acme", **common),
            ),
            (
                "signals.activity",
                ActivitySignal(
                    event_id=f"salesforce:{KEY}/4/Lead/{lead}:opt-out", lead_id=lead, kind="unsubscribe", **common
                ),
            ),
        )
    ]


def test_a_gap_asks_for_the_records_that_salesforce_has_no_event_of(salesforce: Source) -> None:
    found = told(salesforce, request(sample("salesforce/gap.json"), BEARER))
    assert found.items == ()
    assert found.reading.resync == (
        ResyncRequest(
            request_id="000a50de-05dd-07c4-22fb-44b7f9e72ab5/19/Account/GAP_CREATE",
            source="salesforce",
            kind="gap",
            requested_at=NOW,
            entity="Account",
            record_ids=("001ZM000001n4n5YAA",),
            since=1714417112000,
            until=1714417112000,
            reason="GAP_CREATE: 1 of Account changed, and Salesforce has no event of it; read them again",
        ),
    )


def test_a_gap_within_a_cometd_message_asks_too(salesforce: Source) -> None:
    (gap,) = told(salesforce, request(sample("salesforce/gap_cometd.json"), BEARER)).reading.resync
    assert (gap.entity, gap.kind, gap.record_ids, gap.since) == ("Event", "gap", ("00Uxx000000fvRQEAY",), 1509502088161)


@pytest.mark.parametrize("change", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"])
def test_every_kind_of_gap_is_told(salesforce: Source, change: str) -> None:
    body = sample_json("salesforce/gap.json")
    body["ChangeEventHeader"]["changeType"] = change
    (gap,) = told(salesforce, request(body, BEARER)).reading.resync
    assert gap.kind == "gap"
    assert gap.reason.startswith(f"{change}: ")


def test_an_overflow_asks_for_all_of_the_object_and_never_for_the_empty_record(salesforce: Source) -> None:
    """Above 100,000 changes in a transaction: recordIds is always 000000000000000AAA."""
    (overflow,) = told(salesforce, request(sample("salesforce/overflow.json"), BEARER)).reading.resync
    assert (overflow.kind, overflow.entity, overflow.record_ids) == ("overflow", "Account", ())
    assert overflow.request_id == "000a5148-405c-21fe-86ce-03205d7404ad/6/Account/GAP_OVERFLOW"


def test_a_wildcard_of_records_asks_for_all_of_the_object(salesforce: Source) -> None:
    """A field's type was converted and lost data: recordIds is the object's prefix and an asterisk."""
    body = sample_json("salesforce/enriched_update.json")
    body["payload"]["ChangeEventHeader"]["recordIds"] = ["00Q*"]
    found = told(salesforce, request(body, BEARER))
    assert found.items == ()
    assert [(each.kind, each.record_ids) for each in found.reading.resync] == [("overflow", ())]


def test_the_same_gap_has_the_same_id_at_every_retry(salesforce: Source) -> None:
    first = told(salesforce, request(sample("salesforce/gap.json"), BEARER)).reading.resync[0]
    again = told(salesforce, request(sample("salesforce/gap.json"), BEARER, received_at=NOW + 60_000)).reading.resync[0]
    assert first.request_id == again.request_id


def test_a_platform_event_is_known_by_its_name_and_uuid(salesforce: Source) -> None:
    found = told(salesforce, request(sample("salesforce/platform_event.json"), BEARER))
    assert [(item.kind, item.id, item.at) for item in found.items] == [
        ("Low_Ink__e", "Low_Ink__e/2ec0e371-1395-457f-9275-be1b527a72f7", 1491762700517)
    ]
    assert found.items[0].data["Printer_Model__c"] == "XZO-5"
    assert found.events == []  # no rule takes printers


def test_an_older_platform_event_without_uuid_is_known_by_its_replay_id(salesforce: Source) -> None:
    (item,) = told(salesforce, request(sample("salesforce/platform_event_old.json"), BEARER)).items
    assert item.id == "Low_Ink__e/7"


def test_an_enriched_delete_bears_the_enriched_fields_alone(salesforce: Source) -> None:
    (item,) = told(salesforce, request(sample("salesforce/enriched_delete.json"), BEARER)).items
    assert item.kind == "Account.DELETE"
    assert {name for name in item.data if name != "header"} == {"Id", "entity", "Industry", "External_Account_ID__c"}


def test_a_text_that_comes_as_a_difference_is_no_value(salesforce: Source) -> None:
    """Sending Data Differences for Fields of Updated Records: fields of diffFields hold a unified diff."""
    body = sample_json("salesforce/enriched_update.json")
    header = body["payload"]["ChangeEventHeader"]
    header |= {"entityName": "Lead", "diffFields": ["Company"], "recordIds": [LEAD]}
    body["payload"] |= {"Company": "--- \n+++ \n@@ -1 +1 @@\n-Acme\n+Acme Ltd", "Title": "CFO"}
    ((_, profile),) = told(salesforce, request(body, BEARER)).events
    assert isinstance(profile, LeadProfile)
    assert (profile.company, profile.title) == (None, "CFO")


def test_a_change_without_transaction_is_told_apart_by_its_place_in_the_stream(salesforce: Source) -> None:
    body = sample_json("salesforce/enriched_update.json")
    del body["payload"]["ChangeEventHeader"]["transactionKey"]
    (item,) = told(salesforce, request(body, BEARER)).items
    assert item.id == "12/Account/001RM000004UF9sYAG"


def test_changes_that_we_made_ourselves_say_nothing_new(tmp_path: Path) -> None:
    changes = {"      auth:\n": "      origin_ignored: [client=devconsole]\n      auth:\n"}
    source = shipped("salesforce.yaml", tmp_path, changes)["salesforce"]
    assert told(source, request(sample("salesforce/merged.json"), BEARER)).items == ()
    assert len(told(source, request(sample(CONVERSION[0]), BEARER)).items) == 1


def test_what_is_no_event_is_left_over_beside_what_is_one(salesforce: Source) -> None:
    found = told(salesforce, request([{"hello": "world"}, sample_json(CONVERSION[3])], BEARER))
    assert [item.kind for item in found.items] == ["Lead.CONVERT"]
    assert [left.body for left in found.reading.left] == [b'{"hello":"world"}']
    assert "expected" in found.reading.left[0].reason


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {SECRET}"}])
def test_whoever_does_not_know_the_token_is_refused(salesforce: Source, header: dict[str, str]) -> None:
    with pytest.raises(Unauthorized) as refused:
        told(salesforce, request(sample(CONVERSION[0]), header))
    assert SECRET not in str(refused.value)


def test_a_body_that_is_no_json_is_refused_as_a_whole(salesforce: Source) -> None:
    with pytest.raises(BadRequest):
        told(salesforce, request(b"{", BEARER))
