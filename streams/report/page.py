"""Sections to one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup


class Table(NamedTuple):
    """Rows of cells; a cell that is a number stands on the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]
    caption: str = ""


class Plot(NamedTuple):
    """A drawing, and what a reader should see in it."""

    caption: str
    svg: str


class Section(NamedTuple):
    """One heading of a page."""

    title: str
    text: Sequence[str] = ()  # paragraphs
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()


def page(title: str, sections: Sequence[Section], subtitle: str = "") -> str:
    """The HTML of a whole page. Texts are escaped, drawings are not."""
    return _template().render(title=title, subtitle=subtitle, sections=sections)


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("streams.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["drawing"] = Markup
    environment.filters["cell"] = _cell
    environment.tests["numeric"] = lambda value: isinstance(value, int | float)
    return environment.get_template("page.html.j2")


def _cell(value: str | int | float) -> str:
    """A number as a person reads it."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
