"""Arrows go one way, and the core stays pure."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STREAMS = Path(__file__).parents[2] / "streams"
LIBRARIES = {
    "core": {"msgspec"},
    "core/policy.py": {"msgspec", "zen"},
    "core/reading": {"msgspec", "dateparser", "vaderSentiment"},
}
EDGES = ("gateway", "sink", "lab")
IMPURE = {"time", "random", "uuid", "os", "logging", "socket", "secrets", "subprocess", "asyncio", "threading"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def core_files() -> list[Path]:
    return sorted((STREAMS / "core").rglob("*.py"))


@pytest.mark.parametrize("path", core_files(), ids=lambda path: str(path.relative_to(STREAMS)))
def test_the_core_imports_only_the_core_and_pure_libraries(path: Path) -> None:
    place = path.relative_to(STREAMS).as_posix()
    libraries = next((LIBRARIES[start] for start in sorted(LIBRARIES, reverse=True) if place.startswith(start)), set())
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "streams":
            assert rest.split(".")[0] == "core", f"{place} imports {name}"
        else:
            assert top in libraries or top in sys.stdlib_module_names, f"{place} imports {name}"
            assert top not in IMPURE, f"{place} imports {name}: the core has no clock, no chance and no I/O"


@pytest.mark.parametrize(
    "above", ["commands", "demo", "feed", "bench", "app", "cli", "whatif", "hosting", "forget", *EDGES]
)
def test_nothing_below_imports_what_stands_on_top(above: str) -> None:
    below = [path for part in ("core", "lane", "policy", "kafka") for path in (STREAMS / part).rglob("*.py")]
    found = [str(path) for path in below for name in imports(path) if name.startswith(f"streams.{above}")]
    assert found == []


@pytest.mark.parametrize("edge", EDGES)
def test_the_edges_do_not_know_each_other(edge: str) -> None:
    others = tuple(f"streams.{other}" for other in EDGES if other != edge)
    found = [(str(path), name) for path in (STREAMS / edge).rglob("*.py") for name in imports(path)]
    assert [each for each in found if each[1].startswith(others)] == []


def test_nothing_of_the_product_imports_the_dashboards() -> None:
    product = [path for path in STREAMS.rglob("*.py") if path.parent.name != "dashboards"]
    found = [str(path) for path in product for name in imports(path) if name.startswith("streams.dashboards")]
    assert found == []


def test_sealing_is_pure_where_lanes_use_it_and_knows_no_edge() -> None:
    pure, clients = {"fields", "keys", "seal"}, {"follower", "opening", "sealer"}
    privacy = {path.stem: list(imports(path)) for path in (STREAMS / "privacy").glob("*.py")}
    assert privacy.keys() == {"__init__", *pure, *clients}
    for module in pure:
        parts = {name.split(".")[1] for name in privacy[module] if name.startswith("streams.")}
        assert parts <= {"errors", "privacy", "settings", "topics"}, module
        assert not {"os", "secrets", "random", "time", "confluent_kafka", "aiokafka"} & set(privacy[module]), module
    for module in clients:
        parts = {name.split(".")[1] for name in privacy[module] if name.startswith("streams.")}
        assert parts <= {"core", "errors", "kafka", "lane", "privacy", "settings", "topics"}, module
    below = [path for part in ("core", "lane", "policy", "kafka") for path in (STREAMS / part).rglob("*.py")]
    used = {name for path in below for name in imports(path) if name.startswith("streams.privacy")}
    assert used <= {f"streams.privacy.{module}" for module in pure}
