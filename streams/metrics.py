"""Every metric once: name, unit, labels, meaning. No lead_id in a label.

Law of this module: a metric that is not declared here is not exported. Processors count through Outcome.counts, whose
keys are `<topic>/<outcome>`, for example `signals.scores/decided`, and Outcome.happened, whose keys are the names of
governance.stats, for example `due:sales:late`: one addition per name and batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import exp

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

from streams.core.windows import WAIT_FIRST_MS, WAIT_STEP

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.07, 0.1, 0.2, 0.5, 1, 2, 5, 10)
RECORDS = (1, 3, 10, 30, 100, 300, 1000, 3000)
MINUTE, HOUR, DAY = 60, 3600, 86_400
WAITS = (2, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR, DAY, 3 * DAY, 7 * DAY)

# --- what the processor did -------------------------------------------------------------------------------------------
EVENTS = Counter(
    "leadlane_events_total",
    "Input records and due timers by what became of them, for example decided, quiet, duplicate, dead.",
    ("topic", "outcome"),
)
OUTPUTS = Counter("leadlane_outputs_total", "Records written, by output topic; dead letters among them.", ("topic",))

# --- what the decisions did: each once, when it is committed ----------------------------------------------------------
ROUTED = Counter("leadlane_routed_total", "Leads routed: new, or to another tier, queue or owner, by tier.", ("tier",))
HUMAN_FIRST = Counter("leadlane_routed_human_total", "Of the leads routed: those that a person must look at first.")
CASES_OPENED = Counter("leadlane_cases_opened_total", "Cases opened.", ("queue",))
CASES_CLOSED = Counter(
    "leadlane_cases_closed_total", "Cases closed, by how: approved, rejected, overridden, expired ...", ("end",)
)
CASES_DUE = Counter(
    "leadlane_cases_due_total",
    "Deadlines of cases: met, counted when the case is closed, or late, counted when the deadline passes.",
    ("queue", "result"),
)
CASE_WAIT_SECONDS = Histogram(
    "leadlane_case_wait_seconds",
    "Speed to first response: from the opening of a case to somebody taking it, wall time, to 14 %.",
    buckets=WAITS,
)
VERDICTS = Counter("leadlane_verdicts_total", "Answers to outreach requests.", ("verdict",))
COMMANDS = Counter("leadlane_cadence_commands_total", "Orders to the cadences: pause, resume, stop.", ("command",))
HOLDS = Counter("leadlane_holds_total", "Holds set and lifted.", ("change",))
WRONG_SENDS = Counter(
    "leadlane_wrong_sends_total",
    "Automated marketing sends that were unauthorised, on_hold (both should be 0), or unasked (names no request).",
    ("fault",),
)
OPT_OUT_SECONDS = Histogram(
    "leadlane_opt_out_seconds",
    "From the arrival of an opt-out in Kafka to the order that stops the lead's cadences, to 14 %.",
    buckets=WAITS,
)

# --- the lanes --------------------------------------------------------------------------------------------------------
LANE_RECORDS = Counter("leadlane_lane_records_total", "Input records committed, by lane.", ("lane",))
LANE_DUE = Counter("leadlane_lane_due_total", "Due timers committed, by lane.", ("lane",))
TRANSACTION_SECONDS = Histogram(
    "leadlane_transaction_seconds", "From the start of a transaction to its commit.", buckets=SECONDS
)
PROCESS_SECONDS = Histogram("leadlane_process_seconds", "Time in the processor for one batch.", buckets=SECONDS)
TRANSACTION_RECORDS = Histogram(
    "leadlane_transaction_records", "Input records and due timers in one transaction.", buckets=RECORDS
)
LAG_RECORDS = Gauge("leadlane_lag_records", "Input records not yet committed by this worker's lanes.", ("topic",))
LANES = Gauge("leadlane_lanes", "Lanes that there are, on all workers together: LEADLANE_LANES.")
BROKER_SILENCE_SECONDS = Gauge(
    "leadlane_broker_silence_seconds", "Since when no broker has taken this worker's offsets, offered once a second."
)
LANES_ASSIGNED = Gauge("leadlane_lanes_assigned", "Lanes that the group gave to this worker.")
LANES_OPEN = Gauge("leadlane_lanes_open", "Lanes of this worker that are restored and running.")
LEADS = Gauge("leadlane_leads", "Leads in the memory of this worker: running and warm lanes.", ("kind",))
KEYED_LEADS = Gauge(
    "leadlane_keyed_leads", "Leads whose keys are in the memory of this worker; 0 when nothing is sealed."
)
KEY_READS = Counter(
    "leadlane_key_reads_total",
    "How often a lane read its keys to their end for one that it did not know: new a moment ago, or destroyed.",
)
OPEN_SECONDS = Histogram(
    "leadlane_lane_open_seconds",
    "Time to open a lane, by kind: cold (whole changelog), delta (the part missed), warm (nothing missed).",
    ("kind",),
    buckets=SECONDS,
)
REBUILDS = Counter("leadlane_lane_rebuilds_total", "Lanes thrown away and rebuilt, by class of the error.", ("error",))
SKIPPED = Counter(
    "leadlane_records_expired_total", "Input records that retention removed before a lane read them.", ("topic",)
)

# --- control ----------------------------------------------------------------------------------------------------------
CONTROL_RECORDS = Gauge("leadlane_control_records", "Records in force, by control topic.", ("topic",))
CONTROL_OFFSET = Gauge("leadlane_control_next_offset", "How far each control topic is applied.", ("topic",))
CONTROL_PROBLEMS = Counter("leadlane_control_problems_total", "Control records that could not be understood.")
CONTEXT_CHANGES = Counter("leadlane_context_changes_total", "New contexts taken over by this worker.")
CONTEXT_INFO = Gauge(
    "leadlane_context_info", "1 for the versions in force, by what has a version.", ("what", "version")
)

# --- people: set by the lab ------------------------------------------------------------------------------------------
QUEUE_OPEN = Gauge("leadlane_queue_open", "Open cases (lab).", ("queue",))
QUEUE_CAPACITY = Gauge(
    "leadlane_queue_capacity",
    "How many cases the people of the queue can have open who are there now; not set when the roster knows none (lab).",
    ("queue",),
)
QUEUE_OLDEST_SECONDS = Gauge(
    "leadlane_queue_oldest_seconds", "How long the oldest open case of the queue has been open (lab).", ("queue",)
)
GUARD_POINTS = Gauge(
    "leadlane_guard_points", "Points by which the capacity guard raises the queue's thresholds (lab).", ("queue",)
)

# --- the HTTP sink ----------------------------------------------------------------------------------------------------
SINK_RECORDS = Counter(
    "leadlane_sink_records_total",
    "Records that the sink is done with, by target: delivered, parked, filtered (the target does not want it).",
    ("target", "outcome"),
)
SINK_RETRIES = Counter(
    "leadlane_sink_retries_total", "Tries that failed and are repeated, by why: status, timeout, connection.",
    ("target", "why"),
)  # fmt: skip
SINK_SECONDS = Histogram(
    "leadlane_sink_delivery_seconds", "From the record's writing in Kafka to the target's yes.", ("target",),
    buckets=(*SECONDS, 30, 60, 300, 900, 3600, 86_400),
)  # fmt: skip
SINK_LAG_RECORDS = Gauge(
    "leadlane_sink_lag_records", "Records before which the target's group has not finished, of this process.",
    ("target", "topic"),
)  # fmt: skip
SINK_WAITING = Gauge(
    "leadlane_sink_waiting", "Deliveries in this process's memory: tried now, or waiting.", ("target",)
)
SINK_UP = Gauge("leadlane_sink_target_up", "1 when the target's last answers were good, 0 when none is.", ("target",))

# --- the lab ----------------------------------------------------------------------------------------------------------
LAB_RECORDS = Counter(
    "leadlane_lab_records_total",
    "Records that the lab read, by what became of them: taken, left_out (unreadable, see the log).",
    ("topic", "outcome"),
)
LAB_EXAMPLES = Gauge("leadlane_lab_examples", "Training examples learned by the line, corrections among them.")
LAB_LAG = Gauge("leadlane_lab_lag_records", "Records not yet read by the lab.", ("topic",))
LAB_HEARD_AT = Gauge(
    "leadlane_lab_newest_example_seconds", "When the newest learned example was emitted, seconds since 1970 UTC."
)
LAB_MODEL_AT = Gauge(
    "leadlane_lab_model_published_seconds",
    "When the line's newest model version was published, seconds since 1970 UTC.",
)
LAB_SNAPSHOTS = Counter("leadlane_lab_snapshots_total", "Model versions published by this process.")
LAB_CHECKPOINT_SECONDS = Histogram(
    "leadlane_lab_checkpoint_seconds", "Time to write a checkpoint of the lab.", buckets=SECONDS
)
LAB_ROLLBACKS = Counter(
    "leadlane_lab_rollbacks_total", "What the lab went back from by itself: model, policy.", ("what",)
)
LAB_REBUILDS = Counter(
    "leadlane_lab_rebuilds_total", "How often the lab opened its checkpoint again, by class of the error.", ("error",)
)

# --- governance: set by the lab; a process that is no lab shows none of them -----------------------------------------
ALARMS = Gauge("leadlane_alarms", "Alarms that are on, by kind: drift, fairness, override_rate ... (lab).", ("kind",))
KPI_SHARE = Gauge(
    "leadlane_kpi_share",
    "Automation, override, acceptance (of a tier), acceptance_by_reason, sla_attainment (of a queue), false_accept,"
    " false_suppress: its value and the bounds of its interval (lab).",
    ("kpi", "of", "bound"),
)
KPI_TARGET = Gauge(
    "leadlane_kpi_target",
    "Targets and limits of the active policy: automation, override, false_suppress, fairness (lab).",
    ("kpi",),
)
KPI_OBSERVATIONS = Gauge("leadlane_kpi_observations", "How many each share is of (lab).", ("kpi", "of"))
KPI_SENDS = Gauge(
    "leadlane_kpi_wrong_sends",
    "Sends of the window that were unauthorised, or on_hold: both should be 0 (lab).",
    ("fault",),
)
RESPONSE_SECONDS = Gauge(
    "leadlane_first_response_seconds",
    "Median from the opening of a case to somebody taking it, wall time (lab).",
    ("queue",),
)
DRIFT_PSI = Gauge(
    "leadlane_drift_psi",
    "Population stability index of scores: value, and the limit above which it alarms (lab).",
    ("bound",),
)
FAIRNESS_RATIO = Gauge(
    "leadlane_fairness_ratio",
    "By declared group and value, against the value that fares best: selection, missed, wait. Large enough ones (lab).",
    ("group", "value", "ratio"),
)
STAMP_SHARE = Gauge("leadlane_rubber_stamp_share", "Decisions of a rep that were approved unread (lab).", ("rep",))
MODEL_QUALITY = Gauge(
    "leadlane_model_quality", "log_loss, ece, lift_at_10 ... of the newest matured labels (lab).", ("measure",)
)

# A series that appears with its first event has no increase that an alert could see.
for _fault in ("unauthorised", "on_hold", "unasked"):
    WRONG_SENDS.labels(_fault)
for _what in ("model", "policy"):
    LAB_ROLLBACKS.labels(_what)

# --- the gateway ------------------------------------------------------------------------------------------------------
GATEWAY_REQUESTS = Counter(
    "leadlane_gateway_requests_total",
    "HTTP requests answered, by source (`-`: none that is known) and status (gateway).",
    ("source", "status"),
)
GATEWAY_ITEMS = Counter(
    "leadlane_gateway_items_total",
    "What platforms said, by what became of it: sent, duplicate, ignored (no rule takes it), dead (gateway).",
    ("source", "outcome"),
)
GATEWAY_SECONDS = Histogram(
    "leadlane_gateway_request_seconds",
    "From a whole request to its answer, which waits for Kafka's acknowledgement (gateway).",
    ("source",),
    buckets=SECONDS,
)
GATEWAY_IN_FLIGHT = Gauge(
    "leadlane_gateway_in_flight_records", "Records that Kafka has not acknowledged yet (gateway)."
)
GATEWAY_KAFKA_UP = Gauge("leadlane_gateway_kafka_up", "1 while Kafka acknowledges what comes in, else 0 (gateway).")
GATEWAY_POLLED = Gauge(
    "leadlane_gateway_polled_timestamp_seconds",
    "When a polled source was last read to its end, in seconds since 1970; where it is polled (gateway).",
    ("source",),
)
GATEWAY_RENEWALS = Counter(
    "leadlane_gateway_producer_renewals_total",
    "Producers that ended in doubt and were replaced, after a look at the topics for what they had written (gateway).",
)

_events: dict[str, Counter] = {}
_LABELLED: Mapping[str, Counter] = {
    "tier": ROUTED,
    "opened": CASES_OPENED,
    "closed": CASES_CLOSED,
    "due": CASES_DUE,
    "verdict": VERDICTS,
    "cadence": COMMANDS,
    "hold": HOLDS,
    "send": WRONG_SENDS,
}
_WAITS: Mapping[str, Histogram] = {"wait": CASE_WAIT_SECONDS, "opt_out": OPT_OUT_SECONDS}
_adders: dict[str, Callable[[int], None]] = {}


def count(counts: Mapping[str, int]) -> None:
    """Add what one committed batch counted."""
    for key, amount in counts.items():
        counter = _events.get(key)
        if counter is None:
            topic, _, outcome = key.partition("/")
            counter = _events[key] = EVENTS.labels(topic, outcome)
        counter.inc(amount)


def expect(topics: Iterable[str]) -> None:
    """Show the dead letters of these inputs before there are any."""
    for topic in topics:
        EVENTS.labels(topic, "dead")
        SKIPPED.labels(topic)


def happened(counts: Mapping[str, int]) -> None:
    """Add what the decisions of one committed batch did, by the names of governance.stats; names without a metric pass.

    The names are few: a policy's tiers and queues, kinds of orders, and the bins of waits.
    """
    for name, amount in counts.items():
        add = _adders.get(name)
        if add is None:
            add = _adders[name] = _adder(name)
        add(amount)


def _adder(name: str) -> Callable[[int], None]:
    word, _, rest = name.partition(":")
    if name == "human":
        return HUMAN_FIRST.inc
    if word in _LABELLED:
        metric = _LABELLED[word]
        labels = rest.rsplit(":", len(metric._labelnames) - 1)
        return metric.labels(*labels).inc
    if word in _WAITS:
        return _observer(_WAITS[word], int(rest))
    return lambda _: None


def _observer(histogram: Histogram, at: int) -> Callable[[int], None]:
    """Adds waits of one bin, each as long as the bin's middle."""
    seconds = WAIT_FIRST_MS * exp((at + 0.5) * WAIT_STEP) / 1000

    def observe(count: int) -> None:
        for _ in range(count):
            histogram.observe(seconds)

    return observe


def in_force(versions: Mapping[str, str]) -> None:
    """Show these versions, and no others."""
    CONTEXT_INFO.clear()
    for what, version in versions.items():
        CONTEXT_INFO.labels(what, version).set(1)


def exposition() -> bytes:
    """All metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
