"""Dead letters are listed, shown and sent again once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Message

from streams.commands.dlq import AlreadyRedriven, CannotRedrive, NoSuchLetter, dlq
from streams.kafka import admin
from streams.kafka.codec import wire_for
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.letters import AS_IT_CAME, Mark, RedriveFailed, Redriver, read_letters
from streams.kafka.reader import Reader
from streams.kafka.sender import Sender
from streams.lane.deadletters import DeadLetter, Header
from streams.settings import Settings, load_settings
from tests.factories import T0, an_activity

LANES = 3
WHY = ("--actor", "ana", "--reason", "sender mended")


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """One Kafka for this file: each test has input topics of its own."""
    with EmbeddedBroker() as broker:
        settings = load_settings(brokers=broker.bootstrap, lanes=LANES)
        admin.apply(settings)
        yield settings


def a_letter(**fields: object) -> DeadLetter:
    known: dict[str, object] = {
        "topic": "signals.scores", "partition": 1, "offset": 88121, "timestamp": T0, "key": b"lead-1",
        "value": b"\0\0\0", "headers": (Header("ce_id", b"score-1"),), "error_class": "UnreadableRecord",
        "error_text": "value starts with 0x000000, expected Confluent framing", "failed_at": T0, "lane": 1,
    }  # fmt: skip
    return DeadLetter(**{**known, **fields})  # type: ignore[arg-type]


def write(settings: Settings, *letters: DeadLetter) -> None:
    sender, wire = Sender(settings), wire_for(settings)
    for letter in letters:
        sender.send("dead.letters", letter.key, wire.encode(letter))
    sender.flush()


def run(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(dlq, [*arguments, "--brokers", settings.brokers], catch_exceptions=False)
    return result.output


def listed(settings: Settings, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in run(settings, "list", "--json", *arguments).splitlines()]


def records(settings: Settings, topic: str) -> list[Message]:
    with Reader(settings) as reader:
        return list(reader.read(topic))


def test_a_letter_is_sent_again_once_as_it_came(settings: Settings) -> None:
    write(settings, a_letter(), a_letter(topic="signals.intent", key=b"lead-2", error_class="ValueError"))
    place = str(next(each["place"] for each in listed(settings) if each["key"] == "lead-1"))

    would = run(settings, "redrive", "--topic", "signals.scores", "--dry-run", *WHY)
    assert would == f"would send {place} to signals.scores\n1 to send, 0 left out (sent before, or a timer)\n"
    assert records(settings, "signals.scores") == []

    assert run(settings, "redrive", "--topic", "signals.scores", *WHY).startswith(f"sent {place} to signals.scores\n1 ")
    again = run(settings, "redrive", "--topic", "signals.scores", *WHY)
    assert again == "0 sent, 1 left out (sent before, or a timer)\n"
    with pytest.raises(AlreadyRedriven, match=r"by ana \(sender mended\)"):
        run(settings, "redrive", "--offset", place, *WHY)

    (record,) = records(settings, "signals.scores")
    assert (record.key(), record.value()) == (b"lead-1", b"\0\0\0")
    came_from = ("leadlane_redriven_from", f"dead.letters-{place}".encode())
    assert record.headers() == [("ce_id", b"score-1"), came_from]
    assert listed(settings, "--topic", "signals.scores") == []
    assert len(listed(settings, "--topic", "signals.scores", "--all")) == 1
    assert listed(settings, "--error-class", "ValueError")[0]["came_from"] == "signals.intent[1]@88121"


def test_a_repaired_letter_lands_where_the_lane_expects_its_key(settings: Settings, tmp_path: Path) -> None:
    write(settings, a_letter(topic="signals.activity", key=None), a_letter(topic="lane.tick", key=b"lead-9"))
    places = {each["came_from"]: str(each["place"]) for each in listed(settings)}
    place, timer = places["signals.activity[1]@88121"], places["lane.tick[1]@88121"]
    repaired = wire_for(settings).encode(an_activity())
    (tmp_path / "value").write_bytes(repaired)

    run(settings, "redrive", "--offset", place, "--value-file", str(tmp_path / "value"), "--key", "lead-1", *WHY)
    (record,) = records(settings, "signals.activity")
    assert (record.key(), record.value()) == (b"lead-1", repaired)
    sender = Sender(settings)
    sender.send("signals.activity", b"lead-1", repaired)
    sender.flush()
    assert len({each.partition() for each in records(settings, "signals.activity")}) == 1

    with pytest.raises(CannotRedrive, match="a timer"):
        run(settings, "redrive", "--offset", timer, *WHY)
    with pytest.raises(NoSuchLetter, match="expected PARTITION@OFFSET"):
        run(settings, "redrive", "--offset", "0@99", *WHY)
    with pytest.raises(CannotRedrive, match="expected --offset"):
        run(settings, "redrive", "--key", "lead-1", *WHY)
    shown = json.loads(run(settings, "show", place, "--value-file", str(tmp_path / "original")))
    assert shown["redriven"]["actor"] == "ana"
    assert (tmp_path / "original").read_bytes() == b"\0\0\0"


def test_of_two_redrives_at_once_one_sends(settings: Settings) -> None:
    write(settings, a_letter(topic="signals.sentiment"))
    first = Redriver(settings)
    with Reader(settings) as reader:
        letters = [
            each for each in read_letters(reader, wire_for(settings)) if each.letter.topic == "signals.sentiment"
        ]
    second = Redriver(settings)
    with pytest.raises(RedriveFailed, match="Nothing of it was sent"):
        first.redrive(letters, Mark("ana", "one", T0), AS_IT_CAME)
    second.redrive(letters, Mark("ben", "two", T0), AS_IT_CAME)
    assert len(records(settings, "signals.sentiment")) == 1
    with Reader(settings) as reader:
        again = [each for each in read_letters(reader, wire_for(settings)) if each.letter.topic == "signals.sentiment"]
    assert [each.mark for each in again] == [Mark("ben", "two", T0)]
