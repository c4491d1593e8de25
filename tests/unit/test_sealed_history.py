"""History with sealed inputs, decided again: as it was, and under another policy."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.bench.past import Control, Written, decided, policy_controls, written
from streams.core.events import Event
from streams.demo.simulator import START_AT, Message, traffic
from streams.demo.stage import control_records
from streams.kafka.codec import event_headers, wire_for
from streams.privacy.fields import personal_fields, sealed
from streams.privacy.keys import KeyRing
from streams.privacy.seal import EDGE, MARK, minted, place_of, secrets_from
from streams.settings import load_settings
from streams.shipped import default_policy
from streams.topics import CASE_EVENTS, DEAD_LETTERS, KEYS, PROFILES
from streams.whatif.change import change_from
from streams.whatif.history import GivenHistory
from streams.whatif.run import pipeline_job, replay_changed, replay_unchanged
from streams.whatif.story import Plan
from streams.whatif.window import Window

LANES, EVENTS, LEADS = 2, 1_500, 150
SECRET = base64.b64encode(b"s" * 32).decode()
MESSAGES = list(traffic(3, EVENTS, LEADS))


def by_an_edge(messages: list[Message]) -> Iterator[Written]:
    """Messages as a gateway writes them: each lead's key first, then what it seals."""
    wire, ring, fields = wire_for(load_settings()), KeyRing(secrets_from(SECRET)), personal_fields()
    for topic, key, event, at, _ in messages:
        if not isinstance(event, Event):
            yield Written(topic, key, event, (), at)
            continue
        name = type(event).__name__
        if name in fields:
            lead = event.lead_id.encode()
            if ring.first(lead) is None:
                made = ring.mint(lead, minted(b"e" * 32, event.lead_id), EDGE, "edge", at)
                ring.load(made.name, made.record)
                yield Written(KEYS.name, made.name, wire.encode(made.record), (), at)
            event = under(ring, name, event)
        yield Written(topic, key, wire.encode(event), event_headers(event), at)


def under(ring: KeyRing, name: str, event: Event) -> Event:
    key = ring.first(event.lead_id.encode())
    assert key is not None
    return sealed(
        event, personal_fields()[name], lambda field, text: key.seal(place_of(name, field, event.lead_id), text)
    )


@pytest.fixture
def histories(monkeypatch: pytest.MonkeyPatch) -> tuple[GivenHistory, GivenHistory]:
    """The same past, sealed by an edge, and come in plain."""
    monkeypatch.setenv("LEADLANE_SEAL_SECRET", SECRET)
    at = START_AT - 1_000
    controls = [*policy_controls(default_policy().read_text(), at)]
    controls += [Control(topic, key, record, at) for topic, key, record in control_records(at)]
    return decided(by_an_edge(MESSAGES), controls, LANES), decided(written(iter(MESSAGES)), controls, LANES)


def test_sealed_history_is_decided_as_plain_history_and_again_the_same_byte_for_byte(
    histories: tuple[GivenHistory, GivenHistory],
) -> None:
    by_edge, plain = histories
    for one, other in zip(by_edge.pasts, plain.pasts, strict=True):
        assert {record.key: record.value for record in one.state} == {
            record.key: record.value for record in other.state
        }
        assert sum(MARK.encode() in (record.value or b"") for record in one.inputs[PROFILES.name]) > LEADS // 3
        assert len(one.outputs[DEAD_LETTERS.name]) == len(other.outputs[DEAD_LETTERS.name])
    quoted = [
        record
        for past in plain.pasts
        for record in past.outputs[CASE_EVENTS.name]
        if MARK.encode() in (record.value or b"")
    ]
    assert quoted  # the lane sealed what it quotes of plain inputs, under keys of its own
    assert {(key.key or b"").rpartition(b"#")[2][:1] for past in plain.pasts for key in past.keys} == {b"L"}
    for history in histories:
        again = replay_unchanged(history, processes=1)
        assert (again.differences, again.figures["events"]) == (0, EVENTS)


def test_a_what_if_says_the_same_of_sealed_and_of_plain_history(
    histories: tuple[GivenHistory, GivenHistory], tmp_path: Path
) -> None:
    tried = tmp_path / "tried.yaml"
    tried.write_text(default_policy().read_text().replace("warm_score: 50\n", "warm_score: 60\n"))
    change = change_from(tried, None, histories[0].control_records, wire_for(load_settings()))
    told = [replay_changed(history, Plan(change, Window(), 5), processes=1).summary for history in histories]
    assert told[0]["differences"] > 0
    assert told[0] | {"seconds": 0} == told[1] | {"seconds": 0}
    assert pipeline_job(LANES).sealed is not None
