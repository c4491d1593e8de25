"""Dead letters, read and redriven once.

Law of this module: a letter is sent again and marked as such in one transaction. The mark stands in dead.letters
itself, on the letter's partition (no value, the letter's coordinates in a header), so it lives as long as the letter
does. One transactional id: a second redrive fences the first, and whoever is fenced has sent nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException, Message, Producer

from streams.errors import LeadlaneError
from streams.kafka.access import denied, is_denied
from streams.kafka.reader import Reader
from streams.kafka.security import confluent_config
from streams.lane.deadletters import REDRIVEN, DeadLetter
from streams.lane.processor import Headers, OutputRecord
from streams.lane.wire import Wire
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, INPUTS

MARK = "leadlane_redriven"  # header of the mark: the letter's coordinates, partition@offset
PER_TRANSACTION = 500
TRANSACTION_SECONDS = 30.0
REDRIVABLE = frozenset(topic.name for topic in INPUTS)


class RedriveFailed(LeadlaneError):
    """Nothing of the last transaction was sent."""


class Mark(NamedTuple):
    """Who sent a letter again, and why."""

    actor: str
    reason: str
    at: int


class Letter(NamedTuple):
    """A dead letter, where it stands, and whether it was sent again."""

    partition: int
    offset: int
    letter: DeadLetter
    mark: Mark | None = None

    @property
    def place(self) -> str:
        return f"{self.partition}@{self.offset}"


class Repair(NamedTuple):
    """What to send instead of what came; None keeps it."""

    value: bytes | None = None
    key: bytes | None = None


AS_IT_CAME = Repair()


def read_letters(reader: Reader, wire: Wire) -> list[Letter]:
    """Every dead letter that is kept, oldest first by partition, each with its mark."""
    return matched(reader.read(DEAD_LETTERS.name), wire)


def matched(messages: Iterable[Message], wire: Wire) -> list[Letter]:
    letters: dict[str, Letter] = {}
    marks: dict[str, Mark] = {}
    for message in messages:
        partition, offset, value = int(message.partition() or 0), int(message.offset() or 0), message.value()
        if value is None:
            marks |= _marked(message)
            continue
        decoded = wire.decode_any(DEAD_LETTERS.name, value)
        assert isinstance(decoded, DeadLetter)
        letter = Letter(partition, offset, decoded)
        letters[letter.place] = letter
    ordered = sorted(letters.values(), key=lambda letter: (letter.partition, letter.offset))
    return [letter._replace(mark=marks.get(letter.place)) for letter in ordered]


class Redriver:
    """Sends letters again. Making one ends every other redrive of the same app."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._brokers = settings, settings.brokers
        self._producer = Producer(
            confluent_config(
                settings,
                transactional_id=f"{settings.app_id}-redrive",
                partitioner="murmur2_random",  # a repaired key must land where the lane expects it
                transaction_timeout_ms=int(TRANSACTION_SECONDS * 1000),
            )
        )
        try:
            self._producer.init_transactions(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def redrive(self, letters: Sequence[Letter], mark: Mark, repair: Repair = AS_IT_CAME) -> int:
        """Send `letters` again. They must have been read after this object was made. Returns how many were sent."""
        for chunk in _chunks(letters, PER_TRANSACTION):
            try:
                self._producer.begin_transaction()
                for letter in chunk:
                    self._send(letter, mark, repair)
                self._producer.commit_transaction(TRANSACTION_SECONDS)
            except KafkaException as error:
                raise self._failed(error) from error
        return len(letters)

    def replace(self, letter: Letter, records: Iterable[tuple[str, OutputRecord]], mark: Mark) -> None:
        """Send these (topic, record) instead of what came. The letter was read after this object was made."""
        try:
            self._producer.begin_transaction()
            for topic, (key, value, headers) in records:
                self._producer.produce(topic, value, key, headers=list(headers))
            self._mark(letter, mark)
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise self._failed(error) from error

    def _send(self, letter: Letter, mark: Mark, repair: Repair) -> None:
        came = letter.letter
        self._producer.produce(
            came.topic,
            came.value if repair.value is None else repair.value,
            came.key if repair.key is None else repair.key,
            headers=list(headers_again(letter)),
        )
        self._mark(letter, mark)

    def _mark(self, letter: Letter, mark: Mark) -> None:
        self._producer.produce(
            DEAD_LETTERS.name,
            None,
            letter.letter.key,
            letter.partition,
            headers=[
                (MARK, letter.place.encode()),
                ("actor", mark.actor.encode()),
                ("reason", mark.reason.encode()),
                ("at", str(mark.at).encode()),
            ],
        )

    def _failed(self, error: KafkaException) -> LeadlaneError:
        if is_denied(error.args[0]):
            return denied(
                self._settings, error.args[0], f"write to {DEAD_LETTERS.name} and the inputs, in transactions"
            )
        return RedriveFailed(
            f"{self._brokers}: the transaction failed: {error.args[0].str()}. Nothing of it was sent; look with "
            "`leadlane dlq list` at what is still waiting, then redrive again."
        )


def headers_again(letter: Letter) -> Headers:
    """The headers that came, and where the record was in between."""
    kept = tuple((header.name, header.value or b"") for header in letter.letter.headers if header.name != REDRIVEN)
    return (*kept, (REDRIVEN, f"{DEAD_LETTERS.name}-{letter.place}".encode()))


def _marked(message: Message) -> dict[str, Mark]:
    headers = {name: _text(value) for name, value in dict(message.headers() or ()).items()}
    if MARK not in headers:
        return {}
    return {headers[MARK]: Mark(headers.get("actor", ""), headers.get("reason", ""), int(headers.get("at", 0)))}


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _chunks(letters: Sequence[Letter], size: int) -> Iterator[Sequence[Letter]]:
    for start in range(0, len(letters), size):
        yield letters[start : start + size]
