"""A picture of the demo at work, from a real run: `python -m streams.demo.picture docs/images/demo.svg`.

Law of this module: what it draws is what streams/demo/view.py shows on a terminal, nothing is made up.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.terminal_theme import MONOKAI

from streams.demo.run import Options, run_demo
from streams.demo.summary import Tally
from streams.demo.view import PlainScreen, Snapshot, picture

COLUMNS = 140
TITLE = "leadlane demo"
# rich's own format loads a font from the network; a picture in a document should load nothing.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Camera:
    """A screen that says what happens in plain lines and draws the view once, `at` seconds into the run."""

    def __init__(self, at: float) -> None:
        self._at = at
        self._screen = PlainScreen(to_stderr=True)
        self.svg = ""

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._screen.__exit__(kind, error, at)

    def say(self, text: str) -> None:
        self._screen.say(text)

    def show(self, snapshot: Snapshot) -> None:
        self._screen.show(snapshot)
        if not self.svg and snapshot.elapsed >= self._at:
            self.svg = drawn(snapshot)


def drawn(snapshot: Snapshot) -> str:
    """The view as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(picture(snapshot))
    return console.export_svg(title=TITLE, theme=MONOKAI, code_format=FORMAT, unique_id="demo")


def nothing(_result: dict[str, Any], _tally: Tally, _running_at: str, _secret: Path) -> None:
    """The summary is not part of the picture."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seconds", default=45.0, show_default=True, help="How long the demo sends.")
@click.option("--at", default=30.0, show_default=True, help="When the picture is taken, in seconds.")
@click.option("--rate", default=1000.0, show_default=True, help="Signals per second.")
@click.option("--seed", default=7, show_default=True)
def main(file: Path, seconds: float, at: float, rate: float, seed: int) -> None:
    """Run the demo and write its live view to FILE as SVG."""
    camera = Camera(min(at, seconds))
    run_demo(Options(seconds, rate, seed), camera, nothing)
    lines = (line.rstrip() for line in camera.svg.splitlines())
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(f"wrote {file}")


if __name__ == "__main__":
    main()
