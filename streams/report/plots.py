"""Drawings as inline SVG.

Law of this module: the same numbers give the same text; no window, no display, no state of matplotlib's own is touched.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH, HEIGHT = 6.0, 4.0  # inches, before the page scales it
COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#57606a", "#cf222e")
GREY = "#8c959f"
CALIBRATION_BINS = 10
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",  # letters look alike everywhere
    "svg.hashsalt": "leadlane",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#eaeef2",
    "axes.axisbelow": True,
}


def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    x_label: str,
    y_label: str,
    *,
    least: float | None = None,
) -> str:
    """One line per series; None leaves a gap. `least`: the y axis starts there."""

    def draw(axes: Axes) -> None:
        for at, (name, values) in enumerate(series.items()):
            drawn = [np.nan if value is None else value for value in values]
            axes.plot(x, drawn, label=name, color=COLOURS[at % len(COLOURS)], marker="o", markersize=3)
        _label(axes, x_label, y_label, legend=len(series) > 1)
        if least is not None:
            axes.set_ylim(bottom=least)

    return _drawn(draw)


def bars(names: Sequence[str], series: Mapping[str, Sequence[float]], y_label: str) -> str:
    """A group of bars per name, one bar per series."""

    def draw(axes: Axes) -> None:
        places, width = np.arange(len(names)), 0.8 / max(len(series), 1)
        for at, (name, values) in enumerate(series.items()):
            axes.bar(
                places + (at - (len(series) - 1) / 2) * width,
                values,
                width,
                label=name,
                color=COLOURS[at % len(COLOURS)],
            )
        axes.set_xticks(places, names, rotation=30 if max(map(len, names), default=0) > 8 else 0, ha="center")
        axes.grid(visible=False, axis="x")
        _label(axes, "", y_label, legend=len(series) > 1)

    return _drawn(draw)


def calibration(probabilities: Sequence[float], labels: Sequence[bool], bins: int = CALIBRATION_BINS) -> str:
    """Predicted against what came, in bins of equal count; bars show what chance allows (95 %)."""
    p, y = np.asarray(probabilities, float), np.asarray(labels, float)
    order = np.argsort(p, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    predicted = np.array([p[group].mean() for group in groups])
    came = np.array([y[group].mean() for group in groups])
    chance = np.array([1.96 * np.sqrt(max(c * (1 - c), 1e-12) / len(g)) for c, g in zip(came, groups, strict=True)])

    def draw(axes: Axes) -> None:
        most = float(max(predicted.max(initial=0), (came + chance).max(initial=0), 0.01)) * 1.05
        axes.plot([0, most], [0, most], color=GREY, linestyle="--", label="honest")
        axes.errorbar(
            predicted, came, chance, fmt="o-", color=COLOURS[0], capsize=2, markersize=4, label="each tenth of rows"
        )
        axes.set_xlim(0, most)
        axes.set_ylim(0, min(most, 1.02) if most < 1 else 1.02)
        _label(axes, "predicted probability", "share of positives", legend=True)

    return _drawn(draw)


def gain(probabilities: Sequence[float], labels: Sequence[bool]) -> str:
    """Share of all positives found in the rows with the highest predictions."""
    order = np.argsort(-np.asarray(probabilities, float), kind="stable")
    found = np.cumsum(np.asarray(labels, float)[order])
    share = found / max(found[-1], 1) if len(found) else np.zeros(1)
    at = np.unique(np.linspace(0, max(len(share) - 1, 0), 200).astype(int))

    def draw(axes: Axes) -> None:
        axes.plot([0, 100], [0, 100], color=GREY, linestyle="--", label="by chance")
        axes.plot([0, *((at + 1) / len(share) * 100)], [0, *(share[at] * 100)], color=COLOURS[0], label="by score")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 101)
        _label(axes, "best-scored rows, %", "positives among them, %", legend=True)

    return _drawn(draw)


def lift(probabilities: Sequence[float], labels: Sequence[bool], parts: int = 10) -> str:
    """Share of positives in each tenth of the rows, best first, over the share in all."""
    y = np.asarray(labels, float)[np.argsort(-np.asarray(probabilities, float), kind="stable")]
    groups = [group for group in np.array_split(y, parts) if len(group)]
    base = max(float(y.mean()), 1e-12) if len(y) else 1.0

    def draw(axes: Axes) -> None:
        axes.bar([str(n + 1) for n in range(len(groups))], [group.mean() / base for group in groups], color=COLOURS[0])
        axes.axhline(1, color=GREY, linestyle="--")
        axes.grid(visible=False, axis="x")
        _label(axes, "tenth of the rows, best first", "lift", legend=False)

    return _drawn(draw)


def _label(axes: Axes, x_label: str, y_label: str, *, legend: bool) -> None:
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if legend:
        axes.legend(frameon=False)


def _drawn(draw: Callable[[Axes], None]) -> str:
    """The SVG element of what `draw` puts on the axes."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        draw(figure.subplots())
        text = io.StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata=NO_METADATA)  # type: ignore[no-untyped-call]
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)  # within HTML they are known
