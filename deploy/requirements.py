"""Prints the requirements of pyproject.toml, one a line: for a pip that installs them without the project."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(extras: list[str], without: list[str]) -> list[str]:
    """All dependencies and those of the extras, but for the ones named in `without`."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in extras for each in optional[extra])]
    names = [re.split(r"[^A-Za-z0-9._-]", each)[0] for each in wanted]
    if missing := set(without) - set(names):
        raise SystemExit(f"expected {', '.join(sorted(missing))} among the dependencies of pyproject.toml")
    return [each for each, name in zip(wanted, names, strict=True) if name not in without]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--extras", default="", help="optional dependencies to add, with commas")
    options.add_argument("--without", default="", help="what to leave out, with commas")
    given = options.parse_args()
    extras, without = ([name for name in words.split(",") if name] for words in (given.extras, given.without))
    print("\n".join(requirements(extras, without)))


if __name__ == "__main__":
    main()
