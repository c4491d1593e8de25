"""The compiled build is what runs, and it decides the same bytes as the sources. `make test-compiled` runs this."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_compiling import MODULES

ROOT = Path(__file__).parents[2]
EVENTS = 60_000
HOURS = 28 * 24  # of simulated time, a line each

pytestmark = pytest.mark.skipif(
    "LEADLANE_TEST_COMPILED" not in os.environ, reason="about the compiled build: make test-compiled"
)


@pytest.mark.parametrize("module", MODULES)
def test_the_module_that_runs_is_the_compiled_one(module: str) -> None:
    __import__(module)
    assert (sys.modules[module].__file__ or "").endswith(".so")


def test_the_compiled_build_decides_the_same_bytes_as_the_sources() -> None:
    compiled = digests(os.environ["PYTHONPATH"])
    pure = digests(str(ROOT))
    assert compiled.stderr == "core compiled\n"
    assert pure.stderr == "core pure Python\n"
    assert len(pure.stdout.splitlines()) > HOURS / 2
    assert compiled.stdout.splitlines() == pure.stdout.splitlines()


def digests(python_path: str) -> subprocess.CompletedProcess[str]:
    """What tests/compiled/digests.py prints with the `streams` of this path."""
    return subprocess.run(
        [sys.executable, "-m", "tests.compiled.digests", str(EVENTS)],
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": f"{python_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        check=True,
        text=True,
    )
