"""Is what decides here machine code, or interpreted? `make wheel` compiles it, an editable install never is."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec


def is_compiled(module: str) -> bool:
    """Whether `import module` gives machine code in this process. Imports nothing but its packages."""
    spec = find_spec(module)
    return spec is not None and (spec.origin or "").endswith(tuple(EXTENSION_SUFFIXES))


def core_is_compiled() -> bool:
    """Whether this process decides with the compiled core."""
    return is_compiled("streams.core.decide")


def core_in_words() -> str:
    """The same for a person."""
    return "compiled" if core_is_compiled() else "pure Python"
