"""An audit that could not look is not passed; what an OSV export says is found by version, and nothing else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.audit import NotAudited, installed, is_within, judged, main, matched

# An advisory in OSV's form (https://ossf.github.io/osv-schema/), shortened.
ADVISORY: dict[str, Any] = {
    "id": "PYSEC-1", "aliases": ["CVE-1"], "summary": "It opens doors.",
    "affected": [{
        "package": {"ecosystem": "PyPI", "name": "Door_Keeper"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "2.0"}]}],
        "versions": ["2004d"],
    }],
}  # fmt: skip


@pytest.mark.parametrize(
    ("version", "affected"),
    [("0.1", True), ("1.2rc1", True), ("1.2", False), ("1.10", False), ("2.0", True), ("3.0", True)],
)
def test_a_range_holds_from_its_introduction_to_its_fix(version: str, affected: bool) -> None:
    found = matched({"door-keeper": version}, [ADVISORY])
    assert [each.id for each in found] == (["PYSEC-1, CVE-1"] if affected else [])


def test_the_last_affected_version_is_affected_and_the_next_is_not() -> None:
    changes = [{"introduced": "1.0"}, {"last_affected": "1.4"}]
    assert [is_within(Version(each), changes) for each in ("0.9", "1.0", "1.4", "1.4.1")] == [False, True, True, False]


def test_what_is_found_says_package_version_and_remedy() -> None:
    (found,) = matched({"door-keeper": "1.0"}, [ADVISORY])
    assert str(found) == "door-keeper 1.0: PYSEC-1, CVE-1, fixed in 1.2. It opens doors."


@pytest.mark.parametrize(
    "harmless",
    [
        {**ADVISORY, "withdrawn": "2026-01-01T00:00:00Z"},
        {**ADVISORY, "affected": [{**ADVISORY["affected"][0], "package": {"ecosystem": "PyPI", "name": "other"}}]},
    ],
)
def test_what_was_withdrawn_or_is_about_another_package_is_no_finding(harmless: dict[str, Any]) -> None:
    assert matched({"door-keeper": "1.0"}, [harmless]) == []


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_an_export_of_a_package_of_ours_is_found_with_exit_code_1(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = {**ADVISORY, "affected": [{**ADVISORY["affected"][0], "package": {"ecosystem": "PyPI", "name": "msgspec"}}]}
    ours["affected"][0]["versions"] = [installed()["msgspec"]]
    place = tmp_path / "export"
    if kind == "zip":
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("PYSEC-1.json", json.dumps(ours))
    else:
        place.mkdir()
        (place / "PYSEC-1.json").write_text(json.dumps(ours))
    assert main(["--osv", str(place)]) == 1
    assert f"msgspec {installed()['msgspec']}: PYSEC-1" in capsys.readouterr().out


def test_an_export_that_says_nothing_is_no_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--osv", str(tmp_path)]) == 2
    assert main(["--osv", str(tmp_path / "missing.zip")]) == 2
    assert capsys.readouterr().err.count("not audited: ") == 2


def test_packages_that_no_service_knows_are_no_audit() -> None:
    unknown = {"name": "faust", "skip_reason": "Dependency not found on PyPI"}
    known = {"name": "click", "version": "8", "vulns": [{"id": "PYSEC-2", "fix_versions": ["9"]}]}
    with pytest.raises(NotAudited, match="no vulnerability source answers"):
        judged([unknown, {"name": "leadlane", "skip_reason": "editable"}])
    with pytest.raises(NotAudited, match="no vulnerability source knows faust"):
        judged([unknown, known])
    assert [str(each) for each in judged([known])] == ["click 8: PYSEC-2, fixed in 9."]
