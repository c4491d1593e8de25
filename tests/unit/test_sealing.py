"""Which texts are personal, and what lanes do with sealed ones; without Kafka."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from fastavro.schema import to_parsing_canonical_form

from schemas.compat import conflicts
from streams.core.effects import EvidenceItem, UpdateCase
from streams.core.events import Event, LeadProfile
from streams.core.fact_table import FACT
from streams.core.state import unpack
from streams.lane.deadletters import DeadLetter
from streams.lane.processor import KEPT, Batch, InputRecord, Outcome, OutputRecord
from streams.lane.registry import shipped
from streams.lane.sealing import Sealing, load_into
from streams.lane.unreadable import UnreadableRecord
from streams.privacy.fields import (
    HIDDEN,
    NAMES,
    PII,
    TAGS,
    UnknownShape,
    hidden,
    personal_fields,
    personal_in,
    personal_topics,
    sealed,
    untouched,
)
from streams.privacy.keys import BatchKeys, KeyRing, UnknownKey, WrongSecret
from streams.privacy.seal import EDGE, LANE, MARK, minted, place_of, secrets_from
from streams.topics import CASE_EVENTS, DEAD_LETTERS, KEYS, PROFILES, REPLIES
from tests.factories import LEAD, T0, a_case, a_decision_record, a_profile, a_reply, a_review, a_score, an_erasure
from tests.lanes import WIRE, TestLane, arrive, lane_of
from tests.shipped import shipped_context

SECRETS = secrets_from(base64.b64encode(b"s" * 32).decode())
OTHERS = secrets_from(base64.b64encode(b"o" * 32).decode())
ENTROPY = b"e" * 32
PERSONAL = {"Case", "CaseReview", "Decision", "LeadProfile", "ReplySignal"}
LETTER = "My lawyer will write to you. Zwetlana"


def a_ring(*minters: str, lead: str = LEAD, secrets: Any = SECRETS) -> KeyRing:
    """A ring with keys of one lead, in this order."""
    ring = KeyRing(secrets)
    for number, minter in enumerate(minters):
        made = ring.mint(lead.encode(), minted(bytes([number]) * 32, lead), minter, "test", T0)
        ring.load(made.name, made.record)
    return ring


def sealed_by(ring: KeyRing, event: Event) -> Event:
    key, name = ring.first(event.lead_id.encode()), type(event).__name__
    assert key is not None
    fields = personal_fields()[name]
    return sealed(event, fields, lambda field, text: key.seal(place_of(name, field, event.lead_id), text))


class SealingLane(TestLane):
    """A lane with keys; its ring takes in what it minted after each batch, as after a commit."""

    def __init__(self, ring: KeyRing, is_complete: bool = True) -> None:
        super().__init__(shipped_context(), lane_of(LEAD))
        self.ring, self.is_complete = ring, is_complete

    def keys(self) -> BatchKeys:
        return BatchKeys(self.ring, ENTROPY, self.is_complete)

    def process(self, batch: Batch) -> Outcome:
        return self.pipeline.process(self.states | self.kept, batch, self.context)

    def decide(self, records: list[InputRecord], now: int = T0) -> Outcome:
        return self.process(Batch(records, (), now, self.lane, self.seq, self.keys()))

    def come(self, *events: Event) -> Outcome:
        outcome = self.decide(arrive(events, self.seq))
        self.seq += len(events)
        for key, packed in outcome.changed.items():
            kept = self.kept if key in KEPT else self.states
            if packed is None:
                kept.pop(key, None)
            else:
                kept[key] = packed
        for topic, outputs in outcome.outputs.items():
            self.sent.setdefault(topic, []).extend(outputs)
        load_into(WIRE, self.ring, [(each.key, each.value) for each in outcome.outputs.get(KEYS.name, ())])
        return outcome


def texts_of(outputs: dict[str, list[OutputRecord]]) -> bytes:
    return b"\n".join(each.value or b"" for records in outputs.values() for each in records)


# --- which texts


def test_the_tags_of_the_schemas_are_the_one_list() -> None:
    found = {
        name: [(each.shape, each.field, each.names) for each in fields] for name, fields in personal_fields().items()
    }
    assert found == {
        "Case": [("items", "evidence", ("what",))],
        "CaseReview": [("text", "note", ())],
        "Decision": [("named", "facts", ("title",))],
        "LeadProfile": [("text", "email", ()), ("text", "company", ()), ("text", "title", ())],
        "ReplySignal": [("map", "headers", ()), ("text", "subject", ()), ("text", "text", ())],
    }
    assert personal_topics() == {PROFILES.name, REPLIES.name, "cases.reviews"}


def test_every_personal_field_of_a_profile_that_is_a_fact_is_sealed_in_decisions() -> None:
    profile = {each.field for each in personal_fields()["LeadProfile"]}
    (facts,) = personal_fields()["Decision"]
    assert set(facts.names) == profile & FACT.keys()


def test_no_condition_of_the_shipped_policy_quotes_a_personal_fact() -> None:
    (facts,) = personal_fields()["Decision"]
    details = [row.detail for row in shipped_context().policy.conditions]
    assert details
    assert not [detail for detail in details for name in facts.names if "{" + name in detail]


@pytest.mark.parametrize("record", sorted(PERSONAL))
def test_a_tag_changes_neither_the_canonical_form_nor_what_can_read_what(record: str) -> None:
    (schema,) = shipped()[record]
    plain = without_tags(schema.document)
    assert plain != schema.document
    assert to_parsing_canonical_form(schema.document) == to_parsing_canonical_form(plain)
    assert conflicts(schema.document, plain) == conflicts(plain, schema.document) == []


def without_tags(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_tags(each) for each in schema]
    if isinstance(schema, dict):
        return {name: without_tags(part) for name, part in schema.items() if name not in (TAGS, NAMES)}
    return schema


@pytest.mark.parametrize(
    "kind", ["long", {"type": "array", "items": "string"}, {"type": "map", "values": "long"}], ids=json.dumps
)
def test_a_tag_on_a_field_that_cannot_be_sealed_is_refused(kind: Any) -> None:
    with pytest.raises(UnknownShape, match=r"Some\.age is tagged PII, expected a text, a map or a list"):
        personal_in({"name": "Some", "fields": [{"name": "age", "type": kind, TAGS: [PII]}]})


def test_the_wheel_has_the_schemas_that_the_table_is_made_of() -> None:
    assert all((files("schemas") / name / "v1.avsc").is_file() for name in PERSONAL)


# --- records


@pytest.mark.parametrize(
    "record",
    [
        a_profile(email="jürgen@example.org", company="Ünïcode 🙂", title="x"),
        a_profile(email=None, company="", title="only this"),
        a_reply(subject="", headers={}),
        a_reply(headers={"From": "a", "X": "\u0000", "sealed": "no"}, text="y" * 5000),
        a_review(note="a word"),
    ],
    ids=["profile", "little", "bare", "full", "review"],
)
def test_a_record_is_sealed_on_the_wire_and_opens_to_what_it_was(record: Event) -> None:
    ring, lane = a_ring(EDGE), SealingLane(a_ring(EDGE))
    value = WIRE.encode(sealed_by(ring, record))
    topic = arrive([record])[0].topic
    assert MARK.encode() in value
    for field in personal_fields()[type(record).__name__]:
        plain = getattr(record, field.field)
        assert not isinstance(plain, str) or len(plain) < 4 or plain.encode() not in value
    sealing = lane_sealing(lane)
    assert WIRE.decode(topic, value, sealing.open) == record
    with pytest.raises(UnreadableRecord, match=r"is sealed, expected plain text, as LEADLANE_SEAL_SECRET is not set"):
        WIRE.decode(topic, value)


def lane_sealing(lane: SealingLane) -> Sealing:
    return Sealing(lane.keys(), WIRE, Outcome({}, {}, {}), lane.lane, T0)


def test_whoever_has_no_keys_sees_that_it_is_sealed_or_leaves_it() -> None:
    value = WIRE.encode(sealed_by(a_ring(EDGE), a_reply(headers={"From": "ada"})))
    shown = WIRE.decode(REPLIES.name, value, hidden)
    assert (shown.text, shown.subject, shown.headers) == (HIDDEN, HIDDEN, {"sealed": HIDDEN})  # type: ignore[attr-defined]
    left = WIRE.decode(REPLIES.name, value, untouched)
    assert left.text.startswith(MARK)  # type: ignore[attr-defined]


def test_a_text_counts_at_its_own_length_not_at_that_of_its_seal() -> None:
    ring = a_ring(EDGE)
    lane = SealingLane(ring)
    lane.come(sealed_by(ring, a_profile(1, email="a" * 320)), sealed_by(ring, a_profile(2, email="a" * 321)))
    (letter,) = lane.read(DEAD_LETTERS.name)
    assert isinstance(letter, DeadLetter)
    assert letter.event_id == "profile-2"
    assert "email is 321 characters long, expected 0..320 characters" in letter.error_text


def test_a_text_that_was_moved_to_another_lead_or_field_or_changed_is_a_dead_letter() -> None:
    ring, lane = a_ring(EDGE), SealingLane(a_ring(EDGE))
    profile = sealed_by(ring, a_profile(1))
    assert isinstance(profile, LeadProfile)
    assert profile.email is not None
    moved = msgspec.structs.replace(profile, title=profile.email)
    changed = msgspec.structs.replace(profile, email=profile.email[:-1] + ("A" if profile.email[-1] != "A" else "B"))
    cut = msgspec.structs.replace(profile, email=MARK + "E")
    lane.come(moved, changed, cut)
    found = [
        letter.error_text.partition(": ")[2]
        for letter in lane.read(DEAD_LETTERS.name)
        if isinstance(letter, DeadLetter)
    ]
    assert [text.partition(" and ")[0] for text in found] == ["title is sealed", "email is sealed", "email is sealed"]
    assert all("does not open" in text for text in found)
    assert lane.states == {}


# --- lanes


def test_a_lane_decides_on_opened_texts_and_quotes_them_sealed() -> None:
    ring = a_ring(EDGE)
    lane = SealingLane(ring)
    plain = TestLane(shipped_context(), lane.lane)
    events = [a_profile(email="boss@gmail.com"), a_reply(text=LETTER)]
    lane.come(*[sealed_by(ring, event) for event in events])
    plain.run(arrive(events))
    assert lane.states == plain.states
    assert b"Zwetlana" in texts_of(plain.sent)
    assert b"Zwetlana" not in texts_of(lane.sent)
    assert KEYS.name not in lane.sent
    opened = [
        WIRE.decode_any(CASE_EVENTS.name, each.value, lane_sealing(lane).open) for each in lane.sent[CASE_EVENTS.name]
    ]
    assert opened == plain.read(CASE_EVENTS.name)


def test_a_lane_mints_one_key_for_a_lead_that_has_none_in_the_outcome_of_the_output_that_needs_it() -> None:
    lane = SealingLane(KeyRing(SECRETS))
    assert KEYS.name not in lane.come(a_profile(), a_score()).outputs
    outcome = lane.come(a_reply(1, text=LETTER), a_reply(2, text=LETTER))
    (key,) = outcome.outputs[KEYS.name]
    assert key.key is not None
    assert key.key.startswith(f"{LEAD}#{LANE}".encode())
    assert KEYS.name not in lane.come(a_reply(3, text=LETTER)).outputs
    assert b"Zwetlana" not in texts_of(lane.sent)
    ids = {part.split(b":")[0] for part in texts_of(lane.sent).split(MARK.encode())[1:]}
    assert ids == {key.key.rpartition(b"#")[2]}


def test_a_batch_decided_once_more_gives_the_same_keys_and_bytes_and_changes_no_ring() -> None:
    ring = KeyRing(SECRETS)
    lane = SealingLane(ring)
    records = arrive([a_reply(text=LETTER)])
    assert lane.decide(records) == lane.decide(records)
    assert len(ring) == 0


def test_a_key_that_is_not_here_is_asked_for_and_then_it_has_been_destroyed() -> None:
    event = sealed_by(a_ring(EDGE), a_profile())
    with pytest.raises(UnknownKey):
        SealingLane(KeyRing(SECRETS), is_complete=False).come(event)
    lane = SealingLane(KeyRing(SECRETS))
    outcome = lane.come(event, a_score())
    assert outcome.counts["leads.profiles/erased"] == 1
    assert DEAD_LETTERS.name not in outcome.outputs
    state = unpack(lane.states[LEAD.encode()])
    assert (state.signals.events, state.known.company) == (1, None)  # as if it had never come


def test_an_erasure_destroys_every_key_of_the_lead_and_what_they_seal_in_the_same_batch() -> None:
    ring = a_ring(EDGE, EDGE)
    lane = SealingLane(ring)
    names = ring.names(LEAD.encode())
    late = sealed_by(ring, a_reply(9, occurred_at=T0 + 1))
    outcome = lane.come(sealed_by(ring, a_profile()), an_erasure(), late)
    assert [(each.key, each.value) for each in outcome.outputs[KEYS.name]] == [(name, None) for name in names]
    assert outcome.counts["signals.replies/erased"] == 1
    assert ring.names(LEAD.encode()) == []
    assert lane.states.get(LEAD.encode()) is None
    again = lane.come(a_reply(10, text=LETTER, occurred_at=T0 + 2))
    (key,) = again.outputs[KEYS.name]
    assert key.key not in names


def test_an_erasure_waits_until_every_key_is_known() -> None:
    with pytest.raises(UnknownKey):
        SealingLane(a_ring(EDGE), is_complete=False).come(an_erasure())


def test_a_key_of_a_secret_that_is_not_known_is_a_dead_letter_that_names_it() -> None:
    stranger = a_ring(EDGE, secrets=OTHERS)
    ring = a_ring(EDGE, lead="lead-2")
    made = stranger.mint(LEAD.encode(), minted(b"x" * 32, LEAD), EDGE, "test", T0)
    stranger.load(made.name, made.record)
    ring.load(made.name, made.record)
    lane = SealingLane(ring)
    event = sealed_by(a_ring_of(made.name, made.record), a_profile())
    lane.come(event)
    (letter,) = lane.read(DEAD_LETTERS.name)
    assert isinstance(letter, DeadLetter)
    assert f"wrapped by the secret {OTHERS.first.id}" in letter.error_text
    assert "add the secret that is missing" in letter.error_text
    lane.come(a_reply(text=LETTER))  # what goes out is sealed under a key of our own
    assert len(lane.sent[KEYS.name]) == 1


def a_ring_of(name: bytes, record: Any) -> KeyRing:
    ring = KeyRing(OTHERS)
    ring.load(name, record)
    return ring


def test_a_dead_letter_by_a_fault_of_ours_quotes_nothing_and_that_of_a_timer_holds_no_state() -> None:
    lane, broken = SealingLane(a_ring(EDGE)), bytes(8) + b"\xc1 Zwetlana"
    lane.states[LEAD.encode()] = broken
    lane.come(a_score())
    timer = lane.process(Batch((), [LEAD.encode()], T0, lane.lane, lane.seq, lane.keys()))
    letters = [*lane.sent[DEAD_LETTERS.name], *timer.outputs[DEAD_LETTERS.name]]
    found = [WIRE.decode_any(DEAD_LETTERS.name, each.value) for each in letters]
    assert [each.error_class for each in found if isinstance(each, DeadLetter)] == ["DecodeError"] * 2
    assert all(
        "what it says may quote what is sealed" in each.error_text for each in found if isinstance(each, DeadLetter)
    )
    assert b"Zwetlana" not in texts_of({"": letters})
    assert lane.states[LEAD.encode()] == broken


# --- the ring


def test_a_ring_whose_keys_nobody_here_can_unwrap_says_so_and_an_old_secret_still_unwraps() -> None:
    made = a_ring(EDGE).mint(LEAD.encode(), bytes(32), EDGE, "test", T0)
    ring = KeyRing(OTHERS)
    ring.must_open()  # an empty one opens
    ring.load(made.name, made.record)
    assert ring.first(LEAD.encode()) is None
    with pytest.raises(WrongSecret, match="Set the secret that sealed"):
        ring.must_open()
    rotated = KeyRing(secrets_from(f"{base64.b64encode(b'o' * 32).decode()}, {base64.b64encode(b's' * 32).decode()}"))
    rotated.load(made.name, made.record)
    rotated.must_open()
    found = rotated.first(LEAD.encode())
    assert found is not None
    assert found.id == made.key.id
    assert rotated.mint(b"new", bytes(32), EDGE, "test", T0).record.secret_id == OTHERS.first.id


def test_records_that_are_no_keys_are_left_out() -> None:
    ring = a_ring(EDGE)
    made = ring.mint(b"lead-2", bytes(32), EDGE, "test", T0)
    unreadable = load_into(
        WIRE,
        ring,
        [
            (b"garbage", b"\0\0"), (None, None), (b"", WIRE.encode(made.record)),
            (b"lead-3#short", WIRE.encode(made.record)),
            (b"#E12345678", WIRE.encode(made.record)), (b"lead-9#E12345678", None),
        ],
    )  # fmt: skip
    assert unreadable == 1
    assert (len(ring), ring.count()) == (1, 1)


def test_a_ring_gives_a_sealed_case_and_decision_their_texts() -> None:
    lane = SealingLane(a_ring(LANE))
    sealing = lane_sealing(lane)
    case = a_case(evidence=(EvidenceItem("e", REPLIES.name, T0, "said x"),))
    decision = a_decision_record(facts={"title": "Chief", "stage": "engage", "score": 3.0})
    for topic, effect in ((CASE_EVENTS.name, case), ("decisions", decision)):
        kept = sealing.sealed(effect)
        assert kept != effect
        assert WIRE.decode_any(topic, WIRE.encode(kept), sealing.open) == effect
    assert sealing.sealed(decision).facts["stage"] == "engage"


def test_evidence_of_what_holds_no_personal_text_stays_readable() -> None:
    sealing = lane_sealing(SealingLane(a_ring(LANE)))
    item = EvidenceItem("e", "signals.scores", T0, "fit score 90 from map")
    case = a_case(evidence=(item,))
    assert isinstance(case, UpdateCase)
    assert sealing.sealed(case) is case
