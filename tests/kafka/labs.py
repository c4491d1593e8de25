"""Examples with something to learn in them, and what a lab has made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from random import Random

from msgspec.structs import replace

from streams import shipped, topics
from streams.bench.loop import harm
from streams.core.context import Alarm, ModelVersion, Stamp
from streams.core.effects import EmitExample
from streams.demo.worker import WorkerProcess
from streams.kafka.changes import ACTIVE, Edit
from streams.kafka.codec import wire_for
from streams.kafka.control import read_control
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.kafka.table import ControlTable
from streams.lab import moves
from streams.lab.checkpoint import Checkpoint, Search
from streams.lab.registry import registry_from
from streams.policy.publish import Publisher
from streams.settings import Settings
from tests.factories import T0, an_example

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


def send_harm(settings: Settings, model_version: str) -> None:
    """A minute in which three mails went out that nothing allowed."""
    sender = Sender(settings)
    sender.send(topics.STATS.name, b"0", wire_for(settings).encode(harm(model_version)))
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


def written_examples(settings: Settings) -> list[tuple[int, EmitExample]]:
    """What stands on training.examples, with offsets."""
    wire, found = wire_for(settings), list[tuple[int, EmitExample]]()
    with Reader(settings) as reader:
        for message in reader.read(topics.EXAMPLES.name):
            example = wire.decode_any(topics.EXAMPLES.name, message.value())
            assert isinstance(example, EmitExample)
            found.append((int(message.offset() or 0), example))
    return found
