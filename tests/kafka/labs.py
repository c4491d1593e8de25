"""Examples with something to learn in them, and what a lab has made of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from msgspec.structs import replace

from streams import shipped, topics
from streams.core.context import Alarm, ModelVersion, Stamp
from streams.core.effects import EmitExample, RecordDecision
from streams.core.events import Event
from streams.core.roles import RULES
from streams.core.windows import BINS, EVERYBODY, WindowStats
from streams.demo.outputs import Outputs
from streams.demo.simulator import TOPIC_OF
from streams.demo.worker import WorkerProcess
from streams.kafka.changes import ACTIVE, Edit
from streams.kafka.codec import event_headers, wire_for
from streams.kafka.control import read_control
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.kafka.table import ControlTable
from streams.lab import moves
from streams.lab.checkpoint import Checkpoint, Search
from streams.lab.registry import registry_from
from streams.policy.publish import Publisher
from streams.settings import Settings
from tests.factories import T0, a_label, a_profile, a_score, an_example

WAIT_SECONDS = 20.0
STAGES = ("acquire", "qualify", "engage")


def examples(count: int, seed: int = 1, corrections: float = 0.05) -> list[EmitExample]:
    """`count` examples; a share of them corrects the one before."""
    random, made = Random(seed), list[EmitExample]()
    for number in range(count):
        fit, stage = random.uniform(0, 100), random.choice(STAGES)
        good = random.random() < fit / 200 + 0.3 * (stage == "engage")
        fields = {"example_id": f"label-{number}", "features": {"fit": fit, "stage": stage}, "label": good}
        if made and random.random() < corrections:
            last = made[-1]
            fields |= {"supersedes": last.example_id, "previous": last.label, "label": not last.label}
            fields |= {"features": last.features}
        made.append(an_example(lead_id=f"lead-{number}", rule_score=fit, emitted_at=T0 + number, **fields))
    return made


def send_examples(settings: Settings, made: Iterable[EmitExample]) -> None:
    sender, wire = Sender(settings), wire_for(settings)
    for example in made:
        sender.send(topics.EXAMPLES.name, example.lead_id.encode(), wire.encode(example))
    sender.flush()


def publish_policy(settings: Settings, change: Callable[[str], str] = lambda text: text) -> None:
    text = change(shipped.default_policy().read_text("utf-8"))
    Publisher(settings).publish(text, "policy", Stamp("ana", "test", int(time.time() * 1000)))


def models(settings: Settings) -> dict[str, ModelVersion]:
    """control.models by key."""
    return dict(read_control(settings, topics.MODELS, ModelVersion).records)


def kept(settings: Settings, line: str = "online") -> Checkpoint | None:
    """The newest checkpoint on lab.state."""
    search = Search(line)
    with Reader(settings) as reader:
        for message in reader.read(topics.LAB_STATE.name):
            search.see(message.key(), message.value())
    return search.found()


def wait_for(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait for the condition; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def quick_to_learn(text: str) -> str:
    """The shipped policy with a cold start of a few labels."""
    for name, value in (("least_labels", 10), ("least_positives", 2)):
        text, count = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text)
        assert count == 1
    return text


def make_champion(settings: Settings) -> str:
    """Two persons have let the newest version decide, and follow its line; it is told."""
    version = newest(settings).version
    roles = ModelVersion(
        actor="ana", reason="test", at=int(time.time() * 1000), version=version, champion=version,
        follows=("champion",), since={"champion": int(time.time() * 1000)}, second_actor="ben",
    )  # fmt: skip
    ControlTable(settings, topics.MODELS, ModelVersion).change(lambda _: Edit({ACTIVE: roles}))
    return version


class Leads:
    """Leads on the input topics, and the decisions about them."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._wire, self._sender = wire_for(settings), Sender(settings, linger_ms=0)
        self._outputs = Outputs(settings)
        self._count, self._written = count, 0
        self.decisions: list[tuple[RecordDecision, float]] = []  # and when each was seen

    @contextmanager
    def following(self) -> Iterator[None]:
        self._outputs.start()
        try:
            yield
        finally:
            self._outputs.stop()

    def arrive(self) -> None:
        """All leads come in and are decided."""
        for number in range(self._count):
            self._send(a_profile(**self._common(number)))
            self._send(a_score(value=float(number * 100 // self._count), **self._common(number)))
        self._sender.flush()
        wait_for(lambda: len({decision.lead_id for decision, _ in self._decided()}) == self._count)

    def label(self, numbers: Iterable[int]) -> None:
        """Outcomes: every second lead is a good one."""
        for number in numbers:
            self._send(a_label(outcome=("won", "lost")[number % 2], **self._common(number)))
        self._sender.flush()

    def seconds_from_label_to_decision(self, number: int) -> float:
        """How long until somebody is decided by a model that has learned this lead's outcome, the `number`th."""
        before = len(self.decisions)
        self.label([number])
        labelled = time.time()
        wanted = f"online-{number + 1:09d}"
        while True:
            self._send(a_score(value=(20.0, 90.0)[self._written % 2], **self._common(0)))
            time.sleep(0.03)
            for decision, at in self._decided()[before:]:
                if decision.model_version >= wanted and decision.model_version != RULES:
                    return at - labelled
            assert time.time() < labelled + WAIT_SECONDS

    def _decided(self) -> list[tuple[RecordDecision, float]]:
        for seen in self._outputs.take():
            if seen.topic == topics.DECISIONS.name and seen.value is not None:
                decision = self._wire.decode_any(seen.topic, seen.value)
                assert isinstance(decision, RecordDecision)
                self.decisions.append((decision, seen.at))
        return self.decisions

    def _common(self, number: int) -> dict[str, Any]:
        self._written += 1
        now = int(time.time() * 1000)
        return {"event_id": f"event-{self._written}", "lead_id": f"lead-{number}", "occurred_at": now}

    def _send(self, event: Event) -> None:
        topic = TOPIC_OF[type(event).__name__]
        self._sender.send(topic, event.lead_id.encode(), self._wire.encode(event), event_headers(event))


def send_harm(settings: Settings, model_version: str) -> None:
    """A minute in which three mails went out that nothing allowed."""
    start = int(time.time() * 1000)
    window = WindowStats(
        lane=0, window_start=start, window_ms=60_000, group=EVERYBODY, value="", policy_version="p",
        model_version=model_version, counts={"routed": 500, "send:unauthorised": 3}, scores=(25,) * BINS,
    )  # fmt: skip
    sender = Sender(settings)
    sender.send(topics.STATS.name, b"0", wire_for(settings).encode(window))
    sender.flush()


def acknowledge(settings: Settings) -> None:
    """A person lets learning go on."""
    stamp = Stamp("ana", "looked into it", int(time.time() * 1000))
    table = ControlTable(settings, topics.MODELS, ModelVersion)
    assert isinstance(table.change(lambda records: moves.acknowledge(registry_from(records), stamp)), Edit)


def decides(worker: WorkerProcess, model_version: str) -> bool:
    """Whether the worker has this champion in force."""
    return f'leadlane_context_info{{version="{model_version}",what="champion"}} 1.0' in worker.exposition()


def with_answer(example: EmitExample) -> EmitExample:
    """The example with a feature that somebody filled in afterwards."""
    return replace(example, features=example.features | {"answer": "yes" if example.label else "no"})


def send_garbage(settings: Settings) -> None:
    """A training example that nobody can read."""
    sender = Sender(settings)
    sender.send(topics.EXAMPLES.name, b"lead-x", b"nonsense")
    sender.flush()


def alarms(settings: Settings) -> dict[str, Alarm]:
    """control.alarms by name."""
    return dict(read_control(settings, topics.ALARMS, Alarm).records)


def newest(settings: Settings) -> ModelVersion:
    """The newest version on control.models."""
    found = models(settings)
    return found[max(key for key in found if key != ACTIVE)]
