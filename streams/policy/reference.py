"""docs/reference/policy-facts.md, from the facts themselves."""

from __future__ import annotations

from streams.core.fact_table import GROUPS, Fact
from streams.policy.expressions import literal

HEAD = """\
# Facts of a policy

Generated from streams/core/fact_table.py by `make generate`; do not edit.

A condition's `when` is a [zen](https://github.com/gorules/zen) expression over these facts. Every fact is always there:
what is not known has the default, which speaks neither for nor against the lead.

Syntax: `and`, `or`, `not`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `+ - * /`, `in ['a', 'b']`, `contains(text, 'part')`.
`and` and `or` stop at the first part that decides; the part that is most often false stands first. Numbers compare
with numbers, texts with texts; a flag stands alone: `vip and not is_duplicate`.

Besides facts an expression may use, by name: the numbers of `values`, `sampling` and `gate`; the `terms` of the
document; `is_<TIER>` (this tier matches and none above it); `is_promoted` (the tier is higher than at the last look);
`is_auto_accepted` and `is_suppressed` (the matching tier says so). `leadlane policy check` knows all of them.

The numbers of `values` that section `guard` names in `raises` stand higher in rows that may wait, while the row's queue
is over capacity: [capacity](capacity.md). `boundary_distance` does not move with them.
"""


def facts_reference() -> str:
    """The whole page."""
    return HEAD + "".join(_section(title, facts) for title, facts in GROUPS.items())


def _section(title: str, facts: tuple[Fact, ...]) -> str:
    rows = "".join(f"| `{fact.name}` | {fact.type} | {_default(fact)} | {fact.unit} | {fact.doc} |\n" for fact in facts)
    return f"\n## {title}\n\n| fact | type | default | unit, range or values | meaning |\n|---|---|---|---|---|\n{rows}"


def _default(fact: Fact) -> str:
    if isinstance(fact.default, str):
        return "empty"
    return str(fact.default).lower() if isinstance(fact.default, bool) else literal(fact.default)
