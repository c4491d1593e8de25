"""What is known of one lead: a packed record that every event folds into.

Law of this module: bytes in, bytes out. The packed form is the changelog value; it starts with the time at which the
lead is due (streams/lane/processor.py), so that a lane can be restored without unpacking a lead. Lists are bounded: a
lead's state does not grow with its age. Fields are only ever added at the end of a struct, each with a default: an old
packed state stays readable.

Next: streams/core/decide.py
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from streams.core.caps import Promise, Touch
from streams.core.casefile import CaseApproval, OpenCase
from streams.core.events import Basis, Channel, Consent
from streams.core.holds import Ledger

NEVER = 0  # a time that has not come
SEEN_BYTES = 8
SEEN_EVENTS = 64  # how many event ids are remembered for deduplication
SCORE_MARKS = 6
NEGATIVES = 4
ATTRIBUTES = 40  # declared attributes that are kept, the first by name


class Stated(msgspec.Struct, array_like=True, gc=False):
    """A value, who stated it, and when."""

    value: str = ""
    source: str = ""
    at: int = NEVER


class Measure(msgspec.Struct, array_like=True, gc=False):
    """A number, how sure its source is, and when it was measured. at 0: never."""

    value: float = 0.0
    confidence: float | None = None
    at: int = NEVER
    event_id: str = ""


class Recorded(msgspec.Struct, array_like=True, gc=False):
    """The lawful basis as last recorded, and when that was."""

    basis: Basis
    scope: tuple[Channel, ...] = ()
    expires_at: int | None = None
    at: int = NEVER


def recorded(consent: Consent, at: int) -> Recorded:
    """A profile's consent as the state keeps it."""
    return Recorded(consent.basis, consent.scope, consent.expires_at, at)


class Known(msgspec.Struct, array_like=True, gc=False):
    """The profile, as last stated (latest occurred_at wins, field by field where sources may disagree)."""

    at: int = NEVER
    company: Stated | None = None
    country: Stated | None = None
    owner: Stated | None = None
    account_id: str = ""
    email_domain: str = ""
    role_mailbox: bool = False
    email_verified: bool | None = None
    title: str = ""
    department: str = ""
    time_zone: str = ""
    language: str = ""
    stage: str = "acquire"
    vip: bool = False
    target_account: bool = False
    amount_hint: float = 0.0
    renewal_on: int | None = None
    duplicate_of: str = ""
    segments: tuple[str, ...] = ()
    consent: Recorded | None = None
    disputed: tuple[str, ...] = ()  # fields on which sources disagree
    disputed_at: int = NEVER
    attributes: bytes = b""  # declared: for learning and fairness, packed, at most ATTRIBUTES


class Mark(msgspec.Struct, array_like=True, gc=False):
    """The score at a time, and how many events had been seen by then: for jumps."""

    at: int
    score: float
    events: int


class Rejection(msgspec.Struct, array_like=True, gc=False):
    """A person said no."""

    at: int
    actor: str
    code: str


class Signals(msgspec.Struct, array_like=True, gc=False):
    """Four axes, never mixed: fit, engagement, intent, sentiment; and what bears on trust in them."""

    fit: Measure | None = None
    engagement: Measure | None = None
    vendor: Measure | None = None
    intent: Measure | None = None
    account_intent: Measure | None = None
    sentiment: Measure | None = None
    negatives: list[tuple[int, float]] = []  # (at, value), newest last, at most NEGATIVES
    evidence: int = 0  # scoring events seen
    events: int = 0  # all events seen
    minute: int = 0  # the minute that `in_minute` counts, event time
    in_minute: int = 0
    marks: list[Mark] = []  # at most SCORE_MARKS
    complaint_at: int = NEVER  # spam complaint or legal threat
    colleague_complained_at: int = NEVER
    objection_at: int = NEVER  # asks for a human, objects to profiling, asks for erasure
    reaction_at: int = NEVER  # last open, click, form, reply, meeting
    human_touch_at: int = NEVER
    nps: Measure | None = None
    csat: Measure | None = None
    severe_tickets: int = 0
    opportunities: int = 0
    rejection: Rejection | None = None
    reply_class: str = ""  # of the last human reply
    reply_at: int = NEVER


class Routing(msgspec.Struct, array_like=True, gc=False):
    """What was last published for the lead."""

    tier: str = ""
    queue: str = ""
    owner: str | None = None
    human: bool = False
    score: float = -1.0  # last published
    conditions: tuple[str, ...] = ()  # those that held at the last look: a condition fires on its edge
    cadence: str = "running"  # running, paused, stopped
    cadence_until: int | None = None
    cadence_kind: str = ""
    declined: tuple[str, ...] = ()  # reps who declined the lead
    propensity: float = 1.0
    explore: bool = False
    chosen_tier: str = ""  # by a person's override: stands until the computed tier changes
    computed_tier: str = ""  # the policy's answer at the last look
    held_back: tuple[str, ...] = ()  # tiers and conditions that the capacity guard held back at the last look


class LeadState(msgspec.Struct, array_like=True, gc=False):
    """One lead. `decide` owns what it is given: it folds into it and hands it back."""

    layout: int = 1
    first_seen_at: int = NEVER  # lane clock of the first event
    known: Known = msgspec.field(default_factory=Known)
    signals: Signals = msgspec.field(default_factory=Signals)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    touches: list[Touch] = []
    cases: list[OpenCase] = []
    routing: Routing = msgspec.field(default_factory=Routing)
    seen: bytes = b""  # hashes of the last SEEN_EVENTS event ids, oldest first
    settled_at: int = NEVER  # lane clock of the last decision: what held then is what an effect changes
    approvals: list[CaseApproval] = []  # what people approved in cases, for this lead; newest last
    promises: list[Promise] = []  # sends that were allowed and have not happened yet
    exposure: bytes = b""  # what was known at the latest decision without an outcome, see streams/core/exposure.py
    labelled: bytes = b""  # the same of the latest decision with an outcome
    horizon_at: int = NEVER  # when the former counts as a "no"
    early: bytes = b""  # an outcome that came before any decision: the platforms' topics are read side by side


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LeadState).decode


def pack(state: LeadState, due_at: int) -> bytes:
    """The packed state, due at `due_at` (ms UTC, NEVER for no timer)."""
    return due_at.to_bytes(8, "big") + _encode(state)


def unpack(packed: bytes) -> LeadState:
    """The state in `packed`. Raises msgspec.DecodeError when the bytes are not a lead state."""
    return _decode(memoryview(packed)[8:])


def fingerprint(source: str, event_id: str) -> bytes:
    """SEEN_BYTES that stand for an event id of a source."""
    return blake2b(f"{source}\0{event_id}".encode(), digest_size=SEEN_BYTES).digest()


def has_seen(state: LeadState, mark: bytes) -> bool:
    """Whether the event behind `mark` is among the remembered ones."""
    at = state.seen.find(mark)
    while at >= 0 and at % SEEN_BYTES:
        at = state.seen.find(mark, at + 1)
    return at >= 0


def remember(state: LeadState, mark: bytes) -> None:
    """Remember an event, forgetting the oldest beyond SEEN_EVENTS."""
    state.seen = (state.seen + mark)[-SEEN_BYTES * SEEN_EVENTS :]
