"""Values in words, as Grafana's units mean them, and names of series from their legends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isnan

LABEL = re.compile(r"{{\s*(\w+)\s*}}")
SECONDS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"), (0.000_001, "µs"))
SHORT = ((1e9, " bn"), (1e6, " M"), (1e3, " k"))
BYTES = ((2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"))


def in_words(value: float, unit: str, decimals: int | None = None) -> str:
    """A value for a person: 0.94 of percentunit is "94 %"."""
    if isnan(value):
        return "-"
    match unit:
        case "percentunit":
            return f"{value * 100:.{0 if decimals is None else decimals}f} %"
        case "s":
            return _scaled(value, SECONDS, " ")
        case "ops":
            return f"{_scaled(value, SHORT)}/s"
        case "bytes":
            return _scaled(value, BYTES)
        case "short" if decimals is None:
            return _scaled(value, SHORT)
    return f"{value:.{decimals}f}" if decimals is not None else _three(value)


def name_of(legend: str, labels: Mapping[str, str]) -> str:
    """A legend with the series' labels filled in."""
    return LABEL.sub(lambda found: labels.get(found[1], ""), legend).strip()


def _scaled(value: float, scales: tuple[tuple[float, str], ...], gap: str = "") -> str:
    for size, name in scales:
        if abs(value) >= size:
            return f"{_three(value / size)}{gap}{name}"
    return "0" if value == 0 else _three(value)


def _three(value: float) -> str:
    """Three digits that mean something, whole numbers whole."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
