"""Ratios with their intervals, as inline SVG.

Law of this module: pure; the drawing refers to nothing outside, and every mark has its value beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABEL, VALUE = 720, 230, 60  # pixels: all, left of the line, right of it
TOP, STEP = 26, 22
MOST = 2.0  # the right end of the line
PLAIN, ALARM = "#0969da", "#cf222e"


class Interval(NamedTuple):
    """A ratio with its interval."""

    label: str
    ratio: float
    low: float | None
    high: float | None
    alarm: bool


def intervals(title: str, rows: Sequence[Interval], limit: float) -> str:
    """Ratios as points on a line from 0 to MOST, with whiskers; 1 is equal, below `limit` is looked at."""
    height = TOP + len(rows) * STEP
    parts = [_text(_x(limit), 14, f"{limit:g}", "middle"), _text(_x(1), 14, "1", "middle")]
    for at, dash in ((limit, "3 3"), (1.0, "none")):
        parts.append(_line(_x(at), 18, _x(at), height, "#8c959f", f' stroke-dasharray="{dash}"'))
    for number, row in enumerate(rows):
        y, colour = TOP + (number + 0.5) * STEP, ALARM if row.alarm else PLAIN
        parts.append(_text(LABEL - 10, y + 4, row.label, "end"))
        if row.low is not None and row.high is not None:
            parts.append(_line(_x(row.low), y, _x(row.high), y, colour, ' stroke-width="2"'))
        parts.append(f'<circle cx="{_x(row.ratio):.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        parts.append(_text(WIDTH - VALUE + 10, y + 4, f"{row.ratio:.2f}", "start"))
    head = f'<svg role="img" viewBox="0 0 {WIDTH} {height}" font-size="12"><title>{escape(title)}</title>'
    return f"{head}{''.join(parts)}</svg>"


def _x(ratio: float) -> float:
    return LABEL + (WIDTH - LABEL - VALUE) * min(MOST, max(0.0, ratio)) / MOST


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'
