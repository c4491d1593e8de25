"""`make fuzz`: a worker on an embedded Kafka under a flood of broken messages; the last line is a JSON summary.

    python -m tests.fuzz [--messages 200000] [--seed 1] [--keep FOLDER]

Exit code 1 unless every message is accounted for exactly once and no lane was ever rebuilt.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from streams.kafka import admin
from streams.kafka.embedded import EmbeddedBroker
from streams.settings import load_settings
from tests.fuzz.run import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="A worker under broken messages.")
    parser.add_argument("--messages", type=int, default=200_000, help="of every input topic")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=12)
    parser.add_argument("--keep", type=Path, help="keep Kafka's data and the worker's log in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadlane-fuzz-") as made:
        folder = given.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        with EmbeddedBroker(data_dir=folder / "kafka", heap="512m") as broker:
            settings = load_settings(brokers=broker.bootstrap, lanes=given.lanes)
            admin.apply(settings)
            report = fuzz(settings, given.messages, given.seed, folder / "worker.log")
    print(json.dumps(report))
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
