"""Examples with something to learn in them, and what a lab has made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from random import Random

from streams import shipped, topics
from streams.core.context import ModelVersion, Stamp
from streams.core.effects import EmitExample
from streams.kafka.codec import wire_for
from streams.kafka.control import read_control
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.lab.checkpoint import Checkpoint, Search
from streams.policy.publish import Publisher
from streams.settings import Settings
from tests.factories import T0, an_example

WAIT_SECONDS = 20.0
STAGES = ("acquire", "qualify", "engage")


def examples(count: int, seed: int = 1) -> list[EmitExample]:
    """`count` examples; one in twenty corrects the one before."""
    random, made = Random(seed), []
    for number in range(count):
        fit, stage = random.uniform(0, 100), random.choice(STAGES)
        good = random.random() < fit / 200 + 0.3 * (stage == "engage")
        fields = {"example_id": f"label-{number}", "features": {"fit": fit, "stage": stage}, "label": good}
        if made and random.random() < 0.05:
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
