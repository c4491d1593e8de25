"""The lab on a real Kafka: killed and started again, taken over, from a label to a decision, and back when it must."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.bench.loop import FIRST, Loop, make_champion, quick_to_learn
from streams.core.context import Alarm, Stamp
from streams.core.model import load_model
from streams.demo.worker import LabProcess, WorkerProcess, running
from streams.kafka.changes import Edit
from streams.kafka.codec import wire_for
from streams.kafka.sender import Sender
from streams.kafka.table import ControlTable
from streams.lab.forgetting import trace_of
from streams.lab.keeper import TakenOver
from streams.lab.leaks import allowance, name_of
from streams.lab.learning import Learning
from streams.policy.publish import read_published
from streams.settings import Settings
from streams.topics import ALARMS, ERASURES
from tests.factories import DAY, T0, an_erasure
from tests.kafka.conftest import FreshTopics
from tests.kafka.labs import (
    acknowledge,
    alarms,
    decides,
    examples,
    kept,
    models,
    newest,
    publish_policy,
    send_examples,
    send_garbage,
    send_harm,
    wait_for,
    with_answer,
    written_examples,
)

LANES = 2
LEAK = name_of("answer")


@pytest.fixture
def settings(fresh_topics: FreshTopics) -> Settings:
    made = fresh_topics(lanes=LANES)
    publish_policy(made)
    return made


def a_lab(settings: Settings, log: Path, **more: str) -> LabProcess:
    return LabProcess(settings.brokers, LANES, log, settings.app_id, **more)


def a_worker(settings: Settings, folder: Path) -> WorkerProcess:
    return WorkerProcess(settings.brokers, LANES, folder / "worker.log", settings.app_id)


def test_a_lab_that_is_killed_again_and_again_learns_what_an_undisturbed_one_does(
    settings: Settings, tmp_path: Path
) -> None:
    everything, first = examples(8_000), 7_800
    send_examples(settings, everything[:first])
    often = {"LEADLANE_LAB_CHECKPOINT_SECONDS": "0.1", "LEADLANE_LAB_MODEL_INTERVAL_SECONDS": "0.3"}
    killed_at: list[int] = []
    for after in (1_500, 4_500):
        lab = a_lab(settings, tmp_path / "lab.log", **often)
        with lab:
            wait_for(lambda lab=lab, after=after: lab.examples() >= after)  # type: ignore[misc]
            killed_at.append(lab.examples())
            lab.kill()
    with a_lab(settings, tmp_path / "lab.log", **often) as lab:
        for count in range(first, len(everything) + 1, 50):
            wait_for(lambda count=count: lab.examples() == count)  # type: ignore[misc]
            lab.snapshot()
            send_examples(settings, everything[count : count + 50])
    assert max(killed_at) < first

    undisturbed = Learning("online")
    documents: dict[str, str] = {}
    published = models(settings)
    for offset, example in enumerate(everything):
        undisturbed.take(offset, example)
        if undisturbed.version in published:
            documents[undisturbed.version] = undisturbed.snapshot(Stamp("x", "y", 0), None, 0).document
    checkpoint = kept(settings)
    assert checkpoint is not None
    assert checkpoint.learned == undisturbed.dump()
    found = {key: record.document for key, record in published.items() if key != "active"}
    assert found == documents
    assert len(found) >= 5


def test_a_second_lab_of_the_same_line_takes_over_and_the_first_says_so(settings: Settings, tmp_path: Path) -> None:
    send_examples(settings, examples(300))
    often = {"LEADLANE_LAB_CHECKPOINT_SECONDS": "0.1"}
    first = a_lab(settings, tmp_path / "first.log", **often)
    with first, a_lab(settings, tmp_path / "second.log", **often) as second:
        send_examples(settings, examples(100, seed=2))
        assert first.ended(10) == TakenOver.exit_code
        wait_for(lambda: second.examples() == 400)
    assert "TakenOver: line 'online' of" in (tmp_path / "first.log").read_text()


def test_a_lead_that_is_erased_is_in_no_checkpoint_after_the_next(settings: Settings, tmp_path: Path) -> None:
    made = [replace(example, predictions={"online-000000001": 0.5}) for example in examples(60, corrections=0)]
    gone, log = made[7].lead_id, tmp_path / "lab.log"

    def keeps() -> bool:
        checkpoint = kept(settings)
        return checkpoint is not None and trace_of(gone) in checkpoint.learned

    with a_lab(settings, log, LEADLANE_LAB_CHECKPOINT_SECONDS="0.1") as lab:
        send_examples(settings, made)
        wait_for(lambda: lab.examples() == 60 and keeps())
        request, sender = an_erasure(lead_id=gone, occurred_at=T0 + 100 * DAY), Sender(settings)
        sender.send(ERASURES.name, gone.encode(), wire_for(settings).encode(request))
        sender.flush()
        wait_for(lambda: not keeps())
        send_examples(settings, [replace(made[7], example_id="late")])
        wait_for(lambda: lab.examples() == 61)
    assert not keeps()


def test_a_label_is_in_decisions_within_five_seconds_when_configured_so(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    settings = fresh_topics(lanes=LANES)
    publish_policy(settings, quick_to_learn)
    lab = a_lab(settings, tmp_path / "lab.log", LEADLANE_LAB_MODEL_INTERVAL_SECONDS="1")
    with Loop(settings) as loop, running(a_worker(settings, tmp_path), lab):
        loop.arrive(FIRST + 5)
        for number in range(FIRST):
            loop.label(number)
        loop.wait("the first labels are learned", lambda: lab.examples() == FIRST)
        lab.snapshot()
        make_champion(settings)
        took = sorted(loop.learned_after(loop.label(number)) for number in range(FIRST, FIRST + 5))
    assert took[-1] < 5, took
    assert took[2] < 2, took


def test_a_champion_that_does_harm_is_rolled_back_within_seconds_and_frozen_until_a_person_acknowledges(
    fresh_topics: FreshTopics, tmp_path: Path
) -> None:
    settings = fresh_topics(lanes=LANES)
    publish_policy(settings, quick_to_learn)
    worker = a_worker(settings, tmp_path)
    lab = a_lab(settings, tmp_path / "lab.log", LEADLANE_LAB_MODEL_INTERVAL_SECONDS="1")
    with running(worker, lab):
        send_examples(settings, examples(100))
        wait_for(lambda: lab.examples() == 100)
        lab.snapshot()
        champion = make_champion(settings)
        wait_for(lambda: decides(worker, champion))
        send_harm(settings, champion)
        asked = time.monotonic()
        wait_for(lambda: decides(worker, "rules"))
        took = time.monotonic() - asked
        roles = models(settings)["active"]
        send_examples(settings, examples(50, seed=2))
        frozen = lab.snapshot()
        assert lab.examples() == 100
        acknowledge(settings)
        wait_for(lambda: lab.examples() == 150)
    assert took < 5
    assert (roles.champion, roles.frozen, roles.actor) == ("rules", True, "lab")
    assert roles.reason.startswith("policy_violation: 3 sends without an authorising decision")
    assert frozen == "learning is frozen: `leadlane model acknowledge`"
    alarm = alarms(settings)["policy_violation"]
    assert (alarm.on, alarm.actor) == (True, "lab")


def test_a_policy_that_does_harm_is_rolled_back_when_it_is_the_latest_change(
    settings: Settings, tmp_path: Path
) -> None:
    former = read_published(settings).pointer
    publish_policy(settings, lambda text: re.sub(r"(?m)^version: .*$", 'version: "harmful"', text))
    with a_lab(settings, tmp_path / "lab.log"):
        send_harm(settings, "rules")
        wait_for(lambda: bool(models(settings)))
    pointer, roles = read_published(settings).pointer, models(settings)["active"]
    assert former is not None
    assert pointer is not None
    assert (pointer.version, pointer.actor) == (former.version, "lab")
    assert (roles.champion, roles.frozen, roles.reason) == ("rules", True, pointer.reason)


def test_a_leak_is_left_out_until_a_person_lets_it_in_also_when_the_lab_is_killed_then(
    settings: Settings, tmp_path: Path
) -> None:
    leaky = [with_answer(example) for example in examples(400, corrections=0)]
    send_examples(settings, leaky[:300])
    send_garbage(settings)
    often = {"LEADLANE_LAB_MODEL_INTERVAL_SECONDS": "0.3", "LEADLANE_LAB_CHECKPOINT_SECONDS": "3600"}
    with a_lab(settings, tmp_path / "lab.log", **often) as lab:
        wait_for(lambda: lab.examples() == 300 and LEAK in alarms(settings))
        lab.snapshot()
        assert alarms(settings)[LEAK].on
        assert "answer" in load_model(newest(settings).document).document.left_out
        ControlTable(settings, ALARMS, Alarm).change(lambda _: Edit({LEAK: allowance("answer", Stamp("ana", "ok", 1))}))
        wait_for(lambda: "answer is learned from" in (tmp_path / "lab.log").read_text())
        send_examples(settings, leaky[300:350])
        wait_for(lambda: lab.examples() == 350)
        lab.kill()
    send_examples(settings, leaky[350:])
    with a_lab(settings, tmp_path / "lab.log", **often) as lab:
        wait_for(lambda: lab.examples() == 400)
        lab.snapshot()
    assert load_model(newest(settings).document).document.left_out == {}
    assert "left out" not in alarms(settings)[LEAK].detail
    undisturbed = Learning("online")
    for number, example in enumerate(leaky):
        if number == 300:
            undisturbed.allow("answer")
        undisturbed.take(number + (number >= 300), example)  # the garbage has an offset too
    checkpoint = kept(settings)
    assert checkpoint is not None
    assert checkpoint.learned == undisturbed.dump()


def test_worker_and_lab_killed_in_the_middle_of_learning_end_where_an_undisturbed_run_over_the_same_examples_does(
    settings: Settings, tmp_path: Path
) -> None:
    often = {"LEADLANE_LAB_CHECKPOINT_SECONDS": "0.1", "LEADLANE_LAB_MODEL_INTERVAL_SECONDS": "0.3"}
    leads, labelled = 150, 0
    with Loop(settings) as loop:
        for until in (50, 100, leads):
            worker, lab = a_worker(settings, tmp_path), a_lab(settings, tmp_path / "lab.log", **often)
            with running(worker, lab):
                if not labelled:
                    loop.arrive(leads)
                for number in range(labelled, until):
                    loop.label(number)
                least = leads if until == leads else labelled + 1
                loop.wait("examples are learned", lambda lab=lab, least=least: lab.examples() >= least)
                if until < leads:
                    worker.kill()
                    lab.kill()
            labelled = until
    written = written_examples(settings)
    assert len(written) == len({example.lead_id for _, example in written}) == leads
    undisturbed = Learning("online")
    for offset, example in written:
        undisturbed.take(offset, example)
    checkpoint = kept(settings)
    assert checkpoint is not None
    assert checkpoint.learned == undisturbed.dump()
