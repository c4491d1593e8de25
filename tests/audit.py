"""Known vulnerabilities in what is installed: `make audit`.

    python -m tests.audit                        asks the services that pip-audit knows
    python -m tests.audit --osv PyPI-all.zip     matches an export of OSV (zip or folder of JSON) offline

Exit code 0: audited, nothing found. 1: something was found. 2: not audited, which is never taken for well. An export:
https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip; the format: https://ossf.github.io/osv-schema/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

OURS = "leadlane"
PIP_AUDIT = ("-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--timeout", "10", "--format", "json")
ALWAYS = "0"  # OSV: introduced with the first version


class NotAudited(Exception):
    """Why nobody has looked."""


class Finding(NamedTuple):
    """One known vulnerability of one installed package."""

    package: str
    version: str
    id: str
    fixed: str
    summary: str

    def __str__(self) -> str:
        return (
            f"{self.package} {self.version}: {self.id}, fixed in {self.fixed or 'no version'}. {self.summary}".strip()
        )


def installed() -> dict[str, str]:
    """Version by canonical name of every package of this environment, but for our own."""
    found = {canonicalize_name(each.metadata["Name"]): each.version for each in distributions()}
    return {name: version for name, version in sorted(found.items()) if name != OURS}


def matched(packages: Mapping[str, str], advisories: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """What an OSV export says of these packages. Raises NotAudited when it says nothing of PyPI at all."""
    found, seen = set[Finding](), 0
    for advisory in advisories:
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            if package.get("ecosystem") != "PyPI":
                continue
            seen += 1
            name = canonicalize_name(package["name"])
            if "withdrawn" not in advisory and name in packages and is_affected(packages[name], affected):
                names = ", ".join([advisory["id"], *advisory.get("aliases", ())])
                fixed = ", ".join(each["fixed"] for each in events(affected) if "fixed" in each)
                found.add(Finding(name, packages[name], names, fixed, advisory.get("summary", "")))
    if not seen:
        raise NotAudited("the export holds no advisory of PyPI. Expected OSV records, for example PyPI/all.zip.")
    return sorted(found)


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Whether a version is listed, or lies in one of the ranges. What is no PEP 440 version must be listed."""
    if version in affected.get("versions", ()):
        return True
    return any(
        is_within(Version(version), each.get("events", ()))
        for each in affected.get("ranges", ())
        if each.get("type") == "ECOSYSTEM"
    )


def is_within(version: Version, changes: Iterable[Mapping[str, str]]) -> bool:
    """OSV's rule: the last change at or before the version says whether it is affected."""
    affected = False
    for kind, at in sorted(_places(changes), key=lambda each: each[1]):
        if kind == "last_affected":
            affected = affected and version <= at
        elif at <= version:
            affected = kind == "introduced"
    return affected


def events(affected: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    return (event for each in affected.get("ranges", ()) if each.get("type") == "ECOSYSTEM" for event in each["events"])


def _places(changes: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, Version]]:
    for change in changes:
        for kind, at in change.items():
            try:
                yield kind, Version("0.dev0" if at == ALWAYS else at)
            except InvalidVersion:
                continue  # such versions are listed one by one besides


def exported(place: Path) -> Iterator[Mapping[str, Any]]:
    """The records of an OSV export: a zip, or a folder of JSON files."""
    if place.is_dir():
        yield from (json.loads(file.read_text("utf-8")) for file in sorted(place.rglob("*.json")))
        return
    try:
        with zipfile.ZipFile(place) as archive:
            yield from (json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json"))
    except (OSError, zipfile.BadZipFile) as error:
        raise NotAudited(f"{place} cannot be read: {error}. Expected a zip or a folder of OSV records.") from error


def asked() -> list[Finding]:
    """What the services of pip-audit say. Raises NotAudited unless they know every package."""
    done = subprocess.run([sys.executable, *PIP_AUDIT], capture_output=True, text=True)
    try:
        answered = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotAudited(f"no vulnerability source answers: {reason}") from None
    return judged(answered)


def judged(answered: list[dict[str, Any]]) -> list[Finding]:
    """pip-audit passes over what no service knows, and ends with 0 all the same."""
    unknown = [each["name"] for each in answered if "skip_reason" in each and each["name"] != OURS]
    if len(unknown) == len(answered) - sum(each["name"] == OURS for each in answered):
        raise NotAudited("no vulnerability source answers: none knows any of the packages. Give an export with --osv.")
    if unknown:
        raise NotAudited(f"no vulnerability source knows {', '.join(unknown)}. Give an export with --osv.")
    return [
        Finding(each["name"], each["version"], flaw["id"], ", ".join(flaw["fix_versions"]), "")
        for each in answered
        for flaw in each.get("vulns", ())
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Known vulnerabilities in what is installed.")
    parser.add_argument("--osv", type=Path, metavar="PATH", help="an OSV export: a zip, or a folder of JSON files")
    given = parser.parse_args(arguments)
    packages = installed()
    try:
        found = asked() if given.osv is None else matched(packages, exported(given.osv))
    except NotAudited as error:
        print(f"not audited: {error}", file=sys.stderr)
        return 2
    for each in found:
        print(each)
    print(f"{len(packages)} packages audited, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
