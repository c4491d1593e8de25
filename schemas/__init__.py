"""The Avro schemas of every record: <Record>/vN.avsc, examples beside them, released versions in subjects.toml."""

from __future__ import annotations

from typing import Any


def plain(schema: Any) -> Any:
    """The schema without logical types and docs: times and dates stay whole numbers."""
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    if isinstance(schema, dict):
        if "logicalType" in schema:
            return schema["type"]
        return {name: plain(part) for name, part in schema.items() if name != "doc"}
    return schema
