"""The lab on a real Kafka: killed and started again, taken over, from a label to a decision, and back when it must."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from streams.core.context import Stamp
from streams.demo.worker import LabProcess
from streams.lab.learning import Learning
from streams.settings import Settings
from tests.kafka.conftest import FreshTopics
from tests.kafka.labs import examples, kept, models, publish_policy, send_examples, wait_for

LANES = 2


@pytest.fixture
def settings(fresh_topics: FreshTopics) -> Settings:
    made = fresh_topics(lanes=LANES)
    publish_policy(made)
    return made


def a_lab(settings: Settings, log: Path, **more: str) -> LabProcess:
    return LabProcess(settings.brokers, LANES, log, settings.app_id, **more)


def learned(lab: LabProcess) -> int:
    """Examples, as its metrics say."""
    found = re.search(r"^leadlane_lab_examples (\S+)$", lab.exposition(), re.M)
    assert found is not None
    return int(float(found[1]))


def test_a_lab_that_is_killed_again_and_again_learns_what_an_undisturbed_one_does(
    settings: Settings, tmp_path: Path
) -> None:
    everything = examples(8_000)
    send_examples(settings, everything)
    often = {"LEADLANE_LAB_CHECKPOINT_SECONDS": "0.1", "LEADLANE_LAB_MODEL_INTERVAL_SECONDS": "0.3"}
    killed_at: list[int] = []
    for after in (1_000, 3_000, 5_000):
        lab = a_lab(settings, tmp_path / "lab.log", **often)
        with lab:
            wait_for(lambda lab=lab, after=after: learned(lab) >= after)  # type: ignore[misc]
            killed_at.append(learned(lab))
            lab.kill()
    with a_lab(settings, tmp_path / "lab.log", **often) as lab:
        wait_for(lambda: learned(lab) == len(everything))
        lab.snapshot()
    assert max(killed_at) < len(everything)

    undisturbed = Learning("online")
    documents: dict[str, str] = {}
    published = models(settings)
    for offset, example in enumerate(everything):
        undisturbed.take(offset, example)
        if undisturbed.version in published:
            documents[undisturbed.version] = undisturbed.snapshot(Stamp("x", "y", 0)).document
    checkpoint = kept(settings)
    assert checkpoint is not None
    assert checkpoint.learned == undisturbed.dump()
    found = {key: record.document for key, record in published.items() if key != "active"}
    assert found == documents
    assert len(found) > 3
