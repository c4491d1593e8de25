"""Dashboards are what the code says, ask for metrics that exist, and tell a person what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from streams.dashboards.files import BOARDS, written
from tests.deploy.observability import DASHBOARDS, RECORDED, ROOT, declared, names_in, panels

PANELS = list(panels())
NAMES = [f"{uid}: {panel['title']}" for uid, panel in PANELS]
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}  # of the Prometheus client
each_panel = pytest.mark.parametrize("panel", [panel for _, panel in PANELS], ids=NAMES)


@pytest.mark.parametrize("place", written(), ids=str)
def test_the_file_is_current(place: Path) -> None:
    assert (ROOT / place).read_text("utf-8") == written()[place], "run `make generate`"


def test_no_dashboard_is_left_over() -> None:
    assert {path.stem for path in DASHBOARDS.glob("*.json")} == {board.uid for board in BOARDS}


@each_panel
def test_a_panel_has_a_unit_and_says_what_to_do(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert len(panel["description"]) > 20
    assert panel["targets"]


@each_panel
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    asked = {name for target in panel["targets"] for name in names_in(target["expr"])}
    others = {name for name in PROCESS if any(name in target["expr"] for target in panel["targets"])}
    assert asked | others, "it asks for nothing"
    assert asked <= declared() | RECORDED


@each_panel
def test_a_choice_that_a_panel_uses_is_offered(panel: dict[str, Any]) -> None:
    uid = next(uid for uid, other in PANELS if other is panel)
    board = next(board for board in BOARDS if board.uid == uid)
    used = {name for target in panel["targets"] for name in re.findall(r'"\$(\w+)"', target["expr"])}
    assert used <= {choice.name for choice in board.choices}


def test_panels_of_a_dashboard_fill_the_grid_and_do_not_overlap() -> None:
    for board in BOARDS:
        for row in board.rows:
            assert sum(panel.width for panel in row.panels) % 24 == 0, (board.uid, row.title)


@pytest.mark.parametrize("uid", sorted({uid for uid, _ in PANELS}))
def test_ids_of_panels_are_their_own(uid: str) -> None:
    ids = [panel["id"] for other, panel in PANELS if other == uid]
    assert len(set(ids)) == len(ids)
