"""The chain through the decisions: whatever is changed, taken away or put in shows, and what is not known is said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streams.lane.chain import HEADER, NO_HEAD, Proof, chained, head_in, link, plain_headers, without_heads
from streams.lane.privates import Record
from streams.lane.processor import OutputRecord

VALUES = [b"first", b"second", b"", None, b"fifth"]
Row = tuple[int, bytes | None, bytes | None]  # offset, value, head


def rows(values: Sequence[bytes | None] = VALUES, head: bytes = NO_HEAD, start: int = 0) -> list[Row]:
    linked, _ = chained([OutputRecord(b"k", value) for value in values], head)
    return [(start + 2 * place, one.value, head_in(one.headers)) for place, one in enumerate(linked)]


def proved(found: Sequence[Row], position: bytes = NO_HEAD, later: bytes | None = None) -> Proof:
    proof = Proof(position)
    for offset, value, head in found:
        proof.see(offset, value, head)
    proof.end(later)
    return proof


def test_each_header_is_the_hash_of_the_one_before_and_the_value() -> None:
    first, second, *_ = rows()
    assert first[2] == link(NO_HEAD, b"first")
    assert second[2] == link(first[2] or b"", b"second")


def test_batches_go_on_where_the_last_one_ended() -> None:
    one, head = chained([OutputRecord(b"k", b"a", [("ce_id", b"1")])], NO_HEAD)
    two, head = chained([OutputRecord(b"k", b"b")], head)
    whole, same = chained([OutputRecord(b"k", b"a", [("ce_id", b"1")]), OutputRecord(b"k", b"b")], NO_HEAD)
    assert ([*one, *two], head) == (whole, same)
    assert whole[0].headers == (("ce_id", b"1"), (HEADER, link(NO_HEAD, b"a")))
    assert plain_headers(whole[0].headers) == (("ce_id", b"1"),)


def test_a_whole_chain_is_proved_from_its_first_record_to_the_head() -> None:
    found = rows()
    head = found[-1][2] or b""
    proof = proved(found, head, head)
    assert (proof.verified, proof.first, proof.last, proof.anchor, proof.broken) == (5, 0, 8, None, None)


def test_what_retention_removed_leaves_an_anchor_that_is_not_counted() -> None:
    found = rows()[2:]
    proof = proved(found, found[-1][2] or b"")
    assert (proof.verified, proof.first, proof.anchor, proof.broken) == (2, 4, 4, None)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        pytest.param(lambda found: [*found[:1], (2, b"other", found[1][2]), *found[2:]], 2, id="a value is changed"),
        pytest.param(lambda found: [*found[:2], *found[3:]], 6, id="one is taken away"),
        pytest.param(lambda found: [found[0], found[2], found[1], *found[3:]], 4, id="two change places"),
        pytest.param(lambda found: [*found[:3], found[2], *found[3:]], 4, id="one is there twice"),
        pytest.param(lambda found: [*found[:3], (5, b"new", None), *found[3:]], 5, id="one without a header"),
        pytest.param(lambda found: [(0, b"other", found[0][2]), *found[1:]], 0, id="the very first is changed"),
        pytest.param(lambda found: found[1:-1], -1, id="the end is cut off"),
        pytest.param(lambda found: found[:-1], -1, id="the last is taken away"),
    ],
)
def test_the_first_break_is_named(change: object, at: int) -> None:
    found = rows()
    proof = proved(change(found), found[-1][2] or b"")  # type: ignore[operator]
    assert proof.broken is not None
    assert proof.broken.offset == at


def test_a_record_that_somebody_chained_on_by_himself_is_not_the_lanes() -> None:
    found = rows()
    head = found[-1][2] or b""
    forged = [*found, (10, b"forged", link(head, b"forged"))]
    assert proved(forged, head, head).broken is not None
    assert proved(forged, head, link(head, b"forged")).broken is None  # the lane went on while we read


def test_decisions_of_a_release_without_a_chain_come_before_it_and_are_counted() -> None:
    before: list[Row] = [(0, b"old", None), (1, b"old", None)]
    found = rows(start=2)
    proof = proved([*before, *found], found[-1][2] or b"")
    assert (proof.unchained, proof.verified, proof.first, proof.broken) == (2, 5, 2, None)
    cut = proved([*before, *found[1:]])
    assert cut.broken is not None
    assert "does not begin" in cut.broken.what


def test_a_partition_of_which_nothing_is_kept_proves_nothing_and_breaks_nothing() -> None:
    proof = proved([], b"head")
    assert (proof.verified, proof.first, proof.broken) == (0, None, None)


def test_what_an_export_has_blanked_is_taken_as_it_is() -> None:
    found, proof = rows(), Proof()
    for offset, value, head in found:
        proof.see(offset, None if offset == 4 else value, head, blanked=offset == 4)
    assert (proof.verified, proof.blanked, proof.broken) == (4, 1, None)


def test_records_as_they_were_before_they_were_chained() -> None:
    record = Record("decisions", 0, 1, 2, b"k", b"v", (("ce_id", b"1"), (HEADER, b"h")))
    assert without_heads([record]) == [Record("decisions", 0, 1, 2, b"k", b"v", (("ce_id", b"1"),))]
