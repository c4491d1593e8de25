"""Can one schema read what another wrote? By the Avro specification's schema resolution, decided without a datum.

Stricter than the specification in one point: a union may only lose a branch when the reader has another one for it, as
only then every datum can be read.
"""

from __future__ import annotations

from typing import Any

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
READS = {
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}
Named = dict[str, dict[str, Any]]


def conflicts(writer: Any, reader: Any) -> list[str]:
    """Where schema `reader` fails on what `writer` wrote, as `path: why`; empty: it can read everything."""
    return _conflicts(writer, reader, _named(writer, {}), _named(reader, {}), "", set())


def endless(schema: Any) -> list[str]:
    """Where a few bytes of this schema can stand for unlimited items or depth: readers must refuse such schemas."""
    named = _named(schema, {})
    return _endless(schema, named, "", ())


def _conflicts(w: Any, r: Any, wn: Named, rn: Named, path: str, seen: set[tuple[str, str]]) -> list[str]:
    w, r = wn.get(w, w) if isinstance(w, str) else w, rn.get(r, r) if isinstance(r, str) else r
    if isinstance(w, list):
        return [fault for branch in w for fault in _conflicts(branch, r, wn, rn, path, seen)]
    if isinstance(r, list):
        if any(not _conflicts(w, branch, wn, rn, path, set(seen)) for branch in r):
            return []
        return [f"{path or 'schema'}: no branch of {_names(r)} reads {_kind(w)}"]
    kind, into = _kind(w), _kind(r)
    if kind != into:
        return [] if into in READS.get(kind, ()) else [f"{path or 'schema'}: {into} does not read {kind}"]
    if kind in ("record", "enum", "fixed"):
        names = (w["name"].rpartition(".")[2], r["name"].rpartition(".")[2])
        if names[0] != names[1] and w["name"] not in r.get("aliases", ()) and names[0] not in r.get("aliases", ()):
            return [f"{path or 'schema'}: {r['name']} does not read {w['name']}"]
        if names in seen:
            return []
        seen.add(names)
    match kind:
        case "record":
            return _record_conflicts(w, r, wn, rn, path, seen)
        case "array":
            return _conflicts(w["items"], r["items"], wn, rn, f"{path}[]", seen)
        case "map":
            return _conflicts(w["values"], r["values"], wn, rn, f"{path}{{}}", seen)
        case "enum":
            lost = [symbol for symbol in w["symbols"] if symbol not in r["symbols"]]
            return [f"{path}: the reader lacks the symbols {', '.join(lost)}"] if lost and "default" not in r else []
        case "fixed" if w["size"] != r["size"]:
            return [f"{path}: fixed of {w['size']} bytes is not {r['size']}"]
    return []


def _record_conflicts(
    w: dict[str, Any], r: dict[str, Any], wn: Named, rn: Named, path: str, seen: set[tuple[str, str]]
) -> list[str]:
    written = {field["name"]: field for field in w["fields"]}
    found: list[str] = []
    for field in r["fields"]:
        name = f"{path}.{field['name']}" if path else field["name"]
        source = next((written[n] for n in (field["name"], *field.get("aliases", ())) if n in written), None)
        if source is not None:
            found += _conflicts(source["type"], field["type"], wn, rn, name, seen)
        elif "default" not in field:
            found.append(f"{name}: the writer lacks it and the reader has no default for it")
    return found


def _endless(schema: Any, named: Named, path: str, inside: tuple[str, ...]) -> list[str]:
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(schema, list):
        return [fault for branch in schema for fault in _endless(branch, named, path, inside)]
    match _kind(schema):
        case "record":
            if schema["name"] in inside:
                return [f"{path}: {schema['name']} contains itself"]
            deeper = (*inside, schema["name"])
            return [f for field in schema["fields"] for f in _endless(field["type"], named, field["name"], deeper)]
        case "array":
            if not _least_bytes(schema["items"], named, ()):
                return [f"{path}: its items take no bytes"]
            return _endless(schema["items"], named, f"{path}[]", inside)
        case "map":
            return _endless(schema["values"], named, f"{path}{{}}", inside)
    return []


def _least_bytes(schema: Any, named: Named, inside: tuple[str, ...]) -> int:
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(schema, list):
        return 1
    match _kind(schema):
        case "null":
            return 0
        case "fixed":
            return int(schema["size"])
        case "record":
            if schema["name"] in inside:
                return 0
            return sum(_least_bytes(f["type"], named, (*inside, schema["name"])) for f in schema["fields"])
    return 1


def _named(schema: Any, found: Named) -> Named:
    """Every named type of a schema by short name. Our records share one namespace; short names are unique in a file."""
    if isinstance(schema, list):
        for branch in schema:
            _named(branch, found)
    elif isinstance(schema, dict):
        if "name" in schema and isinstance(schema.get("type"), str):
            found[schema["name"]] = found[schema["name"].rpartition(".")[2]] = schema
            if namespace := schema.get("namespace"):
                found[f"{namespace}.{schema['name']}"] = schema
        for field in schema.get("fields", ()):
            _named(field["type"], found)
        for part in ("items", "values", "type"):
            if isinstance(schema.get(part), dict | list):
                _named(schema[part], found)
    return found


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union"
    if isinstance(schema, dict):
        inner = schema["type"]
        return inner if isinstance(inner, str) else _kind(inner)
    return str(schema)


def _names(union: list[Any]) -> str:
    return (
        "["
        + ", ".join(
            branch["name"] if isinstance(branch, dict) and "name" in branch else _kind(branch) for branch in union
        )
        + "]"
    )
