"""The loop that learns, under load: from a label to a decision that has learned from it, and from harm to the way back.

A worker and a lab in processes of their own, traffic at a steady rate. A label counts as learned when the first
decision is visible that a version made which has learned it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streams import topics
from streams.bench.scenarios import simulated_traffic
from streams.bench.traffic import Feed
from streams.core.context import Alarm, ModelVersion, Stamp
from streams.core.effects import EmitExample, RecordDecision
from streams.core.events import Event, LeadProfile, OutcomeLabel, ScoreSignal
from streams.core.roles import RULES
from streams.core.windows import BINS, EVERYBODY, WindowStats
from streams.demo.outputs import Outputs
from streams.demo.simulator import TOPIC_OF
from streams.demo.stage import control_topics
from streams.demo.worker import LabProcess, WorkerProcess
from streams.errors import NotReady
from streams.kafka import admin
from streams.kafka.changes import ACTIVE, Edit
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.control import ControlWriter, read_control
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.sender import Sender
from streams.kafka.table import ControlTable
from streams.lane.job import LaneSettings, load_job
from streams.policy.publish import Publisher
from streams.privacy.fields import hidden
from streams.settings import Settings, load_settings
from streams.shipped import default_policy

LANES = 4
COLD_START = {"least_labels": 10, "least_positives": 2}
FIRST = 30  # labels before there is a champion
STEP_SECONDS = 0.01
WAIT_SECONDS = 120.0
WRONG_SENDS = 3


class Loop:
    """Leads of its own on the input topics beside the traffic, and what became of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._wire = settings, wire_for(settings)
        self._sender, self._outputs = Sender(settings, linger_ms=0), Outputs(settings)
        self._written = 0
        self.labelled: dict[str, float] = {}  # event id of a label -> when it was sent
        self.place: dict[str, int] = {}  # ... -> which example it is, 1 is the first
        self.took: dict[str, float] = {}  # ... -> seconds until a decision had learned it
        self.examples = 0
        self.decided: set[str] = set()  # leads
        self.last_by: dict[tuple[int, str], float] = {}  # (lane, version) -> newest decision
        self.first_by: dict[tuple[int, str], float] = {}

    def arrive(self, count: int) -> None:
        """Leads come in, with a fit score each, and are decided."""
        for number in range(count):
            self._come(number)
        self._sender.flush()
        self.wait("leads are decided", lambda: len(self.decided) == count)

    def label(self, number: int) -> str:
        """What became of one of them; every second one is good. The event's id."""
        event = OutcomeLabel(**self._common(number), outcome=("won", "lost")[number % 2])
        self.labelled[event.event_id] = time.time()
        self._send(event)
        return event.event_id

    def learned_after(self, event_id: str) -> float:
        """Seconds until a decision has learned it, where nothing but this stirs leads."""

        def done() -> bool:
            self.stir()
            return event_id in self.took

        self.wait("a decision has learned it", done)
        return self.took[event_id]

    def stir(self) -> None:
        """Something to decide: another lead comes in."""
        self._come(-self._written)

    def look(self) -> None:
        """Take in what has come out."""
        self._sender.poll()
        for seen in self._outputs.take():
            if seen.value is None or seen.topic not in (topics.DECISIONS.name, topics.EXAMPLES.name):
                continue
            record = self._wire.decode_any(seen.topic, seen.value, hidden)
            if isinstance(record, EmitExample):
                self.examples += 1
                if record.example_id in self.labelled:
                    self.place[record.example_id] = self.examples
            elif isinstance(record, RecordDecision):
                self._decided(record, seen.at)

    def wait(self, what: str, done: Any) -> None:
        """Look until it is so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise NotReady(f"loop: {what}: not within {WAIT_SECONDS:.0f} s")
            self.look()
            time.sleep(STEP_SECONDS)

    def __enter__(self) -> Loop:
        self._outputs.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._outputs.stop()

    def _decided(self, record: RecordDecision, at: float) -> None:
        self.decided.add(record.lead_id)
        lane = record.partition
        self.last_by[lane, record.model_version] = at
        self.first_by.setdefault((lane, record.model_version), at)
        number = learned_by(record.model_version)
        for event_id, place in list(self.place.items()):
            if place <= number:
                self.took[event_id] = at - self.labelled[event_id]
                del self.place[event_id]

    def _come(self, number: int) -> None:
        self._send(LeadProfile(**self._common(number), email=f"l{number}@example.com", stage="qualify"))
        self._send(ScoreSignal(**self._common(number), kind="fit", value=float(number % 100), confidence=0.9))

    def _common(self, number: int) -> dict[str, Any]:
        self._written += 1
        now = time.time_ns() // 1_000_000
        return {"event_id": f"loop-{self._written}", "lead_id": f"loop-{number}", "occurred_at": now, "source": "loop"}

    def _send(self, event: Event) -> None:
        topic = TOPIC_OF[type(event).__name__]
        self._sender.send(topic, event.lead_id.encode(), self._wire.encode(event), event_headers(event))


def learned_by(version: str) -> int:
    """How many examples a version has learned; the rules none."""
    return 0 if version == RULES else int(version.rpartition("-")[2])


def quick_to_learn(text: str) -> str:
    """A policy with a cold start of a few labels."""
    for name, value in COLD_START.items():
        text, count = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text)
        assert count == 1, f"the shipped policy names {name} once"
    return text


def make_champion(settings: Settings) -> str:
    """Let the newest version decide and follow its line, past the gates; it is told."""
    version = max(key for key in read_control(settings, topics.MODELS, ModelVersion).records if key != ACTIVE)
    now = time.time_ns() // 1_000_000
    roles = ModelVersion(
        actor="bench", second_actor="bench too", reason="to measure", at=now, version=version, champion=version,
        follows=("champion",), since={"champion": now},
    )  # fmt: skip
    ControlTable(settings, topics.MODELS, ModelVersion).change(lambda _: Edit({ACTIVE: roles}))
    return version


def harm(model_version: str) -> WindowStats:
    """A minute in which mails went out that nothing allowed."""
    return WindowStats(
        lane=0, window_start=time.time_ns() // 1_000_000, window_ms=60_000, group=EVERYBODY, value="",
        policy_version="bench", model_version=model_version, counts={"routed": 500, "send:unauthorised": WRONG_SENDS},
        scores=(500 // BINS,) * BINS,
    )  # fmt: skip


def measure(brokers: str, folder: Path, seconds: float, interval: float, rate: float) -> dict[str, Any]:
    """Labels twice a second for so long under so many events a second, then a rollback."""
    settings = load_settings(brokers=brokers, lanes=LANES)
    prepare(settings)
    lanes = LaneSettings(brokers=brokers, lanes=LANES)
    job = load_job("streams.lane.pipeline:job", lanes)
    feed = Feed(brokers, simulated_traffic(job, int(rate * (seconds + 4 * WAIT_SECONDS)), 1), rate)
    pause = {"LEADLANE_LAB_MODEL_INTERVAL_SECONDS": f"{interval:g}"}
    with (
        Loop(settings) as loop,
        WorkerProcess(brokers, LANES, folder / "worker.log"),
        LabProcess(brokers, LANES, folder / "lab.log", **pause) as lab,
    ):
        count = FIRST + int(2 * seconds)
        loop.arrive(count)
        for number in range(FIRST):
            loop.label(number)
        loop.wait("the first labels are learned", lambda: lab.examples() >= FIRST)
        lab.snapshot()
        make_champion(settings)
        feed.start()
        loop.wait("the champion decides", lambda: any(version != RULES for _, version in loop.last_by))
        loop.took.clear()
        loop.place.clear()
        began = time.monotonic()
        for number in range(FIRST, count):
            loop.label(number)
            loop.wait("half a second", lambda due=began + (number - FIRST + 1) / 2: time.monotonic() >= due)
        loop.wait("every label is in a decision", lambda: len(loop.took) == count - FIRST)
        found = {
            "labels": len(loop.took),
            "interval_seconds": interval,
            "label_to_decision_s": quantiles(loop.took.values()),
        }
        return found | {"rollback": roll_back(settings, loop), "events_per_second": round(rate)}


def roll_back(settings: Settings, loop: Loop) -> dict[str, float]:
    """Seconds from the statistics that show harm, and from the alarm, until every lane decides by the rules again."""
    now = time.time()
    champion = max((version for _, version in loop.last_by if version != RULES), key=learned_by)
    sender = Sender(settings)
    sender.send(topics.STATS.name, b"0", wire_for(settings).encode(harm(champion)))
    sender.flush()
    after: dict[tuple[int, str], float] = {}
    loop.first_by = after
    loop.wait("every lane is back", lambda: {lane for lane, version in after if version == RULES} == set(range(LANES)))
    back = max(at for (_, version), at in after.items() if version == RULES)
    loop.wait("two seconds more", lambda: time.time() > back + 2)
    last = max((at for (_, version), at in loop.last_by.items() if version != RULES), default=back)
    alarm = read_control(settings, topics.MODELS, ModelVersion).records[ACTIVE].at / 1000
    alarms = read_control(settings, topics.ALARMS, Alarm).records
    assert alarms["policy_violation"].on
    return {
        "from_statistics_s": round(max(back, last) - now, 2),
        "from_rollback_record_s": round(max(back, last) - alarm, 2),
    }


def prepare(settings: Settings) -> None:
    """Topics, the shipped policy with a small cold start, reps and approvals."""
    now = time.time_ns() // 1_000_000
    admin.apply(settings)
    Publisher(settings).publish(
        quick_to_learn(default_policy().read_text("utf-8")), "bench", Stamp("bench", "a bench run", now)
    )
    for topic, records in control_topics(now).items():
        ControlWriter(settings, topic).write(records)


def quantiles(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    last = len(ordered) - 1
    shares = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(ordered[min(last, int(len(ordered) * share))], 2) for name, share in shares.items()}


def main() -> None:
    """`python -m streams.bench.loop '{"seconds": 60, "interval": 1, "rate": 300}'`: the figures, one JSON object."""
    options = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="leadlane-loop-") as made, EmbeddedBroker() as broker:
        print(json.dumps(measure(broker.bootstrap, Path(made), **options)))


if __name__ == "__main__":
    main()
