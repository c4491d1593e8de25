"""`make pictures`: the dashboards drawn from the figures of a demo, as a real Prometheus collected them."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import click

from streams.dashboards.board import ROOT, Query
from streams.dashboards.drawing import draw
from streams.dashboards.files import BOARDS
from streams.dashboards.neighbours import neighbours
from streams.dashboards.prometheus import Prometheus, Series, resolved
from streams.dashboards.watched import declare_groups, watched_demo
from streams.demo.stage import TIME_LAPSE

IMAGES = ROOT / "docs" / "images"
POINTS = 240
INTERVAL = "15s"  # of rates: a demo is short, and it is scraped every second
GROUPS = ("country", "language")
SETTLE_SECONDS = 3.0
DRAIN_SECONDS = 90.0


@click.command()
@click.option("--seconds", default=300.0, show_default=True, help="How long the demo sends.")
@click.option("--rate", default=300.0, show_default=True, help="Signals per second.")
@click.option("--url", help="Draw what this Prometheus has instead; no demo is started.")
@click.option("--minutes", default=60.0, show_default=True, help="With --url: of the last so many minutes.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=IMAGES, show_default=True, help="Folder of the pictures."
)
def pictures(seconds: float, rate: float, url: str | None, minutes: float, out: Path) -> None:
    """Draw every dashboard from a demo with a gateway and a sink beside it."""
    if url:
        now = time.time()
        draw_all(Prometheus(url), now - minutes * 60, now, f"The last {minutes:g} minutes.", out)
        return
    with tempfile.TemporaryDirectory(prefix="leadlane-pictures-") as name:
        folder = Path(name)
        click.echo(f"a demo of {seconds:g} s with a Prometheus that looks on ...")
        with watched_demo(folder, seconds, rate) as watched, neighbours(watched):
            declare_groups(watched.brokers, *GROUPS)
            began = time.time()
            watched.wait_until_sent(seconds + DRAIN_SECONDS)
            ended = time.time()
            time.sleep(SETTLE_SECONDS)
            told = f"A demo: {rate:g} signals/s, {seconds / 60:g} minutes, SLA clocks {TIME_LAPSE} times faster."
            draw_all(watched.prometheus, began, ended, told, out)


def draw_all(prometheus: Prometheus, start: float, end: float, subtitle: str, out: Path) -> None:
    """Every board that has figures, between two times."""
    step = max(1.0, math.ceil((end - start) / POINTS))

    def answers(query: Query) -> list[Series]:
        expr = resolved(query.expr, INTERVAL, f"{int(end - start)}s")
        return prometheus.ask_range(expr, start, end, step)

    for board in BOARDS:
        file = out / f"{board.uid}.png"
        draw(board, answers, subtitle, file)
        click.echo(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    pictures()
