"""A board drawn from what Prometheus answered: cards on a grid, as Grafana lays them out, in a light theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from PIL import Image

from streams.dashboards.board import Board, Kind, Panel, Query
from streams.dashboards.prometheus import Series
from streams.dashboards.words import in_words, name_of

COLUMNS = 24
WIDTH, UNIT, ROW_TITLE, HEAD, MARGIN, GAP = 15.0, 0.31, 0.42, 0.85, 0.22, 0.12  # inches
DPI = 110
SHADES = 200  # colours of the picture's file
PALETTE = ("#3274d9", "#f2871b", "#3ba272", "#a352cc", "#e0455e", "#16a5b8", "#b99204", "#7a869a", "#d65db1", "#5b6ee1",
           "#8bb31d", "#c0673d")  # fmt: skip
COLOURS = {"green": "#2f9e59", "yellow": "#d9a800", "orange": "#ef7f1a", "red": "#d6334c", "blue": "#3274d9"}
INK, PALE, LINE, PAPER, CARD = "#1f2733", "#6b7787", "#dfe4ea", "#f3f5f8", "#ffffff"
MOST_NAMES, MOST_BARS, LEAST_BARS = 6, 10, 4
TIMES = (
    0.001,
    0.005,
    0.01,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
    7200,
    14_400,
    86_400,
)
LIMITS = {"low", "high", "policy", "limit"}

Answers = Callable[[Query], list[Series]]


class Place(NamedTuple):
    """Of a card, in inches from the lower left corner of the picture."""

    x: float
    y: float
    width: float
    height: float


def draw(board: Board, answers: Answers, subtitle: str, file: Path) -> None:
    """The board as a PNG."""
    height = HEAD + MARGIN + sum(ROW_TITLE + sum(_heights(row.panels)) for row in board.rows)
    figure = pyplot.figure(figsize=(WIDTH, height), dpi=DPI, facecolor=PAPER)
    _text(figure, MARGIN, height - 0.38, board.title, size=17, weight="bold")
    _text(figure, MARGIN, height - 0.66, f"{board.about} {subtitle}", size=9.5, colour=PALE)
    top = height - HEAD
    for row in board.rows:
        _text(figure, MARGIN, top - 0.26, row.title, size=12, weight="bold", colour="#3c4757")
        top -= ROW_TITLE
        top = _row(figure, row.panels, top, answers)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=DPI, facecolor=PAPER)
    pyplot.close(figure)
    with Image.open(file) as image:
        few = image.convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
    few.save(file, optimize=True)


def _heights(panels: tuple[Panel, ...]) -> list[float]:
    """Of the lines of cards that the panels of a row take."""
    found, used = [], 0
    for panel in panels:
        if used == 0:
            found.append(panel.height * UNIT)
        used = (used + panel.width) % COLUMNS
    return found


def _row(figure: Figure, panels: tuple[Panel, ...], top: float, answers: Answers) -> float:
    column, inch = 0, (WIDTH - 2 * MARGIN + GAP) / COLUMNS
    for panel in panels:
        height = panel.height * UNIT
        place = Place(MARGIN + column * inch, top - height + GAP, panel.width * inch - GAP, height - GAP)
        _card(figure, panel, place, answers)
        column += panel.width
        if column >= COLUMNS:
            column, top = 0, top - height
    return top


def _card(figure: Figure, panel: Panel, place: Place, answers: Answers) -> None:
    width, height = figure.get_size_inches()
    figure.patches.append(
        FancyBboxPatch(
            (place.x / width, place.y / height), place.width / width, place.height / height,
            boxstyle="round,pad=0,rounding_size=0.004", mutation_aspect=width / height,
            facecolor=CARD, edgecolor=LINE, linewidth=0.8, transform=figure.transFigure, zorder=-2,
        )
    )  # fmt: skip
    _text(figure, place.x + 0.12, place.y + place.height - 0.21, panel.title, size=9.5, weight="bold")
    found = [(query, one) for query in panel.queries for one in answers(query)]
    named = [(name_of(query.legend, one.labels), _known(one)) for query, one in found]
    shown = [(name, points) for name, points in named if points]
    if not shown or all(name in LIMITS for name, _ in shown):
        at = place.x + place.width / 2, place.y + place.height / 2 - 0.08
        _text(figure, *at, panel.empty or "no data", size=10, colour=PALE, centre=True)
        return
    DRAWN[panel.kind](figure, panel, place, _largest_first(panel, shown))


def _known(series: Series) -> list[tuple[float, float]]:
    return [(at, value) for at, value in series.points if not isnan(value) and abs(value) != float("inf")]


Shown = list[tuple[str, list[tuple[float, float]]]]


def _largest_first(panel: Panel, shown: Shown) -> Shown:
    """Of charts with many series; those of a stack that are nothing all the time are left out."""
    if panel.kind == "stacked":
        shown = [one for one in shown if any(value for _, value in one[1])] or shown[:1]
    if panel.kind not in ("stacked", "lines") or (len(shown) <= MOST_NAMES and panel.kind == "lines"):
        return shown
    return sorted(shown, key=lambda one: -max(value for _, value in one[1]))


def _stat(figure: Figure, panel: Panel, place: Place, shown: Shown) -> None:
    points = shown[0][1]
    colour = _colour(panel, points[-1][1])
    words = in_words(points[-1][1], panel.unit, panel.decimals)
    _text(figure, place.x + 0.12, place.y + 0.42, words, size=21, weight="bold", colour=colour)
    axes = _axes(figure, place.x, place.y + 0.03, place.width, 0.32)
    axes.set_axis_off()
    at, values = [at for at, _ in points], [value for _, value in points]
    low, high = min(values), max(values)
    axes.set_ylim(low - 0.15 * (high - low) - 1e-9, high + 0.15 * (high - low) + 1e-9)
    axes.set_xlim(at[0], max(at[-1], at[0] + 1))
    axes.plot(at, values, color=colour, linewidth=1.1, alpha=0.8)
    axes.fill_between(at, values, axes.get_ylim()[0], color=colour, alpha=0.12, linewidth=0)


def _names(figure: Figure, _panel: Panel, place: Place, shown: Shown) -> None:
    newest = max(points[-1][0] for _, points in shown)
    current = [name for name, points in shown if points[-1][0] >= newest]
    for number, name in enumerate(current[:MOST_NAMES]):
        what, _gap, version = name.partition(" ")
        y = place.y + place.height - 0.55 - number * 0.3
        _text(figure, place.x + 0.16, y, what, size=9.5, colour=PALE)
        _text(figure, place.x + 1.1, y, version, size=9.5)


def _bars(figure: Figure, panel: Panel, place: Place, shown: Shown) -> None:
    newest = max(points[-1][0] for _, points in shown)
    current = [(name, points[-1][1]) for name, points in shown if points[-1][0] >= newest]
    rows = sorted(current, key=lambda row: -row[1])[:MOST_BARS]
    rows.sort(key=lambda row: row[0])
    longest = max(len(name) for name, _ in rows)
    left = min(0.2 + 0.073 * longest, place.width * 0.5)
    axes = _axes(figure, place.x + left, place.y + 0.12, place.width - left - 0.8, place.height - 0.48)
    axes.set_axis_off()
    most = panel.most or max((value for _, value in rows), default=0.0) or 1.0
    axes.set_xlim(0, most)
    axes.set_ylim(max(len(rows), LEAST_BARS) - 0.5, -0.5)
    thick = 0.6
    for number, (name, value) in enumerate(rows):
        colour = _colour(panel, value)
        axes.barh(number, most, height=thick, color="#eef1f5", linewidth=0)
        axes.barh(number, min(max(value, 0.0), most), height=thick, color=colour, linewidth=0, alpha=0.9)
        words = in_words(value, panel.unit, panel.decimals)
        away: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8.5}
        axes.annotate(name, (0, number), xytext=(-6, 0), ha="right", color=INK, annotation_clip=False, **away)
        axes.annotate(words, (most, number), xytext=(6, 0), ha="left", color=colour, annotation_clip=False, **away)


def _lines(figure: Figure, panel: Panel, place: Place, shown: Shown) -> None:
    axes = _chart(figure, panel, place, shown)
    number = 0
    for name, points in shown:
        at, values = _minutes(points, shown)
        if name in LIMITS:
            policy = name in ("policy", "limit")
            colour, style = ("#d6334c", (0, (5, 3))) if policy else (PALETTE[0], (0, (2, 2)))
            axes.plot(
                at, values, color=colour, linewidth=1.0, linestyle=style, alpha=0.75, label=_label(panel, name, values)
            )
            continue
        colour = PALETTE[number % len(PALETTE)]
        axes.plot(at, values, color=colour, linewidth=1.6, label=_label(panel, name, values))
        number += 1
    for step in panel.steps:
        if step.value <= axes.get_ylim()[1]:
            axes.axhline(step.value, color=COLOURS[step.colour], linewidth=0.9, linestyle=(0, (5, 3)), alpha=0.8)
    _scale(axes, panel, [value for _, points in shown for _, value in points])
    _legend(axes)


def _stacked(figure: Figure, panel: Panel, place: Place, shown: Shown) -> None:
    axes = _chart(figure, panel, place, shown)
    times = sorted({at for _, points in shown for at, _ in points})
    first = _first(shown)
    rows, labels = [], []
    for name, points in shown:
        known = dict(points)
        rows.append([known.get(at, 0.0) for at in times])
        labels.append(_label(panel, name, rows[-1]))
    axes.stackplot([(at - first) / 60 for at in times], rows, labels=labels, colors=PALETTE, alpha=0.75, linewidth=0)
    _scale(axes, panel, [sum(column) for column in zip(*rows, strict=True)])
    _legend(axes)


DRAWN: Mapping[Kind, Callable[[Figure, Panel, Place, Shown], None]] = {
    "stat": _stat,
    "names": _names,
    "lines": _lines,
    "stacked": _stacked,
    "bars": _bars,
}


def _chart(figure: Figure, panel: Panel, place: Place, shown: Shown) -> Axes:
    lines = (min(len(shown), MOST_NAMES) + 1) // 2
    bottom = 0.36 + 0.17 * lines
    axes = _axes(figure, place.x + 0.62, place.y + bottom, place.width - 0.78, place.height - bottom - 0.36)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.grid(axis="y", color="#e9edf2", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=PALE, labelsize=8, length=0, pad=3)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_words(value, panel.unit)))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} min"))
    return axes


def _scale(axes: Axes, panel: Panel, values: list[float]) -> None:
    low, high = min(values), max(values)
    if panel.least is not None:
        axes.set_ylim(panel.least, max(high * 1.08, panel.least + 1e-6) if high > panel.least else panel.least + 1)
    else:
        room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
        axes.set_ylim(
            low - room, min(high + room, panel.most) if panel.most is not None and high < panel.most else high + room
        )
    axes.margins(x=0)
    if panel.unit == "s":
        span = axes.get_ylim()[1] - axes.get_ylim()[0]
        axes.yaxis.set_major_locator(MultipleLocator(next((one for one in TIMES if span / one <= 5), 604_800)))


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    more = len(labels) - MOST_NAMES
    if more > 0:
        labels = [*labels[: MOST_NAMES - 1], f"{labels[MOST_NAMES - 1]}, and {more} more"]
    axes.legend(
        handles[:MOST_NAMES], labels[:MOST_NAMES], loc="upper left", bbox_to_anchor=(-0.06, -0.16), ncols=2,
        fontsize=8, frameon=False, handlelength=1.1, columnspacing=1.2, labelspacing=0.3, borderaxespad=0,
        labelcolor=INK,
    )  # fmt: skip


def _label(panel: Panel, name: str, values: list[float]) -> str:
    return f"{name}  {in_words(values[-1], panel.unit, panel.decimals)}"


def _first(shown: Shown) -> float:
    return min(points[0][0] for _, points in shown)


def _minutes(points: list[tuple[float, float]], shown: Shown) -> tuple[list[float], list[float]]:
    first = _first(shown)
    return [(at - first) / 60 for at, _ in points], [value for _, value in points]


def _colour(panel: Panel, value: float) -> str:
    colour = panel.base
    for step in panel.steps:
        if value >= step.value:
            colour = step.colour
    return COLOURS[colour]


def _axes(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    across, up = figure.get_size_inches()
    axes: Axes = figure.add_axes((x / across, y / up, width / across, height / up))
    axes.patch.set_alpha(0)
    return axes


def _text(
    figure: Figure,
    x: float,
    y: float,
    words: str,
    size: float,
    weight: str = "normal",
    colour: str = INK,
    centre: bool = False,
) -> None:
    width, height = figure.get_size_inches()
    more: dict[str, Any] = {"ha": "center", "va": "center"} if centre else {"ha": "left", "va": "baseline"}
    figure.text(x / width, y / height, words, fontsize=size, fontweight=weight, color=colour, **more)
