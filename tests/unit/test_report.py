"""Pages for people: escaped, self-contained, the same each time."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from streams.report import Plot, Section, Table, page, plots

P = [n / 40 for n in range(40)]
Y = [n % 3 == 0 for n in range(40)]
DRAWN = {
    "calibration": lambda: plots.calibration(P, Y),
    "gain": lambda: plots.gain(P, Y),
    "lift": lambda: plots.lift(P, Y),
    "lines": lambda: plots.lines([1, 2, 3], {"a": [0.1, None, 0.3], "b": [1, 2, 3]}, "row", "share", least=0),
    "bars": lambda: plots.bars(["T1", "T2"], {"before": [1, 2], "after": [2, 1]}, "leads"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_one_svg_element_and_the_same_each_time(name: str) -> None:
    svg = DRAWN[name]()
    assert svg == DRAWN[name]()
    assert ElementTree.fromstring(svg.replace("xlink:", "")).tag == "svg"
    assert "http" not in svg


@pytest.mark.parametrize("labels", [[True], [False], [False] * 3, []])
def test_few_or_one_sided_rows_can_be_drawn(labels: list[bool]) -> None:
    for draw in (plots.calibration, plots.gain, plots.lift):
        assert draw([0.5] * len(labels), labels).startswith("<svg")


def test_texts_are_escaped_and_drawings_are_not() -> None:
    svg = plots.gain(P, Y)
    html = page(
        "A & B", [Section("<h>", ["a < b"], [Table(["x"], [["<i>"], [1234567], [0.12345]], "c")], [Plot("p", svg)])]
    )
    assert "<title>A &amp; B</title>" in html
    assert "<h2>&lt;h&gt;</h2>" in html
    assert "<p>a &lt; b</p>" in html
    assert "<td>&lt;i&gt;</td>" in html
    assert '<td class="number">1,234,567</td>' in html
    assert '<td class="number">0.1235</td>' in html or '<td class="number">0.1234</td>' in html
    assert svg in html
