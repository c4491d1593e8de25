"""docs/reference/holds.md, written from the rows of streams/core/hold_rules.py."""

from __future__ import annotations

from streams.core.hold_rules import HOLDS, HoldRule, Lift
from streams.core.policy import HoldRow

HEAD = """\
# Holds

Generated from streams/core/hold_rules.py by `make generate`; do not edit.

A hold is about the person, over all tools. The strongest comes first (rank 1); of one kind the longest counts, with the
event that it came from. A late, repeated or reordered event gives the same ledger. An automatic signal may extend an
automatic hold, never shorten or lift a manual one. Names like `ooo_unknown_days` are numbers of the policy, section
`holds`; below are the defaults. Times of day are the lead's own: its time zone, else the owner's, else the calendar's.

A person lifts a hold by its kind, or all at once; "by name" means that a lift of all leaves it. New consent and a
verified mailbox lift what is older than they are. A hold of business days ends at the same clock time on the nth
working day; one that begins on a day off lasts whole working days.

| rank | kind | signal | lasts | lifted by | cadence | transactional |
|---|---|---|---|---|---|---|
"""
NUMBERS_HEAD = """
## Numbers and their defaults

| name | default |
|---|---|
"""


def holds_reference() -> str:
    """The page on holds."""
    numbers = "".join(f"| `{name}` | {getattr(HoldRow(), name):g} |\n" for name in HoldRow.__struct_fields__)
    return HEAD + "".join(_row(rule) for rule in HOLDS) + NUMBERS_HEAD + numbers


def _row(rule: HoldRule) -> str:
    lifted = ", ".join(
        "person by name" if lift is Lift.PERSON and rule.by_name else lift.value for lift in rule.lifted_by
    )
    cadence = "stop" if rule.stops else "pause"
    transactional = "allowed" if rule.transactional_allowed else "held"
    return f"| {rule.rank} | `{rule.kind}` | {rule.signal} | {rule.lasts} | {lifted} | {cadence} | {transactional} |\n"
