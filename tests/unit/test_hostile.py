"""What a sender could do to stop a lane, or to make it lose something."""

from __future__ import annotations

import time

import pytest
from aiokafka import TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from streams import topics
from streams.core.context import Policy
from streams.lane.context import ContextBuilder
from streams.lane.deadletters import DeadLetter
from streams.lane.job import ControlView
from streams.lane.privates import TAKE_BYTES, KeptRecords, Record, how_many, unpack
from streams.lane.processor import POSITION, STATISTICS
from streams.topics import MAX_DEAD_LETTER_BYTES
from tests.factories import LEAD, T0, a_reply, a_score
from tests.lanes import WIRE, TestLane, arrive, lane_of
from tests.shipped import shipped_context

PLAIN, GZIP = 0, 1


@pytest.mark.parametrize("lead", [POSITION.decode(), STATISTICS.decode(), "\0", "\0lead-1"])
def test_no_lead_takes_the_place_of_the_lanes_position(lead: str) -> None:
    lane = TestLane(shipped_context(), lane_of(lead))
    outcome = lane.run(arrive([a_score(lead_id=lead)]))
    (letter,) = lane.read(topics.DEAD_LETTERS.name)
    assert isinstance(letter, DeadLetter)
    assert f"lead_id is {lead!r}, expected one that does not start with NUL." in letter.error_text
    assert outcome.changed.keys() == {STATISTICS}, "what the lane has counted, and nothing of the lead"


def test_ids_that_are_as_long_as_the_record_do_not_make_a_letter_too_large() -> None:
    text = "y" * 450_000
    (record,) = arrive([a_score(lead_id="y" * 300, event_id=text, source=text)])
    broken = record._replace(key=b"k" * 1_040_000)  # type: ignore[attr-defined]
    lane = TestLane(shipped_context())
    (output,) = lane.run([broken]).outputs[topics.DEAD_LETTERS.name]
    (letter,) = lane.read(topics.DEAD_LETTERS.name)
    assert isinstance(letter, DeadLetter)
    assert (letter.key, letter.kept, letter.event_id) == (broken.key, "zlib", "y" * 200)
    assert len(output.value or b"") + len(output.key or b"") < MAX_DEAD_LETTER_BYTES


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [((10, 10), 2), ((TAKE_BYTES * 3, 10), 1), ((TAKE_BYTES - 10, 10, 10), 2), ((TAKE_BYTES - 10, 9, 10, 1), 3)],
)
def test_a_batch_ends_where_its_bytes_reach_the_limit(sizes: tuple[int, ...], taken: int) -> None:
    records = [Record("t", 0, offset, T0, None, bytes(size), ()) for offset, size in enumerate(sizes)]
    assert how_many(records, TAKE_BYTES) == taken


class NotText(str):
    """A header's name as a sender in Go or C may write it."""

    def encode(self, *_: str) -> bytes:
        return b"caf\xe9"


class Fetched:
    """As much of aiokafka's PartitionRecords as `unpack` uses."""

    def __init__(self, raw: bytes, start: int) -> None:
        self._records, self.next_fetch_offset = KeptRecords(raw), start

    def _consume_aborted_up_to(self, offset: int) -> None: ...


def test_a_headers_name_that_is_no_text_is_escaped_and_the_batches_around_it_are_as_ever() -> None:
    raw = b""
    for base, codec, name in ((0, PLAIN, "a"), (2, PLAIN, NotText("b")), (4, GZIP, NotText("c")), (6, GZIP, "\u20ac")):
        batch = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1_000)
        batch.append(0, T0, b"k", b"v", [(name, b"\xff"), ("n", None)])
        batch.append(1, T0, None, None, [])
        raw += base.to_bytes(8, "big") + bytes(batch.build())[8:]
    fetched = Fetched(raw, 1)
    records = list(unpack(TopicPartition("t", 0), fetched))
    assert [record.offset for record in records] == [1, 2, 3, 4, 5, 6, 7]
    names = [[name for name, _ in record.headers] for record in records]
    assert names == [[], ["caf\\xe9", "n"], [], ["caf\\xe9", "n"], [], ["\u20ac", "n"], []]
    assert records[1] == Record("t", 0, 2, T0, b"k", b"v", [("caf\\xe9", b"\xff"), ("n", None)])  # type: ignore[list-item]
    assert fetched.next_fetch_offset == 8


@pytest.mark.parametrize(
    "document", ["&a [*a]", "&a {a: *a}", "[" * 20_000, "a: &a [1]\nb: [*a, *a]", "\0", "x: 0x" + "f" * 9_000]
)
def test_a_policy_that_nobody_checked_is_a_problem_and_no_more(document: str) -> None:
    pointer = Policy(version="1", sha256="", actor="ana", reason="test", at=T0)
    published = Policy(version="1", sha256="", document=document, actor="ana", reason="test", at=T0)
    records = {b"1": WIRE.encode(published), b"active": WIRE.encode(pointer)}
    context, problems = ContextBuilder(WIRE).build(ControlView({topics.POLICIES.name: records}, {}))
    assert context is None
    (problem,) = problems
    assert problem.startswith("control.policies: BadPolicy: control.policies 1 has ")


def test_a_control_record_is_never_said_to_be_in_the_dead_letters() -> None:
    view = ControlView({topics.ROSTER.name: {b"\xff" * 500: b"garbage"}}, {})
    _, problems = ContextBuilder(WIRE).build(view)
    assert problems[1].endswith("then a RosterEntry in Avro")
    assert len(problems[1]) < 400


@pytest.mark.parametrize("text", ["\U0001f600" * 2_000, "no " * 700, "good but " * 250, "!" * 2_000, "> \n" * 9_000])
def test_no_mail_keeps_a_lane_busy(text: str) -> None:
    began = time.thread_time()
    TestLane(shipped_context(), lane_of(LEAD)).run(arrive([a_reply(text=text)]))
    assert time.thread_time() - began < 0.5  # 0.02 s here; four times 2,000 emojis took 0.8 s
