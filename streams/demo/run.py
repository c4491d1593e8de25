"""The demo: an embedded Kafka, one worker, simulated platforms and people, and what came of it.

Law of this module: one thread decides what happens when; what it knows of the pipeline it reads from topics.
"""

from __future__ import annotations

import base64
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, get_args

from streams import shipped, topics
from streams.core.context import ModelVersion
from streams.core.effects import CommandCadence, RouteLead, UpdateCase
from streams.core.events import ActivitySignal, Event, OotoSignal, ReplySignal
from streams.demo.outcomes import Outcomes
from streams.demo.outputs import Outputs, Seen
from streams.demo.reps import Reps
from streams.demo.simulator import SPAN_MS, TOPIC_OF, Message, traffic
from streams.demo.stage import ACTOR, REASON, REPS, control_topics, demo_policy
from streams.demo.summary import Account, Learned, Tally, summary
from streams.demo.view import Screen, Snapshot
from streams.demo.worker import LabProcess, WorkerProcess, running, scrape_targets
from streams.demo.world import people
from streams.kafka import admin
from streams.kafka.changes import ACTIVE
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.control import ControlWriter, read_control
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.sender import Sender
from streams.lab.registry import Role
from streams.policy.publish import Publisher, Stamp
from streams.privacy.fields import hidden
from streams.privacy.seal import KEY_BYTES
from streams.privacy.sealer import Sealer, sealer_for
from streams.settings import Settings, load_settings

MOST_LEADS = 1_350  # a few hundred accounts of three to six
EVENTS_PER_LEAD = 20  # at least; a short demo has fewer leads
STEP_SECONDS = 0.002
DRAIN_SECONDS = 20.0  # without any progress
SETTLE_SECONDS = 0.5
WAIT_SECONDS = 0.1
LEARN_SECONDS = 10.0  # for the lab to learn what is left
LINGER_MS = 1
TARGETS = "targets.json"  # where worker and lab serve their metrics, in the folder of data and logs
# The demo seals: with the secret of the environment, or its own.
SECRET, SECRET_FILE = "LEADLANE_SEAL_SECRET", "seal-secret"
ENDING = (
    "meeting_booked", "ticket_opened", "csat", "bounce_hard", "bounce_soft", "complaint", "unsubscribe", "objection",
    "opportunity_opened",
)  # fmt: skip
INTERVAL, MODEL_SECONDS = "LEADLANE_LAB_MODEL_INTERVAL_SECONDS", "5"


@dataclass(frozen=True, slots=True)
class Options:
    """How the demo runs."""

    seconds: float
    rate: float
    seed: int
    data_dir: Path | None = None
    keep: bool = False
    lanes: int = 4  # each lane has transactions of its own: twelve take most of two cores at the demo's rate


Report = Callable[[dict[str, Any], Tally, str, Path], None]  # summary, all that was seen, brokers, file of the secret


def run_demo(options: Options, screen: Screen, report: Report) -> dict[str, Any]:
    """Run it, report, and return the summary. Ctrl-C ends it early, with a summary."""
    with ExitStack() as stack:
        folder = options.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leadlane-demo-")))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        stop = stack.enter_context(interrupted())
        screen.say("starting Kafka ...")
        kafka = EmbeddedBroker(data_dir=folder / "kafka", log_file=folder / "broker.log")
        broker = stack.enter_context(kafka)
        secret = seal_secret(folder)
        settings = load_settings(brokers=broker.bootstrap, lanes=options.lanes, seal_secret=secret)
        stage = Demo(options, settings, screen, stop)
        stage.set_up()
        screen.say(f"Kafka is up at {broker.bootstrap}; starting a worker and a lab (logs in {folder}) ...")
        worker = WorkerProcess(broker.bootstrap, settings.lanes, folder / "worker.log", **{SECRET: secret})
        lab = LabProcess(broker.bootstrap, settings.lanes, folder / "lab.log", **{INTERVAL: MODEL_SECONDS})
        with running(worker, lab):
            (folder / TARGETS).write_text(scrape_targets(worker, lab))
            screen.say(f"metrics: {worker.url}/metrics, {lab.url}/metrics; for Prometheus: {folder / TARGETS}")
            with screen:
                result = stage.play(worker, lab)
            report(result, stage.tally, broker.bootstrap, folder / SECRET_FILE)
            if options.keep and not stop.is_set():
                stop.wait()
        return result


class Demo:
    """One run on a broker that is up."""

    def __init__(self, options: Options, settings: Settings, screen: Screen, stop: threading.Event) -> None:
        self.tally = Tally()
        self._options, self._settings, self._screen, self._stop = options, settings, screen, stop
        self._wire = wire_for(settings)
        self._began_ms = int(time.time() * 1000)
        self._run = f"d{self._began_ms:x}"
        self._policy = demo_policy(shipped.default_policy().read_text("utf-8"))
        self._sender: Sender
        self._sealer: Sealer | None
        self._outputs: Outputs
        self._crm: Outcomes
        self._reps: Reps
        self._duplicates = 0
        self._held: set[str] = set()  # leads whose cadences are paused or stopped
        self._heard_of: set[str] = set()  # leads whose sequence has ended by itself
        self._signals = 0

    def set_up(self) -> None:
        """Topics, policy, roster, approvals."""
        admin.apply(self._settings)
        Publisher(self._settings).publish(self._policy, "the demo's policy", Stamp(ACTOR, REASON, self._began_ms))
        for topic, records in control_topics(self._began_ms).items():
            ControlWriter(self._settings, topic).write(records)
        self._sender, self._sealer = Sender(self._settings, linger_ms=LINGER_MS), sealer_for(self._settings, "demo")
        self._outputs = Outputs(self._settings)

    def play(self, worker: WorkerProcess, lab: LabProcess) -> dict[str, Any]:
        """Send, watch, drain, count."""
        self._outputs.start()
        try:
            began = time.monotonic()
            self._send_all(began, worker)
            sending = time.monotonic() - began
            self._sender.flush()
            self._drain(worker)
            outcomes = worker.outcomes()
            learned = self._learned(lab)
        finally:
            self._outputs.stop()
        account = Account(
            produced=self._sender.delivered + self.tally.erasures,  # a person may try `leadlane forget`
            decided=self.tally.decided,
            no_consequence=outcomes["quiet"] + outcomes["no_consequence"] + outcomes["erased"],
            duplicates=outcomes["duplicate"],
            dead_letters=self.tally.letters.total(),
            journaled=self.tally.journaled,
        )
        return summary(self.tally, account, sending, self._signals, self._duplicates, learned)

    def _send_all(self, began: float, worker: WorkerProcess) -> None:
        options = self._options
        events = int(options.rate * options.seconds)
        leads = max(1, min(MOST_LEADS, events // EVENTS_PER_LEAD))
        start_at = int(time.time() * 1000) + int(options.seconds * 1000) - SPAN_MS
        others = "" if self._outputs.is_first else f"{self._run}-"  # the leads of an earlier run are all routed
        self._crm = Outcomes(options.seed, people(Random(options.seed), leads, others), self._run)
        self._reps = Reps(options.seed, {rep: queues for rep, queues, _ in REPS}, self._run, is_good=self._crm.is_good)
        offered = 0
        messages = traffic(options.seed, events, leads, start_at=start_at, run=self._run, lead_prefix=others)
        while not self._stop.is_set():
            elapsed = time.monotonic() - began
            due = list(islice(messages, min(events, int(elapsed * options.rate)) - offered))
            offered += len(due)
            going = [message for message in due if not self._is_held(message)]
            self.tally.let_be += len(due) - len(going)
            self._send(going)
            self._turn(elapsed)
            worker.must_run()
            if offered >= events and elapsed >= options.seconds:
                return
            time.sleep(STEP_SECONDS)

    def _drain(self, worker: WorkerProcess) -> None:
        """Wait until the journal has all that was sent, or nothing moves any more."""
        moved_at, before = time.monotonic(), -1
        while time.monotonic() - moved_at < DRAIN_SECONDS and self.tally.journaled < self._sender.delivered:
            worker.must_run()
            self._take_in()
            if self.tally.journaled != before:
                moved_at, before = time.monotonic(), self.tally.journaled
            time.sleep(STEP_SECONDS)
        settled = time.monotonic() + SETTLE_SECONDS  # other partitions of the last transactions
        while time.monotonic() < settled:
            self._take_in()
            time.sleep(STEP_SECONDS)

    def _learned(self, lab: LabProcess) -> Learned:
        """What the lab has learned, once it has taken in every outcome or time is up."""
        deadline = time.monotonic() + LEARN_SECONDS
        while (examples := lab.examples()) < self.tally.outcomes and time.monotonic() < deadline:
            lab.must_run()
            time.sleep(WAIT_SECONDS)
        lab.snapshot()
        models = dict(read_control(self._settings, topics.MODELS, ModelVersion).records)
        roles, newest = models.pop(ACTIVE, None), max(models, default=None)
        role = next((role for role in get_args(Role) if roles and getattr(roles, role) == newest), None)
        return Learned(examples, lab.versions(), newest, role)

    def _turn(self, elapsed: float) -> None:
        """Take outputs in, let people act, show."""
        now = int(time.time() * 1000)
        self._take_in()
        done = (*self._reps.due(now), *self._crm.due(now))
        for event, sealed in zip(done, self._sealed(done), strict=True):
            self._write(TOPIC_OF[type(event).__name__], event.lead_id.encode(), sealed)
        self._sender.poll()
        tally, options = self.tally, self._options
        rate = self._signals / elapsed if elapsed else 0.0
        version = self._policy.partition("\n")[0]
        self._screen.show(Snapshot(elapsed, options.seconds, self._signals, rate, tally, now, version))

    def _take_in(self) -> None:
        for seen in self._outputs.take():
            record = None if seen.value is None else self._wire.decode_any(seen.topic, seen.value, hidden)
            if isinstance(record, RouteLead):
                self._crm.see(record, int(seen.at * 1000))
            elif isinstance(record, CommandCadence):
                (self._held.discard if record.command == "resume" else self._held.add)(record.lead_id)
            if seen.topic == topics.CASES_OPEN.name:
                self._tell_reps(record, seen)
            elif record is not None:
                self.tally.see(record, seen.at)

    def _tell_reps(self, record: object, seen: Seen) -> None:
        if isinstance(record, UpdateCase):
            self._reps.see(record, int(seen.at * 1000))

    def _is_held(self, message: Message) -> bool:
        """Whether a sender lets it be: a cadence mail to a lead that has been heard of, or is paused or stopped."""
        event = message.value
        if isinstance(event, Event) and ends_sequence(event):
            self._heard_of.add(event.lead_id)
        if not isinstance(event, ActivitySignal) or not is_cadence_mail(event):
            return False
        return event.lead_id in self._held or event.lead_id in self._heard_of

    def _send(self, messages: Sequence[Message]) -> None:
        events = iter(self._sealed([message.value for message in messages if isinstance(message.value, Event)]))
        for message in messages:
            self._signals += 1
            self._duplicates += message.kind == "duplicate"
            self._write(message.topic, message.key, next(events) if isinstance(message.value, Event) else message.value)

    def _sealed(self, events: Sequence[Event]) -> Sequence[Event]:
        """As a platform's gateway would send them."""
        return events if self._sealer is None else self._sealer.seal_all(events)

    def _write(self, topic: str, key: bytes | None, value: Event | bytes | None) -> None:
        latency = self.tally.latency
        encoded = self._wire.encode(value) if isinstance(value, Event) else value
        headers = event_headers(value) if isinstance(value, Event) else ()
        sent_at = time.time()

        def delivered(topic: str, partition: int, offset: int) -> None:
            latency.sent((topic, partition, offset), sent_at)

        self._sender.send(topic, key, encoded, headers, delivered)


def is_cadence_mail(event: ActivitySignal) -> bool:
    """Whether a platform sent it by itself, for marketing."""
    return event.kind == "sent" and event.by != "rep" and not event.transactional


def ends_sequence(event: Event) -> bool:
    """Whether a platform ends a lead's sequence by itself: a reply, an absence, a meeting, a deal, trouble.

    The demo packs weeks into seconds, so a hold of days in the simulated past is over before anything is ordered.
    """
    return isinstance(event, ReplySignal | OotoSignal) or (isinstance(event, ActivitySignal) and event.kind in ENDING)


def seal_secret(folder: Path) -> str:
    """The secret under which personal texts are sealed: the environment's, or one of this folder's own."""
    set_by_user = load_settings().seal_secret
    if set_by_user is not None:
        return set_by_user.get_secret_value()
    file = folder / SECRET_FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(base64.b64encode(os.urandom(KEY_BYTES)).decode())
    return file.read_text()


@contextmanager
def interrupted() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second interrupts for good."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.default_int_handler(number, None)
        stop.set()

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
