"""docs/reference says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.reference import PAGES
from streams.shipped import default_policy

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make generate`"


def test_the_shipped_policy_is_where_the_code_looks_for_it() -> None:
    assert default_policy().is_file()
