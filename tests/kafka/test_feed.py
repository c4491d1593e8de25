"""Feeding a CSV file twice sends the same records to the same places."""

from __future__ import annotations

from pathlib import Path

import yaml
from click.testing import CliRunner

from streams.commands.feed import feed
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reader import Reader
from streams.settings import load_settings
from tests.unit.test_feed import HEADER, MAPPING, ROW


def files(folder: Path) -> list[str]:
    (folder / "m.yaml").write_text(yaml.safe_dump(MAPPING))
    rows = [ROW.replace("7;", f"{number};", 1) for number in range(50)]
    (folder / "e.csv").write_text("\n".join((";".join(HEADER), *rows)))
    return ["--csv", str(folder / "e.csv"), "--mapping", str(folder / "m.yaml")]


def test_feeding_twice_sends_the_same_events_to_the_same_partitions(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = load_settings(brokers=own_broker.bootstrap, lanes=3)
    admin.apply(settings)
    arguments = [*files(tmp_path), "--brokers", own_broker.bootstrap]
    for _ in range(2):
        result = CliRunner().invoke(feed, arguments, catch_exceptions=False)
        assert result.output.startswith("50 rows, 150 records sent in ")
    wire = wire_for(settings)
    for topic in ("leads.profiles", "signals.scores", "labels.outcomes"):
        with Reader(settings) as reader:
            messages = list(reader.read(topic))
        sent = [(m.partition(), m.key(), wire.decode(topic, m.value())) for m in messages]
        ids = [event.event_id for _, _, event in sent]
        assert len(sent) == 100
        assert sorted(ids) == sorted(2 * list(dict.fromkeys(ids)))
        assert len({(partition, key) for partition, key, _ in sent}) == 50
        assert {dict(m.headers() or ())["ce_id"] for m in messages} == {event_id.encode() for event_id in ids}
