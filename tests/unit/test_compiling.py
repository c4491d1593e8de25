"""What `make wheel` may compile, and that no compiled file hides a source."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from streams.compiled import is_compiled

ROOT = Path(__file__).parents[2]
HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
PATHS: list[str] = HOOK["custom"]["modules"]
MODULES = [path.removesuffix(".py").replace("/", ".") for path in PATHS]


@pytest.mark.parametrize("path", PATHS)
def test_the_module_to_compile_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("name", MODULES)
def test_no_struct_is_defined_in_a_module_to_compile(name: str) -> None:
    # mypyc drops array_like and frozen, and what msgspec reads of annotations: the state would become unreadable
    module = import_module(name)
    structs = [
        each.__name__
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == name
    ]
    assert structs == []


def test_no_compiled_file_lies_among_the_sources() -> None:
    found = [
        path for part in ("streams", "schemas") for path in (ROOT / part).rglob("*") if path.suffix in (".so", ".pyd")
    ]
    assert found == []


def test_compiled_is_told_from_interpreted() -> None:
    assert is_compiled("msgspec._core")
    assert not is_compiled("streams.compiled")
    assert not is_compiled("streams.no_such_module")
