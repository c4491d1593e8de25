"""What is written from the boards: deploy/grafana/dashboards/*.json and docs/reference/dashboards.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from streams.dashboards.board import ROOT, Board
from streams.dashboards.compliance import COMPLIANCE
from streams.dashboards.edges import EDGES
from streams.dashboards.executive import EXECUTIVE
from streams.dashboards.grafana import json_of
from streams.dashboards.lanes import LANES
from streams.dashboards.models import MODELS
from streams.dashboards.queues import QUEUES

BOARDS = (EXECUTIVE, QUEUES, LANES, MODELS, COMPLIANCE, EDGES)
FOLDER = Path("deploy") / "grafana" / "dashboards"
PAGE = Path("docs") / "reference" / "dashboards.md"
HEAD = """\
# Dashboards

Generated from streams/dashboards by `make generate`; do not edit.

Grafana reads them from deploy/grafana/dashboards, as deploy/grafana/provisioning says. Each panel's description is the
text that stands here. Alerts are not here but in deploy/prometheus/rules/alerts.yml and the [runbook](../runbook.md).
The pictures are drawn by `make pictures` from what Prometheus answered about a demo.
"""


@cache
def written() -> dict[Path, str]:
    """Every file, by its place in the repository, as it must be."""
    files = {FOLDER / f"{board.uid}.json": json_of(board) for board in BOARDS}
    return {**files, PAGE: HEAD + "".join(_page_of(board) for board in BOARDS)}


def write(root: Path = ROOT) -> None:
    for place, text in written().items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, "utf-8")
        print(f"wrote {place}")


def _page_of(board: Board) -> str:
    picture = Path("docs") / "images" / f"{board.uid}.png"
    shown = f"\n![{board.title}](../images/{picture.name})\n" if (ROOT / picture).exists() else ""
    rows = "".join(
        f"| {panel.title} | {panel.advice.replace('|', '/')} |\n" for row in board.rows for panel in row.panels
    )
    heading = board.title.removeprefix("Leadlane: ").capitalize()
    table = f"| panel | what it is, and what to do |\n|---|---|\n{rows}"
    return f"\n## {heading}\n\n{board.about}\n{shown}\n{table}"
