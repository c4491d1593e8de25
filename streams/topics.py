"""Every topic, once: name, record, key, partitions, clean-up.

Law of this module: a topic that is not listed here is not read, written or created by Leadlane. `leadlane topics
apply` creates what is missing; nothing here is ever deleted.

Next: streams/lane/assignment.py
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# The broker's own default, declared so that a smaller one on a cluster is noticed before a record is refused.
MAX_MESSAGE_BYTES = 1_048_588
# A dead letter holds its whole original, the key twice, and says why: whatever the inputs take fits.
MAX_DEAD_LETTER_BYTES = 2 * MAX_MESSAGE_BYTES + 65_536
# How long a deletion stays readable in a compacted topic: longer than a copy of its content may go without reading on.
DELETE_RETENTION_MS = DAY_MS
COMPACTED_SEGMENT_BYTES = 64 << 20  # only closed segments are compacted, so a restore reads at least one of these


class Role(Enum):
    """What a topic is for the lane."""

    INPUT = "input"  # keyed by lead, consumed by the lanes
    CONTROL = "control"  # one partition, compacted, read whole by every worker
    OUTPUT = "output"  # written inside the lane's transaction
    STATE = "state"  # the lane's own changelog
    AUDIT = "audit"  # one partition, written and read outside the lanes
    KEYS = "keys"  # what opens sealed texts: lanes and edges write and read it


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `record` names the Avro record of its values (None: packed bytes), `key` what its keys are."""

    name: str
    role: Role
    record: str | None
    key: str
    note: str
    compacted: bool = False
    retention_ms: int = 30 * DAY_MS
    single: bool = False  # one partition, whatever the lane count
    max_message_bytes: int = MAX_MESSAGE_BYTES
    gone_within_ms: int | None = None  # compacted: what was deleted has left the disk after so long

    def partitions(self, lanes: int) -> int:
        return 1 if self.single else lanes

    def config(self) -> dict[str, str]:
        """The topic's own settings on the broker, but for those that depend on the number of copies."""
        common = {"max.message.bytes": str(self.max_message_bytes)}
        if not self.compacted:
            return {**common, "cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        if self.gone_within_ms is not None:  # closes the segment that is being written, too
            common["max.compaction.lag.ms"] = str(self.gone_within_ms)
        return {
            **common,
            "cleanup.policy": "compact",
            "delete.retention.ms": str(DELETE_RETENTION_MS),
            "segment.bytes": str(COMPACTED_SEGMENT_BYTES),
            # Compact early: a restore reads what is not compacted yet.
            "min.cleanable.dirty.ratio": "0.2",
        }


def _input(name: str, record: str, note: str) -> Topic:
    return Topic(name, Role.INPUT, record, "lead_id", note, retention_ms=90 * DAY_MS)


def _control(name: str, record: str, key: str, note: str) -> Topic:
    return Topic(name, Role.CONTROL, record, key, note, compacted=True, single=True)


PROFILES = _input("leads.profiles", "LeadProfile", "who the lead is, as the platform or CRM knows it")
SCORES = _input("signals.scores", "ScoreSignal", "fit, engagement and vendor scores")
INTENT = _input("signals.intent", "IntentSignal", "buying intent of the person or the account")
SENTIMENT = _input("signals.sentiment", "SentimentSignal", "sentiment measured by a vendor")
OOTO = _input("signals.ooto", "OotoSignal", "out-of-office, automatic acknowledgement, left the company")
REPLIES = _input("signals.replies", "ReplySignal", "raw replies, read by the reply reader")
ACTIVITY = _input("signals.activity", "ActivitySignal", "sends, opens, forms, meetings, tickets, bounces, complaints")
ACCOUNT_CONTEXT = _input("accounts.context", "AccountContext", "what happened to other people of the lead's account")
REQUESTS = _input("outreach.requests", "OutreachRequest", "may this step go out?")
REVIEWS = _input("cases.reviews", "CaseReview", "what people do with cases and manual holds")
LABELS = _input("labels.outcomes", "OutcomeLabel", "what became of the lead")
ERASURES = _input("privacy.requests", "ErasureRequest", "forget this lead")

POLICIES = _control("control.policies", "Policy", "policy version, or the pointer `active`", "policy versions")
ROSTER = _control("control.roster", "RosterEntry", "rep_id", "reps, their queues, weights and absences")
APPROVALS = _control("control.approvals", "Approval", "approval_id", "audited approvals of content and segment")
SWITCHES = _control("control.switches", "Switch", "switch name", "kill switches")
MODELS = _control(
    "control.models", "ModelVersion", "model version, or `active`: who has which role", "model versions and roles"
)
ALARMS = _control("control.alarms", "Alarm", "alarm name", "what governance found wrong: drift, fairness, a bad model")
GUARDS = _control("control.guards", "Guard", "queue", "how full each queue of people is, and what that raises")

ROUTED = Topic("leads.routed", Role.OUTPUT, "RoutedLead", "lead_id", "tier, queue and owner, when they change")
LEAD_SCORES = Topic("leads.scores", Role.OUTPUT, "LeadScore", "lead_id", "own score, when it moved")
CADENCES = Topic("cadences.commands", Role.OUTPUT, "CadenceCommand", "lead_id", "pause, resume, stop")
CASE_EVENTS = Topic(
    "cases.events", Role.OUTPUT, "Case", "lead_id", "the whole case after each change", retention_ms=365 * DAY_MS
)
CASES_OPEN = Topic(
    "cases.open", Role.OUTPUT, "Case", "case_id", "open cases; tombstone when closed",
    compacted=True, gone_within_ms=DAY_MS,
)  # fmt: skip
VERDICTS = Topic("outreach.verdicts", Role.OUTPUT, "OutreachVerdict", "lead_id", "allow, review, deny or defer")
DECISIONS = Topic(
    "decisions", Role.OUTPUT, "Decision", "lead_id", "the audit record of every decision", retention_ms=365 * DAY_MS
)
DEAD_LETTERS = Topic(
    "dead.letters", Role.OUTPUT, "DeadLetter", "key of the original", "what could not be processed, as it came",
    max_message_bytes=MAX_DEAD_LETTER_BYTES,
)  # fmt: skip
EXAMPLES = Topic(
    "training.examples", Role.OUTPUT, "TrainingExample", "lead_id", "what was known at a decision, and what came of it",
    retention_ms=730 * DAY_MS, single=True,
)  # fmt: skip
STATS = Topic(
    "governance.stats", Role.OUTPUT, "WindowStats", "lane, window and group", "what the lanes did, by minute and group",
    retention_ms=400 * DAY_MS,
)  # fmt: skip
RECEIPTS = Topic(
    "privacy.receipts", Role.OUTPUT, "ErasureReceipt", "request id", "that a lead was forgotten, without saying who",
    retention_ms=-1,
)  # fmt: skip
JOURNAL = Topic(
    "lane.journal", Role.OUTPUT, "JournalEntry", "lane", "one entry per transaction: what was read, in order, and when"
)
HISTORY = Topic(
    "control.history", Role.AUDIT, "ControlChange", "control topic", "every control record that was ever written",
    retention_ms=-1, single=True,
)  # fmt: skip
LAB_STATE = Topic(
    "lab.state", Role.AUDIT, None, "model line", "the lab's checkpoints: what it has learned, and up to where",
    compacted=True, single=True, gone_within_ms=DAY_MS,
)  # fmt: skip
RESYNC = Topic(
    "sources.resync", Role.AUDIT, "ResyncRequest", "source", "what platforms could not tell and must be fetched again",
    retention_ms=90 * DAY_MS, single=True,
)  # fmt: skip
POSITIONS = Topic(
    "sources.positions", Role.AUDIT, "SourcePosition", "<source>/<stream>", "how far the gateway has read by polling",
    compacted=True, single=True,
)  # fmt: skip
PARKED = Topic(
    "sink.parked", Role.AUDIT, "ParkedDelivery", "lead_id",
    "what a target of the HTTP sink did not take, as it came, and orders to deliver it again",
)  # fmt: skip
KEYS = Topic(
    "privacy.keys", Role.KEYS, "SubjectKey", "lead_id#key_id", "the leads' keys, wrapped; a tombstone destroys one",
    compacted=True, gone_within_ms=HOUR_MS,
)  # fmt: skip
STATE = Topic(
    "lane.state", Role.STATE, None, "lead_id", "packed lead state: the lanes' changelog",
    compacted=True, gone_within_ms=DAY_MS,
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    PROFILES, SCORES, INTENT, SENTIMENT, OOTO, REPLIES, ACTIVITY, ACCOUNT_CONTEXT, REQUESTS, REVIEWS, LABELS, ERASURES,
    POLICIES, ROSTER, APPROVALS, SWITCHES, MODELS, ALARMS, GUARDS,
    ROUTED, LEAD_SCORES, CADENCES, CASE_EVENTS, CASES_OPEN, VERDICTS, DECISIONS, EXAMPLES, STATS, DEAD_LETTERS,
    RECEIPTS, JOURNAL, STATE,
    HISTORY, LAB_STATE, KEYS, PARKED, RESYNC, POSITIONS,
)  # fmt: skip
TOPIC: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
INPUTS: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic.role is Role.INPUT)
CONTROLS: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic.role is Role.CONTROL)
