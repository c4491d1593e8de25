"""Where in a YAML text a value stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Step = str | int


class Places:
    """Lines and readable paths of a YAML document's values."""

    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=Loader)

    def line(self, loc: Sequence[Step]) -> int:
        """The line of the value at `loc`, or of what should hold it; counted from 1."""
        node, line = self._root, 1
        for step in loc:
            if node is None:
                break
            line, node = self._below(node, step, line)
        return line

    def path(self, loc: Sequence[Step]) -> str:
        """conditions[N04].when: rows by their id where they have one."""
        node, parts = self._root, ""
        for step in loc:
            _, node = self._below(node, step, 0) if node is not None else (0, None)
            if isinstance(step, int):
                parts += f"[{self._id(node) or step}]"
            else:
                parts += f".{step}" if parts else step
        return parts or "the document"

    def repeated_keys(self) -> list[tuple[tuple[Step, ...], str]]:
        """Keys that stand twice in one mapping: YAML would silently drop the first."""
        found: list[tuple[tuple[Step, ...], str]] = []
        self._walk(self._root, (), found, set())
        return found

    def _walk(
        self, node: Any, loc: tuple[Step, ...], found: list[tuple[tuple[Step, ...], str]], walked: set[int]
    ) -> None:
        if id(node) in walked:  # an alias: it may stand in many places, even within itself
            return
        walked.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    found.append(((*loc, key.value), key.value))
                seen.add(key.value)
                self._walk(value, (*loc, key.value), found, walked)
        elif isinstance(node, yaml.SequenceNode):
            for at, item in enumerate(node.value):
                self._walk(item, (*loc, at), found, walked)

    @staticmethod
    def _below(node: Any, step: Step, line: int) -> tuple[int, Any]:
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):
                if key.value == str(step):
                    return key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step].start_mark.line + 1, node.value[step]
        return line, None

    @staticmethod
    def _id(node: Any) -> str:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == "id" and isinstance(value, yaml.ScalarNode):
                    return str(value.value)
        return ""
