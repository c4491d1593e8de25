"""Plots as inline SVG: bars of two or three sides, and ratios with their intervals.

Law of this module: pure and self-contained; a plot is a text that refers to nothing outside. Every mark has its value
beside it, so that colour says nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABEL, VALUE = 720, 150, 70  # pixels: all, left of the bars, right of them
BAR, GAP, GROUP = 14, 3, 14
COLOURS = ("#8d99ae", "#2b6cb0", "#d97706")


class Side(NamedTuple):
    """One value of each row, under a name."""

    name: str
    values: Sequence[float | None]
    texts: Sequence[str]  # as they are shown beside the bars


class Interval(NamedTuple):
    """A ratio with its interval."""

    label: str
    ratio: float
    low: float | None
    high: float | None
    alarm: bool


def bars(title: str, rows: Sequence[str], sides: Sequence[Side], most: float | None = None) -> str:
    """Horizontal bars: a group for each row, a bar for each side."""
    largest = most or max((value or 0.0 for side in sides for value in side.values), default=0.0) or 1.0
    step = len(sides) * (BAR + GAP) + GROUP
    top = 26
    parts = [_legend([side.name for side in sides])]
    for number, row in enumerate(rows):
        y = top + number * step
        parts.append(_text(LABEL - 8, y + step / 2 - GROUP / 2 + 2, row, "end"))
        for place, side in enumerate(sides):
            value, at = side.values[number], y + place * (BAR + GAP)
            length = (WIDTH - LABEL - VALUE) * min(1.0, (value or 0.0) / largest)
            parts.append(
                f'<rect x="{LABEL}" y="{at:.1f}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[place]}"/>'
            )
            parts.append(_text(LABEL + length + 5, at + BAR - 3, side.texts[number], "start"))
    return _svg(title, top + len(rows) * step, parts)


def intervals(title: str, rows: Sequence[Interval], limit: float) -> str:
    """Ratios as points on a line from 0 to 2, with whiskers; 1 is equal, below `limit` is looked at."""
    top, step, span = 26, 22, WIDTH - LABEL - VALUE - 60
    height = top + len(rows) * step

    def x(ratio: float) -> float:
        return LABEL + 60 + span * min(2.0, max(0.0, ratio)) / 2

    parts = [_text(x(limit), 14, f"{limit:g}", "middle"), _text(x(1), 14, "1", "middle")]
    for at, dash in ((limit, "3 3"), (1.0, "none")):
        parts.append(
            f'<line x1="{x(at):.1f}" y1="18" x2="{x(at):.1f}" y2="{height}" stroke="#bbb" stroke-dasharray="{dash}"/>'
        )
    for number, row in enumerate(rows):
        y = top + number * step + step / 2
        colour = "#b91c1c" if row.alarm else COLOURS[1]
        parts.append(_text(LABEL + 50, y + 4, row.label, "end"))
        if row.low is not None and row.high is not None:
            parts.append(
                f'<line x1="{x(row.low):.1f}" y1="{y}" x2="{x(row.high):.1f}" y2="{y}" stroke="{colour}"'
                ' stroke-width="2"/>'
            )
        parts.append(f'<circle cx="{x(row.ratio):.1f}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(_text(WIDTH - VALUE + 5, y + 4, f"{row.ratio:.2f}", "start"))
    return _svg(title, height, parts)


def _legend(names: Sequence[str]) -> str:
    parts, x = [], float(LABEL)
    for name, colour in zip(names, COLOURS, strict=False):
        parts.append(
            f'<rect x="{x:.0f}" y="4" width="10" height="10" fill="{colour}"/>{_text(x + 14, 13, name, "start")}'
        )
        x += 30 + 7 * len(name)
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
