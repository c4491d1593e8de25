"""The demo on a terminal: what a person at the desk would want to see, four times a second; or plain lines elsewhere.

Law of this module: pure but for `Screen`; a picture is made from a Snapshot.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.commands.explanation import named, one_line
from streams.core.effects import UpdateCase
from streams.demo.summary import Tally

BAR_CELLS = 20
CASES_SHOWN = 9
REFRESH_SECONDS = 0.25
LINE_SECONDS = 5.0
SLA_STYLE = {"warned_50": "yellow", "warned_80": "dark_orange", "breached": "red", "met": "green"}


class Snapshot(NamedTuple):
    """What to show."""

    elapsed: float
    seconds: float
    sent: int
    rate: float
    tally: Tally
    now: int  # ms UTC
    policy: str


class Screen(Protocol):
    """Where the demo shows itself."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def say(self, text: str) -> None:
        """One line of progress."""

    def show(self, snapshot: Snapshot) -> None:
        """The present state, if it is time for it."""


class LiveScreen:
    """A rich live view on a terminal."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._console = console
        self._shown_at = -1.0

    def __enter__(self) -> LiveScreen:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live.is_started:
            self._live.stop()

    def say(self, text: str) -> None:
        self._console.print(Text(text, style="dim"))

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.elapsed - self._shown_at < REFRESH_SECONDS:
            return
        self._shown_at = snapshot.elapsed
        if not self._live.is_started:
            self._live.start()
        self._live.update(picture(snapshot), refresh=True)


class PlainScreen:
    """Lines, for pipes, logs and --json."""

    def __init__(self, to_stderr: bool) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._shown_at = 0.0

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.flush()

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.elapsed - self._shown_at >= LINE_SECONDS:
            self._shown_at = snapshot.elapsed
            self.say(line(snapshot))


def line(snapshot: Snapshot) -> str:
    """The state in one line."""
    tally = snapshot.tally
    return (
        f"{snapshot.elapsed:5.1f} s  in {snapshot.sent:,}  decisions {tally.decided + tally.timers:,}  "
        f"leads {len(tally.routes):,}  human {tally.human_share:.1%}  open cases {len(tally.open_cases)}  "
        f"breached {len(tally.breached)}  holds {tally.holds_in_force.total()}  "
        f"dead letters {tally.letters.total()}  p50 {_ms(tally.latency.quantiles()['p50'])}"
    )


def picture(snapshot: Snapshot) -> RenderableType:
    """The whole view."""
    tally = snapshot.tally
    left = Group(
        Panel(_counts(tally.tiers, "leads"), title="Tiers"),
        Panel(_counts(dict(tally.holds_in_force.most_common(8)), "holds"), title="Holds in force"),
    )
    right = Panel(_cases(tally, snapshot.now), title=f"Open cases: {len(tally.open_cases)}", expand=True)
    body = Table.grid(expand=True)
    body.add_column(ratio=2)
    body.add_column(ratio=5)
    body.add_row(left, right)
    return Group(_head(snapshot), body, Panel(_recent(tally), title="Decisions", expand=True))


def _head(snapshot: Snapshot) -> Text:
    tally = snapshot.tally
    latency = tally.latency.quantiles()
    text = Text.assemble(
        ("Leadlane ", "bold"), f"{snapshot.elapsed:.0f} of {snapshot.seconds:.0f} s   ",
        (f"{snapshot.sent:,}", "bold cyan"), f" signals in ({snapshot.rate:,.0f}/s)   ",
        (f"{tally.decided + tally.timers:,}", "bold cyan"), " decisions   ",
        ("p50 ", "dim"), _ms(latency["p50"]), (" p99 ", "dim"), _ms(latency["p99"]), "   ",
        (f"{1 - tally.human_share:.1%}", "bold green"), " automatic   ",
        (f"{tally.letters.total()}", "bold"), " dead letters",
    )  # fmt: skip
    return text.append(f"\npolicy {snapshot.policy}   {tally.outcomes:,} outcomes to learn from", style="dim")


def _counts(counts: Mapping[str, int], unit: str) -> RenderableType:
    if not counts:
        return Text(f"no {unit} yet", style="dim")
    most = max(counts.values())
    table = Table.grid(padding=(0, 1))
    for name, count in counts.items():
        table.add_row(name, Text(f"{count:,}", justify="right"), Text("█" * round(count / most * BAR_CELLS), "cyan"))
    return table


def _cases(tally: Tally, now: int) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False)
    for column in ("lead", "queue", "why", "owner", "deadline"):
        table.add_column(column, no_wrap=True)
    for case in tally.open_cases[:CASES_SHOWN]:
        why = ", ".join(named(reason) for reason in case.reasons)
        owner = f"{case.claimed_by} *" if case.claimed_by else case.owner or "-"
        table.add_row(case.lead_id, case.queue, why, owner, _deadline(case, now))
    closed = ", ".join(f"{count} {end}" for end, count in tally.ends.most_common())
    foot = f"{len(tally.cases)} opened, {len(tally.breached)} breached, closed: {closed or 'none yet'}   (* claimed)"
    return Group(table, Text(foot, style="dim"))


def _deadline(case: UpdateCase, now: int) -> Text:
    if case.due_at is None:
        return Text(case.sla_state)
    left = (case.due_at - now) / 1000
    when = f"in {left:.0f} s" if left >= 0 else f"{-left:.0f} s over"
    return Text(f"{when} ({case.sla_state})", style=SLA_STYLE.get(case.sla_state, "red" if left < 0 else ""))


def _recent(tally: Tally) -> RenderableType:
    lines = [Text(one_line(decision), no_wrap=True, overflow="ellipsis") for decision in reversed(tally.recent)]
    return Group(*lines) if lines else Text("none yet", style="dim")


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.0f} ms"
