"""The hold ledger as data: entries, what takes them away, and how both merge.

Law of this module: a ledger depends on which events it was told of, never on their order or on how often. That holds
because each operation is a maximum. An entry is kept unless another of its rule is at least as late and at least as
long (one that no lift, late or early, could tell apart from it); a lift is remembered as the highest time at which it
came, and takes away what is not later; a thread (ticket, meeting, opportunity) keeps its latest opening and its latest
closing, so that a close may arrive before its open. What an entry means in time is worked out when it is read
(streams/core/holds.py), so that a time zone learned later counts too.

Two bounds, both beyond what real leads reach: STEPS steps of one rule (then the two oldest merge into one that is as
late and as long as either: it holds longer, never shorter), and THREADS threads of one rule (the oldest is forgotten).
"""

from __future__ import annotations

import msgspec

FOREVER = 1 << 62
STEPS = 8
THREADS = 8
EVERYTHING = "*"  # the kind of a lift that names none


class HoldEntry(msgspec.Struct, array_like=True, gc=False):
    """One thing that holds, in the terms of its rule (streams/core/hold_rules.py)."""

    rule: str
    at: int  # occurred_at of the event; 0: a thread whose opening has not arrived
    end: int  # what the event said of the end: ms or a day, 0 nothing
    origin: str  # event_id
    ref: str = ""  # a thread's ticket, meeting or opportunity
    closed_at: int = 0  # a thread's latest closing


class Ledger(msgspec.Struct, array_like=True, gc=False):
    """Part of a lead's state. Entries and lifts are sorted, so that equal ledgers are equal bytes."""

    entries: list[HoldEntry] = []
    lifted: dict[str, int] = {}  # kind -> latest lift by a person; EVERYTHING for one that named none
    consented_at: int = 0  # latest profile that recorded consent
    verified_at: int = 0  # latest sign that the mailbox works


def add_step(ledger: Ledger, new: HoldEntry) -> None:
    """Add an entry unless one of its rule is as late and as long; drop those that it is as late and as long as."""
    mine = [entry for entry in ledger.entries if entry.rule == new.rule]
    if any(_covers(entry, new) for entry in mine):
        return
    kept = sorted([*(entry for entry in mine if not _covers(new, entry)), new], key=_order)
    while len(kept) > STEPS:
        oldest, second = kept[:2]
        second.end, second.origin = oldest.end, oldest.origin  # of a staircase, the oldest is the longest
        del kept[0]
    _replace(ledger, new.rule, kept)


def add_mark(ledger: Ledger, new: HoldEntry, most: int) -> None:
    """Add an entry of a rule that counts its events; the newest `most` are kept."""
    mine = [entry for entry in ledger.entries if entry.rule == new.rule]
    if not any(entry.at == new.at and entry.origin == new.origin for entry in mine):
        _replace(ledger, new.rule, sorted([*mine, new], key=_order)[-most:])


def open_thread(ledger: Ledger, new: HoldEntry) -> None:
    """Open a thread, or open it again: its latest opening counts."""
    for entry in ledger.entries:
        if entry.rule == new.rule and entry.ref == new.ref:
            if (new.at, new.end, new.origin) > (entry.at, entry.end, entry.origin):
                entry.at, entry.end, entry.origin = new.at, new.end, new.origin
            return
    _add_thread(ledger, new)


def announce_thread(ledger: Ledger, new: HoldEntry) -> None:
    """Open a thread whose opening and whose `end` (with its origin) each count by themselves, the latest of each."""
    for entry in ledger.entries:
        if entry.rule == new.rule and entry.ref == new.ref:
            entry.at = max(entry.at, new.at)
            entry.end, entry.origin = max((entry.end, entry.origin), (new.end, new.origin))
            return
    _add_thread(ledger, new)


def close_thread(ledger: Ledger, rule: str, ref: str, at: int) -> None:
    """Close a thread, or remember that it was closed at `at` in case its opening arrives late."""
    for entry in ledger.entries:
        if entry.rule == rule and entry.ref == ref:
            entry.closed_at = max(entry.closed_at, at)
            return
    _add_thread(ledger, HoldEntry(rule, 0, 0, "", ref, at))


def lift(ledger: Ledger, kind: str, at: int) -> None:
    """Remember that a person lifted holds of a kind at `at`; the caller drops what that takes away."""
    latest = max(ledger.lifted.get(kind, 0), at)
    ledger.lifted = dict(sorted({**ledger.lifted, kind: latest}.items()))


def _covers(one: HoldEntry, other: HoldEntry) -> bool:
    """Whether `one` is as late and as long as `other`; of equals, the greater origin stays."""
    longer = (one.end or FOREVER) - (other.end or FOREVER)
    if one.at == other.at and longer == 0:
        return one.origin >= other.origin
    return one.at >= other.at and longer >= 0


def _add_thread(ledger: Ledger, new: HoldEntry) -> None:
    mine = [*(entry for entry in ledger.entries if entry.rule == new.rule), new]
    newest = sorted(mine, key=lambda entry: (max(entry.at, entry.closed_at), entry.ref))[-THREADS:]
    _replace(ledger, new.rule, sorted(newest, key=_order))


def _replace(ledger: Ledger, rule: str, entries: list[HoldEntry]) -> None:
    others = [entry for entry in ledger.entries if entry.rule != rule]
    ledger.entries = sorted([*others, *entries], key=_order)


def _order(entry: HoldEntry) -> tuple[str, str, int, int, str]:
    # A thread's `at` may change in place, and so may not come before its ref.
    return entry.rule, entry.ref, entry.at, entry.end, entry.origin
